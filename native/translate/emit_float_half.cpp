// Floating point in half precision (Arm ARM C4.1.90, C4.1.97).
//
// Elements are computed in single precision and rounded to half precision after that. Rounding twice is as good as
// once: single precision has twice the bits and two more, which is enough for sums, products, quotients and roots [1],
// and a result that is inexact at first stays so. Fused operations are done in double precision, and on their way to
// single precision rounded to odd: the last bit that is kept tells whether anything was lost.
//
// [1] S. A. Figueroa, When is double rounding innocuous?, SIGNUM Newsletter 30(3), 1995.
#include "translate/float_half.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using Generator = Xbyak::CodeGenerator;
using Xbyak::Ymm;
using namespace half;

void half::widen(VectorEmitter& w, const Insn& insn, const Xmm& to, const Xmm& from) {
    if (!is_scalar(insn)) {
        w.a.vcvtph2ps(sized(insn, to), from);
        return;
    }
    w.zero(xmm2);
    w.a.pblendw(xmm2, from, 1);
    w.a.vcvtph2ps(to, xmm2);
}

void half::narrow(VectorEmitter& w, const Insn& insn, const Xmm& x) {
    w.a.vcvtps2ph(xmm0, sized(insn, x), kAsMxcsrSays);
    if (is_full(insn)) w.a.vzeroupper();
}

void half::spread(VectorEmitter& w, const Insn& insn, const Xmm& to, const Xmm& from) {
    if (is_scalar(insn))
        w.duplicate(to, from, kSize, 0);
    else if (is_full(insn))
        w.copy(to, from);
    else
        w.a.movddup(to, from);
}

void half::add_half(VectorEmitter& w, const Insn& insn) {
    const Xmm x = sized(insn, xmm0), y = sized(insn, xmm1), z = sized(insn, xmm2);
    w.a.vpcmpeqd(y, y, y);
    w.a.vpslld(y, y, 31);
    w.a.vpand(y, y, x);
    w.a.mov(eax, 0x3F000000);
    w.a.movd(xmm2, eax);
    w.a.vpbroadcastd(z, xmm2);
    w.a.vpor(y, y, z);
    w.a.vaddps(x, x, y);
}

void half::check_numbers(VectorEmitter& w, const Xmm& x) {
    w.a.movaps(xmm1, x);
    w.a.pand(xmm1, w.constant(VectorConstant::ValuesH));
    w.a.pcmpgtw(xmm1, w.constant(VectorConstant::InfinitiesH));
    check_bytes(w, xmm1);
}

void half::check_results(VectorEmitter& w) {
    w.a.vpand(xmm1, xmm0, w.constant(VectorConstant::ValuesH));
    w.a.vpcmpeqw(xmm2, xmm1, w.constant(VectorConstant::LeastNormalsH));
    w.a.vpcmpgtw(xmm1, xmm1, w.constant(VectorConstant::InfinitiesH));
    w.a.vpor(xmm1, xmm1, xmm2);
    check_bytes(w, xmm1);
}

void half::finish(VectorEmitter& w, const Insn& insn) {
    if (is_scalar(insn))
        w.finish_scalar(insn.rd, kSize, xmm0);
    else
        w.finish(insn.rd, is_full(insn), xmm0);
}

namespace {

struct Operands {
    Xmm n, m;
};
using Source = Operands (*)(VectorEmitter& w, const Insn& insn);

Operands by_register(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn);
    return {n, w.use(insn.rm)};
}
Operands by_element(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.v.temporary();
    w.duplicate(m, w.use(insn.rm), kSize, insn.aux[0]);
    return {n, m};
}

/// The even and the odd elements of rm:rn; of rn alone, scalar.
Operands pairs(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.v.temporary(), m = w.v.temporary();
    w.a.movaps(n, w.use(insn.rn));
    if (is_scalar(insn)) {
        w.a.movaps(m, n);
        w.a.psrld(m, 16);
        return {n, m};
    }
    const Address unzip = w.constant(VectorConstant::UnzipHalfwords);
    if (is_full(insn)) {
        w.a.pshufb(n, unzip);
        w.a.movaps(xmm0, w.use(insn.rm));
        w.a.pshufb(xmm0, unzip);
        w.a.movaps(m, n);
        w.a.punpcklqdq(n, xmm0);
        w.a.punpckhqdq(m, xmm0);
    } else {
        w.a.punpcklqdq(n, w.use(insn.rm));
        w.a.pshufb(n, unzip);
        w.a.pshufd(m, n, 0xEE);
    }
    return {n, m};
}

