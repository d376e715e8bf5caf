// Counts which rows of the instruction table were executed on both sides.
#pragma once

#include "test_case.h"

#include "arm64/features.h"
#include "arm64/table/table.h"

#include <array>
#include <cstdint>

namespace beeline::differential {

struct Coverage {
    std::array<uint64_t, arm64::kOpCount> completed{}; ///< The instruction ran to its end.
    std::array<uint64_t, arm64::kOpCount> ended{};     ///< It ended the case: a fault, an undefined instruction, BRK.
    uint64_t undefined = 0;                            ///< Encodings unknown to the model that both refused.

    /// Counts the instructions of a case that ended at `pc`, those that a branch may have skipped left out.
    void count(const TestCase& test, uint64_t pc, const arm64::CpuFeatures& features);
    void add(const Coverage& other);
    uint64_t total(arm64::Op op) const {
        return completed[static_cast<unsigned>(op)] + ended[static_cast<unsigned>(op)];
    }
};

} // namespace beeline::differential
