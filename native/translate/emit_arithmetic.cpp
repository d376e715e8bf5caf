// Addition and subtraction: ADD, SUB, ADC, SBC and their flag-setting forms (Arm ARM C4.1.86, C4.1.89).
#include "translate/emit_data_processing.h"

#include "translate/state.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::kDiscard;
using arm64::kZeroRegister;

namespace {

/// r += delta, by whichever instruction is short and permitted.
void add_constant(Emitter& e, const Reg64& r, int32_t delta, bool wide) {
    const Reg32e to = sized(r, wide);
    if (!e.flags_free())
        e.a.lea(to, ptr[r + delta]);
    else if (delta == 128)
        e.a.sub(to, static_cast<uint32_t>(-128));
    else
        e.a.add(to, static_cast<uint32_t>(delta));
}

/// rd = rn + delta.
void add_immediate(Emitter& e, unsigned rd, unsigned rn, int32_t delta, bool wide) {
    if (is_discarded(rd)) return;
    if (delta == 0) {
        emit_move(e, rd, rn, wide);
    } else if (rd == rn && e.has_home(rd)) {
        add_constant(e, e.home(rd), delta, wide);
    } else if (rd == rn && wide && e.flags_free()) {
        e.a.add(e.slot(rd), static_cast<uint32_t>(delta));
    } else {
        const Reg64 to = e.target(rd, rax);
        if (e.has_home(rn)) {
            e.a.lea(sized(to, wide), ptr[e.home(rn) + delta]);
        } else {
            e.load(rn, to, wide);
            add_constant(e, to, delta, wide);
        }
        e.commit(rd, to);
    }
}

/// rd = rn + (x << scale) for a host register x other than rax; no flags.
void add_scaled(Emitter& e, unsigned rd, unsigned rn, const Reg64& x, unsigned scale, bool wide) {
    const Reg64 base = e.read(rn, rax), to = e.target(rd, rax);
    e.a.lea(sized(to, wide), ptr[base + x * (1 << scale)]);
    e.commit(rd, to);
}

/// rd = rn - x without touching EFLAGS; changes x, which is a scratch register other than rax.
void subtract_by_complement(Emitter& e, unsigned rd, unsigned rn, const Reg64& x, bool wide) {
    const Reg64 base = e.read(rn, rax), to = e.target(rd, rax);
    e.a.not_(x);
    e.a.lea(sized(to, wide), ptr[base + x + 1]);
    e.commit(rd, to);
}

/// rd = -(shifted rm); flags of 0 - it where they are free for it.
void negate(Emitter& e, unsigned rd, unsigned rm, Shift shift, unsigned amount, bool wide) {
    const Reg64 to = e.target(rd, rax);
    emit_shifted(e, to, rm, shift, amount, wide);
    if (e.flags_free()) {
        e.a.neg(sized(to, wide));
    } else {
        e.a.not_(to);
        e.a.lea(sized(to, wide), ptr[to + 1]);
    }
    e.commit(rd, to);
}

/// rd = rn + rm, no flags; neither is 31.
void add_registers(Emitter& e, unsigned rd, unsigned rn, unsigned rm, bool wide) {
    if (rd == rm) std::swap(rn, rm);
    const bool both_home = e.has_home(rn) && e.has_home(rm);
    if (e.flags_free() && (rd == rn || !both_home)) {
        emit_binary(e, Alu::Add, rd, rn, Second::guest(rm), wide);
        return;
    }
    add_scaled(e, rd, rn, e.read(rm, rcx), 0, wide);
}

/// rd = rn - rm, no flags; neither is 31.
void subtract_registers(Emitter& e, unsigned rd, unsigned rn, unsigned rm, bool wide) {
    if (rn == rm) {
        emit_constant(e, rd, 0);
    } else if (!e.flags_free()) {
        e.load(rm, rcx, wide);
        subtract_by_complement(e, rd, rn, rcx, wide);
    } else if (rd == rm && e.has_home(rd)) {
        const Reg32e to = sized(e.home(rd), wide);
        e.a.neg(to);
        e.a.add(to, e.operand(rn, wide));
    } else {
        emit_binary(e, Alu::Sub, rd, rn, Second::guest(rm), wide);
    }
}

/// Add and subtract with a second source that is shifted by a constant. The source registers may be 31 or SP.
void add_shifted(Emitter& e, const Insn& insn, AddSubtract kind, Shift shift, unsigned amount) {
    const bool wide = is_wide(insn), subtract = kind.subtract, flags = kind.set_flags && e.result_flags_needed();
    const unsigned rd = insn.rd, rn = insn.rn, rm = insn.rm;
    if (!flags && is_discarded(rd)) return;

    if (!flags) {
        if (rm == kZeroRegister) {
            emit_move(e, rd, rn, wide);
        } else if (rn == kZeroRegister) {
            if (subtract) {
                negate(e, rd, rm, shift, amount, wide);
            } else if (amount == 0) {
                emit_move(e, rd, rm, wide);
            } else {
                const Reg64 to = e.target(rd, rax);
                emit_shifted(e, to, rm, shift, amount, wide);
                e.commit(rd, to);
            }
        } else if (amount == 0) {
            if (subtract)
                subtract_registers(e, rd, rn, rm, wide);
            else
                add_registers(e, rd, rn, rm, wide);
        } else if (!subtract && shift == Shift::Lsl && amount <= 3) {
            add_scaled(e, rd, rn, e.read(rm, rcx), amount, wide);
        } else if (rd == rm && rd != rn && e.has_home(rd) && (!shift_needs_flags(e) || e.flags_free())) {
            // The source dies: it is shifted where it is.
            const Reg64 to = e.home(rd);
            emit_shift_in_place(e, to, shift, amount, wide);
            if (e.flags_free()) {
                if (subtract) e.a.neg(sized(to, wide));
                e.a.add(sized(to, wide), e.operand(rn, wide));
            } else {
                if (subtract) e.a.not_(to);
                const Reg64 base = e.read(rn, rax);
                e.a.lea(sized(to, wide), ptr[base + to + (subtract ? 1 : 0)]);
            }
        } else if (!subtract && rd != rn && e.has_home(rd) && (e.flags_free() || !e.has_home(rn))) {
            const Reg64 to = e.home(rd);
            emit_shifted(e, to, rm, shift, amount, wide);
            if (e.flags_free())
                e.a.add(sized(to, wide), e.operand(rn, wide));
            else
                e.a.lea(sized(to, wide), ptr[to + e.read(rn, rax)]);
        } else {
            emit_shifted(e, rcx, rm, shift, amount, wide);
            if (e.flags_free() && (rd == rn || subtract || !e.has_home(rn)))
                emit_binary(e, subtract ? Alu::Sub : Alu::Add, rd, rn, Second::host(rcx), wide);
            else if (subtract)
                subtract_by_complement(e, rd, rn, rcx, wide);
            else
                add_scaled(e, rd, rn, rcx, 0, wide);
        }
        return;
    }

    if (rm == kZeroRegister) {
        // x + 0 and x - 0 differ in C alone, and so do the forms.
        if (is_discarded(rd) && rn != kZeroRegister) {
            emit_test_zero(e, rn, wide);
        } else if (rn == kZeroRegister) {
            emit_zero_flags(e);
            e.commit(rd, rax);
        } else {
            emit_move(e, rd, rn, wide);
            emit_test_zero(e, rd, wide);
        }
        e.define_flags(subtract ? FlagPlace::Subtract : FlagPlace::Add);
        return;
    }
    if (rn == kZeroRegister) {
        const Reg64 to = e.target(rd, rax);
        emit_shifted(e, to, rm, shift, amount, wide);
        if (subtract) {
            e.a.neg(sized(to, wide));
        } else {
            // A W register that is its own copy is extended yet.
            if (!wide && amount == 0 && lives_in(e, rm, to)) e.a.mov(to.cvt32(), to.cvt32());
            e.a.test(sized(to, wide), sized(to, wide));
        }
        e.commit(rd, to);
    } else if (!subtract && amount != 0 && rd != rn && e.has_home(rd)) {
        const Reg32e to = sized(e.home(rd), wide);
        emit_shifted(e, e.home(rd), rm, shift, amount, wide);
        e.a.add(to, e.operand(rn, wide));
    } else {
        Second second = Second::guest(rm);
        if (amount != 0) {
            emit_shifted(e, rcx, rm, shift, amount, wide);
            second = Second::host(rcx);
        }
        if (subtract && is_discarded(rd))
            emit_compare(e, rn, second, wide);
        else
            emit_binary(e, subtract ? Alu::Sub : Alu::Add, rd, rn, second, wide);
    }
    e.define_flags(subtract ? FlagPlace::Subtract : FlagPlace::Add);
}

} // namespace

