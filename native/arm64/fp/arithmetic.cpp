#include "arm64/fp/arithmetic.h"

#include <cmath>

namespace beeline::arm64::fp {

namespace {

__extension__ using Uint128 = unsigned __int128;

template <FpBits U> U round(bool sign, int exponent, uint64_t significand, FpContext& ctx) {
    return round_pack<U>(sign, exponent, significand, ctx, ctx.mode);
}

/// Sign of a sum of nonzero terms that is exactly zero.
template <FpBits U> U exact_zero(const FpContext& ctx) { return zero<U>(ctx.mode == Rounding::MinusInf); }

/// Sum of two nonzero finite numbers.
template <FpBits U> U add_nonzero(const Unpacked& a, const Unpacked& b, FpContext& ctx) {
    const bool swap = a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand);
    const Unpacked& large = swap ? b : a;
    const Unpacked& small = swap ? a : b;
    // The lowest 11 bits of a significand are zero: one is given up for the carry, the rest guard the rounding.
    const uint64_t high = large.significand >> 1;
    const uint64_t low =
        shift_right_sticky(small.significand >> 1, static_cast<unsigned>(large.exponent - small.exponent));
    const uint64_t sum = large.sign == small.sign ? high + low : high - low;
    if (sum == 0) return exact_zero<U>(ctx);
    const int shift = std::countl_zero(sum);
    return round<U>(large.sign, large.exponent + 1 - shift, sum << shift, ctx);
}

template <FpBits U> U add_signed(U op1, U op2, bool negate2, FpContext& ctx) {
    const Unpacked a = unpack(op1, ctx);
    Unpacked b = unpack(op2, ctx);
    if (a.nan() || b.nan()) return process_nans(op1, op2, ctx);
    b.sign ^= negate2;
    if (a.infinite()) {
        if (b.infinite() && a.sign != b.sign) return invalid<U>(ctx);
        return infinity<U>(a.sign);
    }
    if (b.infinite()) return infinity<U>(b.sign);
    if (a.zero() && b.zero()) return a.sign == b.sign ? zero<U>(a.sign) : exact_zero<U>(ctx);
    // Adding zero is exact, but a result that stays denormal still goes through rounding in the manual: no effect.
    if (a.zero()) return round<U>(b.sign, b.exponent, b.significand, ctx);
    if (b.zero()) return round<U>(a.sign, a.exponent, a.significand, ctx);
    return add_nonzero<U>(a, b, ctx);
}

template <FpBits U> U mul_nonzero(const Unpacked& a, const Unpacked& b, FpContext& ctx) {
    const bool sign = a.sign != b.sign;
    const int exponent = a.exponent + b.exponent;
    if constexpr (sizeof(U) <= 4) {
        const uint64_t product = (a.significand >> 32) * (b.significand >> 32);
        const int shift = std::countl_zero(product);
        return round<U>(sign, exponent + 1 - shift, product << shift, ctx);
    } else {
        const Uint128 product = Uint128{a.significand} * b.significand;
        uint64_t high = static_cast<uint64_t>(product >> 64), low = static_cast<uint64_t>(product);
        int carry = 1;
        if (high >> 63 == 0) {
            high = high << 1 | low >> 63;
            low <<= 1;
            carry = 0;
        }
        return round<U>(sign, exponent + carry, high | (low != 0), ctx);
    }
}

template <FpBits U> U div_nonzero(const Unpacked& a, const Unpacked& b, FpContext& ctx) {
    const bool sign = a.sign != b.sign;
    const bool below = a.significand < b.significand;
    const int exponent = a.exponent - b.exponent - below;
    if constexpr (sizeof(U) <= 4) {
        const uint64_t dividend = (a.significand >> 32) << (below ? 32 : 31), divisor = b.significand >> 32;
        const uint64_t quotient = dividend / divisor;
        return round<U>(sign, exponent, quotient << 32 | (quotient * divisor != dividend), ctx);
    } else {
        const Uint128 dividend = Uint128{a.significand} << (below ? 64 : 63);
        const uint64_t quotient = static_cast<uint64_t>(dividend / b.significand);
        return round<U>(sign, exponent, quotient | (Uint128{quotient} * b.significand != dividend), ctx);
    }
}

/// floor(sqrt(value)) for a value whose root has `bits` bits.
template <typename Wide> uint64_t integer_root(Wide value, unsigned bits, bool& exact) {
    uint64_t root = 0;
    Wide remainder = value;
    for (unsigned i = bits; i-- > 0;) {
        // (root + 2^i)^2 = root^2 + 2^(i+1) * root + 2^2i
        const Wide step = (Wide{root} << (i + 1)) + (Wide{1} << (2 * i));
        if (step <= remainder) {
            remainder -= step;
            root |= uint64_t{1} << i;
        }
    }
    exact = remainder == 0;
    return root;
}

/// addend + a * b, none of which is a NaN or infinite, and not all zero; 2^scale times that.
template <FpBits U> U fused(const Unpacked& addend, const Unpacked& a, const Unpacked& b, int scale, FpContext& ctx) {
    const bool product_sign = a.sign != b.sign;
    if (a.zero() || b.zero()) {
        if (addend.zero()) return addend.sign == product_sign ? zero<U>(addend.sign) : exact_zero<U>(ctx);
        return round<U>(addend.sign, addend.exponent + scale, addend.significand, ctx);
    }
    // Both terms with their leading bit at 126 of 128. The product's lowest 21 bits are zero, so that a shift that
    // loses ones leaves at most one bit of cancellation.
    Uint128 product = Uint128{a.significand} * b.significand;
    int exponent = a.exponent + b.exponent;
    if (product >> 127 != 0) {
        product >>= 1;
        exponent++;
    }
    Uint128 sum = product;
    bool sign = product_sign;
    if (!addend.zero()) {
        const Uint128 term = Uint128{addend.significand} << 63;
        const bool product_larger = exponent != addend.exponent ? exponent > addend.exponent : product >= term;
        Uint128 large = product_larger ? product : term, small = product_larger ? term : product;
        const unsigned distance =
            static_cast<unsigned>(product_larger ? exponent - addend.exponent : addend.exponent - exponent);
        if (distance >= 128) {
            small = 1;
        } else if (distance != 0) {
            const bool lost = small << (128 - distance) != 0;
            small = small >> distance | lost;
        }
        sign = product_larger ? product_sign : addend.sign;
        exponent = product_larger ? exponent : addend.exponent;
        sum = product_sign == addend.sign ? large + small : large - small;
        if (sum == 0) return exact_zero<U>(ctx);
    }
    uint64_t high = static_cast<uint64_t>(sum >> 64);
    const uint64_t low = static_cast<uint64_t>(sum);
    const int shift = high != 0 ? std::countl_zero(high) : 64 + std::countl_zero(low);
    sum <<= shift;
    high = static_cast<uint64_t>(sum >> 64);
    return round<U>(sign, exponent + 1 - shift + scale, high | (static_cast<uint64_t>(sum) != 0), ctx);
}

/// A positive constant 1.f * 2^1 with the fraction's upper bits given: 2.0 or 3.0.
constexpr Unpacked kTwo{Kind::Nonzero, false, 1, uint64_t{1} << 63}, kThree{Kind::Nonzero, false, 1, uint64_t{3} << 62};

// ---- the host's arithmetic where it cannot differ ------------------------------------------------------------------
//
// With rounding to nearest, no flushing, and IXC set already, an operation whose result is a normal number above the
// smallest one can raise nothing new, and IEEE 754 fixes its bits. NaNs, infinities, zeros and anything tiny go the
// long way. The host thread keeps its own rounding mode at nearest.

template <FpBits U> using HostFloat = std::conditional_t<sizeof(U) == 4, float, double>;

template <FpBits U> bool host_suffices(const FpContext& ctx) {
    if constexpr (sizeof(U) == 2) return false;
    return ctx.mode == Rounding::TieEven && !ctx.fz && (ctx.flags & kInexact) != 0;
}

template <FpBits U> bool plain_normal(U value) {
    using F = Format<U>;
    constexpr U kSmallest = static_cast<U>(U{1} << F::kFractionBits);
    return static_cast<U>(abs(value) - kSmallest - 1) < static_cast<U>(F::kInfinity - kSmallest - 1);
}

/// Tries operation(host values...); false when the result does not tell enough.
template <FpBits U, typename Operation, typename... Operands>
bool on_host(U& result, const FpContext& ctx, Operation operation, Operands... operands) {
    if constexpr (sizeof(U) != 2) {
        if (host_suffices<U>(ctx)) {
            result = std::bit_cast<U>(operation(std::bit_cast<HostFloat<U>>(operands)...));
            return plain_normal(result);
        }
    }
    return false;
}

} // namespace

