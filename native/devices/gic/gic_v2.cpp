#include "devices/gic/gic_v2.h"

#include <algorithm>
#include <bit>

namespace beeline::devices::gic {

namespace {

// GICD offsets (IHI 0048B table 4-1); the bit-per-interrupt blocks are decode_bank_register()'s.
constexpr uint64_t kGicdCtlr = 0x000, kGicdTyper = 0x004, kGicdIidr = 0x008, kGicdItargetsr = 0x800, kGicdSgir = 0xF00,
                   kGicdCpendsgir = 0xF10, kGicdSpendsgir = 0xF20, kGicdSgirEnd = 0xF30;
// GICC offsets (table 4-2).
constexpr uint64_t kGiccCtlr = 0x00, kGiccPmr = 0x04, kGiccBpr = 0x08, kGiccIar = 0x0C, kGiccEoir = 0x10,
                   kGiccRpr = 0x14, kGiccHppir = 0x18, kGiccAbpr = 0x1C, kGiccAiar = 0x20, kGiccAeoir = 0x24,
                   kGiccAhppir = 0x28, kGiccApr0 = 0xD0, kGiccNsapr0 = 0xE0, kGiccIidr = 0xFC, kGiccDir = 0x1000;

constexpr uint32_t kEnableGroup0 = 1, kEnableGroup1 = 2;
// GICC_CTLR
constexpr uint32_t kAckCtl = 1u << 2, kFiqEn = 1u << 3, kCbpr = 1u << 4, kEoiMode = 1u << 9;
constexpr uint32_t kControlMask = 0x3FF;

constexpr uint32_t kSgisAreEdges = 0x0000'FFFF;
constexpr uint8_t kMinimumBinaryPoint = 7 - kPriorityBits;
constexpr uint32_t kNotForThisView = 1022; ///< A Group 1 interrupt read through the Group 0 register

constexpr uint32_t kGic400 = 0x0200'143B;
// Peripheral and component identification at 0xFD0: architecture version 2 in ICPIDR2.
constexpr uint8_t kIdentification[12] = {0x04, 0x00, 0x00, 0x00, 0x90, 0xB4, 0x2B, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

} // namespace

bool GicV2::acknowledges(uint64_t offset) { return offset == kGiccIar || offset == kGiccAiar; }

GicV2::GicV2(unsigned cpus, CpuInterruptSink& sink)
    : distributor_(*this), cpu_interface_(*this), outputs_(cpus, sink), cpus_(cpus) {
    reset();
}

void GicV2::reset() {
    control_ = 0;
    for (InterruptWord& word : spis_) word.reset(0);
    targets_.fill(0);
    for (Cpu& cpu : cpus_) {
        InterruptWord own = cpu.own;
        own.reset(kSgisAreEdges);
        own.enabled = kSgisAreEdges;
        cpu = Cpu{};
        cpu.own = own;
        cpu.binary_point = kMinimumBinaryPoint;
        cpu.aliased_binary_point = kMinimumBinaryPoint + 1;
        // With one CPU there is nothing to choose: ITARGETSR is RAZ/WI and every SPI goes there (4.3.12).
        if (cpus_.size() == 1) cpu.targeted.fill(~0u);
    }
    update_all();
}

void GicV2::set_spi(unsigned number, bool level) {
    if (number >= kSpis) return;
    spis_[number / 32].set_line(number % 32, level);
    update_all();
}

void GicV2::set_ppi(unsigned cpu, unsigned intid, bool level) {
    cpus_[cpu].own.set_line(intid, level);
    update(cpu);
}

// ---- Priorities -------------------------------------------------------------------------------------------------

void GicV2::exchange(snapshot::Archive& archive) {
    archive.value(control_);
    for (InterruptWord& word : spis_) word.exchange(archive);
    archive.values(targets_);
    for (Cpu& cpu : cpus_) {
        cpu.own.exchange(archive);
        archive.values(cpu.sgi_sources);
        archive.values(cpu.targeted);
        archive.bits(cpu.control, kControlMask);
        archive.value(cpu.priority_mask);
        archive.at_most(cpu.binary_point, uint8_t{7});
        archive.at_most(cpu.aliased_binary_point, uint8_t{7});
        archive.require(cpu.aliased_binary_point > kMinimumBinaryPoint, "a value is out of range");
        archive.values(cpu.active_priorities);
    }
}

uint8_t GicV2::running_priority(const Cpu& cpu) const {
    const uint32_t active = cpu.active_priorities[0] | cpu.active_priorities[1];
    return active == 0 ? kIdlePriority : static_cast<uint8_t>(std::countr_zero(active) << (8 - kPriorityBits));
}

uint8_t GicV2::group_mask(const Cpu& cpu, bool group1) const {
    // ABPR counts one further than BPR (IHI 0048B 3.3.3, table 3-2).
    const bool own_point = group1 && (cpu.control & kCbpr) == 0;
    const unsigned point = own_point ? cpu.aliased_binary_point - 1u : cpu.binary_point;
    return static_cast<uint8_t>(0xFF << (point + 1));
}

bool GicV2::can_preempt(const Cpu& cpu) const {
    const Candidate& best = cpu.best;
    return best.valid() && best.priority < cpu.priority_mask &&
           (best.priority & group_mask(cpu, best.group1)) < running_priority(cpu);
}

void GicV2::update(unsigned index) {
    Cpu& cpu = cpus_[index];
    cpu.best = {};
    const uint32_t enabled = control_ & cpu.control;
    const auto of_enabled_group = [enabled](const InterruptWord& word) {
        return ((enabled & kEnableGroup1) != 0 ? word.group : 0) | ((enabled & kEnableGroup0) != 0 ? ~word.group : 0);
    };
    consider(cpu.best, cpu.own, cpu.own.candidates() & of_enabled_group(cpu.own), 0);
    for (unsigned i = 0; i < kSpiWords; i++)
        consider(cpu.best, spis_[i], spis_[i].candidates() & cpu.targeted[i] & of_enabled_group(spis_[i]),
                 kPrivateInterrupts + i * 32);
    const bool signal = can_preempt(cpu);
    const bool as_fiq = !cpu.best.group1 && (cpu.control & kFiqEn) != 0;
    outputs_.set(index, signal && !as_fiq, signal && as_fiq);
}

void GicV2::update_all() {
    for (unsigned cpu = 0; cpu < cpus_.size(); cpu++) update(cpu);
}

// ---- Distributor ------------------------------------------------------------------------------------------------

uint32_t GicV2::read_targets(unsigned cpu, unsigned first) const {
    if (cpus_.size() == 1) return 0;
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned intid = first + i;
        const uint8_t target =
            intid < kPrivateInterrupts ? static_cast<uint8_t>(1u << cpu) : targets_[intid - kPrivateInterrupts];
        value |= uint32_t{target} << i * 8;
    }
    return value;
}

void GicV2::write_targets(unsigned first, uint32_t value, uint32_t byte_mask) {
    if (cpus_.size() == 1 || first < kPrivateInterrupts) return;
    for (unsigned i = 0; i < 4; i++) {
        if ((byte_mask >> i * 8 & 0xFF) == 0) continue;
        const unsigned spi = first + i - kPrivateInterrupts;
        targets_[spi] = static_cast<uint8_t>(value >> i * 8 & ((1u << cpus_.size()) - 1));
        for (unsigned cpu = 0; cpu < cpus_.size(); cpu++) {
            uint32_t& word = cpus_[cpu].targeted[spi / 32];
            const uint32_t bit = 1u << spi % 32;
            word = (targets_[spi] >> cpu & 1) != 0 ? word | bit : word & ~bit;
        }
    }
}

void GicV2::send_sgi(unsigned from, uint32_t value) {
    const unsigned sgi = value & 0xF;
    uint32_t targets = 0;
    switch (value >> 24 & 3) { // TargetListFilter
    case 0: targets = value >> 16 & 0xFF; break;
    case 1: targets = 0xFF & ~(1u << from); break;
    case 2: targets = 1u << from; break;
    default: break;
    }
    for (unsigned cpu = 0; cpu < cpus_.size(); cpu++) {
        if ((targets >> cpu & 1) == 0) continue;
        counts_.sgis++;
        cpus_[cpu].sgi_sources[sgi] |= static_cast<uint8_t>(1u << from);
        cpus_[cpu].own.latched |= 1u << sgi;
        update(cpu);
    }
}

void GicV2::change_sgi_sources(unsigned cpu, uint64_t offset, uint32_t bits, bool set) {
    const auto valid = static_cast<uint8_t>((1u << cpus_.size()) - 1);
    for (unsigned i = 0; i < 4; i++) {
        const unsigned sgi = static_cast<unsigned>(offset & 0xC) + i;
        const auto sources = static_cast<uint8_t>(bits >> i * 8 & valid);
        uint8_t& pending = cpus_[cpu].sgi_sources[sgi];
        pending = static_cast<uint8_t>(set ? pending | sources : pending & ~sources);
        uint32_t& latched = cpus_[cpu].own.latched;
        latched = pending != 0 ? latched | 1u << sgi : latched & ~(1u << sgi);
    }
}

uint32_t GicV2::read_distributor(unsigned cpu, uint64_t offset) {
    if (const BankAddress bank = decode_bank_register(offset); bank.which != BankRegister::None)
        return read_bank(word_of(cpu, bank.word), bank);
    if (offset >= kGicdItargetsr && offset < kGicdItargetsr + kInterrupts)
        return read_targets(cpu, static_cast<unsigned>(offset - kGicdItargetsr));
    if (offset >= kGicdCpendsgir && offset < kGicdSgirEnd) {
        uint32_t value = 0;
        for (unsigned i = 0; i < 4; i++) value |= uint32_t{cpus_[cpu].sgi_sources[(offset & 0xC) + i]} << i * 8;
        return value;
    }
    if (offset >= 0xFD0 && offset < 0x1000) return kIdentification[(offset - 0xFD0) / 4];
    switch (offset) {
    case kGicdCtlr: return control_;
    case kGicdTyper: return (kInterrupts / 32 - 1) | static_cast<uint32_t>(cpus_.size() - 1) << 5;
    case kGicdIidr: return kGic400;
    default: return 0;
    }
}

void GicV2::write_distributor(unsigned cpu, uint64_t offset, uint32_t value, uint32_t byte_mask) {
    if (const BankAddress bank = decode_bank_register(offset); bank.which != BankRegister::None) {
        // SGIs are always enabled, edge-triggered, and made pending by SGIR and SPENDSGIR alone.
        if (bank.word == 0 && bank.which == BankRegister::ClearEnable) value &= ~kSgisAreEdges;
        const uint32_t sgis = bank.word == 0 ? kSgisAreEdges : 0;
        write_bank(word_of(cpu, bank.word), bank, {value, byte_mask, sgis, sgis});
    } else if (offset >= kGicdItargetsr && offset < kGicdItargetsr + kInterrupts) {
        write_targets(static_cast<unsigned>(offset - kGicdItargetsr), value, byte_mask);
    } else if (offset >= kGicdCpendsgir && offset < kGicdSgirEnd) {
        change_sgi_sources(cpu, offset, value & byte_mask, offset >= kGicdSpendsgir);
    } else if (offset == kGicdCtlr) {
        control_ = value & (kEnableGroup0 | kEnableGroup1);
    } else if (offset == kGicdSgir) {
        send_sgi(cpu, value);
        return;
    }
    update_all();
}

bool GicV2::Distributor::read(const MmioAccess& access, uint64_t& value) {
    const uint32_t word = gic.read_distributor(access.cpu, access.offset & ~uint64_t{3});
    value = (word & lane_mask(access.offset, access.size)) >> (access.offset & 3) * 8;
    return true;
}

bool GicV2::Distributor::write(const MmioAccess& access, uint64_t value) {
    gic.write_distributor(access.cpu, access.offset & ~uint64_t{3},
                          static_cast<uint32_t>(value << (access.offset & 3) * 8),
                          lane_mask(access.offset, access.size));
    return true;
}

// ---- CPU interface ----------------------------------------------------------------------------------------------

uint32_t GicV2::with_source(const Cpu& cpu, const Candidate& candidate) const {
    if (candidate.intid >= 16) return candidate.intid;
    const uint8_t sources = cpu.sgi_sources[candidate.intid];
    return candidate.intid | static_cast<uint32_t>(sources == 0 ? 0 : std::countr_zero(sources)) << 10;
}

uint32_t GicV2::acknowledge(Cpu& cpu, unsigned index) {
    const Candidate best = cpu.best;
    const uint32_t value = with_source(cpu, best);
    counts_.acknowledges++;
    cpu.active_priorities[best.group1 ? 1 : 0] |=
        1u << ((best.priority & group_mask(cpu, best.group1)) >> (8 - kPriorityBits));
    word_of(index, best.intid / 32).activate(best.intid % 32);
    if (best.intid < 16) {
        uint8_t& sources = cpu.sgi_sources[best.intid];
        sources &= static_cast<uint8_t>(sources - 1);
        if (sources != 0) cpu.own.latched |= 1u << best.intid;
    }
    update_all();
    return value;
}

void GicV2::deactivate(Cpu& cpu, uint32_t value) {
    const unsigned intid = value & 0x3FF;
    if (intid >= kInterrupts) return;
    word_of(static_cast<unsigned>(&cpu - cpus_.data()), intid / 32).deactivate(intid % 32);
}

void GicV2::end_of_interrupt(Cpu& cpu, uint32_t value, bool aliased) {
    if ((value & 0x3FF) >= kInterrupts) return;
    const uint32_t active = cpu.active_priorities[0] | cpu.active_priorities[1];
    if (active == 0) return;
    const uint32_t highest = active & (~active + 1);
    const bool group1 = (cpu.active_priorities[0] & highest) == 0;
    if (aliased ? !group1 : group1 && (cpu.control & kAckCtl) == 0) return;
    cpu.active_priorities[group1 ? 1 : 0] &= ~highest;
    if ((cpu.control & kEoiMode) == 0) deactivate(cpu, value);
}

uint32_t GicV2::read_cpu_interface(unsigned index, uint64_t offset) {
    Cpu& cpu = cpus_[index];
    const bool through_group0 = !cpu.best.group1 || (cpu.control & kAckCtl) != 0;
    switch (offset) {
    case kGiccCtlr: return cpu.control;
    case kGiccPmr: return cpu.priority_mask;
    case kGiccBpr: return cpu.binary_point;
    case kGiccIar:
        if (!can_preempt(cpu)) return kNoInterrupt;
        return through_group0 ? acknowledge(cpu, index) : kNotForThisView;
    case kGiccRpr: return running_priority(cpu);
    case kGiccHppir:
        if (!cpu.best.valid()) return kNoInterrupt;
        return through_group0 ? with_source(cpu, cpu.best) : kNotForThisView;
    case kGiccAbpr: return cpu.aliased_binary_point;
    case kGiccAiar: return can_preempt(cpu) && cpu.best.group1 ? acknowledge(cpu, index) : kNoInterrupt;
    case kGiccAhppir: return cpu.best.group1 ? with_source(cpu, cpu.best) : kNoInterrupt;
    case kGiccApr0: return cpu.active_priorities[0];
    case kGiccNsapr0: return cpu.active_priorities[1];
    case kGiccIidr: return kGic400 | 0x2'0000; // Architecture version 2 in bits 19..16
    default: return 0;
    }
}

void GicV2::write_cpu_interface(unsigned index, uint64_t offset, uint32_t value) {
    Cpu& cpu = cpus_[index];
    switch (offset) {
    case kGiccCtlr: cpu.control = value & kControlMask; break;
    case kGiccPmr: cpu.priority_mask = static_cast<uint8_t>(value) & kPriorityMask; break;
    case kGiccBpr: cpu.binary_point = std::max<uint8_t>(value & 7, kMinimumBinaryPoint); break;
    case kGiccAbpr: cpu.aliased_binary_point = std::max<uint8_t>(value & 7, kMinimumBinaryPoint + 1); break;
    case kGiccEoir: end_of_interrupt(cpu, value, false); break;
    case kGiccAeoir: end_of_interrupt(cpu, value, true); break;
    case kGiccApr0: cpu.active_priorities[0] = value; break;
    case kGiccNsapr0: cpu.active_priorities[1] = value; break;
    case kGiccDir:
        if ((cpu.control & kEoiMode) != 0) deactivate(cpu, value);
        break;
    default: return;
    }
    update_all();
}

bool GicV2::CpuInterface::read(const MmioAccess& access, uint64_t& value) {
    const uint32_t word = gic.read_cpu_interface(access.cpu, access.offset & ~uint64_t{3});
    value = (word & lane_mask(access.offset, access.size)) >> (access.offset & 3) * 8;
    return true;
}

bool GicV2::CpuInterface::write(const MmioAccess& access, uint64_t value) {
    if (access.offset % 4 == 0) gic.write_cpu_interface(access.cpu, access.offset, static_cast<uint32_t>(value));
    return true;
}

} // namespace beeline::devices::gic
