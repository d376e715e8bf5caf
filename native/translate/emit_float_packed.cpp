// Floating-point arithmetic and comparisons on vectors, by element and pairwise; scalar forms of Advanced SIMD.
//
// 64-bit vectors are computed twice, in both halves of host registers: nothing else raises exactly what their elements
// do.
#include "translate/float_checks.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using Generator = Xbyak::CodeGenerator;

namespace {

constexpr FloatBinary kAdd{{&Generator::addps, &Generator::addpd}, {&Generator::vaddps, &Generator::vaddpd}};
constexpr FloatBinary kSub{{&Generator::subps, &Generator::subpd}, {&Generator::vsubps, &Generator::vsubpd}};
constexpr FloatBinary kMul{{&Generator::mulps, &Generator::mulpd}, {&Generator::vmulps, &Generator::vmulpd}};
constexpr FloatBinary kDiv{{&Generator::divps, &Generator::divpd}, {&Generator::vdivps, &Generator::vdivpd}};
constexpr FloatBinary kMax{{&Generator::maxps, &Generator::maxpd}, {&Generator::vmaxps, &Generator::vmaxpd}};
constexpr FloatBinary kMin{{&Generator::minps, &Generator::minpd}, {&Generator::vminps, &Generator::vminpd}};

struct Operands {
    Xmm n, m;
};

/// xmm1 and xmm2 for 64-bit vectors.
Operands operands(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    if (is_full(insn)) return {n, m};
    w.a.movddup(xmm1, n);
    w.a.movddup(xmm2, m);
    return {xmm1, xmm2};
}

/// As arithmetic on the even and the odd elements of m:n, in xmm1 and xmm2.
Operands pairs(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    if (precision_of(insn) == Precision::Double) {
        w.a.movaps(xmm1, n);
        w.a.unpcklpd(xmm1, m);
        w.a.movaps(xmm2, n);
        w.a.unpckhpd(xmm2, m);
        return {xmm1, xmm2};
    }
    w.a.movaps(xmm1, n);
    if (is_full(insn)) {
        w.a.movaps(xmm2, n);
        w.a.shufps(xmm1, m, 0x88);
        w.a.shufps(xmm2, m, 0xDD);
    } else {
        w.a.unpcklpd(xmm1, m);
        w.a.movaps(xmm2, xmm1);
        w.a.shufps(xmm1, xmm1, 0x88);
        w.a.shufps(xmm2, xmm2, 0xDD);
    }
    return {xmm1, xmm2};
}

using Source = Operands (*)(VectorEmitter& w, const Insn& insn);

void clear_signs(VectorEmitter& w, Precision precision, const Xmm& x) {
    w.a.andps(x, w.constant(precision == Precision::Double ? VectorConstant::ValuesD : VectorConstant::ValuesS));
}

template <const FloatBinary& op, Source source> bool binary(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = source(w, insn);
    op.emit(w, precision, xmm0, n, m);
    check_all_ordered(w, precision, xmm0, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool multiply(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = operands(w, insn);
    kMul.emit(w, precision, xmm0, n, m);
    check_all_products(w, precision, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool absolute_difference(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = operands(w, insn);
    kSub.emit(w, precision, xmm0, n, m);
    check_all_ordered(w, precision, xmm0, xmm0);
    clear_signs(w, precision, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// xmm0 += n * m, or -= .
void fused(VectorEmitter& w, Precision precision, bool subtract, const Xmm& n, const Xmm& m) {
    if (precision == Precision::Double)
        subtract ? w.a.vfnmadd231pd(xmm0, n, m) : w.a.vfmadd231pd(xmm0, n, m);
    else
        subtract ? w.a.vfnmadd231ps(xmm0, n, m) : w.a.vfmadd231ps(xmm0, n, m);
}

void load_addend(VectorEmitter& w, const Insn& insn) {
    const Xmm a = w.use(insn.rd);
    is_full(insn) ? w.a.movaps(xmm0, a) : w.a.movddup(xmm0, a);
}

template <bool subtract> bool multiply_add(VectorEmitter& w, const Insn& insn) {
    if (w.flushes || !w.e.host.fma) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = operands(w, insn);
    load_addend(w, insn);
    fused(w, precision, subtract, n, m);
    check_all_products(w, precision, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// See the scalar form.
template <bool maximum, Source source> bool extreme(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = source(w, insn);
    const Xmm other = n.getIdx() == xmm1.getIdx() ? xmm2 : xmm1;
    check_all_ordered(w, precision, n, m, xmm0);
    const FloatBinary& op = maximum ? kMax : kMin;
    op.emit(w, precision, xmm0, n, m);
    op.emit(w, precision, other, m, n);
    maximum ? w.a.andps(xmm0, other) : w.a.orps(xmm0, other);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

// ---- one operand ----------------------------------------------------------------------------------------------------

bool square_root(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const Xmm n = elements(w, insn);
    precision == Precision::Double ? w.a.sqrtpd(xmm0, n) : w.a.sqrtps(xmm0, n);
    check_all_ordered(w, precision, xmm0, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// Modes as the scalar form has them.
template <uint8_t mode> bool round(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const Xmm n = elements(w, insn);
    precision == Precision::Double ? w.a.roundpd(xmm0, n, mode) : w.a.roundps(xmm0, n, mode);
    check_all_ordered(w, precision, xmm0, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool round_away(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Xmm n = w.use(insn.rn), to = w.v.temporary();
    is_full(insn) ? w.a.movaps(xmm0, n) : w.a.movddup(xmm0, n);
    emit_round_all_away(w, precision_of(insn), to, xmm0);
    w.finish(insn.rd, is_full(insn), to);
    return true;
}

bool absolute(VectorEmitter& w, const Insn& insn) {
    w.a.movaps(xmm0, w.use(insn.rn));
    clear_signs(w, precision_of(insn), xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool negate(VectorEmitter& w, const Insn& insn) {
    w.a.movaps(xmm0, w.use(insn.rn));
    w.a.xorps(xmm0,
              w.constant(precision_of(insn) == Precision::Double ? VectorConstant::SignsD : VectorConstant::SignsS));
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

// ---- comparisons ----------------------------------------------------------------------------------------------------

/// Predicates of the host's CMPPS. Equal raises invalid operation for signalling NaNs, the others for all, as the
/// guest's do.
enum class Predicate : uint8_t { Equal = 0, Less = 1, LessEqual = 2 };

/// xmm0 = mask of elements, or of the lowest one, where x `predicate` y. x may be xmm0.
void compare_elements(VectorEmitter& w, const Insn& insn, Predicate predicate, const Xmm& x, const Xmm& y) {
    const bool wide = precision_of(insn) == Precision::Double;
    const auto imm = static_cast<uint8_t>(predicate);
    w.copy(xmm0, x);
    if (is_scalar(insn)) {
        wide ? w.a.cmpsd(xmm0, y, imm) : w.a.cmpss(xmm0, y, imm);
        w.finish_scalar(insn.rd, wide ? 3 : 2, xmm0);
    } else {
        wide ? w.a.cmppd(xmm0, y, imm) : w.a.cmpps(xmm0, y, imm);
        w.finish(insn.rd, is_full(insn), xmm0);
    }
}

/// n > m is m < n.
template <Predicate predicate> bool compare(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const auto [n, m] = is_scalar(insn) ? Operands{w.use(insn.rn), w.use(insn.rm)} : operands(w, insn);
    compare_elements(w, insn, predicate, m, n);
    return true;
}

template <Predicate predicate> bool compare_absolute(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const auto [n, m] = is_scalar(insn) ? Operands{w.use(insn.rn), w.use(insn.rm)} : operands(w, insn);
    w.a.movaps(xmm0, m);
    w.copy(xmm1, n);
    clear_signs(w, precision_of(insn), xmm0);
    clear_signs(w, precision_of(insn), xmm1);
    compare_elements(w, insn, predicate, xmm0, xmm1);
    return true;
}

template <Predicate predicate, bool zero_first> bool compare_zero(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    Xmm n = w.use(insn.rn);
    if (!is_scalar(insn) && !is_full(insn)) {
        w.a.movddup(xmm2, n);
        n = xmm2;
    }
    w.zero(xmm1);
    compare_elements(w, insn, predicate, zero_first ? xmm1 : n, zero_first ? n : xmm1);
    return true;
}

// ---- by element -----------------------------------------------------------------------------------------------------

/// rn, or twice its lower half in xmm1, and one element of rm in each of xmm2's.
Operands operands_by_element(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    w.duplicate(xmm2, m, size_log2_of(precision_of(insn)), insn.aux[0]);
    if (is_full(insn) || is_scalar(insn)) return {n, xmm2};
    w.a.movddup(xmm1, n);
    return {xmm1, xmm2};
}

bool multiply_by_element(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = operands_by_element(w, insn);
    kMul.emit(w, precision, xmm0, n, m);
    check_all_products(w, precision, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

template <bool subtract> bool multiply_add_by_element(VectorEmitter& w, const Insn& insn) {
    if (w.flushes || !w.e.host.fma) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = operands_by_element(w, insn);
    load_addend(w, insn);
    fused(w, precision, subtract, n, m);
    check_all_products(w, precision, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool multiply_scalar_by_element(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = operands_by_element(w, insn);
    w.a.movaps(xmm0, n);
    precision == Precision::Double ? w.a.mulsd(xmm0, m) : w.a.mulss(xmm0, m);
    check_product(w, precision, xmm0);
    w.finish_scalar(insn.rd, size_log2_of(precision), xmm0);
    return true;
}

template <bool subtract> bool multiply_add_scalar_by_element(VectorEmitter& w, const Insn& insn) {
    if (w.flushes || !w.e.host.fma) return false;
    const Precision precision = precision_of(insn);
    const auto [n, m] = operands_by_element(w, insn);
    w.a.movaps(xmm0, w.use(insn.rd));
    if (precision == Precision::Double)
        subtract ? w.a.vfnmadd231sd(xmm0, n, m) : w.a.vfmadd231sd(xmm0, n, m);
    else
        subtract ? w.a.vfnmadd231ss(xmm0, n, m) : w.a.vfmadd231ss(xmm0, n, m);
    check_product(w, precision, xmm0);
    w.finish_scalar(insn.rd, size_log2_of(precision), xmm0);
    return true;
}

// ---- scalar forms ---------------------------------------------------------------------------------------------------

bool absolute_difference_scalar(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const Xmm m = w.use(insn.rm);
    w.a.movaps(xmm0, w.use(insn.rn));
    precision == Precision::Double ? w.a.subsd(xmm0, m) : w.a.subss(xmm0, m);
    check_ordered(w, precision, xmm0, xmm0);
    clear_signs(w, precision, xmm0);
    w.finish_scalar(insn.rd, size_log2_of(precision), xmm0);
    return true;
}

template <Precision precision> bool add_pair(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Xmm n = w.use(insn.rn);
    w.a.pshufd(xmm0, n, precision == Precision::Double ? 0xEE : 0x55);
    precision == Precision::Double ? w.a.addsd(xmm0, n) : w.a.addss(xmm0, n);
    check_ordered(w, precision, xmm0, xmm0);
    w.finish_scalar(insn.rd, size_log2_of(precision), xmm0);
    return true;
}

/// FMAXV and the like: of four singles; of two elements (FMAXP and the like, scalar).
template <bool maximum, bool of_pair> bool extreme_across(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = of_pair ? precision_of(insn) : Precision::Single;
    const bool wide = precision == Precision::Double;
    const Xmm n = w.use(insn.rn), other = w.v.temporary();
    of_pair && !wide ? w.a.movddup(xmm0, n) : w.a.movaps(xmm0, n);
    check_all_ordered(w, precision, xmm0, xmm0);
    const FloatBinary& op = maximum ? kMax : kMin;
    for (const uint8_t pattern : {0x4E, 0xB1}) {
        if (of_pair && (pattern == 0x4E) != wide) continue;
        w.a.pshufd(xmm1, xmm0, pattern);
        op.emit(w, precision, other, xmm0, xmm1);
        op.emit(w, precision, xmm0, xmm1, xmm0);
        maximum ? w.a.andps(xmm0, other) : w.a.orps(xmm0, other);
    }
    w.finish_scalar(insn.rd, size_log2_of(precision), xmm0);
    return true;
}

} // namespace

void add_packed_float(VectorTable& t) {
    t[Op::FADD_vector] = binary<kAdd, operands>;
    t[Op::FSUB_vector] = binary<kSub, operands>;
    t[Op::FDIV_vector] = binary<kDiv, operands>;
    t[Op::FMUL_vector] = multiply;
    t[Op::FABD_vector] = absolute_difference;
    t[Op::FMLA_vector] = multiply_add<false>;
    t[Op::FMLS_vector] = multiply_add<true>;
    t[Op::FMAX_vector] = t[Op::FMAXNM_vector] = extreme<true, operands>;
    t[Op::FMIN_vector] = t[Op::FMINNM_vector] = extreme<false, operands>;
    t[Op::FADDP_vector] = binary<kAdd, pairs>;
    t[Op::FMAXP_vector] = t[Op::FMAXNMP_vector] = extreme<true, pairs>;
    t[Op::FMINP_vector] = t[Op::FMINNMP_vector] = extreme<false, pairs>;

    t[Op::FSQRT_vector] = square_root;
    t[Op::FABS_vector] = absolute;
    t[Op::FNEG_vector] = negate;
    t[Op::FRINTN_vector] = round<8 + 0>;
    t[Op::FRINTM_vector] = round<8 + 1>;
    t[Op::FRINTP_vector] = round<8 + 2>;
    t[Op::FRINTZ_vector] = round<8 + 3>;
    t[Op::FRINTI_vector] = round<8 + 4>;
    t[Op::FRINTX_vector] = round<4>;
    t[Op::FRINTA_vector] = round_away;

    t[Op::FCMEQ_vector] = t[Op::FCMEQ_scalar] = compare<Predicate::Equal>;
    t[Op::FCMGE_vector] = t[Op::FCMGE_scalar] = compare<Predicate::LessEqual>;
    t[Op::FCMGT_vector] = t[Op::FCMGT_scalar] = compare<Predicate::Less>;
    t[Op::FACGE_vector] = t[Op::FACGE_scalar] = compare_absolute<Predicate::LessEqual>;
    t[Op::FACGT_vector] = t[Op::FACGT_scalar] = compare_absolute<Predicate::Less>;
    t[Op::FCMEQ_zero_vector] = t[Op::FCMEQ_zero_scalar] = compare_zero<Predicate::Equal, false>;
    t[Op::FCMGE_zero_vector] = t[Op::FCMGE_zero_scalar] = compare_zero<Predicate::LessEqual, true>;
    t[Op::FCMGT_zero_vector] = t[Op::FCMGT_zero_scalar] = compare_zero<Predicate::Less, true>;
    t[Op::FCMLE_zero_vector] = t[Op::FCMLE_zero_scalar] = compare_zero<Predicate::LessEqual, false>;
    t[Op::FCMLT_zero_vector] = t[Op::FCMLT_zero_scalar] = compare_zero<Predicate::Less, false>;

    t[Op::FMUL_element_s] = t[Op::FMUL_element_d] = multiply_by_element;
    t[Op::FMLA_element_s] = t[Op::FMLA_element_d] = multiply_add_by_element<false>;
    t[Op::FMLS_element_s] = t[Op::FMLS_element_d] = multiply_add_by_element<true>;
    t[Op::FMUL_scalar_element_s] = t[Op::FMUL_scalar_element_d] = multiply_scalar_by_element;
    t[Op::FMLA_scalar_element_s] = t[Op::FMLA_scalar_element_d] = multiply_add_scalar_by_element<false>;
    t[Op::FMLS_scalar_element_s] = t[Op::FMLS_scalar_element_d] = multiply_add_scalar_by_element<true>;

    t[Op::FMAXV_s] = t[Op::FMAXNMV_s] = extreme_across<true, false>;
    t[Op::FMINV_s] = t[Op::FMINNMV_s] = extreme_across<false, false>;
    t[Op::FMAXP_pair_s] = t[Op::FMAXP_pair_d] = t[Op::FMAXNMP_pair_s] = t[Op::FMAXNMP_pair_d] =
        extreme_across<true, true>;
    t[Op::FMINP_pair_s] = t[Op::FMINP_pair_d] = t[Op::FMINNMP_pair_s] = t[Op::FMINNMP_pair_d] =
        extreme_across<false, true>;

    t[Op::FABD_scalar] = absolute_difference_scalar;
    t[Op::FADDP_pair_s] = add_pair<Precision::Single>;
    t[Op::FADDP_pair_d] = add_pair<Precision::Double>;
}

} // namespace beeline::translate
