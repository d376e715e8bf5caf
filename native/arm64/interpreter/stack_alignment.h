// SP alignment checking of loads and stores with SP as base register (Arm ARM D1.8.2).
#pragma once

#include "arm64/interpreter/control.h"

namespace beeline::arm64 {

/// CheckSPAlignment() fails for an access with base `sp`: misaligned, and SCTLR_EL1.SA0 (EL0) or SA (EL1) says to look.
[[gnu::always_inline]] inline bool stack_misaligned(const Vcpu& cpu, uint64_t sp) {
    constexpr uint64_t kSa = 1u << 3, kSa0 = 1u << 4;
    return (sp & 15) != 0 && (cpu.state.sys.sctlr_el1 & (cpu.state.pstate.el == 0 ? kSa0 : kSa)) != 0;
}

inline Insn* take_stack_fault(Vcpu& cpu, Insn* insn) {
    return take_exception(cpu, insn, ExceptionClass::SpAlignment, 0);
}

} // namespace beeline::arm64
