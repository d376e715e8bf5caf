// Advanced SIMD three same, three same extra, and their scalar forms, on integers (Arm ARM C4.1.90).
#include "arm64/interpreter/simd_shapes.h"

namespace beeline::arm64 {

using namespace simd;

namespace {

/// Bitwise instructions have no element size: doublewords.
template <typename Shape> Handler bitwise(const Fields& f) {
    if (f('Q') == 0) return perform<Shape::template work<uint64_t, 1>>;
    return perform<Shape::template work<uint64_t, 2>>;
}

} // namespace

// Three registers of the same kind
Handler bind_SHADD_vector(Insn&, const Fields& f) { return signed_vector<Binary<HalvingAdd>, kBhs>(f); }
Handler bind_UHADD_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<HalvingAdd>, kBhs>(f); }
Handler bind_SQADD_vector(Insn&, const Fields& f) { return signed_vector<Binary<SaturatingAdd>, kAll>(f); }
Handler bind_UQADD_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<SaturatingAdd>, kAll>(f); }
Handler bind_SRHADD_vector(Insn&, const Fields& f) { return signed_vector<Binary<RoundingHalvingAdd>, kBhs>(f); }
Handler bind_URHADD_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<RoundingHalvingAdd>, kBhs>(f); }
Handler bind_SHSUB_vector(Insn&, const Fields& f) { return signed_vector<Binary<HalvingSub>, kBhs>(f); }
Handler bind_UHSUB_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<HalvingSub>, kBhs>(f); }
Handler bind_SQSUB_vector(Insn&, const Fields& f) { return signed_vector<Binary<SaturatingSub>, kAll>(f); }
Handler bind_UQSUB_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<SaturatingSub>, kAll>(f); }
Handler bind_CMGT_vector(Insn&, const Fields& f) { return signed_vector<Binary<CompareGt>, kAll>(f); }
Handler bind_CMHI_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<CompareGt>, kAll>(f); }
Handler bind_CMGE_vector(Insn&, const Fields& f) { return signed_vector<Binary<CompareGe>, kAll>(f); }
Handler bind_CMHS_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<CompareGe>, kAll>(f); }
Handler bind_SSHL_vector(Insn&, const Fields& f) { return signed_vector<Binary<ShiftByRegister<false>>, kAll>(f); }
Handler bind_USHL_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<ShiftByRegister<false>>, kAll>(f); }
Handler bind_SQSHL_vector(Insn&, const Fields& f) {
    return signed_vector<Binary<SaturatingShiftByRegister<false>>, kAll>(f);
}
Handler bind_UQSHL_vector(Insn&, const Fields& f) {
    return unsigned_vector<Binary<SaturatingShiftByRegister<false>>, kAll>(f);
}
Handler bind_SRSHL_vector(Insn&, const Fields& f) { return signed_vector<Binary<ShiftByRegister<true>>, kAll>(f); }
Handler bind_URSHL_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<ShiftByRegister<true>>, kAll>(f); }
Handler bind_SQRSHL_vector(Insn&, const Fields& f) {
    return signed_vector<Binary<SaturatingShiftByRegister<true>>, kAll>(f);
}
Handler bind_UQRSHL_vector(Insn&, const Fields& f) {
    return unsigned_vector<Binary<SaturatingShiftByRegister<true>>, kAll>(f);
}
Handler bind_SMAX_vector(Insn&, const Fields& f) { return signed_vector<Binary<Max>, kBhs>(f); }
Handler bind_UMAX_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<Max>, kBhs>(f); }
Handler bind_SMIN_vector(Insn&, const Fields& f) { return signed_vector<Binary<Min>, kBhs>(f); }
Handler bind_UMIN_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<Min>, kBhs>(f); }
Handler bind_SABD_vector(Insn&, const Fields& f) { return signed_vector<Binary<AbsoluteDifference>, kBhs>(f); }
Handler bind_UABD_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<AbsoluteDifference>, kBhs>(f); }
Handler bind_SABA_vector(Insn&, const Fields& f) { return signed_vector<Accumulate<AbsoluteDifferenceAdd>, kBhs>(f); }
Handler bind_UABA_vector(Insn&, const Fields& f) { return unsigned_vector<Accumulate<AbsoluteDifferenceAdd>, kBhs>(f); }
Handler bind_ADD_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<Add>, kAll>(f); }
Handler bind_SUB_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<Sub>, kAll>(f); }
Handler bind_CMTST_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<CompareTest>, kAll>(f); }
Handler bind_CMEQ_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<CompareEq>, kAll>(f); }
Handler bind_MLA_vector(Insn&, const Fields& f) { return unsigned_vector<Accumulate<MulAdd>, kBhs>(f); }
Handler bind_MLS_vector(Insn&, const Fields& f) { return unsigned_vector<Accumulate<MulSub>, kBhs>(f); }
Handler bind_MUL_vector(Insn&, const Fields& f) { return unsigned_vector<Binary<Mul>, kBhs>(f); }
Handler bind_PMUL_vector(Insn&, const Fields& f) { return byte_vector<Binary<PolynomialMul>>(f); }
Handler bind_SMAXP_vector(Insn&, const Fields& f) { return signed_vector<Pairwise<Max>, kBhs>(f); }
Handler bind_UMAXP_vector(Insn&, const Fields& f) { return unsigned_vector<Pairwise<Max>, kBhs>(f); }
Handler bind_SMINP_vector(Insn&, const Fields& f) { return signed_vector<Pairwise<Min>, kBhs>(f); }
Handler bind_UMINP_vector(Insn&, const Fields& f) { return unsigned_vector<Pairwise<Min>, kBhs>(f); }
Handler bind_ADDP_vector(Insn&, const Fields& f) { return unsigned_vector<Pairwise<Add>, kAll>(f); }
Handler bind_SQDMULH_vector(Insn&, const Fields& f) { return signed_vector<Binary<DoublingMulHigh>, kHs>(f); }
Handler bind_SQRDMULH_vector(Insn&, const Fields& f) { return signed_vector<Binary<RoundingDoublingMulHigh>, kHs>(f); }
Handler bind_SQRDMLAH_vector(Insn&, const Fields& f) {
    return signed_vector<Accumulate<RoundingDoublingMulAccumulate<false>>, kHs>(f);
}
Handler bind_SQRDMLSH_vector(Insn&, const Fields& f) {
    return signed_vector<Accumulate<RoundingDoublingMulAccumulate<true>>, kHs>(f);
}

