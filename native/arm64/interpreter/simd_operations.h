// Operations on single elements of integer vectors. Names and rounding are those of the Arm ARM's pseudocode (J1.1).
//
// An operation is a type with `apply`, a template over the element type T whose signedness is the instruction's. Those
// that saturate take a flag that they set when they did; the shapes turn it into FPSR.QC.
#pragma once

#include "arm64/interpreter/simd_lanes.h"

namespace beeline::arm64::simd {

/// SatQ: the value of T nearest to `value`.
template <typename T, typename W> [[gnu::always_inline]] inline T saturate(W value, bool& saturated) {
    static_assert(sizeof(W) > sizeof(T));
    const W bounded = value > static_cast<W>(kMax<T>)   ? static_cast<W>(kMax<T>)
                      : value < static_cast<W>(kMin<T>) ? static_cast<W>(kMin<T>)
                                                        : value;
    saturated |= bounded != value;
    return static_cast<T>(bounded);
}

/// Modulo arithmetic without the promotions and overflows of int.
template <typename T> inline T wrapping_add(T a, T b) {
    return static_cast<T>(static_cast<Unsigned<T>>(a) + static_cast<Unsigned<T>>(b));
}
template <typename T> inline T wrapping_sub(T a, T b) {
    return static_cast<T>(static_cast<Unsigned<T>>(a) - static_cast<Unsigned<T>>(b));
}
template <typename T> inline T wrapping_mul(T a, T b) {
    using Factor = std::conditional_t<(sizeof(T) < 4), uint32_t, Unsigned<T>>;
    return static_cast<T>(static_cast<Factor>(a) * static_cast<Factor>(b));
}

template <typename T> inline T all_ones_if(bool condition) {
    return static_cast<T>(-static_cast<Signed<T>>(condition));
}

/// Low bits, 0 to all of them.
template <typename T> inline Unsigned<T> low_ones(unsigned bits) {
    return bits >= kBits<T> ? static_cast<Unsigned<T>>(-1)
                            : static_cast<Unsigned<T>>((Unsigned<T>{1} << bits) - Unsigned<T>{1});
}

// ---- arithmetic ------------------------------------------------------------------------------------------------

struct Add {
    template <typename T> static T apply(T n, T m) { return wrapping_add(n, m); }
};
struct Sub {
    template <typename T> static T apply(T n, T m) { return wrapping_sub(n, m); }
};
struct Mul {
    template <typename T> static T apply(T n, T m) { return wrapping_mul(n, m); }
};
struct HalvingAdd {
    template <typename T> static T apply(T n, T m) {
        return static_cast<T>((SignedWide<T>(n) + SignedWide<T>(m)) >> 1);
    }
};
struct RoundingHalvingAdd {
    template <typename T> static T apply(T n, T m) {
        return static_cast<T>((SignedWide<T>(n) + SignedWide<T>(m) + 1) >> 1);
    }
};
struct HalvingSub {
    template <typename T> static T apply(T n, T m) {
        return static_cast<T>((SignedWide<T>(n) - SignedWide<T>(m)) >> 1);
    }
};
struct Max {
    template <typename T> static T apply(T n, T m) { return n > m ? n : m; }
};
struct Min {
    template <typename T> static T apply(T n, T m) { return n < m ? n : m; }
};
struct AbsoluteDifference {
    template <typename T> static T apply(T n, T m) { return n > m ? wrapping_sub(n, m) : wrapping_sub(m, n); }
};
struct SaturatingAdd {
    template <typename T> static T apply(T n, T m, bool& saturated) {
        return saturate<T>(static_cast<SignedWide<T>>(SignedWide<T>(n) + SignedWide<T>(m)), saturated);
    }
};
struct SaturatingSub {
    template <typename T> static T apply(T n, T m, bool& saturated) {
        return saturate<T>(static_cast<SignedWide<T>>(SignedWide<T>(n) - SignedWide<T>(m)), saturated);
    }
};
/// Polynomials over {0, 1}: the low half of the product.
struct PolynomialMul {
    static uint8_t apply(uint8_t n, uint8_t m) {
        unsigned product = 0;
        for (unsigned bit = 0; bit < 8; bit++) product ^= (0u - (m >> bit & 1u)) & (unsigned{n} << bit);
        return static_cast<uint8_t>(product);
    }
};

// ---- comparisons -----------------------------------------------------------------------------------------------

struct CompareGt {
    template <typename T> static T apply(T n, T m) { return all_ones_if<T>(n > m); }
};
struct CompareGe {
    template <typename T> static T apply(T n, T m) { return all_ones_if<T>(n >= m); }
};
struct CompareEq {
    template <typename T> static T apply(T n, T m) { return all_ones_if<T>(n == m); }
};
struct CompareTest {
    template <typename T> static T apply(T n, T m) { return all_ones_if<T>((n & m) != 0); }
};

// ---- multiply-accumulate; d is the addend --------------------------------------------------------------------

struct MulAdd {
    template <typename T> static T apply(T d, T n, T m) { return wrapping_add(d, wrapping_mul(n, m)); }
};
struct MulSub {
    template <typename T> static T apply(T d, T n, T m) { return wrapping_sub(d, wrapping_mul(n, m)); }
};
struct AbsoluteDifferenceAdd {
    template <typename T> static T apply(T d, T n, T m) { return wrapping_add(d, AbsoluteDifference::apply(n, m)); }
};

/// Doubling multiply, high half. Twice the product is shifted by the width: the product by one less.
struct DoublingMulHigh {
    template <typename T> static T apply(T n, T m, bool& saturated) {
        return saturate<T>(static_cast<Wide<T>>(Wide<T>(n) * Wide<T>(m) >> (kBits<T> - 1)), saturated);
    }
};
struct RoundingDoublingMulHigh {
    template <typename T> static T apply(T n, T m, bool& saturated) {
        constexpr Wide<T> kRound = Wide<T>{1} << (kBits<T> - 2);
        return saturate<T>(static_cast<Wide<T>>((Wide<T>(n) * Wide<T>(m) + kRound) >> (kBits<T> - 1)), saturated);
    }
};
/// SQRDMLAH and SQRDMLSH: nothing is lost before the one rounding and saturation. Halved, the sum fits 64 bits.
template <bool subtract> struct RoundingDoublingMulAccumulate {
    template <typename T> static T apply(T d, T n, T m, bool& saturated) {
        constexpr Wide<T> kRound = Wide<T>{1} << (kBits<T> - 2);
        const int64_t addend = int64_t{d} * (int64_t{1} << (kBits<T> - 1));
        const int64_t product = int64_t{n} * int64_t{m};
        const int64_t sum = (subtract ? addend - product : addend + product) + kRound;
        return saturate<T>(sum >> (kBits<T> - 1), saturated);
    }
};

// ---- widening: n and m are of the result's type already ------------------------------------------------------

/// Twice the product of two half-width values: only the square of the smallest does not fit.
struct DoublingMulLong {
    template <typename W> static W apply(W n, W m, bool& saturated) {
        return saturate<W>(static_cast<SignedWide<W>>(SignedWide<W>(n) * SignedWide<W>(m) * 2), saturated);
    }
};
struct DoublingMulAddLong {
    template <typename W> static W apply(W d, W n, W m, bool& saturated) {
        return SaturatingAdd::apply(d, DoublingMulLong::apply(n, m, saturated), saturated);
    }
};
struct DoublingMulSubLong {
    template <typename W> static W apply(W d, W n, W m, bool& saturated) {
        return SaturatingSub::apply(d, DoublingMulLong::apply(n, m, saturated), saturated);
    }
};

// ---- shifts ------------------------------------------------------------------------------------------------------

/// n >> shift for 1 to any number of bits, sign or zeros moving in.
template <typename T> inline T shift_right(T n, unsigned shift) {
    if (shift < kBits<T>) return static_cast<T>(n >> shift);
    return kSigned<T> ? static_cast<T>(n >> (kBits<T> - 1)) : T{0};
}

/// (n + half of the last place) >> shift for a shift of 1 or more, computed without the carry out of T.
template <typename T> inline T rounding_shift_right(T n, unsigned shift) {
    if (shift < kBits<T>) return static_cast<T>((n >> shift) + (n >> (shift - 1) & 1));
    // The sum reaches the place of weight 2^bits only for an unsigned n with its top bit set.
    return static_cast<T>(!kSigned<T> && shift == kBits<T> && (n >> (kBits<T> - 1)) != 0);
}

template <typename T> inline T shift_left(T n, unsigned shift) {
    return shift < kBits<T> ? static_cast<T>(static_cast<Unsigned<T>>(n) << shift) : T{0};
}

/// To is T or, for SQSHLU, its unsigned counterpart.
template <typename To, typename T> inline To saturating_shift_left(T n, unsigned shift, bool& saturated) {
    if (n == 0) return 0;
    if (kSigned<T> && !kSigned<To> && n < 0) {
        saturated = true;
        return 0;
    }
    const To shifted = static_cast<To>(shift_left(n, shift));
    if (shift < kBits<T> && shift_right(shifted, shift) == static_cast<To>(n)) return shifted;
    saturated = true;
    return n < 0 ? kMin<To> : kMax<To>;
}

/// Shifts by register: the low byte of m, signed; negative is to the right.
template <bool rounding> struct ShiftByRegister {
    template <typename T> static T apply(T n, T m) {
        const int shift = static_cast<int8_t>(m);
        if (shift >= 0) return shift_left(n, static_cast<unsigned>(shift));
        const auto right = static_cast<unsigned>(-shift);
        return rounding ? rounding_shift_right(n, right) : shift_right(n, right);
    }
};
template <bool rounding> struct SaturatingShiftByRegister {
    template <typename T> static T apply(T n, T m, bool& saturated) {
        const int shift = static_cast<int8_t>(m);
        if (shift >= 0) return saturating_shift_left<T>(n, static_cast<unsigned>(shift), saturated);
        return ShiftByRegister<rounding>::apply(n, m);
    }
};

// ---- one operand ---------------------------------------------------------------------------------------------

struct Absolute {
    template <typename T> static T apply(T n) { return n < 0 ? wrapping_sub(T{0}, n) : n; }
};
struct Negate {
    template <typename T> static T apply(T n) { return wrapping_sub(T{0}, n); }
};
struct SaturatingAbsolute {
    template <typename T> static T apply(T n, bool& saturated) {
        return n < 0 ? SaturatingSub::apply(T{0}, n, saturated) : n;
    }
};
struct SaturatingNegate {
    template <typename T> static T apply(T n, bool& saturated) { return SaturatingSub::apply(T{0}, n, saturated); }
};
/// SUQADD: signed d, unsigned n; USQADD: unsigned d, signed n.
struct SaturatingAddOpposite {
    template <typename T> static T apply(T d, T n, bool& saturated) {
        using Opposite = std::conditional_t<kSigned<T>, Unsigned<T>, Signed<T>>;
        return saturate<T>(static_cast<SignedWide<T>>(SignedWide<T>(d) + SignedWide<T>(static_cast<Opposite>(n))),
                           saturated);
    }
};
struct CountLeadingZeros {
    template <typename T> static T apply(T n) {
        const auto bits = static_cast<uint32_t>(static_cast<Unsigned<T>>(n));
        return static_cast<T>(bits == 0 ? kBits<T> : static_cast<unsigned>(__builtin_clz(bits)) - (32 - kBits<T>));
    }
};
/// Copies of the sign bit below it.
struct CountLeadingSigns {
    template <typename T> static T apply(T n) {
        return static_cast<T>(static_cast<unsigned>(__builtin_clrsb(int32_t{n})) - (32 - kBits<T>));
    }
};
struct CountBits {
    static uint8_t apply(uint8_t n) {
        unsigned x = n;
        x = (x & 0x55) + (x >> 1 & 0x55);
        x = (x & 0x33) + (x >> 2 & 0x33);
        return static_cast<uint8_t>((x & 0xF) + (x >> 4));
    }
};
struct ReverseBits {
    static uint8_t apply(uint8_t n) {
        unsigned x = n;
        x = (x & 0x55) << 1 | (x >> 1 & 0x55);
        x = (x & 0x33) << 2 | (x >> 2 & 0x33);
        return static_cast<uint8_t>((x & 0xF) << 4 | x >> 4);
    }
};
struct Invert {
    template <typename T> static T apply(T n) { return static_cast<T>(~n); }
};

/// Comparisons with zero, in terms of those of two registers.
template <typename Comparison, bool swapped = false> struct CompareZero {
    template <typename T> static T apply(T n) {
        return swapped ? Comparison::apply(T{0}, n) : Comparison::apply(n, T{0});
    }
};

// ---- bitwise, on any type ------------------------------------------------------------------------------------

struct And {
    template <typename T> static T apply(T n, T m) { return n & m; }
};
struct AndNot {
    template <typename T> static T apply(T n, T m) { return n & ~m; }
};
struct Or {
    template <typename T> static T apply(T n, T m) { return n | m; }
};
struct OrNot {
    template <typename T> static T apply(T n, T m) { return n | ~m; }
};
struct ExclusiveOr {
    template <typename T> static T apply(T n, T m) { return n ^ m; }
};
/// BSL: d selects; BIT and BIF: m says where n goes in.
struct Select {
    template <typename T> static T apply(T d, T n, T m) { return (n & d) | (m & ~d); }
};
struct InsertIfTrue {
    template <typename T> static T apply(T d, T n, T m) { return (n & m) | (d & ~m); }
};
struct InsertIfFalse {
    template <typename T> static T apply(T d, T n, T m) { return (n & ~m) | (d & m); }
};

} // namespace beeline::arm64::simd