void emit_add_immediate(Emitter& e, const Insn& insn, AddSubtract kind) {
    const bool wide = is_wide(insn);
    const unsigned rd = insn.rd, rn = insn.rn;
    const auto imm = static_cast<int32_t>(insn.imm);
    if (!kind.set_flags || !e.result_flags_needed()) {
        // SUB's immediate is negated already.
        add_immediate(e, rd, rn, kind.set_flags && kind.subtract ? -imm : imm, wide);
        return;
    }
    // x + imm sets all flags as x - (-imm) does, but for imm = 0: then C is 0, not 1. The subtract form needs no cmc
    // for HI and LS, nor when it is stored.
    const int32_t subtrahend = kind.subtract ? imm : -imm;
    const FlagPlace form = kind.subtract || imm != 0 ? FlagPlace::Subtract : FlagPlace::Add;
    if (is_discarded(rd)) {
        if (imm == 0)
            emit_test_zero(e, rn, wide);
        else
            e.a.cmp(e.operand(rn, wide), static_cast<uint32_t>(subtrahend));
    } else if (rd == rn && wide && !e.has_home(rd)) {
        e.a.sub(e.slot(rd), static_cast<uint32_t>(subtrahend));
    } else {
        const Reg64 to = e.target(rd, rax);
        if (!lives_in(e, rn, to)) e.load(rn, to, wide);
        e.a.sub(sized(to, wide), static_cast<uint32_t>(subtrahend));
        e.commit(rd, to);
    }
    e.define_flags(form);
}

