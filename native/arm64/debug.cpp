#include "arm64/debug.h"

#include "arm64/exceptions.h"
#include "arm64/interpreter/block.h"
#include "arm64/vcpu.h"

namespace beeline::arm64 {

namespace {

constexpr uint64_t kMdscrSs = 1u << 0, kMdscrKde = 1u << 13, kMdscrMde = 1u << 15;
constexpr uint32_t kDebugStatus = 0x22; // IFSC and DFSC of debug exceptions
/// Context-aware breakpoints are the last ones: ID_AA64DFR0_EL1.CTX_CMPs is 1.
constexpr unsigned kFirstContextBreakpoint = kMaxBreakpoints - 2;

constexpr uint64_t field(uint64_t value, unsigned high, unsigned low) {
    return value >> low & ((uint64_t{1} << (high - low + 1)) - 1);
}

bool os_locked(const Vcpu& cpu) { return cpu.state.sys.oslsr_locked != 0; }

/// The address bits that are compared: up to the tag byte where the regime ignores it.
constexpr uint64_t comparable(uint64_t va) { return static_cast<uint64_t>(static_cast<int64_t>(va << 8) >> 8); }

/// AArch64.StateMatch for a CPU with neither EL2 nor EL3: only HMC = 0, SSC = 00 is defined; PMC and PAC bit 0 is EL1,
/// bit 1 is EL0.
bool state_matches(uint64_t control, unsigned el) {
    const bool higher_mode = field(control, 13, 13) != 0;
    const auto security = field(control, 15, 14), privilege = field(control, 2, 1);
    if (higher_mode || security != 0) return false;
    return (privilege >> (el == 0 ? 1 : 0) & 1) != 0;
}

enum class BreakpointType : uint8_t { Address = 0, LinkedAddress = 1, Context = 2, LinkedContext = 3 };

/// A context-aware breakpoint's CONTEXTIDR_EL1 comparison.
bool context_matches(const Vcpu& cpu, unsigned n) {
    return static_cast<uint32_t>(cpu.state.sys.dbgbvr_el1[n]) == static_cast<uint32_t>(cpu.state.sys.contextidr_el1);
}

/// The breakpoint that an address match is linked to (LBN) agrees as well.
bool link_matches(const Vcpu& cpu, uint64_t control) {
    const auto linked = static_cast<unsigned>(field(control, 19, 16));
    if (linked < kFirstContextBreakpoint || linked >= kMaxBreakpoints) return false;
    const uint64_t target = cpu.state.sys.dbgbcr_el1[linked];
    return (target & 1) != 0 && field(target, 23, 20) == static_cast<uint64_t>(BreakpointType::LinkedContext) &&
           context_matches(cpu, linked);
}

bool breakpoint_matches(const Vcpu& cpu, unsigned n, uint64_t pc) {
    const uint64_t control = cpu.state.sys.dbgbcr_el1[n];
    if ((control & 1) == 0 || !state_matches(control, cpu.state.pstate.el)) return false;
    switch (field(control, 23, 20)) {
    case static_cast<uint64_t>(BreakpointType::LinkedAddress):
        if (!link_matches(cpu, control)) return false;
        [[fallthrough]];
    case static_cast<uint64_t>(BreakpointType::Address):
        // BAS[0] stands for the word: A64 instructions are aligned.
        return (field(control, 8, 5) & 1) != 0 && comparable(cpu.state.sys.dbgbvr_el1[n]) >> 2 == comparable(pc) >> 2;
    case static_cast<uint64_t>(BreakpointType::Context): return n >= kFirstContextBreakpoint && context_matches(cpu, n);
    default: return false; // Linked contexts match only through their link; the rest needs EL2 or AArch32.
    }
}

/// The bytes that a watchpoint covers, as a range that contains them all.
struct WatchedRange {
    uint64_t first = 0, last = 0;
    uint8_t bytes = 0; ///< BAS within the doubleword at `first`; 0 when the whole range counts.
    bool contains(uint64_t va) const {
        return va >= first && va <= last && (bytes == 0 || (bytes >> (va - first) & 1) != 0);
    }
};

bool watched_range(const Vcpu& cpu, unsigned n, WatchedRange& range) {
    const uint64_t control = cpu.state.sys.dbgwcr_el1[n], value = comparable(cpu.state.sys.dbgwvr_el1[n]);
    if ((control & 1) == 0) return false;
    const auto mask = static_cast<unsigned>(field(control, 28, 24));
    if (mask >= 3) {
        const uint64_t span = (uint64_t{1} << mask) - 1;
        range = {value & ~span, value | span, 0};
        return true;
    }
    // MASK 1 and 2 are reserved and act as 0. With DBGWVR[2] set BAS[7:4] are ignored.
    auto bytes = static_cast<uint8_t>(field(control, 12, 5));
    uint64_t first = value & ~uint64_t{7};
    if ((value & 4) != 0) {
        first |= 4;
        bytes &= 0xF;
    }
    if (bytes == 0) return false;
    range = {first, first + 7, bytes};
    return true;
}

bool breakpoints_armed(const Vcpu& cpu) {
    if ((cpu.state.sys.mdscr_el1 & kMdscrMde) == 0) return false;
    for (const uint64_t control : cpu.state.sys.dbgbcr_el1)
        if ((control & 1) != 0) return true;
    return false;
}

/// LDXR, LDAXR, LDXP, LDAXP and the byte and halfword forms (C4.1.66): L = 1, o2 = 0. CASP is in the same space.
bool is_load_exclusive(uint32_t word) {
    const bool casp = (word & 0x80200000) == 0x00200000;
    return (word & 0x3FC00000) == 0x08400000 && !casp;
}

} // namespace

bool debug_exceptions_enabled(const Vcpu& cpu, unsigned el, bool masked) {
    if (os_locked(cpu)) return false;
    return el == 0 || ((cpu.state.sys.mdscr_el1 & kMdscrKde) != 0 && !masked);
}

namespace {

bool enabled_here(const Vcpu& cpu) {
    const Pstate& pstate = cpu.state.pstate;
    return debug_exceptions_enabled(cpu, pstate.el, (pstate.daif & spsr::kD) != 0);
}

bool stepping(const Vcpu& cpu) { return (cpu.state.sys.mdscr_el1 & kMdscrSs) != 0 && enabled_here(cpu); }

} // namespace

bool debug_active(const Vcpu& cpu) {
    if (cpu.debugger_single_steps()) return true;
    if ((cpu.state.sys.mdscr_el1 & (kMdscrSs | kMdscrMde)) == 0) return false;
    return stepping(cpu) || (breakpoints_armed(cpu) && enabled_here(cpu));
}

bool debug_before_fetch(Vcpu& cpu) {
    CpuState& state = cpu.state;
    const bool lower = state.pstate.el == 0;
    const bool step = stepping(cpu);
    if (step && state.pstate.ss == 0) {
        // Active-pending. ISV says that an instruction was stepped, rather than that an exception return came here.
        const uint32_t iss = cpu.debug.stepped ? 1u << 24 | uint32_t{cpu.debug.stepped_exclusive} << 6 : 0;
        enter_synchronous(cpu, lower ? ExceptionClass::SoftwareStepLower : ExceptionClass::SoftwareStepSame,
                          iss | kDebugStatus, state.pc);
        return true;
    }
    cpu.debug.step_active = step;
    cpu.debug.stepped = false;
    return false;
}

bool debug_before_instruction(Vcpu& cpu) {
    if (!breakpoints_armed(cpu) || !enabled_here(cpu)) return false;
    const bool lower = cpu.state.pstate.el == 0;
    const uint64_t pc = cpu.state.pc;
    for (unsigned n = 0; n < kMaxBreakpoints; n++) {
        if (!breakpoint_matches(cpu, n, pc)) continue;
        enter_synchronous(cpu, lower ? ExceptionClass::BreakpointLower : ExceptionClass::BreakpointSame, kDebugStatus,
                          pc);
        return true;
    }
    return false;
}

void debug_after_instruction(Vcpu& cpu) {
    const bool was_active = cpu.debug.step_active;
    cpu.debug.step_active = false;
    // An exception entry has cleared PSTATE.SS already; so has a return from a level where stepping was enabled.
    if (!was_active || cpu.state.pstate.ss == 0) return;
    cpu.state.pstate.ss = 0;
    cpu.debug.stepped = true;
    cpu.debug.stepped_exclusive = cpu.block != nullptr && is_load_exclusive(cpu.block->insns[1].word);
}

bool step_state_on_return(const Vcpu& cpu, uint64_t value) {
    if ((cpu.state.sys.mdscr_el1 & kMdscrSs) == 0 || enabled_here(cpu)) return false;
    const bool to_el0 = (value & 0x1F) == 0;
    return debug_exceptions_enabled(cpu, to_el0 ? 0 : 1, (value & spsr::kD) != 0) && (value & spsr::kSs) != 0;
}

void advance_step(Vcpu& cpu) {
    if (stepping(cpu)) cpu.state.pstate.ss = 0;
}

bool watchpoints_armed(const Vcpu& cpu) {
    if ((cpu.state.sys.mdscr_el1 & kMdscrMde) == 0) return false;
    for (const uint64_t control : cpu.state.sys.dbgwcr_el1)
        if ((control & 1) != 0) return true;
    return false;
}

bool page_watched(const Vcpu& cpu, uint64_t va) {
    if (!cpu.debug.watchpoints) return false;
    if (cpu.debugger_watches_page(va)) return true;
    const uint64_t first = comparable(va) & ~kPageMask, last = first | kPageMask;
    for (unsigned n = 0; n < kMaxWatchpoints; n++) {
        WatchedRange range;
        if (watched_range(cpu, n, range) && range.first <= last && range.last >= first) return true;
    }
    return false;
}

bool watchpoint_hit(const Vcpu& cpu, uint64_t va, unsigned size, Access access, Regime regime) {
    if (!enabled_here(cpu)) return false;
    const unsigned el = regime == Regime::El0 ? 0 : 1;
    const uint64_t start = comparable(va);
    for (unsigned n = 0; n < kMaxWatchpoints; n++) {
        WatchedRange range;
        const uint64_t control = cpu.state.sys.dbgwcr_el1[n];
        if (!watched_range(cpu, n, range) || !state_matches(control, el)) continue;
        // LSC: 01 loads, 10 stores, 11 both.
        const bool direction = (field(control, 4, 3) >> (access == Access::Write ? 1 : 0) & 1) != 0;
        const bool linked = field(control, 20, 20) != 0;
        if (!direction || (linked && !link_matches(cpu, control))) continue;
        for (unsigned i = 0; i < size; i++)
            if (range.contains(start + i)) return true;
    }
    return false;
}

} // namespace beeline::arm64
