// What emitters of guest instructions work with: guest registers as host operands, the whereabouts of the guest's
// flags, scratch registers. One Emitter serves one block at a time.
//
// Register rules for emitters
//   rax rcx rdx      scratch; free at the beginning of every guest instruction, dead at its end
//   rbp rsp xmm15    reserved: CPU state, host stack, count of guest instructions
//   all others       homes of guest registers (homes.h), changed by writing the guest register only
//
// Flag rules: EFLAGS may hold the guest's NZCV on entry to an emitter. Host instructions that change EFLAGS may only be
// emitted after clobber_flags() (which stores the guest's flags away if anything still needs them), or after
// flags_free() returned true. lea, mov, movzx, movsx, bswap, not, rorx, shlx, shrx, sarx, mulx, pext, pdep, bswap
// change no flags. W forms compute in 32-bit host registers, which zeroes the upper half as the guest wants it.
#pragma once

#include "arm64/interpreter/insn.h"
#include "host/assembler.h"
#include "host/cpu.h"
#include "translate/homes.h"
#include "translate/techniques.h"

#include <cstdint>

namespace beeline::arm64 {
class Vcpu;
}

namespace beeline::translate {

using Xbyak::Address;
using Xbyak::Operand;
using Xbyak::Reg32;
using Xbyak::Reg64;

/// Where the guest's flags are, and what EFLAGS.CF means when they are there.
enum class FlagPlace : uint8_t {
    Memory,       ///< In HostFlags, subtract form.
    Subtract,     ///< In EFLAGS; CF is the inverse of C, as after sub and cmp.
    Add,          ///< In EFLAGS; CF equals C, as after add, and after test and and (C = V = 0).
    Float,        ///< In EFLAGS as ucomisd leaves them: less CF, equal ZF, greater none, unordered CF, ZF and PF.
    FloatSettled, ///< The same, but unordered is PF alone, so that ZF is Z, and CF is N and the inverse of C.
};

/// What one guest instruction does to NZCV.
struct FlagUse {
    bool reads = false;
    bool writes = false; ///< All four.
};

class Emitter {
public:
    Emitter(host::Assembler& assembler, arm64::Vcpu& cpu, const Techniques& techniques, const host::CpuFlags& host);

    host::Assembler& a;
    const host::CpuFlags& host; ///< bmi1, bmi2, lzcnt, ...: what the host has.
    const Techniques& techniques;

    // ---- guest registers. Numbers are indices into CpuState::x as Insn holds them: 31 reads as zero, 32 is SP, ----
    // ---- 33 discards what is written                                                                            ----

    bool has_home(unsigned number) const { return home_[number] >= 0; }
    /// The home. Only where has_home().
    Reg64 home(unsigned number) const { return Reg64(home_[number]); }
    /// The register's place in CpuState. Only for registers without a home.
    Address slot(unsigned number, unsigned bits = 64) const;
    /// Something to read the register from, a host register or memory, of 32 or 64 bits. Not for number 31.
    const Operand& operand(unsigned number, bool wide);
    /// The value in a host register: the home, else `scratch` after loading it. Never write to the result. Zero is
    /// loaded with mov, which leaves EFLAGS alone.
    Reg64 read(unsigned number, const Reg64& scratch);
    /// Copies the value into `to` (32-bit copies zero the upper half).
    void load(unsigned number, const Reg64& to, bool wide = true);
    /// The register to compute a result into: the home, else `scratch`. Follow with commit(). The home may be a source
    /// of the instruction as well: use target_for() where sources are read after the first write.
    Reg64 target(unsigned number, const Reg64& scratch) const;
    /// Like target(), but `scratch` when `number` is one of the sources.
    Reg64 target_for(unsigned number, const Reg64& scratch, unsigned source1, unsigned source2 = 31) const;
    /// The result is in `from`: puts it where the register lives (nothing to do for its own home; 33 discards). A
    /// result that was computed in 32 bits is already zero-extended.
    void commit(unsigned number, const Reg64& from);
    void move_immediate(const Reg64& to, uint64_t value); ///< Shortest mov; leaves EFLAGS alone.
    void set_immediate(unsigned number, uint64_t value);  ///< Writes a guest register.

