#include "arm64/execution_context.h"
#include "arm64/mmu.h"

namespace beeline::arm64 {

namespace {

constexpr uint64_t kSctlrM = 1u << 0, kSctlrA = 1u << 1, kSctlrE0e = 1u << 24, kSctlrEe = 1u << 25;

Tlb missing;

} // namespace

Tlb& Vcpu::never_hitting_tlb() { return missing; }

bool big_endian_data(const Vcpu& cpu) {
    return (cpu.state.sys.sctlr_el1 & (cpu.state.pstate.el == 0 ? kSctlrE0e : kSctlrEe)) != 0;
}

bool fp_access_trapped(const Vcpu& cpu) {
    // CPACR_EL1.FPEN: 11 traps nothing, 01 traps EL0, 00 and 10 trap both.
    const unsigned fpen = cpu.state.sys.cpacr_el1 >> 20 & 3;
    return fpen != 3 && (fpen != 1 || cpu.state.pstate.el == 0);
}

ExecutionContext execution_context(const Vcpu& cpu) {
    return {.el = cpu.state.pstate.el,
            .mmu = (cpu.state.sys.sctlr_el1 & kSctlrM) != 0,
            .fp_trapped = fp_access_trapped(cpu),
            .big_endian = big_endian_data(cpu),
            .fp_flushes = (cpu.state.fpcr & (fpcr::kFz | fpcr::kFz16 | fpcr::kAhp)) != 0,
            .sp0 = cpu.state.pstate.el != 0 && cpu.state.pstate.sp_sel == 0,
            .debug = debug_active(cpu)};
}

void Vcpu::update_execution_context() {
    const SystemRegisters& sys = state.sys;
    const Pstate& pstate = state.pstate;
    regime_ = pstate.el == 0 ? Regime::El0 : pstate.pan != 0 ? Regime::El1Pan : Regime::El1;
    // LDTR and STTR act as plain accesses at EL0, and at EL1 with PSTATE.UAO set.
    unprivileged_regime_ = pstate.uao == 0 ? Regime::El0 : regime_;

    const uint16_t asid = current_asid(*this);
    AddressSpace* space = &translations.current();
    if (!space->valid || space->ttbr0 != sys.ttbr0_el1 || space->ttbr1 != sys.ttbr1_el1 || space->asid != asid)
        space = &translations.activate(sys.ttbr0_el1, sys.ttbr1_el1, asid);

    const ExecutionContext context = execution_context(*this);
    // With the MMU off all data accesses are to Device memory, where unaligned ones fault.
    const bool slow = context.big_endian || !context.mmu || (sys.sctlr_el1 & kSctlrA) != 0;
    data_tlb = slow ? &missing : &translations.tlb(*space, static_cast<unsigned>(regime_));
    unprivileged_tlb = slow ? &missing : &translations.tlb(*space, static_cast<unsigned>(unprivileged_regime_));

    translations.verify_fetches();
    lookup_tags_[0] = space->generation << 24 | uint64_t{asid} << 8 | pack_context(context);
    lookup_tags_[1] = translations.upper_generation() << 24 | kTagUpperHalf | pack_context(context);
    lookup_tag = lookup_tags_[(lookup_tag & kTagUpperHalf) != 0];

    const bool polled = (poll.load(std::memory_order_relaxed) & kPollDebug) != 0;
    if (context.debug && !polled) poll.fetch_or(kPollDebug, std::memory_order_relaxed);
    if (!context.debug && polled) poll.fetch_and(~kPollDebug, std::memory_order_relaxed);
    debug.watchpoints = watchpoints_armed(*this) || debugger_watching();
}

} // namespace beeline::arm64
