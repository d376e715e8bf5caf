// Advanced SIMD two-register miscellaneous, its scalar forms, scalar pairwise, across lanes, on integers (Arm ARM
// C4.1.90).
#include "arm64/interpreter/simd_shapes.h"

namespace beeline::arm64 {

using namespace simd;

namespace {

/// Reverses the order of elements within containers of kContainer bytes.
template <unsigned kContainer> struct Reverse {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        constexpr unsigned kLast = kContainer / sizeof(T) - 1;
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount; i++) result[i] = n[i ^ kLast];
        write(cpu.state.v[insn.rd], result);
    }
};

template <unsigned kContainer> Handler reverse(const Fields& f) {
    constexpr unsigned kSizes = kContainer == 8 ? kBhs : kContainer == 4 ? kB | kH : kB;
    return vector_of_size<Reverse<kContainer>, false, kSizes>(f('z'), f('Q') != 0);
}

template <bool accumulate> struct AddLongPairs {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        const auto d = read<Wide<T>, kCount / 2>(cpu.state.v[insn.rd]);
        Lanes<Wide<T>, kCount / 2> result;
        for (unsigned i = 0; i < kCount / 2; i++) {
            const auto sum = static_cast<Wide<T>>(Wide<T>(n[2 * i]) + Wide<T>(n[2 * i + 1]));
            result[i] = accumulate ? wrapping_add(d[i], sum) : sum;
        }
        write(cpu.state.v[insn.rd], result);
    }
};

struct ExtractNarrow {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<Wide<T>, kCount>(cpu.state.v[insn.rn]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount; i++) result[i] = static_cast<T>(n[i]);
        write_narrow<upper>(cpu.state.v[insn.rd], result);
    }
};

/// T has the signedness of the source; SQXTUN makes an unsigned result of it.
template <bool to_unsigned> struct SaturatingNarrow {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        using Result = std::conditional_t<to_unsigned, Unsigned<T>, T>;
        const auto n = read<Wide<T>, kCount>(cpu.state.v[insn.rn]);
        Lanes<Result, kCount> result;
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++) result[i] = saturate<Result>(n[i], saturated);
        write_narrow<upper>(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

struct ShiftLongByWidth {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn], upper ? kCount : 0);
        Lanes<Wide<T>, kCount> result;
        for (unsigned i = 0; i < kCount; i++) result[i] = static_cast<Wide<T>>(Wide<T>(n[i]) << kBits<T>);
        write(cpu.state.v[insn.rd], result);
    }
};

void add_pair(Vcpu& cpu, const Insn& insn) {
    const VReg& n = cpu.state.v[insn.rn];
    cpu.state.v[insn.rd] = VReg{{n.d[0] + n.d[1], 0}};
}

/// The result has the element's size, or twice that where sums are long. One lane is no vector that a row admits.
template <typename Operation, bool is_long> struct Across {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        using Result = std::conditional_t<is_long, Wide<T>, T>;
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        Lanes<Result, 1> result{{static_cast<Result>(n[0])}};
        for (unsigned i = 1; i < kCount; i++) result[0] = Operation::apply(result[0], static_cast<Result>(n[i]));
        write(cpu.state.v[insn.rd], result);
    }
};

} // namespace

Handler bind_CLS_vector(Insn&, const Fields& f) { return signed_vector<Unary<CountLeadingSigns>, kBhs>(f); }
Handler bind_CLZ_vector(Insn&, const Fields& f) { return unsigned_vector<Unary<CountLeadingZeros>, kBhs>(f); }
Handler bind_CNT_vector(Insn&, const Fields& f) { return byte_vector<Unary<CountBits>>(f); }
Handler bind_NOT_vector(Insn&, const Fields& f) { return byte_vector<Unary<Invert>>(f); }
Handler bind_RBIT_vector(Insn&, const Fields& f) { return byte_vector<Unary<ReverseBits>>(f); }
Handler bind_REV64_vector(Insn&, const Fields& f) { return reverse<8>(f); }
Handler bind_REV32_vector(Insn&, const Fields& f) { return reverse<4>(f); }
Handler bind_REV16_vector(Insn&, const Fields& f) { return reverse<2>(f); }
Handler bind_SADDLP_vector(Insn&, const Fields& f) { return signed_vector<AddLongPairs<false>, kBhs>(f); }
Handler bind_UADDLP_vector(Insn&, const Fields& f) { return unsigned_vector<AddLongPairs<false>, kBhs>(f); }
Handler bind_SADALP_vector(Insn&, const Fields& f) { return signed_vector<AddLongPairs<true>, kBhs>(f); }
Handler bind_UADALP_vector(Insn&, const Fields& f) { return unsigned_vector<AddLongPairs<true>, kBhs>(f); }
Handler bind_SUQADD_vector(Insn&, const Fields& f) {
    return signed_vector<UnaryAccumulate<SaturatingAddOpposite>, kAll>(f);
}
Handler bind_USQADD_vector(Insn&, const Fields& f) {
    return unsigned_vector<UnaryAccumulate<SaturatingAddOpposite>, kAll>(f);
}
Handler bind_SQABS_vector(Insn&, const Fields& f) { return signed_vector<Unary<SaturatingAbsolute>, kAll>(f); }
Handler bind_SQNEG_vector(Insn&, const Fields& f) { return signed_vector<Unary<SaturatingNegate>, kAll>(f); }
Handler bind_ABS_vector(Insn&, const Fields& f) { return signed_vector<Unary<Absolute>, kAll>(f); }
Handler bind_NEG_vector(Insn&, const Fields& f) { return unsigned_vector<Unary<Negate>, kAll>(f); }
Handler bind_CMGT_zero_vector(Insn&, const Fields& f) { return signed_vector<Unary<CompareZero<CompareGt>>, kAll>(f); }
Handler bind_CMGE_zero_vector(Insn&, const Fields& f) { return signed_vector<Unary<CompareZero<CompareGe>>, kAll>(f); }
Handler bind_CMEQ_zero_vector(Insn&, const Fields& f) { return signed_vector<Unary<CompareZero<CompareEq>>, kAll>(f); }
Handler bind_CMLE_zero_vector(Insn&, const Fields& f) {
    return signed_vector<Unary<CompareZero<CompareGe, true>>, kAll>(f);
}
Handler bind_CMLT_zero_vector(Insn&, const Fields& f) {
    return signed_vector<Unary<CompareZero<CompareGt, true>>, kAll>(f);
}
Handler bind_XTN_vector(Insn&, const Fields& f) { return unsigned_half<ExtractNarrow, kBhs>(f); }
Handler bind_SQXTUN_vector(Insn&, const Fields& f) { return signed_half<SaturatingNarrow<true>, kBhs>(f); }
Handler bind_SQXTN_vector(Insn&, const Fields& f) { return signed_half<SaturatingNarrow<false>, kBhs>(f); }
Handler bind_UQXTN_vector(Insn&, const Fields& f) { return unsigned_half<SaturatingNarrow<false>, kBhs>(f); }
Handler bind_SHLL_vector(Insn&, const Fields& f) { return unsigned_half<ShiftLongByWidth, kBhs>(f); }