void emit_add_shifted(Emitter& e, const Insn& insn, AddSubtract kind) {
    add_shifted(e, insn, kind, static_cast<Shift>(insn.word >> 22 & 3), insn.aux[0]);
}

void emit_add_extended(Emitter& e, const Insn& insn, AddSubtract kind) {
    const bool wide = is_wide(insn), subtract = kind.subtract, flags = kind.set_flags && e.result_flags_needed();
    const unsigned rd = insn.rd, rn = insn.rn, rm = insn.rm, option = insn.word >> 13 & 7;
    unsigned amount = insn.aux[0];
    const unsigned bits = 8u << (option & 3);
    if (bits >= (wide ? 64u : 32u) || rm == kZeroRegister) {
        add_shifted(e, insn, kind, Shift::Lsl, amount);
        return;
    }
    if (!flags && is_discarded(rd)) return;
    load_extended(e, rcx, rm, bits, (option & 4) != 0, wide);
    if (!flags && !subtract) {
        if (amount == 4) {
            e.a.lea(rcx, ptr[rcx + rcx]);
            amount = 3;
        }
        if (amount == 0 && rd == rn && e.flags_free())
            emit_binary(e, Alu::Add, rd, rn, Second::host(rcx), wide);
        else
            add_scaled(e, rd, rn, rcx, amount, wide);
        return;
    }
    if (amount != 0 && e.flags_free()) {
        emit_shift_in_place(e, rcx, Shift::Lsl, amount, wide);
    } else if (amount != 0) {
        e.a.lea(rcx, ptr[rcx * (amount == 4 ? 8 : 1 << amount)]);
        if (amount == 4) e.a.lea(rcx, ptr[rcx + rcx]);
    }
    if (!flags) {
        if (e.flags_free())
            emit_binary(e, Alu::Sub, rd, rn, Second::host(rcx), wide);
        else
            subtract_by_complement(e, rd, rn, rcx, wide);
        return;
    }
    if (subtract && is_discarded(rd))
        emit_compare(e, rn, Second::host(rcx), wide);
    else
        emit_binary(e, subtract ? Alu::Sub : Alu::Add, rd, rn, Second::host(rcx), wide);
    e.define_flags(subtract ? FlagPlace::Subtract : FlagPlace::Add);
}