struct Binary {
    FloatOperation3 scalar, packed;
    void emit(VectorEmitter& w, const Insn& insn, const Xmm& d, const Xmm& n, const Xmm& m) const {
        (w.a.*(is_scalar(insn) ? scalar : packed))(sized(insn, d), sized(insn, n), sized(insn, m));
    }
};
constexpr Binary kAdd{&Generator::vaddss, &Generator::vaddps}, kSub{&Generator::vsubss, &Generator::vsubps},
    kMul{&Generator::vmulss, &Generator::vmulps}, kDiv{&Generator::vdivss, &Generator::vdivps};

enum class Then { Nothing, Negate, ClearSign };

/// xmm0 = n op m.
void emit_binary(VectorEmitter& w, const Insn& insn, const Binary& op, const Operands& operands) {
    widen(w, insn, xmm0, operands.n);
    widen(w, insn, xmm1, operands.m);
    op.emit(w, insn, xmm0, xmm0, xmm1);
    narrow(w, insn, xmm0);
    check_results(w);
}

template <const Binary& op, Source source = by_register, Then then = Then::Nothing>
bool binary(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    emit_binary(w, insn, op, source(w, insn));
    if (then == Then::Negate) w.a.pxor(xmm0, w.constant(VectorConstant::SignsH));
    if (then == Then::ClearSign) w.a.pand(xmm0, w.constant(VectorConstant::ValuesH));
    finish(w, insn);
    return true;
}

/// Fix-up for infinities and NaNs among the elements of `insn`; changes xmm1, xmm2.
void check_finite(VectorEmitter& w, const Insn& insn, const Xmm& x) {
    spread(w, insn, xmm1, x);
    w.a.pand(xmm1, w.constant(VectorConstant::ValuesH));
    w.a.paddw(xmm1, w.constant(VectorConstant::LeastNormalsH));
    w.a.psraw(xmm1, 15);
    check_bytes(w, xmm1);
}

/// FMULX: see the single-precision form.
template <Source source> bool multiply_extended(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Operands operands = source(w, insn);
    check_finite(w, insn, operands.n);
    check_finite(w, insn, operands.m);
    emit_binary(w, insn, kMul, operands);
    finish(w, insn);
    return true;
}

// ---- minimum and maximum --------------------------------------------------------------------------------------------

/// Numbers become integers in the same order, -0 below +0, and the other way round; changes xmm2.
void exchange_order(VectorEmitter& w, const Xmm& x) {
    w.a.movaps(xmm2, x);
    w.a.psraw(xmm2, 15);
    w.a.pand(xmm2, w.constant(VectorConstant::ValuesH));
    w.a.pxor(x, xmm2);
}

template <bool maximum> void greater_or_less(VectorEmitter& w, const Xmm& x, const Xmm& y) {
    maximum ? w.a.pmaxsw(x, y) : w.a.pminsw(x, y);
}

template <bool maximum, Source source = by_register> bool extreme(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Operands operands = source(w, insn);
    const Xmm m = w.v.temporary();
    spread(w, insn, xmm0, operands.n);
    spread(w, insn, m, operands.m);
    check_numbers(w, xmm0);
    check_numbers(w, m);
    exchange_order(w, xmm0);
    exchange_order(w, m);
    greater_or_less<maximum>(w, xmm0, m);
    exchange_order(w, xmm0);
    finish(w, insn);
    return true;
}

template <bool maximum> bool extreme_across(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    spread(w, insn, xmm0, w.use(insn.rn));
    check_numbers(w, xmm0);
    exchange_order(w, xmm0);
    const auto with = [&] { greater_or_less<maximum>(w, xmm0, xmm1); };
    if (is_full(insn)) {
        w.a.pshufd(xmm1, xmm0, 0x4E);
        with();
    }
    w.a.pshufd(xmm1, xmm0, 0xB1);
    with();
    w.a.movaps(xmm1, xmm0);
    w.a.psrld(xmm1, 16);
    with();
    exchange_order(w, xmm0);
    w.finish_scalar(insn.rd, kSize, xmm0);
    return true;
}

// ---- one operand ----------------------------------------------------------------------------------------------------

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

/// Ties away from zero: a half is added, which is exact in single precision, and the fraction cut off.
bool round_away(VectorEmitter& w, const Insn& insn) {
    constexpr uint8_t kToZeroQuietly = 8 + 3;
    if (!supported(w)) return false;
    widen(w, insn, xmm0, w.use(insn.rn));
    const Xmm x = sized(insn, xmm0);
    add_half(w, insn);
    w.a.vroundps(x, x, kToZeroQuietly);
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
    const auto [n, m] = source(w, insn);
    emit_fused<op>(w, insn, n, m, w.use(insn.rd));
    return true;
}

