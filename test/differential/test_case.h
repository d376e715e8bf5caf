// One test case: a short program, the state it starts from, and the memory it finds.
#pragma once

#include "protocol.h"

#include <array>
#include <cstdint>
#include <vector>

namespace beeline::differential {

inline constexpr uint32_t kNop = 0xD503201F;
inline constexpr uint32_t kEnd = 0xD4200000 | 0xB0 << 5; ///< brk #0xb0

struct TestCase {
    uint64_t number = 0;
    unsigned count = 0;                           ///< Instructions; kEnd follows them.
    std::array<uint32_t, kDiffSlotWords> words{}; ///< Instructions, kEnd, literals.
    DiffState initial{};
    uint32_t background = 0; ///< Where in background() the writable pages' contents begin.

    unsigned slot() const { return static_cast<unsigned>(number % kDiffSlots); }
};

inline constexpr uint64_t kSlotDataBytes = uint64_t{kDiffDataPages} * kDiffPage;

constexpr uint64_t code_address(unsigned slot) { return kDiffCodeBase + uint64_t{slot} * kDiffSlotWords * 4; }
constexpr uint64_t data_address(unsigned slot) { return kDiffDataBase + uint64_t{slot} * kDiffDataSpread; }

/// Bytes that memory is filled from: floating-point special values and noise. The same in every run.
const std::vector<uint8_t>& background();
/// Contents of the read-only page.
const uint8_t* read_only_page();

} // namespace beeline::differential
