// Floating point in half precision, and conversions to and from it (Arm ARM C4.1.90, C4.1.97).
//
// Elements are computed in single precision and rounded to half precision after that. Rounding twice is as good as
// once: single precision has twice the bits and two more, which is enough for sums, products, quotients and roots [1],
// and a result that is inexact at first stays so. Fused operations are done in double precision, and on their way to
// single precision rounded to odd: the last bit that is kept tells whether anything was lost.
//
// [1] S. A. Figueroa, When is double rounding innocuous?, SIGNUM Newsletter 30(3), 1995.
#include "translate/float_checks.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using Generator = Xbyak::CodeGenerator;
using Xbyak::Ymm;

namespace {

constexpr uint8_t kAsMxcsrSays = 4;
constexpr unsigned kHalf = 1; ///< log2 of its bytes.

bool supported(const VectorEmitter& w) { return !w.flushes && w.e.host.f16c && w.e.host.avx2 && w.e.host.fma; }

/// The host register for the elements of `insn` in single precision: of 256 bits for eight of them.
Xmm sized(const Insn& insn, const Xmm& x) { return is_full(insn) ? Xmm(Ymm(x.getIdx())) : x; }

/// to = halves of `from` in single precision. Of scalars the other elements are zero.
void widen(VectorEmitter& w, const Insn& insn, const Xmm& to, const Xmm& from) {
    if (!is_scalar(insn)) {
        w.a.vcvtph2ps(sized(insn, to), from);
        return;
    }
    w.zero(xmm2);
    w.a.pblendw(xmm2, from, 1);
    w.a.vcvtph2ps(to, xmm2);
}

/// Fix-up for NaNs in x.
void check_numbers(VectorEmitter& w, const Xmm& x) {
    w.a.vpand(xmm1, x, w.constant(VectorConstant::ValuesH));
    w.a.vpcmpgtw(xmm1, xmm1, w.constant(VectorConstant::InfinitiesH));
    check_bytes(w, xmm1);
}

/// Fix-up for NaNs, and for the smallest normal number, which may be underflow, in xmm0.
void check_results(VectorEmitter& w) {
    w.a.vpand(xmm1, xmm0, w.constant(VectorConstant::ValuesH));
    w.a.vpcmpeqw(xmm2, xmm1, w.constant(VectorConstant::LeastNormalsH));
    w.a.vpcmpgtw(xmm1, xmm1, w.constant(VectorConstant::InfinitiesH));
    w.a.vpor(xmm1, xmm1, xmm2);
    check_bytes(w, xmm1);
}

/// xmm0 = x, of single precision, rounded.
void narrow(VectorEmitter& w, const Insn& insn, const Xmm& x) {
    w.a.vcvtps2ph(xmm0, sized(insn, x), kAsMxcsrSays);
    if (is_full(insn)) w.a.vzeroupper();
}

void finish(VectorEmitter& w, const Insn& insn) {
    if (is_scalar(insn))
        w.finish_scalar(insn.rd, kHalf, xmm0);
    else
        w.finish(insn.rd, is_full(insn), xmm0);
}

/// The second operand.
using Source = Xmm (*)(VectorEmitter& w, const Insn& insn);
Xmm by_register(VectorEmitter& w, const Insn& insn) { return w.use(insn.rm); }
Xmm by_element(VectorEmitter& w, const Insn& insn) {
    const Xmm m = w.v.temporary();
    w.duplicate(m, w.use(insn.rm), kHalf, insn.aux[0]);
    return m;
}

struct Binary {
    FloatOperation3 scalar, packed;
    void emit(VectorEmitter& w, const Insn& insn, const Xmm& d, const Xmm& n, const Xmm& m) const {
        (w.a.*(is_scalar(insn) ? scalar : packed))(sized(insn, d), sized(insn, n), sized(insn, m));
    }
};
constexpr Binary kAdd{&Generator::vaddss, &Generator::vaddps}, kSub{&Generator::vsubss, &Generator::vsubps},
    kMul{&Generator::vmulss, &Generator::vmulps}, kDiv{&Generator::vdivss, &Generator::vdivps},
    kMax{&Generator::vmaxss, &Generator::vmaxps}, kMin{&Generator::vminss, &Generator::vminps};

enum class Then { Nothing, Negate, ClearSign };

template <const Binary& op, Source source = by_register, Then then = Then::Nothing>
bool binary(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm n = w.use(insn.rn), m = source(w, insn);
    widen(w, insn, xmm0, n);
    widen(w, insn, xmm1, m);
    op.emit(w, insn, xmm0, xmm0, xmm1);
    narrow(w, insn, xmm0);
    check_results(w);
    if (then == Then::Negate) w.a.pxor(xmm0, w.constant(VectorConstant::SignsH));
    if (then == Then::ClearSign) w.a.pand(xmm0, w.constant(VectorConstant::ValuesH));
    finish(w, insn);
    return true;
}

/// See the single-precision form.
template <bool maximum> bool extreme(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm n = w.v.temporary(), m = w.v.temporary();
    // NaNs in elements that do not take part are none of its business.
    const auto keep = [&](const Xmm& to, const Xmm& from) {
        if (is_full(insn)) {
            w.a.movaps(to, from);
        } else if (is_scalar(insn)) {
            w.zero(to);
            w.a.pblendw(to, from, 1);
        } else {
            w.a.movq(to, from);
        }
    };
    keep(n, w.use(insn.rn));
    keep(m, w.use(insn.rm));
    check_numbers(w, n);
    check_numbers(w, m);
    const Binary& op = maximum ? kMax : kMin;
    widen(w, insn, xmm0, n);
    widen(w, insn, xmm1, m);
    const Xmm x = sized(insn, xmm0), y = sized(insn, xmm1), other = sized(insn, xmm2);
    op.emit(w, insn, other, y, x);
    op.emit(w, insn, x, x, y);
    maximum ? w.a.vandps(x, x, other) : w.a.vorps(x, x, other);
    narrow(w, insn, xmm0);
    finish(w, insn);
    return true;
}

bool square_root(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    widen(w, insn, xmm0, w.use(insn.rn));
    if (is_scalar(insn))
        w.a.vsqrtss(xmm0, xmm0, xmm0);
    else
        w.a.vsqrtps(sized(insn, xmm0), sized(insn, xmm0));
    narrow(w, insn, xmm0);
    check_results(w);
    finish(w, insn);
    return true;
}

/// Modes as in single precision.
template <uint8_t mode> bool round(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    widen(w, insn, xmm0, w.use(insn.rn));
    w.a.vroundps(sized(insn, xmm0), sized(insn, xmm0), mode);
    narrow(w, insn, xmm0);
    check_results(w);
    finish(w, insn);
    return true;
}

template <Then then> bool change_sign(VectorEmitter& w, const Insn& insn) {
    w.a.movaps(xmm0, w.use(insn.rn));
    if (then == Then::Negate)
        w.a.pxor(xmm0, w.constant(VectorConstant::SignsH));
    else
        w.a.pand(xmm0, w.constant(VectorConstant::ValuesH));
    finish(w, insn);
    return true;
}

// ---- fused operations -----------------------------------------------------------------------------------------------

/// `to` = x, of double precision, in single precision, rounded to odd. Changes x, `lost` and xmm2.
void round_to_odd(VectorEmitter& w, const Xmm& to, const Ymm& x, const Ymm& lost) {
    // Adding all ones to what is lost carries into the last bit that is kept.
    w.a.vbroadcastf128(lost, w.constant(VectorConstant::LostBits));
    w.a.vpand(Ymm(2), x, lost);
    w.a.vpaddq(Ymm(2), Ymm(2), lost);
    w.a.vpor(x, x, Ymm(2));
    w.a.vpandn(x, lost, x);
    w.a.vcvtpd2ps(to, x);
}

using Fused = void (Generator::*)(const Xmm&, const Xmm&, const Operand&);

/// rd = sum + n * m with signs, element by element; other elements of scalars have zeros for all three.
template <Fused op> void emit_fused(VectorEmitter& w, const Insn& insn, const Xmm& n, const Xmm& m, const Xmm& sum) {
    const Xmm result = w.v.temporary(), first = w.v.temporary();
    const auto four = [&](unsigned half) { // Of elements, in xmm0 in single precision.
        const auto load = [&](const Xmm& to, const Xmm& from) {
            Xmm source = from;
            if (is_scalar(insn)) {
                w.zero(to);
                w.a.pblendw(to, from, 1);
                source = to;
            } else if (half != 0) {
                w.a.pshufd(to, from, 0xEE);
                source = to;
            }
            w.a.vcvtph2ps(to, source);
            w.a.vcvtps2pd(Ymm(to.getIdx()), to);
        };
        load(xmm0, sum);
        load(xmm1, n);
        load(xmm2, m);
        (w.a.*op)(Ymm(0), Ymm(1), Ymm(2));
        round_to_odd(w, xmm0, Ymm(0), Ymm(1));
    };
    four(0);
    w.a.vcvtps2ph(first, xmm0, kAsMxcsrSays);
    if (is_full(insn)) {
        four(1);
        w.a.vcvtps2ph(result, xmm0, kAsMxcsrSays);
        w.a.punpcklqdq(first, result);
    }
    w.a.vzeroupper();
    w.a.movaps(xmm0, first);
    check_results(w);
    finish(w, insn);
}

template <Fused op, Source source = by_register> bool multiply_add(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm n = w.use(insn.rn), m = source(w, insn), sum = w.use(insn.rd);
    emit_fused<op>(w, insn, n, m, sum);
    return true;
}

template <Fused op> bool fused(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm), sum = w.use(insn.ra);
    emit_fused<op>(w, insn, n, m, sum);
    return true;
}

