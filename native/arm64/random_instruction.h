// Random instances of the table's rows, leaning towards the values that break things: register 31, one register in two
// roles, immediates at their extremes.
#pragma once

#include "arm64/table/table.h"

#include <cstdint>

namespace beeline::arm64 {

/// SplitMix64: small, and the same sequence everywhere for a seed, so that a failure can be replayed.
class Rng {
public:
    explicit Rng(uint64_t seed) : state_(seed) {}

    uint64_t next() {
        uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }
    /// 0 to bound - 1.
    uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }
    /// True once in `n` times.
    bool one_in(uint32_t n) { return below(n) == 0; }

private:
    uint64_t state_;
};

struct RandomOptions {
    /// Bit n: fields that name registers (d, n, m, a, t, u, s) never hold n. Of bit 31 too: no zero register, no SP.
    uint32_t avoid_registers = 0;
};

/// A word that decodes to `row`. Every row has instances (a test checks); where the options leave none, the word breaks
/// the options.
uint32_t random_instance(const Row& row, Rng& rng, const RandomOptions& options = {});

/// `word` with the field of `letter` set to `value`; the word itself where the pattern lacks the letter.
uint32_t with_field(uint32_t word, const FieldLayout& layout, char letter, uint32_t value);

} // namespace beeline::arm64
