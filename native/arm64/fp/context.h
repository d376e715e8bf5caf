// What a floating-point operation reads from FPCR and adds to FPSR.
#pragma once

#include <cstdint>

namespace beeline::arm64::fp {

/// The first four have the values of FPCR.RMode (Arm ARM C5.2.7); the others are named by instructions only.
enum class Rounding : uint8_t { TieEven = 0, PlusInf = 1, MinusInf = 2, Zero = 3, TieAway = 4, Odd = 5 };

/// FPSR's cumulative exception bits (Arm ARM C5.2.8).
inline constexpr uint32_t kInvalidOperation = 1u << 0, kDivideByZero = 1u << 1, kOverflow = 1u << 2,
                          kUnderflow = 1u << 3, kInexact = 1u << 4, kInputDenormal = 1u << 7;

struct FpContext {
    Rounding mode = Rounding::TieEven;
    bool fz = false;    ///< Single and double precision denormals are flushed, as inputs and as results.
    bool fz16 = false;  ///< The same for half precision.
    bool dn = false;    ///< Every NaN result is the default NaN.
    bool ahp = false;   ///< Conversions use the alternative half-precision format.
    uint32_t flags = 0; ///< FPSR; operations only ever set bits.

    void raise(uint32_t bits) { flags |= bits; }
};

/// Trap enables (FPCR bits 15, 12..8) are RAZ/WI in both models, hence exceptions only accumulate.
constexpr FpContext make_context(uint32_t fpcr, uint32_t fpsr) {
    return {.mode = static_cast<Rounding>(fpcr >> 22 & 3),
            .fz = (fpcr >> 24 & 1) != 0,
            .fz16 = (fpcr >> 19 & 1) != 0,
            .dn = (fpcr >> 25 & 1) != 0,
            .ahp = (fpcr >> 26 & 1) != 0,
            .flags = fpsr};
}

} // namespace beeline::arm64::fp
