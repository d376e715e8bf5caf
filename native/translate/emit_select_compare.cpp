// Conditional select and conditional compare (Arm ARM C4.1.89).
#include "translate/emit_data_processing.h"

#include "translate/state.h"

#include <array>
#include <optional>

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::kZeroRegister;
using Generator = Xbyak::CodeGenerator;

namespace {

// x86 conditions as jcc numbers them.
constexpr uint8_t kBelow = 2, kAboveEqual = 3, kEqual = 4, kNotEqual = 5;

using ConditionalMove = void (Generator::*)(const Xbyak::Reg&, const Operand&);
constexpr std::array<ConditionalMove, 16> kMoves{
    &Generator::cmovo, &Generator::cmovno, &Generator::cmovb,  &Generator::cmovae,
    &Generator::cmove, &Generator::cmovne, &Generator::cmovbe, &Generator::cmova,
    &Generator::cmovs, &Generator::cmovns, &Generator::cmovp,  &Generator::cmovnp,
    &Generator::cmovl, &Generator::cmovge, &Generator::cmovle, &Generator::cmovg};

using SetByte = void (Generator::*)(const Operand&);
constexpr std::array<SetByte, 16> kSets{&Generator::seto, &Generator::setno, &Generator::setb,  &Generator::setae,
                                        &Generator::sete, &Generator::setne, &Generator::setbe, &Generator::seta,
                                        &Generator::sets, &Generator::setns, &Generator::setp,  &Generator::setnp,
                                        &Generator::setl, &Generator::setge, &Generator::setle, &Generator::setg};

/// to = from where the x86 condition holds; `from` is not 31.
void move_if(Emitter& e, uint8_t code, const Reg64& to, unsigned from, bool wide) {
    (e.a.*kMoves[code])(sized(to, wide), e.operand(from, wide));
}

/// to = 1 where the x86 condition holds, else 0.
void set_if(Emitter& e, uint8_t code, const Reg64& to) {
    // Before the byte is set: not xor, which would change what is tested.
    e.a.mov(to.cvt32(), 0);
    (e.a.*kSets[code])(byte_of(to));
}

/// What becomes of rm when the condition fails; no flags.
void alter(Emitter& e, const Reg64& to, unsigned rm, Select kind, bool wide) {
    if (rm == kZeroRegister) {
        e.move_immediate(to, kind == Select::Increment ? 1
                             : kind != Select::Invert  ? 0
                             : wide                    ? ~uint64_t{0}
                                                       : uint64_t{0xFFFFFFFF});
        return;
    }
    const Reg32e result = sized(to, wide);
    if (kind == Select::Increment) {
        const Reg64 from = e.read(rm, to);
        e.a.lea(result, ptr[from + 1]);
        return;
    }
    if (kind == Select::Plain && lives_in(e, rm, to)) return;
    if (!lives_in(e, rm, to)) e.load(rm, to, wide);
    if (kind == Select::Plain) return;
    e.a.not_(result);
    if (kind == Select::Negate) e.a.lea(result, ptr[to + 1]);
}

/// CSET, CSETM: both sources are 31. `code` is the x86 condition on which the result is not 0.
void emit_set(Emitter& e, unsigned rd, uint8_t code, bool minus, bool wide) {
    const Reg64 to = e.target(rd, rax);
    if (!minus) {
        set_if(e, code, to);
    } else if (code == kBelow && !e.result_flags_needed()) {
        e.a.sbb(sized(to, wide), sized(to, wide));
    } else {
        set_if(e, code ^ 1, to);
        e.a.lea(sized(to, wide), ptr[to - 1]);
    }
    e.commit(rd, to);
}

} // namespace

uint8_t emit_condition(Emitter& e, unsigned condition) {
    // Bits of HostFlags (subtract form): byte 1 has N at 7, Z at 6, not C at 0; byte 0 has V at 0.
    struct Test {
        unsigned byte, mask;
        uint8_t code;
    };
    static constexpr std::array<Test, 5> kTests{{
        {1, kHostZ >> 8, kNotEqual},            // EQ
        {1, kHostNotC >> 8, kEqual},            // CS
        {1, kHostN >> 8, kNotEqual},            // MI
        {0, kHostV, kNotEqual},                 // VS
        {1, (kHostZ | kHostNotC) >> 8, kEqual}, // HI
    }};
    const unsigned kind = condition >> 1;
    if (e.place() != FlagPlace::Memory || kind >= kTests.size()) return e.use_condition(condition);
    const Test& test = kTests[kind];
    const auto* flags = reinterpret_cast<const uint8_t*>(&translated_state(e.cpu).host_flags);
    e.a.test(e.state(flags + test.byte, 8), test.mask);
    return static_cast<uint8_t>(test.code ^ (condition & 1));
}

