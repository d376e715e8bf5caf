// The rows of system_registers.h, apart from the functions that search and apply them.
#pragma once

#include "arm64/system_registers.h"

namespace beeline::arm64 {

std::span<const SystemRegister> system_register_rows();

/// Plain behaviour, for functions that add to it.
uint64_t read_stored(const Vcpu& cpu, const SystemRegister& reg);
/// Writes the bits of write_mask; returns those that changed.
uint64_t write_stored(Vcpu& cpu, const SystemRegister& reg, uint64_t value);

} // namespace beeline::arm64
