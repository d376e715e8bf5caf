// System registers as MRS and MSR see them: one table of encodings, access rights, reset values and behaviour.
#pragma once

#include "arm64/environment.h"
#include "arm64/table/table.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace beeline::arm64 {

class Vcpu;

enum class Rights : uint8_t { None = 0, Read = 1, Write = 2, ReadWrite = 3 };

/// Control bits that turn an EL0 access, permitted otherwise, into a trap to EL1 (EC 0x18).
enum class El0Trap : uint8_t {
    None,
    Uct,            ///< SCTLR_EL1.UCT clear: CTR_EL0
    Uma,            ///< SCTLR_EL1.UMA clear: DAIF
    Counter,        ///< CNTKCTL_EL1.EL0PCTEN clear: CNTPCT_EL0
    VirtualCounter, ///< CNTKCTL_EL1.EL0VCTEN clear: CNTVCT_EL0
    Frequency,      ///< Both clear: CNTFRQ_EL0
    PhysicalTimer,  ///< CNTKCTL_EL1.EL0PTEN clear: CNTP_*
    VirtualTimer,   ///< CNTKCTL_EL1.EL0VTEN clear: CNTV_*
    Tdcc,           ///< MDSCR_EL1.TDCC set: debug communications channel
};

/// What a write entails.
enum class Effect : uint8_t {
    None,       ///< The next instruction may follow at once.
    Context,    ///< The execution context may differ: the block ends.
    Interrupts, ///< Interrupts may have become unmasked or asserted: the block ends.
};

struct SystemRegister {
    const char* name; ///< Lower case, as assemblers spell it.
    uint16_t key;     ///< system_register_key()
    Rights el1 = Rights::None;
    Rights el0 = Rights::None;
    uint64_t reset = 0;
    /// Where the value is kept, from the beginning of CpuState; 0 when only the functions know.
    uint16_t offset = 0;
    /// Bits that a write changes; the others keep their value (RES0, RES1, read-only).
    uint64_t write_mask = ~uint64_t{0};
    Effect effect = Effect::None;
    El0Trap trap = El0Trap::None;
    Feature feature = Feature::Base;
    /// nullptr: plain. Their result is false when the access is UNDEFINED after all (no such register on this machine).
    bool (*read)(Vcpu& cpu, const SystemRegister& reg, uint64_t& value) = nullptr;
    bool (*write)(Vcpu& cpu, const SystemRegister& reg, uint64_t value) = nullptr;
};

std::span<const SystemRegister> system_registers();

/// nullptr: no such register at EL0 and EL1.
const SystemRegister* find_system_register(uint32_t key);

/// The name in assembler for every register that the architecture defines, at any exception level; nullptr when there
/// is none and the generic form s3_0_c15_c2_0 is to be printed. `write`: the register's name as MSR's operand.
const char* system_register_name(uint32_t key, bool write = false);
/// The same with the generic form filled in.
std::string system_register_text(uint32_t key, bool write = false);

enum class AccessResult : uint8_t {
    Done,
    Undefined,
    Trapped,   ///< To EL1 with EC 0x18.
    FpTrapped, ///< CPACR_EL1.FPEN: EC 0x07.
};

/// MRS and MSR at the current exception level.
AccessResult read_system_register(Vcpu& cpu, const SystemRegister& reg, uint64_t& value);
AccessResult write_system_register(Vcpu& cpu, const SystemRegister& reg, uint64_t value);

/// Architectural reset values of everything in CpuState::sys, PSTATE, FPCR, the monitors.
void reset_system_registers(Vcpu& cpu);

} // namespace beeline::arm64