template <FpBits U> U add(U op1, U op2, FpContext& ctx) {
    if (U result; on_host(
            result, ctx, [](auto a, auto b) { return a + b; }, op1, op2))
        return result;
    return add_signed(op1, op2, false, ctx);
}

template <FpBits U> U sub(U op1, U op2, FpContext& ctx) {
    if (U result; on_host(
            result, ctx, [](auto a, auto b) { return a - b; }, op1, op2))
        return result;
    return add_signed(op1, op2, true, ctx);
}

template <FpBits U> U mul(U op1, U op2, FpContext& ctx) {
    if (U result; on_host(
            result, ctx, [](auto a, auto b) { return a * b; }, op1, op2))
        return result;
    const Unpacked a = unpack(op1, ctx), b = unpack(op2, ctx);
    if (a.nan() || b.nan()) return process_nans(op1, op2, ctx);
    const bool sign = a.sign != b.sign;
    if ((a.infinite() && b.zero()) || (a.zero() && b.infinite())) return invalid<U>(ctx);
    if (a.infinite() || b.infinite()) return infinity<U>(sign);
    if (a.zero() || b.zero()) return zero<U>(sign);
    return mul_nonzero<U>(a, b, ctx);
}

template <FpBits U> U mulx(U op1, U op2, FpContext& ctx) {
    const Unpacked a = unpack(op1, ctx), b = unpack(op2, ctx);
    if (a.nan() || b.nan()) return process_nans(op1, op2, ctx);
    const bool sign = a.sign != b.sign;
    if ((a.infinite() && b.zero()) || (a.zero() && b.infinite()))
        return static_cast<U>(zero<U>(sign) | Format<U>::kTwo);
    if (a.infinite() || b.infinite()) return infinity<U>(sign);
    if (a.zero() || b.zero()) return zero<U>(sign);
    return mul_nonzero<U>(a, b, ctx);
}