void emit_move_if(Emitter& e, uint8_t code, const Reg64& to, const Reg64& from) { (e.a.*kMoves[code])(to, from); }

void emit_select(Emitter& e, const Insn& insn, Select kind) {
    const bool wide = is_wide(insn);
    const unsigned rd = insn.rd, rn = insn.rn, rm = insn.rm, condition = insn.aux[0];
    if (is_discarded(rd)) return;
    if (condition >= 14 || (kind == Select::Plain && rn == rm)) {
        emit_move(e, rd, rn, wide);
        return;
    }
    const uint8_t code = emit_condition(e, condition), inverse = code ^ 1;
    const bool flags_die = !e.result_flags_needed();
    if (rn == kZeroRegister && rm == kZeroRegister) {
        if (kind == Select::Negate)
            e.set_immediate(rd, 0);
        else
            emit_set(e, rd, inverse, kind == Select::Invert, wide);
        return;
    }
    if (kind == Select::Increment && rn == rm && flags_die && (inverse == kBelow || inverse == kAboveEqual)) {
        // CINC on a carry.
        const Reg64 to = e.target(rd, rax);
        if (!lives_in(e, rn, to)) e.load(rn, to, wide);
        if (inverse == kBelow)
            e.a.adc(sized(to, wide), 0);
        else
            e.a.sbb(sized(to, wide), static_cast<uint32_t>(-1));
        e.commit(rd, to);
        return;
    }
    if (rd == rn && e.has_home(rd)) {
        // The first source stays, or is replaced by the altered second.
        const Reg64 to = e.home(rd);
        if (kind == Select::Plain && rm != kZeroRegister) {
            move_if(e, inverse, to, rm, wide);
        } else {
            alter(e, rax, rm, kind, wide);
            (e.a.*kMoves[inverse])(sized(to, wide), sized(rax, wide));
        }
        return;
    }
    const Reg64 to = e.target(rd, rax);
    alter(e, to, rm, kind, wide);
    if (rn == kZeroRegister) {
        e.a.mov(ecx, 0);
        (e.a.*kMoves[code])(sized(to, wide), sized(rcx, wide));
    } else {
        move_if(e, code, to, rn, wide);
    }
    e.commit(rd, to);
}

// ---- conditional compare --------------------------------------------------------------------------------------------

