// Immediates that the encoding packs tighter than a field.
#pragma once

#include <bit>
#include <cstdint>

namespace beeline::arm64 {

/// DecodeBitMasks (Arm ARM J1.3) exists for these fields: an element of 2 to 64 bits that is not all ones, no wider than
/// the register (`x` is sf). Rotations beyond the element wrap around, so that immr never matters.
constexpr bool is_bitmask_immediate(uint32_t x, uint32_t n, uint32_t imms, uint32_t /*immr*/) {
    if (x == 0 && n != 0) return false;
    const uint32_t size_bits = n << 6 | (~imms & 0x3F);
    if (size_bits < 2) return false;
    const uint32_t levels = (1u << (std::bit_width(size_bits) - 1)) - 1;
    return (imms & levels) != levels;
}

/// DecodeBitMasks' wmask, 64 bits wide; only for fields that is_bitmask_immediate() accepts.
constexpr uint64_t bitmask_immediate(uint32_t n, uint32_t imms, uint32_t immr) {
    const unsigned size = 1u << (std::bit_width(n << 6 | (~imms & 0x3F)) - 1);
    const unsigned ones = (imms & (size - 1)) + 1, rotation = immr & (size - 1);
    const uint64_t element_mask = ~uint64_t{0} >> (64 - size);
    uint64_t element = (uint64_t{1} << ones) - 1;
    if (rotation != 0) element = (element >> rotation | element << (size - rotation)) & element_mask;
    for (unsigned width = size; width < 64; width *= 2) element |= element << width;
    return element;
}

} // namespace beeline::arm64
