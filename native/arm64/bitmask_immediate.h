// Bitmask immediates of the logical instructions (Arm ARM, DecodeBitMasks).
#pragma once

#include <bit>
#include <cstdint>

namespace beeline::arm64 {

/// log2 of the element size that N:imms names, or -1 when it is reserved.
constexpr int bitmask_element_bits(uint32_t n, uint32_t imms) {
    const uint32_t combined = n << 6 | (~imms & 0x3F);
    return combined < 2 ? -1 : 31 - std::countl_zero(combined);
}

/// Whether N:imms:immr encodes an immediate of the width that sf names. Rotations beyond the element wrap around.
constexpr bool is_bitmask_immediate(uint32_t sf, uint32_t n, uint32_t imms, uint32_t) {
    if (sf == 0 && n != 0) return false;
    const int length = bitmask_element_bits(n, imms);
    if (length < 1) return false;
    const uint32_t levels = (1u << length) - 1;
    return (imms & levels) != levels;
}

/// The immediate, for an encoding that is_bitmask_immediate() accepts; 32-bit forms use the lower half.
constexpr uint64_t decode_bitmask_immediate(uint32_t n, uint32_t imms, uint32_t immr) {
    const int length = bitmask_element_bits(n, imms);
    const unsigned size = 1u << length;
    const uint32_t levels = size - 1;
    const unsigned ones = (imms & levels) + 1;
    const unsigned rotation = immr & levels;
    const uint64_t element_mask = size == 64 ? ~uint64_t{0} : (uint64_t{1} << size) - 1;
    const uint64_t run = (uint64_t{1} << ones) - 1; // ones < 64 always
    uint64_t element = rotation == 0 ? run : (run >> rotation | run << (size - rotation)) & element_mask;
    for (unsigned width = size; width < 64; width *= 2) element |= element << width;
    return element;
}

} // namespace beeline::arm64
