#include "arm64/fp/compare.h"

namespace beeline::arm64::fp {

namespace {

/// The operand as it takes part in comparisons: denormals flushed where FPCR asks for it.
template <FpBits U> U flushed(U op, FpContext& ctx) {
    using F = Format<U>;
    if ((op & F::kInfinity) == 0 && (op & F::kFractionMask) != 0 && flushes<U>(ctx, Use::Arithmetic)) {
        if constexpr (sizeof(U) != 2) ctx.raise(kInputDenormal);
        return zero<U>(sign_of(op));
    }
    return op;
}

/// Key whose signed order is that of the numbers; both zeros have the key 0.
template <FpBits U> constexpr int64_t order(U op) {
    const int64_t magnitude = static_cast<int64_t>(abs(op));
    return sign_of(op) ? -magnitude : magnitude;
}

enum class Extreme { Max, Min };

template <FpBits U> U extreme(U op1, U op2, Extreme which, FpContext& ctx) {
    const U a = flushed(op1, ctx), b = flushed(op2, ctx);
    if (is_nan(a) || is_nan(b)) return process_nans(a, b, ctx);
    if (order(a) == order(b)) return static_cast<U>(which == Extreme::Max ? a & b : a | b);
    return (order(a) > order(b)) == (which == Extreme::Max) ? a : b;
}

template <FpBits U> U extreme_number(U op1, U op2, Extreme which, FpContext& ctx) {
    const U loser = infinity<U>(which == Extreme::Max);
    if (is_quiet_nan(op1) && !is_quiet_nan(op2)) {
        op1 = loser;
    } else if (!is_quiet_nan(op1) && is_quiet_nan(op2)) {
        op2 = loser;
    }
    return extreme(op1, op2, which, ctx);
}

} // namespace

template <FpBits U> uint32_t compare(U op1, U op2, bool signalling, FpContext& ctx) {
    constexpr uint32_t kUnordered = 0b0011, kEqual = 0b0110, kLess = 0b1000, kGreater = 0b0010;
    const U a = flushed(op1, ctx), b = flushed(op2, ctx);
    uint32_t nzcv;
    if (is_nan(a) || is_nan(b)) {
        if (signalling || is_signalling(a) || is_signalling(b)) ctx.raise(kInvalidOperation);
        nzcv = kUnordered;
    } else {
        nzcv = order(a) == order(b) ? kEqual : order(a) < order(b) ? kLess : kGreater;
    }
    return nzcv << 28;
}

template <FpBits U> bool compare_eq(U op1, U op2, FpContext& ctx) {
    const U a = flushed(op1, ctx), b = flushed(op2, ctx);
    if (is_nan(a) || is_nan(b)) {
        if (is_signalling(a) || is_signalling(b)) ctx.raise(kInvalidOperation);
        return false;
    }
    return order(a) == order(b);
}

template <FpBits U> bool compare_ge(U op1, U op2, FpContext& ctx) {
    const U a = flushed(op1, ctx), b = flushed(op2, ctx);
    if (is_nan(a) || is_nan(b)) {
        ctx.raise(kInvalidOperation);
        return false;
    }
    return order(a) >= order(b);
}

template <FpBits U> bool compare_gt(U op1, U op2, FpContext& ctx) {
    const U a = flushed(op1, ctx), b = flushed(op2, ctx);
    if (is_nan(a) || is_nan(b)) {
        ctx.raise(kInvalidOperation);
        return false;
    }
    return order(a) > order(b);
}

template <FpBits U> U max(U op1, U op2, FpContext& ctx) { return extreme(op1, op2, Extreme::Max, ctx); }
template <FpBits U> U min(U op1, U op2, FpContext& ctx) { return extreme(op1, op2, Extreme::Min, ctx); }
template <FpBits U> U maxnm(U op1, U op2, FpContext& ctx) { return extreme_number(op1, op2, Extreme::Max, ctx); }
template <FpBits U> U minnm(U op1, U op2, FpContext& ctx) { return extreme_number(op1, op2, Extreme::Min, ctx); }

template uint32_t compare(uint16_t, uint16_t, bool, FpContext&);
template uint32_t compare(uint32_t, uint32_t, bool, FpContext&);
template uint32_t compare(uint64_t, uint64_t, bool, FpContext&);
template bool compare_eq(uint16_t, uint16_t, FpContext&);
template bool compare_eq(uint32_t, uint32_t, FpContext&);
template bool compare_eq(uint64_t, uint64_t, FpContext&);
template bool compare_ge(uint16_t, uint16_t, FpContext&);
template bool compare_ge(uint32_t, uint32_t, FpContext&);
template bool compare_ge(uint64_t, uint64_t, FpContext&);
template bool compare_gt(uint16_t, uint16_t, FpContext&);
template bool compare_gt(uint32_t, uint32_t, FpContext&);
template bool compare_gt(uint64_t, uint64_t, FpContext&);
template uint16_t max(uint16_t, uint16_t, FpContext&);
template uint32_t max(uint32_t, uint32_t, FpContext&);
template uint64_t max(uint64_t, uint64_t, FpContext&);
template uint16_t min(uint16_t, uint16_t, FpContext&);
template uint32_t min(uint32_t, uint32_t, FpContext&);
template uint64_t min(uint64_t, uint64_t, FpContext&);
template uint16_t maxnm(uint16_t, uint16_t, FpContext&);
template uint32_t maxnm(uint32_t, uint32_t, FpContext&);
template uint64_t maxnm(uint64_t, uint64_t, FpContext&);
template uint16_t minnm(uint16_t, uint16_t, FpContext&);
template uint32_t minnm(uint32_t, uint32_t, FpContext&);
template uint64_t minnm(uint64_t, uint64_t, FpContext&);

} // namespace beeline::arm64::fp
