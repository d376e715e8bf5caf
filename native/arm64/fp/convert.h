// Conversions between formats and to and from integers: FPConvert, FPToFixed, FixedToFP, FPRoundInt, VFPExpandImm.
#pragma once

#include "arm64/fp/format.h"

namespace beeline::arm64::fp {

/// Between precisions. FCVTXN passes Rounding::Odd, everything else ctx.mode.
template <FpBits To, FpBits From> To convert(From op, FpContext& ctx, Rounding mode);

enum class Signedness : bool { Signed, Unsigned };

/// op * 2^fraction_bits as an integer of `width` (16, 32 or 64) bits, saturating; bits above `width` are zero.
template <FpBits U>
uint64_t to_fixed(U op, unsigned width, unsigned fraction_bits, Signedness signedness, Rounding mode, FpContext& ctx);

/// value * 2^-fraction_bits; `value` has been extended to 64 bits according to its signedness.
template <FpBits U>
U from_fixed(uint64_t value, unsigned fraction_bits, Signedness signedness, Rounding mode, FpContext& ctx);

/// To an integral value in the same format. `exact` (FRINTX) raises IXC when that changes the value.
template <FpBits U> U round_int(U op, Rounding mode, bool exact, FpContext& ctx);

/// VFPExpandImm: the 8-bit immediate of FMOV.
template <FpBits U> constexpr U expand_immediate(uint32_t imm8) {
    using F = Format<U>;
    const uint64_t b = imm8 >> 6 & 1;
    const uint64_t repeated = b != 0 ? (uint64_t{1} << (F::kExponentBits - 3)) - 1 : 0;
    const uint64_t exponent = (b ^ 1) << (F::kExponentBits - 1) | repeated << 2 | (imm8 >> 4 & 3);
    return static_cast<U>(uint64_t{imm8 >> 7 & 1} << (F::kBits - 1) | exponent << F::kFractionBits |
                          uint64_t{imm8 & 15} << (F::kFractionBits - 4));
}

} // namespace beeline::arm64::fp
