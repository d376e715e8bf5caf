// What the emitters of integer instructions share: operands, moves, shifts, extensions. Internal to emit_*.cpp.
//
// Every function here keeps to the rules of emitter.h. Those that say "flags" change EFLAGS freely; all others leave
// EFLAGS alone as long as the guest's flags are live there, and call clobber_flags() where there is no way around it,
// which is why they must come before anything is in rax.
#pragma once

#include "arm64/state.h"
#include "translate/emitter.h"

#include <cstdint>

namespace beeline::translate {

using Xbyak::Reg32e;

/// sf: the instruction works on X registers.
inline bool is_wide(const arm64::Insn& insn) { return insn.word >> 31 != 0; }
inline bool is_discarded(unsigned number) { return number == arm64::kDiscard || number == arm64::kZeroRegister; }
inline Reg32e sized(const Reg64& r, bool wide) { return Reg32e(r.getIdx(), wide ? 64 : 32); }
inline Xbyak::Reg8 byte_of(const Reg64& r) { return Xbyak::Reg8(r.getIdx(), r.getIdx() >= 4 && r.getIdx() < 8); }
inline bool same(const Reg64& a, const Reg64& b) { return a.getIdx() == b.getIdx(); }
/// The home of `number` is `r`.
inline bool lives_in(const Emitter& e, unsigned number, const Reg64& r) {
    return e.has_home(number) && same(e.home(number), r);
}
constexpr bool fits_int32(uint64_t value) {
    return static_cast<int64_t>(value) == static_cast<int32_t>(static_cast<uint32_t>(value));
}
constexpr bool fits_uint32(uint64_t value) { return value >> 32 == 0; }
/// `count` ones, 1 to 64.
constexpr uint64_t low_ones(unsigned count) { return ~uint64_t{0} >> (64 - count); }

/// Part of the CpuState of a register without a home, from byte `offset` on.
Xbyak::Address slot_part(const Emitter& e, unsigned number, unsigned offset, unsigned bits);

// ---- two-operand instructions of the host ---------------------------------------------------------------------------

enum class Alu : uint8_t { Add, Or, Adc, Sbb, And, Sub, Xor, Cmp };

void emit_alu(Emitter& e, Alu op, const Operand& to, const Operand& from);
/// `imm` is sign-extended.
void emit_alu(Emitter& e, Alu op, const Operand& to, int32_t imm);

/// Second source of an operation: a guest register (not number 31), or a host register that holds a value made of one.
class Second {
public:
    static Second guest(unsigned number) { return Second(number, Reg64(0)); }
    static Second host(const Reg64& r) { return Second(kInHost, r); }
    bool is(unsigned number) const { return number_ == number; }
    unsigned number() const { return number_; }
    bool in_register(const Emitter& e) const { return number_ == kInHost || e.has_home(number_); }
    /// Valid until the next call on the emitter.
    const Operand& resolve(Emitter& e, bool wide) {
        if (number_ != kInHost) return e.operand(number_, wide);
        sized_ = sized(host_, wide);
        return sized_;
    }

private:
    static constexpr unsigned kInHost = ~0u;
    Second(unsigned number, const Reg64& r) : number_(number), host_(r) {}
    unsigned number_;
    Reg64 host_;
    Xbyak::Reg sized_;
};

/// rd = rn `op` second; flags are those of the operation. A host register as `second` must not be rax.
void emit_binary(Emitter& e, Alu op, unsigned rd, unsigned rn, Second second, bool wide);
/// Flags of rn - second.
void emit_compare(Emitter& e, unsigned rn, Second second, bool wide);
/// Flags of rn & second.
void emit_test(Emitter& e, unsigned rn, Second second, bool wide);
/// Flags of rn - 0, or of rn & 0xF..F, which are the same in the host: N, Z, OF = CF = 0. rn is not 31.
void emit_test_zero(Emitter& e, unsigned rn, bool wide);
/// EFLAGS as after a result of zero: ZF, not SF, CF, OF.
void emit_zero_flags(Emitter& e);
/// Flags of rn & value.
void emit_test_constant(Emitter& e, unsigned rn, uint64_t value, bool wide);

// ---- moves ----------------------------------------------------------------------------------------------------------

/// rd = rn, which may be 31.
void emit_move(Emitter& e, unsigned rd, unsigned rn, bool wide);
void emit_constant(Emitter& e, unsigned rd, uint64_t value);
/// `to` = the low 8, 16 or 32 bits of a register (from bit 8 * byte on: registers without a home only), extended to 64
/// bits, or to 32 and then with zeros. Number 31 is allowed.
void load_extended(Emitter& e, const Reg64& to, unsigned number, unsigned bits, bool is_signed, bool wide,
                   unsigned byte = 0);
/// The same within host registers.
void extend(Emitter& e, const Reg64& to, const Reg64& from, unsigned bits, bool is_signed, bool wide);

// ---- shifts ---------------------------------------------------------------------------------------------------------

enum class Shift : uint8_t { Lsl, Lsr, Asr, Ror }; ///< As encoded.

/// Whether a shift by a constant must change EFLAGS on this host.
inline bool shift_needs_flags(const Emitter& e) { return !e.host.bmi2; }
/// `r` shifted by 0 < amount < width. May change rdx.
void emit_shift_in_place(Emitter& e, const Reg64& r, Shift shift, unsigned amount, bool wide);
/// `to` = guest register shifted. `to` may be rm's home, but not rdx, which may change. rm may be 31.
void emit_shifted(Emitter& e, const Reg64& to, unsigned rm, Shift shift, unsigned amount, bool wide);

// ---- masks ----------------------------------------------------------------------------------------------------------

/// r &= value, flags; those of the result where `flags` is set. May change rdx.
void emit_and_constant(Emitter& e, const Reg64& r, uint64_t value, bool wide, bool flags);
/// rd = rn & value, flags. rn is not 31.
void emit_and_constant(Emitter& e, unsigned rd, unsigned rn, uint64_t value, bool wide, bool flags);

// ---- conditions -----------------------------------------------------------------------------------------------------

/// The x86 condition (as in jcc) that EFLAGS fulfil when the guest condition 0..13 holds. Flags in memory are tested
/// there where one instruction does it. May change rax.
uint8_t emit_condition(Emitter& e, unsigned condition);
/// `to` = `from` where the x86 condition holds.
void emit_move_if(Emitter& e, uint8_t code, const Reg64& to, const Reg64& from);
/// EFLAGS.CF from the guest's C, without regard to place(); returns what CF then means. May change rax.
FlagPlace emit_carry(Emitter& e);

// ---- instructions: one function a group of rows. emit_condition() apart, nothing above knows of NZCV ----------------

struct AddSubtract {
    bool subtract, set_flags;
};
void emit_add_immediate(Emitter& e, const arm64::Insn& insn, AddSubtract kind);
void emit_add_shifted(Emitter& e, const arm64::Insn& insn, AddSubtract kind);
void emit_add_extended(Emitter& e, const arm64::Insn& insn, AddSubtract kind);
void emit_add_carry(Emitter& e, const arm64::Insn& insn, AddSubtract kind);

struct Logic {
    Alu op; ///< And, Or, Xor
    bool invert = false, set_flags = false;
};
void emit_logic_immediate(Emitter& e, const arm64::Insn& insn, Logic kind);
void emit_logic_shifted(Emitter& e, const arm64::Insn& insn, Logic kind);
void emit_movk(Emitter& e, const arm64::Insn& insn);

void emit_shift_variable(Emitter& e, const arm64::Insn& insn, Shift shift);
void emit_ubfm(Emitter& e, const arm64::Insn& insn);
void emit_sbfm(Emitter& e, const arm64::Insn& insn);
void emit_bfm(Emitter& e, const arm64::Insn& insn);
void emit_extr(Emitter& e, const arm64::Insn& insn);

enum class Select : uint8_t { Plain, Increment, Invert, Negate };
void emit_select(Emitter& e, const arm64::Insn& insn, Select kind);
struct ConditionalCompare {
    bool negative, immediate; ///< CCMN; the second operand is insn.imm
};
void emit_conditional_compare(Emitter& e, const arm64::Insn& insn, ConditionalCompare kind);

void emit_multiply(Emitter& e, const arm64::Insn& insn, bool subtract);
struct MultiplyLong {
    bool is_signed, subtract;
};
void emit_multiply_long(Emitter& e, const arm64::Insn& insn, MultiplyLong kind);
void emit_multiply_high(Emitter& e, const arm64::Insn& insn, bool is_signed);
void emit_divide(Emitter& e, const arm64::Insn& insn, bool is_signed);

void emit_rbit(Emitter& e, const arm64::Insn& insn);
void emit_rev16(Emitter& e, const arm64::Insn& insn);
/// REV of W and X registers.
void emit_rev(Emitter& e, const arm64::Insn& insn);
void emit_rev32(Emitter& e, const arm64::Insn& insn);
void emit_clz(Emitter& e, const arm64::Insn& insn);
void emit_cls(Emitter& e, const arm64::Insn& insn);
/// `bits` of the value that the checksum goes on over.
void emit_crc32(Emitter& e, const arm64::Insn& insn, unsigned bits, bool castagnoli);

// ---- two instructions as one, where the registers are those of the idiom: false, and nothing emitted, where not -----

/// UDIV or SDIV, and MSUB for the remainder.
bool emit_divide_remainder(Emitter& e, const arm64::Insn& division, const arm64::Insn& msub, bool is_signed);
/// Both halves of a product, in either order; `low` and `high` are the same two.
bool emit_multiply_both(Emitter& e, const arm64::Insn& first, const arm64::Insn& second, const arm64::Insn& low,
                        const arm64::Insn& high, bool is_signed);
/// RBIT and CLZ.
bool emit_count_trailing_zeros(Emitter& e, const arm64::Insn& rbit, const arm64::Insn& clz);

} // namespace beeline::translate
