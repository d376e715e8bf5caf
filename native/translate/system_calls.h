// What translated code calls for system instructions: C++ that works on CPU state, with the caller's guest registers in
// their homes. None of these may raise an exception but those that are named for it.
#pragma once

#include "arm64/system_registers.h"
#include "arm64/vcpu.h"

#include <cstdint>

namespace beeline::translate {

/// Runtime::call_system takes these. The result tells whether translated code must be left behind the instruction,
/// unless it is a value.
using SystemCall = uint64_t (*)(arm64::Vcpu* cpu, uint64_t first, uint64_t second);

/// MSR of a register whose write is never UNDEFINED at EL1: `index` is its place in
/// system_registers().
uint64_t write_register(arm64::Vcpu* cpu, uint64_t value, uint64_t index);
/// MSR PAN, MSR UAO (immediate).
uint64_t write_pan(arm64::Vcpu* cpu, uint64_t value, uint64_t);
uint64_t write_uao(arm64::Vcpu* cpu, uint64_t value, uint64_t);
/// DSB with several CPUs.
uint64_t synchronize(arm64::Vcpu* cpu, uint64_t, uint64_t);
/// CNTVCT_EL0, CNTPCT_EL0: the result is the value.
uint64_t read_counter(arm64::Vcpu* cpu, uint64_t, uint64_t);

/// Runtime::change_level takes these: state.pc and PSTATE are those of the other side afterwards, flags included.
using LevelChange = void (*)(arm64::Vcpu* cpu, uint64_t first, uint64_t second);

/// SVC #`immediate`, to be returned to at `next`.
void take_svc(arm64::Vcpu* cpu, uint64_t immediate, uint64_t next);
/// ERET at EL1.
void return_from_exception(arm64::Vcpu* cpu, uint64_t, uint64_t);

} // namespace beeline::translate