// Bitwise
Handler bind_AND_vector(Insn&, const Fields& f) { return bitwise<Binary<And>>(f); }
Handler bind_BIC_vector(Insn&, const Fields& f) { return bitwise<Binary<AndNot>>(f); }
Handler bind_ORR_vector(Insn&, const Fields& f) { return bitwise<Binary<Or>>(f); }
Handler bind_ORN_vector(Insn&, const Fields& f) { return bitwise<Binary<OrNot>>(f); }
Handler bind_EOR_vector(Insn&, const Fields& f) { return bitwise<Binary<ExclusiveOr>>(f); }
Handler bind_BSL_vector(Insn&, const Fields& f) { return bitwise<Accumulate<Select>>(f); }
Handler bind_BIT_vector(Insn&, const Fields& f) { return bitwise<Accumulate<InsertIfTrue>>(f); }
Handler bind_BIF_vector(Insn&, const Fields& f) { return bitwise<Accumulate<InsertIfFalse>>(f); }

// Dot product
Handler bind_SDOT_vector(Insn&, const Fields& f) {
    return vector_of_size<DotProduct<FromRegister>, true, kB>(0, f('Q') != 0);
}
Handler bind_UDOT_vector(Insn&, const Fields& f) {
    return vector_of_size<DotProduct<FromRegister>, false, kB>(0, f('Q') != 0);
}

// Scalar
Handler bind_SQADD_scalar(Insn&, const Fields& f) { return signed_scalar<Binary<SaturatingAdd>, kAll>(f); }
Handler bind_UQADD_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<SaturatingAdd>, kAll>(f); }
Handler bind_SQSUB_scalar(Insn&, const Fields& f) { return signed_scalar<Binary<SaturatingSub>, kAll>(f); }
Handler bind_UQSUB_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<SaturatingSub>, kAll>(f); }
Handler bind_CMGT_scalar(Insn&, const Fields& f) { return signed_scalar<Binary<CompareGt>, kD>(f); }
Handler bind_CMHI_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<CompareGt>, kD>(f); }
Handler bind_CMGE_scalar(Insn&, const Fields& f) { return signed_scalar<Binary<CompareGe>, kD>(f); }
Handler bind_CMHS_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<CompareGe>, kD>(f); }
Handler bind_SSHL_scalar(Insn&, const Fields& f) { return signed_scalar<Binary<ShiftByRegister<false>>, kD>(f); }
Handler bind_USHL_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<ShiftByRegister<false>>, kD>(f); }
Handler bind_SQSHL_scalar(Insn&, const Fields& f) {
    return signed_scalar<Binary<SaturatingShiftByRegister<false>>, kAll>(f);
}
Handler bind_UQSHL_scalar(Insn&, const Fields& f) {
    return unsigned_scalar<Binary<SaturatingShiftByRegister<false>>, kAll>(f);
}
Handler bind_SRSHL_scalar(Insn&, const Fields& f) { return signed_scalar<Binary<ShiftByRegister<true>>, kD>(f); }
Handler bind_URSHL_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<ShiftByRegister<true>>, kD>(f); }
Handler bind_SQRSHL_scalar(Insn&, const Fields& f) {
    return signed_scalar<Binary<SaturatingShiftByRegister<true>>, kAll>(f);
}
Handler bind_UQRSHL_scalar(Insn&, const Fields& f) {
    return unsigned_scalar<Binary<SaturatingShiftByRegister<true>>, kAll>(f);
}
Handler bind_ADD_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<Add>, kD>(f); }
Handler bind_SUB_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<Sub>, kD>(f); }
Handler bind_CMTST_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<CompareTest>, kD>(f); }
Handler bind_CMEQ_scalar(Insn&, const Fields& f) { return unsigned_scalar<Binary<CompareEq>, kD>(f); }
Handler bind_SQDMULH_scalar(Insn&, const Fields& f) { return signed_scalar<Binary<DoublingMulHigh>, kHs>(f); }
Handler bind_SQRDMULH_scalar(Insn&, const Fields& f) { return signed_scalar<Binary<RoundingDoublingMulHigh>, kHs>(f); }
Handler bind_SQRDMLAH_scalar(Insn&, const Fields& f) {
    return signed_scalar<Accumulate<RoundingDoublingMulAccumulate<false>>, kHs>(f);
}
Handler bind_SQRDMLSH_scalar(Insn&, const Fields& f) {
    return signed_scalar<Accumulate<RoundingDoublingMulAccumulate<true>>, kHs>(f);
}

} // namespace beeline::arm64
