#include "arm64/fp/convert.h"

namespace beeline::arm64::fp {

namespace {

/// FPConvertNaN: keeps the sign and the fraction's upper bits, quiet.
template <FpBits To, FpBits From> To convert_nan(From op) {
    using T = Format<To>;
    const uint64_t fraction = static_cast<uint64_t>(op & Format<From>::kFractionMask)
                              << (64 - Format<From>::kFractionBits);
    return static_cast<To>(zero<To>(sign_of(op)) | T::kDefaultNan | fraction >> (64 - T::kFractionBits));
}

/// A magnitude cut into its integer part and the rest in units of 2^-64. The number must be below 2^64.
struct IntegerAndRest {
    uint64_t integer, rest;
};

IntegerAndRest split(int exponent, uint64_t significand) {
    const int shift = 63 - exponent;
    if (shift == 0) return {significand, 0};
    if (shift < 64) return {significand >> shift, significand << (64 - shift)};
    return {0, shift_right_sticky(significand, static_cast<unsigned>(shift - 64))};
}

} // namespace

template <FpBits To, FpBits From> To convert(From op, FpContext& ctx, Rounding mode) {
    const Unpacked a = unpack<From, Use::Conversion>(op, ctx);
    const bool alternative = sizeof(To) == 2 && ctx.ahp;
    if (a.nan()) {
        if (a.kind == Kind::SignallingNan || alternative) ctx.raise(kInvalidOperation);
        if (alternative) return zero<To>(a.sign);
        return ctx.dn ? Format<To>::kDefaultNan : convert_nan<To>(op);
    }
    if (a.infinite()) {
        if (!alternative) return infinity<To>(a.sign);
        ctx.raise(kInvalidOperation);
        return static_cast<To>(zero<To>(a.sign) | (Format<To>::kSign - 1u));
    }
    if (a.zero()) return zero<To>(a.sign);
    return round_pack<To, Use::Conversion>(a.sign, a.exponent, a.significand, ctx, mode);
}

template <FpBits U>
uint64_t to_fixed(U op, unsigned width, unsigned fraction_bits, Signedness signedness, Rounding mode, FpContext& ctx) {
    const uint64_t mask = ~uint64_t{0} >> (64 - width);
    const bool is_signed = signedness == Signedness::Signed;
    const uint64_t most_positive = is_signed ? mask >> 1 : mask;
    const uint64_t most_negative = is_signed ? most_positive + 1 : 0; // magnitude

    const Unpacked a = unpack(op, ctx);
    if (a.nan()) {
        ctx.raise(kInvalidOperation);
        return 0;
    }
    if (a.zero()) return 0;
    const uint64_t limit = a.sign ? most_negative : most_positive;
    const int exponent = a.exponent + static_cast<int>(fraction_bits);
    IntegerAndRest parts{};
    bool overflow = a.infinite() || exponent >= 64;
    if (!overflow) {
        parts = split(exponent, a.significand);
        // A rest implies that the integer part has no more bits than the fraction: the increment cannot wrap.
        parts.integer += rounds_up(mode, a.sign, (parts.integer & 1) != 0, parts.rest);
        overflow = parts.integer > limit;
    }
    uint64_t magnitude = parts.integer;
    if (overflow) {
        ctx.raise(kInvalidOperation);
        magnitude = limit;
    } else if (parts.rest != 0) {
        ctx.raise(kInexact);
    }
    return (a.sign ? 0 - magnitude : magnitude) & mask;
}

template <FpBits U>
U from_fixed(uint64_t value, unsigned fraction_bits, Signedness signedness, Rounding mode, FpContext& ctx) {
    if (value == 0) return 0;
    const bool sign = signedness == Signedness::Signed && value >> 63 != 0;
    const uint64_t magnitude = sign ? 0 - value : value;
    const int shift = std::countl_zero(magnitude);
    return round_pack<U>(sign, 63 - shift - static_cast<int>(fraction_bits), magnitude << shift, ctx, mode);
}

template <FpBits U> U round_int(U op, Rounding mode, bool exact, FpContext& ctx) {
    const Unpacked a = unpack(op, ctx);
    if (a.nan()) return process_nan(op, ctx);
    if (a.infinite()) return op;
    if (a.zero()) return zero<U>(a.sign);
    if (a.exponent >= static_cast<int>(Format<U>::kFractionBits)) return op;
    const auto [integer, rest] = split(a.exponent, a.significand);
    const uint64_t rounded = integer + rounds_up(mode, a.sign, (integer & 1) != 0, rest);
    if (exact && rest != 0) ctx.raise(kInexact);
    if (rounded == 0) return zero<U>(a.sign);
    const int shift = std::countl_zero(rounded);
    return round_pack<U>(a.sign, 63 - shift, rounded << shift, ctx, Rounding::Zero);
}

template uint16_t convert<uint16_t, uint32_t>(uint32_t, FpContext&, Rounding);
template uint16_t convert<uint16_t, uint64_t>(uint64_t, FpContext&, Rounding);
template uint32_t convert<uint32_t, uint16_t>(uint16_t, FpContext&, Rounding);
template uint32_t convert<uint32_t, uint64_t>(uint64_t, FpContext&, Rounding);
template uint64_t convert<uint64_t, uint16_t>(uint16_t, FpContext&, Rounding);
template uint64_t convert<uint64_t, uint32_t>(uint32_t, FpContext&, Rounding);
template uint64_t to_fixed(uint16_t, unsigned, unsigned, Signedness, Rounding, FpContext&);
template uint64_t to_fixed(uint32_t, unsigned, unsigned, Signedness, Rounding, FpContext&);
template uint64_t to_fixed(uint64_t, unsigned, unsigned, Signedness, Rounding, FpContext&);
template uint16_t from_fixed(uint64_t, unsigned, Signedness, Rounding, FpContext&);
template uint32_t from_fixed(uint64_t, unsigned, Signedness, Rounding, FpContext&);
template uint64_t from_fixed(uint64_t, unsigned, Signedness, Rounding, FpContext&);
template uint16_t round_int(uint16_t, Rounding, bool, FpContext&);
template uint32_t round_int(uint32_t, Rounding, bool, FpContext&);
template uint64_t round_int(uint64_t, Rounding, bool, FpContext&);

} // namespace beeline::arm64::fp
