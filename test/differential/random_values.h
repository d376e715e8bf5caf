// Register and memory contents that find mistakes: extremes, near-misses, and every kind of floating-point number.
#pragma once

#include "arm64/random_instruction.h"
#include "protocol.h"

#include <cstdint>

namespace beeline::differential {

uint64_t random_integer(arm64::Rng& rng);

/// Bits of a number in the format of `width` bits: 16, 32 or 64.
uint64_t random_float(arm64::Rng& rng, unsigned width);

/// An integer that lies within a few units, of whatever size, of the middle between two neighbouring numbers of half,
/// single or double precision: where a conversion that rounds twice goes wrong.
uint64_t integer_near_tie(arm64::Rng& rng);

/// As integer_near_tie(): a number of `width` bits, 32 or 64, between two numbers of a narrower format.
uint64_t float_near_tie(arm64::Rng& rng, unsigned width);

/// Lanes of one kind, floating point more often than not.
DiffVector random_vector(arm64::Rng& rng);

} // namespace beeline::differential