// ---- comparisons ----------------------------------------------------------------------------------------------------

template <bool signalling, bool with_zero> bool compare_flags(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    widen(w, insn, xmm0, w.use(insn.rn));
    if (with_zero)
        w.zero(xmm1);
    else
        widen(w, insn, xmm1, w.use(insn.rm));
    signalling ? w.a.comiss(xmm0, xmm1) : w.a.ucomiss(xmm0, xmm1);
    w.e.define_flags(FlagPlace::Float);
    return true;
}

/// As in single precision: equal raises invalid operation for signalling NaNs, the others for all.
enum class Predicate : uint8_t { Equal = 0, Less = 1, LessEqual = 2 };

/// rd = mask of elements where xmm0 `predicate` xmm1.
void finish_comparison(VectorEmitter& w, const Insn& insn, Predicate predicate) {
    const Xmm x = sized(insn, xmm0), y = sized(insn, xmm1);
    w.a.vcmpps(x, x, y, static_cast<uint8_t>(predicate));
    if (is_full(insn)) {
        w.a.vextractf128(xmm1, Ymm(0), 1);
        w.a.vzeroupper();
        w.a.packssdw(xmm0, xmm1);
    } else {
        w.a.packssdw(xmm0, xmm0);
    }
    finish(w, insn);
}

