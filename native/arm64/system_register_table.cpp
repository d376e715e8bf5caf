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

// ---- identification ----

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

// ---- PSTATE ----

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

// ---- system control and translation ----

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
    const uint32_t lines = cpu.visible_lines();
    value = ((lines & static_cast<uint32_t>(Line::Irq)) != 0 ? spsr::kI : 0) |
            ((lines & static_cast<uint32_t>(Line::Fiq)) != 0 ? spsr::kF : 0);
    return true;
}

// ---- generic timers (D11.2) ----

constexpr uint64_t kTimerEnable = 1, kTimerImask = 2, kTimerIstatus = 4;

bool read_counter(Vcpu& cpu, const SystemRegister&, uint64_t& value) {
    value = cpu.environment().counter();
    return true;
}

struct PhysicalTimer {
    static constexpr El0Trap kTrap = El0Trap::PhysicalTimer;
    static uint64_t& ctl(Vcpu& cpu) { return cpu.state.sys.cntp_ctl_el0; }
    static uint64_t& cval(Vcpu& cpu) { return cpu.state.sys.cntp_cval_el0; }
};
struct VirtualTimer {
    static constexpr El0Trap kTrap = El0Trap::VirtualTimer;
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

// ---- debug (D13.3) ----

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

// ---- GIC CPU interface ----

bool read_icc(Vcpu& cpu, const SystemRegister& reg, uint64_t& value) {
    return cpu.environment().has_gic_system_registers() && cpu.environment().icc_read(cpu, reg.key, value);
}

bool write_icc(Vcpu& cpu, const SystemRegister& reg, uint64_t value) {
    return cpu.environment().has_gic_system_registers() && cpu.environment().icc_write(cpu, reg.key, value);
}

// ---- the table ----

constexpr uint16_t key(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
    return static_cast<uint16_t>(system_register_key(op0, op1, crn, crm, op2));
}

#define SYS(member) static_cast<uint16_t>(offsetof(CpuState, sys.member))

/// Spells a row: what is not said is absent, plain, or nothing.
struct RegisterRow : SystemRegister {
    using Reader = decltype(SystemRegister::read);
    using Writer = decltype(SystemRegister::write);

    constexpr RegisterRow(const char* name, uint16_t key, Rights rights)
        : SystemRegister{.name = name, .key = key, .el1 = rights} {}

