// AES rounds (Arm ARM C7.2, FIPS 197). The state is the register, byte 0 least significant, columns of four bytes.
#include "arm64/interpreter/simd_shapes.h"

#include <array>

namespace beeline::arm64 {

using namespace simd;

namespace {

/// Multiplication by x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
constexpr uint8_t times_x(uint8_t a) { return static_cast<uint8_t>(a << 1 ^ (a >> 7) * 0x1B); }

struct Boxes {
    std::array<uint8_t, 256> forward{}, inverse{};
};

/// The S-box of FIPS 197, 5.1.1: an affine map of the multiplicative inverse. 3 generates the field's nonzero elements,
/// so that its powers, walked in both directions, pair each with its inverse.
constexpr Boxes make_boxes() {
    Boxes boxes;
    uint8_t power = 1, reciprocal = 1;
    for (unsigned i = 0; i < 255; i++) {
        uint8_t value = reciprocal;
        for (unsigned turn = 1; turn < 5; turn++)
            value ^= static_cast<uint8_t>(reciprocal << turn | reciprocal >> (8 - turn));
        boxes.forward[power] = value ^ 0x63;
        power ^= times_x(power); // times 3
        // Divided by 3: times 0xF6, its inverse.
        uint8_t product = 0, factor = reciprocal;
        for (unsigned bit = 0xF6; bit != 0; bit >>= 1) {
            if ((bit & 1) != 0) product ^= factor;
            factor = times_x(factor);
        }
        reciprocal = product;
    }
    boxes.forward[0] = 0x63;
    for (unsigned i = 0; i < 256; i++) boxes.inverse[boxes.forward[i]] = static_cast<uint8_t>(i);
    return boxes;
}

constexpr Boxes kBoxes = make_boxes();
static_assert(kBoxes.forward[0x53] == 0xED && kBoxes.inverse[0xED] == 0x53);

/// AddRoundKey, then (Inv)ShiftRows and (Inv)SubBytes. Byte i is in row i % 4, column i / 4.
template <bool inverse> void substitute(Vcpu& cpu, const Insn& insn) {
    VReg& d = cpu.state.v[insn.rd];
    const VReg& n = cpu.state.v[insn.rn];
    const VReg mixed{{d.d[0] ^ n.d[0], d.d[1] ^ n.d[1]}};
    const auto state = read<uint8_t, 16>(mixed);
    Lanes<uint8_t, 16> result;
    for (unsigned i = 0; i < 16; i++) {
        const unsigned from = (inverse ? i + 16 - 4 * (i % 4) : i + 4 * (i % 4)) % 16;
        result[i] = inverse ? kBoxes.inverse[state[from]] : kBoxes.forward[state[from]];
    }
    write(d, result);
}

/// times_x on each byte of a column.
constexpr uint32_t column_times_x(uint32_t a) { return (a & 0x7F7F7F7F) << 1 ^ (a >> 7 & 0x01010101) * 0x1B; }
constexpr uint32_t rotate_right(uint32_t a, unsigned by) { return a >> by | a << (32 - by); }

/// 2 3 1 1 / 1 2 3 1 / ...: each byte takes twice itself, three times the next, once the two after.
constexpr uint32_t mix_column(uint32_t a) {
    const uint32_t doubled = column_times_x(a), next = rotate_right(a, 8);
    return doubled ^ rotate_right(doubled, 8) ^ next ^ rotate_right(a, 16) ^ rotate_right(a, 24);
}

/// The inverse matrix is that of MixColumns times the circulant 5 0 4 0.
constexpr uint32_t unmix_column(uint32_t a) {
    const uint32_t by_four = column_times_x(column_times_x(a));
    return mix_column(a ^ by_four ^ rotate_right(by_four, 16));
}
static_assert(unmix_column(mix_column(0x01C67A93)) == 0x01C67A93);

struct MixColumn {
    static uint32_t apply(uint32_t n) { return mix_column(n); }
};
struct UnmixColumn {
    static uint32_t apply(uint32_t n) { return unmix_column(n); }
};

} // namespace

Handler bind_AESE(Insn&, const Fields&) { return perform<substitute<false>>; }
Handler bind_AESD(Insn&, const Fields&) { return perform<substitute<true>>; }
Handler bind_AESMC(Insn&, const Fields&) { return perform<Unary<MixColumn>::work<uint32_t, 4>>; }
Handler bind_AESIMC(Insn&, const Fields&) { return perform<Unary<UnmixColumn>::work<uint32_t, 4>>; }

} // namespace beeline::arm64