FlagPlace emit_carry(Emitter& e) {
    e.leave_float_form();
    if (e.place() != FlagPlace::Memory) return e.place();
    static_assert(kHostNotC == 1u << 8);
    e.a.bt(e.state(&translated_state(e.cpu).host_flags, 32), 8);
    return FlagPlace::Subtract;
}

// With CF = C (add form) or its inverse (subtract form), adc and sbb compute
//                 add form      subtract form
//   x + y + C     adc x, y
//   x + C         adc x, 0      sbb x, -1
//   x - y - !C                  sbb x, y
//   x - !C        adc x, -1     sbb x, 0
//   -y - !C       x = ~y, then x + C
// and leave CF in the form that they found it in.
void emit_add_carry(Emitter& e, const Insn& insn, AddSubtract kind) {
    const bool wide = is_wide(insn), flags = kind.set_flags && e.result_flags_needed();
    const unsigned rd = insn.rd;
    unsigned rn = insn.rn, rm = insn.rm;
    if (!flags && is_discarded(rd)) return;

    e.leave_float_form();
    if (!kind.set_flags && e.result_flags_needed() && e.place() != FlagPlace::Memory) {
        // EFLAGS stay.
        e.a.mov(eax, 0);
        if (e.place() == FlagPlace::Add)
            e.a.setc(al);
        else
            e.a.setnc(al);
        if (kind.subtract) {
            e.load(rm, rcx, wide);
            e.a.not_(rcx);
            e.a.lea(rax, ptr[rax + rcx]);
        } else if (rm != kZeroRegister) {
            e.a.lea(rax, ptr[rax + e.read(rm, rcx)]);
        }
        const Reg64 to = e.target(rd, rax);
        if (rn != kZeroRegister)
            e.a.lea(sized(to, wide), ptr[rax + e.read(rn, rcx)]);
        else if (!wide || !same(to, rax))
            e.a.mov(sized(to, wide), sized(rax, wide));
        e.commit(rd, to);
        return;
    }

    FlagPlace form = emit_carry(e);
    const auto need = [&](FlagPlace wanted) {
        if (form != wanted) e.a.cmc();
        form = wanted;
    };
    if (!kind.subtract && rn == kZeroRegister) std::swap(rn, rm);
    const bool one_source = rm == kZeroRegister || (kind.subtract && rn == kZeroRegister);
    if (one_source) {
        const bool complement = kind.subtract && rn == kZeroRegister, minus_borrow = kind.subtract && !complement;
        const unsigned source = complement ? rm : rn;
        const Reg64 to = e.target(rd, rax);
        if (!lives_in(e, source, to)) e.load(source, to, wide);
        if (complement) e.a.not_(sized(to, wide));
        if (form == FlagPlace::Add)
            e.a.adc(sized(to, wide), static_cast<uint32_t>(minus_borrow ? -1 : 0));
        else
            e.a.sbb(sized(to, wide), static_cast<uint32_t>(minus_borrow ? 0 : -1));
        e.commit(rd, to);
    } else if (kind.subtract) {
        need(FlagPlace::Subtract);
        emit_binary(e, Alu::Sbb, rd, rn, Second::guest(rm), wide);
    } else {
        need(FlagPlace::Add);
        emit_binary(e, Alu::Adc, rd, rn, Second::guest(rm), wide);
    }
    if (flags) e.define_flags(form);
}

} // namespace beeline::translate
