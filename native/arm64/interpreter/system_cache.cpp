// SYS: cache maintenance, DC ZVA, address translation, TLB maintenance (C5.3 to C5.5). SYSL has no instruction here.

#include "arm64/features.h"
#include "arm64/interpreter/block_cache.h"
#include "arm64/interpreter/system_trap.h"
#include "arm64/mmu.h"

#include <cstring>

namespace beeline::arm64 {

namespace {

constexpr uint64_t kSctlrDze = 1u << 14, kSctlrUci = 1u << 26;
constexpr uint64_t kLineMask = kCacheLineBytes - 1;

bool at_el0(const Vcpu& cpu) { return cpu.state.pstate.el == 0; }

/// Maintenance is checked with the privilege of the exception level, and PAN does not apply to it (D5.4.3).
Regime maintenance_regime(const Vcpu& cpu) { return at_el0(cpu) ? Regime::El0 : Regime::El1; }

/// Translates the address of DC or IC; a fault is reported with ISS.CM set.
bool translate_for_maintenance(Vcpu& cpu, uint64_t va, Access access, Translation& out) {
    if (translate_data(cpu, va, access, maintenance_regime(cpu), out, cpu.fault)) return true;
    cpu.fault.cache_maintenance = true;
    return false;
}

// ---- data cache ----

[[gnu::noinline]] bool check_line(Vcpu& cpu, uint64_t va, Access access) {
    Translation ignored;
    return translate_for_maintenance(cpu, va, access, ignored);
}

/// Caches hold nothing that memory does not: only the address is checked. DC IVAC asks for write permission.
template <Access kAccess> Insn* dc_by_address(Vcpu& cpu, Insn* insn) {
    if (!check_line(cpu, cpu.state.x[insn->rd], kAccess)) return take_fault(cpu, insn);
    return next(cpu, insn);
}

Insn* dc_by_set_way(Vcpu& cpu, Insn* insn) { return next(cpu, insn); }

/// Eight stores of 64 bits, where there is no plain memory behind the line or something watches it.
bool zero_slowly(Vcpu& cpu, uint64_t va, uint64_t line) {
    Translation translation;
    // The fault address is the one given, not the line's.
    if (!translate_data(cpu, va, Access::Write, cpu.data_regime(), translation, cpu.fault)) return false;
    if (translation.device) {
        cpu.fault = {.kind = Fault::Kind::Alignment, .access = Access::Write, .va = va};
        return false;
    }
    if (cpu.debug.watchpoints && cpu.debugger_watches(line, kCacheLineBytes, Access::Write)) {
        cpu.fault = {.kind = Fault::Kind::Debugger, .access = Access::Write, .va = va};
        return false;
    }
    if (cpu.debug.watchpoints && watchpoint_hit(cpu, line, kCacheLineBytes, Access::Write, cpu.data_regime())) {
        cpu.fault = {.kind = Fault::Kind::Watchpoint, .access = Access::Write, .va = va};
        return false;
    }
    for (unsigned offset = 0; offset < kCacheLineBytes; offset += 8) {
        cpu.transfer[0] = 0;
        if (!cpu.store_slow(line + offset, 8, cpu.data_regime())) return false;
    }
    return true;
}

[[gnu::noinline]] bool zero_line(Vcpu& cpu, uint64_t va) {
    const uint64_t line = va & ~kLineMask;
    const TlbEntry& entry = cpu.data_tlb->entry(line);
    if (entry.write_page != (line & ~kPageMask)) [[unlikely]]
        return zero_slowly(cpu, va, line);
    std::memset(reinterpret_cast<void*>(line + entry.addend), 0, kCacheLineBytes);
    return true;
}

Insn* dc_zva(Vcpu& cpu, Insn* insn) {
    if (!zero_line(cpu, cpu.state.x[insn->rd])) return take_fault(cpu, insn);
    return next(cpu, insn);
}

// ---- instruction cache ----

[[gnu::noinline]] bool invalidate_line(Vcpu& cpu, uint64_t va) {
    Translation translation;
    if (!translate_for_maintenance(cpu, va, Access::Read, translation)) return false;
    const Maintenance operation{Maintenance::Kind::InstructionLine, translation.pa.value & ~kLineMask};
    cpu.apply_maintenance(operation);
    cpu.environment().broadcast(cpu, operation);
    return true;
}

Insn* ic_ivau(Vcpu& cpu, Insn* insn) {
    if (!invalidate_line(cpu, cpu.state.x[insn->rd])) return take_fault(cpu, insn);
    return next(cpu, insn);
}

[[gnu::noinline]] void maintain(Vcpu& cpu, Maintenance::Kind kind, uint64_t operand, bool inner_shareable) {
    const Maintenance operation{kind, operand};
    cpu.apply_maintenance(operation);
    if (inner_shareable) cpu.environment().broadcast(cpu, operation);
}

template <bool kInnerShareable> Insn* ic_iallu(Vcpu& cpu, Insn* insn) {
    maintain(cpu, Maintenance::Kind::InstructionAll, 0, kInnerShareable);
    return next(cpu, insn);
}

// ---- address translation ----

[[gnu::noinline]] bool translate(Vcpu& cpu, uint64_t va, Access access, Regime regime) {
    uint64_t par = 0;
    if (!translate_for_par(cpu, va, access, regime, par, cpu.fault)) return false;
    cpu.state.sys.par_el1 = par;
    return true;
}

template <Access kAccess, Regime kRegime> Insn* at(Vcpu& cpu, Insn* insn) {
    // The P forms honour PSTATE.PAN.
    const Regime regime = kRegime == Regime::El1Pan && cpu.state.pstate.pan == 0 ? Regime::El1 : kRegime;
    if (!translate(cpu, cpu.state.x[insn->rd], kAccess, regime)) return take_fault(cpu, insn);
    return next(cpu, insn);
}

// ---- TLB ----

/// The register operand as Maintenance wants it: VA[55:12] in 43..0, ASID in 63..48 (8 bits where TCR_EL1.AS is clear).
uint64_t tlbi_operand(const Vcpu& cpu, uint64_t value, bool last_level_only) {
    constexpr uint64_t kTcrAs = uint64_t{1} << 36, kAsid = uint64_t{0xFFFF} << 48, kAsid8 = uint64_t{0xFF} << 48;
    const uint64_t asid = value & ((cpu.state.sys.tcr_el1 & kTcrAs) != 0 ? kAsid : kAsid8);
    return asid | (value & ((uint64_t{1} << 44) - 1)) | (last_level_only ? Maintenance::kLastLevelOnly : 0);
}

template <Maintenance::Kind kKind, bool kLastLevelOnly, bool kInnerShareable> Insn* tlbi(Vcpu& cpu, Insn* insn) {
    maintain(cpu, kKind, tlbi_operand(cpu, cpu.state.x[insn->rd], kLastLevelOnly), kInnerShareable);
    return next(cpu, insn);
}

// ---- the table ----

/// What EL0 needs: nothing but the privilege of EL1, or a bit of SCTLR_EL1 that avoids a trap.
enum class FromEl0 : uint8_t { Undefined, Uci, Dze };

struct SystemInstruction {
    uint16_t key; ///< op1:CRn:CRm:op2 as in system_register_key(), op0 1
    Handler handler;
    FromEl0 from_el0 = FromEl0::Undefined;
    Feature feature = Feature::Base;
};

constexpr uint16_t key(uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
    return static_cast<uint16_t>(system_register_key(1, op1, crn, crm, op2));
}

using Kind = Maintenance::Kind;

constexpr SystemInstruction kInstructions[] = {
    {key(0, 7, 1, 0), ic_iallu<true>},                                                      // IC IALLUIS
    {key(0, 7, 5, 0), ic_iallu<false>},                                                     // IC IALLU
    {key(3, 7, 5, 1), ic_ivau, FromEl0::Uci},                                               // IC IVAU
    {key(3, 7, 4, 1), dc_zva, FromEl0::Dze},                                                // DC ZVA
    {key(0, 7, 6, 1), dc_by_address<Access::Write>},                                        // DC IVAC
    {key(0, 7, 6, 2), dc_by_set_way},                                                       // DC ISW
    {key(0, 7, 10, 2), dc_by_set_way},                                                      // DC CSW
    {key(0, 7, 14, 2), dc_by_set_way},                                                      // DC CISW
    {key(3, 7, 10, 1), dc_by_address<Access::Read>, FromEl0::Uci},                          // DC CVAC
    {key(3, 7, 11, 1), dc_by_address<Access::Read>, FromEl0::Uci},                          // DC CVAU
    {key(3, 7, 12, 1), dc_by_address<Access::Read>, FromEl0::Uci, Feature::Dpb},            // DC CVAP
    {key(3, 7, 14, 1), dc_by_address<Access::Read>, FromEl0::Uci},                          // DC CIVAC
    {key(0, 7, 8, 0), at<Access::Read, Regime::El1>},                                       // AT S1E1R
    {key(0, 7, 8, 1), at<Access::Write, Regime::El1>},                                      // AT S1E1W
    {key(0, 7, 8, 2), at<Access::Read, Regime::El0>},                                       // AT S1E0R
    {key(0, 7, 8, 3), at<Access::Write, Regime::El0>},                                      // AT S1E0W
    {key(0, 7, 9, 0), at<Access::Read, Regime::El1Pan>, FromEl0::Undefined, Feature::Pan},  // AT S1E1RP
    {key(0, 7, 9, 1), at<Access::Write, Regime::El1Pan>, FromEl0::Undefined, Feature::Pan}, // AT S1E1WP
    {key(0, 8, 3, 0), tlbi<Kind::TlbAll, false, true>},                                     // TLBI VMALLE1IS
    {key(0, 8, 3, 1), tlbi<Kind::TlbVa, false, true>},                                      // TLBI VAE1IS
    {key(0, 8, 3, 2), tlbi<Kind::TlbAsid, false, true>},                                    // TLBI ASIDE1IS
    {key(0, 8, 3, 3), tlbi<Kind::TlbVaAllAsid, false, true>},                               // TLBI VAAE1IS
    {key(0, 8, 3, 5), tlbi<Kind::TlbVa, true, true>},                                       // TLBI VALE1IS
    {key(0, 8, 3, 7), tlbi<Kind::TlbVaAllAsid, true, true>},                                // TLBI VAALE1IS
    {key(0, 8, 7, 0), tlbi<Kind::TlbAll, false, false>},                                    // TLBI VMALLE1
    {key(0, 8, 7, 1), tlbi<Kind::TlbVa, false, false>},                                     // TLBI VAE1
    {key(0, 8, 7, 2), tlbi<Kind::TlbAsid, false, false>},                                   // TLBI ASIDE1
    {key(0, 8, 7, 3), tlbi<Kind::TlbVaAllAsid, false, false>},                              // TLBI VAAE1
    {key(0, 8, 7, 5), tlbi<Kind::TlbVa, true, false>},                                      // TLBI VALE1
    {key(0, 8, 7, 7), tlbi<Kind::TlbVaAllAsid, true, false>},                               // TLBI VAALE1
};

const SystemInstruction& instruction_of(const Insn* insn) {
    return *reinterpret_cast<const SystemInstruction*>(insn->imm);
}

/// Rights first, then the instruction itself.
Insn* sys(Vcpu& cpu, Insn* insn) {
    const SystemInstruction& instruction = instruction_of(insn);
    if (!cpu.features().has(instruction.feature)) return undefined(cpu, insn);
    if (at_el0(cpu)) {
        if (instruction.from_el0 == FromEl0::Undefined) return undefined(cpu, insn);
        const uint64_t enable = instruction.from_el0 == FromEl0::Uci ? kSctlrUci : kSctlrDze;
        if ((cpu.state.sys.sctlr_el1 & enable) == 0) return refuse_access(cpu, insn, AccessResult::Trapped);
    }
    return instruction.handler(cpu, insn);
}

} // namespace

Handler bind_SYS(Insn& insn, const Fields& f) {
    const uint16_t wanted = key(f('o'), f('N'), f('M'), f('q'));
    for (const SystemInstruction& instruction : kInstructions) {
        if (instruction.key != wanted) continue;
        insn.imm = reinterpret_cast<uint64_t>(&instruction);
        return sys;
    }
    return nullptr;
}

Handler bind_SYSL(Insn&, const Fields&) { return nullptr; }

} // namespace beeline::arm64
