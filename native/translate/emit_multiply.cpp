// Multiplication and division (Arm ARM C4.1.89).
#include "translate/emit_data_processing.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::kZeroRegister;

namespace {

/// rd = ra + r, or ra - r; r is a scratch register or rd's home, and changes. Flags.
void accumulate(Emitter& e, unsigned rd, unsigned ra, const Reg64& r, bool subtract, bool wide) {
    const Reg32e product = sized(r, wide);
    if (ra == kZeroRegister) {
        if (subtract) e.a.neg(product);
        e.commit(rd, r);
    } else if (rd == ra && wide && !e.has_home(rd)) {
        emit_alu(e, subtract ? Alu::Sub : Alu::Add, e.slot(rd), product);
    } else if (!subtract && !(rd == ra && e.has_home(rd))) {
        e.a.add(product, e.operand(ra, wide));
        e.commit(rd, r);
    } else if (lives_in(e, rd, r)) {
        e.a.neg(product);
        e.a.add(product, e.operand(ra, wide));
    } else {
        const Reg64 to = e.target(rd, rcx);
        if (!lives_in(e, ra, to)) e.load(ra, to, wide);
        emit_alu(e, subtract ? Alu::Sub : Alu::Add, sized(to, wide), product);
        e.commit(rd, to);
    }
}

/// The same without flags; r is a scratch register other than rdx, or rd's home.
void accumulate_by_lea(Emitter& e, unsigned rd, unsigned ra, const Reg64& r, bool subtract, bool wide) {
    const Reg64 to = e.target(rd, rax);
    if (ra == kZeroRegister && !subtract) {
        e.commit(rd, r);
        return;
    }
    if (subtract) e.a.not_(r);
    if (ra == kZeroRegister) {
        e.a.lea(sized(to, wide), ptr[r + 1]);
    } else {
        const Reg64 addend = e.read(ra, rdx);
        if (subtract)
            e.a.lea(sized(to, wide), ptr[addend + r + 1]);
        else
            e.a.lea(sized(to, wide), ptr[addend + r]);
    }
    e.commit(rd, to);
}

/// rd = ra, or its negative product with zero: what is left when a factor is 31.
bool emit_without_product(Emitter& e, const Insn& insn, bool wide) {
    if (insn.rn != kZeroRegister && insn.rm != kZeroRegister) return false;
    emit_move(e, insn.rd, insn.ra, wide);
    return true;
}

} // namespace

void emit_multiply(Emitter& e, const Insn& insn, bool subtract) {
    const bool wide = is_wide(insn);
    const unsigned rd = insn.rd, ra = insn.ra;
    unsigned rn = insn.rn, rm = insn.rm;
    if (is_discarded(rd) || emit_without_product(e, insn, wide)) return;
    if (!e.flags_free() && e.host.bmi2) {
        e.load(rn, rdx, wide);
        const Reg64 product = ra == kZeroRegister ? e.target(rd, rax) : rax;
        e.a.mulx(sized(rcx, wide), sized(product, wide), e.operand(rm, wide));
        accumulate_by_lea(e, rd, ra, product, subtract, wide);
        return;
    }
    e.clobber_flags();
    // The factor that may be overwritten first.
    if (rd == rm) std::swap(rn, rm);
    if (!e.has_home(rn) && e.has_home(rm) && rd != rn) std::swap(rn, rm);
    // In the target, unless the other operands are needed afterwards: subtraction is quicker from a copy of the addend.
    const bool in_target =
        e.has_home(rd) && rd != ra && (rd == rn || rd != rm) && (!subtract || ra == kZeroRegister || rd == rn);
    const Reg64 product = in_target ? e.home(rd) : rax;
    if (!lives_in(e, rn, product)) e.load(rn, product, wide);
    e.a.imul(sized(product, wide), e.operand(rm, wide));
    accumulate(e, rd, ra, product, subtract, wide);
}

void emit_multiply_long(Emitter& e, const Insn& insn, MultiplyLong kind) {
    const unsigned rd = insn.rd, ra = insn.ra;
    unsigned rn = insn.rn, rm = insn.rm;
    if (is_discarded(rd) || emit_without_product(e, insn, true)) return;
    if (!e.flags_free() && e.host.bmi2) {
        load_extended(e, rdx, rn, 32, kind.is_signed, true);
        Reg64 factor = rdx;
        if (rm != rn) {
            load_extended(e, rax, rm, 32, kind.is_signed, true);
            factor = rax;
        }
        const Reg64 product = ra == kZeroRegister ? e.target(rd, rax) : rax;
        e.a.mulx(rcx, product, factor);
        accumulate_by_lea(e, rd, ra, product, kind.subtract, true);
        return;
    }
    e.clobber_flags();
    if (rd == rm) std::swap(rn, rm);
    const bool in_target = e.has_home(rd) && rd != ra && (!kind.subtract || ra == kZeroRegister);
    const Reg64 product = in_target ? e.home(rd) : rax;
    Reg64 factor = product;
    if (rm != rn) {
        factor = rcx;
        load_extended(e, rcx, rm, 32, kind.is_signed, true);
    }
    load_extended(e, product, rn, 32, kind.is_signed, true);
    e.a.imul(product, factor);
    accumulate(e, rd, ra, product, kind.subtract, true);
}

