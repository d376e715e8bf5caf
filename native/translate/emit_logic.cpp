// AND, ORR, EOR and their complements and flag-setting forms, MOVK (Arm ARM C4.1.86, C4.1.89).
#include "translate/emit_data_processing.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::kZeroRegister;

namespace {

/// rd = shifted rm, or its complement; no flags.
void move_shifted(Emitter& e, unsigned rd, unsigned rm, Shift shift, unsigned amount, bool invert, bool wide) {
    if (rm == kZeroRegister) {
        emit_constant(e, rd, !invert ? 0 : wide ? ~uint64_t{0} : uint64_t{0xFFFFFFFF});
        return;
    }
    if (amount == 0 && !invert) {
        emit_move(e, rd, rm, wide);
        return;
    }
    if (amount == 0 && rd == rm && wide && !e.has_home(rd)) {
        e.a.not_(e.slot(rd));
        return;
    }
    const Reg64 to = e.target(rd, rax);
    emit_shifted(e, to, rm, shift, amount, wide);
    if (invert) e.a.not_(sized(to, wide));
    e.commit(rd, to);
}

/// rd = rn op value for OR and XOR, flags.
void combine_constant(Emitter& e, Alu op, unsigned rd, unsigned rn, uint64_t value, bool wide) {
    if (!wide || fits_int32(value)) {
        const auto imm = static_cast<int32_t>(static_cast<uint32_t>(value));
        if (wide && rd == rn && !e.has_home(rd)) {
            emit_alu(e, op, e.slot(rd), imm);
            return;
        }
        const Reg64 to = e.target(rd, rax);
        if (!lives_in(e, rn, to)) e.load(rn, to, wide);
        emit_alu(e, op, sized(to, wide), imm);
        e.commit(rd, to);
        return;
    }
    const Reg64 to = e.target(rd, rax);
    if (!lives_in(e, rn, to)) e.load(rn, to);
    if ((value & (value - 1)) == 0) {
        const auto bit = static_cast<uint8_t>(__builtin_ctzll(value));
        if (op == Alu::Or)
            e.a.bts(to, bit);
        else
            e.a.btc(to, bit);
    } else {
        e.move_immediate(rdx, value);
        emit_alu(e, op, to, rdx);
    }
    e.commit(rd, to);
}

/// Both sources are one register and unshifted. Returns false for what is nothing special.
bool emit_of_itself(Emitter& e, const Insn& insn, Logic kind, bool flags) {
    const bool wide = is_wide(insn);
    const bool keeps = !kind.invert && kind.op != Alu::Xor; // x & x, x | x
    if (keeps) {
        emit_move(e, insn.rd, insn.rn, wide);
        // The flags are those of the source as well, which has them even when nothing was copied.
        if (flags) emit_test_zero(e, insn.rn, wide);
        return true;
    }
    if (flags) return false;
    const bool ones = kind.invert && kind.op != Alu::And; // x | ~x, x ^ ~x
    emit_constant(e, insn.rd, !ones ? 0 : wide ? ~uint64_t{0} : uint64_t{0xFFFFFFFF});
    return true;
}

} // namespace

void emit_logic_immediate(Emitter& e, const Insn& insn, Logic kind) {
    const bool wide = is_wide(insn), flags = kind.set_flags && e.result_flags_needed();
    const unsigned rd = insn.rd, rn = insn.rn;
    const uint64_t value = wide ? insn.imm : static_cast<uint32_t>(insn.imm);
    if (!flags && is_discarded(rd)) return;
    if (rn == kZeroRegister) {
        emit_constant(e, rd, kind.op == Alu::And ? 0 : value);
        if (flags) emit_zero_flags(e);
    } else if (flags && is_discarded(rd)) {
        emit_test_constant(e, rn, value, wide);
    } else {
        const bool extension = kind.op == Alu::And && (value == 0xFF || value == 0xFFFF || value == 0xFFFFFFFF);
        if (!extension) e.clobber_flags();
        if (kind.op == Alu::And)
            emit_and_constant(e, rd, rn, value, wide, flags);
        else
            combine_constant(e, kind.op, rd, rn, value, wide);
    }
    if (flags) e.define_flags(FlagPlace::Add);
}

