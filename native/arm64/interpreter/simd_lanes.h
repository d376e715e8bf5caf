// Lanes of vector registers, element types, and the way from a row's fields to an instance of a handler template.
//
// The work of an instruction is a static function of a shape, Shape::work<T, kCount, ...>(cpu, insn), with T the
// element type and kCount the number of lanes. Scalar instructions are vectors of one lane. perform<> makes a handler
// of it.
#pragma once

#include "arm64/interpreter/control.h"

#include <cstring>
#include <limits>
#include <type_traits>

namespace beeline::arm64::simd {

// ---- element types -----------------------------------------------------------------------------------------------

__extension__ using int128_t = __int128;
__extension__ using uint128_t = unsigned __int128;

template <unsigned log2_bytes, bool is_signed> struct ElementOf;
template <> struct ElementOf<0, false> { using Type = uint8_t; };
template <> struct ElementOf<1, false> { using Type = uint16_t; };
template <> struct ElementOf<2, false> { using Type = uint32_t; };
template <> struct ElementOf<3, false> { using Type = uint64_t; };
template <> struct ElementOf<4, false> { using Type = uint128_t; };
template <> struct ElementOf<0, true> { using Type = int8_t; };
template <> struct ElementOf<1, true> { using Type = int16_t; };
template <> struct ElementOf<2, true> { using Type = int32_t; };
template <> struct ElementOf<3, true> { using Type = int64_t; };
template <> struct ElementOf<4, true> { using Type = int128_t; };

constexpr unsigned log2_of(unsigned bytes) { return bytes == 1 ? 0 : 1 + log2_of(bytes / 2); }
/// True below zero; std::is_signed does not know 128-bit types without the GNU dialect.
template <typename T> inline constexpr bool kSigned = static_cast<T>(-1) < static_cast<T>(0);

template <typename T> using Signed = typename ElementOf<log2_of(sizeof(T)), true>::Type;
template <typename T> using Unsigned = typename ElementOf<log2_of(sizeof(T)), false>::Type;
template <typename T> using Wide = typename ElementOf<log2_of(sizeof(T)) + 1, kSigned<T>>::Type;
template <typename T> using SignedWide = Signed<Wide<T>>;

template <typename T> inline constexpr unsigned kBits = sizeof(T) * 8;
template <typename T>
inline constexpr T kMax = kSigned<T> ? static_cast<T>(static_cast<Unsigned<T>>(-1) >> 1) : static_cast<T>(-1);
template <typename T> inline constexpr T kMin = kSigned<T> ? static_cast<T>(Unsigned<T>{1} << (kBits<T> - 1)) : T{0};

// ---- lanes ---------------------------------------------------------------------------------------------------------

template <typename T, unsigned kCount> struct Lanes {
    T lane[kCount];
    T& operator[](unsigned i) { return lane[i]; }
    const T& operator[](unsigned i) const { return lane[i]; }
};

/// kCount lanes, beginning with lane `first`.
template <typename T, unsigned kCount>
[[gnu::always_inline]] inline Lanes<T, kCount> read(const VReg& reg, unsigned first = 0) {
    static_assert(sizeof(Lanes<T, kCount>) <= sizeof(VReg));
    Lanes<T, kCount> lanes;
    std::memcpy(&lanes, reinterpret_cast<const char*>(&reg) + first * sizeof(T), sizeof lanes);
    return lanes;
}

/// The whole register: what the lanes leave becomes zero.
template <typename T, unsigned kCount>
[[gnu::always_inline]] inline void write(VReg& reg, const Lanes<T, kCount>& lanes) {
    static_assert(sizeof lanes <= sizeof(VReg));
    if constexpr (sizeof lanes == sizeof(VReg)) {
        std::memcpy(&reg, &lanes, sizeof lanes);
    } else {
        uint64_t low = 0;
        std::memcpy(&low, &lanes, sizeof lanes);
        reg = VReg{{low, 0}};
    }
}

/// Result of a narrowing instruction: its "2" form writes the upper half and keeps the lower.
template <bool upper, typename T, unsigned kCount>
[[gnu::always_inline]] inline void write_narrow(VReg& reg, const Lanes<T, kCount>& lanes) {
    if constexpr (upper) {
        std::memcpy(&reg.d[1], &lanes, sizeof reg.d[1]);
    } else {
        write(reg, lanes);
    }
}

template <typename T> [[gnu::always_inline]] inline T read_lane(const VReg& reg, unsigned index) {
    return read<T, 1>(reg, index)[0];
}

template <typename T> [[gnu::always_inline]] inline void set_lane(VReg& reg, unsigned index, T value) {
    std::memcpy(reinterpret_cast<char*>(&reg) + index * sizeof(T), &value, sizeof value);
}

// ---- handlers ------------------------------------------------------------------------------------------------------

using Work = void (*)(Vcpu& cpu, const Insn& insn);

template <Work work> Insn* perform(Vcpu& cpu, Insn* insn) {
    work(cpu, *insn);
    return next(cpu, insn);
}

/// Element sizes that an instruction has. Binders are instantiated for these alone; the rows admit no others.
inline constexpr unsigned kB = 1, kH = 2, kS = 4, kD = 8, kBhs = kB | kH | kS, kHs = kH | kS, kAll = kBhs | kD;

template <bool is_signed, unsigned sizes, typename Visitor> Handler visit_size(unsigned size, Visitor visitor) {
    if constexpr ((sizes & kB) != 0)
        if (size == 0) return visitor(typename ElementOf<0, is_signed>::Type{});
    if constexpr ((sizes & kH) != 0)
        if (size == 1) return visitor(typename ElementOf<1, is_signed>::Type{});
    if constexpr ((sizes & kS) != 0)
        if (size == 2) return visitor(typename ElementOf<2, is_signed>::Type{});
    if constexpr ((sizes & kD) != 0)
        if (size == 3) return visitor(typename ElementOf<3, is_signed>::Type{});
    return nullptr;
}

/// Vectors of 64 or 128 bits by field Q. No vector of elements has but one doubleword.
template <typename Shape, bool is_signed, unsigned sizes> Handler vector_of_size(unsigned size, bool q) {
    return visit_size<is_signed, sizes>(size, [q]<typename T>(T) -> Handler {
        if constexpr (sizeof(T) < 8)
            if (!q) return perform<Shape::template work<T, 8 / sizeof(T)>>;
        return perform<Shape::template work<T, 16 / sizeof(T)>>;
    });
}

/// 64 bits of narrow elements T beside 128 bits of wide ones, the upper half of the narrow vector in "2" forms.
template <typename Shape, bool is_signed, unsigned sizes> Handler half_of_size(unsigned size, bool q) {
    return visit_size<is_signed, sizes>(size, [q]<typename T>(T) -> Handler {
        if (q) return perform<Shape::template work<T, 8 / sizeof(T), true>>;
        return perform<Shape::template work<T, 8 / sizeof(T), false>>;
    });
}

template <typename Shape, bool is_signed, unsigned sizes> Handler scalar_of_size(unsigned size) {
    return visit_size<is_signed, sizes>(size,
                                        []<typename T>(T) -> Handler { return perform<Shape::template work<T, 1>>; });
}

template <typename Shape, bool is_signed, unsigned sizes> Handler scalar_half_of_size(unsigned size) {
    return visit_size<is_signed, sizes>(
        size, []<typename T>(T) -> Handler { return perform<Shape::template work<T, 1, false>>; });
}

// Rows with the element size in field z.
template <typename Shape, unsigned sizes> Handler signed_vector(const Fields& f) {
    return vector_of_size<Shape, true, sizes>(f('z'), f('Q') != 0);
}
template <typename Shape, unsigned sizes> Handler unsigned_vector(const Fields& f) {
    return vector_of_size<Shape, false, sizes>(f('z'), f('Q') != 0);
}
template <typename Shape, unsigned sizes> Handler signed_half(const Fields& f) {
    return half_of_size<Shape, true, sizes>(f('z'), f('Q') != 0);
}
template <typename Shape, unsigned sizes> Handler unsigned_half(const Fields& f) {
    return half_of_size<Shape, false, sizes>(f('z'), f('Q') != 0);
}

/// Scalar rows without field z are on doublewords.
inline unsigned scalar_size(const Fields& f) { return f.has('z') ? f('z') : 3; }
template <typename Shape, unsigned sizes> Handler signed_scalar(const Fields& f) {
    return scalar_of_size<Shape, true, sizes>(scalar_size(f));
}
template <typename Shape, unsigned sizes> Handler unsigned_scalar(const Fields& f) {
    return scalar_of_size<Shape, false, sizes>(scalar_size(f));
}
template <typename Shape, unsigned sizes> Handler signed_scalar_half(const Fields& f) {
    return scalar_half_of_size<Shape, true, sizes>(scalar_size(f));
}
template <typename Shape, unsigned sizes> Handler unsigned_scalar_half(const Fields& f) {
    return scalar_half_of_size<Shape, false, sizes>(scalar_size(f));
}

/// Rows on bytes only, the vector's size by field Q.
template <typename Shape> Handler byte_vector(const Fields& f) {
    return vector_of_size<Shape, false, kB>(0, f('Q') != 0);
}

} // namespace beeline::arm64::simd
