// Judges how two machines ended the same case.
#pragma once

#include "machine.h"

#include <array>
#include <string>
#include <vector>

namespace beeline::differential {

struct Difference {
    std::string name; ///< "x3", "v17", "fpsr", "memory[0x350000001040]", ...
    std::string initial, ours, oracle;
};

struct Verdict {
    std::vector<Difference> differences;
    /// Id of the known difference (known_differences.inc) that explains all there is; nullptr when there is none, or
    /// when something else differs as well.
    const char* known = nullptr;
    bool same() const { return differences.empty(); }
};

/// One end of a case: its result and the slot's data.
struct Ending {
    const DiffResult* result;
    const uint8_t* data;
    bool flags_known = true;
};

Verdict compare(const TestCase& test, Ending ours, Ending oracle);

struct KnownDifference {
    const char* id;
    const char* reference; ///< Where the Arm manual says what Beeline does.
    const char* text;
};
std::vector<KnownDifference> known_differences();

} // namespace beeline::differential