void emit_logic_shifted(Emitter& e, const Insn& insn, Logic kind) {
    const bool wide = is_wide(insn), flags = kind.set_flags && e.result_flags_needed();
    const auto shift = static_cast<Shift>(insn.word >> 22 & 3);
    const unsigned rd = insn.rd, rn = insn.rn, rm = insn.rm, amount = insn.aux[0];
    if (!flags && is_discarded(rd)) return;

    if (kind.op != Alu::And && rn == kZeroRegister) {
        // MOV, MVN: the most frequent use.
        move_shifted(e, rd, rm, shift, amount, kind.invert, wide);
        return;
    }
    if (kind.op == Alu::And && (rn == kZeroRegister || (rm == kZeroRegister && !kind.invert))) {
        emit_constant(e, rd, 0);
        if (flags) {
            emit_zero_flags(e);
            e.define_flags(FlagPlace::Add);
        }
        return;
    }
    if (rm == kZeroRegister) {
        // x & ~0, x | 0, x ^ 0; x | ~0; x ^ ~0
        if (kind.op == Alu::Or && kind.invert)
            emit_constant(e, rd, wide ? ~uint64_t{0} : uint64_t{0xFFFFFFFF});
        else if (kind.op == Alu::Xor && kind.invert)
            move_shifted(e, rd, rn, Shift::Lsl, 0, true, wide);
        else
            emit_move(e, rd, rn, wide);
        if (flags) {
            emit_test_zero(e, rn, wide);
            e.define_flags(FlagPlace::Add);
        }
        return;
    }
    if (rn == rm && amount == 0 && emit_of_itself(e, insn, kind, flags)) {
        if (flags) e.define_flags(FlagPlace::Add);
        return;
    }

    e.clobber_flags();
    if (amount == 0 && !kind.invert) {
        if (is_discarded(rd))
            emit_test(e, rn, Second::guest(rm), wide);
        else
            emit_binary(e, kind.op, rd, rn, Second::guest(rm), wide);
    } else if (kind.op == Alu::And && kind.invert && e.host.bmi1) {
        Reg64 mask = rcx;
        if (amount != 0)
            emit_shifted(e, rcx, rm, shift, amount, wide);
        else
            mask = e.read(rm, rcx);
        const Reg64 to = e.target(rd, rax);
        e.a.andn(sized(to, wide), sized(mask, wide), e.operand(rn, wide));
        e.commit(rd, to);
    } else {
        // The second source is made in the target where that is not the first.
        const bool in_target = rd != rn && e.has_home(rd);
        const Reg64 second = in_target ? e.home(rd) : rcx;
        emit_shifted(e, second, rm, shift, amount, wide);
        if (kind.invert) e.a.not_(sized(second, wide));
        if (in_target)
            emit_alu(e, kind.op, sized(second, wide), e.operand(rn, wide));
        else if (is_discarded(rd))
            emit_test(e, rn, Second::host(rcx), wide);
        else
            emit_binary(e, kind.op, rd, rn, Second::host(rcx), wide);
    }
    if (flags) e.define_flags(FlagPlace::Add);
}

void emit_movk(Emitter& e, const Insn& insn) {
    const bool wide = is_wide(insn);
    const unsigned rd = insn.rd, shift = insn.aux[0];
    const auto half = static_cast<uint32_t>(insn.imm >> shift);
    if (is_discarded(rd)) return;
    const Reg64 to = e.target(rd, rax);
    if (shift == 0) {
        if (!wide && e.has_home(rd) && e.flags_free()) {
            e.a.and_(to.cvt32(), 0xFFFF0000);
            if (half != 0) e.a.or_(to.cvt32(), half);
            return;
        }
        if (!e.has_home(rd)) e.load(rd, to, wide);
        // Not mov r16, imm16: its prefix changes the length of the instruction, which stalls decoders.
        e.a.mov(ecx, half);
        e.a.mov(to.cvt16(), cx);
        if (!wide && e.has_home(rd)) e.a.mov(to.cvt32(), to.cvt32());
    } else if (!wide) {
        load_extended(e, to, rd, 16, false, false);
        if (e.flags_free())
            e.a.or_(to.cvt32(), half << 16);
        else
            e.a.lea(to.cvt32(), ptr[to + static_cast<int32_t>(half << 16)]);
    } else {
        // The bits to replace go to the bottom and back.
        const bool rotate = e.host.bmi2;
        if (!rotate) e.clobber_flags();
        if (rotate)
            e.a.rorx(to, e.operand(rd, true), static_cast<uint8_t>(shift));
        else {
            if (!e.has_home(rd)) e.load(rd, to);
            e.a.ror(to, static_cast<int>(shift));
        }
        e.a.mov(ecx, half);
        e.a.mov(to.cvt16(), cx);
        if (rotate)
            e.a.rorx(to, to, static_cast<uint8_t>(64 - shift));
        else
            e.a.rol(to, static_cast<int>(shift));
    }
    e.commit(rd, to);
}

} // namespace beeline::translate