/// n > m is m < n.
template <Predicate predicate, bool absolute> bool compare(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    if (absolute) {
        const Xmm plain = w.v.temporary();
        w.a.vpand(plain, m, w.constant(VectorConstant::ValuesH));
        widen(w, insn, xmm0, plain);
        w.a.vpand(plain, n, w.constant(VectorConstant::ValuesH));
        widen(w, insn, xmm1, plain);
    } else {
        widen(w, insn, xmm0, m);
        widen(w, insn, xmm1, n);
    }
    finish_comparison(w, insn, predicate);
    return true;
}

template <Predicate predicate, bool zero_first> bool compare_zero(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm x = zero_first ? xmm1 : xmm0, zero = zero_first ? xmm0 : xmm1;
    widen(w, insn, x, w.use(insn.rn));
    w.a.vpxor(zero, zero, zero);
    finish_comparison(w, insn, predicate);
    return true;
}

// ---- conversions ----------------------------------------------------------------------------------------------------

template <bool is_signed> bool from_integers(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm x = sized(insn, xmm0);
    Xmm n = w.use(insn.rn);
    if (is_scalar(insn)) {
        w.zero(xmm1);
        w.a.pblendw(xmm1, n, 1);
        n = xmm1;
    }
    is_signed ? w.a.vpmovsxwd(x, n) : w.a.vpmovzxwd(x, n);
    w.a.vcvtdq2ps(x, x);
    narrow(w, insn, xmm0);
    finish(w, insn);
    return true;
}

