// Formats, unpacking and rounding that all operations share (Arm ARM J1.3, shared/functions/float).
//
// A value is held as (-1)^sign * significand * 2^(exponent - 63) with bit 63 of the significand set, so that any of
// the formats has at least 11 bits below its last place for rounding.
#pragma once

#include "arm64/fp/context.h"

#include <bit>
#include <cstdint>
#include <type_traits>

namespace beeline::arm64::fp {

template <typename U>
concept FpBits = std::is_same_v<U, uint16_t> || std::is_same_v<U, uint32_t> || std::is_same_v<U, uint64_t>;

template <FpBits U> struct Format {
    static constexpr unsigned kBits = sizeof(U) * 8;
    static constexpr unsigned kExponentBits = kBits == 16 ? 5 : kBits == 32 ? 8 : 11;
    static constexpr unsigned kFractionBits = kBits - 1 - kExponentBits;
    static constexpr int kMaxBiased = (1 << kExponentBits) - 1;
    static constexpr int kBias = kMaxBiased >> 1;
    static constexpr int kMinExponent = 1 - kBias;
    static constexpr U kSign = static_cast<U>(U{1} << (kBits - 1));
    static constexpr U kFractionMask = static_cast<U>((U{1} << kFractionBits) - 1);
    static constexpr U kInfinity = static_cast<U>(static_cast<U>(kMaxBiased) << kFractionBits);
    static constexpr U kQuiet = static_cast<U>(U{1} << (kFractionBits - 1));
    static constexpr U kDefaultNan = kInfinity | kQuiet;
    static constexpr U kMaxNormal = static_cast<U>(kInfinity - 1);
    static constexpr U kOne = static_cast<U>(static_cast<U>(kBias) << kFractionBits);
    static constexpr U kTwo = static_cast<U>(static_cast<U>(kBias + 1) << kFractionBits);
    static constexpr U kOnePointFive = kOne | kQuiet;
};

template <FpBits U> constexpr bool sign_of(U op) { return (op & Format<U>::kSign) != 0; }
template <FpBits U> constexpr U zero(bool sign) { return sign ? Format<U>::kSign : U{0}; }
template <FpBits U> constexpr U infinity(bool sign) { return static_cast<U>(zero<U>(sign) | Format<U>::kInfinity); }
template <FpBits U> constexpr U max_normal(bool sign) { return static_cast<U>(zero<U>(sign) | Format<U>::kMaxNormal); }
template <FpBits U> constexpr U abs(U op) { return static_cast<U>(op & ~Format<U>::kSign); }
template <FpBits U> constexpr U neg(U op) { return static_cast<U>(op ^ Format<U>::kSign); }
template <FpBits U> constexpr bool is_nan(U op) { return abs(op) > Format<U>::kInfinity; }
template <FpBits U> constexpr bool is_signalling(U op) { return is_nan(op) && (op & Format<U>::kQuiet) == 0; }
template <FpBits U> constexpr bool is_quiet_nan(U op) { return is_nan(op) && (op & Format<U>::kQuiet) != 0; }

enum class Kind : uint8_t { Zero, Nonzero, Infinity, QuietNan, SignallingNan };

struct Unpacked {
    Kind kind;
    bool sign;
    int exponent = 0;
    uint64_t significand = 0;

