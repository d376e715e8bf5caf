// GicV3's CPU interfaces: the ICC_* system registers (IHI 0069 12.2).
#include "arm64/environment.h"
#include "devices/gic/gic_v3.h"

#include <algorithm>
#include <bit>

namespace beeline::devices::gic {

namespace {

constexpr uint32_t icc(uint32_t crn, uint32_t crm, uint32_t op2) {
    return arm64::system_register_key(3, 0, crn, crm, op2);
}

constexpr uint32_t kPmr = icc(4, 6, 0), kIar0 = icc(12, 8, 0), kEoir0 = icc(12, 8, 1), kHppir0 = icc(12, 8, 2),
                   kBpr0 = icc(12, 8, 3), kAp0r0 = icc(12, 8, 4), kAp1r0 = icc(12, 9, 0), kDir = icc(12, 11, 1),
                   kRpr = icc(12, 11, 3), kSgi1r = icc(12, 11, 5), kAsgi1r = icc(12, 11, 6), kSgi0r = icc(12, 11, 7),
                   kIar1 = icc(12, 12, 0), kEoir1 = icc(12, 12, 1), kHppir1 = icc(12, 12, 2), kBpr1 = icc(12, 12, 3),
                   kCtlr = icc(12, 12, 4), kSre = icc(12, 12, 5), kIgrpen0 = icc(12, 12, 6), kIgrpen1 = icc(12, 12, 7);

constexpr uint8_t kMinimumBinaryPoint = 7 - kPriorityBits;

// ICC_CTLR_EL1: A3V, 24-bit INTIDs, and the number of priority bits less one.
constexpr uint64_t kCtlrCbpr = 1, kCtlrEoiMode = 2, kCtlrPmhe = 1 << 6;
constexpr uint64_t kCtlrFixed = 1u << 15 | 1u << 11 | (kPriorityBits - 1) << 8;
/// System register access only: SRE, DFB and DIB are RAO/WI.
constexpr uint64_t kSreFixed = 7;

} // namespace

uint64_t GicV3::acknowledge(unsigned index, unsigned group) {
    Cpu& cpu = cpus_[index];
    const Candidate best = cpu.best;
    if (best.group1 != (group == 1) || !can_preempt(cpu)) return kNoInterrupt;
    counts_.acknowledges++;
    cpu.active_priorities[group] |= 1u << ((best.priority & group_mask(cpu, group)) >> (8 - kPriorityBits));
    // LPIs have no active state (4.8.2).
    if (best.intid >= Lpis::kFirst)
        lpis_[index].set_pending(best.intid, false);
    else
        word_of(index, best.intid / 32).activate(best.intid % 32);
    update(index);
    return best.intid;
}

void GicV3::end_of_interrupt(unsigned index, unsigned group, uint64_t value) {
    const uint64_t intid = value & 0xFF'FFFF;
    if (intid >= kInterrupts && intid < Lpis::kFirst) return;
    Cpu& cpu = cpus_[index];
    const uint32_t active = cpu.active_priorities[0] | cpu.active_priorities[1];
    // The priority drop concerns the most urgent active interrupt, which must be of the register's group.
    const uint32_t highest = active & (~active + 1);
    if (const unsigned highest_group = (cpu.active_priorities[0] & highest) != 0 ? 0 : 1;
        highest == 0 || highest_group != group)
        return;
    cpu.active_priorities[group] &= ~highest;
    if (!cpu.split_end) deactivate(index, intid);
    update(index);
}

void GicV3::deactivate(unsigned index, uint64_t intid) {
    if (intid >= kInterrupts) return;
    word_of(index, static_cast<unsigned>(intid / 32)).deactivate(intid % 32);
    // A shared interrupt may be routed to another CPU by now.
    if (intid >= kPrivateInterrupts) update_all();
}

void GicV3::send_sgi(unsigned from, unsigned group, uint64_t value) {
    const unsigned sgi = value >> 24 & 0xF;
    const bool all_others = (value >> 40 & 1) != 0; // IRM
    const auto send = [&](unsigned target) {
        Cpu& cpu = cpus_[target];
        if ((cpu.own.group >> sgi & 1) != group) return;
        counts_.sgis++;
        cpu.own.latched |= 1u << sgi;
        update(target);
    };
    if (all_others) {
        for (unsigned target = 0; target < cpus_.size(); target++)
            if (target != from) send(target);
        return;
    }
    // Aff3.Aff2.Aff1 name a cluster, RS and the target list its members (12.2.22).
    const uint64_t cluster = (value >> 48 & 0xFF) << 16 | (value >> 32 & 0xFF) << 8 | (value >> 16 & 0xFF);
    const uint64_t first = (value >> 44 & 0xF) * 16;
    for (uint32_t list = value & 0xFFFF; list != 0; list &= list - 1) {
        const uint64_t affinity0 = first + static_cast<unsigned>(std::countr_zero(list));
        if (const unsigned target = cpu_of_affinity(cluster << 8 | affinity0); target != kNobody) send(target);
    }
}

bool GicV3::read_system_register(unsigned index, uint32_t key, uint64_t& value) {
    Cpu& cpu = cpus_[index];
    const auto highest_pending = [&cpu](bool group1) -> uint64_t {
        return cpu.best.valid() && cpu.best.group1 == group1 ? cpu.best.intid : kNoInterrupt;
    };
    switch (key) {
    case kPmr: value = cpu.priority_mask; return true;
    case kIar0: value = acknowledge(index, 0); return true;
    case kIar1: value = acknowledge(index, 1); return true;
    case kHppir0: value = highest_pending(false); return true;
    case kHppir1: value = highest_pending(true); return true;
    case kBpr0: value = cpu.binary_point[0]; return true;
    case kBpr1:
        value = cpu.common_binary_point ? std::min(cpu.binary_point[0] + 1, 7) : cpu.binary_point[1];
        return true;
    case kAp0r0: value = cpu.active_priorities[0]; return true;
    case kAp1r0: value = cpu.active_priorities[1]; return true;
    case kRpr: value = running_priority(cpu); return true;
    case kCtlr:
        value = kCtlrFixed | (cpu.common_binary_point ? kCtlrCbpr : 0) | (cpu.split_end ? kCtlrEoiMode : 0) |
                (cpu.priority_hint ? kCtlrPmhe : 0);
        return true;
    case kSre: value = kSreFixed; return true;
    case kIgrpen0: value = cpu.group_enabled[0]; return true;
    case kIgrpen1: value = cpu.group_enabled[1]; return true;
    default: return false;
    }
}

bool GicV3::acknowledges(uint32_t key) { return key == kIar0 || key == kIar1; }

bool GicV3::write_system_register(unsigned index, uint32_t key, uint64_t value) {
    Cpu& cpu = cpus_[index];
    switch (key) {
    case kPmr: cpu.priority_mask = static_cast<uint8_t>(value) & kPriorityMask; break;
    case kEoir0: end_of_interrupt(index, 0, value); return true;
    case kEoir1: end_of_interrupt(index, 1, value); return true;
    case kBpr0: cpu.binary_point[0] = std::max<uint8_t>(value & 7, kMinimumBinaryPoint); break;
    case kBpr1:
        if (!cpu.common_binary_point) cpu.binary_point[1] = std::max<uint8_t>(value & 7, kMinimumBinaryPoint + 1);
        break;
    case kAp0r0: cpu.active_priorities[0] = static_cast<uint32_t>(value); break;
    case kAp1r0: cpu.active_priorities[1] = static_cast<uint32_t>(value); break;
    case kDir:
        // Without EOImode the end of interrupt has deactivated it already.
        if (cpu.split_end) deactivate(index, value & 0xFF'FFFF);
        break;
    case kSgi0r: send_sgi(index, 0, value); return true;
    case kSgi1r: send_sgi(index, 1, value); return true;
    // With one security state the alias reaches what Secure Group 1 shares with Group 0.
    case kAsgi1r: send_sgi(index, 0, value); return true;
    case kCtlr:
        cpu.common_binary_point = (value & kCtlrCbpr) != 0;
        cpu.split_end = (value & kCtlrEoiMode) != 0;
        cpu.priority_hint = (value & kCtlrPmhe) != 0;
        break;
    case kSre: return true;
    case kIgrpen0: cpu.group_enabled[0] = (value & 1) != 0; break;
    case kIgrpen1: cpu.group_enabled[1] = (value & 1) != 0; break;
    default: return false;
    }
    update(index);
    return true;
}

} // namespace beeline::devices::gic
