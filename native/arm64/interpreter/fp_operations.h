// Floating-point operations on one element, as types that handler templates take. Each is a static apply(), generic
// over the format, with the operands in the instruction's order.
#pragma once

#include "arm64/interpreter/fp_access.h"

namespace beeline::arm64::fp_operations {

// ---- two operands ------------------------------------------------------------------------------------------------

struct Add {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::add(n, m, ctx); }
};
struct Sub {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::sub(n, m, ctx); }
};
struct Mul {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::mul(n, m, ctx); }
};
struct MulX {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::mulx(n, m, ctx); }
};
/// FNMUL negates NaNs too.
struct NegatedMul {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::neg(fp::mul(n, m, ctx)); }
};
struct Div {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::div(n, m, ctx); }
};
struct Max {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::max(n, m, ctx); }
};
struct Min {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::min(n, m, ctx); }
};
struct MaxNum {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::maxnm(n, m, ctx); }
};
struct MinNum {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::minnm(n, m, ctx); }
};
struct AbsoluteDifference {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::abs(fp::sub(n, m, ctx)); }
};
struct RecipStep {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::recip_step(n, m, ctx); }
};
struct RsqrtStep {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return fp::rsqrt_step(n, m, ctx); }
};

/// Vector comparisons give all ones or zero.
template <typename U> constexpr U mask(bool condition) { return condition ? static_cast<U>(~U{0}) : U{0}; }

struct CompareEq {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return mask<U>(fp::compare_eq(n, m, ctx)); }
};
struct CompareGe {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return mask<U>(fp::compare_ge(n, m, ctx)); }
};
struct CompareGt {
    template <typename U> static U apply(U n, U m, FpContext& ctx) { return mask<U>(fp::compare_gt(n, m, ctx)); }
};
struct AbsoluteGe {
    template <typename U> static U apply(U n, U m, FpContext& ctx) {
        return mask<U>(fp::compare_ge(fp::abs(n), fp::abs(m), ctx));
    }
};
struct AbsoluteGt {
    template <typename U> static U apply(U n, U m, FpContext& ctx) {
        return mask<U>(fp::compare_gt(fp::abs(n), fp::abs(m), ctx));
    }
};

// ---- fused, three operands ---------------------------------------------------------------------------------------

struct MulAdd {
    template <typename U> static U apply(U a, U n, U m, FpContext& ctx) { return fp::muladd(a, n, m, ctx); }
};
struct MulSub {
    template <typename U> static U apply(U a, U n, U m, FpContext& ctx) { return fp::muladd(a, fp::neg(n), m, ctx); }
};
struct NegatedMulAdd {
    template <typename U> static U apply(U a, U n, U m, FpContext& ctx) {
        return fp::muladd(fp::neg(a), fp::neg(n), m, ctx);
    }
};
struct NegatedMulSub {
    template <typename U> static U apply(U a, U n, U m, FpContext& ctx) { return fp::muladd(fp::neg(a), n, m, ctx); }
};

// ---- one operand -------------------------------------------------------------------------------------------------

struct Move {
    template <typename U> static U apply(U n, FpContext&) { return n; }
};
struct Abs {
    template <typename U> static U apply(U n, FpContext&) { return fp::abs(n); }
};
struct Neg {
    template <typename U> static U apply(U n, FpContext&) { return fp::neg(n); }
};
struct Sqrt {
    template <typename U> static U apply(U n, FpContext& ctx) { return fp::sqrt(n, ctx); }
};
template <Rounding mode> struct RoundTo {
    template <typename U> static U apply(U n, FpContext& ctx) { return fp::round_int(n, mode, false, ctx); }
};
struct RoundExact {
    template <typename U> static U apply(U n, FpContext& ctx) { return fp::round_int(n, ctx.mode, true, ctx); }
};
struct RoundCurrent {
    template <typename U> static U apply(U n, FpContext& ctx) { return fp::round_int(n, ctx.mode, false, ctx); }
};
struct RecipEstimate {
    template <typename U> static U apply(U n, FpContext& ctx) { return fp::recip_estimate(n, ctx); }
};
struct RsqrtEstimate {
    template <typename U> static U apply(U n, FpContext& ctx) { return fp::rsqrt_estimate(n, ctx); }
};
struct RecipExponent {
    template <typename U> static U apply(U n, FpContext& ctx) { return fp::recpx(n, ctx); }
};
struct UnsignedRecipEstimate {
    static uint32_t apply(uint32_t n, FpContext&) { return fp::unsigned_recip_estimate(n); }
};
struct UnsignedRsqrtEstimate {
    static uint32_t apply(uint32_t n, FpContext&) { return fp::unsigned_rsqrt_estimate(n); }
};
struct EqZero {
    template <typename U> static U apply(U n, FpContext& ctx) { return mask<U>(fp::compare_eq(n, U{0}, ctx)); }
};
struct GeZero {
    template <typename U> static U apply(U n, FpContext& ctx) { return mask<U>(fp::compare_ge(n, U{0}, ctx)); }
};
struct GtZero {
    template <typename U> static U apply(U n, FpContext& ctx) { return mask<U>(fp::compare_gt(n, U{0}, ctx)); }
};
struct LeZero {
    template <typename U> static U apply(U n, FpContext& ctx) { return mask<U>(fp::compare_ge(U{0}, n, ctx)); }
};
struct LtZero {
    template <typename U> static U apply(U n, FpContext& ctx) { return mask<U>(fp::compare_gt(U{0}, n, ctx)); }
};

// ---- between floating point and integers of the same width -------------------------------------------------------

template <typename U> constexpr uint64_t extend(U value, Signedness signedness) {
    if (signedness == Signedness::Unsigned) return value;
    return static_cast<uint64_t>(static_cast<int64_t>(static_cast<std::make_signed_t<U>>(value)));
}

/// With as many fraction bits as the last operand says; the plain forms have none.
template <Signedness signedness, Rounding mode = Rounding::Zero> struct ToFixed {
    template <typename U> static U apply(U n, FpContext& ctx, unsigned fraction_bits) {
        return static_cast<U>(fp::to_fixed(n, sizeof(U) * 8, fraction_bits, signedness, mode, ctx));
    }
};
template <Signedness signedness> struct FromFixed {
    template <typename U> static U apply(U n, FpContext& ctx, unsigned fraction_bits) {
        return fp::from_fixed<U>(extend(n, signedness), fraction_bits, signedness, ctx.mode, ctx);
    }
};
template <Rounding mode, Signedness signedness> struct ToInteger {
    template <typename U> static U apply(U n, FpContext& ctx) {
        return ToFixed<signedness, mode>::template apply<U>(n, ctx, 0);
    }
};
template <Signedness signedness> struct FromInteger {
    template <typename U> static U apply(U n, FpContext& ctx) {
        return FromFixed<signedness>::template apply<U>(n, ctx, 0);
    }
};

} // namespace beeline::arm64::fp_operations