namespace {

/// EFLAGS as bits: N, Z, CF, OF.
struct HostResult {
    bool sign, zero, carry, overflow;
    bool operator==(const HostResult&) const = default;
};

HostResult wanted_result(unsigned nzcv, FlagPlace form) {
    return {.sign = (nzcv & 8) != 0,
            .zero = (nzcv & 4) != 0,
            .carry = ((nzcv & 2) != 0) == (form == FlagPlace::Add),
            .overflow = (nzcv & 1) != 0};
}

constexpr HostResult compare_bytes(uint8_t left, uint8_t right) {
    const auto result = static_cast<uint8_t>(left - right);
    return {.sign = result >> 7 != 0,
            .zero = result == 0,
            .carry = left < right,
            .overflow = ((left ^ right) & (left ^ result)) >> 7 != 0};
}

constexpr HostResult add_bytes(uint8_t left, uint8_t right) {
    const auto result = static_cast<uint8_t>(left + right);
    return {.sign = result >> 7 != 0,
            .zero = result == 0,
            .carry = result < left,
            .overflow = (~(left ^ right) & (left ^ result)) >> 7 != 0};
}

/// Sets EFLAGS to the constant; changes rax.
void emit_constant_flags(Emitter& e, unsigned nzcv, FlagPlace form) {
    const HostResult wanted = wanted_result(nzcv, form);
    if (wanted.zero && !wanted.sign && !wanted.overflow) {
        e.a.xor_(eax, eax);
        if (wanted.carry) e.a.stc();
        return;
    }
    static constexpr std::array<uint8_t, 5> kCandidates{0, 1, 0x40, 0x80, 0xC0};
    for (const uint8_t left : kCandidates)
        for (const uint8_t right : kCandidates) {
            const bool compare = compare_bytes(left, right) == wanted;
            if (!compare && !(add_bytes(left, right) == wanted)) continue;
            if (left == 0)
                e.a.xor_(eax, eax);
            else
                e.a.mov(eax, left);
            if (compare)
                e.a.cmp(al, right);
            else
                e.a.add(al, right);
            return;
        }
    // What no sum or difference leaves behind: N with Z. As Emitter::load_flags() does it.
    e.a.mov(eax, (wanted.sign ? kHostN : 0) | (wanted.zero ? kHostZ : 0) | (wanted.carry ? kHostNotC : 0) |
                     (wanted.overflow ? kHostV : 0));
    e.a.add(al, 127);
    e.a.sahf();
}

/// A value for the left side of a comparison with `imm` that leaves the flags wanted, if a small one does.
std::optional<uint64_t> left_side(unsigned nzcv, uint64_t imm, bool wide) {
    const HostResult wanted = wanted_result(nzcv, FlagPlace::Subtract);
    const uint64_t top = wide ? uint64_t{1} << 63 : uint64_t{1} << 31, mask = top | (top - 1);
    for (const uint64_t left : {imm, uint64_t{0}, imm + 1, mask, top}) {
        const uint64_t right = imm & mask, result = (left - imm) & mask;
        const HostResult have{.sign = (result & top) != 0,
                              .zero = result == 0,
                              .carry = (left & mask) < right,
                              .overflow = ((left ^ imm) & (left ^ result) & top) != 0};
        if (have == wanted) return left & mask;
    }
    return std::nullopt;
}

} // namespace

void emit_conditional_compare(Emitter& e, const Insn& insn, ConditionalCompare kind) {
    if (!e.result_flags_needed()) return;
    const bool wide = is_wide(insn);
    const unsigned rn = insn.rn, rm = insn.rm, condition = insn.aux[0], nzcv = insn.aux[1];
    // x + imm sets the flags as x - (-imm) does, but for imm = 0. No constant: the second source is a register.
    const bool constant = kind.immediate || rm == kZeroRegister;
    const int64_t imm = kind.immediate ? static_cast<int64_t>(insn.imm) : 0;
    const int64_t subtrahend = kind.negative ? -imm : imm;
    const FlagPlace form = kind.negative && (!constant || imm == 0) ? FlagPlace::Add : FlagPlace::Subtract;

    const auto compare = [&] {
        if (constant && imm == 0 && rn != kZeroRegister) {
            emit_test_zero(e, rn, wide);
        } else if (constant && imm == 0) {
            emit_zero_flags(e);
        } else if (constant && rn != kZeroRegister) {
            e.a.cmp(e.operand(rn, wide), static_cast<uint32_t>(subtrahend));
        } else if (constant) {
            e.a.mov(eax, 0);
            e.a.cmp(sized(rax, wide), static_cast<uint32_t>(subtrahend));
        } else if (kind.negative) {
            e.load(rn, rax, wide);
            e.a.add(sized(rax, wide), e.operand(rm, wide));
        } else {
            emit_compare(e, rn, Second::guest(rm), wide);
        }
    };
    if (condition >= 14) {
        compare();
        e.define_flags(form);
        return;
    }
    const uint8_t code = emit_condition(e, condition);
    if (constant && form == FlagPlace::Subtract && rn != kZeroRegister) {
        if (const auto left = left_side(nzcv, static_cast<uint64_t>(subtrahend), wide)) {
            // Compares either the register or a constant that gives the flags for the other case.
            e.move_immediate(rax, *left);
            move_if(e, code, rax, rn, wide);
            if (subtrahend == 0)
                e.a.test(sized(rax, wide), sized(rax, wide));
            else
                e.a.cmp(sized(rax, wide), static_cast<uint32_t>(subtrahend));
            e.define_flags(form);
            return;
        }
    }
    host::Label holds, done;
    e.a.jcc(code, holds);
    emit_constant_flags(e, nzcv, form);
    e.a.jmp(done);
    e.a.L(holds);
    compare();
    e.a.L(done);
    e.define_flags(form);
}

} // namespace beeline::translate
