// Advanced SIMD on floating point: one-operand forms, conversions, immediates (Arm ARM C4.1.90).
#include "arm64/interpreter/fp_handlers.h"

namespace beeline::arm64 {

namespace {

using namespace fp_operations;

template <typename Operation, typename U, unsigned count> [[gnu::noinline]] void unary(Vcpu& cpu, const Insn& insn) {
    FpScope scope(cpu);
    const VReg n = cpu.state.v[insn.rn];
    VReg result{};
    for (unsigned i = 0; i < count; i++) set_lane(result, i, Operation::apply(lane<U>(n, i), scope));
    cpu.state.v[insn.rd] = result;
}

/// The unsigned estimates exist for words only; the others take their element from field z, or have halves.
template <typename Operation> Handler vector_unary(const Fields& f) {
    const bool q = f('Q') != 0;
    if constexpr (std::is_same_v<Operation, UnsignedRecipEstimate> ||
                  std::is_same_v<Operation, UnsignedRsqrtEstimate>) {
        return q ? perform<unary<Operation, uint32_t, 4>> : perform<unary<Operation, uint32_t, 2>>;
    } else {
        if (!f.has('z')) return q ? perform<unary<Operation, uint16_t, 8>> : perform<unary<Operation, uint16_t, 4>>;
        if (f('z') == 0) return q ? perform<unary<Operation, uint32_t, 4>> : perform<unary<Operation, uint32_t, 2>>;
        return perform<unary<Operation, uint64_t, 2>>;
    }
}

/// aux[0] is the number of fraction bits.
template <typename Operation, typename U, unsigned count> [[gnu::noinline]] void fixed(Vcpu& cpu, const Insn& insn) {
    FpScope scope(cpu);
    const VReg n = cpu.state.v[insn.rn];
    VReg result{};
    for (unsigned i = 0; i < count; i++) set_lane(result, i, Operation::apply(lane<U>(n, i), scope, insn.aux[0]));
    cpu.state.v[insn.rd] = result;
}

/// immh:immb is twice the element's width minus the number of fraction bits; the leading one is in the fixed bits.
template <typename U> uint8_t fraction_bits(const Fields& f) { return static_cast<uint8_t>(sizeof(U) * 8 - f('i')); }

template <typename U, typename Operation> Handler vector_fixed(Insn& insn, const Fields& f) {
    insn.aux[0] = fraction_bits<U>(f);
    if (f.has('Q') && f('Q') == 0) return perform<fixed<Operation, U, lanes<U>(false)>>;
    return perform<fixed<Operation, U, lanes<U>(true)>>;
}

template <typename U, typename Operation> Handler scalar_fixed(Insn& insn, const Fields& f) {
    insn.aux[0] = fraction_bits<U>(f);
    return perform<fixed<Operation, U, 1>>;
}

/// FCVTN and FCVTXN write the lower half and clear the upper; with Q they write the upper half and keep the lower.
template <typename To, typename From, bool odd, bool upper>
[[gnu::noinline]] void narrow_lanes(Vcpu& cpu, const Insn& insn) {
    FpScope scope(cpu);
    FpContext& ctx = scope;
    const VReg n = cpu.state.v[insn.rn];
    constexpr unsigned kCount = lanes<From>(true);
    VReg result{};
    for (unsigned i = 0; i < kCount; i++)
        set_lane(result, i, fp::convert<To>(lane<From>(n, i), ctx, odd ? Rounding::Odd : ctx.mode));
    VReg& target = cpu.state.v[insn.rd];
    if constexpr (upper) {
        target.d[1] = result.d[0];
    } else {
        target = result;
    }
}

template <typename To, typename From, bool odd> Handler narrow(const Fields& f) {
    return f('Q') != 0 ? perform<narrow_lanes<To, From, odd, true>> : perform<narrow_lanes<To, From, odd, false>>;
}

/// FCVTL reads the lower half, with Q the upper.
template <typename To, typename From, bool upper> [[gnu::noinline]] void lengthen_lanes(Vcpu& cpu, const Insn& insn) {
    FpScope scope(cpu);
    FpContext& ctx = scope;
    const VReg n = cpu.state.v[insn.rn];
    constexpr unsigned kCount = lanes<To>(true);
    VReg result{};
    for (unsigned i = 0; i < kCount; i++)
        set_lane(result, i, fp::convert<To>(lane<From>(n, i + (upper ? kCount : 0)), ctx, ctx.mode));
    cpu.state.v[insn.rd] = result;
}

template <typename To, typename From> Handler lengthen(const Fields& f) {
    return f('Q') != 0 ? perform<lengthen_lanes<To, From, true>> : perform<lengthen_lanes<To, From, false>>;
}

/// imm is the value of a doubleword.
template <bool q> void write_immediate(Vcpu& cpu, const Insn& insn) {
    cpu.state.v[insn.rd] = VReg{{insn.imm, q ? insn.imm : 0}};
}

template <typename U> Handler vector_immediate(Insn& insn, const Fields& f) {
    constexpr uint64_t kReplicate = sizeof(U) == 8 ? 1 : sizeof(U) == 4 ? 0x0000000100000001 : 0x0001000100010001;
    insn.imm = fp::expand_immediate<U>(f('i')) * kReplicate;
    return !f.has('Q') || f('Q') != 0 ? perform<write_immediate<true>> : perform<write_immediate<false>>;
}

} // namespace

// Advanced SIMD two-register miscellaneous: floating point
Handler bind_FRINTN_vector(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::TieEven>>(f); }
Handler bind_FRINTN_vector_half(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::TieEven>>(f); }
Handler bind_FRINTM_vector(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::MinusInf>>(f); }
Handler bind_FRINTM_vector_half(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::MinusInf>>(f); }
Handler bind_FRINTP_vector(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::PlusInf>>(f); }
Handler bind_FRINTP_vector_half(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::PlusInf>>(f); }
Handler bind_FRINTZ_vector(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::Zero>>(f); }
Handler bind_FRINTZ_vector_half(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::Zero>>(f); }
Handler bind_FRINTA_vector(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::TieAway>>(f); }
Handler bind_FRINTA_vector_half(Insn&, const Fields& f) { return vector_unary<RoundTo<Rounding::TieAway>>(f); }
Handler bind_FRINTX_vector(Insn&, const Fields& f) { return vector_unary<RoundExact>(f); }
Handler bind_FRINTX_vector_half(Insn&, const Fields& f) { return vector_unary<RoundExact>(f); }
Handler bind_FRINTI_vector(Insn&, const Fields& f) { return vector_unary<RoundCurrent>(f); }
Handler bind_FRINTI_vector_half(Insn&, const Fields& f) { return vector_unary<RoundCurrent>(f); }
Handler bind_FABS_vector(Insn&, const Fields& f) { return vector_unary<Abs>(f); }
Handler bind_FABS_vector_half(Insn&, const Fields& f) { return vector_unary<Abs>(f); }
Handler bind_FNEG_vector(Insn&, const Fields& f) { return vector_unary<Neg>(f); }
Handler bind_FNEG_vector_half(Insn&, const Fields& f) { return vector_unary<Neg>(f); }
Handler bind_FSQRT_vector(Insn&, const Fields& f) { return vector_unary<Sqrt>(f); }
Handler bind_FSQRT_vector_half(Insn&, const Fields& f) { return vector_unary<Sqrt>(f); }
Handler bind_FCMGT_zero_vector(Insn&, const Fields& f) { return vector_unary<GtZero>(f); }
Handler bind_FCMGT_zero_vector_half(Insn&, const Fields& f) { return vector_unary<GtZero>(f); }
Handler bind_FCMEQ_zero_vector(Insn&, const Fields& f) { return vector_unary<EqZero>(f); }
Handler bind_FCMEQ_zero_vector_half(Insn&, const Fields& f) { return vector_unary<EqZero>(f); }
Handler bind_FCMLT_zero_vector(Insn&, const Fields& f) { return vector_unary<LtZero>(f); }
Handler bind_FCMLT_zero_vector_half(Insn&, const Fields& f) { return vector_unary<LtZero>(f); }
Handler bind_FCMGE_zero_vector(Insn&, const Fields& f) { return vector_unary<GeZero>(f); }
Handler bind_FCMGE_zero_vector_half(Insn&, const Fields& f) { return vector_unary<GeZero>(f); }
Handler bind_FCMLE_zero_vector(Insn&, const Fields& f) { return vector_unary<LeZero>(f); }
Handler bind_FCMLE_zero_vector_half(Insn&, const Fields& f) { return vector_unary<LeZero>(f); }
Handler bind_FRECPE_vector(Insn&, const Fields& f) { return vector_unary<RecipEstimate>(f); }
Handler bind_FRECPE_vector_half(Insn&, const Fields& f) { return vector_unary<RecipEstimate>(f); }
Handler bind_FRSQRTE_vector(Insn&, const Fields& f) { return vector_unary<RsqrtEstimate>(f); }
Handler bind_FRSQRTE_vector_half(Insn&, const Fields& f) { return vector_unary<RsqrtEstimate>(f); }
Handler bind_FCVTNS_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::TieEven, Signedness::Signed>>(f);
}
Handler bind_FCVTNS_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::TieEven, Signedness::Signed>>(f);
}
Handler bind_FCVTMS_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::MinusInf, Signedness::Signed>>(f);
}
Handler bind_FCVTMS_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::MinusInf, Signedness::Signed>>(f);
}
Handler bind_FCVTAS_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::TieAway, Signedness::Signed>>(f);
}
Handler bind_FCVTAS_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::TieAway, Signedness::Signed>>(f);
}
Handler bind_FCVTPS_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::PlusInf, Signedness::Signed>>(f);
}
Handler bind_FCVTPS_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::PlusInf, Signedness::Signed>>(f);
}
Handler bind_FCVTZS_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::Zero, Signedness::Signed>>(f);
}
Handler bind_FCVTZS_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::Zero, Signedness::Signed>>(f);
}
Handler bind_FCVTNU_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::TieEven, Signedness::Unsigned>>(f);
}
Handler bind_FCVTNU_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::TieEven, Signedness::Unsigned>>(f);
}
Handler bind_FCVTMU_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::MinusInf, Signedness::Unsigned>>(f);
}
Handler bind_FCVTMU_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::MinusInf, Signedness::Unsigned>>(f);
}
Handler bind_FCVTAU_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::TieAway, Signedness::Unsigned>>(f);
}
Handler bind_FCVTAU_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::TieAway, Signedness::Unsigned>>(f);
}
Handler bind_FCVTPU_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::PlusInf, Signedness::Unsigned>>(f);
}
Handler bind_FCVTPU_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::PlusInf, Signedness::Unsigned>>(f);
}
Handler bind_FCVTZU_vector(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::Zero, Signedness::Unsigned>>(f);
}
Handler bind_FCVTZU_vector_half(Insn&, const Fields& f) {
    return vector_unary<ToInteger<Rounding::Zero, Signedness::Unsigned>>(f);
}
Handler bind_SCVTF_vector(Insn&, const Fields& f) { return vector_unary<FromInteger<Signedness::Signed>>(f); }
Handler bind_SCVTF_vector_half(Insn&, const Fields& f) { return vector_unary<FromInteger<Signedness::Signed>>(f); }
Handler bind_UCVTF_vector(Insn&, const Fields& f) { return vector_unary<FromInteger<Signedness::Unsigned>>(f); }
Handler bind_UCVTF_vector_half(Insn&, const Fields& f) { return vector_unary<FromInteger<Signedness::Unsigned>>(f); }

