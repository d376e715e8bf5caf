#include "translate/float_checks.h"

namespace beeline::translate {

using namespace Xbyak::util;
using Generator = Xbyak::CodeGenerator;

namespace {

/// Fix-up if rcx is not zero; leaves EFLAGS alone.
void check_rcx(VectorEmitter& w) {
    host::Label fine;
    w.a.jrcxz(fine);
    w.a.jmp(w.fix_up(), Generator::T_NEAR);
    w.a.L(fine);
}

/// rcx = the lowest element of x.
void to_rcx(VectorEmitter& w, Precision precision, const Xmm& x) {
    if (precision == Precision::Double)
        w.a.movq(rcx, x);
    else
        w.a.movd(ecx, x);
}

/// d = mask of elements, or of the lowest one, that are unordered.
void unordered(VectorEmitter& w, Precision precision, bool all, const Xmm& d, const Xmm& x, const Xmm& y) {
    const bool wide = precision == Precision::Double;
    if (!w.avx) w.a.movaps(d, x);
    if (all) {
        if (w.avx)
            wide ? w.a.vcmpunordpd(d, x, y) : w.a.vcmpunordps(d, x, y);
        else
            wide ? w.a.cmpunordpd(d, y) : w.a.cmpunordps(d, y);
    } else {
        if (w.avx)
            wide ? w.a.vcmpunordsd(d, x, y) : w.a.vcmpunordss(d, x, y);
        else
            wide ? w.a.cmpunordsd(d, y) : w.a.cmpunordss(d, y);
    }
}

/// d = mask of elements that are the smallest normal number of either sign.
void least_normal(VectorEmitter& w, Precision precision, const Xmm& d, const Xmm& x) {
    const bool wide = precision == Precision::Double;
    w.a.movaps(d, x);
    w.a.andps(d, w.constant(wide ? VectorConstant::ValuesD : VectorConstant::ValuesS));
    const Address least = w.constant(wide ? VectorConstant::LeastNormalsD : VectorConstant::LeastNormalsS);
    wide ? w.a.pcmpeqq(d, least) : w.a.pcmpeqd(d, least);
}

} // namespace

void check_ordered(VectorEmitter& w, Precision precision, const Xmm& x, const Xmm& y) {
    if (w.e.flags_free()) {
        precision == Precision::Double ? w.a.ucomisd(x, y) : w.a.ucomiss(x, y);
        w.a.jp(w.fix_up(), Generator::T_NEAR);
        return;
    }
    unordered(w, precision, false, xmm1, x, y);
    to_rcx(w, precision, xmm1);
    check_rcx(w);
}

void check_product(VectorEmitter& w, Precision precision, const Xmm& x) {
    if (w.e.flags_free()) {
        check_ordered(w, precision, x, x);
        if (precision == Precision::Double) {
            w.a.movq(rax, x);
            w.a.mov(rcx, uint64_t{0x0010000000000000} << 1);
            w.a.add(rax, rax);
            w.a.cmp(rax, rcx);
        } else {
            w.a.movd(eax, x);
            w.a.add(eax, eax);
            w.a.cmp(eax, 0x00800000u << 1);
        }
        w.a.je(w.fix_up(), Generator::T_NEAR);
        return;
    }
    unordered(w, precision, false, xmm1, x, x);
    least_normal(w, precision, xmm2, x);
    w.a.por(xmm1, xmm2);
    to_rcx(w, precision, xmm1);
    check_rcx(w);
}

void check_mask(VectorEmitter& w, const Xmm& x) {
    if (w.e.flags_free()) {
        w.a.movmskps(eax, x);
        w.a.test(eax, eax);
        w.a.jnz(w.fix_up(), Generator::T_NEAR);
        return;
    }
    w.a.movmskps(ecx, x);
    check_rcx(w);
}

void check_all_ordered(VectorEmitter& w, Precision precision, const Xmm& x, const Xmm& y, const Xmm& scratch) {
    unordered(w, precision, true, scratch, x, y);
    check_mask(w, scratch);
}

void check_all_products(VectorEmitter& w, Precision precision, const Xmm& x) {
    unordered(w, precision, true, xmm1, x, x);
    least_normal(w, precision, xmm2, x);
    w.a.por(xmm1, xmm2);
    check_mask(w, xmm1);
}

} // namespace beeline::translate