    /// Kept in CpuState; `mask` is what MSR changes.
    constexpr RegisterRow in(uint16_t place, uint64_t mask = ~uint64_t{0}, uint64_t initially = 0) const {
        RegisterRow row = *this;
        row.offset = place;
        row.write_mask = mask;
        row.reset = initially;
        return row;
    }
    constexpr RegisterRow by(Reader reader, Writer writer = nullptr) const {
        RegisterRow row = *this;
        row.read = reader;
        row.write = writer;
        return row;
    }
    constexpr RegisterRow written_by(Writer writer) const { return by(nullptr, writer); }
    constexpr RegisterRow at_el0(Rights rights, El0Trap el0_trap = El0Trap::None) const {
        RegisterRow row = *this;
        row.el0 = rights;
        row.trap = el0_trap;
        return row;
    }
    constexpr RegisterRow with(Effect entailed) const {
        RegisterRow row = *this;
        row.effect = entailed;
        return row;
    }
    constexpr RegisterRow needs(Feature needed) const {
        RegisterRow row = *this;
        row.feature = needed;
        return row;
    }
};

constexpr RegisterRow id(const char* name, uint16_t key, RegisterRow::Reader reader) {
    return RegisterRow(name, key, Read).by(reader);
}

constexpr RegisterRow icc(const char* name, uint16_t key, Rights rights) {
    return RegisterRow(name, key, rights).by(read_icc, write_icc).with(Effect::Interrupts);
}

template <typename Timer>
constexpr RegisterRow timer(const char* name, uint16_t key, RegisterRow::Reader reader, RegisterRow::Writer writer) {
    return RegisterRow(name, key, ReadWrite)
        .at_el0(ReadWrite, Timer::kTrap)
        .by(reader, writer)
        .with(Effect::Interrupts);
}

constexpr uint64_t kSpsrWritable = 0xF0F003FF;
/// T0SZ EPD0 IRGN0 ORGN0 SH0 TG0 T1SZ A1 EPD1 IRGN1 ORGN1 SH1 TG1 IPS AS TBI0 TBI1 HA HD HPD0 HPD1
constexpr uint64_t kTcrWritable = 0x7F7FFFFFFBF;
constexpr uint64_t kMdscrWritable =
    bit(0) | bit(6) | bit(12) | bit(13) | bit(14) | bit(15) | bit(21) | bit(26) | bit(27) | bit(29) | bit(30);
constexpr uint64_t kBreakpointControl = 0x00FFE1E7, kWatchpointControl = 0x1F1FFFFF;

constexpr RegisterRow kRows[] = {
    // Identification (D13.2). The AArch32 registers and what is unallocated among them read as zero: see below.
    id("midr_el1", key(3, 0, 0, 0, 0), read_id<&IdRegisters::midr_el1>),
    id("mpidr_el1", key(3, 0, 0, 0, 5), read_mpidr),
    id("revidr_el1", key(3, 0, 0, 0, 6), read_id<&IdRegisters::revidr_el1>),
    id("id_aa64pfr0_el1", key(3, 0, 0, 4, 0), read_pfr0),
    id("id_aa64pfr1_el1", key(3, 0, 0, 4, 1), read_id<&IdRegisters::id_aa64pfr1_el1>),
    id("id_aa64dfr0_el1", key(3, 0, 0, 5, 0), read_id<&IdRegisters::id_aa64dfr0_el1>),
    id("id_aa64dfr1_el1", key(3, 0, 0, 5, 1), read_id<&IdRegisters::id_aa64dfr1_el1>),
    id("id_aa64isar0_el1", key(3, 0, 0, 6, 0), read_id<&IdRegisters::id_aa64isar0_el1>),
    id("id_aa64isar1_el1", key(3, 0, 0, 6, 1), read_id<&IdRegisters::id_aa64isar1_el1>),
    id("id_aa64mmfr0_el1", key(3, 0, 0, 7, 0), read_id<&IdRegisters::id_aa64mmfr0_el1>),
    id("id_aa64mmfr1_el1", key(3, 0, 0, 7, 1), read_id<&IdRegisters::id_aa64mmfr1_el1>),
    id("id_aa64mmfr2_el1", key(3, 0, 0, 7, 2), read_id<&IdRegisters::id_aa64mmfr2_el1>),
    id("ccsidr_el1", key(3, 1, 0, 0, 0), read_ccsidr),
    id("clidr_el1", key(3, 1, 0, 0, 1), read_id<&IdRegisters::clidr_el1>),
    id("aidr_el1", key(3, 1, 0, 0, 7), read_id<&IdRegisters::aidr_el1>),
    RegisterRow("csselr_el1", key(3, 2, 0, 0, 0), ReadWrite).in(SYS(csselr_el1), 0xF),
    RegisterRow("ctr_el0", key(3, 3, 0, 0, 1), Read).at_el0(Read, El0Trap::Uct).by(read_id<&IdRegisters::ctr_el0>),
    RegisterRow("dczid_el0", key(3, 3, 0, 0, 7), Read).at_el0(Read).by(read_dczid),

    // System control and translation
    RegisterRow("sctlr_el1", key(3, 0, 1, 0, 0), ReadWrite)
        .in(SYS(sctlr_el1), kSctlrWritable | kSctlrSpan, kSctlrReset)
        .written_by(write_sctlr)
        .with(Effect::Context),
    RegisterRow("actlr_el1", key(3, 0, 1, 0, 1), ReadWrite),
    RegisterRow("cpacr_el1", key(3, 0, 1, 0, 2), ReadWrite).in(SYS(cpacr_el1), 3u << 20).with(Effect::Context),
    RegisterRow("ttbr0_el1", key(3, 0, 2, 0, 0), ReadWrite).in(SYS(ttbr0_el1)).with(Effect::Context),
    RegisterRow("ttbr1_el1", key(3, 0, 2, 0, 1), ReadWrite).in(SYS(ttbr1_el1)).with(Effect::Context),
    RegisterRow("tcr_el1", key(3, 0, 2, 0, 2), ReadWrite)
        .in(SYS(tcr_el1), kTcrWritable)
        .written_by(write_tcr)
        .with(Effect::Context),
    RegisterRow("mair_el1", key(3, 0, 10, 2, 0), ReadWrite)
        .in(SYS(mair_el1))
        .written_by(write_mair)
        .with(Effect::Context),
    RegisterRow("amair_el1", key(3, 0, 10, 3, 0), ReadWrite),
    // Limited ordering regions: LORID_EL1 says that there are no descriptors, which makes the others RES0.
    RegisterRow("lorsa_el1", key(3, 0, 10, 4, 0), ReadWrite).needs(Feature::Lor),
    RegisterRow("lorea_el1", key(3, 0, 10, 4, 1), ReadWrite).needs(Feature::Lor),
    RegisterRow("lorn_el1", key(3, 0, 10, 4, 2), ReadWrite).needs(Feature::Lor),
    RegisterRow("lorc_el1", key(3, 0, 10, 4, 3), ReadWrite).needs(Feature::Lor),
    RegisterRow("lorid_el1", key(3, 0, 10, 4, 7), Read).needs(Feature::Lor),
    RegisterRow("contextidr_el1", key(3, 0, 13, 0, 1), ReadWrite).in(SYS(contextidr_el1), mask32),
    RegisterRow("par_el1", key(3, 0, 7, 4, 0), ReadWrite).in(SYS(par_el1)),

    // Exceptions
    RegisterRow("afsr0_el1", key(3, 0, 5, 1, 0), ReadWrite),
    RegisterRow("afsr1_el1", key(3, 0, 5, 1, 1), ReadWrite),
    RegisterRow("esr_el1", key(3, 0, 5, 2, 0), ReadWrite).in(SYS(esr_el1), mask32),
    RegisterRow("far_el1", key(3, 0, 6, 0, 0), ReadWrite).in(SYS(far_el1)),
    RegisterRow("vbar_el1", key(3, 0, 12, 0, 0), ReadWrite).in(SYS(vbar_el1), ~uint64_t{0x7FF}),
    RegisterRow("rvbar_el1", key(3, 0, 12, 0, 1), Read),
    RegisterRow("isr_el1", key(3, 0, 12, 1, 0), Read).by(read_isr),
    RegisterRow("spsr_el1", key(3, 0, 4, 0, 0), ReadWrite).in(SYS(spsr_el1), kSpsrWritable),
    RegisterRow("elr_el1", key(3, 0, 4, 0, 1), ReadWrite).in(SYS(elr_el1)),

    // PSTATE and what belongs to the thread
    RegisterRow("sp_el0", key(3, 0, 4, 1, 0), ReadWrite).by(read_sp_el0, write_sp_el0),
    RegisterRow("spsel", key(3, 0, 4, 2, 0), ReadWrite).by(read_sp_sel, write_sp_sel).with(Effect::Context),
    RegisterRow("currentel", key(3, 0, 4, 2, 2), Read).by(read_current_el),
    RegisterRow("pan", key(3, 0, 4, 2, 3), ReadWrite).by(read_pan, write_pan).with(Effect::Context).needs(Feature::Pan),
    RegisterRow("uao", key(3, 0, 4, 2, 4), ReadWrite).by(read_uao, write_uao).with(Effect::Context).needs(Feature::Uao),
    RegisterRow("nzcv", key(3, 3, 4, 2, 0), ReadWrite).at_el0(ReadWrite).by(read_nzcv, write_nzcv),
    RegisterRow("daif", key(3, 3, 4, 2, 1), ReadWrite)
        .at_el0(ReadWrite, El0Trap::Uma)
        .by(read_daif, write_daif)
        .with(Effect::Interrupts),
    RegisterRow("fpcr", key(3, 3, 4, 4, 0), ReadWrite)
        .at_el0(ReadWrite)
        .by(read_fpcr, write_fpcr)
        .with(Effect::Context)
        .needs(Feature::Fp),
    RegisterRow("fpsr", key(3, 3, 4, 4, 1), ReadWrite).at_el0(ReadWrite).by(read_fpsr, write_fpsr).needs(Feature::Fp),
    RegisterRow("tpidr_el1", key(3, 0, 13, 0, 4), ReadWrite).in(SYS(tpidr_el1)),
    RegisterRow("tpidr_el0", key(3, 3, 13, 0, 2), ReadWrite).in(SYS(tpidr_el0)).at_el0(ReadWrite),
    RegisterRow("tpidrro_el0", key(3, 3, 13, 0, 3), ReadWrite).in(SYS(tpidrro_el0)).at_el0(Read),

    // Generic timers. EL1 is the highest level, so that CNTFRQ_EL0 is writable there.
    RegisterRow("cntkctl_el1", key(3, 0, 14, 1, 0), ReadWrite).in(SYS(cntkctl_el1), 0x3FF),
    RegisterRow("cntfrq_el0", key(3, 3, 14, 0, 0), ReadWrite)
        .in(SYS(cntfrq_el0), mask32, kCounterFrequency)
        .at_el0(Read, El0Trap::Frequency),
    RegisterRow("cntpct_el0", key(3, 3, 14, 0, 1), Read).at_el0(Read, El0Trap::Counter).by(read_counter),
    RegisterRow("cntvct_el0", key(3, 3, 14, 0, 2), Read).at_el0(Read, El0Trap::VirtualCounter).by(read_counter),
    timer<PhysicalTimer>("cntp_tval_el0", key(3, 3, 14, 2, 0), read_timer_tval<PhysicalTimer>,
                         write_timer_tval<PhysicalTimer>),
    timer<PhysicalTimer>("cntp_ctl_el0", key(3, 3, 14, 2, 1), read_timer_ctl<PhysicalTimer>,
                         write_timer_ctl<PhysicalTimer>),
    timer<PhysicalTimer>("cntp_cval_el0", key(3, 3, 14, 2, 2), read_timer_cval<PhysicalTimer>,
                         write_timer_cval<PhysicalTimer>),
    timer<VirtualTimer>("cntv_tval_el0", key(3, 3, 14, 3, 0), read_timer_tval<VirtualTimer>,
                        write_timer_tval<VirtualTimer>),
    timer<VirtualTimer>("cntv_ctl_el0", key(3, 3, 14, 3, 1), read_timer_ctl<VirtualTimer>,
                        write_timer_ctl<VirtualTimer>),
    timer<VirtualTimer>("cntv_cval_el0", key(3, 3, 14, 3, 2), read_timer_cval<VirtualTimer>,
                        write_timer_cval<VirtualTimer>),

    // Debug. No external debugger exists: the communications channel is empty and the power controls do nothing.
    RegisterRow("osdtrrx_el1", key(2, 0, 0, 0, 2), ReadWrite).in(SYS(osdtrrx_el1), mask32),
    RegisterRow("mdccint_el1", key(2, 0, 0, 2, 0), ReadWrite).in(SYS(mdccint_el1), bit(29) | bit(30)),
    RegisterRow("mdscr_el1", key(2, 0, 0, 2, 2), ReadWrite)
        .in(SYS(mdscr_el1), kMdscrWritable)
        .written_by(write_watch)
        .with(Effect::Context),
    RegisterRow("osdtrtx_el1", key(2, 0, 0, 3, 2), ReadWrite).in(SYS(osdtrtx_el1), mask32),
    RegisterRow("oseccr_el1", key(2, 0, 0, 6, 2), ReadWrite).in(SYS(oseccr_el1), mask32),
    RegisterRow("mdrar_el1", key(2, 0, 1, 0, 0), Read),
    RegisterRow("oslar_el1", key(2, 0, 1, 0, 4), Write).written_by(write_oslar).with(Effect::Context),
    RegisterRow("oslsr_el1", key(2, 0, 1, 1, 4), Read).by(read_oslsr),
    RegisterRow("osdlr_el1", key(2, 0, 1, 3, 4), ReadWrite),
    RegisterRow("dbgprcr_el1", key(2, 0, 1, 4, 4), ReadWrite),
    RegisterRow("dbgclaimset_el1", key(2, 0, 7, 8, 6), ReadWrite).by(read_claim_set, write_claim_set),
    RegisterRow("dbgclaimclr_el1", key(2, 0, 7, 9, 6), ReadWrite).in(SYS(dbgclaim)).written_by(write_claim_clear),
    RegisterRow("dbgauthstatus_el1", key(2, 0, 7, 14, 6), Read),
    RegisterRow("mdccsr_el0", key(2, 3, 0, 1, 0), Read).at_el0(Read, El0Trap::Tdcc),
    RegisterRow("dbgdtr_el0", key(2, 3, 0, 4, 0), ReadWrite).at_el0(ReadWrite, El0Trap::Tdcc),
    RegisterRow("dbgdtrrx_el0", key(2, 3, 0, 5, 0), ReadWrite).at_el0(ReadWrite, El0Trap::Tdcc),

    // GIC CPU interface: exists on machines with a GICv3.
    icc("icc_pmr_el1", key(3, 0, 4, 6, 0), ReadWrite),
    icc("icc_iar0_el1", key(3, 0, 12, 8, 0), Read),
    icc("icc_eoir0_el1", key(3, 0, 12, 8, 1), Write),
    icc("icc_hppir0_el1", key(3, 0, 12, 8, 2), Read),
    icc("icc_bpr0_el1", key(3, 0, 12, 8, 3), ReadWrite),
    icc("icc_ap0r0_el1", key(3, 0, 12, 8, 4), ReadWrite),
    icc("icc_ap0r1_el1", key(3, 0, 12, 8, 5), ReadWrite),
    icc("icc_ap0r2_el1", key(3, 0, 12, 8, 6), ReadWrite),
    icc("icc_ap0r3_el1", key(3, 0, 12, 8, 7), ReadWrite),
    icc("icc_ap1r0_el1", key(3, 0, 12, 9, 0), ReadWrite),
    icc("icc_ap1r1_el1", key(3, 0, 12, 9, 1), ReadWrite),
    icc("icc_ap1r2_el1", key(3, 0, 12, 9, 2), ReadWrite),
    icc("icc_ap1r3_el1", key(3, 0, 12, 9, 3), ReadWrite),
    icc("icc_dir_el1", key(3, 0, 12, 11, 1), Write),
    icc("icc_rpr_el1", key(3, 0, 12, 11, 3), Read),
    icc("icc_sgi1r_el1", key(3, 0, 12, 11, 5), Write),
    icc("icc_asgi1r_el1", key(3, 0, 12, 11, 6), Write),
    icc("icc_sgi0r_el1", key(3, 0, 12, 11, 7), Write),
    icc("icc_iar1_el1", key(3, 0, 12, 12, 0), Read),
    icc("icc_eoir1_el1", key(3, 0, 12, 12, 1), Write),
    icc("icc_hppir1_el1", key(3, 0, 12, 12, 2), Read),
    icc("icc_bpr1_el1", key(3, 0, 12, 12, 3), ReadWrite),
    icc("icc_ctlr_el1", key(3, 0, 12, 12, 4), ReadWrite),
    icc("icc_sre_el1", key(3, 0, 12, 12, 5), ReadWrite),
    icc("icc_igrpen0_el1", key(3, 0, 12, 12, 6), ReadWrite),
    icc("icc_igrpen1_el1", key(3, 0, 12, 12, 7), ReadWrite),
};

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
