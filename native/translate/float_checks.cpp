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

/// Fix-up if what `mask` loads, the mask of some signs, is not zero.
template <typename Mask> void check_mask_of_signs(VectorEmitter& w, Mask mask) {
    if (w.e.flags_free()) {
        mask(eax);
        w.a.test(eax, eax);
        w.a.jnz(w.fix_up(), Generator::T_NEAR);
        return;
    }
    mask(ecx);
    check_rcx(w);
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

/// d = x without its sign.
void absolute(VectorEmitter& w, Precision precision, const Xmm& d, const Xmm& x) {
    const Address mask = w.constant(precision == Precision::Double ? VectorConstant::ValuesD : VectorConstant::ValuesS);
    if (w.avx) {
        w.a.vandps(d, x, mask);
    } else {
        w.a.movaps(d, x);
        w.a.andps(d, mask);
    }
}

Address least_normal(VectorEmitter& w, Precision precision) {
    return w.constant(precision == Precision::Double ? VectorConstant::LeastNormalsD : VectorConstant::LeastNormalsS);
}

/// d = mask of elements, or of the lowest one, that are NaNs or the smallest normal number of either sign. What is
/// in other elements must not be compared: it may be signalling NaNs. May change xmm2, in hosts without AVX.
void suspicious_products(VectorEmitter& w, Precision precision, bool all, const Xmm& d, const Xmm& x) {
    constexpr uint8_t kEqualOrUnordered = 8;
    const bool wide = precision == Precision::Double;
    const Address least = least_normal(w, precision);
    absolute(w, precision, d, x);
    if (!w.avx) {
        wide ? w.a.pcmpeqq(d, least) : w.a.pcmpeqd(d, least);
        unordered(w, precision, all, xmm2, x, x);
        w.a.por(d, xmm2);
    } else if (all) {
        wide ? w.a.vcmppd(d, d, least, kEqualOrUnordered) : w.a.vcmpps(d, d, least, kEqualOrUnordered);
    } else {
        wide ? w.a.vcmpsd(d, d, least, kEqualOrUnordered) : w.a.vcmpss(d, d, least, kEqualOrUnordered);
    }
}

/// xmm0 = x, y in its two elements, or its four twice.
void pack(VectorEmitter& w, Precision precision, const Xmm& x, const Xmm& y) {
    const bool wide = precision == Precision::Double;
    if (w.avx) {
        wide ? w.a.vunpcklpd(xmm0, x, y) : w.a.vunpcklps(xmm0, x, y);
    } else {
        w.copy(xmm0, x);
        wide ? w.a.unpcklpd(xmm0, y) : w.a.unpcklps(xmm0, y);
    }
    if (!wide) w.a.movddup(xmm0, xmm0);
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
        // Unordered is equal, too.
        absolute(w, precision, xmm1, x);
        precision == Precision::Double ? w.a.ucomisd(xmm1, least_normal(w, precision))
                                       : w.a.ucomiss(xmm1, least_normal(w, precision));
        w.a.je(w.fix_up(), Generator::T_NEAR);
        return;
    }
    suspicious_products(w, precision, false, xmm1, x);
    to_rcx(w, precision, xmm1);
    check_rcx(w);
}

void emit_round_away(VectorEmitter& w, Precision precision, const Xmm& to, const Xmm& n) {
    constexpr uint8_t kToZeroQuietly = 8 + 3, kLessEqual = 2;
    const bool wide = precision == Precision::Double;
    if (wide) {
        w.a.movq(rax, n);
        w.a.mov(rcx, uint64_t{1023 + 52} << 53); // 2^52, without the sign's place
        w.a.add(rax, rax);
        w.a.cmp(rax, rcx);
    } else {
        w.a.movd(eax, n);
        w.a.add(eax, eax);
        w.a.cmp(eax, (127u + 23) << 24);
    }
    w.a.jae(w.fix_up(), Generator::T_NEAR);
    w.zero(to);
    wide ? w.a.roundsd(to, n, kToZeroQuietly) : w.a.roundss(to, n, kToZeroQuietly);
    // The fraction is exact. Where it is a half or more one is added, else zero, both with the number's sign: so a zero
    // keeps its own.
    w.a.movaps(xmm1, n);
    wide ? w.a.subsd(xmm1, to) : w.a.subss(xmm1, to);
    w.a.andps(xmm1, w.constant(wide ? VectorConstant::ValueD : VectorConstant::ValueS));
    w.a.movaps(xmm2, w.constant(wide ? VectorConstant::HalfD : VectorConstant::HalfS));
    wide ? w.a.cmpsd(xmm2, xmm1, kLessEqual) : w.a.cmpss(xmm2, xmm1, kLessEqual);
    w.a.andps(xmm2, w.constant(wide ? VectorConstant::OneD : VectorConstant::OneS));
    w.a.movaps(xmm1, w.constant(wide ? VectorConstant::SignD : VectorConstant::SignS));
    w.a.andps(xmm1, n);
    w.a.orps(xmm2, xmm1);
    wide ? w.a.addsd(to, xmm2) : w.a.addss(to, xmm2);
}