template <Fused op> bool fused(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm), sum = w.use(insn.ra);
    emit_fused<op>(w, insn, n, m, sum);
    return true;
}

/// FRECPS, FRSQRTS: see the single-precision forms.
template <bool root> bool step(VectorEmitter& w, const Insn& insn) {
    constexpr uint64_t kTwos = 0x4000400040004000, kOneAndHalves = 0x3E003E003E003E00;
    if (!supported(w)) return false;
    const Xmm n = w.v.temporary(), m = w.use(insn.rm), sum = w.v.temporary();
    spread(w, insn, n, w.use(insn.rn));
    check_finite(w, insn, n);
    check_finite(w, insn, m);
    if (root) {
        // Half of it is to be normal.
        const Address one = w.constant(VectorConstant::LeastNormalsH);
        w.a.movaps(xmm1, n);
        w.a.pand(xmm1, w.constant(VectorConstant::ValuesH));
        w.a.psubw(xmm1, one);
        w.a.psubw(xmm1, one);
        w.a.psraw(xmm1, 15);
        check_bytes(w, xmm1);
        w.a.psubw(n, one);
    }
    w.immediate(sum, root ? kOneAndHalves : kTwos, true);
    emit_fused<&Generator::vfnmadd231pd>(w, insn, n, m, sum);
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
    t[Op::FADDP_vector_half] = t[Op::FADDP_pair_h] = binary<kAdd, pairs>;
    t[Op::FMAXP_vector_half] = t[Op::FMAXNMP_vector_half] = extreme<true, pairs>;
    t[Op::FMINP_vector_half] = t[Op::FMINNMP_vector_half] = extreme<false, pairs>;
    t[Op::FMAXP_pair_h] = t[Op::FMAXNMP_pair_h] = extreme<true, pairs>;
    t[Op::FMINP_pair_h] = t[Op::FMINNMP_pair_h] = extreme<false, pairs>;
    t[Op::FMAXV_h] = t[Op::FMAXNMV_h] = extreme_across<true>;
    t[Op::FMINV_h] = t[Op::FMINNMV_h] = extreme_across<false>;
    t[Op::FMULX_scalar_half] = t[Op::FMULX_vector_half] = multiply_extended<by_register>;
    t[Op::FMULX_element_h] = t[Op::FMULX_scalar_element_h] = multiply_extended<by_element>;
    t[Op::FSQRT_scalar_half] = t[Op::FSQRT_vector_half] = square_root;
    t[Op::FABS_scalar_half] = t[Op::FABS_vector_half] = change_sign<Then::ClearSign>;
    t[Op::FNEG_scalar_half] = t[Op::FNEG_vector_half] = change_sign<Then::Negate>;
    t[Op::FRINTN_scalar_half] = t[Op::FRINTN_vector_half] = round<8 + 0>;
    t[Op::FRINTM_scalar_half] = t[Op::FRINTM_vector_half] = round<8 + 1>;
    t[Op::FRINTP_scalar_half] = t[Op::FRINTP_vector_half] = round<8 + 2>;
    t[Op::FRINTZ_scalar_half] = t[Op::FRINTZ_vector_half] = round<8 + 3>;
    t[Op::FRINTI_scalar_half] = t[Op::FRINTI_vector_half] = round<8 + 4>;
    t[Op::FRINTX_scalar_half] = t[Op::FRINTX_vector_half] = round<4>;
    t[Op::FRINTA_scalar_half] = t[Op::FRINTA_vector_half] = round_away;

    t[Op::FMLA_vector_half] = multiply_add<&Generator::vfmadd231pd>;
    t[Op::FMLS_vector_half] = multiply_add<&Generator::vfnmadd231pd>;
    t[Op::FMLA_element_h] = t[Op::FMLA_scalar_element_h] = multiply_add<&Generator::vfmadd231pd, by_element>;
    t[Op::FMLS_element_h] = t[Op::FMLS_scalar_element_h] = multiply_add<&Generator::vfnmadd231pd, by_element>;
    t[Op::FMADD_scalar_half] = fused<&Generator::vfmadd231pd>;
    t[Op::FMSUB_scalar_half] = fused<&Generator::vfnmadd231pd>;
    t[Op::FNMADD_scalar_half] = fused<&Generator::vfnmsub231pd>;
    t[Op::FNMSUB_scalar_half] = fused<&Generator::vfmsub231pd>;
    t[Op::FRECPS_scalar_half] = t[Op::FRECPS_vector_half] = step<false>;
    t[Op::FRSQRTS_scalar_half] = t[Op::FRSQRTS_vector_half] = step<true>;

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
}

} // namespace beeline::translate
