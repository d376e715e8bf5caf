// Advanced SIMD where user-mode programs cannot look (faults, SP alignment, byte order, alignment by element, absent
// features), FPSR.QC, and the cryptographic instructions by the standards' own examples.
#include "fake_machine.h"

#include "arm64/exceptions.h"
#include "arm64/state.h"

#include <array>

using namespace beeline;
using namespace beeline::arm64;
using namespace beeline::test;

namespace {

constexpr uint64_t kCode = kRam, kVectors = kRam + 0x1000, kData = kRam + 0x200000, kTables = kRam + 0x400000,
                   kEdge = kRam + kRamSize, kUnmapped = 0x80000000;
constexpr uint64_t kSctlrM = 1, kSctlrA = 2, kSctlrSa = 8, kSctlrEe = 1u << 25;
constexpr uint32_t kUnknown = 0, kFpAccess = 0x07, kDataAbort = 0x25, kSpAlignment = 0x26;
constexpr uint64_t kNoException = ~uint64_t{0};
constexpr VReg kOnes{{0x1111111111111111, 0x2222222222222222}};

class Bench {
public:
    explicit Bench(CpuModel model = CpuModel::N1) : cpu(make_cpu(machine, model)) {
        // Every vector ends the run. The first gigabyte of RAM is one block of normal memory.
        for (uint64_t vector = 0; vector < 0x800; vector += 0x80) machine.write_code(kVectors + vector, {kHvc});
        machine.write64(kTables + 8, kRam | 0x701);
        cpu->reset(kCode, 0);
        cpu->state.sys.cpacr_el1 = 3u << 20;
    }

    /// Runs `words` to their end or to an exception. Without kSctlrM memory is of device type and nothing is cached in
    /// TLBs.
    void run(std::initializer_list<uint32_t> words, uint64_t sctlr = kSctlrM) {
        auto& sys = cpu->state.sys;
        sys.ttbr0_el1 = kTables;
        sys.mair_el1 = 0xFF;
        sys.tcr_el1 = 25 | 1u << 23 | uint64_t{2} << 32;
        sys.vbar_el1 = kVectors;
        sys.sctlr_el1 = sctlr;
        sys.esr_el1 = kNoException;
        cpu->state.pstate = Pstate{};
        cpu->state.pc = kCode;
        machine.write_code(kCode, words);
        machine.write_code(kCode + words.size() * 4, {kHvc});
        cpu->apply_maintenance({Maintenance::Kind::InstructionAll, 0});
        cpu->flush_tlb_all();
        cpu->update_execution_context();
        cpu->run();
    }

    void expect_exception(uint32_t exception_class, const std::string& what) {
        check_equal(cpu->state.sys.esr_el1 >> 26, exception_class, what);
    }
    void expect_none(const std::string& what) { check_equal(cpu->state.sys.esr_el1, kNoException, what); }
    void expect(unsigned n, VReg value, const std::string& what) {
        check_equal(v(n).d[0], value.d[0], what + ", low half");
        check_equal(v(n).d[1], value.d[1], what + ", high half");
    }
    uint64_t& x(unsigned n) { return cpu->state.x[n]; }
    VReg& v(unsigned n) { return cpu->state.v[n]; }

    FakeMachine machine;
    std::unique_ptr<Vcpu> cpu;
};

/// Bytes 0, 1, 2 ... from kData on.
void count_up(Bench& bench, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) bench.machine.ram[kData - kRam + i] = static_cast<uint8_t>(i);
}

