// GICv2 and GICv3: pending and active states, priorities, preemption, groups, routing, SGIs.
#include "arm64/environment.h"
#include "board_support.h"
#include "devices/gic/gic_v2.h"
#include "devices/gic/gic_v3.h"
#include "virtio_driver.h"

using namespace beeline;
using namespace beeline::test;
using devices::gic::GicV2;
using devices::gic::GicV3;

namespace {

constexpr uint64_t kGroup = 0x080, kSetEnable = 0x100, kClearEnable = 0x180, kSetPending = 0x200, kClearPending = 0x280,
                   kSetActive = 0x300, kClearActive = 0x380, kPriority = 0x400, kTargets = 0x800,
                   kConfiguration = 0xC00, kSgir = 0xF00, kCpendsgir = 0xF10, kSpendsgir = 0xF20;
constexpr uint64_t kGiccCtlr = 0x00, kPmr = 0x04, kBpr = 0x08, kIar = 0x0C, kEoir = 0x10, kRpr = 0x14, kHppir = 0x18,
                   kAbpr = 0x1C, kAiar = 0x20, kAeoir = 0x24, kDir = 0x1000;

struct V2 {
    RecordingCpus cpus;
    GicV2 gic;
    Registers distributor, interface;

    explicit V2(unsigned count = 2) : gic(count, cpus), distributor{gic.distributor()}, interface { gic.cpu_frames() } {
        distributor.write(0, 3);
        for (unsigned cpu = 0; cpu < count; cpu++) {
            at(cpu).write(kGiccCtlr, 1);
            at(cpu).write(kPmr, 0xF8);
        }
    }
    Registers at(unsigned cpu) { return {gic.cpu_frames(), cpu}; }
    Registers banked(unsigned cpu) { return {gic.distributor(), cpu}; }
    void enable(unsigned intid, uint8_t priority, uint8_t targets = 1) {
        distributor.write(kPriority + intid, priority, 1);
        distributor.write(kTargets + intid, targets, 1);
        distributor.write(kSetEnable + intid / 32 * 4, 1u << intid % 32);
    }
};

void v2_level() {
    V2 m;
    m.enable(40, 0xA0);
    m.gic.set_spi(8, true);
    check(m.cpus.irq[0], "v2 level: IRQ is raised");
    check_equal(m.interface.read(kHppir), 40, "v2 level: HPPIR");
    check_equal(m.interface.read(kIar), 40, "v2 level: IAR");
    check(!m.cpus.irq[0], "v2 level: IRQ falls on acknowledge");
    check_equal(m.distributor.read(kSetActive + 4), 1u << 8, "v2 level: active");
    check_equal(m.distributor.read(kSetPending + 4), 1u << 8, "v2 level: still pending while the wire is high");
    check_equal(m.interface.read(kRpr), 0xA0, "v2 level: running priority");
    check_equal(m.interface.read(kIar), 1023, "v2 level: an active interrupt is not signalled again");
    m.interface.write(kEoir, 40);
    check(m.cpus.irq[0], "v2 level: pending again after EOI with the wire high");
    m.interface.read(kIar);
    m.gic.set_spi(8, false);
    m.interface.write(kEoir, 40);
    check(!m.cpus.irq[0], "v2 level: quiet with the wire low");
    check_equal(m.interface.read(kRpr), 0xFF, "v2 level: idle priority");
    check_equal(m.interface.read(kIar), 1023, "v2 level: spurious");
}

void v2_edge() {
    V2 m;
    m.distributor.write(kConfiguration + 4 * (40 / 16), 2u << 40 % 16 * 2);
    m.enable(40, 0xA0);
    m.gic.set_spi(8, true);
    m.gic.set_spi(8, false);
    check_equal(m.interface.read(kIar), 40, "v2 edge: latched past the end of the pulse");
    m.gic.set_spi(8, true);
    check_equal(m.distributor.read(kSetPending + 4), 1u << 8, "v2 edge: an edge while active pends");
    m.interface.write(kEoir, 40);
    check_equal(m.interface.read(kIar), 40, "v2 edge: and is taken next");
    m.interface.write(kEoir, 40);
    check_equal(m.interface.read(kIar), 1023, "v2 edge: once, though the wire stays high");
    m.distributor.write(kSetPending + 4, 1u << 8);
    m.distributor.write(kClearPending + 4, 1u << 8);
    check(!m.cpus.irq[0], "v2 edge: ICPENDR takes it back");
}

void v2_priorities() {
    V2 m;
    m.enable(40, 0xA0);
    m.enable(41, 0x80);
    m.enable(42, 0x80);
    for (const unsigned spi : {8, 9, 10}) m.gic.set_spi(spi, true);
    check_equal(m.interface.read(kIar), 41, "v2 priority: most urgent, lowest INTID first");
    check_equal(m.interface.read(kIar), 1023, "v2 priority: an equal does not preempt");
    m.enable(43, 0x20);
    m.gic.set_spi(11, true);
    check(m.cpus.irq[0], "v2 priority: a more urgent one preempts");
    check_equal(m.interface.read(kIar), 43, "v2 priority: preempting");
    check_equal(m.interface.read(kRpr), 0x20, "v2 priority: nested running priority");
    m.gic.set_spi(11, false);
    m.interface.write(kEoir, 43);
    check_equal(m.interface.read(kRpr), 0x80, "v2 priority: back to the outer one");
    m.gic.set_spi(9, false);
    m.interface.write(kEoir, 41);
    check_equal(m.interface.read(kIar), 42, "v2 priority: the equal comes after EOI");
    m.gic.set_spi(10, false);
    m.interface.write(kEoir, 42);
    m.interface.write(kPmr, 0xA0);
    check(!m.cpus.irq[0], "v2 priority: PMR masks its own level");
    m.interface.write(kPmr, 0xA8);
    check(m.cpus.irq[0], "v2 priority: and lets the next through");
    m.distributor.write(kPriority + 40, 0xFF, 1);
    check_equal(m.distributor.read(kPriority + 40, 1), 0xF8, "v2 priority: five bits");

    V2 grouped;
    grouped.interface.write(kBpr, 5); // Group priority in bits 7..6
    grouped.enable(40, 0x90);
    grouped.enable(41, 0x80);
    grouped.gic.set_spi(8, true);
    grouped.interface.read(kIar);
    grouped.gic.set_spi(9, true);
    check(!grouped.cpus.irq[0], "v2 binary point: no preemption within a group priority");
    grouped.interface.write(kBpr, 0);
    check_equal(grouped.interface.read(kBpr), 2, "v2 binary point: minimum");
}

void v2_targets_and_sgis() {
    V2 m(4);
    check_equal(m.banked(2).read(kTargets), 0x04040404, "v2 targets: banked words name their own CPU");
    m.enable(40, 0xA0, 0b0110);
    m.gic.set_spi(8, true);
    check(!m.cpus.irq[0] && m.cpus.irq[1] && m.cpus.irq[2], "v2 targets: both targets see it");
    check_equal(m.at(2).read(kIar), 40, "v2 targets: the first to ask gets it");
    check_equal(m.at(1).read(kIar), 1023, "v2 targets: the other gets a spurious one");
    m.gic.set_spi(8, false);
    m.at(2).write(kEoir, 40);

    m.banked(0).write(kSgir, 0b1010u << 16 | 5);
    m.banked(2).write(kSgir, 0b1000u << 16 | 5);
    check(m.cpus.irq[1] && m.cpus.irq[3] && !m.cpus.irq[0], "v2 SGI: target list");
    check_equal(m.banked(3).read(kSpendsgir + 4), 0b101u << 8, "v2 SGI: pending by source");
    check_equal(m.at(3).read(kIar), 5, "v2 SGI: from CPU 0");
    m.at(3).write(kEoir, 5);
    check_equal(m.at(3).read(kIar), 5 | 2u << 10, "v2 SGI: from CPU 2");
    m.at(3).write(kEoir, 5 | 2u << 10);
    check_equal(m.at(3).read(kIar), 1023, "v2 SGI: no more");
    m.banked(1).write(kCpendsgir + 4, 1u << 8);
    check(!m.cpus.irq[1], "v2 SGI: CPENDSGIR");
    m.banked(1).write(kSgir, 1u << 24 | 7);
    check(m.cpus.irq[0] && !m.cpus.irq[1] && m.cpus.irq[2] && m.cpus.irq[3], "v2 SGI: all but self");
    m.banked(1).write(kSgir, 2u << 24 | 6);
    check_equal(m.at(1).read(kIar), 6 | 1u << 10, "v2 SGI: self");
    m.banked(0).write(kClearEnable, 0xFFFF);
    check_equal(m.banked(0).read(kSetEnable), 0xFFFF, "v2 SGI: always enabled");

    V2 single(1);
    single.enable(40, 0xA0, 0);
    single.gic.set_spi(8, true);
    check(single.cpus.irq[0], "v2 one CPU: every SPI goes there");
    check_equal(single.distributor.read(kTargets + 40), 0, "v2 one CPU: ITARGETSR is RAZ");
}

void v2_groups() {
    V2 m;
    m.enable(40, 0xA0);
    m.distributor.write(kGroup + 4, 1u << 8);
    m.gic.set_spi(8, true);
    check(!m.cpus.irq[0], "v2 group: not enabled at the interface");
    m.interface.write(kGiccCtlr, 3);
    check(m.cpus.irq[0], "v2 group: Group 1 is an IRQ");
    check_equal(m.interface.read(kIar), 1022, "v2 group: not through IAR without AckCtl");
    check_equal(m.interface.read(kAiar), 40, "v2 group: through AIAR");
    m.gic.set_spi(8, false);
    m.interface.write(kAeoir, 40);
    check_equal(m.interface.read(kRpr), 0xFF, "v2 group: AEOIR ends it");
    m.interface.write(kGiccCtlr, 3 | 1u << 3);
    m.enable(41, 0xA0);
    m.gic.set_spi(9, true);
    check(m.cpus.fiq[0] && !m.cpus.irq[0], "v2 group: Group 0 is a FIQ with FIQEn");
    check_equal(m.interface.read(kAbpr), 3, "v2 group: ABPR's minimum");

    V2 split;
    split.interface.write(kGiccCtlr, 1 | 1u << 9);
    split.enable(40, 0xA0);
    split.gic.set_spi(8, true);
    split.interface.read(kIar);
    split.interface.write(kEoir, 40);
    check_equal(split.interface.read(kRpr), 0xFF, "v2 EOImode: EOIR drops the priority");
    check_equal(split.distributor.read(kSetActive + 4), 1u << 8, "v2 EOImode: and leaves it active");
    check(!split.cpus.irq[0], "v2 EOImode: so it is not signalled");
    split.interface.write(kDir, 40);
    check(split.cpus.irq[0], "v2 EOImode: DIR deactivates it");
    split.distributor.write(kSetActive + 4, 1u << 8);
    check(!split.cpus.irq[0], "v2 ISACTIVER holds it back");
    split.distributor.write(kClearActive + 4, 1u << 8);
    check(split.cpus.irq[0], "v2 ICACTIVER lets it go");

    split.gic.reset();
    check(!split.cpus.irq[0], "v2 reset: quiet");
    check_equal(split.distributor.read(0xFE8), 0x2B, "v2 ICPIDR2");
    check_equal(split.distributor.read(4), 8 | 1u << 5, "v2 GICD_TYPER");
}

// ---- GICv3 ------------------------------------------------------------------------------------------------------

constexpr uint32_t icc(uint32_t crn, uint32_t crm, uint32_t op2) {
    return arm64::system_register_key(3, 0, crn, crm, op2);
}
constexpr uint32_t kIccPmr = icc(4, 6, 0), kIar0 = icc(12, 8, 0), kEoir0 = icc(12, 8, 1), kBpr0 = icc(12, 8, 3),
                   kAp0r0 = icc(12, 8, 4), kAp0r1 = icc(12, 8, 5), kAp1r0 = icc(12, 9, 0), kIccDir = icc(12, 11, 1),
                   kIccRpr = icc(12, 11, 3), kSgi1r = icc(12, 11, 5), kSgi0r = icc(12, 11, 7), kIar1 = icc(12, 12, 0),
                   kEoir1 = icc(12, 12, 1), kHppir1 = icc(12, 12, 2), kBpr1 = icc(12, 12, 3), kIccCtlr = icc(12, 12, 4),
                   kSre = icc(12, 12, 5), kIgrpen0 = icc(12, 12, 6), kIgrpen1 = icc(12, 12, 7);
constexpr uint64_t kSgiFrame = 0x10000, kRouter = 0x6000;

struct V3 {
    RecordingCpus cpus;
    Ram ram;
    GicV3 gic;
    Registers distributor;