// Scalar
Handler bind_SUQADD_scalar(Insn&, const Fields& f) {
    return signed_scalar<UnaryAccumulate<SaturatingAddOpposite>, kAll>(f);
}
Handler bind_USQADD_scalar(Insn&, const Fields& f) {
    return unsigned_scalar<UnaryAccumulate<SaturatingAddOpposite>, kAll>(f);
}
Handler bind_SQABS_scalar(Insn&, const Fields& f) { return signed_scalar<Unary<SaturatingAbsolute>, kAll>(f); }
Handler bind_SQNEG_scalar(Insn&, const Fields& f) { return signed_scalar<Unary<SaturatingNegate>, kAll>(f); }
Handler bind_ABS_scalar(Insn&, const Fields& f) { return signed_scalar<Unary<Absolute>, kD>(f); }
Handler bind_NEG_scalar(Insn&, const Fields& f) { return unsigned_scalar<Unary<Negate>, kD>(f); }
Handler bind_CMGT_zero_scalar(Insn&, const Fields& f) { return signed_scalar<Unary<CompareZero<CompareGt>>, kD>(f); }
Handler bind_CMGE_zero_scalar(Insn&, const Fields& f) { return signed_scalar<Unary<CompareZero<CompareGe>>, kD>(f); }
Handler bind_CMEQ_zero_scalar(Insn&, const Fields& f) { return signed_scalar<Unary<CompareZero<CompareEq>>, kD>(f); }
Handler bind_CMLE_zero_scalar(Insn&, const Fields& f) {
    return signed_scalar<Unary<CompareZero<CompareGe, true>>, kD>(f);
}
Handler bind_CMLT_zero_scalar(Insn&, const Fields& f) {
    return signed_scalar<Unary<CompareZero<CompareGt, true>>, kD>(f);
}
Handler bind_SQXTUN_scalar(Insn&, const Fields& f) { return signed_scalar_half<SaturatingNarrow<true>, kBhs>(f); }
Handler bind_SQXTN_scalar(Insn&, const Fields& f) { return signed_scalar_half<SaturatingNarrow<false>, kBhs>(f); }
Handler bind_UQXTN_scalar(Insn&, const Fields& f) { return unsigned_scalar_half<SaturatingNarrow<false>, kBhs>(f); }
Handler bind_ADDP_scalar(Insn&, const Fields&) { return perform<add_pair>; }

// Across lanes
Handler bind_ADDV(Insn&, const Fields& f) { return unsigned_vector<Across<Add, false>, kBhs>(f); }
Handler bind_SMAXV(Insn&, const Fields& f) { return signed_vector<Across<Max, false>, kBhs>(f); }
Handler bind_UMAXV(Insn&, const Fields& f) { return unsigned_vector<Across<Max, false>, kBhs>(f); }
Handler bind_SMINV(Insn&, const Fields& f) { return signed_vector<Across<Min, false>, kBhs>(f); }
Handler bind_UMINV(Insn&, const Fields& f) { return unsigned_vector<Across<Min, false>, kBhs>(f); }
Handler bind_SADDLV(Insn&, const Fields& f) { return signed_vector<Across<Add, true>, kBhs>(f); }
Handler bind_UADDLV(Insn&, const Fields& f) { return unsigned_vector<Across<Add, true>, kBhs>(f); }

} // namespace beeline::arm64
