// Conversions between floating-point formats.
#include "translate/float_formats.h"

#include "translate/float_half.h"
#include "translate/vector_shifts.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;

void round_to_odd(VectorEmitter& w) {
    // Adding all ones to what is lost carries into the last bit that is kept.
    w.a.movaps(xmm2, w.constant(VectorConstant::LostBits));
    w.a.movaps(xmm1, xmm0);
    w.a.pand(xmm1, xmm2);
    w.a.paddq(xmm1, xmm2);
    w.a.por(xmm0, xmm1);
    w.a.pandn(xmm2, xmm0);
    w.a.cvtpd2ps(xmm0, xmm2);
}

namespace {

enum class Format { Half, Single, Double };

bool supported(const VectorEmitter& w, bool with_halves) { return with_halves ? half::supported(w) : !w.flushes; }

/// To a wider format: exact, but for NaNs.
template <Format from, Format to> bool widen(VectorEmitter& w, const Insn& insn) {
    constexpr bool of_half = from == Format::Half, to_double = to == Format::Double;
    if (!supported(w, of_half)) return false;
    const Xmm n = w.use(insn.rn);
    if (of_half)
        half::widen(w, insn, xmm0, n);
    else
        w.zero(xmm0);
    if (to_double) w.a.cvtss2sd(xmm0, of_half ? xmm0 : n);
    check_ordered(w, to_double ? Precision::Double : Precision::Single, xmm0, xmm0);
    w.finish(insn.rd, true, xmm0);
    w.v.set_significant(insn.rd, to_double ? 8 : 4);
    return true;
}

bool double_to_single(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Xmm n = w.use(insn.rn);
    w.zero(xmm0);
    w.a.cvtsd2ss(xmm0, n);
    check_product(w, Precision::Single, xmm0);
    w.finish(insn.rd, true, xmm0);
    w.v.set_significant(insn.rd, 4);
    return true;
}

/// From double precision by way of single precision, rounded to odd; what is too small for that is zero, or in directed
/// rounding the smallest number, in half precision.
template <Format from> bool to_half(VectorEmitter& w, const Insn& insn) {
    if (!half::supported(w)) return false;
    if (from == Format::Double) {
        w.a.movq(xmm0, w.use(insn.rn));
        round_to_odd(w);
    } else {
        w.a.insertps(xmm0, w.use(insn.rn), 0x0E);
    }
    half::narrow(w, insn, xmm0);
    half::check_results(w);
    half::finish(w, insn);
    return true;
}

/// Of the lower or, "2", the upper half of rn.
template <Format from> bool lengthen(VectorEmitter& w, const Insn& insn) {
    constexpr bool of_half = from == Format::Half;
    if (!supported(w, of_half)) return false;
    Xmm n = w.use(insn.rn);
    if (is_full(insn)) {
        w.a.pshufd(xmm0, n, 0xEE);
        n = xmm0;
    }
    of_half ? w.a.vcvtph2ps(xmm0, n) : w.a.cvtps2pd(xmm0, n);
    check_all_ordered(w, of_half ? Precision::Single : Precision::Double, xmm0, xmm0);
    w.finish(insn.rd, true, xmm0);
    return true;
}

template <Format to> bool shorten(VectorEmitter& w, const Insn& insn) {
    constexpr bool to_half = to == Format::Half;
    if (!supported(w, to_half)) return false;
    const Xmm n = w.use(insn.rn);
    if (to_half) {
        w.a.vcvtps2ph(xmm0, n, half::kAsMxcsrSays);
        half::check_results(w);
    } else {
        w.a.cvtpd2ps(xmm0, n);
        check_all_products(w, Precision::Single, xmm0);
    }
    finish_narrow(w, insn, xmm0);
    return true;
}

/// FCVTXN: rounding to odd, so that a result may be rounded again. Numbers that are not normal in single precision go
/// to the fix-up.
bool shorten_to_odd(VectorEmitter& w, const Insn& insn) {
    constexpr uint64_t kLeast = 0x3810000000000000, kGreatest = 0x47EFFFFFE0000000, kSign = uint64_t{1} << 63;
    if (w.flushes) return false;
    const Xmm n = w.use(insn.rn);
    is_scalar(insn) ? w.a.movddup(xmm0, n) : w.a.movaps(xmm0, n);
    const Xmm great = w.v.temporary();
    w.a.movaps(xmm1, xmm0);
    w.a.andps(xmm1, w.constant(VectorConstant::ValuesD));
    w.immediate(great, kSign - kGreatest - 1, true);
    w.a.paddq(great, xmm1);
    w.immediate(xmm2, kLeast, true);
    w.a.psubq(xmm1, xmm2);
    w.a.por(xmm1, great);
    check_signs(w, Precision::Double, xmm1);
    w.a.cvtpd2ps(xmm1, xmm0); // For inexact alone.
    round_to_odd(w);
    if (is_scalar(insn))
        w.finish_scalar(insn.rd, 2, xmm0);
    else
        finish_narrow(w, insn, xmm0);
    return true;
}

} // namespace

void add_float_formats(VectorTable& t) {
    t[Op::FCVT_h_to_s] = widen<Format::Half, Format::Single>;
    t[Op::FCVT_h_to_d] = widen<Format::Half, Format::Double>;
    t[Op::FCVT_s_to_d] = widen<Format::Single, Format::Double>;
    t[Op::FCVT_s_to_h] = to_half<Format::Single>;
    t[Op::FCVT_d_to_h] = to_half<Format::Double>;
    t[Op::FCVT_d_to_s] = double_to_single;
    t[Op::FCVTL_s_from_h] = lengthen<Format::Half>;
    t[Op::FCVTL_d_from_s] = lengthen<Format::Single>;
    t[Op::FCVTN_h_from_s] = shorten<Format::Half>;
    t[Op::FCVTN_s_from_d] = shorten<Format::Single>;
    t[Op::FCVTXN_scalar] = t[Op::FCVTXN_vector] = shorten_to_odd;
}

} // namespace beeline::translate
