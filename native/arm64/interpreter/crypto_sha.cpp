// SHA-1 and SHA-256 rounds and schedules (Arm ARM C7.2, FIPS 180-4).
#include "arm64/interpreter/simd_lanes.h"

#include <bit>

namespace beeline::arm64 {

using namespace simd;

namespace {

using Words = Lanes<uint32_t, 4>;

Words words(const VReg& reg) { return read<uint32_t, 4>(reg); }

// ---- SHA-1 -------------------------------------------------------------------------------------------------------

constexpr uint32_t choose(uint32_t x, uint32_t y, uint32_t z) { return ((y ^ z) & x) ^ z; }
constexpr uint32_t majority(uint32_t x, uint32_t y, uint32_t z) { return (x & y) | ((x | y) & z); }
constexpr uint32_t parity(uint32_t x, uint32_t y, uint32_t z) { return x ^ y ^ z; }

/// Four rounds: d is a, b, c, d of the state, n its e, m the schedule words with the constant added.
template <uint32_t (*function)(uint32_t, uint32_t, uint32_t)> void sha1_rounds(Vcpu& cpu, const Insn& insn) {
    Words x = words(cpu.state.v[insn.rd]);
    uint32_t y = read_lane<uint32_t>(cpu.state.v[insn.rn], 0);
    const Words w = words(cpu.state.v[insn.rm]);
    for (unsigned i = 0; i < 4; i++) {
        const uint32_t first = y + std::rotl(x[0], 5) + function(x[1], x[2], x[3]) + w[i];
        y = x[3];
        x = Words{{first, x[0], std::rotl(x[1], 30), x[2]}};
    }
    write(cpu.state.v[insn.rd], x);
}

void sha1_hash(Vcpu& cpu, const Insn& insn) {
    const uint32_t n = read_lane<uint32_t>(cpu.state.v[insn.rn], 0);
    cpu.state.v[insn.rd] = VReg{{std::rotl(n, 30), 0}};
}

void sha1_schedule_0(Vcpu& cpu, const Insn& insn) {
    VReg& d = cpu.state.v[insn.rd];
    const VReg &n = cpu.state.v[insn.rn], &m = cpu.state.v[insn.rm];
    d = VReg{{d.d[0] ^ d.d[1] ^ m.d[0], d.d[1] ^ n.d[0] ^ m.d[1]}};
}

void sha1_schedule_1(Vcpu& cpu, const Insn& insn) {
    const Words d = words(cpu.state.v[insn.rd]), n = words(cpu.state.v[insn.rn]);
    Words result{{std::rotl(d[0] ^ n[1], 1), std::rotl(d[1] ^ n[2], 1), std::rotl(d[2] ^ n[3], 1), 0}};
    // The fourth word depends on the first of the result.
    result[3] = std::rotl(d[3] ^ result[0], 1);
    write(cpu.state.v[insn.rd], result);
}

// ---- SHA-256 -----------------------------------------------------------------------------------------------------

constexpr uint32_t big_sigma_0(uint32_t x) { return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22); }
constexpr uint32_t big_sigma_1(uint32_t x) { return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25); }
constexpr uint32_t small_sigma_0(uint32_t x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3; }
constexpr uint32_t small_sigma_1(uint32_t x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ x >> 10; }

/// Four rounds. abcd is in Vd for SHA256H, which returns the new abcd; SHA256H2 has efgh there and returns that.
template <bool second> void sha256_rounds(Vcpu& cpu, const Insn& insn) {
    Words x = words(cpu.state.v[second ? insn.rn : insn.rd]), y = words(cpu.state.v[second ? insn.rd : insn.rn]);
    const Words w = words(cpu.state.v[insn.rm]);
    for (unsigned i = 0; i < 4; i++) {
        const uint32_t t = y[3] + big_sigma_1(y[0]) + choose(y[0], y[1], y[2]) + w[i];
        const uint32_t e = t + x[3];
        const uint32_t a = t + big_sigma_0(x[0]) + majority(x[0], x[1], x[2]);
        y = Words{{e, y[0], y[1], y[2]}};
        x = Words{{a, x[0], x[1], x[2]}};
    }
    write(cpu.state.v[insn.rd], second ? y : x);
}

void sha256_schedule_0(Vcpu& cpu, const Insn& insn) {
    const Words d = words(cpu.state.v[insn.rd]), n = words(cpu.state.v[insn.rn]);
    const Words later{{d[1], d[2], d[3], n[0]}};
    Words result;
    for (unsigned i = 0; i < 4; i++) result[i] = d[i] + small_sigma_0(later[i]);
    write(cpu.state.v[insn.rd], result);
}

void sha256_schedule_1(Vcpu& cpu, const Insn& insn) {
    const Words d = words(cpu.state.v[insn.rd]), n = words(cpu.state.v[insn.rn]), m = words(cpu.state.v[insn.rm]);
    const Words seven_back{{n[1], n[2], n[3], m[0]}};
    Words result;
    // The upper two words need the lower two of the result.
    for (unsigned i = 0; i < 4; i++) result[i] = d[i] + seven_back[i] + small_sigma_1(i < 2 ? m[i + 2] : result[i - 2]);
    write(cpu.state.v[insn.rd], result);
}

} // namespace

Handler bind_SHA1C(Insn&, const Fields&) { return perform<sha1_rounds<choose>>; }
Handler bind_SHA1P(Insn&, const Fields&) { return perform<sha1_rounds<parity>>; }
Handler bind_SHA1M(Insn&, const Fields&) { return perform<sha1_rounds<majority>>; }
Handler bind_SHA1SU0(Insn&, const Fields&) { return perform<sha1_schedule_0>; }
Handler bind_SHA1SU1(Insn&, const Fields&) { return perform<sha1_schedule_1>; }
Handler bind_SHA1H(Insn&, const Fields&) { return perform<sha1_hash>; }
Handler bind_SHA256H(Insn&, const Fields&) { return perform<sha256_rounds<false>>; }
Handler bind_SHA256H2(Insn&, const Fields&) { return perform<sha256_rounds<true>>; }
Handler bind_SHA256SU0(Insn&, const Fields&) { return perform<sha256_schedule_0>; }
Handler bind_SHA256SU1(Insn&, const Fields&) { return perform<sha256_schedule_1>; }

} // namespace beeline::arm64