    bool nan() const { return kind >= Kind::QuietNan; }
    bool infinite() const { return kind == Kind::Infinity; }
    bool zero() const { return kind == Kind::Zero; }
};

/// Whether FPUnpack/FPRound or FPUnpackCV/FPRoundCV is meant: the latter ignore FZ16 and heed AHP.
enum class Use : uint8_t { Arithmetic, Conversion };

template <FpBits U> constexpr bool flushes(const FpContext& ctx, Use use) {
    if constexpr (sizeof(U) == 2) return use == Use::Arithmetic && ctx.fz16;
    return ctx.fz;
}

/// FPUnpackBase.
template <FpBits U, Use use = Use::Arithmetic> inline Unpacked unpack(U op, FpContext& ctx) {
    using F = Format<U>;
    const bool sign = sign_of(op);
    const int biased = static_cast<int>(op >> F::kFractionBits) & F::kMaxBiased;
    const uint64_t fraction = op & F::kFractionMask;
    constexpr unsigned kLeft = 63 - F::kFractionBits;
    if (biased == 0) {
        if (fraction == 0) return {Kind::Zero, sign};
        if (flushes<U>(ctx, use)) {
            if constexpr (sizeof(U) != 2) ctx.raise(kInputDenormal);
            return {Kind::Zero, sign};
        }
        const int shift = std::countl_zero(fraction);
        return {Kind::Nonzero, sign, F::kMinExponent + static_cast<int>(kLeft) - shift, fraction << shift};
    }
    const bool alternative = sizeof(U) == 2 && use == Use::Conversion && ctx.ahp;
    if (biased == F::kMaxBiased && !alternative) {
        if (fraction == 0) return {Kind::Infinity, sign};
        return {(fraction & F::kQuiet) != 0 ? Kind::QuietNan : Kind::SignallingNan, sign};
    }
    return {Kind::Nonzero, sign, biased - F::kBias, uint64_t{1} << 63 | fraction << kLeft};
}

/// Logical shift right by any distance; ones that fall out stay visible in bit 0.
constexpr uint64_t shift_right_sticky(uint64_t value, unsigned distance) {
    if (distance == 0) return value;
    if (distance >= 64) return value != 0;
    return value >> distance | ((value << (64 - distance)) != 0);
}

/// How much is to be added to a magnitude whose last place is `odd`, and of which `rest` (in units of 2^-64 of the last
/// place, sticky in bit 0) is cut off. Serves integers too. Odd never adds; its callers set the last bit.
constexpr bool rounds_up(Rounding mode, bool sign, bool odd, uint64_t rest) {
    constexpr uint64_t kHalf = uint64_t{1} << 63;
    switch (mode) {
    case Rounding::TieEven: return rest > kHalf || (rest == kHalf && odd);
    case Rounding::TieAway: return rest >= kHalf;
    case Rounding::PlusInf: return rest != 0 && !sign;
    case Rounding::MinusInf: return rest != 0 && sign;
    case Rounding::Zero:
    case Rounding::Odd: break;
    }
    return false;
}

constexpr bool overflows_to_infinity(Rounding mode, bool sign) {
    switch (mode) {
    case Rounding::TieEven:
    case Rounding::TieAway: return true;
    case Rounding::PlusInf: return !sign;
    case Rounding::MinusInf: return sign;
    case Rounding::Zero:
    case Rounding::Odd: break;
    }
    return false;
}

/// FPRoundBase: the nearest value of the format by `mode`. `significand` is normalised, its bit 0 sticky.
template <FpBits U, Use use = Use::Arithmetic>
inline U round_pack(bool sign, int exponent, uint64_t significand, FpContext& ctx, Rounding mode) {
    using F = Format<U>;
    constexpr unsigned kDrop = 63 - F::kFractionBits;
    const bool alternative = sizeof(U) == 2 && use == Use::Conversion && ctx.ahp;

    int biased = exponent - F::kMinExponent + 1;
    if (biased <= 0) {
        // Tininess is detected before rounding; a flushed result is not inexact.
        if (flushes<U>(ctx, use)) {
            ctx.raise(kUnderflow);
            return zero<U>(sign);
        }
        significand = shift_right_sticky(significand, static_cast<unsigned>(1 - biased));
        biased = 0;
    }
    const int limit = alternative ? F::kMaxBiased + 1 : F::kMaxBiased;
    const uint64_t rest = significand << (64 - kDrop);
    uint64_t packed = 0;
    bool overflow = biased >= limit;
    if (!overflow) {
        const uint64_t mantissa = significand >> kDrop;
        // The leading one of a normal number adds 1 to the exponent field, as does a carry out of the fraction.
        packed = (static_cast<uint64_t>(biased == 0 ? 0 : biased - 1) << F::kFractionBits) + mantissa +
                 rounds_up(mode, sign, (mantissa & 1) != 0, rest);
        if (mode == Rounding::Odd && rest != 0) packed |= 1;
        overflow = (packed >> F::kFractionBits) >= static_cast<uint64_t>(limit);
    }
    if (overflow) {
        if (alternative) {
            ctx.raise(kInvalidOperation);
            return static_cast<U>(zero<U>(sign) | (F::kSign - 1u));
        }
        ctx.raise(kOverflow | kInexact);
        return overflows_to_infinity(mode, sign) ? infinity<U>(sign) : max_normal<U>(sign);
    }
    if (rest != 0) ctx.raise(biased == 0 ? kUnderflow | kInexact : kInexact);
    return static_cast<U>(zero<U>(sign) | packed);
}

/// FPProcessNaN.
template <FpBits U> inline U process_nan(U op, FpContext& ctx) {
    using F = Format<U>;
    if ((op & F::kQuiet) == 0) ctx.raise(kInvalidOperation);
    return ctx.dn ? F::kDefaultNan : static_cast<U>(op | F::kQuiet);
}

/// FPProcessNaNs, to be called when at least one operand is a NaN: signalling ones first, then in operand order.
template <FpBits U> inline U process_nans(U op1, U op2, FpContext& ctx) {
    if (is_signalling(op1)) return process_nan(op1, ctx);
    if (is_signalling(op2)) return process_nan(op2, ctx);
    return process_nan(is_nan(op1) ? op1 : op2, ctx);
}

template <FpBits U> inline U process_nans3(U op1, U op2, U op3, FpContext& ctx) {
    if (is_signalling(op1)) return process_nan(op1, ctx);
    if (is_signalling(op2)) return process_nan(op2, ctx);
    if (is_signalling(op3)) return process_nan(op3, ctx);
    return process_nan(is_nan(op1) ? op1 : is_nan(op2) ? op2 : op3, ctx);
}

template <FpBits U> inline U invalid(FpContext& ctx) {
    ctx.raise(kInvalidOperation);
    return Format<U>::kDefaultNan;
}

} // namespace beeline::arm64::fp
