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
    SignsH, ///< Half precision, in each element: the sign, all other bits, infinity.
    ValuesH,
    InfinitiesH,
    LeastNormalsH, ///< The smallest normal number.
    LostBits,      ///< Those of double precision that single precision has no place for.
    UnzipBytes,    ///< Shuffle of even bytes into the lower half, odd ones into the upper one; the same of halfwords.
    UnzipHalfwords,
    PowersUp, ///< Bytes of 1 << i and of 0x80 >> i, for i below 8, and for i from 8 on, and zeros.
    PowersUpLater,
    PowersDown,
    PowersDownLater,
    ReversedToUpper, ///< The bits of 0 to 15 reversed, in the upper half of bytes, and in the lower one.
    ReversedToLower,
    UpperLeadingZeros, ///< Leading zeros of bytes whose upper half is 0 to 15; 0 has 8.
    LowerLeadingZeros, ///< The same by the lower half, the upper one being zero.
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
    {0x8000800080008000, 0x8000800080008000},
    {0x7FFF7FFF7FFF7FFF, 0x7FFF7FFF7FFF7FFF},
    {0x7C007C007C007C00, 0x7C007C007C007C00},
    {0x0400040004000400, 0x0400040004000400},
    {0x000000001FFFFFFF, 0x000000001FFFFFFF},
    {0x0E0C0A0806040200, 0x0F0D0B0907050301},
    {0x0D0C090805040100, 0x0F0E0B0A07060302},
    {0x8040201008040201, 0},
    {0, 0x8040201008040201},
    {0x0102040810204080, 0},
    {0, 0x0102040810204080},
    {0xE060A020C0408000, 0xF070B030D0509010},
    {0x0E060A020C040800, 0x0F070B030D050901},
    {0x0101010102020308, 0},
    {0x0505050506060708, 0x0404040404040404},
}};

/// Shuffles of bytes for structures of three elements, by log2 of the element's bytes: what register `to` gets from
/// register `from`. 0x80 makes a zero.
struct TripleShuffles {
    using Shuffle = std::array<uint8_t, 16>;
    alignas(16) std::array<std::array<std::array<Shuffle, 3>, 3>, 4> load, store;
};
inline constexpr TripleShuffles kTripleShuffles = [] {
    TripleShuffles shuffles{};
    for (unsigned size = 0; size < 4; size++) {
        for (unsigned to = 0; to < 3; to++) {
            for (unsigned from = 0; from < 3; from++) {
                for (unsigned i = 0; i < 16; i++) {
                    const unsigned offset = i % (1u << size);
                    // Register `to` is element `to` of each structure in memory; `from` is a quadword there.
                    const unsigned at = (3 * (i >> size) + to) * (1u << size) + offset;
                    shuffles.load[size][to][from][i] = static_cast<uint8_t>(at / 16 == from ? at % 16 : 0x80);
                    // And the other way round.
                    const unsigned element = (16 * to + i) >> size;
                    shuffles.store[size][to][from][i] =
                        static_cast<uint8_t>(element % 3 == from ? (element / 3) * (1u << size) + offset : 0x80);
                }
            }
        }
    }
    return shuffles;
}();

} // namespace beeline::translate