bool half_to_single(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    widen(w, insn, xmm0, w.use(insn.rn));
    check_ordered(w, Precision::Single, xmm0, xmm0);
    w.finish(insn.rd, true, xmm0);
    w.v.set_significant(insn.rd, 4);
    return true;
}

bool half_to_double(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    widen(w, insn, xmm0, w.use(insn.rn));
    w.zero(xmm1);
    w.a.cvtss2sd(xmm1, xmm0);
    w.a.movaps(xmm0, xmm1);
    check_ordered(w, Precision::Double, xmm0, xmm0);
    w.finish(insn.rd, true, xmm0);
    w.v.set_significant(insn.rd, 8);
    return true;
}

bool single_to_half(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    w.a.insertps(xmm0, w.use(insn.rn), 0x0E);
    w.a.vcvtps2ph(xmm0, xmm0, kAsMxcsrSays);
    check_results(w);
    finish(w, insn);
    return true;
}

bool lengthen(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    Xmm n = w.use(insn.rn);
    if (is_full(insn)) {
        w.a.pshufd(xmm0, n, 0xEE);
        n = xmm0;
    }
    w.a.vcvtph2ps(xmm0, n);
    check_all_ordered(w, Precision::Single, xmm0, xmm0);
    w.finish(insn.rd, true, xmm0);
    return true;
}

bool shorten(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    w.a.vcvtps2ph(xmm0, w.use(insn.rn), kAsMxcsrSays);
    check_results(w);
    if (is_full(insn)) {
        w.use(insn.rd);
        w.a.punpcklqdq(w.define(insn.rd), xmm0);
        w.finish(insn.rd, true);
    } else {
        w.finish(insn.rd, true, xmm0);
    }
    return true;
}

} // namespace