// Advanced SIMD scalar two-register miscellaneous: floating point
Handler bind_FCMGT_zero_scalar(Insn&, const Fields& f) { return scalar_unary<GtZero>(f); }
Handler bind_FCMGT_zero_scalar_half(Insn&, const Fields& f) { return scalar_unary<GtZero>(f); }
Handler bind_FCMEQ_zero_scalar(Insn&, const Fields& f) { return scalar_unary<EqZero>(f); }
Handler bind_FCMEQ_zero_scalar_half(Insn&, const Fields& f) { return scalar_unary<EqZero>(f); }
Handler bind_FCMLT_zero_scalar(Insn&, const Fields& f) { return scalar_unary<LtZero>(f); }
Handler bind_FCMLT_zero_scalar_half(Insn&, const Fields& f) { return scalar_unary<LtZero>(f); }
Handler bind_FCMGE_zero_scalar(Insn&, const Fields& f) { return scalar_unary<GeZero>(f); }
Handler bind_FCMGE_zero_scalar_half(Insn&, const Fields& f) { return scalar_unary<GeZero>(f); }
Handler bind_FCMLE_zero_scalar(Insn&, const Fields& f) { return scalar_unary<LeZero>(f); }
Handler bind_FCMLE_zero_scalar_half(Insn&, const Fields& f) { return scalar_unary<LeZero>(f); }
Handler bind_FRECPE_scalar(Insn&, const Fields& f) { return scalar_unary<RecipEstimate>(f); }
Handler bind_FRECPE_scalar_half(Insn&, const Fields& f) { return scalar_unary<RecipEstimate>(f); }
Handler bind_FRSQRTE_scalar(Insn&, const Fields& f) { return scalar_unary<RsqrtEstimate>(f); }
Handler bind_FRSQRTE_scalar_half(Insn&, const Fields& f) { return scalar_unary<RsqrtEstimate>(f); }
Handler bind_FRECPX_scalar(Insn&, const Fields& f) { return scalar_unary<RecipExponent>(f); }
Handler bind_FRECPX_scalar_half(Insn&, const Fields& f) { return scalar_unary<RecipExponent>(f); }
Handler bind_FCVTNS_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::TieEven, Signedness::Signed>>(f);
}
Handler bind_FCVTNS_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::TieEven, Signedness::Signed>>(f);
}
Handler bind_FCVTMS_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::MinusInf, Signedness::Signed>>(f);
}
Handler bind_FCVTMS_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::MinusInf, Signedness::Signed>>(f);
}
Handler bind_FCVTAS_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::TieAway, Signedness::Signed>>(f);
}
Handler bind_FCVTAS_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::TieAway, Signedness::Signed>>(f);
}
Handler bind_FCVTPS_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::PlusInf, Signedness::Signed>>(f);
}
Handler bind_FCVTPS_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::PlusInf, Signedness::Signed>>(f);
}
Handler bind_FCVTZS_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::Zero, Signedness::Signed>>(f);
}
Handler bind_FCVTZS_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::Zero, Signedness::Signed>>(f);
}
Handler bind_FCVTNU_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::TieEven, Signedness::Unsigned>>(f);
}
Handler bind_FCVTNU_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::TieEven, Signedness::Unsigned>>(f);
}
Handler bind_FCVTMU_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::MinusInf, Signedness::Unsigned>>(f);
}
Handler bind_FCVTMU_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::MinusInf, Signedness::Unsigned>>(f);
}
Handler bind_FCVTAU_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::TieAway, Signedness::Unsigned>>(f);
}
Handler bind_FCVTAU_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::TieAway, Signedness::Unsigned>>(f);
}
Handler bind_FCVTPU_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::PlusInf, Signedness::Unsigned>>(f);
}
Handler bind_FCVTPU_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::PlusInf, Signedness::Unsigned>>(f);
}
Handler bind_FCVTZU_simd_scalar(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::Zero, Signedness::Unsigned>>(f);
}
Handler bind_FCVTZU_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<ToInteger<Rounding::Zero, Signedness::Unsigned>>(f);
}
Handler bind_SCVTF_simd_scalar(Insn&, const Fields& f) { return scalar_unary<FromInteger<Signedness::Signed>>(f); }
Handler bind_SCVTF_simd_scalar_half(Insn&, const Fields& f) { return scalar_unary<FromInteger<Signedness::Signed>>(f); }
Handler bind_UCVTF_simd_scalar(Insn&, const Fields& f) { return scalar_unary<FromInteger<Signedness::Unsigned>>(f); }
Handler bind_UCVTF_simd_scalar_half(Insn&, const Fields& f) {
    return scalar_unary<FromInteger<Signedness::Unsigned>>(f);
}

