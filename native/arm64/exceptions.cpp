#include "arm64/exceptions.h"

#include "arm64/debug.h"
#include "arm64/features.h"
#include "arm64/vcpu.h"

namespace beeline::arm64 {

namespace {

// Offsets from VBAR_EL1 (D1.10.2).
constexpr uint64_t kVectorCurrentSp0 = 0x000, kVectorCurrentSpx = 0x200, kVectorLower = 0x400;
constexpr uint64_t kVectorSynchronous = 0x000, kVectorIrq = 0x080, kVectorFiq = 0x100;

constexpr uint64_t kSctlrSpan = 1u << 23;
constexpr uint64_t kVbarMask = ~uint64_t{0x7FF};

/// What every exception to EL1 does to PSTATE, the banked registers and pc (AArch64.TakeException).
void enter(Vcpu& cpu, uint64_t vector, uint64_t return_address) {
    CpuState& state = cpu.state;
    Pstate& pstate = state.pstate;
    const unsigned old_el = pstate.el, old_sp_sel = pstate.sp_sel;
    vector += old_el == 0 ? kVectorLower : old_sp_sel != 0 ? kVectorCurrentSpx : kVectorCurrentSp0;

    state.sys.spsr_el1 = pack_spsr(cpu);
    state.sys.elr_el1 = return_address;
    pstate.el = 1;
    pstate.sp_sel = 1;
    pstate.daif = spsr::kDaif;
    pstate.il = 0;
    pstate.ss = 0;
    pstate.uao = 0;
    if (cpu.features().has(Feature::Pan) && (state.sys.sctlr_el1 & kSctlrSpan) == 0) pstate.pan = 1;
    select_stack_pointer(cpu, old_el, old_sp_sel);
    state.pc = (state.sys.vbar_el1 & kVbarMask) + vector;

    cpu.debug.stepped = false;
    cpu.update_execution_context();
}

struct ReturnState {
    bool legal;
    uint8_t el;
    uint8_t sp_sel;
};

/// SPSR_EL1.M[4:0] without AArch32, EL2 and EL3 (D1.11.4):
///   00000 EL0t   00100 EL1t   00101 EL1h   anything else: illegal exception return
ReturnState return_state(uint64_t spsr_value) {
    switch (spsr_value & 0x1F) {
    case 0x00: return {true, 0, 0};
    case 0x04: return {true, 1, 0};
    case 0x05: return {true, 1, 1};
    default: return {false, 0, 0};
    }
}

} // namespace

uint32_t fault_status(const Fault& fault) {
    const uint32_t level = fault.level & 3;
    switch (fault.kind) {
    case Fault::Kind::None:
    case Fault::Kind::Debugger:
    case Fault::Kind::Deferred: return 0;
    case Fault::Kind::AddressSize: return 0x00 | level;
    case Fault::Kind::Translation: return 0x04 | level;
    case Fault::Kind::AccessFlag: return 0x08 | level;
    case Fault::Kind::Permission: return 0x0C | level;
    case Fault::Kind::External: return 0x10;
    case Fault::Kind::ExternalOnWalk: return 0x14 | level;
    case Fault::Kind::Alignment: return 0x21;
    case Fault::Kind::UnsupportedExclusive: return 0x35;
    case Fault::Kind::Watchpoint: return 0x22;
    }
    return 0;
}

uint64_t pack_spsr(const Vcpu& cpu) {
    const Pstate& pstate = cpu.state.pstate;
    return uint64_t{cpu.state.nzcv} | (pstate.uao ? spsr::kUao : 0) | (pstate.pan ? spsr::kPan : 0) |
           (pstate.ss ? spsr::kSs : 0) | (pstate.il ? spsr::kIl : 0) | pstate.daif | uint64_t{pstate.el} << 2 |
           (pstate.el != 0 ? pstate.sp_sel : 0u);
}

void select_stack_pointer(Vcpu& cpu, unsigned old_el, unsigned old_sp_sel) {
    CpuState& state = cpu.state;
    const bool old_is_sp0 = old_el == 0 || old_sp_sel == 0;
    const bool new_is_sp0 = state.pstate.el == 0 || state.pstate.sp_sel == 0;
    if (old_is_sp0 == new_is_sp0) return;
    (old_is_sp0 ? state.sys.sp_el0 : state.sys.sp_el1) = state.x[kStackPointer];
    state.x[kStackPointer] = new_is_sp0 ? state.sys.sp_el0 : state.sys.sp_el1;
}

void enter_synchronous(Vcpu& cpu, ExceptionClass exception_class, uint32_t iss, uint64_t return_address) {
    constexpr uint32_t kIl = 1u << 25; // Every A64 instruction is 32 bits long, and exceptions without one set it too.
    cpu.counters.exceptions++;
    const unsigned from = cpu.state.pstate.el;
    cpu.state.sys.esr_el1 = static_cast<uint32_t>(exception_class) << 26 | kIl | iss;
    enter(cpu, kVectorSynchronous, return_address);
    cpu.trace(TraceKind::Exception, from, cpu.state.sys.esr_el1, return_address, cpu.state.sys.far_el1, cpu.state.pc);
}

void enter_fault(Vcpu& cpu, uint64_t return_address) {
    constexpr uint32_t kCm = 1u << 8, kWnr = 1u << 6;
    const Fault fault = cpu.fault;
    if (fault.kind == Fault::Kind::Debugger) {
        cpu.state.pc = return_address;
        cpu.exit_pending = true;
        cpu.exit_reason = ExitReason::Debugger;
        return;
    }
    if (fault.kind == Fault::Kind::Deferred) {
        cpu.state.pc = return_address;
        cpu.poll.fetch_or(Vcpu::kPollDeferred, std::memory_order_relaxed);
        return;
    }
    const bool lower = cpu.state.pstate.el == 0;
    ExceptionClass exception_class = lower ? ExceptionClass::DataAbortLower : ExceptionClass::DataAbortSame;
    uint32_t iss = fault_status(fault);
    if (fault.access == Access::Fetch) {
        exception_class = lower ? ExceptionClass::InstructionAbortLower : ExceptionClass::InstructionAbortSame;
    } else {
        if (fault.kind == Fault::Kind::Watchpoint)
            exception_class = lower ? ExceptionClass::WatchpointLower : ExceptionClass::WatchpointSame;
        // Cache maintenance and address translation count as writes, whatever they ask for.
        if (fault.cache_maintenance) iss |= kCm | kWnr;
        if (fault.access == Access::Write) iss |= kWnr;
    }
    cpu.state.sys.far_el1 = fault.va;
    enter_synchronous(cpu, exception_class, iss, return_address);
}

bool take_interrupt(Vcpu& cpu) {
    const uint32_t lines = cpu.lines();
    const uint16_t daif = cpu.state.pstate.daif;
    const bool fiq = (lines & static_cast<uint32_t>(Line::Fiq)) != 0 && (daif & spsr::kF) == 0;
    const bool irq = (lines & static_cast<uint32_t>(Line::Irq)) != 0 && (daif & spsr::kI) == 0;
    if (!fiq && !irq) return false;
    cpu.counters.interrupts++;
    const unsigned from = cpu.state.pstate.el;
    enter(cpu, fiq ? kVectorFiq : kVectorIrq, cpu.state.pc);
    cpu.trace(TraceKind::Interrupt, from | (fiq ? kTraceFiq : 0), cpu.state.sys.elr_el1, cpu.state.pc);
    return true;
}

uint64_t exception_return(Vcpu& cpu) {
    CpuState& state = cpu.state;
    Pstate& pstate = state.pstate;
    const uint64_t value = state.sys.spsr_el1;
    const unsigned old_el = pstate.el, old_sp_sel = pstate.sp_sel;

    pstate.ss = step_state_on_return(cpu, value);
    const ReturnState target = return_state(value);
    if (target.legal) {
        pstate.el = target.el;
        pstate.sp_sel = target.sp_sel;
        pstate.il = (value & spsr::kIl) != 0;
    } else {
        pstate.il = 1;
    }
    state.nzcv = static_cast<uint32_t>(value) & nzcv::kMask;
    pstate.daif = static_cast<uint16_t>(value & spsr::kDaif);
    pstate.pan = cpu.features().has(Feature::Pan) && (value & spsr::kPan) != 0;
    pstate.uao = cpu.features().has(Feature::Uao) && (value & spsr::kUao) != 0;
    select_stack_pointer(cpu, old_el, old_sp_sel);
    state.exclusive.open();
    state.pc = state.sys.elr_el1;
    cpu.debug.stepped = false;
    cpu.set_event();
    cpu.update_execution_context();
    cpu.trace(TraceKind::Return, pstate.el, state.pc, value);
    return state.pc;
}

} // namespace beeline::arm64