template <FpBits U> U div(U op1, U op2, FpContext& ctx) {
    if (U result; on_host(
            result, ctx, [](auto a, auto b) { return a / b; }, op1, op2))
        return result;
    const Unpacked a = unpack(op1, ctx), b = unpack(op2, ctx);
    if (a.nan() || b.nan()) return process_nans(op1, op2, ctx);
    const bool sign = a.sign != b.sign;
    if ((a.infinite() && b.infinite()) || (a.zero() && b.zero())) return invalid<U>(ctx);
    if (a.infinite() || b.zero()) {
        if (!a.infinite()) ctx.raise(kDivideByZero);
        return infinity<U>(sign);
    }
    if (a.zero() || b.infinite()) return zero<U>(sign);
    return div_nonzero<U>(a, b, ctx);
}

template <FpBits U> U sqrt(U op, FpContext& ctx) {
    if (U result; on_host(
            result, ctx, [](auto a) { return std::sqrt(a); }, op))
        return result;
    const Unpacked a = unpack(op, ctx);
    if (a.nan()) return process_nan(op, ctx);
    if (a.zero()) return zero<U>(a.sign);
    if (a.sign) return invalid<U>(ctx);
    if (a.infinite()) return infinity<U>(false);
    // value = s * 2^e with s in [1, 4) and e even; the root of s has one bit before the point.
    const bool odd = (a.exponent & 1) != 0;
    const int exponent = (a.exponent - odd) / 2;
    bool exact = false;
    if constexpr (sizeof(U) <= 4) {
        constexpr unsigned kRootBits = 31;                     // 24 and more than enough to round
        const uint64_t radicand = (a.significand >> 3) << odd; // s * 2^60
        const uint64_t root = integer_root<uint64_t>(radicand, kRootBits, exact);
        return round<U>(false, exponent, root << (64 - kRootBits) | !exact, ctx);
    } else {
        constexpr unsigned kRootBits = 56;
        const Uint128 radicand = Uint128{a.significand} << (47 + odd); // s * 2^110
        const uint64_t root = integer_root<Uint128>(radicand, kRootBits, exact);
        return round<U>(false, exponent, root << (64 - kRootBits) | !exact, ctx);
    }
}

