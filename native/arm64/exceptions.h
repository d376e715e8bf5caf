// Exception entry and return (Arm ARM D1.10, D1.11).
#pragma once

#include "arm64/fault.h"

#include <cstdint>

namespace beeline::arm64 {

class Vcpu;

/// ESR_ELx.EC.
enum class ExceptionClass : uint8_t {
    Unknown = 0x00,
    WfxTrap = 0x01,
    FpAccess = 0x07,
    IllegalExecution = 0x0E,
    Svc64 = 0x15,
    SystemRegisterTrap = 0x18,
    InstructionAbortLower = 0x20,
    InstructionAbortSame = 0x21,
    PcAlignment = 0x22,
    DataAbortLower = 0x24,
    DataAbortSame = 0x25,
    SpAlignment = 0x26,
    BreakpointLower = 0x30,
    BreakpointSame = 0x31,
    SoftwareStepLower = 0x32,
    SoftwareStepSame = 0x33,
    WatchpointLower = 0x34,
    WatchpointSame = 0x35,
    Brk64 = 0x3C,
};

/// Fault status code of ESR_EL1 (DFSC, IFSC) and PAR_EL1 (FST).
uint32_t fault_status(const Fault& fault);

/// PSTATE and NZCV packed as SPSR_EL1 would hold them.
uint64_t pack_spsr(const Vcpu& cpu);

/// Takes a synchronous exception to EL1: sets ESR, ELR (`return_address`), SPSR, masks DAIF, applies SPAN, selects
/// SP_EL1, sets state.pc to the vector. FAR_EL1 is left alone. Ends with update_execution_context().
void enter_synchronous(Vcpu& cpu, ExceptionClass exception_class, uint32_t iss, uint64_t return_address);

/// Takes the abort, alignment fault or watchpoint that cpu.fault describes: EC by access and level, ISS by kind, FAR.
/// A debugger's watchpoint makes run() return instead, with nothing done.
void enter_fault(Vcpu& cpu, uint64_t return_address);

/// Takes the pending interrupt with the highest priority that PSTATE does not mask (IRQ at VBAR+0x80, FIQ at +0x100,
/// lower EL +0x400). Returns false when none is to be taken.
bool take_interrupt(Vcpu& cpu);

/// ERET: PSTATE from SPSR_EL1, pc from ELR_EL1, illegal returns per D1.11.4 (sets PSTATE.IL), software step state,
/// clears the exclusive monitor, sets the event register. Ends with update_execution_context(). Returns the new pc.
uint64_t exception_return(Vcpu& cpu);

/// Switches the stack pointer in use after PSTATE.SP or EL changed: saves x[32] to its bank and loads the other.
void select_stack_pointer(Vcpu& cpu, unsigned old_el, unsigned old_sp_sel);

} // namespace beeline::arm64