void structures() {
    Bench bench;
    // Across a page boundary and around the end of the register file.
    const uint64_t address = kData + 0x1000 - 20;
    for (unsigned i = 0; i < 64; i++) bench.machine.ram[address - kRam + i] = static_cast<uint8_t>(i);
    bench.x(1) = address;
    bench.run({0x4CDF043E}); // ld4 {v30.8h, v31.8h, v0.8h, v1.8h}, [x1], #64
    bench.expect_none("LD4");
    bench.expect(30, {{0x1918111009080100, 0x3938313029282120}}, "first register");
    bench.expect(1, {{0x1F1E17160F0E0706, 0x3F3E37362F2E2726}}, "last register");
    check_equal(bench.x(1), address + 64, "post-index by the size");

    bench.v(0) = {{0x0706050403020100, 0x0F0E0D0C0B0A0908}};
    bench.v(1) = {{0x1716151413121110, 0x1F1E1D1C1B1A1918}};
    bench.v(2) = {{0x2726252423222120, 0x2F2E2D2C2B2A2928}};
    bench.x(1) = kData, bench.x(2) = 5;
    bench.run({0x4C824020}); // st3 {v0.16b-v2.16b}, [x1], x2
    check_equal(bench.machine.read64(kData), 0x1202211101201000, "ST3");
    check_equal(bench.machine.read64(kData + 40), 0x2F1F0F2E1E0E2D1D, "its end");
    check_equal(bench.x(1), kData + 5, "post-index by a register");

    bench.v(0) = kOnes;
    bench.x(1) = kData;
    bench.run({0x4D409020}); // ld1 {v0.s}[3], [x1]
    bench.expect(0, {{0x1111111111111111, 0x0120100022222222}}, "one lane");
}

void faults_change_nothing() {
    Bench bench;
    const std::array<uint32_t, 4> loads = {
        0x4CDF2020, // ld1 {v0.16b-v3.16b}, [x1], #64
        0xAD400420, // ldp q0, q1, [x1]
        0x3CC10C20, // ldr q0, [x1, #16]!
        0x4C408820, // ld2 {v0.4s, v1.4s}, [x1]
    };
    for (const uint32_t word : loads) {
        for (const uint64_t address : {kUnmapped, kEdge - 24}) {
            for (unsigned i = 0; i < 4; i++) bench.v(i) = kOnes;
            bench.x(1) = address;
            bench.run({word});
            bench.expect_exception(kDataAbort, "load of " + hex(address) + " by " + hex(word));
            for (unsigned i = 0; i < 4; i++) bench.expect(i, kOnes, "v" + std::to_string(i) + " after " + hex(word));
            check_equal(bench.x(1), address, "no write-back");
        }
    }
    bench.x(1) = kUnmapped;
    bench.run({0x4C007420}); // st1 {v0.8h}, [x1]
    bench.expect_exception(kDataAbort, "store to nothing");
    check_equal(bench.cpu->state.sys.esr_el1 >> 6 & 1, 1, "ISS.WnR");
    check_equal(bench.cpu->state.sys.far_el1, kUnmapped, "FAR");
}

void stack_alignment() {
    Bench bench;
    for (const uint32_t word : {0x3DC003E0u /* ldr q0, [sp] */, 0xACC107E0u /* ldp q0, q1, [sp], #32 */,
                                0x4C4073E0u /* ld1 {v0.16b}, [sp] */, 0xFC226BE0u /* str d0, [sp, x2] */}) {
        bench.x(kStackPointer) = kData + 8, bench.x(2) = 0;
        bench.run({word}, kSctlrM | kSctlrSa);
        bench.expect_exception(kSpAlignment, "SP checked by " + hex(word));
        check_equal(bench.x(kStackPointer), kData + 8, "SP unchanged");
        bench.run({word});
        bench.expect_none("SP not checked by " + hex(word));
    }
}

