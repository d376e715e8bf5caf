// Arithmetic that sets condition flags, shared by the integer handlers.
#pragma once

#include "arm64/state.h"

#include <cstdint>
#include <type_traits>

namespace beeline::arm64 {

/// The register width of a handler: uint64_t for X, uint32_t for W forms.
template <typename T>
concept RegisterWidth = std::is_same_v<T, uint32_t> || std::is_same_v<T, uint64_t>;

template <RegisterWidth T> constexpr unsigned kBits = sizeof(T) * 8;

template <RegisterWidth T> constexpr uint32_t flags_nz(T result) {
    return static_cast<uint32_t>(result >> (kBits<T> - 1)) << 31 | (result == 0 ? nzcv::Z : 0);
}

/// AddWithCarry(): NZCV of left + right + carry.
template <RegisterWidth T> constexpr uint32_t flags_add(T left, T right, bool carry) {
    T sum, with_carry;
    const bool carry1 = __builtin_add_overflow(left, right, &sum);
    const bool carry2 = __builtin_add_overflow(sum, static_cast<T>(carry), &with_carry);
    const bool overflow = ((left ^ with_carry) & (right ^ with_carry)) >> (kBits<T> - 1) != 0;
    return flags_nz(with_carry) | (carry1 || carry2 ? nzcv::C : 0) | (overflow ? nzcv::V : 0);
}

/// NZCV of left - right. C is set when there is no borrow.
template <RegisterWidth T> constexpr uint32_t flags_subtract(T left, T right) {
    const T result = left - right;
    const bool overflow = ((left ^ right) & (left ^ result)) >> (kBits<T> - 1) != 0;
    return flags_nz(result) | (left >= right ? nzcv::C : 0) | (overflow ? nzcv::V : 0);
}

/// ConditionHolds(): `condition` is the four-bit field.
constexpr bool condition_holds(uint32_t condition, uint32_t flags) {
    const bool n = (flags & nzcv::N) != 0, z = (flags & nzcv::Z) != 0, c = (flags & nzcv::C) != 0,
               v = (flags & nzcv::V) != 0;
    bool result = true;
    switch (condition >> 1) {
    case 0: result = z; break;            // EQ NE
    case 1: result = c; break;            // CS CC
    case 2: result = n; break;            // MI PL
    case 3: result = v; break;            // VS VC
    case 4: result = c && !z; break;      // HI LS
    case 5: result = n == v; break;       // GE LT
    case 6: result = n == v && !z; break; // GT LE
    default: return true;                 // AL NV
    }
    return (condition & 1) != 0 ? !result : result;
}

/// For each condition, bit n tells whether it holds when NZCV is n: one shift instead of a switch at run time.
inline constexpr auto kConditionTable = [] {
    struct {
        uint16_t holds[16]{};
    } table;
    for (uint32_t condition = 0; condition < 16; condition++)
        for (uint32_t flags = 0; flags < 16; flags++)
            if (condition_holds(condition, flags << 28)) table.holds[condition] |= static_cast<uint16_t>(1u << flags);
    return table;
}();

inline bool holds(uint8_t condition, uint32_t flags) {
    return (kConditionTable.holds[condition] >> (flags >> 28) & 1) != 0;
}

} // namespace beeline::arm64
