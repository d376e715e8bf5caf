#include "random_values.h"

#include "test_case.h"

#include <cstring>

namespace beeline::differential {

using arm64::Rng;

namespace {

constexpr size_t kBackgroundBytes = size_t{1} << 20;
/// What the oracle has for itself, and a guest of user-mode QEMU can reach: QEMU's own stack and libraries, where the
/// host's kernel places them, and the stack that QEMU makes for the oracle's program (TASK_UNMAPPED_BASE of its
/// linux-user/mmap.c). An access there ends otherwise than in Beeline, where nothing is mapped.
constexpr bool is_oracles_own(uint64_t address) {
    return (address >= 0x7E00'0000'0000 && address < 0x8000'0000'0000) ||
           (address >= 0x55'0000'0000 && address < 0x55'1000'0000);
}

/// A run of ones, rotated: masks, extremes of every width, and their neighbours.
uint64_t random_mask(Rng& rng) {
    const unsigned length = rng.below(64) + 1;
    const uint64_t ones = length == 64 ? ~uint64_t{0} : (uint64_t{1} << length) - 1;
    const unsigned rotation = rng.one_in(2) ? 0 : rng.below(64);
    const uint64_t mask = rotation == 0 ? ones : ones << rotation | ones >> (64 - rotation);
    return mask + rng.below(3) - 1;
}

uint64_t any_integer(Rng& rng) {
    static constexpr uint64_t kExtremes[] = {
        0,          1,          2,          0x7F,        0x80,       0xFF,       0x7FFF, 0x8000, 0xFFFF,
        0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, ~0ull >> 1, 1ull << 63, ~0ull,  ~1ull,  0xFFFFFFFF80000000,
    };
    switch (rng.below(8)) {
    case 0:
    case 1: return kExtremes[rng.below(std::size(kExtremes))];
    case 2: return rng.below(256);
    case 3: return random_mask(rng);
    case 4: return uint64_t{0} - rng.below(256);
    case 5: return rng.next() >> rng.below(64);
    default: return rng.next();
    }
}

} // namespace

uint64_t random_integer(Rng& rng) {
    const uint64_t value = any_integer(rng);
    return is_oracles_own(value) ? value >> 1 : value;
}

uint64_t random_float(Rng& rng, unsigned width) {
    const unsigned fraction_bits = width == 16 ? 10 : width == 32 ? 23 : 52;
    const unsigned exponent_bits = width - 1 - fraction_bits;
    const uint64_t fraction_mask = (uint64_t{1} << fraction_bits) - 1;
    const uint64_t exponent_max = (uint64_t{1} << exponent_bits) - 1, bias = exponent_max >> 1;
    const uint64_t quiet = uint64_t{1} << (fraction_bits - 1);

    uint64_t exponent, fraction = rng.next() & fraction_mask;
    // Few significant bits make results exact, and halfway cases likely.
    switch (rng.below(6)) {
    case 0: fraction = 0; break;
    case 1: fraction = fraction_mask; break;
    case 2: fraction &= fraction_mask << (fraction_bits - 1 - rng.below(4)) & fraction_mask; break;
    case 3: fraction = rng.below(4); break;
    default: break;
    }
    switch (rng.below(16)) {
    case 0: exponent = fraction = 0; break;
    case 1: exponent = 0; break;                               // zero or denormal
    case 2: exponent = exponent_max, fraction = 0; break;      // infinity
    case 3: exponent = exponent_max, fraction |= quiet; break; // quiet NaN
    case 4:                                                    // signalling NaN
        exponent = exponent_max;
        fraction &= quiet - 1;
        if (fraction == 0) fraction = 1;
        break;
    case 5: exponent = 1 + rng.below(3); break;                                               // smallest normals
    case 6: exponent = exponent_max - 1 - rng.below(3); break;                                // largest
    case 7: exponent = bias + rng.below(static_cast<uint32_t>(bias < 66 ? bias : 66)); break; // integers and halves
    case 8: exponent = bias - rng.below(static_cast<uint32_t>(fraction_bits + 2)); break;
    case 9: // near the limits of the narrower formats
        exponent = width == 64 ? (rng.one_in(2) ? bias - 126 - rng.below(26) + 2 : bias + 126 + rng.below(3))
                               : rng.next() % (exponent_max + 1);
        break;
    case 10:
        exponent = width != 16 ? (rng.one_in(2) ? bias - 14 - rng.below(13) + 2 : bias + 14 + rng.below(3))
                               : rng.next() % (exponent_max + 1);
        break;
    case 11: exponent = rng.next() % (exponent_max + 1); break;
    case 12: // factors of a product just below the smallest normal number, to which it is rounded
        if (rng.one_in(2))
            exponent = fraction = 1;
        else
            exponent = bias - 1, fraction = fraction_mask - 1;
        break;
    default: exponent = bias - 2 + rng.below(5); break; // about one
    }
    return (rng.next() & 1) << (width - 1) | exponent << fraction_bits | fraction;
}

uint64_t integer_near_tie(Rng& rng) {
    static constexpr unsigned kSignificant[] = {11, 24, 53};
    const unsigned kept = kSignificant[rng.below(3)];
    uint64_t value = (rng.next() | uint64_t{1} << 63) & ~uint64_t{0} << (64 - kept);
    value |= uint64_t{1} << (63 - kept);
    value >>= rng.below(64 - kept);
    const uint64_t off = rng.next() & ((uint64_t{1} << rng.below(14)) - 1);
    switch (rng.below(4)) {
    case 0: break;
    case 1: value += off; break;
    case 2: value -= off; break;
    default: value -= 1; break;
    }
    return rng.one_in(2) ? value : uint64_t{0} - value;
}

uint64_t float_near_tie(Rng& rng, unsigned width) {
    const unsigned fraction_bits = width == 32 ? 23 : 52;
    const unsigned kept = width == 64 && rng.one_in(2) ? 23 : 10;
    // Fewer bits are kept of what will be denormal.
    const unsigned lost = fraction_bits - kept + (rng.one_in(4) ? rng.below(kept) : 0);
    const uint64_t bits = random_float(rng, width) >> lost << lost | uint64_t{1} << (lost - 1);
    const uint64_t off = rng.below(3);
    return rng.one_in(2) ? bits + off : bits - off;
}

DiffVector random_vector(Rng& rng) {
    const unsigned width = 16u << rng.below(3);
    const bool same = rng.one_in(6), numbers = !rng.one_in(3), mixed = rng.one_in(8);
    uint8_t bytes[16];
    uint64_t value = 0;
    for (unsigned offset = 0; offset < 16; offset += width / 8) {
        if (offset == 0 || !same)
            value = numbers != (mixed && rng.one_in(2)) ? random_float(rng, width) : random_integer(rng);
        std::memcpy(bytes + offset, &value, width / 8);
    }
    DiffVector result;
    std::memcpy(&result, bytes, 16);
    return result;
}

const std::vector<uint8_t>& background() {
    static const std::vector<uint8_t> bytes = [] {
        Rng rng(0xB1E);
        std::vector<uint8_t> result(kBackgroundBytes + kSlotDataBytes);
        for (size_t offset = 0; offset < result.size(); offset += 16) {
            const DiffVector vector = random_vector(rng);
            std::memcpy(result.data() + offset, &vector, 16);
        }
        return result;
    }();
    return bytes;
}

const uint8_t* read_only_page() { return background().data() + kBackgroundBytes / 2; }

} // namespace beeline::differential