void alignment_and_byte_order() {
    Bench bench;
    count_up(bench, 64);
    bench.x(1) = kData + 4;
    bench.run({0x4C408820}, kSctlrM | kSctlrA); // ld2 {v0.4s, v1.4s}, [x1]
    bench.expect_none("structures are aligned by element");
    bench.x(1) = kData + 2;
    bench.run({0x4C408820}, kSctlrM | kSctlrA);
    bench.expect_exception(kDataAbort, "elements are checked");
    bench.x(1) = kData + 8;
    bench.run({0x3DC00020}, kSctlrM | kSctlrA); // ldr q0, [x1]
    bench.expect_exception(kDataAbort, "quadwords are checked as such");

    bench.x(1) = kData;
    bench.run({0x3DC00020}, kSctlrEe);
    bench.expect(0, {{0x08090A0B0C0D0E0F, 0x0001020304050607}}, "a big-endian quadword");
    bench.run({0x4C408820}, kSctlrEe);
    bench.expect(0, {{0x08090A0B00010203, 0x18191A1B10111213}}, "big-endian words");
    bench.run({0x6D400420}, kSctlrEe); // ldp d0, d1, [x1]
    bench.expect(1, {{0x08090A0B0C0D0E0F, 0}}, "big-endian doublewords");
    bench.v(0) = {{0x1716151413121110, 0x1F1E1D1C1B1A1918}};
    bench.run({0x4C007420}, kSctlrEe); // st1 {v0.8h}, [x1]
    check_equal(bench.machine.read64(kData), 0x1617141512131011, "big-endian halfwords");
    bench.run({0x3D800020}, kSctlrEe); // str q0, [x1]
    check_equal(bench.machine.read64(kData), 0x18191A1B1C1D1E1F, "a big-endian quadword stored");
}

void literals() {
    Bench bench;
    bench.machine.write64(kCode + 8, 0x8877665544332211);
    bench.machine.write64(kCode + 16, 0x0123456789ABCDEF);
    bench.run({0x9C000043}); // ldr q3, .+8
    bench.expect(3, {{0x8877665544332211, 0x0123456789ABCDEF}}, "quadword literal");
    bench.v(3) = kOnes;
    bench.run({0x1C000043}); // ldr s3, .+8
    bench.expect(3, {{0x44332211, 0}}, "word literal");
}

void saturation() {
    Bench bench;
    auto& fpsr = bench.cpu->state.fpsr;
    bench.v(1) = {{0x7F80010000000000, 0}};
    bench.v(2) = {{0x00007F0000000000, 0}};
    fpsr = 0;
    bench.run({0x4E220C20}); // sqadd v0.16b, v1.16b, v2.16b
    check_equal(fpsr, fpsr::kQc, "one lane saturates");
    bench.expect(0, {{0x7F807F0000000000, 0}}, "SQADD");
    fpsr = fpsr::kIxc;
    bench.v(1) = {{0x7F80010000000000, 0}};
    bench.v(2) = {{0x0000010000000000, 0}};
    bench.run({0x4E220C20});
    check_equal(fpsr, fpsr::kIxc, "none does");
    bench.v(0) = kOnes;
    bench.v(1) = {{0x0080FF80FF7F7FFF, 0x0000000100FFFF00}};
    bench.run({0x4E214820}); // sqxtn2 v0.16b, v1.8h
    bench.expect(0, {{kOnes.d[0], 0x00017F807F80807F}}, "SQXTN2 keeps the lower half");
    check_equal(fpsr, fpsr::kIxc | fpsr::kQc, "cumulative");
    bench.v(0) = kOnes, bench.v(1) = bench.v(2) = {{~uint64_t{0}, ~uint64_t{0}}};
    bench.run({0x0E228420}); // add v0.8b, v1.8b, v2.8b
    bench.expect(0, {{0xFEFEFEFEFEFEFEFE, 0}}, "64-bit vectors clear the upper half");
}

void traps() {
    Bench bench;
    bench.cpu->state.sys.cpacr_el1 = 0;
    for (const uint32_t word : {0x4E220C20u /* sqadd */, 0x3DC00020u /* ldr q0, [x1] */, 0x4E284820u /* aese */}) {
        bench.run({word});
        bench.expect_exception(kFpAccess, "trapped by CPACR_EL1.FPEN");
    }
    Bench older(CpuModel::A57);
    for (const uint32_t word : {0x4E829420u /* sdot */, 0x2E428420u /* sqrdmlah */}) {
        older.run({word});
        older.expect_exception(kUnknown, "undefined on a57");
    }
    older.run({0x4E284820});
    older.expect_none("AESE on a57");
}

// ---- cryptography ------------------------------------------------------------------------------------------------

