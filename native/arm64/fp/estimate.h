// Reciprocal and reciprocal square root estimates: FPRecipEstimate, FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate,
// UnsignedRSqrtEstimate. Without FEAT_RPRES they give 8 bits in every format.
#pragma once

#include "arm64/fp/format.h"

namespace beeline::arm64::fp {

template <FpBits U> U recip_estimate(U op, FpContext& ctx);
template <FpBits U> U rsqrt_estimate(U op, FpContext& ctx);
/// FRECPX: the exponent of the reciprocal.
template <FpBits U> U recpx(U op, FpContext& ctx);

/// URECPE and URSQRTE: fixed point with 32 fraction bits.
uint32_t unsigned_recip_estimate(uint32_t op);
uint32_t unsigned_rsqrt_estimate(uint32_t op);

} // namespace beeline::arm64::fp
