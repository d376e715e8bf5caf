#include "devices/gic/gic_v3.h"

#include <algorithm>
#include <bit>

namespace beeline::devices::gic {

namespace {

// GICD (IHI 0069 12.9); the bit-per-interrupt blocks are decode_bank_register()'s.
constexpr uint64_t kGicdCtlr = 0x0000, kGicdTyper = 0x0004, kGicdIidr = 0x0008, kGicdIrouter = 0x6000;
constexpr uint32_t kCtlrEnables = 3, kCtlrAre = 1u << 4, kCtlrDs = 1u << 6;
constexpr uint32_t kTyperA3v = 1u << 24, kTyperLpis = 1u << 17;
/// INTIDs have 16 bits, as QEMU's.
constexpr uint32_t kTyperIdBits = 15u << 19;
constexpr uint64_t kRoutingMode = uint64_t{1} << 31;
constexpr uint64_t kRouteMask = 0xFF'80FF'FFFF;

// GICR, RD_base frame (12.11); the SGI_base frame follows at 64 KiB.
constexpr uint64_t kGicrCtlr = 0x0000, kGicrIidr = 0x0004, kGicrTyper = 0x0008, kGicrTyperHigh = 0x000C,
                   kGicrWaker = 0x0014, kGicrPropbaser = 0x0070, kGicrPendbaser = 0x0078;
constexpr uint64_t kSgiFrame = 0x1'0000;
constexpr uint32_t kProcessorSleep = 2, kChildrenAsleep = 4;
/// GICR_CTLR: LPIs may be disabled again. GICR_TYPER: there are LPIs.
constexpr uint32_t kEnableLpis = 1, kEnableClearSupported = 2, kPhysicalLpis = 1;

constexpr uint32_t kImplementer = 0x0000'043B;
// Identification registers at 0xFFD0 of each frame: architecture version 3 in PIDR2.
constexpr uint8_t kIdentification[12] = {0x44, 0x00, 0x00, 0x00, 0x92, 0xB4, 0x3B, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

constexpr uint32_t kSgisAreEdges = 0x0000'FFFF;

uint32_t identification(uint64_t offset) { return kIdentification[(offset - 0xFFD0) / 4]; }
constexpr bool is_identification(uint64_t offset) { return offset >= 0xFFD0 && offset < 0x1'0000; }

} // namespace

GicV3::GicV3(unsigned cpus, CpuInterruptSink& sink, GuestMemoryAccess& memory)
    : distributor_(*this), redistributors_(*this), outputs_(cpus, sink), routed_(cpus), cpus_(cpus),
      lpis_(cpus, Lpis(memory)) {
    reset();
}

void GicV3::reset() {
    group_enables_ = 0;
    for (InterruptWord& word : spis_) word.reset(0);
    // An IROUTER of 0 names the first CPU.
    routes_.fill(0);
    one_of_n_.fill(0);
    for (auto& words : routed_) words.fill(0);
    routed_[0].fill(~0u);
    for (Lpis& lpis : lpis_) lpis.reset();
    for (Cpu& cpu : cpus_) {
        InterruptWord own = cpu.own;
        own.reset(kSgisAreEdges);
        cpu = Cpu{};
        cpu.own = own;
        cpu.binary_point = {7 - kPriorityBits, 7 - kPriorityBits + 1};
    }
    update_all();
}

void GicV3::exchange(snapshot::Archive& archive) {
    archive.bits(group_enables_, kCtlrEnables);
    for (InterruptWord& word : spis_) word.exchange(archive);
    for (unsigned spi = 0; spi < kSpis; spi++) {
        archive.bits(routes_[spi], kRouteMask);
        if (archive.loading()) follow_route(spi);
    }
    for (unsigned index = 0; index < cpus_.size(); index++) {
        Cpu& cpu = cpus_[index];
        cpu.own.exchange(archive);
        archive.value(cpu.asleep);
        archive.value(cpu.priority_mask);
        for (uint8_t& point : cpu.binary_point) archive.at_most(point, uint8_t{7});
        archive.require(cpu.binary_point[1] != 0, "a value is out of range");
        for (bool& enabled : cpu.group_enabled) archive.value(enabled);
        archive.values(cpu.active_priorities);
        for (bool* value : {&cpu.common_binary_point, &cpu.split_end, &cpu.priority_hint}) archive.value(*value);
        lpis_[index].exchange(archive);
    }
}

void GicV3::set_spi(unsigned number, bool level) {
    if (number >= kSpis) return;
    spis_[number / 32].set_line(number % 32, level);
    update_all();
}

void GicV3::set_ppi(unsigned cpu, unsigned intid, bool level) {
    cpus_[cpu].own.set_line(intid, level);
    update(cpu);
}

uint32_t GicV3::affinity_of(unsigned cpu) const { return cpu / kCpusPerCluster << 8 | cpu % kCpusPerCluster; }

void GicV3::raise_lpi(unsigned cpu, uint32_t intid) {
    lpis_[cpu].set_pending(intid, true);
    update(cpu);
}

unsigned GicV3::cpu_of_affinity(uint64_t affinity) const {
    const uint64_t cpu = (affinity >> 8) * kCpusPerCluster + (affinity & 0xFF);
    return (affinity & 0xFF) < kCpusPerCluster && affinity >> 16 == 0 && cpu < cpus_.size() ? static_cast<unsigned>(cpu)
                                                                                            : kNobody;
}

// ---- Priorities -------------------------------------------------------------------------------------------------

uint8_t GicV3::running_priority(const Cpu& cpu) const {
    const uint32_t active = cpu.active_priorities[0] | cpu.active_priorities[1];
    return active == 0 ? kIdlePriority : static_cast<uint8_t>(std::countr_zero(active) << (8 - kPriorityBits));
}

uint8_t GicV3::group_mask(const Cpu& cpu, unsigned group) const {
    // Group 1's binary point counts one further than Group 0's, unless ICC_CTLR.CBPR joins them (4.8.6).
    const bool own_point = group == 1 && !cpu.common_binary_point;
    const unsigned point = own_point ? cpu.binary_point[1] - 1u : cpu.binary_point[0];
    return static_cast<uint8_t>(0xFF << (point + 1));
}

uint32_t GicV3::of_enabled_group(const Cpu& cpu, const InterruptWord& word) const {
    return ((group_enables_ & 2) != 0 && cpu.group_enabled[1] ? word.group : 0) |
           ((group_enables_ & 1) != 0 && cpu.group_enabled[0] ? ~word.group : 0);
}

bool GicV3::can_preempt(const Cpu& cpu) const {
    const Candidate& best = cpu.best;
    return best.valid() && best.priority < cpu.priority_mask &&
           (best.priority & group_mask(cpu, best.group1 ? 1 : 0)) < running_priority(cpu);
}

void GicV3::find_best(unsigned index) {
    Cpu& cpu = cpus_[index];
    cpu.best = {};
    consider(cpu.best, cpu.own, cpu.own.candidates() & of_enabled_group(cpu, cpu.own), 0);
    for (unsigned i = 0; i < kSpiWords; i++)
        consider(cpu.best, spis_[i], spis_[i].candidates() & routed_[index][i] & of_enabled_group(cpu, spis_[i]),
                 kPrivateInterrupts + i * 32);
    if ((group_enables_ & 2) == 0 || !cpu.group_enabled[1]) return;
    if (const Candidate& lpi = lpis_[index].best(); lpi.priority < cpu.best.priority) cpu.best = lpi;
}

/// A 1-of-N interrupt goes to the CPU with the least urgent work among those that are awake and take its group.
unsigned GicV3::choose_one_of_n(const InterruptWord& word, unsigned bit) const {
    unsigned chosen = kNobody;
    uint8_t least_urgent = 0;
    for (unsigned index = 0; index < cpus_.size(); index++) {
        const Cpu& cpu = cpus_[index];
        if (cpu.asleep || (of_enabled_group(cpu, word) >> bit & 1) == 0) continue;
        const uint8_t work = std::min({running_priority(cpu), cpu.priority_mask, cpu.best.priority});
        if (chosen == kNobody || work > least_urgent) {
            chosen = index;
            least_urgent = work;
        }
    }
    return chosen;
}

void GicV3::offer_one_of_n() {
    for (unsigned i = 0; i < kSpiWords; i++) {
        uint32_t bits = spis_[i].candidates() & one_of_n_[i];
        while (bits != 0) {
            const unsigned bit = static_cast<unsigned>(std::countr_zero(bits));
            bits &= bits - 1;
            if (const unsigned cpu = choose_one_of_n(spis_[i], bit); cpu != kNobody)
                consider(cpus_[cpu].best, spis_[i], 1u << bit, kPrivateInterrupts + i * 32);
        }
    }
}

void GicV3::signal(unsigned index) {
    const Cpu& cpu = cpus_[index];
    const bool signalled = can_preempt(cpu);
    // With a single security state Group 0 is signalled as FIQ and Group 1 as IRQ (4.6.2).
    outputs_.set(index, signalled && cpu.best.group1, signalled && !cpu.best.group1);
}

void GicV3::update(unsigned index) {
    // Where a 1-of-N interrupt goes depends on every CPU.
    for (unsigned i = 0; i < kSpiWords; i++)
        if ((spis_[i].candidates() & one_of_n_[i]) != 0) return update_all();
    find_best(index);
    signal(index);
}

void GicV3::update_all() {
    for (unsigned cpu = 0; cpu < cpus_.size(); cpu++) find_best(cpu);
    offer_one_of_n();
    for (unsigned cpu = 0; cpu < cpus_.size(); cpu++) signal(cpu);
}

// ---- Distributor ------------------------------------------------------------------------------------------------

uint32_t GicV3::read_distributor(uint64_t offset) const {
    if (const BankAddress bank = decode_bank_register(offset); bank.which != BankRegister::None)
        // With affinity routing the first word lives in the redistributors.
        return bank.word == 0 ? 0 : read_bank(spis_[bank.word - 1], bank);
    if (offset >= kGicdIrouter + kPrivateInterrupts * 8 && offset < kGicdIrouter + kInterrupts * 8)
        return static_cast<uint32_t>(routes_[(offset - kGicdIrouter) / 8 - kPrivateInterrupts] >> (offset & 4) * 8);
    if (is_identification(offset)) return identification(offset);
    switch (offset) {
    case kGicdCtlr: return group_enables_ | kCtlrAre | kCtlrDs;
    case kGicdTyper: return (kInterrupts / 32 - 1) | kTyperIdBits | kTyperA3v | kTyperLpis;
    case kGicdIidr: return kImplementer;
    default: return 0;
    }
}

void GicV3::follow_route(unsigned spi) {
    const uint64_t route = routes_[spi];
    const uint32_t bit = 1u << spi % 32;
    const bool any = (route & kRoutingMode) != 0;
    one_of_n_[spi / 32] = any ? one_of_n_[spi / 32] | bit : one_of_n_[spi / 32] & ~bit;
    const unsigned target = any ? kNobody : cpu_of_affinity((route & 0xFF'FFFF) | (route >> 32 & 0xFF) << 24);
    for (unsigned cpu = 0; cpu < cpus_.size(); cpu++) {
        uint32_t& word = routed_[cpu][spi / 32];
        word = cpu == target ? word | bit : word & ~bit;
    }
}

void GicV3::write_distributor(uint64_t offset, uint32_t value, uint32_t byte_mask) {
    if (const BankAddress bank = decode_bank_register(offset); bank.which != BankRegister::None) {
        if (bank.word != 0) write_bank(spis_[bank.word - 1], bank, {value, byte_mask, 0, 0});
    } else if (offset >= kGicdIrouter + kPrivateInterrupts * 8 && offset < kGicdIrouter + kInterrupts * 8) {
        const unsigned spi = static_cast<unsigned>((offset - kGicdIrouter) / 8) - kPrivateInterrupts;
        const unsigned shift = (offset & 4) != 0 ? 32 : 0;
        uint64_t& route = routes_[spi];
        route = ((route & ~(uint64_t{byte_mask} << shift)) | uint64_t{value & byte_mask} << shift) & kRouteMask;
        follow_route(spi);
    } else if (offset == kGicdCtlr) {
        group_enables_ = value & kCtlrEnables;
    }
    update_all();
}

bool GicV3::Distributor::read(const MmioAccess& access, uint64_t& value) {
    const uint64_t offset = access.offset & ~uint64_t{3};
    if (access.size == 8) {
        value = gic.read_distributor(offset) | uint64_t{gic.read_distributor(offset + 4)} << 32;
    } else {
        value = (gic.read_distributor(offset) & lane_mask(access.offset, access.size)) >> (access.offset & 3) * 8;
    }
    return true;
}

bool GicV3::Distributor::write(const MmioAccess& access, uint64_t value) {
    const uint64_t offset = access.offset & ~uint64_t{3};
    if (access.size == 8) {
        gic.write_distributor(offset, static_cast<uint32_t>(value), ~0u);
        gic.write_distributor(offset + 4, static_cast<uint32_t>(value >> 32), ~0u);
    } else {
        gic.write_distributor(offset, static_cast<uint32_t>(value << (access.offset & 3) * 8),
                              lane_mask(access.offset, access.size));
    }
    return true;
}

// ---- Redistributors ---------------------------------------------------------------------------------------------

uint32_t GicV3::read_redistributor(unsigned index, uint64_t offset) const {
    const Cpu& cpu = cpus_[index];
    if (offset >= kSgiFrame) {
        const uint64_t in_frame = offset - kSgiFrame;
        if (is_identification(in_frame)) return identification(in_frame);
        const BankAddress bank = decode_bank_register(in_frame);
        return bank.which == BankRegister::None || bank.word != 0 ? 0 : read_bank(cpu.own, bank);
    }
    if (is_identification(offset)) return identification(offset);
    const auto half = [offset](uint64_t value) { return static_cast<uint32_t>(value >> offset % 8 * 8); };
    switch (offset) {
    case kGicrCtlr: return kEnableClearSupported | (lpis_[index].enabled() ? kEnableLpis : 0);
    case kGicrPropbaser:
    case kGicrPropbaser + 4: return half(lpis_[index].property_base());
    case kGicrPendbaser:
    case kGicrPendbaser + 4: return half(lpis_[index].pending_base());
    case kGicrIidr: return kImplementer;
    case kGicrTyper: return index << 8 | (index + 1 == cpus_.size() ? 1u << 4 : 0) | kPhysicalLpis;
    case kGicrTyperHigh: return affinity_of(index);
    case kGicrWaker: return cpu.asleep ? kProcessorSleep | kChildrenAsleep : 0;
    default: return 0;
    }
}

void GicV3::write_redistributor(unsigned index, uint64_t offset, uint32_t value, uint32_t byte_mask) {
    Cpu& cpu = cpus_[index];
    if (offset >= kSgiFrame) {
        const BankAddress bank = decode_bank_register(offset - kSgiFrame);
        if (bank.which != BankRegister::None && bank.word == 0)
            write_bank(cpu.own, bank, {value, byte_mask, kSgisAreEdges, 0});
    } else if (offset == kGicrWaker) {
        cpu.asleep = (value & kProcessorSleep) != 0;
    } else if (offset == kGicrCtlr) {
        if ((byte_mask & kEnableLpis) != 0) lpis_[index].enable((value & kEnableLpis) != 0);
    } else if (const uint64_t base = offset & ~uint64_t{7}; base == kGicrPropbaser || base == kGicrPendbaser) {
        Lpis& lpis = lpis_[index];
        const unsigned shift = offset % 8 * 8;
        const uint64_t mask = uint64_t{byte_mask} << shift;
        const uint64_t bits = uint64_t{value} << shift & mask;
        if (base == kGicrPropbaser)
            lpis.set_property_base((lpis.property_base() & ~mask) | bits);
        else
            lpis.set_pending_base((lpis.pending_base() & ~mask) | bits);
    }
    update(index);
}

bool GicV3::Redistributors::read(const MmioAccess& access, uint64_t& value) {
    const auto cpu = static_cast<unsigned>(access.offset / kRedistributorStride);
    if (cpu >= gic.cpus_.size()) return false;
    const uint64_t offset = access.offset % kRedistributorStride & ~uint64_t{3};
    if (access.size == 8) {
        value = gic.read_redistributor(cpu, offset) | uint64_t{gic.read_redistributor(cpu, offset + 4)} << 32;
    } else {
        value =
            (gic.read_redistributor(cpu, offset) & lane_mask(access.offset, access.size)) >> (access.offset & 3) * 8;
    }
    return true;
}

bool GicV3::Redistributors::write(const MmioAccess& access, uint64_t value) {
    const auto cpu = static_cast<unsigned>(access.offset / kRedistributorStride);
    if (cpu >= gic.cpus_.size()) return false;
    const uint64_t offset = access.offset % kRedistributorStride & ~uint64_t{3};
    if (access.size == 8) {
        gic.write_redistributor(cpu, offset, static_cast<uint32_t>(value), ~0u);
        gic.write_redistributor(cpu, offset + 4, static_cast<uint32_t>(value >> 32), ~0u);
    } else {
        gic.write_redistributor(cpu, offset, static_cast<uint32_t>(value << (access.offset & 3) * 8),
                                lane_mask(access.offset, access.size));
    }
    return true;
}

} // namespace beeline::devices::gic