VReg from_bytes(const std::array<uint8_t, 16>& bytes) {
    VReg value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

uint32_t word_of(const VReg& value, unsigned i) { return static_cast<uint32_t>(value.d[i / 2] >> i % 2 * 32); }
VReg from_words(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return {{a | uint64_t{b} << 32, c | uint64_t{d} << 32}};
}

/// FIPS 197, appendix B, and back by the equivalent inverse cipher.
void aes() {
    Bench bench;
    std::array<VReg, 11> keys;
    keys[0] =
        from_bytes({0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6, 0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C});
    constexpr std::array<uint8_t, 10> kRoundConstants = {1, 2, 4, 8, 16, 32, 64, 128, 0x1B, 0x36};
    for (unsigned round = 0; round < 10; round++) {
        // Rows of equal bytes make ShiftRows nothing: AESE is SubWord.
        const uint32_t last = word_of(keys[round], 3), rotated = last >> 8 | last << 24;
        bench.v(0) = from_words(rotated, rotated, rotated, rotated);
        bench.v(1) = {};
        bench.run({0x4E284820}); // aese v0.16b, v1.16b
        std::array<uint32_t, 4> words;
        uint32_t previous = word_of(bench.v(0), 0) ^ kRoundConstants[round];
        for (unsigned i = 0; i < 4; i++) previous = words[i] = word_of(keys[round], i) ^ previous;
        keys[round + 1] = from_words(words[0], words[1], words[2], words[3]);
    }
    const VReg plain =
        from_bytes({0x32, 0x43, 0xF6, 0xA8, 0x88, 0x5A, 0x30, 0x8D, 0x31, 0x31, 0x98, 0xA2, 0xE0, 0x37, 0x07, 0x34});
    bench.v(0) = plain;
    for (unsigned round = 0; round < 10; round++) {
        bench.v(1) = keys[round];
        if (round < 9)
            bench.run({0x4E284820, 0x4E286800}); // aese v0.16b, v1.16b; aesmc v0.16b, v0.16b
        else
            bench.run({0x4E284820});
    }
    VReg cipher{{bench.v(0).d[0] ^ keys[10].d[0], bench.v(0).d[1] ^ keys[10].d[1]}};
    const VReg expected =
        from_bytes({0x39, 0x25, 0x84, 0x1D, 0x02, 0xDC, 0x09, 0xFB, 0xDC, 0x11, 0x85, 0x97, 0x19, 0x6A, 0x0B, 0x32});
    check(cipher == expected, "AES-128 of FIPS 197");

    bench.v(0) = cipher;
    for (unsigned round = 10; round > 0; round--) {
        bench.v(1) = keys[round];
        if (round < 10) bench.run({0x4E287821}); // aesimc v1.16b, v1.16b
        if (round > 1)
            bench.run({0x4E285820, 0x4E287800}); // aesd v0.16b, v1.16b; aesimc v0.16b, v0.16b
        else
            bench.run({0x4E285820});
    }
    check(VReg{{bench.v(0).d[0] ^ keys[0].d[0], bench.v(0).d[1] ^ keys[0].d[1]}} == plain, "and back");
}

/// The one block that "abc" is padded to, as words of the schedule.
constexpr std::array<uint32_t, 16> kAbc = {0x61626380, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24};
VReg schedule(unsigned i) { return from_words(kAbc[4 * i], kAbc[4 * i + 1], kAbc[4 * i + 2], kAbc[4 * i + 3]); }

/// FIPS 180, example "abc".
void sha1() {
    Bench bench;
    constexpr std::array<uint32_t, 4> kConstants = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
    constexpr std::array<uint32_t, 4> kRounds = {0x5E020020, 0x5E021020, 0x5E022020, 0x5E021020}; // sha1c, p, m, p
    const VReg abcd = from_words(0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476);
    constexpr uint32_t kE = 0xC3D2E1F0;
    std::array<VReg, 4> w = {schedule(0), schedule(1), schedule(2), schedule(3)};
    VReg state = abcd;
    uint32_t e = kE;
    for (unsigned group = 0; group < 20; group++) {
        const uint32_t k = kConstants[group / 5];
        bench.v(0) = state, bench.v(1) = {{e, 0}};
        bench.v(2) = from_words(word_of(w[0], 0) + k, word_of(w[0], 1) + k, word_of(w[0], 2) + k, word_of(w[0], 3) + k);
        bench.run({kRounds[group / 5]});
        const VReg rounds = bench.v(0);
        bench.v(1) = state;
        bench.run({0x5E280820}); // sha1h s0, s1
        e = word_of(bench.v(0), 0);
        state = rounds;
        bench.v(0) = w[0], bench.v(1) = w[1], bench.v(2) = w[2];
        bench.run({0x5E023020}); // sha1su0 v0.4s, v1.4s, v2.4s
        bench.v(1) = w[3];
        bench.run({0x5E281820}); // sha1su1 v0.4s, v1.4s
        w = {w[1], w[2], w[3], bench.v(0)};
    }
    constexpr std::array<uint32_t, 5> kDigest = {0xA9993E36, 0x4706816A, 0xBA3E2571, 0x7850C26C, 0x9CD0D89D};
    for (unsigned i = 0; i < 4; i++)
        check_equal((word_of(state, i) + word_of(abcd, i)) & 0xFFFFFFFF, kDigest[i], "SHA-1 of abc");
    check_equal((e + kE) & 0xFFFFFFFF, kDigest[4], "SHA-1 of abc, last word");
}

void sha256() {
    Bench bench;
    constexpr std::array<uint32_t, 64> kConstants = {
        0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
        0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
        0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
        0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
        0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
        0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
        0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
        0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2};
    const VReg abcd = from_words(0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A);
    const VReg efgh = from_words(0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19);
    std::array<VReg, 4> w = {schedule(0), schedule(1), schedule(2), schedule(3)};
    VReg low = abcd, high = efgh;
    for (unsigned group = 0; group < 16; group++) {
        const uint32_t* k = &kConstants[4 * group];
        bench.v(0) = low, bench.v(1) = high, bench.v(3) = low;
        bench.v(2) = from_words(word_of(w[0], 0) + k[0], word_of(w[0], 1) + k[1], word_of(w[0], 2) + k[2],
                                word_of(w[0], 3) + k[3]);
        bench.run({0x5E024020, 0x5E025061}); // sha256h q0, q1, v2.4s; sha256h2 q1, q3, v2.4s
        low = bench.v(0), high = bench.v(1);
        bench.v(0) = w[0], bench.v(1) = w[1];
        bench.run({0x5E282820}); // sha256su0 v0.4s, v1.4s
        bench.v(1) = w[2], bench.v(2) = w[3];
        bench.run({0x5E026020}); // sha256su1 v0.4s, v1.4s, v2.4s
        w = {w[1], w[2], w[3], bench.v(0)};
    }
    constexpr std::array<uint32_t, 8> kDigest = {0xBA7816BF, 0x8F01CFEA, 0x414140DE, 0x5DAE2223,
                                                 0xB00361A3, 0x96177A9C, 0xB410FF61, 0xF20015AD};
    for (unsigned i = 0; i < 4; i++) {
        check_equal((word_of(low, i) + word_of(abcd, i)) & 0xFFFFFFFF, kDigest[i], "SHA-256 of abc");
        check_equal((word_of(high, i) + word_of(efgh, i)) & 0xFFFFFFFF, kDigest[i + 4], "SHA-256 of abc, upper half");
    }
}

void polynomials() {
    Bench bench;
    bench.v(1) = {{0x8000000000000001, 0}};
    bench.v(2) = {{0xF000000000000003, 0}};
    bench.run({0x0EE2E020}); // pmull v0.1q, v1.1d, v2.1d
    // x^63 times the second operand, plus the operand itself.
    bench.expect(0, {{uint64_t{3} << 63 ^ 0xF000000000000003, 0xF000000000000003 >> 1}}, "PMULL of doublewords");
}

} // namespace

int main() {
    structures();
    faults_change_nothing();
    stack_alignment();
    alignment_and_byte_order();
    literals();
    saturation();
    traps();
    aes();
    sha1();
    sha256();
    polynomials();
    return report("simd");
}
