#include "arm64/system_register_table.h"

#include "arm64/exceptions.h"
#include "arm64/features.h"
#include "arm64/vcpu.h"

#include <cstring>
#include <vector>

namespace beeline::arm64 {

uint64_t read_stored(const Vcpu& cpu, const SystemRegister& reg) {
    if (reg.offset == 0) return reg.reset;
    uint64_t value;
    std::memcpy(&value, reinterpret_cast<const uint8_t*>(&cpu.state) + reg.offset, sizeof value);
    return value;
}

uint64_t write_stored(Vcpu& cpu, const SystemRegister& reg, uint64_t value) {
    if (reg.offset == 0) return 0;
    const uint64_t old = read_stored(cpu, reg);
    const uint64_t changed = (old ^ value) & reg.write_mask;
    const uint64_t updated = old ^ changed;
    std::memcpy(reinterpret_cast<uint8_t*>(&cpu.state) + reg.offset, &updated, sizeof updated);
    return changed;
}

namespace {

using enum Rights;

constexpr uint64_t bit(unsigned n) { return uint64_t{1} << n; }
constexpr uint64_t mask32 = 0xFFFFFFFF;

// ---- identification ------------------------------------------------------------------------------------------------

template <uint64_t IdRegisters::*member> bool read_id(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.features().id.*member;
    return true;
}

bool read_mpidr(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.state.mpidr_el1;
    return true;
}

bool read_pfr0(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    constexpr unsigned kGicShift = 24;
    value = cpu.features().id.id_aa64pfr0_el1;
    if (cpu.environment().has_gic_system_registers()) value |= uint64_t{1} << kGicShift;
    return true;
}

bool read_dczid(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    // DZP: DC ZVA is prohibited at EL0 by SCTLR_EL1.DZE.
    constexpr uint64_t kDzp = bit(4), kSctlrDze = bit(14);
    value = cpu.features().id.dczid_el0;
    if (cpu.state.pstate.el == 0 && (cpu.state.sys.sctlr_el1 & kSctlrDze) == 0) value |= kDzp;
    return true;
}

bool read_ccsidr(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    // CSSELR_EL1: Level in bits 3..1, InD in bit 0. Level 2 is unified, deeper levels do not exist.
    const uint64_t select = cpu.state.sys.csselr_el1 & 0xF;
    value = select < 3 ? cpu.features().id.ccsidr_el1[select] : 0;
    return true;
}

// ---- PSTATE --------------------------------------------------------------------------------------------------------

bool read_current_el(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = uint64_t{cpu.state.pstate.el} << 2;
    return true;
}

bool read_sp_sel(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.state.pstate.sp_sel;
    return true;
}

bool write_sp_sel(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    const unsigned old = cpu.state.pstate.sp_sel;
    cpu.state.pstate.sp_sel = value & 1;
    select_stack_pointer(cpu, 1, old);
    return true;
}

/// UNDEFINED while it is the stack pointer in use.
bool read_sp_el0(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    if (cpu.state.pstate.sp_sel == 0) return false;
    value = cpu.state.sys.sp_el0;
    return true;
}

bool write_sp_el0(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    if (cpu.state.pstate.sp_sel == 0) return false;
    cpu.state.sys.sp_el0 = value;
    return true;
}

bool read_nzcv(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.state.nzcv;
    return true;
}

bool write_nzcv(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    cpu.state.nzcv = static_cast<uint32_t>(value) & nzcv::kMask;
    return true;
}

bool read_daif(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.state.pstate.daif;
    return true;
}

bool write_daif(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    cpu.state.pstate.daif = static_cast<uint16_t>(value & spsr::kDaif);
    return true;
}

bool read_pan(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.state.pstate.pan ? spsr::kPan : 0;
    return true;
}

bool write_pan(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    cpu.state.pstate.pan = (value & spsr::kPan) != 0;
    return true;
}

bool read_uao(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.state.pstate.uao ? spsr::kUao : 0;
    return true;
}

bool write_uao(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    cpu.state.pstate.uao = (value & spsr::kUao) != 0;
    return true;
}

bool read_fpcr(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.state.fpcr;
    return true;
}

bool write_fpcr(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    // Trapped floating-point exceptions are not implemented: their enables are RES0.
    const uint32_t half = cpu.features().has(Feature::Fp16) ? fpcr::kFz16 : 0;
    cpu.state.fpcr = static_cast<uint32_t>(value) & (fpcr::kRmode | fpcr::kFz | fpcr::kDn | fpcr::kAhp | half);
    return true;
}

bool read_fpsr(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.state.fpsr;
    return true;
}

bool write_fpsr(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    cpu.state.fpsr = static_cast<uint32_t>(value) & fpsr::kMask;
    return true;
}

// ---- system control and translation
// ----------------------------------------------------------------------------------

constexpr uint64_t kSctlrM = bit(0), kSctlrWxn = bit(19), kSctlrSpan = bit(23), kSctlrEe = bit(25);
/// M A C SA SA0 UMA I DZE UCT nTWI nTWE WXN E0E EE UCI. SPAN as well where PAN is implemented.
constexpr uint64_t kSctlrWritable = bit(0) | bit(1) | bit(2) | bit(3) | bit(4) | bit(9) | bit(12) | bit(14) | bit(15) |
                                    bit(16) | bit(18) | kSctlrWxn | bit(24) | kSctlrEe | bit(26);
/// RES1 bits of Armv8.2 with EL0 in AArch64 only: LSMAOE nTLSMD EIS TSCXT EOS SED ITD; SPAN resets to 1 (D13.2.118).
constexpr uint64_t kSctlrReset = bit(29) | bit(28) | kSctlrSpan | bit(22) | bit(20) | bit(11) | bit(8) | bit(7);

bool write_sctlr(Vcpu& cpu, const SystemRegister& reg, uint64_t value) {
    if (!cpu.features().has(Feature::Pan)) value |= kSctlrSpan;
    const uint64_t changed = write_stored(cpu, reg, value);
    // Cached translations have WXN and the tables' byte order folded in.
    if ((changed & (kSctlrM | kSctlrWxn | kSctlrEe)) != 0) cpu.flush_tlb_all();
    return true;
}

/// Everything but the two RES0 bits, the hardware's bits where the model has them, and what later versions added.
bool write_tcr(Vcpu& cpu, const SystemRegister& reg, uint64_t value) {
    if (!cpu.features().hardware_access_flag) value &= ~(bit(39) | bit(40));
    if (!cpu.features().hierarchical_disable) value &= ~(bit(41) | bit(42));
    if (write_stored(cpu, reg, value) != 0) cpu.flush_tlb_all();
    return true;
}

bool write_mair(Vcpu& cpu, const SystemRegister& reg, uint64_t value) {
    if (write_stored(cpu, reg, value) != 0) cpu.flush_tlb_all();
    return true;
}

bool read_isr(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    const uint32_t lines = cpu.lines();
    value = ((lines & static_cast<uint32_t>(Line::Irq)) != 0 ? spsr::kI : 0) |
            ((lines & static_cast<uint32_t>(Line::Fiq)) != 0 ? spsr::kF : 0);
    return true;
}

// ---- generic timers (D11.2)
// ------------------------------------------------------------------------------------------

constexpr uint64_t kTimerEnable = 1, kTimerImask = 2, kTimerIstatus = 4;

bool read_counter(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.environment().counter();
    return true;
}

struct PhysicalTimer {
    static uint64_t& ctl(Vcpu& cpu) { return cpu.state.sys.cntp_ctl_el0; }
    static uint64_t& cval(Vcpu& cpu) { return cpu.state.sys.cntp_cval_el0; }
};
struct VirtualTimer {
    static uint64_t& ctl(Vcpu& cpu) { return cpu.state.sys.cntv_ctl_el0; }
    static uint64_t& cval(Vcpu& cpu) { return cpu.state.sys.cntv_cval_el0; }
};

template <typename Timer> bool read_timer_ctl(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = Timer::ctl(cpu);
    if ((value & kTimerEnable) != 0 && cpu.environment().counter() >= Timer::cval(cpu)) value |= kTimerIstatus;
    return true;
}

template <typename Timer> bool write_timer_ctl(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    Timer::ctl(cpu) = value & (kTimerEnable | kTimerImask);
    cpu.environment().timer_changed(cpu);
    return true;
}

template <typename Timer> bool read_timer_cval(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = Timer::cval(cpu);
    return true;
}

template <typename Timer> bool write_timer_cval(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    Timer::cval(cpu) = value;
    cpu.environment().timer_changed(cpu);
    return true;
}

template <typename Timer> bool read_timer_tval(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = (Timer::cval(cpu) - cpu.environment().counter()) & mask32;
    return true;
}

template <typename Timer> bool write_timer_tval(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    Timer::cval(cpu) = cpu.environment().counter() + static_cast<uint64_t>(int64_t{static_cast<int32_t>(value)});
    cpu.environment().timer_changed(cpu);
    return true;
}

// ---- debug (D13.3)
// ---------------------------------------------------------------------------------------------------

/// Pages that were plain may be watched now.
bool write_watch(Vcpu& cpu, const SystemRegister& reg, uint64_t value) {
    if (write_stored(cpu, reg, value) != 0) cpu.translations.flush_first_level();
    return true;
}

bool write_oslar(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    cpu.state.sys.oslsr_locked = value & 1;
    return true;
}

bool read_oslsr(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = bit(3) | cpu.state.sys.oslsr_locked << 1; // OSLM 0b10, OSLK
    return true;
}

constexpr uint64_t kClaimTags = 0xFF;

bool read_claim_set(Vcpu&, const SystemRegister&, uint64_t& value) {
    value = kClaimTags;
    return true;
}

bool write_claim_set(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    cpu.state.sys.dbgclaim |= value & kClaimTags;
    return true;
}

bool write_claim_clear(Vcpu& cpu, const SystemRegister&, uint64_t value) {
    cpu.state.sys.dbgclaim &= ~(value & kClaimTags);
    return true;
}

// ---- GIC CPU interface
// -----------------------------------------------------------------------------------------------

bool read_icc(Vcpu& cpu, const SystemRegister& reg, uint64_t& value) {
    return cpu.environment().has_gic_system_registers() && cpu.environment().icc_read(cpu, reg.key, value);
}

bool write_icc(Vcpu& cpu, const SystemRegister& reg, uint64_t value) {
    return cpu.environment().has_gic_system_registers() && cpu.environment().icc_write(cpu, reg.key, value);
}

// ---- the table
// -------------------------------------------------------------------------------------------------------

constexpr uint16_t key(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
    return static_cast<uint16_t>(system_register_key(op0, op1, crn, crm, op2));
}

#define SYS(member) static_cast<uint16_t>(offsetof(CpuState, sys.member))

constexpr SystemRegister id(const char* name, uint16_t key, decltype(SystemRegister::read) read) {
    return {.name = name, .key = key, .el1 = Read, .read = read};
}

constexpr SystemRegister icc(const char* name, uint16_t key, Rights rights) {
    return {
        .name = name, .key = key, .el1 = rights, .effect = Effect::Interrupts, .read = read_icc, .write = write_icc};
}

constexpr uint64_t kSpsrWritable = 0xF0F003FF;
/// T0SZ EPD0 IRGN0 ORGN0 SH0 TG0 T1SZ A1 EPD1 IRGN1 ORGN1 SH1 TG1 IPS AS TBI0 TBI1 HA HD HPD0 HPD1
constexpr uint64_t kTcrWritable = 0x7F7FFFFFFBF;
constexpr uint64_t kMdscrWritable =
    bit(0) | bit(6) | bit(12) | bit(13) | bit(14) | bit(15) | bit(21) | bit(26) | bit(27) | bit(29) | bit(30);
constexpr uint64_t kBreakpointControl = 0x00FFE1E7, kWatchpointControl = 0x1F1FFFFF;

// clang-format off
constexpr SystemRegister kRows[] = {
    // Identification (D13.2). The AArch32 registers and what is unallocated among them read as zero: see below.
    id("midr_el1",         key(3, 0, 0, 0, 0), read_id<&IdRegisters::midr_el1>),
    id("mpidr_el1",        key(3, 0, 0, 0, 5), read_mpidr),
    id("revidr_el1",       key(3, 0, 0, 0, 6), read_id<&IdRegisters::revidr_el1>),
    id("id_aa64pfr0_el1",  key(3, 0, 0, 4, 0), read_pfr0),
    id("id_aa64pfr1_el1",  key(3, 0, 0, 4, 1), read_id<&IdRegisters::id_aa64pfr1_el1>),
    id("id_aa64dfr0_el1",  key(3, 0, 0, 5, 0), read_id<&IdRegisters::id_aa64dfr0_el1>),
    id("id_aa64dfr1_el1",  key(3, 0, 0, 5, 1), read_id<&IdRegisters::id_aa64dfr1_el1>),
    id("id_aa64isar0_el1", key(3, 0, 0, 6, 0), read_id<&IdRegisters::id_aa64isar0_el1>),
    id("id_aa64isar1_el1", key(3, 0, 0, 6, 1), read_id<&IdRegisters::id_aa64isar1_el1>),
    id("id_aa64mmfr0_el1", key(3, 0, 0, 7, 0), read_id<&IdRegisters::id_aa64mmfr0_el1>),
    id("id_aa64mmfr1_el1", key(3, 0, 0, 7, 1), read_id<&IdRegisters::id_aa64mmfr1_el1>),
    id("id_aa64mmfr2_el1", key(3, 0, 0, 7, 2), read_id<&IdRegisters::id_aa64mmfr2_el1>),
    id("ccsidr_el1",       key(3, 1, 0, 0, 0), read_ccsidr),
    id("clidr_el1",        key(3, 1, 0, 0, 1), read_id<&IdRegisters::clidr_el1>),
    id("aidr_el1",         key(3, 1, 0, 0, 7), read_id<&IdRegisters::aidr_el1>),
    {.name = "csselr_el1", .key = key(3, 2, 0, 0, 0), .el1 = ReadWrite, .offset = SYS(csselr_el1), .write_mask = 0xF},
    {.name = "ctr_el0",    .key = key(3, 3, 0, 0, 1), .el1 = Read, .el0 = Read, .trap = El0Trap::Uct, .read = read_id<&IdRegisters::ctr_el0>},
    {.name = "dczid_el0",  .key = key(3, 3, 0, 0, 7), .el1 = Read, .el0 = Read, .read = read_dczid},

    // System control and translation
    {.name = "sctlr_el1",  .key = key(3, 0, 1, 0, 0), .el1 = ReadWrite, .reset = kSctlrReset, .offset = SYS(sctlr_el1), .write_mask = kSctlrWritable | kSctlrSpan, .effect = Effect::Context, .write = write_sctlr},
    {.name = "actlr_el1",  .key = key(3, 0, 1, 0, 1), .el1 = ReadWrite},
    {.name = "cpacr_el1",  .key = key(3, 0, 1, 0, 2), .el1 = ReadWrite, .offset = SYS(cpacr_el1), .write_mask = 3u << 20, .effect = Effect::Context},
    {.name = "ttbr0_el1",  .key = key(3, 0, 2, 0, 0), .el1 = ReadWrite, .offset = SYS(ttbr0_el1), .effect = Effect::Context},
    {.name = "ttbr1_el1",  .key = key(3, 0, 2, 0, 1), .el1 = ReadWrite, .offset = SYS(ttbr1_el1), .effect = Effect::Context},
    {.name = "tcr_el1",    .key = key(3, 0, 2, 0, 2), .el1 = ReadWrite, .offset = SYS(tcr_el1), .write_mask = kTcrWritable, .effect = Effect::Context, .write = write_tcr},
    {.name = "mair_el1",   .key = key(3, 0, 10, 2, 0), .el1 = ReadWrite, .offset = SYS(mair_el1), .effect = Effect::Context, .write = write_mair},
    {.name = "amair_el1",  .key = key(3, 0, 10, 3, 0), .el1 = ReadWrite},
    // Limited ordering regions: LORID_EL1 says that there are no descriptors, which makes the others RES0.
    {.name = "lorsa_el1",  .key = key(3, 0, 10, 4, 0), .el1 = ReadWrite, .feature = Feature::Lor},
    {.name = "lorea_el1",  .key = key(3, 0, 10, 4, 1), .el1 = ReadWrite, .feature = Feature::Lor},
    {.name = "lorn_el1",   .key = key(3, 0, 10, 4, 2), .el1 = ReadWrite, .feature = Feature::Lor},
    {.name = "lorc_el1",   .key = key(3, 0, 10, 4, 3), .el1 = ReadWrite, .feature = Feature::Lor},
    {.name = "lorid_el1",  .key = key(3, 0, 10, 4, 7), .el1 = Read, .feature = Feature::Lor},
    {.name = "contextidr_el1", .key = key(3, 0, 13, 0, 1), .el1 = ReadWrite, .offset = SYS(contextidr_el1), .write_mask = mask32},
    {.name = "par_el1",    .key = key(3, 0, 7, 4, 0), .el1 = ReadWrite, .offset = SYS(par_el1)},

    // Exceptions
    {.name = "afsr0_el1",  .key = key(3, 0, 5, 1, 0), .el1 = ReadWrite},
    {.name = "afsr1_el1",  .key = key(3, 0, 5, 1, 1), .el1 = ReadWrite},
    {.name = "esr_el1",    .key = key(3, 0, 5, 2, 0), .el1 = ReadWrite, .offset = SYS(esr_el1), .write_mask = mask32},
    {.name = "far_el1",    .key = key(3, 0, 6, 0, 0), .el1 = ReadWrite, .offset = SYS(far_el1)},
    {.name = "vbar_el1",   .key = key(3, 0, 12, 0, 0), .el1 = ReadWrite, .offset = SYS(vbar_el1), .write_mask = ~uint64_t{0x7FF}},
    {.name = "rvbar_el1",  .key = key(3, 0, 12, 0, 1), .el1 = Read},
    {.name = "isr_el1",    .key = key(3, 0, 12, 1, 0), .el1 = Read, .read = read_isr},
    {.name = "spsr_el1",   .key = key(3, 0, 4, 0, 0), .el1 = ReadWrite, .offset = SYS(spsr_el1), .write_mask = kSpsrWritable},
    {.name = "elr_el1",    .key = key(3, 0, 4, 0, 1), .el1 = ReadWrite, .offset = SYS(elr_el1)},

    // PSTATE and what belongs to the thread
    {.name = "sp_el0",     .key = key(3, 0, 4, 1, 0), .el1 = ReadWrite, .read = read_sp_el0, .write = write_sp_el0},
    {.name = "spsel",      .key = key(3, 0, 4, 2, 0), .el1 = ReadWrite, .read = read_sp_sel, .write = write_sp_sel},
    {.name = "currentel",  .key = key(3, 0, 4, 2, 2), .el1 = Read, .read = read_current_el},
    {.name = "pan",        .key = key(3, 0, 4, 2, 3), .el1 = ReadWrite, .effect = Effect::Context, .feature = Feature::Pan, .read = read_pan, .write = write_pan},
    {.name = "uao",        .key = key(3, 0, 4, 2, 4), .el1 = ReadWrite, .effect = Effect::Context, .feature = Feature::Uao, .read = read_uao, .write = write_uao},
    {.name = "nzcv",       .key = key(3, 3, 4, 2, 0), .el1 = ReadWrite, .el0 = ReadWrite, .read = read_nzcv, .write = write_nzcv},
    {.name = "daif",       .key = key(3, 3, 4, 2, 1), .el1 = ReadWrite, .el0 = ReadWrite, .effect = Effect::Interrupts, .trap = El0Trap::Uma, .read = read_daif, .write = write_daif},
    {.name = "fpcr",       .key = key(3, 3, 4, 4, 0), .el1 = ReadWrite, .el0 = ReadWrite, .feature = Feature::Fp, .read = read_fpcr, .write = write_fpcr},
    {.name = "fpsr",       .key = key(3, 3, 4, 4, 1), .el1 = ReadWrite, .el0 = ReadWrite, .feature = Feature::Fp, .read = read_fpsr, .write = write_fpsr},
    {.name = "tpidr_el1",  .key = key(3, 0, 13, 0, 4), .el1 = ReadWrite, .offset = SYS(tpidr_el1)},
    {.name = "tpidr_el0",  .key = key(3, 3, 13, 0, 2), .el1 = ReadWrite, .el0 = ReadWrite, .offset = SYS(tpidr_el0)},
    {.name = "tpidrro_el0", .key = key(3, 3, 13, 0, 3), .el1 = ReadWrite, .el0 = Read, .offset = SYS(tpidrro_el0)},

    // Generic timers. EL1 is the highest level, so that CNTFRQ_EL0 is writable there.
    {.name = "cntkctl_el1",   .key = key(3, 0, 14, 1, 0), .el1 = ReadWrite, .offset = SYS(cntkctl_el1), .write_mask = 0x3FF},
    {.name = "cntfrq_el0",    .key = key(3, 3, 14, 0, 0), .el1 = ReadWrite, .el0 = Read, .reset = kCounterFrequency, .offset = SYS(cntfrq_el0), .write_mask = mask32, .trap = El0Trap::Frequency},
    {.name = "cntpct_el0",    .key = key(3, 3, 14, 0, 1), .el1 = Read, .el0 = Read, .trap = El0Trap::Counter, .read = read_counter},
    {.name = "cntvct_el0",    .key = key(3, 3, 14, 0, 2), .el1 = Read, .el0 = Read, .trap = El0Trap::VirtualCounter, .read = read_counter},
    {.name = "cntp_tval_el0", .key = key(3, 3, 14, 2, 0), .el1 = ReadWrite, .el0 = ReadWrite, .effect = Effect::Interrupts, .trap = El0Trap::PhysicalTimer, .read = read_timer_tval<PhysicalTimer>, .write = write_timer_tval<PhysicalTimer>},
    {.name = "cntp_ctl_el0",  .key = key(3, 3, 14, 2, 1), .el1 = ReadWrite, .el0 = ReadWrite, .effect = Effect::Interrupts, .trap = El0Trap::PhysicalTimer, .read = read_timer_ctl<PhysicalTimer>, .write = write_timer_ctl<PhysicalTimer>},
    {.name = "cntp_cval_el0", .key = key(3, 3, 14, 2, 2), .el1 = ReadWrite, .el0 = ReadWrite, .effect = Effect::Interrupts, .trap = El0Trap::PhysicalTimer, .read = read_timer_cval<PhysicalTimer>, .write = write_timer_cval<PhysicalTimer>},
    {.name = "cntv_tval_el0", .key = key(3, 3, 14, 3, 0), .el1 = ReadWrite, .el0 = ReadWrite, .effect = Effect::Interrupts, .trap = El0Trap::VirtualTimer, .read = read_timer_tval<VirtualTimer>, .write = write_timer_tval<VirtualTimer>},
    {.name = "cntv_ctl_el0",  .key = key(3, 3, 14, 3, 1), .el1 = ReadWrite, .el0 = ReadWrite, .effect = Effect::Interrupts, .trap = El0Trap::VirtualTimer, .read = read_timer_ctl<VirtualTimer>, .write = write_timer_ctl<VirtualTimer>},
    {.name = "cntv_cval_el0", .key = key(3, 3, 14, 3, 2), .el1 = ReadWrite, .el0 = ReadWrite, .effect = Effect::Interrupts, .trap = El0Trap::VirtualTimer, .read = read_timer_cval<VirtualTimer>, .write = write_timer_cval<VirtualTimer>},

    // Debug. No external debugger exists: the communications channel is empty and the power controls do nothing.
    {.name = "osdtrrx_el1",   .key = key(2, 0, 0, 0, 2), .el1 = ReadWrite, .offset = SYS(osdtrrx_el1), .write_mask = mask32},
    {.name = "mdccint_el1",   .key = key(2, 0, 0, 2, 0), .el1 = ReadWrite, .offset = SYS(mdccint_el1), .write_mask = bit(29) | bit(30)},
    {.name = "mdscr_el1",     .key = key(2, 0, 0, 2, 2), .el1 = ReadWrite, .offset = SYS(mdscr_el1), .write_mask = kMdscrWritable, .effect = Effect::Context, .write = write_watch},
    {.name = "osdtrtx_el1",   .key = key(2, 0, 0, 3, 2), .el1 = ReadWrite, .offset = SYS(osdtrtx_el1), .write_mask = mask32},
    {.name = "oseccr_el1",    .key = key(2, 0, 0, 6, 2), .el1 = ReadWrite, .offset = SYS(oseccr_el1), .write_mask = mask32},
    {.name = "mdrar_el1",     .key = key(2, 0, 1, 0, 0), .el1 = Read},
    {.name = "oslar_el1",     .key = key(2, 0, 1, 0, 4), .el1 = Write, .effect = Effect::Context, .write = write_oslar},
    {.name = "oslsr_el1",     .key = key(2, 0, 1, 1, 4), .el1 = Read, .read = read_oslsr},
    {.name = "osdlr_el1",     .key = key(2, 0, 1, 3, 4), .el1 = ReadWrite},
    {.name = "dbgprcr_el1",   .key = key(2, 0, 1, 4, 4), .el1 = ReadWrite},
    {.name = "dbgclaimset_el1", .key = key(2, 0, 7, 8, 6), .el1 = ReadWrite, .read = read_claim_set, .write = write_claim_set},
    {.name = "dbgclaimclr_el1", .key = key(2, 0, 7, 9, 6), .el1 = ReadWrite, .offset = SYS(dbgclaim), .write = write_claim_clear},
    {.name = "dbgauthstatus_el1", .key = key(2, 0, 7, 14, 6), .el1 = Read},
    {.name = "mdccsr_el0",    .key = key(2, 3, 0, 1, 0), .el1 = Read, .el0 = Read, .trap = El0Trap::Tdcc},
    {.name = "dbgdtr_el0",    .key = key(2, 3, 0, 4, 0), .el1 = ReadWrite, .el0 = ReadWrite, .trap = El0Trap::Tdcc},
    {.name = "dbgdtrrx_el0",  .key = key(2, 3, 0, 5, 0), .el1 = ReadWrite, .el0 = ReadWrite, .trap = El0Trap::Tdcc},

    // GIC CPU interface: exists on machines with a GICv3.
    icc("icc_pmr_el1",     key(3, 0, 4, 6, 0), ReadWrite),
    icc("icc_iar0_el1",    key(3, 0, 12, 8, 0), Read),
    icc("icc_eoir0_el1",   key(3, 0, 12, 8, 1), Write),
    icc("icc_hppir0_el1",  key(3, 0, 12, 8, 2), Read),
    icc("icc_bpr0_el1",    key(3, 0, 12, 8, 3), ReadWrite),
    icc("icc_ap0r0_el1",   key(3, 0, 12, 8, 4), ReadWrite),
    icc("icc_ap0r1_el1",   key(3, 0, 12, 8, 5), ReadWrite),
    icc("icc_ap0r2_el1",   key(3, 0, 12, 8, 6), ReadWrite),
    icc("icc_ap0r3_el1",   key(3, 0, 12, 8, 7), ReadWrite),
    icc("icc_ap1r0_el1",   key(3, 0, 12, 9, 0), ReadWrite),
    icc("icc_ap1r1_el1",   key(3, 0, 12, 9, 1), ReadWrite),
    icc("icc_ap1r2_el1",   key(3, 0, 12, 9, 2), ReadWrite),
    icc("icc_ap1r3_el1",   key(3, 0, 12, 9, 3), ReadWrite),
    icc("icc_dir_el1",     key(3, 0, 12, 11, 1), Write),
    icc("icc_rpr_el1",     key(3, 0, 12, 11, 3), Read),
    icc("icc_sgi1r_el1",   key(3, 0, 12, 11, 5), Write),
    icc("icc_asgi1r_el1",  key(3, 0, 12, 11, 6), Write),
    icc("icc_sgi0r_el1",   key(3, 0, 12, 11, 7), Write),
    icc("icc_iar1_el1",    key(3, 0, 12, 12, 0), Read),
    icc("icc_eoir1_el1",   key(3, 0, 12, 12, 1), Write),
    icc("icc_hppir1_el1",  key(3, 0, 12, 12, 2), Read),
    icc("icc_bpr1_el1",    key(3, 0, 12, 12, 3), ReadWrite),
    icc("icc_ctlr_el1",    key(3, 0, 12, 12, 4), ReadWrite),
    icc("icc_sre_el1",     key(3, 0, 12, 12, 5), ReadWrite),
    icc("icc_igrpen0_el1", key(3, 0, 12, 12, 6), ReadWrite),
    icc("icc_igrpen1_el1", key(3, 0, 12, 12, 7), ReadWrite),
};
// clang-format on

constexpr const char* kBreakpointNames[kMaxBreakpoints][2] = {
    {"dbgbvr0_el1", "dbgbcr0_el1"}, {"dbgbvr1_el1", "dbgbcr1_el1"}, {"dbgbvr2_el1", "dbgbcr2_el1"},
    {"dbgbvr3_el1", "dbgbcr3_el1"}, {"dbgbvr4_el1", "dbgbcr4_el1"}, {"dbgbvr5_el1", "dbgbcr5_el1"}};
constexpr const char* kWatchpointNames[kMaxWatchpoints][2] = {{"dbgwvr0_el1", "dbgwcr0_el1"},
                                                              {"dbgwvr1_el1", "dbgwcr1_el1"},
                                                              {"dbgwvr2_el1", "dbgwcr2_el1"},
                                                              {"dbgwvr3_el1", "dbgwcr3_el1"}};

/// One of an array of registers that a breakpoint or watchpoint has.
SystemRegister debug_row(const char* name, unsigned n, uint32_t op2, size_t array, uint64_t mask) {
    return {.name = name,
            .key = key(2, 0, 0, n, op2),
            .el1 = ReadWrite,
            .offset = static_cast<uint16_t>(array + n * sizeof(uint64_t)),
            .write_mask = mask,
            .effect = Effect::Context,
            .write = write_watch};
}

std::vector<SystemRegister> build_rows() {
    std::vector<SystemRegister> rows(std::begin(kRows), std::end(kRows));
    for (unsigned n = 0; n < kMaxBreakpoints; n++) {
        rows.push_back(debug_row(kBreakpointNames[n][0], n, 4, SYS(dbgbvr_el1), ~uint64_t{0}));
        rows.push_back(debug_row(kBreakpointNames[n][1], n, 5, SYS(dbgbcr_el1), kBreakpointControl));
    }
    for (unsigned n = 0; n < kMaxWatchpoints; n++) {
        rows.push_back(debug_row(kWatchpointNames[n][0], n, 6, SYS(dbgwvr_el1), ~uint64_t{3}));
        rows.push_back(debug_row(kWatchpointNames[n][1], n, 7, SYS(dbgwcr_el1), kWatchpointControl));
    }
    // op0 3, op1 0, CRn 0, CRm 1..7: identification space, RAZ where no register of it is above (D13.1.2).
    std::vector<bool> taken(8 * 8);
    for (const SystemRegister& row : rows)
        if ((row.key & ~0x3F) == key(3, 0, 0, 0, 0)) taken[row.key & 0x3F] = true;
    for (unsigned crm = 1; crm < 8; crm++) {
        for (unsigned op2 = 0; op2 < 8; op2++) {
            if (taken[crm << 3 | op2]) continue;
            const uint16_t encoding = key(3, 0, 0, crm, op2);
            const char* name = system_register_name(encoding);
            rows.push_back({.name = name != nullptr ? name : "", .key = encoding, .el1 = Read});
        }
    }
    return rows;
}

#undef SYS

} // namespace

std::span<const SystemRegister> system_register_rows() {
    static const std::vector<SystemRegister> rows = build_rows();
    return rows;
}

} // namespace beeline::arm64
