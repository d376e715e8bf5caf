// What a person needs to find out why a translated block does something else than the interpreter.
#pragma once

#include "arm64/state.h"
#include "host/disassembler.h"
#include "translate/translation.h"

#include <string>
#include <vector>

namespace beeline::translate {

/// Everything that a guest could see is equal.
bool equal_states(const arm64::CpuState& one, const arm64::CpuState& other);

/// Appends a line for each part of the state that differs.
void describe_differences(const arm64::CpuState& interpreter, const arm64::CpuState& translated,
                          std::vector<std::string>& differences);

struct States {
    const arm64::CpuState& before;
    const arm64::CpuState& interpreter;
    const arm64::CpuState& translated;
};

/// The differences, the guest's instructions, the host's beside them, and the three states. `symbols` names what blocks
/// refer to.
std::string difference_report(const Translation& translation, const std::vector<std::string>& differences,
                              const States& states, host::Symbols symbols);

} // namespace beeline::translate
