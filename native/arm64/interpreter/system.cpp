// Exception generation, hints, barriers, PSTATE and system registers.

#include "arm64/debug.h"
#include "arm64/execution_context.h"
#include "arm64/interpreter/system_trap.h"
#include "arm64/state.h"

#include <atomic>

namespace beeline::arm64 {

namespace {

constexpr uint64_t kSctlrUma = 1u << 9, kSctlrNtwi = 1u << 16, kSctlrNtwe = 1u << 18;

bool at_el0(const Vcpu& cpu) { return cpu.state.pstate.el == 0; }

/// Goes on behind an instruction that ends its block only because of what it might have let in.
Insn* resume(Vcpu& cpu, Insn* insn) { return branch_direct(cpu, insn, pc_of(cpu, insn) + 4, 0); }

/// The same where an interrupt may have become due: run() takes it before the next instruction.
Insn* resume_interruptible(Vcpu& cpu, Insn* insn) {
    return cpu.lines() != 0 ? end_context(cpu, insn) : resume(cpu, insn);
}

// ---- exception generation and return ----

Insn* svc(Vcpu& cpu, Insn* insn) {
    advance_step(cpu);
    return take_exception(cpu, insn, ExceptionClass::Svc64, static_cast<uint32_t>(insn->imm), true);
}

Insn* hvc(Vcpu& cpu, Insn* insn) {
    if (at_el0(cpu)) return undefined(cpu, insn);
    cpu.state.pc = pc_of(cpu, insn) + 4;
    cpu.environment().hypervisor_call(cpu);
    return end_context_at(cpu, insn, cpu.state.pc);
}

Insn* brk(Vcpu& cpu, Insn* insn) {
    return take_exception(cpu, insn, ExceptionClass::Brk64, static_cast<uint32_t>(insn->imm));
}

Insn* eret(Vcpu& cpu, Insn* insn) {
    if (at_el0(cpu)) return undefined(cpu, insn);
    exception_return(cpu);
    return nullptr;
}

Handler ending(Insn& insn, Handler handler) {
    insn.ends_block = true;
    return handler;
}

// ---- hints ----

Insn* nop(Vcpu& cpu, Insn* insn) { return next(cpu, insn); }

/// EC 0x01: CV, COND always; TI tells WFE from WFI.
Insn* trap_wait(Vcpu& cpu, Insn* insn, uint32_t ti) {
    return take_exception(cpu, insn, ExceptionClass::WfxTrap, 1u << 24 | 0xEu << 20 | ti);
}

Insn* wfi(Vcpu& cpu, Insn* insn) {
    if (cpu.interrupt_pending()) return resume(cpu, insn);
    if (at_el0(cpu) && (cpu.state.sys.sctlr_el1 & kSctlrNtwi) == 0) return trap_wait(cpu, insn, 0);
    return leave(cpu, insn, ExitReason::WaitForInterrupt);
}

Insn* wfe(Vcpu& cpu, Insn* insn) {
    if (cpu.consume_event() || cpu.interrupt_pending()) return resume(cpu, insn);
    if (at_el0(cpu) && (cpu.state.sys.sctlr_el1 & kSctlrNtwe) == 0) return trap_wait(cpu, insn, 1);
    return leave(cpu, insn, ExitReason::WaitForEvent);
}

Insn* yield(Vcpu& cpu, Insn* insn) { return leave(cpu, insn, ExitReason::Yield); }

Insn* sev(Vcpu& cpu, Insn* insn) {
    cpu.environment().send_event();
    return next(cpu, insn);
}

Insn* sevl(Vcpu& cpu, Insn* insn) {
    cpu.set_event();
    return next(cpu, insn);
}

// ---- barriers ----

Insn* clrex(Vcpu& cpu, Insn* insn) {
    cpu.state.exclusive.open();
    return next(cpu, insn);
}

Insn* dsb(Vcpu& cpu, Insn* insn) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    cpu.environment().synchronize(cpu);
    return next(cpu, insn);
}

Insn* dmb(Vcpu& cpu, Insn* insn) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return next(cpu, insn);
}

/// Loads only, or stores only: the host's order is as strong already.
Insn* dmb_one_kind(Vcpu& cpu, Insn* insn) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return next(cpu, insn);
}

// ---- PSTATE ----

Insn* msr_spsel(Vcpu& cpu, Insn* insn) {
    if (at_el0(cpu)) return undefined(cpu, insn);
    const unsigned old = cpu.state.pstate.sp_sel;
    cpu.state.pstate.sp_sel = insn->imm & 1;
    select_stack_pointer(cpu, 1, old);
    cpu.update_execution_context();
    return next(cpu, insn);
}

