// Self-hosted debug (Arm ARM D2): breakpoints, watchpoints, software step, as a guest kernel's ptrace and gdb use them.
#pragma once

#include "arm64/types.h"

#include <cstdint>

namespace beeline::arm64 {

class Vcpu;
enum class Regime : uint8_t;

/// Debug state of a CPU that no register shows.
struct DebugState {
    bool step_active = false;       ///< The instruction under way is being stepped (active-not-pending).
    bool stepped = false;           ///< The last instruction was a stepped one: ISS.ISV of the step exception to come.
    bool stepped_exclusive = false; ///< ... and a load-exclusive: ISS.EX.
    bool watchpoints = false;       ///< Somebody watches memory, guest or debugger. Kept by
                                    ///< Vcpu::update_execution_context().
};

/// AArch64.GenerateDebugExceptionsFrom (J1): whether debug exceptions other than BRK are generated at `el` with
/// PSTATE.D as given.
bool debug_exceptions_enabled(const Vcpu& cpu, unsigned el, bool masked);

/// Software step, an enabled breakpoint, or a debugger that steps makes every instruction at this exception level pass
/// by debug_before_fetch() and debug_before_instruction().
bool debug_active(const Vcpu& cpu);

/// Before the one instruction of a block in a debugging context is fetched: takes a pending software step exception.
/// True when it did; state.pc is then the vector.
bool debug_before_fetch(Vcpu& cpu);

/// After the fetch, whose faults come before it (D1.3.5.5): takes a breakpoint exception. True when it did.
bool debug_before_instruction(Vcpu& cpu);

/// After the instruction: advances the software step state machine (D2.12.3).
void debug_after_instruction(Vcpu& cpu);

/// PSTATE.SS as an exception return with `spsr` sets it (DebugExceptionReturnSS).
bool step_state_on_return(const Vcpu& cpu, uint64_t spsr);

/// SSAdvance(): SVC and HVC count as executed when their exception is taken.
void advance_step(Vcpu& cpu);

/// Some watchpoint is enabled. Whether it applies is for watchpoint_hit() to say.
bool watchpoints_armed(const Vcpu& cpu);

/// True when some watchpoint, the guest's or a debugger's, overlaps the 4 KiB page of `va`, whatever its conditions:
/// such a page stays out of the first-level TLB.
bool page_watched(const Vcpu& cpu, uint64_t va);

/// True when a watchpoint matches the access; a Watchpoint exception is due.
bool watchpoint_hit(const Vcpu& cpu, uint64_t va, unsigned size, Access access, Regime regime);

} // namespace beeline::arm64
