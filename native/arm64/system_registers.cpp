#include "arm64/system_registers.h"

#include "arm64/execution_context.h"
#include "arm64/features.h"
#include "arm64/system_register_table.h"
#include "arm64/vcpu.h"

#include <algorithm>
#include <fmt/core.h>
#include <vector>

namespace beeline::arm64 {

namespace {

constexpr uint64_t kSctlrUma = 1u << 9, kSctlrUct = 1u << 15;
constexpr uint64_t kCntkctlPcten = 1u << 0, kCntkctlVcten = 1u << 1, kCntkctlVten = 1u << 8, kCntkctlPten = 1u << 9;
constexpr uint64_t kMdscrTdcc = 1u << 12;

bool trapped_from_el0(const SystemRegisters& sys, El0Trap trap) {
    switch (trap) {
    case El0Trap::None: return false;
    case El0Trap::Uct: return (sys.sctlr_el1 & kSctlrUct) == 0;
    case El0Trap::Uma: return (sys.sctlr_el1 & kSctlrUma) == 0;
    case El0Trap::Counter: return (sys.cntkctl_el1 & kCntkctlPcten) == 0;
    case El0Trap::VirtualCounter: return (sys.cntkctl_el1 & kCntkctlVcten) == 0;
    case El0Trap::Frequency: return (sys.cntkctl_el1 & (kCntkctlPcten | kCntkctlVcten)) == 0;
    case El0Trap::PhysicalTimer: return (sys.cntkctl_el1 & kCntkctlPten) == 0;
    case El0Trap::VirtualTimer: return (sys.cntkctl_el1 & kCntkctlVten) == 0;
    case El0Trap::Tdcc: return (sys.mdscr_el1 & kMdscrTdcc) != 0;
    }
    return false;
}

AccessResult check_access(const Vcpu& cpu, const SystemRegister& reg, Rights wanted) {
    const bool el0 = cpu.state.pstate.el == 0;
    const auto rights = static_cast<unsigned>(el0 ? reg.el0 : reg.el1);
    if ((rights & static_cast<unsigned>(wanted)) == 0 || !cpu.features().has(reg.feature))
        return AccessResult::Undefined;
    if (el0 && trapped_from_el0(cpu.state.sys, reg.trap)) return AccessResult::Trapped;
    if (uses_vector_registers(reg.feature) && fp_access_trapped(cpu)) return AccessResult::FpTrapped;
    return AccessResult::Done;
}

constexpr size_t kKeys = size_t{1} << 16;

/// Rows by encoding.
const std::vector<const SystemRegister*>& rows_by_key() {
    static const std::vector<const SystemRegister*> index = [] {
        std::vector<const SystemRegister*> result(kKeys, nullptr);
        for (const SystemRegister& reg : system_register_rows()) result[reg.key] = &reg;
        return result;
    }();
    return index;
}

struct Name {
    uint16_t key;
    const char* name;
};

constexpr Name kNames[] = {
#define N(op0, op1, crn, crm, op2, name) {static_cast<uint16_t>(system_register_key(op0, op1, crn, crm, op2)), name},
#include "arm64/system_register_names.inc"
#undef N
};
static_assert(std::ranges::is_sorted(kNames, {}, &Name::key));

} // namespace

std::span<const SystemRegister> system_registers() { return system_register_rows(); }

const SystemRegister* find_system_register(uint32_t key) { return key < kKeys ? rows_by_key()[key] : nullptr; }

const char* system_register_name(uint32_t key, bool write) {
    // The one encoding that is two registers: receive when read, transmit when written.
    if (write && key == system_register_key(2, 3, 0, 5, 0)) return "dbgdtrtx_el0";
    const Name* found = std::ranges::lower_bound(kNames, key, {}, &Name::key);
    return found != std::end(kNames) && found->key == key ? found->name : nullptr;
}

std::string system_register_text(uint32_t key, bool write) {
    if (const char* name = system_register_name(key, write)) return name;
    return fmt::format("s{}_{}_c{}_c{}_{}", key >> 14, key >> 11 & 7, key >> 7 & 15, key >> 3 & 15, key & 7);
}

AccessResult read_system_register(Vcpu& cpu, const SystemRegister& reg, uint64_t& value) {
    if (const AccessResult result = check_access(cpu, reg, Rights::Read); result != AccessResult::Done) return result;
    if (reg.read == nullptr)
        value = read_stored(cpu, reg);
    else if (!reg.read(cpu, reg, value))
        return AccessResult::Undefined;
    return AccessResult::Done;
}

AccessResult write_system_register(Vcpu& cpu, const SystemRegister& reg, uint64_t value) {
    if (const AccessResult result = check_access(cpu, reg, Rights::Write); result != AccessResult::Done) return result;
    if (reg.write == nullptr)
        write_stored(cpu, reg, value);
    else if (!reg.write(cpu, reg, value))
        return AccessResult::Undefined;
    // What says how the CPU executes and translates; others are written by translated code itself.
    if (reg.effect == Effect::Context && reg.offset != 0) cpu.trace(TraceKind::Register, 0, reg.key, value);
    return AccessResult::Done;
}

void reset_system_registers(Vcpu& cpu) {
    cpu.state.sys = SystemRegisters{};
    cpu.state.pstate = Pstate{};
    cpu.state.nzcv = 0;
    cpu.state.fpcr = 0;
    cpu.state.fpsr = 0;
    cpu.state.exclusive = ExclusiveMonitor{};
    cpu.state.sys.oslsr_locked = 1;
    cpu.debug = DebugState{};
    for (const SystemRegister& reg : system_register_rows())
        if (reg.offset != 0 && reg.reset != 0)
            *reinterpret_cast<uint64_t*>(reinterpret_cast<uint8_t*>(&cpu.state) + reg.offset) = reg.reset;
}

} // namespace beeline::arm64