// Unsigned reciprocal estimates
Handler bind_URECPE_vector(Insn&, const Fields& f) { return vector_unary<UnsignedRecipEstimate>(f); }
Handler bind_URSQRTE_vector(Insn&, const Fields& f) { return vector_unary<UnsignedRsqrtEstimate>(f); }

// Vector conversions between precisions
Handler bind_FCVTN_h_from_s(Insn&, const Fields& f) { return narrow<uint16_t, uint32_t, false>(f); }
Handler bind_FCVTN_s_from_d(Insn&, const Fields& f) { return narrow<uint32_t, uint64_t, false>(f); }
Handler bind_FCVTXN_vector(Insn&, const Fields& f) { return narrow<uint32_t, uint64_t, true>(f); }
Handler bind_FCVTXN_scalar(Insn&, const Fields&) { return perform<scalar_precision<uint32_t, uint64_t, true>>; }
Handler bind_FCVTL_s_from_h(Insn&, const Fields& f) { return lengthen<uint32_t, uint16_t>(f); }
Handler bind_FCVTL_d_from_s(Insn&, const Fields& f) { return lengthen<uint64_t, uint32_t>(f); }

// Advanced SIMD shift by immediate: fixed-point conversions
Handler bind_SCVTF_fixed_vector_s(Insn& insn, const Fields& f) {
    return vector_fixed<uint32_t, FromFixed<Signedness::Signed>>(insn, f);
}
Handler bind_SCVTF_fixed_simd_scalar_s(Insn& insn, const Fields& f) {
    return scalar_fixed<uint32_t, FromFixed<Signedness::Signed>>(insn, f);
}
Handler bind_SCVTF_fixed_vector_d(Insn& insn, const Fields& f) {
    return vector_fixed<uint64_t, FromFixed<Signedness::Signed>>(insn, f);
}
Handler bind_SCVTF_fixed_simd_scalar_d(Insn& insn, const Fields& f) {
    return scalar_fixed<uint64_t, FromFixed<Signedness::Signed>>(insn, f);
}
Handler bind_SCVTF_fixed_vector_h(Insn& insn, const Fields& f) {
    return vector_fixed<uint16_t, FromFixed<Signedness::Signed>>(insn, f);
}
Handler bind_SCVTF_fixed_simd_scalar_h(Insn& insn, const Fields& f) {
    return scalar_fixed<uint16_t, FromFixed<Signedness::Signed>>(insn, f);
}
Handler bind_UCVTF_fixed_vector_s(Insn& insn, const Fields& f) {
    return vector_fixed<uint32_t, FromFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_UCVTF_fixed_simd_scalar_s(Insn& insn, const Fields& f) {
    return scalar_fixed<uint32_t, FromFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_UCVTF_fixed_vector_d(Insn& insn, const Fields& f) {
    return vector_fixed<uint64_t, FromFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_UCVTF_fixed_simd_scalar_d(Insn& insn, const Fields& f) {
    return scalar_fixed<uint64_t, FromFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_UCVTF_fixed_vector_h(Insn& insn, const Fields& f) {
    return vector_fixed<uint16_t, FromFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_UCVTF_fixed_simd_scalar_h(Insn& insn, const Fields& f) {
    return scalar_fixed<uint16_t, FromFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_FCVTZS_fixed_vector_s(Insn& insn, const Fields& f) {
    return vector_fixed<uint32_t, ToFixed<Signedness::Signed>>(insn, f);
}
Handler bind_FCVTZS_fixed_simd_scalar_s(Insn& insn, const Fields& f) {
    return scalar_fixed<uint32_t, ToFixed<Signedness::Signed>>(insn, f);
}
Handler bind_FCVTZS_fixed_vector_d(Insn& insn, const Fields& f) {
    return vector_fixed<uint64_t, ToFixed<Signedness::Signed>>(insn, f);
}
Handler bind_FCVTZS_fixed_simd_scalar_d(Insn& insn, const Fields& f) {
    return scalar_fixed<uint64_t, ToFixed<Signedness::Signed>>(insn, f);
}
Handler bind_FCVTZS_fixed_vector_h(Insn& insn, const Fields& f) {
    return vector_fixed<uint16_t, ToFixed<Signedness::Signed>>(insn, f);
}
Handler bind_FCVTZS_fixed_simd_scalar_h(Insn& insn, const Fields& f) {
    return scalar_fixed<uint16_t, ToFixed<Signedness::Signed>>(insn, f);
}
Handler bind_FCVTZU_fixed_vector_s(Insn& insn, const Fields& f) {
    return vector_fixed<uint32_t, ToFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_FCVTZU_fixed_simd_scalar_s(Insn& insn, const Fields& f) {
    return scalar_fixed<uint32_t, ToFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_FCVTZU_fixed_vector_d(Insn& insn, const Fields& f) {
    return vector_fixed<uint64_t, ToFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_FCVTZU_fixed_simd_scalar_d(Insn& insn, const Fields& f) {
    return scalar_fixed<uint64_t, ToFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_FCVTZU_fixed_vector_h(Insn& insn, const Fields& f) {
    return vector_fixed<uint16_t, ToFixed<Signedness::Unsigned>>(insn, f);
}
Handler bind_FCVTZU_fixed_simd_scalar_h(Insn& insn, const Fields& f) {
    return scalar_fixed<uint16_t, ToFixed<Signedness::Unsigned>>(insn, f);
}

// Advanced SIMD modified immediate: floating point
Handler bind_FMOV_vector_s(Insn& insn, const Fields& f) { return vector_immediate<uint32_t>(insn, f); }
Handler bind_FMOV_vector_d(Insn& insn, const Fields& f) { return vector_immediate<uint64_t>(insn, f); }
Handler bind_FMOV_vector_h(Insn& insn, const Fields& f) { return vector_immediate<uint16_t>(insn, f); }

} // namespace beeline::arm64