void emit_multiply_high(Emitter& e, const Insn& insn, bool is_signed) {
    const unsigned rd = insn.rd;
    unsigned rn = insn.rn, rm = insn.rm;
    if (is_discarded(rd)) return;
    if (rn == kZeroRegister || rm == kZeroRegister) {
        emit_constant(e, rd, 0);
        return;
    }
    if (!is_signed && e.host.bmi2) {
        if (!e.has_home(rn) && e.has_home(rm)) std::swap(rn, rm);
        e.load(rn, rdx);
        const Reg64 to = e.target(rd, rax);
        e.a.mulx(to, rcx, e.operand(rm, true));
        e.commit(rd, to);
        return;
    }
    e.clobber_flags();
    e.load(rn, rax);
    if (is_signed)
        e.a.imul(e.operand(rm, true));
    else
        e.a.mul(e.operand(rm, true));
    e.commit(rd, rdx);
}

namespace {

// x / 0 is 0, and the minimum divided by -1 is itself; the host traps on both. Unsigned, the quotient is preset to 0
// and the division skipped. Signed, both divisors are caught by one comparison, and their quotients are products: x / 0
// = x * 0, x / -1 = x * -1. What is left is x of the former and 0 of the latter: x & ~divisor.
//
// 64-bit division takes older hosts several times as long as that of 32 bits, which serves when both upper halves are
// zero.

/// rax = rn / rm; where asked for, rdx = rn - rax * rm. Flags. Neither register is 31.
void divide(Emitter& e, unsigned rn, unsigned rm, bool is_signed, bool wide, bool remainder) {
    host::Label done, special, narrow;
    const Reg64 divisor = e.read(rm, rcx);
    const Reg32e quotient = sized(rax, wide), rest = sized(rdx, wide), by = sized(divisor, wide);
    const auto test_halves = [&] {
        e.a.mov(rdx, rax);
        e.a.or_(rdx, divisor);
        e.a.shr(rdx, 32); // The upper half of the narrow dividend, should this be zero.
        e.a.jz(narrow);
    };
    if (!is_signed) {
        if (remainder) e.load(rn, rdx, wide);
        e.a.xor_(eax, eax);
        e.a.test(by, by);
        e.a.jz(done);
        e.load(rn, rax, wide);
        if (wide) test_halves();
        e.a.xor_(edx, edx);
        e.a.div(by);
        if (wide) {
            e.a.jmp(done);
            e.a.L(narrow);
            e.a.div(by.cvt32());
        }
    } else {
        e.load(rn, rax, wide);
        e.a.lea(rest, ptr[divisor + 1]);
        e.a.cmp(rest, 1);
        e.a.jbe(special);
        if (wide) {
            test_halves();
            e.a.cqo();
        } else {
            e.a.cdq();
        }
        e.a.idiv(by);
        e.a.jmp(done);
        if (wide) {
            e.a.L(narrow);
            e.a.div(by.cvt32());
            e.a.jmp(done);
        }
        e.a.L(special);
        if (remainder) {
            e.a.mov(rest, by);
            e.a.not_(rest);
            e.a.and_(rest, quotient);
        }
        e.a.imul(quotient, by);
    }
    e.a.L(done);
}

} // namespace

void emit_divide(Emitter& e, const Insn& insn, bool is_signed) {
    const unsigned rd = insn.rd, rn = insn.rn, rm = insn.rm;
    if (is_discarded(rd)) return;
    if (rn == kZeroRegister || rm == kZeroRegister) {
        emit_constant(e, rd, 0);
        return;
    }
    e.clobber_flags();
    divide(e, rn, rm, is_signed, is_wide(insn), false);
    e.commit(rd, rax);
}

bool emit_divide_remainder(Emitter& e, const Insn& division, const Insn& msub, bool is_signed) {
    const unsigned quotient = division.rd, dividend = division.rn, divisor = division.rm;
    const bool product = (msub.rn == quotient && msub.rm == divisor) || (msub.rn == divisor && msub.rm == quotient);
    if (!product || msub.ra != dividend || is_wide(msub) != is_wide(division) || is_discarded(quotient) ||
        is_discarded(msub.rd) || quotient == dividend || quotient == divisor || dividend == kZeroRegister ||
        divisor == kZeroRegister)
        return false;
    e.clobber_flags();
    divide(e, dividend, divisor, is_signed, is_wide(division), true);
    if (quotient != msub.rd) e.commit(quotient, rax);
    e.commit(msub.rd, rdx);
    return true;
}

bool emit_multiply_both(Emitter& e, const Insn& first, const Insn& second, const Insn& low, const Insn& high,
                        bool is_signed) {
    const unsigned rn = first.rn, rm = first.rm;
    const bool sources = (second.rn == rn && second.rm == rm) || (second.rn == rm && second.rm == rn);
    if (!sources || first.rd == rn || first.rd == rm || low.rd == high.rd || low.ra != kZeroRegister || !is_wide(low) ||
        is_discarded(low.rd) || is_discarded(high.rd) || rn == kZeroRegister || rm == kZeroRegister)
        return false;
    if (!is_signed && e.host.bmi2) {
        e.load(rn, rdx);
        const Reg64 low_to = e.target(low.rd, rcx), high_to = e.target(high.rd, rax);
        e.a.mulx(high_to, low_to, e.operand(rm, true));
        e.commit(low.rd, low_to);
        e.commit(high.rd, high_to);
        return true;
    }
    e.clobber_flags();
    e.load(rn, rax);
    if (is_signed)
        e.a.imul(e.operand(rm, true));
    else
        e.a.mul(e.operand(rm, true));
    e.commit(low.rd, rax);
    e.commit(high.rd, rdx);
    return true;
}

} // namespace beeline::translate