Insn* msr_pan(Vcpu& cpu, Insn* insn) {
    if (at_el0(cpu)) return undefined(cpu, insn);
    cpu.state.pstate.pan = insn->imm & 1;
    cpu.update_execution_context();
    return next(cpu, insn);
}

Insn* msr_uao(Vcpu& cpu, Insn* insn) {
    if (at_el0(cpu)) return undefined(cpu, insn);
    cpu.state.pstate.uao = insn->imm & 1;
    cpu.update_execution_context();
    return next(cpu, insn);
}

bool may_change_daif(const Vcpu& cpu) { return !at_el0(cpu) || (cpu.state.sys.sctlr_el1 & kSctlrUma) != 0; }

/// PSTATE.D matters to what is being debugged only.
bool mask_matters_to_debug(const Vcpu& cpu, uint64_t changed) {
    constexpr uint64_t kMdscrSs = 1u << 0, kMdscrMde = 1u << 15;
    return (changed & spsr::kD) != 0 && (cpu.state.sys.mdscr_el1 & (kMdscrSs | kMdscrMde)) != 0;
}

Insn* msr_daifset(Vcpu& cpu, Insn* insn) {
    if (!may_change_daif(cpu)) return refuse_access(cpu, insn, AccessResult::Trapped);
    const uint64_t bits = insn->imm << 6;
    cpu.state.pstate.daif |= static_cast<uint16_t>(bits);
    if (mask_matters_to_debug(cpu, bits)) [[unlikely]]
        cpu.update_execution_context();
    return next(cpu, insn);
}

Insn* msr_daifclr(Vcpu& cpu, Insn* insn) {
    if (!may_change_daif(cpu)) return refuse_access(cpu, insn, AccessResult::Trapped);
    const uint64_t bits = insn->imm << 6;
    cpu.state.pstate.daif &= static_cast<uint16_t>(~bits);
    if (mask_matters_to_debug(cpu, bits)) [[unlikely]]
        return end_context(cpu, insn);
    return resume_interruptible(cpu, insn);
}

// ---- MRS, MSR ----

const SystemRegister& register_of(const Insn* insn) { return *reinterpret_cast<const SystemRegister*>(insn->imm); }

uint64_t& stored(Vcpu& cpu, uint64_t offset) {
    return *reinterpret_cast<uint64_t*>(reinterpret_cast<uint8_t*>(&cpu.state) + offset);
}

/// Registers that are nothing but a place in CpuState; imm is its offset.
template <bool kAtEl0> Insn* mrs_stored(Vcpu& cpu, Insn* insn) {
    if (!kAtEl0 && at_el0(cpu)) return undefined(cpu, insn);
    cpu.state.x[insn->rd] = stored(cpu, insn->imm);
    return next(cpu, insn);
}

template <bool kAtEl0> Insn* msr_stored(Vcpu& cpu, Insn* insn) {
    if (!kAtEl0 && at_el0(cpu)) return undefined(cpu, insn);
    stored(cpu, insn->imm) = cpu.state.x[insn->rd];
    return next(cpu, insn);
}

[[gnu::noinline]] AccessResult read_into_register(Vcpu& cpu, const Insn* insn) {
    uint64_t value = 0;
    const AccessResult result = read_system_register(cpu, register_of(insn), value);
    if (result == AccessResult::Done) cpu.state.x[insn->rd] = value;
    return result;
}

Insn* mrs(Vcpu& cpu, Insn* insn) {
    const AccessResult result = read_into_register(cpu, insn);
    if (result != AccessResult::Done) return refuse_access(cpu, insn, result);
    return next(cpu, insn);
}

template <Effect kEffect> Insn* msr(Vcpu& cpu, Insn* insn) {
    const AccessResult result = write_system_register(cpu, register_of(insn), cpu.state.x[insn->rd]);
    if (result != AccessResult::Done) return refuse_access(cpu, insn, result);
    if constexpr (kEffect == Effect::Context) return end_context(cpu, insn);
    if constexpr (kEffect == Effect::Interrupts) return resume_interruptible(cpu, insn);
    return next(cpu, insn);
}

/// MSR DAIF: interrupts, and debug exceptions by PSTATE.D.
Insn* msr_daif(Vcpu& cpu, Insn* insn) {
    const uint64_t old = cpu.state.pstate.daif;
    const AccessResult result = write_system_register(cpu, register_of(insn), cpu.state.x[insn->rd]);
    if (result != AccessResult::Done) return refuse_access(cpu, insn, result);
    if (mask_matters_to_debug(cpu, old ^ cpu.state.pstate.daif)) return end_context(cpu, insn);
    return resume_interruptible(cpu, insn);
}

