// Traps of system instructions to EL1, shared by the handlers of registers and of cache maintenance.
#pragma once

#include "arm64/interpreter/control.h"
#include "arm64/system_registers.h"

namespace beeline::arm64 {

/// ISS of EC 0x18 (D13.2.37): Op0 21..20, Op2 19..17, Op1 16..14, CRn 13..10, Rt 9..5, CRm 4..1, direction 0.
constexpr uint32_t system_trap_iss(uint32_t word) {
    const auto field = [word](unsigned low, unsigned width) { return word >> low & ((1u << width) - 1); };
    return field(19, 2) << 20 | field(5, 3) << 17 | field(16, 3) << 14 | field(12, 4) << 10 | field(0, 5) << 5 |
           field(8, 4) << 1 | field(21, 1);
}

/// Takes the exception that an access which was not Done calls for.
inline Insn* refuse_access(Vcpu& cpu, Insn* insn, AccessResult result) {
    // CV set, COND 0b1110: the condition of an A64 instruction.
    constexpr uint32_t kAlways = 1u << 24 | 0xEu << 20;
    switch (result) {
    case AccessResult::Trapped:
        return take_exception(cpu, insn, ExceptionClass::SystemRegisterTrap, system_trap_iss(insn->word));
    case AccessResult::FpTrapped: return take_exception(cpu, insn, ExceptionClass::FpAccess, kAlways);
    default: return undefined(cpu, insn);
    }
}

} // namespace beeline::arm64