void add_half_float(VectorTable& t) {
    t[Op::FADD_scalar_half] = t[Op::FADD_vector_half] = binary<kAdd>;
    t[Op::FSUB_scalar_half] = t[Op::FSUB_vector_half] = binary<kSub>;
    t[Op::FMUL_scalar_half] = t[Op::FMUL_vector_half] = binary<kMul>;
    t[Op::FDIV_scalar_half] = t[Op::FDIV_vector_half] = binary<kDiv>;
    t[Op::FMUL_element_h] = t[Op::FMUL_scalar_element_h] = binary<kMul, by_element>;
    t[Op::FNMUL_scalar_half] = binary<kMul, by_register, Then::Negate>;
    t[Op::FABD_scalar_half] = t[Op::FABD_vector_half] = binary<kSub, by_register, Then::ClearSign>;
    t[Op::FMAX_scalar_half] = t[Op::FMAXNM_scalar_half] = extreme<true>;
    t[Op::FMIN_scalar_half] = t[Op::FMINNM_scalar_half] = extreme<false>;
    t[Op::FMAX_vector_half] = t[Op::FMAXNM_vector_half] = extreme<true>;
    t[Op::FMIN_vector_half] = t[Op::FMINNM_vector_half] = extreme<false>;
    t[Op::FSQRT_scalar_half] = t[Op::FSQRT_vector_half] = square_root;
    t[Op::FABS_scalar_half] = t[Op::FABS_vector_half] = change_sign<Then::ClearSign>;
    t[Op::FNEG_scalar_half] = t[Op::FNEG_vector_half] = change_sign<Then::Negate>;
    t[Op::FRINTN_scalar_half] = t[Op::FRINTN_vector_half] = round<8 + 0>;
    t[Op::FRINTM_scalar_half] = t[Op::FRINTM_vector_half] = round<8 + 1>;
    t[Op::FRINTP_scalar_half] = t[Op::FRINTP_vector_half] = round<8 + 2>;
    t[Op::FRINTZ_scalar_half] = t[Op::FRINTZ_vector_half] = round<8 + 3>;
    t[Op::FRINTI_scalar_half] = t[Op::FRINTI_vector_half] = round<8 + 4>;
    t[Op::FRINTX_scalar_half] = t[Op::FRINTX_vector_half] = round<4>;

    t[Op::FMLA_vector_half] = multiply_add<&Generator::vfmadd231pd>;
    t[Op::FMLS_vector_half] = multiply_add<&Generator::vfnmadd231pd>;
    t[Op::FMLA_element_h] = t[Op::FMLA_scalar_element_h] = multiply_add<&Generator::vfmadd231pd, by_element>;
    t[Op::FMLS_element_h] = t[Op::FMLS_scalar_element_h] = multiply_add<&Generator::vfnmadd231pd, by_element>;
    t[Op::FMADD_scalar_half] = fused<&Generator::vfmadd231pd>;
    t[Op::FMSUB_scalar_half] = fused<&Generator::vfnmadd231pd>;
    t[Op::FNMADD_scalar_half] = fused<&Generator::vfnmsub231pd>;
    t[Op::FNMSUB_scalar_half] = fused<&Generator::vfmsub231pd>;

    t[Op::FCMP_scalar_half] = compare_flags<false, false>;
    t[Op::FCMPE_scalar_half] = compare_flags<true, false>;
    t[Op::FCMP_zero_scalar_half] = compare_flags<false, true>;
    t[Op::FCMPE_zero_scalar_half] = compare_flags<true, true>;
    t[Op::FCMEQ_vector_half] = t[Op::FCMEQ_scalar_half] = compare<Predicate::Equal, false>;
    t[Op::FCMGE_vector_half] = t[Op::FCMGE_scalar_half] = compare<Predicate::LessEqual, false>;
    t[Op::FCMGT_vector_half] = t[Op::FCMGT_scalar_half] = compare<Predicate::Less, false>;
    t[Op::FACGE_vector_half] = t[Op::FACGE_scalar_half] = compare<Predicate::LessEqual, true>;
    t[Op::FACGT_vector_half] = t[Op::FACGT_scalar_half] = compare<Predicate::Less, true>;
    t[Op::FCMEQ_zero_vector_half] = t[Op::FCMEQ_zero_scalar_half] = compare_zero<Predicate::Equal, false>;
    t[Op::FCMGE_zero_vector_half] = t[Op::FCMGE_zero_scalar_half] = compare_zero<Predicate::LessEqual, true>;
    t[Op::FCMGT_zero_vector_half] = t[Op::FCMGT_zero_scalar_half] = compare_zero<Predicate::Less, true>;
    t[Op::FCMLE_zero_vector_half] = t[Op::FCMLE_zero_scalar_half] = compare_zero<Predicate::LessEqual, false>;
    t[Op::FCMLT_zero_vector_half] = t[Op::FCMLT_zero_scalar_half] = compare_zero<Predicate::Less, false>;

    t[Op::SCVTF_vector_half] = t[Op::SCVTF_simd_scalar_half] = from_integers<true>;
    t[Op::UCVTF_vector_half] = t[Op::UCVTF_simd_scalar_half] = from_integers<false>;
    t[Op::FCVT_h_to_s] = half_to_single;
    t[Op::FCVT_h_to_d] = half_to_double;
    t[Op::FCVT_s_to_h] = single_to_half;
    t[Op::FCVTL_s_from_h] = lengthen;
    t[Op::FCVTN_h_from_s] = shorten;
}

} // namespace beeline::translate
