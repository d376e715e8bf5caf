// Advanced SIMD three different, long, wide and narrow, and their scalar forms; polynomial products (Arm ARM C4.1.90).
#include "arm64/interpreter/simd_shapes.h"

namespace beeline::arm64 {

using namespace simd;

namespace {

/// The high halves of wide sums or differences. T is the narrow type.
template <typename Operation, bool rounding> struct HighNarrow {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        constexpr Wide<T> kRound = rounding ? Wide<T>{1} << (kBits<T> - 1) : 0;
        const auto n = read<Wide<T>, kCount>(cpu.state.v[insn.rn]);
        const auto m = read<Wide<T>, kCount>(cpu.state.v[insn.rm]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount; i++)
            result[i] = static_cast<T>(wrapping_add(Operation::apply(n[i], m[i]), kRound) >> kBits<T>);
        write_narrow<upper>(cpu.state.v[insn.rd], result);
    }
};

struct PolynomialMulLong {
    static uint16_t apply(uint16_t n, uint16_t m) {
        unsigned product = 0;
        for (unsigned bit = 0; bit < 8; bit++) product ^= (0u - (m >> bit & 1u)) & (unsigned{n} << bit);
        return static_cast<uint16_t>(product);
    }
};

/// Four bits of m at a time; the multiples of n by all of them are tabled first.
template <unsigned lane> [[gnu::noinline]] void polynomial_mul_64(Vcpu& cpu, const Insn& insn) {
    const uint128_t n = cpu.state.v[insn.rn].d[lane];
    const uint64_t m = cpu.state.v[insn.rm].d[lane];
    uint128_t multiples[16];
    multiples[0] = 0;
    multiples[1] = n;
    for (unsigned i = 2; i < 16; i += 2) {
        multiples[i] = multiples[i / 2] << 1;
        multiples[i + 1] = multiples[i] ^ n;
    }
    uint128_t product = 0;
    for (unsigned shift = 64; shift > 0;) {
        shift -= 4;
        product = product << 4 ^ multiples[m >> shift & 15];
    }
    cpu.state.v[insn.rd] = VReg{{static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64)}};
}

} // namespace

Handler bind_SADDL_vector(Insn&, const Fields& f) { return signed_half<Long<Add>, kBhs>(f); }
Handler bind_UADDL_vector(Insn&, const Fields& f) { return unsigned_half<Long<Add>, kBhs>(f); }
Handler bind_SADDW_vector(Insn&, const Fields& f) { return signed_half<WithNarrow<Add>, kBhs>(f); }
Handler bind_UADDW_vector(Insn&, const Fields& f) { return unsigned_half<WithNarrow<Add>, kBhs>(f); }
Handler bind_SSUBL_vector(Insn&, const Fields& f) { return signed_half<Long<Sub>, kBhs>(f); }
Handler bind_USUBL_vector(Insn&, const Fields& f) { return unsigned_half<Long<Sub>, kBhs>(f); }
Handler bind_SSUBW_vector(Insn&, const Fields& f) { return signed_half<WithNarrow<Sub>, kBhs>(f); }
Handler bind_USUBW_vector(Insn&, const Fields& f) { return unsigned_half<WithNarrow<Sub>, kBhs>(f); }
Handler bind_SABAL_vector(Insn&, const Fields& f) {
    return signed_half<LongAccumulate<AbsoluteDifferenceAdd>, kBhs>(f);
}
Handler bind_UABAL_vector(Insn&, const Fields& f) {
    return unsigned_half<LongAccumulate<AbsoluteDifferenceAdd>, kBhs>(f);
}
Handler bind_SABDL_vector(Insn&, const Fields& f) { return signed_half<Long<AbsoluteDifference>, kBhs>(f); }
Handler bind_UABDL_vector(Insn&, const Fields& f) { return unsigned_half<Long<AbsoluteDifference>, kBhs>(f); }
Handler bind_SMLAL_vector(Insn&, const Fields& f) { return signed_half<LongAccumulate<MulAdd>, kBhs>(f); }
Handler bind_UMLAL_vector(Insn&, const Fields& f) { return unsigned_half<LongAccumulate<MulAdd>, kBhs>(f); }
Handler bind_SMLSL_vector(Insn&, const Fields& f) { return signed_half<LongAccumulate<MulSub>, kBhs>(f); }
Handler bind_UMLSL_vector(Insn&, const Fields& f) { return unsigned_half<LongAccumulate<MulSub>, kBhs>(f); }
Handler bind_SMULL_vector(Insn&, const Fields& f) { return signed_half<Long<Mul>, kBhs>(f); }
Handler bind_UMULL_vector(Insn&, const Fields& f) { return unsigned_half<Long<Mul>, kBhs>(f); }
Handler bind_ADDHN_vector(Insn&, const Fields& f) { return unsigned_half<HighNarrow<Add, false>, kBhs>(f); }
Handler bind_RADDHN_vector(Insn&, const Fields& f) { return unsigned_half<HighNarrow<Add, true>, kBhs>(f); }
Handler bind_SUBHN_vector(Insn&, const Fields& f) { return unsigned_half<HighNarrow<Sub, false>, kBhs>(f); }
Handler bind_RSUBHN_vector(Insn&, const Fields& f) { return unsigned_half<HighNarrow<Sub, true>, kBhs>(f); }
Handler bind_SQDMULL_vector(Insn&, const Fields& f) { return signed_half<Long<DoublingMulLong>, kHs>(f); }
Handler bind_SQDMLAL_vector(Insn&, const Fields& f) { return signed_half<LongAccumulate<DoublingMulAddLong>, kHs>(f); }
Handler bind_SQDMLSL_vector(Insn&, const Fields& f) { return signed_half<LongAccumulate<DoublingMulSubLong>, kHs>(f); }
Handler bind_SQDMULL_scalar(Insn&, const Fields& f) { return signed_scalar_half<Long<DoublingMulLong>, kHs>(f); }
Handler bind_SQDMLAL_scalar(Insn&, const Fields& f) {
    return signed_scalar_half<LongAccumulate<DoublingMulAddLong>, kHs>(f);
}
Handler bind_SQDMLSL_scalar(Insn&, const Fields& f) {
    return signed_scalar_half<LongAccumulate<DoublingMulSubLong>, kHs>(f);
}
Handler bind_PMULL_8(Insn&, const Fields& f) {
    return half_of_size<Long<PolynomialMulLong>, false, kB>(0, f('Q') != 0);
}
Handler bind_PMULL_64(Insn&, const Fields& f) {
    return f('Q') != 0 ? perform<polynomial_mul_64<1>> : perform<polynomial_mul_64<0>>;
}

} // namespace beeline::arm64
