// FMULX, FRECPS and FRSQRTS: zero times infinity is no invalid operation to them. Infinities among the operands go to
// the fix-up before anything is computed. Scalars fill all elements with copies.
#include "translate/float_checks.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;

namespace {

struct Operands {
    Xmm n, m;
};
using Source = Operands (*)(VectorEmitter& w, const Insn& insn);

/// xmm1 and xmm2 but for full vectors.
Operands by_register(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    if (is_full(insn)) return {n, m};
    const unsigned size = is_scalar(insn) ? size_log2_of(precision_of(insn)) : 3;
    w.duplicate(xmm1, n, size, 0);
    w.duplicate(xmm2, m, size, 0);
    return {xmm1, xmm2};
}

/// One element of rm in each of xmm2's.
Operands by_element(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    const unsigned size = size_log2_of(precision_of(insn));
    w.duplicate(xmm2, m, size, insn.aux[0]);
    if (is_full(insn)) return {n, xmm2};
    w.duplicate(xmm1, n, is_scalar(insn) ? size : 3, 0);
    return {xmm1, xmm2};
}

/// x without its sign, as an integer, plus or minus the smallest normal number.
void offset_magnitude(VectorEmitter& w, Precision precision, const Xmm& to, const Xmm& x, bool subtract,
                      unsigned times = 1) {
    const bool wide = precision == Precision::Double;
    const Address least = w.constant(wide ? VectorConstant::LeastNormalsD : VectorConstant::LeastNormalsS);
    w.a.movaps(to, x);
    w.a.andps(to, w.constant(wide ? VectorConstant::ValuesD : VectorConstant::ValuesS));
    for (unsigned i = 0; i < times; i++) {
        if (subtract)
            wide ? w.a.psubq(to, least) : w.a.psubd(to, least);
        else
            wide ? w.a.paddq(to, least) : w.a.paddd(to, least);
    }
}

/// Fix-up for infinities and NaNs, and, `halved`, where n is too small for half of it to be normal. Changes xmm0 and
/// `scratch`.
void check_operands(VectorEmitter& w, Precision precision, const Operands& operands, bool halved, const Xmm& scratch) {
    offset_magnitude(w, precision, xmm0, operands.n, false);
    offset_magnitude(w, precision, scratch, operands.m, false);
    w.a.por(xmm0, scratch);
    if (halved) {
        offset_magnitude(w, precision, scratch, operands.n, true, 2);
        w.a.por(xmm0, scratch);
    }
    check_signs(w, precision, xmm0);
}

void finish(VectorEmitter& w, const Insn& insn) {
    if (is_scalar(insn))
        w.finish_scalar(insn.rd, size_log2_of(precision_of(insn)), xmm0);
    else
        w.finish(insn.rd, is_full(insn), xmm0);
}

template <Source source> bool multiply(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const Operands operands = source(w, insn);
    check_operands(w, precision, operands, false, w.v.temporary());
    w.a.movaps(xmm0, operands.n);
    precision == Precision::Double ? w.a.mulpd(xmm0, operands.m) : w.a.mulps(xmm0, operands.m);
    check_all_products(w, precision, xmm0);
    finish(w, insn);
    return true;
}

/// FRECPS: 2 - n * m. FRSQRTS: (3 - n * m) / 2, which is computed as 1.5 - n / 2 * m, so that the sum does not
/// overflow.
template <bool root> bool step(VectorEmitter& w, const Insn& insn) {
    if (w.flushes || !w.e.host.fma) return false;
    const Precision precision = precision_of(insn);
    const bool wide = precision == Precision::Double;
    const Operands operands = by_register(w, insn);
    const Xmm n = w.v.temporary();
    check_operands(w, precision, operands, root, n);
    w.a.movaps(n, operands.n);
    if (root) {
        // The exponent less one.
        const Address one = w.constant(wide ? VectorConstant::LeastNormalsD : VectorConstant::LeastNormalsS);
        wide ? w.a.psubq(n, one) : w.a.psubd(n, one);
        w.immediate(xmm0, wide ? 0x3FF8000000000000 : 0x3FC000003FC00000, true);
    } else {
        w.immediate(xmm0, wide ? 0x4000000000000000 : 0x4000000040000000, true);
    }
    wide ? w.a.vfnmadd231pd(xmm0, n, operands.m) : w.a.vfnmadd231ps(xmm0, n, operands.m);
    check_all_products(w, precision, xmm0);
    finish(w, insn);
    return true;
}

} // namespace

void add_float_steps(VectorTable& t) {
    t[Op::FMULX_vector] = t[Op::FMULX_scalar] = multiply<by_register>;
    t[Op::FMULX_element_s] = t[Op::FMULX_element_d] = multiply<by_element>;
    t[Op::FMULX_scalar_element_s] = t[Op::FMULX_scalar_element_d] = multiply<by_element>;
    t[Op::FRECPS_vector] = t[Op::FRECPS_scalar] = step<false>;
    t[Op::FRSQRTS_vector] = t[Op::FRSQRTS_scalar] = step<true>;
}

} // namespace beeline::translate
