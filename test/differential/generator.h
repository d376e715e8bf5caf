// Makes test cases. A case depends on nothing but the seed, its number, the CPU model and the choice of rows.
#pragma once

#include "test_case.h"

#include "arm64/features.h"
#include "arm64/random_instruction.h"
#include "arm64/table/table.h"

#include <string>
#include <vector>

namespace beeline::differential {

/// Why no case holds an instance of the row, or nullptr.
const char* row_not_judgeable(const arm64::Row& row);
/// User mode sees no more of the row than that EL0 may not use it.
bool row_judged_as_undefined_only(const arm64::Row& row);

/// As a pattern: all rows of floating point, Advanced SIMD, cryptography and CRC32.
inline constexpr const char* kVectorRows = "<vector>";

class Generator {
public:
    /// `rows`: a pattern with * and ? over row ids; empty for all. `probes`: every case is one encoding that the model
    /// may not know, instead of one case in twenty. `ties`: half of the registers start near a rounding tie.
    Generator(arm64::CpuModel model, uint64_t seed, const std::string& rows, bool probes = false, bool ties = false);

    bool any_rows() const { return !all_.empty(); }
    TestCase make(uint64_t number) const;

private:
    class Sequence;

    const arm64::Row* choose_row(arm64::Rng& rng) const;

    const arm64::CpuFeatures& features_;
    uint64_t seed_;
    std::vector<const arm64::Row*> all_;
    struct Group {
        unsigned weight;
        std::vector<const arm64::Row*> rows;
    };
    std::vector<Group> groups_;
    unsigned total_weight_ = 0;
    bool restricted_;
    bool probes_;
    bool ties_;
};

} // namespace beeline::differential
