// Addition, multiplication, division, square root and the fused forms: FPAdd, FPSub, FPMul, FPMulX, FPDiv, FPSqrt,
// FPMulAdd, FPRecipStepFused, FPRSqrtStepFused of the Arm ARM's shared pseudocode.
#pragma once

#include "arm64/fp/format.h"

namespace beeline::arm64::fp {

template <FpBits U> U add(U op1, U op2, FpContext& ctx);
template <FpBits U> U sub(U op1, U op2, FpContext& ctx);
template <FpBits U> U mul(U op1, U op2, FpContext& ctx);
/// 0 times infinity is 2, with the product's sign.
template <FpBits U> U mulx(U op1, U op2, FpContext& ctx);
template <FpBits U> U div(U op1, U op2, FpContext& ctx);
template <FpBits U> U sqrt(U op, FpContext& ctx);
/// addend + op1 * op2 with one rounding.
template <FpBits U> U muladd(U addend, U op1, U op2, FpContext& ctx);
/// FRECPS: 2 - op1 * op2.
template <FpBits U> U recip_step(U op1, U op2, FpContext& ctx);
/// FRSQRTS: (3 - op1 * op2) / 2.
template <FpBits U> U rsqrt_step(U op1, U op2, FpContext& ctx);

} // namespace beeline::arm64::fp