constexpr uint32_t kDaifKey = system_register_key(3, 3, 4, 2, 1);

const SystemRegister* find(const Fields& f) {
    return find_system_register(system_register_key(2 + f('p'), f('o'), f('N'), f('M'), f('q')));
}

bool allows(Rights rights, Rights wanted) {
    return (static_cast<unsigned>(rights) & static_cast<unsigned>(wanted)) != 0;
}

bool plain(const SystemRegister& reg) {
    return reg.offset != 0 && reg.trap == El0Trap::None && reg.feature == Feature::Base;
}

} // namespace

Handler bind_SVC(Insn& insn, const Fields&) { return ending(insn, svc); }
Handler bind_HVC(Insn& insn, const Fields&) { return ending(insn, hvc); }
Handler bind_SMC(Insn&, const Fields&) { return nullptr; }
Handler bind_BRK(Insn& insn, const Fields&) { return ending(insn, brk); }
Handler bind_HLT(Insn&, const Fields&) { return nullptr; }
Handler bind_DCPS1(Insn&, const Fields&) { return nullptr; }
Handler bind_DCPS2(Insn&, const Fields&) { return nullptr; }
Handler bind_DCPS3(Insn&, const Fields&) { return nullptr; }
Handler bind_ERET(Insn& insn, const Fields&) { return ending(insn, eret); }
Handler bind_DRPS(Insn&, const Fields&) { return nullptr; }

Handler bind_NOP(Insn&, const Fields&) { return nop; }
Handler bind_YIELD(Insn& insn, const Fields&) { return ending(insn, yield); }
Handler bind_WFE(Insn& insn, const Fields&) { return ending(insn, wfe); }
Handler bind_WFI(Insn& insn, const Fields&) { return ending(insn, wfi); }
Handler bind_SEV(Insn&, const Fields&) { return sev; }
Handler bind_SEVL(Insn&, const Fields&) { return sevl; }
Handler bind_HINT(Insn&, const Fields&) { return nop; }

Handler bind_CLREX(Insn&, const Fields&) { return clrex; }
Handler bind_DSB(Insn&, const Fields&) { return dsb; }
Handler bind_DMB(Insn&, const Fields& f) {
    const uint32_t type = f('i') & 3;
    return type == 1 || type == 2 ? dmb_one_kind : dmb;
}
Handler bind_ISB(Insn& insn, const Fields&) { return ending(insn, end_context); }

Handler bind_MSR_spsel(Insn&, const Fields&) { return msr_spsel; }
Handler bind_MSR_pan(Insn&, const Fields&) { return msr_pan; }
Handler bind_MSR_uao(Insn&, const Fields&) { return msr_uao; }
Handler bind_MSR_daifset(Insn&, const Fields&) { return msr_daifset; }
Handler bind_MSR_daifclr(Insn& insn, const Fields&) { return ending(insn, msr_daifclr); }

Handler bind_MRS(Insn& insn, const Fields& f) {
    const SystemRegister* reg = find(f);
    if (reg == nullptr || !allows(reg->el1, Rights::Read)) return nullptr;
    insn.rd = destination(f('t'));
    if (plain(*reg) && reg->read == nullptr) {
        insn.imm = reg->offset;
        return allows(reg->el0, Rights::Read) ? mrs_stored<true> : mrs_stored<false>;
    }
    insn.imm = reinterpret_cast<uint64_t>(reg);
    return mrs;
}

Handler bind_MSR_register(Insn& insn, const Fields& f) {
    const SystemRegister* reg = find(f);
    if (reg == nullptr || !allows(reg->el1, Rights::Write)) return nullptr;
    if (plain(*reg) && reg->write == nullptr && reg->write_mask == ~uint64_t{0} && reg->effect == Effect::None) {
        insn.imm = reg->offset;
        return allows(reg->el0, Rights::Write) ? msr_stored<true> : msr_stored<false>;
    }
    insn.imm = reinterpret_cast<uint64_t>(reg);
    if (reg->key == kDaifKey) return ending(insn, msr_daif);
    switch (reg->effect) {
    case Effect::None: return msr<Effect::None>;
    case Effect::Context: return ending(insn, msr<Effect::Context>);
    case Effect::Interrupts: return ending(insn, msr<Effect::Interrupts>);
    }
    return nullptr;
}

} // namespace beeline::arm64