void check_signs(VectorEmitter& w, Precision precision, const Xmm& x) {
    check_mask_of_signs(
        w, [&](const Reg32& to) { precision == Precision::Double ? w.a.movmskpd(to, x) : w.a.movmskps(to, x); });
}

void check_bytes(VectorEmitter& w, const Xmm& x) {
    check_mask_of_signs(w, [&](const Reg32& to) { w.a.pmovmskb(to, x); });
}

void check_mask(VectorEmitter& w, const Xmm& x) { check_signs(w, Precision::Single, x); }

void check_all_ordered(VectorEmitter& w, Precision precision, const Xmm& x, const Xmm& y, const Xmm& scratch) {
    unordered(w, precision, true, scratch, x, y);
    check_mask(w, scratch);
}

void check_all_products(VectorEmitter& w, Precision precision, const Xmm& x) {
    suspicious_products(w, precision, true, xmm1, x);
    check_mask(w, xmm1);
}

void check_products(VectorEmitter& w, Precision precision, std::span<const uint8_t> products) {
    if (products.size() == 1) {
        check_product(w, precision, w.use(products[0]));
        return;
    }
    bool collected = false; // In xmm2
    for (size_t i = 0; i < products.size(); i += 2) {
        const bool last = i + 2 >= products.size();
        pack(w, precision, w.use(products[i]), w.use(products[i + 1 < products.size() ? i + 1 : i]));
        const bool collects = w.avx && !last;
        suspicious_products(w, precision, true, collects && !collected ? xmm2 : xmm1, xmm0);
        if (collected) w.a.vorps(collects ? xmm2 : xmm1, xmm1, xmm2);
        collected |= collects;
        if (!collects) check_mask(w, xmm1);
    }
}

Xmm elements(VectorEmitter& w, const arm64::Insn& insn) {
    const Xmm n = w.use(insn.rn);
    if (is_full(insn)) return n;
    w.a.movddup(xmm0, n);
    return xmm0;
}

void emit_round_all_away(VectorEmitter& w, Precision precision, const Xmm& to, const Xmm& n) {
    constexpr uint8_t kToZeroQuietly = 8 + 3, kLessEqual = 2;
    const bool wide = precision == Precision::Double;
    const Address signs = w.constant(wide ? VectorConstant::SignsD : VectorConstant::SignsS);
    // As integers, the formats of numbers without their sign are in order.
    absolute(w, precision, xmm1, n);
    w.immediate(xmm2, wide ? (uint64_t{1023 + 52} << 52) - 1 : 0x4AFFFFFF4AFFFFFF, true);
    wide ? w.a.pcmpgtq(xmm1, xmm2) : w.a.pcmpgtd(xmm1, xmm2);
    check_mask(w, xmm1);
    wide ? w.a.roundpd(to, n, kToZeroQuietly) : w.a.roundps(to, n, kToZeroQuietly);
    w.a.movaps(xmm1, n);
    wide ? w.a.subpd(xmm1, to) : w.a.subps(xmm1, to);
    w.a.andps(xmm1, w.constant(wide ? VectorConstant::ValuesD : VectorConstant::ValuesS));
    w.immediate(xmm2, wide ? 0x3FE0000000000000 : 0x3F0000003F000000, true);
    wide ? w.a.cmppd(xmm2, xmm1, kLessEqual) : w.a.cmpps(xmm2, xmm1, kLessEqual);
    w.immediate(xmm1, wide ? 0x3FF0000000000000 : 0x3F8000003F800000, true);
    w.a.andps(xmm2, xmm1);
    w.a.movaps(xmm1, signs);
    w.a.andps(xmm1, n);
    w.a.orps(xmm2, xmm1);
    wide ? w.a.addpd(to, xmm2) : w.a.addps(to, xmm2);
}

} // namespace beeline::translate