template <FpBits U> U muladd(U addend, U op1, U op2, FpContext& ctx) {
    if (U result; on_host(
            result, ctx, [](auto c, auto a, auto b) { return std::fma(a, b, c); }, addend, op1, op2))
        return result;
    const Unpacked c = unpack(addend, ctx), a = unpack(op1, ctx), b = unpack(op2, ctx);
    const bool no_product = (a.infinite() && b.zero()) || (a.zero() && b.infinite());
    if (c.nan() || a.nan() || b.nan()) {
        if (c.kind == Kind::QuietNan && no_product) return invalid<U>(ctx);
        return process_nans3(addend, op1, op2, ctx);
    }
    const bool product_sign = a.sign != b.sign;
    const bool infinite_product = a.infinite() || b.infinite();
    if (no_product || (c.infinite() && infinite_product && c.sign != product_sign)) return invalid<U>(ctx);
    if (c.infinite()) return infinity<U>(c.sign);
    if (infinite_product) return infinity<U>(product_sign);
    return fused<U>(c, a, b, 0, ctx);
}

template <FpBits U> U recip_step(U op1, U op2, FpContext& ctx) {
    op1 = neg(op1);
    const Unpacked a = unpack(op1, ctx), b = unpack(op2, ctx);
    if (a.nan() || b.nan()) return process_nans(op1, op2, ctx);
    if ((a.infinite() && b.zero()) || (a.zero() && b.infinite())) return Format<U>::kTwo;
    if (a.infinite() || b.infinite()) return infinity<U>(a.sign != b.sign);
    return fused<U>(kTwo, a, b, 0, ctx);
}

template <FpBits U> U rsqrt_step(U op1, U op2, FpContext& ctx) {
    op1 = neg(op1);
    const Unpacked a = unpack(op1, ctx), b = unpack(op2, ctx);
    if (a.nan() || b.nan()) return process_nans(op1, op2, ctx);
    if ((a.infinite() && b.zero()) || (a.zero() && b.infinite())) return Format<U>::kOnePointFive;
    if (a.infinite() || b.infinite()) return infinity<U>(a.sign != b.sign);
    return fused<U>(kThree, a, b, -1, ctx);
}

template uint16_t add(uint16_t, uint16_t, FpContext&);
template uint32_t add(uint32_t, uint32_t, FpContext&);
template uint64_t add(uint64_t, uint64_t, FpContext&);
template uint16_t sub(uint16_t, uint16_t, FpContext&);
template uint32_t sub(uint32_t, uint32_t, FpContext&);
template uint64_t sub(uint64_t, uint64_t, FpContext&);
template uint16_t mul(uint16_t, uint16_t, FpContext&);
template uint32_t mul(uint32_t, uint32_t, FpContext&);
template uint64_t mul(uint64_t, uint64_t, FpContext&);
template uint16_t mulx(uint16_t, uint16_t, FpContext&);
template uint32_t mulx(uint32_t, uint32_t, FpContext&);
template uint64_t mulx(uint64_t, uint64_t, FpContext&);
template uint16_t div(uint16_t, uint16_t, FpContext&);
template uint32_t div(uint32_t, uint32_t, FpContext&);
template uint64_t div(uint64_t, uint64_t, FpContext&);
template uint16_t sqrt(uint16_t, FpContext&);
template uint32_t sqrt(uint32_t, FpContext&);
template uint64_t sqrt(uint64_t, FpContext&);
template uint16_t muladd(uint16_t, uint16_t, uint16_t, FpContext&);
template uint32_t muladd(uint32_t, uint32_t, uint32_t, FpContext&);
template uint64_t muladd(uint64_t, uint64_t, uint64_t, FpContext&);
template uint16_t recip_step(uint16_t, uint16_t, FpContext&);
template uint32_t recip_step(uint32_t, uint32_t, FpContext&);
template uint64_t recip_step(uint64_t, uint64_t, FpContext&);
template uint16_t rsqrt_step(uint16_t, uint16_t, FpContext&);
template uint32_t rsqrt_step(uint32_t, uint32_t, FpContext&);
template uint64_t rsqrt_step(uint64_t, uint64_t, FpContext&);

} // namespace beeline::arm64::fp