    /// `r` as a register of 32 or 64 bits.
    static Xbyak::Reg sized(const Reg64& r, bool wide) { return wide ? Xbyak::Reg(r) : Xbyak::Reg(r.cvt32()); }

    /// CPU state at `&field`, relative to rbp.
    Address state(const void* field, unsigned bits = 64) const;
    int state_offset(const void* field) const;

    // ---- flags ----

    /// The guest's flags before this instruction are still to be read, by it or later, and are in EFLAGS: emit nothing
    /// that changes EFLAGS, or call clobber_flags() first.
    bool flags_free() const { return place_ == FlagPlace::Memory || !needed_; }
    /// Makes EFLAGS free for use: stores the guest's flags when they are still needed. May change rax: call it before
    /// anything is in rax.
    void clobber_flags();
    /// Brings the guest's flags into EFLAGS and returns the x86 condition (0..15, as in jcc) that stands for the guest
    /// condition (0..13; 14 and 15, "always", are the caller's business). May emit cmc; may change rax.
    uint8_t use_condition(unsigned condition);
    /// Brings the guest's flags into EFLAGS such that CF equals C (for adc) or its inverse (for sbb). May change rax.
    void use_carry(FlagPlace form);
    /// The flags that this instruction defines are read later. When false, a flag-setting instruction may be emitted as
    /// one that sets none.
    bool result_flags_needed() const { return defined_needed_; }
    /// EFLAGS hold the guest's new flags in this form from here on. Call once, behind the last change of EFLAGS; may
    /// change rax, and EFLAGS: emit nothing that depends on them afterwards, but use_condition() and use_carry().
    void define_flags(FlagPlace form);
    /// The new flags are in HostFlags (subtract form).
    void define_flags_in_memory();
    /// Both arms of a conditional compare end with flags in EFLAGS in this form.
    FlagPlace place() const { return place_; }
    bool float_form() const { return place_ == FlagPlace::Float || place_ == FlagPlace::FloatSettled; }
    /// Stores the guest's flags if they are in a form of floating-point comparisons. May change rax.
    void leave_float_form();
    /// HostFlags from EFLAGS, which hold the guest's flags in `form`; changes rax and, for Add, EFLAGS.CF.
    void store_flags(FlagPlace form);
    /// EFLAGS from HostFlags (subtract form); changes rax.
    void load_flags();
    /// eax: NZCV as PSTATE has it, from the format of HostFlags, and the other way round. Both change rcx, rdx, EFLAGS.
    void host_flags_to_nzcv();
    void nzcv_to_host_flags();

    // ---- code out of line, emitted behind the block ----
    /// Set by the block translator before each instruction: whether the flags from before it are needed by it or after
    /// it, and whether those that it defines are.
    void begin_instruction(bool needed, bool defined_needed) { needed_ = needed, defined_needed_ = defined_needed; }
    void set_place(FlagPlace place) { place_ = place; }
    void set_needed(bool needed) { needed_ = needed; }

    arm64::Vcpu& cpu;

private:
    uint8_t use_float_condition(unsigned condition);

    int8_t home_[34];
    Xbyak::Reg64 register_operands64_[34];
    Xbyak::Reg32 register_operands32_[34];
    Address operand_memory_;
    FlagPlace place_ = FlagPlace::Memory;
    bool needed_ = false;
    bool defined_needed_ = false;
};

/// Emits one integer instruction. False: this function does not know the instruction (it is then left to others).
bool emit_data_processing(Emitter& e, const arm64::Insn& insn);
/// Emits two successive integer instructions as one where they are an idiom that the host has an instruction for:
/// quotient and remainder, both halves of a product, trailing zeros. False: nothing was emitted. Neither touches NZCV.
bool emit_data_processing_pair(Emitter& e, const arm64::Insn& first, const arm64::Insn& second);
/// `insn` is the first of a run that builds a constant (MOVZ, MOVN): its value so far.
bool begins_constant(const arm64::Insn& insn, uint64_t& value);
/// `insn` is a MOVK into rd, which holds `value`: changes it accordingly.
bool continues_constant(const arm64::Insn& insn, unsigned rd, uint64_t& value);

} // namespace beeline::translate
