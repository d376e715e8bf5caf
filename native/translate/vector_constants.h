// Constants of translated vector code, kept in CPU state, where it can address them.
#pragma once

#include <array>
#include <cstdint>

namespace beeline::translate {

enum class VectorConstant : uint8_t {
    LowNibbles,            ///< 0x0F in each byte.
    BitCounts,             ///< Set bits of 0 to 15.
    OutOfTable,            ///< 0x70 in each byte: adding it with saturation sets bit 7 of indices above 15.
    Sixteens,              ///< 16 in each byte.
    EvenBytes,             ///< 0x00FF in each halfword.
    EvenHalfwords,         ///< 0x0000FFFF in each word.
    LowBytesOfWords,       ///< 0xFF in each word.
    LowBytesOfDoublewords, ///< 0xFF in each doubleword.
    OneBytes,              ///< 1 in each byte.
    OneHalfwords,          ///< 1 in each halfword.
    TopBits,               ///< 1 << 63 in each doubleword.
    Reverse64Bytes,        ///< Shuffles of bytes, for REV64, REV32, REV16 by element size.
    Reverse64Halfwords,
    Reverse32Bytes,
    Reverse32Halfwords,
    Reverse16Bytes,
    SignS, ///< Sign bits of the formats: of the lowest element alone, and of each.
    SignD,
    SignsS,
    SignsD,
    ValueS, ///< All bits but the sign.
    ValueD,
    ValuesS,
    ValuesD,
    HalfS, ///< One half, and one, in the lowest element.
    HalfD,
    OneS,
    OneD,
    LeastNormalsS, ///< The smallest normal number of the formats in each element.
    LeastNormalsD,
    kCount,
};
inline constexpr unsigned kVectorConstants = static_cast<unsigned>(VectorConstant::kCount);

using VectorConstants = std::array<std::array<uint64_t, 2>, kVectorConstants>;
/// In the order of VectorConstant.
inline constexpr VectorConstants kVectorConstantValues{{
    {0x0F0F0F0F0F0F0F0F, 0x0F0F0F0F0F0F0F0F},
    {0x0302020102010100, 0x0403030203020201},
    {0x7070707070707070, 0x7070707070707070},
    {0x1010101010101010, 0x1010101010101010},
    {0x00FF00FF00FF00FF, 0x00FF00FF00FF00FF},
    {0x0000FFFF0000FFFF, 0x0000FFFF0000FFFF},
    {0x000000FF000000FF, 0x000000FF000000FF},
    {0x00000000000000FF, 0x00000000000000FF},
    {0x0101010101010101, 0x0101010101010101},
    {0x0001000100010001, 0x0001000100010001},
    {0x8000000000000000, 0x8000000000000000},
    {0x0001020304050607, 0x08090A0B0C0D0E0F},
    {0x0100030205040706, 0x09080B0A0D0C0F0E},
    {0x0405060700010203, 0x0C0D0E0F08090A0B},
    {0x0504070601000302, 0x0D0C0F0E09080B0A},
    {0x0607040502030001, 0x0E0F0C0D0A0B0809},
    {0x0000000080000000, 0},
    {0x8000000000000000, 0},
    {0x8000000080000000, 0x8000000080000000},
    {0x8000000000000000, 0x8000000000000000},
    {0x000000007FFFFFFF, 0},
    {0x7FFFFFFFFFFFFFFF, 0},
    {0x7FFFFFFF7FFFFFFF, 0x7FFFFFFF7FFFFFFF},
    {0x7FFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF},
    {0x000000003F000000, 0},
    {0x3FE0000000000000, 0},
    {0x000000003F800000, 0},
    {0x3FF0000000000000, 0},
    {0x0080000000800000, 0x0080000000800000},
    {0x0010000000000000, 0x0010000000000000},
}};

} // namespace beeline::translate
