// Comparisons, maximum and minimum: FPCompare, FPCompareEQ/GE/GT, FPMax, FPMin, FPMaxNum, FPMinNum.
#pragma once

#include "arm64/fp/format.h"

namespace beeline::arm64::fp {

/// NZCV at its place in the register (bits 31..28). Signalling comparisons (FCMPE) raise IOC for quiet NaNs too.
template <FpBits U> uint32_t compare(U op1, U op2, bool signalling, FpContext& ctx);

template <FpBits U> bool compare_eq(U op1, U op2, FpContext& ctx);
template <FpBits U> bool compare_ge(U op1, U op2, FpContext& ctx);
template <FpBits U> bool compare_gt(U op1, U op2, FpContext& ctx);

template <FpBits U> U max(U op1, U op2, FpContext& ctx);
template <FpBits U> U min(U op1, U op2, FpContext& ctx);
/// A number wins over a quiet NaN.
template <FpBits U> U maxnm(U op1, U op2, FpContext& ctx);
template <FpBits U> U minnm(U op1, U op2, FpContext& ctx);

} // namespace beeline::arm64::fp