    explicit V3(unsigned count = 2) : gic(count, cpus, ram), distributor{gic.distributor()} {
        distributor.write(0, 3);
        for (unsigned word = 1; word < 9; word++) distributor.write(kGroup + word * 4, ~0u);
        for (unsigned cpu = 0; cpu < count; cpu++) {
            set_frame(cpu, 0x14, 0); // GICR_WAKER
            set_frame(cpu, kSgiFrame + kGroup, ~0u);
            set(cpu, kIccPmr, 0xF8);
            set(cpu, kIgrpen1, 1);
        }
    }
    void set_frame(unsigned cpu, uint64_t offset, uint64_t value) {
        Registers{gic.cpu_frames(), cpu}.write(cpu * GicV3::kRedistributorStride + offset, value);
    }
    uint64_t frame(unsigned cpu, uint64_t offset, unsigned size = 4) {
        return Registers{gic.cpu_frames(), cpu}.read(cpu * GicV3::kRedistributorStride + offset, size);
    }
    uint64_t get(unsigned cpu, uint32_t key) {
        uint64_t value = ~uint64_t{0};
        check(gic.read_system_register(cpu, key, value), fmt::format("register {:#x} can be read", key));
        return value;
    }
    void set(unsigned cpu, uint32_t key, uint64_t value) {
        check(gic.write_system_register(cpu, key, value), fmt::format("register {:#x} can be written", key));
    }
    void enable(unsigned intid, uint8_t priority, uint64_t route = 0) {
        distributor.write(kPriority + intid, priority, 1);
        distributor.write(kRouter + intid * 8, route, 8);
        distributor.write(kSetEnable + intid / 32 * 4, 1u << intid % 32);
    }
};

void v3_identity() {
    V3 m(20);
    check_equal(m.distributor.read(0), 3 | 1u << 4 | 1u << 6, "v3 GICD_CTLR: ARE and DS are fixed");
    check_equal(m.distributor.read(4) & 0x1F, 8, "v3 GICD_TYPER: 288 INTIDs");
    check_equal(m.distributor.read(4) >> 17 & 1, 1, "v3 GICD_TYPER: LPIs");
    check_equal(m.distributor.read(0xFFE8), 0x3B, "v3 GICD_PIDR2");
    check_equal(m.frame(0, 0xFFE8), 0x3B, "v3 GICR_PIDR2");
    check_equal(m.frame(0, 8, 8), 1, "v3 GICR_TYPER of the first");
    check_equal(m.frame(17, 8, 8), 0x101ull << 32 | 17u << 8 | 1, "v3 GICR_TYPER: affinity 0.0.1.1");
    check_equal(m.frame(19, 8, 8), 0x103ull << 32 | 19u << 8 | 1u << 4 | 1, "v3 GICR_TYPER: the last");
    uint64_t value = 0;
    check(!m.gic.cpu_frames().read({20 * GicV3::kRedistributorStride, 4, 0}, value),
          "v3: no redistributor behind the last");
    check_equal(m.get(0, kSre), 7, "v3 ICC_SRE");
    check_equal(m.get(0, kIccCtlr) >> 8 & 7, 4, "v3 ICC_CTLR.PRIbits");
    check(!m.gic.read_system_register(0, kAp0r1, value), "v3: AP0R1 does not exist with five priority bits");
    check(!m.gic.write_system_register(0, kIar1, 0), "v3: IAR1 cannot be written");
    check(!m.gic.read_system_register(0, kEoir1, value), "v3: EOIR1 cannot be read");
    check_equal(m.distributor.read(kSetEnable), 0, "v3: word 0 lives in the redistributors");
    check_equal(m.distributor.read(kTargets + 40), 0, "v3: ITARGETSR is RAZ");
}

void v3_delivery() {
    V3 m;
    m.enable(40, 0xA0);
    m.gic.set_spi(8, true);
    check(m.cpus.irq[0] && !m.cpus.fiq[0], "v3: Group 1 is an IRQ");
    check_equal(m.get(0, kIar0), 1023, "v3: not through IAR0");
    check_equal(m.get(0, kHppir1), 40, "v3: HPPIR1");
    check_equal(m.get(0, kIar1), 40, "v3: IAR1");
    check_equal(m.get(0, kIccRpr), 0xA0, "v3: running priority");
    check_equal(m.get(0, kAp1r0), 1u << (0xA0 >> 3), "v3: active priorities");
    check(!m.cpus.irq[0], "v3: IRQ falls");
    m.enable(41, 0x40);
    m.gic.set_spi(9, true);
    check_equal(m.get(0, kIar1), 41, "v3: preemption");
    m.gic.set_spi(9, false);
    m.set(0, kEoir0, 41);
    check_equal(m.get(0, kIccRpr), 0x40, "v3: EOIR of the other group does nothing");
    m.set(0, kEoir1, 41);
    check_equal(m.get(0, kIccRpr), 0xA0, "v3: EOIR1 drops the priority");
    m.set(0, kEoir1, 40);
    check(m.cpus.irq[0], "v3: the wire is still high");
    m.gic.set_spi(8, false);
    check_equal(m.get(0, kIar1), 1023, "v3: it has gone by the time of the acknowledge");
    m.set(0, kEoir1, 1023);

    m.distributor.write(kGroup + 4, ~(1u << 10));
    m.enable(42, 0x80);
    m.gic.set_spi(10, true);
    check(!m.cpus.fiq[0], "v3: Group 0 needs IGRPEN0");
    m.set(0, kIgrpen0, 1);
    check(m.cpus.fiq[0] && !m.cpus.irq[0], "v3: Group 0 is a FIQ");
    check_equal(m.get(0, kIar1), 1023, "v3: not through IAR1");
    check_equal(m.get(0, kIar0), 42, "v3: IAR0");
    check_equal(m.get(0, kAp0r0), 1u << (0x80 >> 3), "v3: AP0R0");
    m.gic.set_spi(10, false);
    m.set(0, kEoir0, 42);

    m.set(0, kIccCtlr, 2); // EOImode
    m.gic.set_spi(8, true);
    m.get(0, kIar1);
    m.set(0, kEoir1, 40);
    check(!m.cpus.irq[0], "v3 EOImode: still active");
    m.set(0, kIccDir, 40);
    check(m.cpus.irq[0], "v3 EOImode: DIR deactivates");
    m.gic.set_spi(8, false);
    m.set(0, kIccCtlr, 0);

    check_equal((m.set(0, kBpr0, 0), m.get(0, kBpr0)), 2, "v3: least BPR0");
    check_equal((m.set(0, kBpr1, 0), m.get(0, kBpr1)), 3, "v3: least BPR1");
}

void v3_binary_point() {
    // BPR1 = 7: group priority is bit 7. 0x80 and 0xA0 share it; 0x40 does not.
    V3 m;
    m.set(0, kBpr1, 7);
    m.enable(40, 0xA0);
    m.enable(41, 0x80);
    m.enable(42, 0x40);
    m.gic.set_spi(8, true);
    check_equal(m.get(0, kIar1), 40, "v3 binary point: first");
    m.gic.set_spi(9, true);
    check(!m.cpus.irq[0], "v3 binary point: no preemption within a group priority");
    m.gic.set_spi(10, true);
    check(m.cpus.irq[0], "v3 binary point: preemption across");
    check_equal(m.get(0, kIar1), 42, "v3 binary point: second");
    check_equal(m.get(0, kIccRpr), 0, "v3 binary point: the running priority is the group's");
}

void v3_private_and_sgis() {
    V3 m(18);
    m.set_frame(1, kSgiFrame + kSetEnable, 1u << 27 | 0xFFFF);
    m.set_frame(17, kSgiFrame + kSetEnable, 0xFFFF);
    m.gic.set_ppi(1, 27, true);
    check(!m.cpus.irq[0] && m.cpus.irq[1], "v3 PPI: its own CPU");
    check_equal(m.get(1, kIar1), 27, "v3 PPI: acknowledged");
    m.gic.set_ppi(1, 27, false);
    m.set(1, kEoir1, 27);
    check_equal(m.frame(1, kSgiFrame + kSetActive), 0, "v3 PPI: deactivated");

    m.set(0, kSgi1r, 3ull << 24 | 1u << 1);
    check_equal(m.get(1, kIar1), 3, "v3 SGI: by target list");
    m.set(1, kEoir1, 3);
    m.set(0, kSgi1r, 4ull << 24 | 1ull << 16 | 1u << 1);
    check_equal(m.get(17, kIar1), 4, "v3 SGI: affinity 1");
    m.set(17, kEoir1, 4);
    m.set(1, kSgi1r, 5ull << 24 | 1ull << 40);
    check_equal(m.get(17, kIar1), 5, "v3 SGI: all but self reaches another");
    check_equal(m.get(1, kIar1), 1023, "v3 SGI: all but self spares the sender");
    m.set(0, kSgi0r, 6ull << 24 | 1u << 1);
    check_equal(m.get(1, kIar1), 1023, "v3 SGI: SGI0R does not send Group 1");
    m.set(0, kSgi1r, 6ull << 24 | 1ull << 44 | 1u << 1);
    m.set(0, kSgi1r, 6ull << 24 | 7ull << 16 | 1u << 1);
    m.set(0, kSgi1r, 6ull << 24 | 1ull << 48 | 1u << 1);
    check_equal(m.get(1, kIar1), 1023, "v3 SGI: CPUs that do not exist");
    m.set_frame(1, kSgiFrame + kSetPending, 1u << 9);
    check_equal(m.get(1, kIar1), 9, "v3 SGI: by ISPENDR0");
    check_equal(m.frame(1, kSgiFrame + kConfiguration), 0xAAAAAAAA, "v3 SGI: edge-triggered");
    m.set_frame(1, kSgiFrame + kConfiguration, 0);
    check_equal(m.frame(1, kSgiFrame + kConfiguration), 0xAAAAAAAA, "v3 SGI: for good");
}

void v3_routing() {
    V3 m(4);
    m.enable(40, 0xA0, 2);
    m.gic.set_spi(8, true);
    check(!m.cpus.irq[0] && m.cpus.irq[2], "v3 IROUTER: to CPU 2");
    m.distributor.write(kRouter + 40 * 8, 1, 8);
    check(!m.cpus.irq[2] && m.cpus.irq[1], "v3 IROUTER: moved to CPU 1");
    m.distributor.write(kRouter + 40 * 8, 0x900, 8);
    check(!m.cpus.irq[1], "v3 IROUTER: a CPU that does not exist");
    m.distributor.write(kRouter + 40 * 8, 1ull << 31, 8);
    check_equal(m.distributor.read(kRouter + 40 * 8, 8), 1ull << 31, "v3 IROUTER: reads back");
    check(m.cpus.irq[0], "v3 1-of-N: some CPU");
    m.set(0, kIgrpen1, 0);
    check(!m.cpus.irq[0] && m.cpus.irq[1], "v3 1-of-N: passes on when that CPU takes no part");
    m.set_frame(1, 0x14, 2);
    check(!m.cpus.irq[1] && m.cpus.irq[2], "v3 1-of-N: avoids sleeping CPUs");
    m.enable(41, 0x20, 2);
    m.gic.set_spi(9, true);
    check_equal(m.get(2, kIar1), 41, "v3 1-of-N: CPU 2 has something urgent");
    check(m.cpus.irq[3], "v3 1-of-N: so CPU 3 is asked");
    check_equal(m.get(3, kIar1), 40, "v3 1-of-N: and takes it");
    check_equal(m.get(0, kIar1), 1023, "v3 1-of-N: nobody else does");
    m.gic.set_spi(8, false);
    m.set(3, kEoir1, 40);
    m.gic.set_spi(9, false);
    m.gic.reset();
    for (unsigned cpu = 0; cpu < 4; cpu++) check(!m.cpus.irq[cpu], "v3 reset: quiet");
}

/// Whatever a guest writes anywhere: no crash, and each answer within its range.
void hostile_registers() {
    V2 v2(3);
    V3 v3(3);
    uint64_t random = 88172645463325252ull;
    const auto next = [&random] {
        random ^= random << 13;
        random ^= random >> 7;
        return random ^= random << 17;
    };
    for (unsigned i = 0; i < 300'000; i++) {
        const unsigned size = 1u << next() % 4;
        const auto cpu = static_cast<unsigned>(next() % 3);
        const uint64_t value = next();
        const unsigned size4 = size == 8 ? 4 : size;
        const uint64_t at = next() % 0x10000 & ~uint64_t{size - 1};
        Registers{v2.gic.distributor(), cpu}.write(at & ~uint64_t{size4 - 1}, value, size4);
        Registers{v2.gic.cpu_frames(), cpu}.write(next() % 0x1100 & ~uint64_t{size4 - 1}, value, size4);
        Registers{v2.gic.cpu_frames(), cpu}.read(next() % 0x40 & ~3ull);
        Registers{v3.gic.distributor(), cpu}.write(at, value, size);
        Registers{v3.gic.cpu_frames(), cpu}.write(next() % (3 * GicV3::kRedistributorStride) & ~uint64_t{size - 1},
                                                  value, size);
        const uint32_t key = icc(next() % 2 != 0 ? 12 : 4, next() % 16, next() % 8);
        uint64_t result = 0;
        v3.gic.write_system_register(cpu, key, value);
        v3.gic.read_system_register(cpu, key, result);
        v2.gic.set_spi(static_cast<unsigned>(next() % 256), (value & 1) != 0);
        v3.gic.set_spi(static_cast<unsigned>(next() % 256), (value & 1) != 0);
        v3.gic.read_system_register(cpu, kIar1, result);
        if (result >= 288 && result != 1023) check(false, "v3 IAR1 is in range");
    }
    check(true, "hostile registers");
}

} // namespace

int main() {
    v2_level();
    v2_edge();
    v2_priorities();
    v2_targets_and_sgis();
    v2_groups();
    v3_identity();
    v3_delivery();
    v3_binary_point();
    v3_private_and_sgis();
    v3_routing();
    hostile_registers();
    return report("devices_gic");
}
