// Registers of a CPU that stands still, changed from outside.
#pragma once

#include "arm64/types.h"

#include <string_view>

namespace beeline::arm64 {
class Vcpu;
}

namespace beeline::board {

/// Names as Machine::write_register() has them. False: there is no such register, or it cannot hold `value`.
bool write_register(arm64::Vcpu& cpu, std::string_view name, arm64::VReg value);

} // namespace beeline::board
