#include "arm64/fp/estimate.h"

#include <array>

namespace beeline::arm64::fp {

namespace {

/// RecipEstimate: a in 256..511 stands for [0.5, 1) in steps of 1/512; the result, 256..511, for [1, 2).
constexpr uint32_t recip_estimate9(uint32_t a) {
    const uint32_t midpoint = a * 2 + 1;
    return ((1u << 19) / midpoint + 1) / 2;
}

/// RecipSqrtEstimate: a in 128..511 stands for [0.25, 1); the result, 256..511, for [1, 2).
constexpr uint32_t rsqrt_estimate9(uint32_t a) {
    a = a < 256 ? a * 2 + 1 : ((a >> 1 << 1) + 1) * 2;
    uint32_t b = 512;
    while (uint64_t{a} * (b + 1) * (b + 1) < uint64_t{1} << 28) b++;
    return (b + 1) / 2;
}

constexpr auto kRecip = [] {
    std::array<uint16_t, 256> table{};
    for (uint32_t i = 0; i < 256; i++) table[i] = static_cast<uint16_t>(recip_estimate9(256 + i));
    return table;
}();

constexpr auto kRsqrt = [] {
    std::array<uint16_t, 384> table{};
    for (uint32_t i = 0; i < 384; i++) table[i] = static_cast<uint16_t>(rsqrt_estimate9(128 + i));
    return table;
}();

} // namespace

template <FpBits U> U recip_estimate(U op, FpContext& ctx) {
    using F = Format<U>;
    const Unpacked a = unpack(op, ctx);
    if (a.nan()) return process_nan(op, ctx);
    if (a.infinite()) return zero<U>(a.sign);
    if (a.zero()) {
        ctx.raise(kDivideByZero);
        return infinity<U>(a.sign);
    }
    if (a.exponent < -F::kBias - 1) { // below 2^-16, 2^-128, 2^-1024
        ctx.raise(kOverflow | kInexact);
        return overflows_to_infinity(ctx.mode, a.sign) ? infinity<U>(a.sign) : max_normal<U>(a.sign);
    }
    if (a.exponent >= F::kBias - 1 && flushes<U>(ctx, Use::Arithmetic)) {
        ctx.raise(kUnderflow);
        return zero<U>(a.sign);
    }
    // The significand's nine upper bits; the result's leading one is implied unless it is denormal.
    const uint32_t estimate = kRecip[a.significand >> 55 & 255];
    const int biased = F::kBias - 1 - a.exponent;
    constexpr unsigned kLeft = F::kFractionBits - 8;
    uint64_t magnitude;
    if (biased > 0) {
        magnitude = static_cast<uint64_t>(biased) << F::kFractionBits | uint64_t{estimate & 255} << kLeft;
    } else {
        magnitude = uint64_t{estimate} << kLeft >> (1 - biased); // biased is 0 or -1
    }
    return static_cast<U>(zero<U>(a.sign) | magnitude);
}

template <FpBits U> U rsqrt_estimate(U op, FpContext& ctx) {
    using F = Format<U>;
    const Unpacked a = unpack(op, ctx);
    if (a.nan()) return process_nan(op, ctx);
    if (a.zero()) {
        ctx.raise(kDivideByZero);
        return infinity<U>(a.sign);
    }
    if (a.sign) return invalid<U>(ctx);
    if (a.infinite()) return 0;
    // The operand is scaled to [0.25, 1) by an even power of two.
    const bool even = (a.exponent & 1) == 0;
    const uint32_t scaled = static_cast<uint32_t>(a.significand >> (even ? 56 : 55));
    const uint32_t estimate = kRsqrt[scaled - 128];
    const int exponent = even ? -a.exponent / 2 - 1 : -(a.exponent + 1) / 2;
    return static_cast<U>(static_cast<uint64_t>(exponent + F::kBias) << F::kFractionBits |
                          uint64_t{estimate & 255} << (F::kFractionBits - 8));
}

template <FpBits U> U recpx(U op, FpContext& ctx) {
    using F = Format<U>;
    if (unpack(op, ctx).nan()) return process_nan(op, ctx);
    const U exponent = op & F::kInfinity;
    const U sign = op & F::kSign;
    constexpr U kLargest = static_cast<U>(static_cast<U>(F::kMaxBiased - 1) << F::kFractionBits);
    return static_cast<U>(sign | (exponent == 0 ? kLargest : exponent ^ F::kInfinity));
}

uint32_t unsigned_recip_estimate(uint32_t op) {
    if (op >> 31 == 0) return ~uint32_t{0};
    return uint32_t{kRecip[(op >> 23) - 256]} << 23;
}

uint32_t unsigned_rsqrt_estimate(uint32_t op) {
    if (op >> 30 == 0) return ~uint32_t{0};
    return uint32_t{kRsqrt[(op >> 23) - 128]} << 23;
}

template uint16_t recip_estimate(uint16_t, FpContext&);
template uint32_t recip_estimate(uint32_t, FpContext&);
template uint64_t recip_estimate(uint64_t, FpContext&);
template uint16_t rsqrt_estimate(uint16_t, FpContext&);
template uint32_t rsqrt_estimate(uint32_t, FpContext&);
template uint64_t rsqrt_estimate(uint64_t, FpContext&);
template uint16_t recpx(uint16_t, FpContext&);
template uint32_t recpx(uint32_t, FpContext&);
template uint64_t recpx(uint64_t, FpContext&);

} // namespace beeline::arm64::fp
