// How handlers continue: the next instruction, a branch, an exception, or leaving the block.
#pragma once

#include "arm64/exceptions.h"
#include "arm64/interpreter/insn.h"
#include "arm64/vcpu.h"

namespace beeline::arm64 {

/// Tail calls need optimisation; without it handlers return to a loop in Vcpu::run().
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
inline constexpr bool kTailDispatch = true;
#else
inline constexpr bool kTailDispatch = false;
#endif

[[gnu::always_inline]] inline Insn* run_insn(Vcpu& cpu, Insn* insn) {
    if constexpr (kTailDispatch) return insn->handler(cpu, insn);
    return insn;
}

/// The instruction did its work: go on with the one after it in the block.
[[gnu::always_inline]] inline Insn* next(Vcpu& cpu, Insn* insn) { return run_insn(cpu, insn + 1); }

/// Virtual address of `insn` while it executes.
inline uint64_t pc_of(const Vcpu& cpu, const Insn* insn) { return cpu.page_va + insn->page_offset; }

/// Ends the block: continue at `pc` (any address). Only for instructions with ends_block set.
Insn* branch_to(Vcpu& cpu, Insn* insn, uint64_t pc);

/// Direct branch taken (`which` 1) or not taken (0) to `pc`; may use the block's link slots to skip the lookup.
Insn* branch_direct(Vcpu& cpu, Insn* insn, uint64_t pc, unsigned which);

/// The access at `insn` failed: cpu.fault says how. Takes the Data Abort (or Alignment, Watchpoint) exception.
Insn* take_fault(Vcpu& cpu, Insn* insn);

/// Takes a synchronous exception from `insn`. The preferred return address is the instruction itself, or the one after
/// it where `after` is set (SVC, HVC, trapped-after forms).
Insn* take_exception(Vcpu& cpu, Insn* insn, ExceptionClass exception_class, uint32_t iss, bool after = false);
inline Insn* undefined(Vcpu& cpu, Insn* insn) { return take_exception(cpu, insn, ExceptionClass::Unknown, 0); }

/// The instruction changed the execution context (system registers, PSTATE, TLB, code): end the block, recompute the
/// context, serve requests, and look the next instruction up afresh. The binder must have set ends_block.
Insn* end_context(Vcpu& cpu, Insn* insn);
/// The same with an explicit next pc (ERET).
Insn* end_context_at(Vcpu& cpu, Insn* insn, uint64_t pc);

/// Leaves Vcpu::run() after `insn` with the reason given (WFI, WFE, YIELD).
Insn* leave(Vcpu& cpu, Insn* insn, ExitReason reason);

} // namespace beeline::arm64
