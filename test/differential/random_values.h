// Register and memory contents that find mistakes: extremes, near-misses, and every kind of floating-point number.
#pragma once

#include "arm64/random_instruction.h"
#include "protocol.h"

#include <cstdint>

namespace beeline::differential {

uint64_t random_integer(arm64::Rng& rng);

/// Bits of a number in the format of `width` bits: 16, 32 or 64.
uint64_t random_float(arm64::Rng& rng, unsigned width);

/// Lanes of one kind, floating point more often than not.
DiffVector random_vector(arm64::Rng& rng);

} // namespace beeline::differential
