// Bits of vector elements: counting and reversing them, and products of bytes as polynomials.
#include "translate/vector_arithmetic.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using namespace integer;

namespace {

/// xmm1 and xmm2 = the upper and the lower halves of x's bytes.
void split_nibbles(VectorEmitter& w, const Xmm& x) {
    w.a.movaps(xmm1, x);
    w.a.psrlw(xmm1, 4);
    w.a.movaps(xmm2, w.constant(VectorConstant::LowNibbles));
    w.a.pand(xmm1, xmm2);
    w.a.pand(xmm2, x);
}

/// xmm0, and xmm2, = what the tables have for the lower and the upper half of each byte of x. Changes xmm1.
void look_up_nibbles(VectorEmitter& w, const Xmm& x, VectorConstant lower, VectorConstant upper) {
    split_nibbles(w, x);
    w.a.movaps(xmm0, w.constant(lower));
    w.a.pshufb(xmm0, xmm2);
    w.a.movaps(xmm2, w.constant(upper));
    w.a.pshufb(xmm2, xmm1);
}

bool count_bits(VectorEmitter& w, const Insn& insn) {
    look_up_nibbles(w, w.use(insn.rn), VectorConstant::BitCounts, VectorConstant::BitCounts);
    w.a.paddb(xmm0, xmm2);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool reverse_bits(VectorEmitter& w, const Insn& insn) {
    look_up_nibbles(w, w.use(insn.rn), VectorConstant::ReversedToUpper, VectorConstant::ReversedToLower);
    w.a.por(xmm0, xmm2);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// xmm0 = leading zeros of x's elements, of bytes first. Of elements of twice the size they are the upper half's, and
/// if that is zero the lower half's as well.
void leading_zeros(VectorEmitter& w, const Xmm& x, unsigned size) {
    look_up_nibbles(w, x, VectorConstant::LowerLeadingZeros, VectorConstant::UpperLeadingZeros);
    // The upper half has less than 4 of them, or 8; the lower one 4 or more.
    w.a.pminub(xmm0, xmm2);
    for (unsigned half = 0; half < size; half++) {
        const unsigned bits = 8u << half;
        w.immediate(xmm1, half == 0 ? 0x0808080808080808u : 0x0010001000100010u, true);
        kEqual[half](w, xmm1, xmm1, xmm0);
        w.shift_right(xmm1, half + 1, bits);
        w.a.pand(xmm1, xmm0);
        w.shift_right(xmm0, half + 1, bits);
        kAdd[half + 1](w, xmm0, xmm0, xmm1);
    }
}

bool count_leading_zeros(VectorEmitter& w, const Insn& insn) {
    leading_zeros(w, w.use(insn.rn), element_size(insn));
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// CLS: of a number without its sign's repetitions, less the sign itself.
bool count_leading_signs(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm x = w.v.temporary();
    w.zero(x);
    kGreater[size](w, x, x, w.use(insn.rn));
    w.a.pxor(x, w.use(insn.rn));
    leading_zeros(w, x, size);
    w.ones(xmm1);
    kAdd[size](w, xmm0, xmm0, xmm1);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// xmm0 = the products of n and m as polynomials, of bytes (the lower halves), or of halfwords whose lower bytes n has
/// and whose upper bytes m has; from m's highest bit on. Changes xmm1, xmm2 and m.
void multiply_polynomials(VectorEmitter& w, const Xmm& n, const Xmm& m, unsigned size) {
    w.zero(xmm0);
    for (unsigned bit = 0; bit < 8; bit++) {
        if (bit != 0) {
            kAdd[size](w, xmm0, xmm0, xmm0);
            kAdd[size](w, m, m, m);
        }
        w.zero(xmm1);
        kGreater[size](w, xmm1, xmm1, m);
        w.a.pand(xmm1, n);
        w.a.pxor(xmm0, xmm1);
    }
}

bool multiply(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.v.temporary();
    w.a.movaps(m, w.use(insn.rm));
    multiply_polynomials(w, n, m, 0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool multiply_long(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.v.temporary(), m = w.v.temporary();
    w.extend(n, w.use(insn.rn), 0, false, is_full(insn));
    w.extend(m, w.use(insn.rm), 0, false, is_full(insn));
    w.a.psllw(m, 8);
    multiply_polynomials(w, n, m, 1);
    w.finish(insn.rd, true, xmm0);
    return true;
}

} // namespace

void add_vector_bits(VectorTable& t) {
    t[Op::CNT_vector] = count_bits;
    t[Op::RBIT_vector] = reverse_bits;
    t[Op::CLZ_vector] = count_leading_zeros;
    t[Op::CLS_vector] = count_leading_signs;
    t[Op::PMUL_vector] = multiply;
    t[Op::PMULL_8] = multiply_long;
}

} // namespace beeline::translate
