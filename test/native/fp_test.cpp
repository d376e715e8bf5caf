// The floating-point library against the manual's rules, written down case by case, and against the host's own
// arithmetic on random operands where IEEE 754 leaves no choice.
#include "arm64/fp/fp.h"

#include <cfenv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>

using namespace beeline::arm64;
using namespace beeline::arm64::fp;

namespace {

unsigned passed = 0, failed = 0;

constexpr uint32_t kFz = 1u << 24, kDn = 1u << 25, kFz16 = 1u << 19, kAhp = 1u << 26;
constexpr uint32_t rmode(Rounding mode) { return static_cast<uint32_t>(mode) << 22; }

struct Outcome {
    uint64_t value;
    uint32_t flags;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

void expect(const char* what, Outcome got, Outcome wanted) {
    if (got == wanted) {
        passed++;
        return;
    }
    if (++failed > 40) return; // the first ones tell enough
    std::printf("FAIL %s: got %llx flags %02x, expected %llx flags %02x\n", what,
                static_cast<unsigned long long>(got.value), got.flags, static_cast<unsigned long long>(wanted.value),
                wanted.flags);
}

template <typename Operation> Outcome run(uint32_t fpcr, Operation operation) {
    FpContext ctx = make_context(fpcr, 0);
    const auto value = operation(ctx);
    return {static_cast<uint64_t>(value), ctx.flags};
}

// Operands are named for what they are in single precision.
constexpr uint32_t kOneS = 0x3F800000, kInfS = 0x7F800000, kQnanS = 0x7FC00123, kSnanS = 0x7F800456,
                   kDefaultS = 0x7FC00000, kDenormalS = 0x00000001, kMinusZeroS = 0x80000000, kMinNormalS = 0x00800000;

void nans() {
    expect("signalling second operand wins over quiet first",
           run(0, [](auto& c) { return add<uint32_t>(kQnanS, kSnanS, c); }), {0x7FC00456, kInvalidOperation});
    expect("first of two quiet NaNs", run(0, [](auto& c) { return mul<uint32_t>(0xFFC00007, kQnanS, c); }),
           {0xFFC00007, 0});
    expect("default NaN", run(kDn, [](auto& c) { return add<uint32_t>(kQnanS, kOneS, c); }), {kDefaultS, 0});
    expect("inf - inf is the positive default NaN", run(0, [](auto& c) { return sub<uint32_t>(kInfS, kInfS, c); }),
           {kDefaultS, kInvalidOperation});
    expect("fused: quiet addend, inf * 0", run(0, [](auto& c) { return muladd<uint32_t>(kQnanS, kInfS, 0, c); }),
           {kDefaultS, kInvalidOperation});
    expect("fused: signalling addend, inf * 0", run(0, [](auto& c) { return muladd<uint32_t>(kSnanS, kInfS, 0, c); }),
           {0x7FC00456, kInvalidOperation});
    expect("fused: addend before multiplicands",
           run(0, [](auto& c) { return muladd<uint32_t>(0x7FC00001, 0x7FC00002, 0x7FC00003, c); }), {0x7FC00001, 0});
    expect("recip_step negates a NaN first operand", run(0, [](auto& c) { return recip_step<uint32_t>(kQnanS, 0, c); }),
           {0xFFC00123, 0});
    expect("denormal beside a NaN still counts", run(kFz, [](auto& c) { return add<uint32_t>(kDenormalS, kQnanS, c); }),
           {kQnanS, kInputDenormal});
    expect("sqrt(-1)", run(0, [](auto& c) { return fp::sqrt<uint32_t>(0xBF800000, c); }),
           {kDefaultS, kInvalidOperation});
    expect("sqrt(-0)", run(0, [](auto& c) { return fp::sqrt<uint32_t>(kMinusZeroS, c); }), {kMinusZeroS, 0});
}

void flushing() {
    expect("input flush", run(kFz, [](auto& c) { return add<uint32_t>(kDenormalS, kOneS, c); }),
           {kOneS, kInputDenormal});
    expect("output flush is underflow alone",
           run(kFz, [](auto& c) { return mul<uint32_t>(kMinNormalS, 0x3F000000, c); }), {0, kUnderflow});
    expect("tininess before rounding: would round to the smallest normal",
           run(kFz, [](auto& c) { return mul<uint32_t>(0x3F7FFFFF, kMinNormalS, c); }), {0, kUnderflow});
    expect("the same without flush", run(0, [](auto& c) { return mul<uint32_t>(0x3FFFFFFF, 0x00400000, c); }),
           {kMinNormalS, kUnderflow | kInexact});
    expect("exact denormal raises nothing", run(0, [](auto& c) { return mul<uint32_t>(kMinNormalS, 0x3F000000, c); }),
           {0x00400000, 0});
    expect("FZ leaves half precision alone", run(kFz, [](auto& c) { return add<uint16_t>(0x0001, 0x0001, c); }),
           {0x0002, 0});
    expect("FZ16 flushes inputs silently", run(kFz16, [](auto& c) { return add<uint16_t>(0x0001, 0x3C00, c); }),
           {0x3C00, 0});
    expect("FZ16 flushes results", run(kFz16, [](auto& c) { return mul<uint16_t>(0x0400, 0x3800, c); }),
           {0, kUnderflow});
    expect("conversions ignore FZ16",
           run(kFz16, [](auto& c) { return convert<uint32_t, uint16_t>(0x0001, c, c.mode); }), {0x33800000, 0});
    expect("f32 to f16 makes denormals under FZ16",
           run(kFz16 | kFz, [](auto& c) { return convert<uint16_t, uint32_t>(0x33800000, c, c.mode); }), {1, 0});
}

void conversions() {
    expect("AHP: NaN to zero", run(kAhp, [](auto& c) { return convert<uint16_t, uint32_t>(0xFFC00000, c, c.mode); }),
           {0x8000, kInvalidOperation});
    expect("AHP: infinity to the largest number",
           run(kAhp, [](auto& c) { return convert<uint16_t, uint32_t>(kInfS, c, c.mode); }),
           {0x7FFF, kInvalidOperation});
    expect("AHP: exponent 31 is a number",
           run(kAhp, [](auto& c) { return convert<uint32_t, uint16_t>(0x7C00, c, c.mode); }), {0x47800000, 0});
    expect("round to odd",
           run(0, [](auto& c) { return convert<uint32_t, uint64_t>(0x3FF0000000000001, c, Rounding::Odd); }),
           {0x3F800001, kInexact});
    expect("round to odd does not overflow to infinity",
           run(0, [](auto& c) { return convert<uint32_t, uint64_t>(0x7FE0000000000000, c, Rounding::Odd); }),
           {0x7F7FFFFF, kOverflow | kInexact});
    expect("f64 to f16 rounds once",
           run(0, [](auto& c) { return convert<uint16_t, uint64_t>(0x3FF0020000000001, c, c.mode); }),
           {0x3C01, kInexact});
    expect("NaN payload keeps its upper bits",
           run(0, [](auto& c) { return convert<uint32_t, uint64_t>(0xFFF4000020000000, c, c.mode); }),
           {0xFFE00001, kInvalidOperation});
    const auto fixed = [](uint64_t op, unsigned width, Signedness signedness, Rounding mode) {
        return run(0, [=](auto& c) { return to_fixed<uint64_t>(op, width, 0, signedness, mode, c); });
    };
    expect("NaN to 0", fixed(0x7FF8000000000000, 32, Signedness::Signed, Rounding::Zero), {0, kInvalidOperation});
    expect("saturates low", fixed(0xC1E0000000100000, 32, Signedness::Signed, Rounding::TieEven),
           {0x80000000, kInexact});
    expect("saturates low by one", fixed(0xC1E0000000100000, 32, Signedness::Signed, Rounding::MinusInf),
           {0x80000000, kInvalidOperation});
    expect("-2^63 fits", fixed(0xC3E0000000000000, 64, Signedness::Signed, Rounding::Zero), {uint64_t{1} << 63, 0});
    expect("-0.5 to unsigned", fixed(0xBFE0000000000000, 64, Signedness::Unsigned, Rounding::Zero), {0, kInexact});
    expect("-0.5 to unsigned, away", fixed(0xBFE0000000000000, 64, Signedness::Unsigned, Rounding::TieAway),
           {0, kInvalidOperation});
    expect("2^64", fixed(0x43F0000000000000, 64, Signedness::Unsigned, Rounding::Zero),
           {~uint64_t{0}, kInvalidOperation});
    expect("integer too large for half",
           run(0, [](auto& c) { return from_fixed<uint16_t>(70000, 0, Signedness::Signed, c.mode, c); }),
           {0x7C00, kOverflow | kInexact});
    expect("FRINTX", run(0, [](auto& c) { return round_int<uint32_t>(0xBF000000, c.mode, true, c); }),
           {kMinusZeroS, kInexact});
    expect("FRINTI", run(0, [](auto& c) { return round_int<uint32_t>(0x40200000, c.mode, false, c); }),
           {0x40000000, 0});
    expect("FMOV immediate, half", {expand_immediate<uint16_t>(0x70), 0}, {0x3C00, 0});
    expect("FMOV immediate, single", {expand_immediate<uint32_t>(0x70), 0}, {kOneS, 0});
    expect("FMOV immediate, double", {expand_immediate<uint64_t>(0xFF), 0}, {0xBFFF000000000000, 0});
    expect("FMOV immediate, 2.0", {expand_immediate<uint64_t>(0x00), 0}, {0x4000000000000000, 0});
}

void comparisons() {
    expect("FCMP quiet", run(0, [](auto& c) { return compare<uint32_t>(kQnanS, kOneS, false, c); }), {3u << 28, 0});
    expect("FCMPE", run(0, [](auto& c) { return compare<uint32_t>(kQnanS, kOneS, true, c); }),
           {3u << 28, kInvalidOperation});
    expect("zeros are equal", run(0, [](auto& c) { return compare<uint32_t>(0, kMinusZeroS, false, c); }),
           {6u << 28, 0});
    expect("max of zeros", run(0, [](auto& c) { return max<uint32_t>(kMinusZeroS, 0, c); }), {0, 0});
    expect("min of zeros", run(0, [](auto& c) { return min<uint32_t>(0, kMinusZeroS, c); }), {kMinusZeroS, 0});
    expect("maxnm prefers the number", run(0, [](auto& c) { return maxnm<uint32_t>(kQnanS, kOneS, c); }), {kOneS, 0});
    expect("maxnm of a signalling NaN", run(0, [](auto& c) { return maxnm<uint32_t>(kOneS, kSnanS, c); }),
           {0x7FC00456, kInvalidOperation});
    expect("minnm of two quiet NaNs", run(0, [](auto& c) { return minnm<uint32_t>(kQnanS, 0x7FC00001, c); }),
           {kQnanS, 0});
}

void estimates() {
    expect("FRECPE 1", run(0, [](auto& c) { return recip_estimate<uint32_t>(kOneS, c); }), {0x3F7F8000, 0});
    expect("FRECPE 0", run(0, [](auto& c) { return recip_estimate<uint32_t>(kMinusZeroS, c); }),
           {0xFF800000, kDivideByZero});
    expect("FRECPE overflow", run(rmode(Rounding::Zero), [](auto& c) { return recip_estimate<uint32_t>(1, c); }),
           {0x7F7FFFFF, kOverflow | kInexact});
    expect("FRECPE flush", run(kFz, [](auto& c) { return recip_estimate<uint32_t>(0x7F000000, c); }), {0, kUnderflow});
    expect("FRSQRTE 1", run(0, [](auto& c) { return rsqrt_estimate<uint64_t>(0x3FF0000000000000, c); }),
           {0x3FEFF00000000000, 0});
    expect("FRECPX", run(0, [](auto& c) { return recpx<uint32_t>(0x00000001, c); }), {0x7F000000, 0});
    expect("FMULX", run(0, [](auto& c) { return mulx<uint32_t>(0xFF800000, 0, c); }), {0xC0000000, 0});
    expect("FRSQRTS", run(0, [](auto& c) { return rsqrt_step<uint32_t>(kInfS, 0, c); }), {0x3FC00000, 0});
    expect("URECPE", {unsigned_recip_estimate(0x80000000), 0}, {0xFF800000, 0});
    expect("URSQRTE", {unsigned_rsqrt_estimate(0x3FFFFFFF), 0}, {0xFFFFFFFF, 0});
}

// ---- the host as a judge: IEEE 754 fixes numbers and four flags --------------------------------------------------

template <typename Float> using BitsOf = std::conditional_t<sizeof(Float) == 4, uint32_t, uint64_t>;

template <typename Float> Float from_bits(BitsOf<Float> bits) { return std::bit_cast<Float>(bits); }

uint32_t host_flags() {
    const int raised = std::fetestexcept(FE_ALL_EXCEPT);
    return (raised & FE_INVALID ? kInvalidOperation : 0) | (raised & FE_DIVBYZERO ? kDivideByZero : 0) |
           (raised & FE_OVERFLOW ? kOverflow : 0) | (raised & FE_UNDERFLOW ? kUnderflow : 0) |
           (raised & FE_INEXACT ? kInexact : 0);
}

template <typename Float> BitsOf<Float> random_operand(std::mt19937_64& random) {
    using U = BitsOf<Float>;
    using F = Format<U>;
    const uint64_t r = random();
    U fraction = static_cast<U>(random()) & F::kFractionMask;
    if (r >> 8 & 1) fraction &= static_cast<U>(F::kFractionMask << (r >> 16 & 15));
    int biased;
    switch (r & 7) {
    case 0: biased = 0; break;
    case 1: biased = 1 + static_cast<int>(r >> 32 & 3); break;
    case 2: biased = F::kMaxBiased - 1 - static_cast<int>(r >> 32 & 3); break;
    case 3: biased = static_cast<int>((r >> 32) % F::kMaxBiased); break;
    default: biased = F::kBias - 8 + static_cast<int>(r >> 32 & 15); break;
    }
    return static_cast<U>(zero<U>(r >> 63) | static_cast<U>(biased) << F::kFractionBits | fraction);
}

template <typename Float, typename Host, typename Guest>
void judge(const char* what, std::mt19937_64& random, Host host, Guest guest) {
    using U = BitsOf<Float>;
    static constexpr std::pair<int, Rounding> kModes[] = {{FE_TONEAREST, Rounding::TieEven},
                                                          {FE_UPWARD, Rounding::PlusInf},
                                                          {FE_DOWNWARD, Rounding::MinusInf},
                                                          {FE_TOWARDZERO, Rounding::Zero}};
    for (const auto& [host_mode, mode] : kModes) {
        for (int i = 0; i < 20000; i++) {
            const U a = random_operand<Float>(random), b = random_operand<Float>(random),
                    c = random_operand<Float>(random);
            const Outcome got = run(rmode(mode), [&](auto& ctx) { return guest(a, b, c, ctx); });
            std::fesetround(host_mode);
            std::feclearexcept(FE_ALL_EXCEPT);
            volatile Float x = from_bits<Float>(a), y = from_bits<Float>(b), z = from_bits<Float>(c);
            volatile Float result = host(x, y, z);
            const uint32_t flags = host_flags();
            std::fesetround(FE_TONEAREST);
            const U bits = std::bit_cast<U>(static_cast<Float>(result));
            Outcome wanted{is_nan(bits) ? Format<U>::kDefaultNan : bits, flags};
            // x86 detects tininess after rounding: both ways agree but for results that round to the smallest normal.
            if (abs(bits) == U{1} << Format<U>::kFractionBits && (got.flags & kInexact) != 0)
                wanted.flags |= got.flags & kUnderflow;
            expect(what, got, wanted);
        }
    }
}

/// The library's functions through pointers, because the compiler's inline forms suppose the default rounding.
float (*volatile const host_rintf)(float) = ::rintf;
double (*volatile const host_rint)(double) = ::rint;
float round_on_host(float x) { return host_rintf(x); }
double round_on_host(double x) { return host_rint(x); }

template <typename Float> void against_host(std::mt19937_64& random) {
    using U = BitsOf<Float>;
    judge<Float>(
        "add", random, [](Float x, Float y, Float) { return x + y; },
        [](U a, U b, U, FpContext& ctx) { return add<U>(a, b, ctx); });
    judge<Float>(
        "sub", random, [](Float x, Float y, Float) { return x - y; },
        [](U a, U b, U, FpContext& ctx) { return sub<U>(a, b, ctx); });
    judge<Float>(
        "mul", random, [](Float x, Float y, Float) { return x * y; },
        [](U a, U b, U, FpContext& ctx) { return mul<U>(a, b, ctx); });
    judge<Float>(
        "div", random, [](Float x, Float y, Float) { return x / y; },
        [](U a, U b, U, FpContext& ctx) { return div<U>(a, b, ctx); });
    judge<Float>(
        "sqrt", random, [](Float x, Float, Float) { return std::sqrt(x); },
        [](U a, U, U, FpContext& ctx) { return fp::sqrt<U>(a, ctx); });
    judge<Float>(
        "rint", random, [](Float x, Float, Float) { return round_on_host(x); },
        [](U a, U, U, FpContext& ctx) { return round_int<U>(a, ctx.mode, true, ctx); });
}

} // namespace

int main() {
    nans();
    flushing();
    conversions();
    comparisons();
    estimates();
    std::mt19937_64 random(20240501);
    against_host<float>(random);
    against_host<double>(random);
    std::printf("fp: %u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
