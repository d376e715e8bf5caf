// The interrupt controller, version 2 or 3 as the device tree says: SGIs, PPIs and SPIs, priorities, groups,
// activation.
//
// QEMU 7.2 lacks GICC_AIAR and GICC_AEOIR (IHI 0048B, 4.4.8), and fails group1-by-aiar.
#include "../runtime/gic.h"
#include "../runtime/check.h"
#include "../runtime/fdt.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/probe.h"

const char guest_name[] = "gic";

// SPIs that the board wires to nothing.
enum { SPI_A = 100, SPI_B = 101, SPI_C = 102, SPI_D = 103, PATIENCE = 3000 };

// ---- Taking interrupts ---------------------------------------------------------------------------------------------

static struct {
    unsigned count;
    struct {
        u32 acknowledged;
        u64 vector, spsr;
        u8 running;
        bool fiq;
    } entry[32];
} taken;

static void record(struct frame* frame, u32 acknowledged, bool fiq) {
    if (taken.count < ARRAY_LENGTH(taken.entry)) {
        taken.entry[taken.count].acknowledged = acknowledged;
        taken.entry[taken.count].vector = frame->vector;
        taken.entry[taken.count].spsr = frame->spsr;
        taken.entry[taken.count].running = gic_running_priority();
        taken.entry[taken.count].fiq = fiq;
    }
    taken.count++;
}

static void on_irq(struct frame* frame) {
    u32 acknowledged = gic_acknowledge();
    record(frame, acknowledged, false);
    if (gic_id(acknowledged) < 1020) gic_end(acknowledged);
}

static void on_fiq(struct frame* frame) {
    u32 acknowledged = gic_version() == 3 ? gic_acknowledge_group0() : gic_acknowledge();
    record(frame, acknowledged, true);
    if (gic_id(acknowledged) >= 1020) return;
    if (gic_version() == 3)
        gic_end_group0(acknowledged);
    else
        gic_end(acknowledged);
}

// Lets interrupts in until the count is reached, or for a while when it is not.
static void open_window(unsigned expected) {
    __asm__ volatile("msr daifclr, #3" ::: "memory");
    for (volatile unsigned i = 0; i < PATIENCE && (expected == 0 || *(volatile unsigned*)&taken.count < expected);
         i++) {
    }
    __asm__ volatile("msr daifset, #3" ::: "memory");
}

static void check_taken(unsigned id, const char* name) {
    taken.count = 0;
    open_window(1);
    check_true(taken.count == 1 && gic_id(taken.entry[0].acknowledged) == id, "%s", name);
    if (taken.count != 1 || gic_id(taken.entry[0].acknowledged) != id)
        note("%s: taken %u, first %u", name, taken.count, gic_id(taken.entry[0].acknowledged));
}

static void check_not_taken(const char* name) {
    taken.count = 0;
    open_window(0);
    check_equal(taken.count, 0, "%s", name);
}

static bool irq_signalled(void) { return READ_SYSREG(isr_el1) & PSR_I; }

static void fresh(unsigned id) {
    gic_disable(id);
    gic_clear_pending(id);
    gic_clear_active(id);
    gic_set_priority(id, 0xA0);
    if (id >= 32) gic_set_edge(id, true);
    gic_enable(id);
    if (id >= 32) gic_route(id, 0);
}

// ---- Identification -------------------------------------------------------------------------------------------------

static void check_identification(void) {
    note("GICv%u, %u interrupts", gic_version(), gic_interrupt_count());
    check_true(gic_interrupt_count() >= 128 && gic_interrupt_count() <= 1024, "typer-interrupt-lines");
    if (gic_version() == 3) {
        check_equal(gic_distributor_read(0xFFE8) >> 4 & 0xF, 3, "pidr2-architecture");
        check_equal(gic_redistributor_read(0, 0xFFE8) >> 4 & 0xF, 3, "redistributor-pidr2-architecture");
        check_equal(gic_redistributor_read(0, 0x0C), 0, "redistributor-affinity");
        check_equal(gic_redistributor_read(0, 0x08) >> 8 & 0xFFFF, 0, "redistributor-processor-number");
        check_equal(gic_distributor_read(0) & 0x50, 0x50, "distributor-one-security-state-with-affinity-routing");
        check_equal(READ_SYSREG(ICC_SRE_EL1) & 1, 1, "system-register-interface");
        check_equal(field(READ_SYSREG(id_aa64pfr0_el1), 24, 4), 1, "pfr0-announces-gic-registers");
        check_true(field(READ_SYSREG(ICC_CTLR_EL1), 8, 3) >= 4, "at-least-5-priority-bits");
    } else {
        check_equal(gic_distributor_read(0xFE8) >> 4 & 0xF, 2, "pidr2-architecture");
        check_equal(gic_interface_read(0xFC) >> 16 & 0xF, 2, "interface-iidr-architecture");
    }
    check_equal(gic_running_priority(), 0xFF, "running-priority-idle");
    check_equal(gic_id(gic_acknowledge()), SPURIOUS, "acknowledge-spurious");
    check_equal(gic_highest_pending(), SPURIOUS, "highest-pending-none");
    check_true(!irq_signalled(), "isr-clear");
}

PROBE(read_pmr, "mrs x0, ICC_PMR_EL1")

static void check_system_register_presence(void) {
    bool announced = field(READ_SYSREG(id_aa64pfr0_el1), 24, 4) != 0;
    struct frame f = run_el1(read_pmr);
    if (announced)
        check_true(probe_returned(&f), "icc-pmr-at-el1");
    else
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_UNKNOWN, 0), (u64)read_pmr, ANY}, "icc-pmr-absent");
    f = run_el0(read_pmr);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)read_pmr, ANY},
               "icc-pmr-undefined-at-el0");
}

// ---- Registers as storage ------------------------------------------------------------------------------------------

static void check_registers(void) {
    fresh(SPI_A);
    check_true(gic_is_enabled(SPI_A), "enable-reads-back");
    gic_disable(SPI_A);
    check_true(!gic_is_enabled(SPI_A), "disable-reads-back");
    gic_set_priority(SPI_A, 0x60);
    gic_set_priority(SPI_B, 0xC0);
    check_true(gic_priority(SPI_A) == 0x60 && gic_priority(SPI_B) == 0xC0, "priority-bytes");
    check_equal(gic_distributor_read(0x400 + SPI_A) & 0xFFFF, 0xC060, "priority-word");
    gic_set_edge(SPI_A, true);
    check_true(gic_is_edge(SPI_A), "edge-reads-back");
    gic_set_edge(SPI_A, false);
    check_true(!gic_is_edge(SPI_A), "level-reads-back");
    gic_set_group(SPI_A, 1);
    check_equal(gic_group(SPI_A), 1, "group-1-reads-back");
    gic_set_group(SPI_A, 0);
    check_equal(gic_group(SPI_A), 0, "group-0-reads-back");
    gic_set_group(SPI_A, gic_version() == 3);
    gic_set_pending(SPI_A);
    check_true(gic_is_pending(SPI_A), "pending-reads-back");
    gic_clear_pending(SPI_A);
    check_true(!gic_is_pending(SPI_A), "pending-cleared");
    gic_set_active(SPI_A);
    check_true(gic_is_active(SPI_A), "active-reads-back");
    gic_clear_active(SPI_A);
    check_true(!gic_is_active(SPI_A), "active-cleared");
    check_true(gic_is_edge(3), "sgi-is-edge");
    gic_set_mask(0x80);
    check_equal(gic_mask(), 0x80, "priority-mask-reads-back");
    gic_set_mask(0xFF);
    check_true(gic_mask() >= 0xF0, "priority-mask-all");
    check_not_taken("nothing-pending-after-register-checks");
}

// ---- One interrupt's life ------------------------------------------------------------------------------------------

static void check_life(unsigned id, const char* kind) {
    fresh(id);
    if (id < 16)
        gic_send_sgi(id, 1);
    else
        gic_set_pending(id);
    check_true(gic_is_pending(id) && !gic_is_active(id), "%s-pending", kind);
    check_true(irq_signalled(), "%s-isr-i", kind);
    check_equal(gic_highest_pending(), id, "%s-highest-pending", kind);
    u32 acknowledged = gic_acknowledge();
    check_equal(acknowledged, id, "%s-acknowledge", kind);
    check_true(!gic_is_pending(id) && gic_is_active(id), "%s-active", kind);
    check_equal(gic_running_priority(), 0xA0, "%s-running-priority", kind);
    check_true(!irq_signalled(), "%s-not-signalled-while-active", kind);
    check_equal(gic_id(gic_acknowledge()), SPURIOUS, "%s-acknowledge-again-spurious", kind);
    // Pending again while active: waits for the end.
    if (id < 16)
        gic_send_sgi(id, 1);
    else
        gic_set_pending(id);
    check_true(gic_is_pending(id) && gic_is_active(id) && !irq_signalled(), "%s-active-and-pending", kind);
    gic_end(acknowledged);
    check_true(gic_is_pending(id) && !gic_is_active(id) && irq_signalled(), "%s-pending-after-end", kind);
    check_equal(gic_running_priority(), 0xFF, "%s-idle-after-end", kind);
    taken.count = 0;
    open_window(1);
    check_true(taken.count == 1 && taken.entry[0].acknowledged == id, "%s-taken", kind);
    check_true(taken.entry[0].vector == VECTOR_EL1h_IRQ && taken.entry[0].running == 0xA0, "%s-vector-and-priority",
               kind);
    check_true(!gic_is_pending(id) && !gic_is_active(id), "%s-inactive", kind);
    // GICv2: whether SGIs can be disabled is implementation defined, and GICD_ISPENDR is read-only for them.
    if (id < 16 && gic_version() == 2) return;
    // Disabled: stays pending, is not signalled, comes when enabled.
    gic_disable(id);
    if (id < 16)
        gic_send_sgi(id, 1);
    else
        gic_set_pending(id);
    check_true(gic_is_pending(id) && !irq_signalled(), "%s-disabled", kind);
    check_not_taken(kind);
    gic_enable(id);
    check_taken(id, kind);
    gic_set_pending(id);
    gic_clear_pending(id);
    check_not_taken(kind);
    // Made active by software: not delivered until deactivated.
    gic_set_active(id);
    gic_set_pending(id);
    check_not_taken(kind);
    gic_clear_active(id);
    check_taken(id, kind);
}

// ---- Priorities -----------------------------------------------------------------------------------------------------

static void check_priorities(void) {
    fresh(SPI_A);
    fresh(SPI_B);
    fresh(SPI_C);
    gic_set_priority(SPI_A, 0xA0);
    gic_set_priority(SPI_B, 0x40);
    gic_set_priority(SPI_C, 0x80);
    gic_set_pending(SPI_A);
    gic_set_pending(SPI_B);
    gic_set_pending(SPI_C);
    taken.count = 0;
    open_window(3);
    check_true(taken.count == 3 && taken.entry[0].acknowledged == SPI_B && taken.entry[1].acknowledged == SPI_C &&
                   taken.entry[2].acknowledged == SPI_A,
               "priority-order");
    // Equal priorities: the lowest INTID first.
    gic_set_priority(SPI_B, 0xA0);
    gic_set_pending(SPI_B);
    gic_set_pending(SPI_A);
    taken.count = 0;
    open_window(2);
    check_true(taken.count == 2 && taken.entry[0].acknowledged == SPI_A && taken.entry[1].acknowledged == SPI_B,
               "equal-priority-lowest-id-first");

    // The mask admits only priorities strictly higher, that is lower in number.
    gic_set_pending(SPI_A);
    gic_set_mask(0xA0);
    check_true(!irq_signalled(), "mask-equal-blocks");
    check_equal(gic_id(gic_acknowledge()), SPURIOUS, "mask-equal-acknowledge-spurious");
    check_not_taken("mask-equal-not-taken");
    gic_set_mask(0xB0);
    check_true(irq_signalled(), "mask-above-admits");
    gic_set_mask(0);
    check_true(!irq_signalled(), "mask-zero-blocks");
    gic_set_mask(0xFF);
    check_taken(SPI_A, "mask-open-taken");

    // Preemption, polled.
    gic_set_priority(SPI_A, 0xA0);
    gic_set_priority(SPI_B, 0x60);
    gic_set_priority(SPI_C, 0xA0);
    gic_set_priority(SPI_D, 0x20);
    fresh(SPI_D);
    gic_set_priority(SPI_D, 0x20);
    gic_set_pending(SPI_A);
    check_equal(gic_acknowledge(), SPI_A, "preempt-first");
    gic_set_pending(SPI_C);
    check_true(!irq_signalled(), "equal-priority-does-not-preempt");
    gic_set_pending(SPI_B);
    check_true(irq_signalled(), "higher-priority-preempts");
    check_equal(gic_acknowledge(), SPI_B, "preempt-second");
    check_equal(gic_running_priority(), 0x60, "preempt-second-running");
    gic_set_pending(SPI_D);
    check_equal(gic_acknowledge(), SPI_D, "preempt-third");
    check_equal(gic_running_priority(), 0x20, "preempt-third-running");
    gic_end(SPI_D);
    check_equal(gic_running_priority(), 0x60, "drop-to-second");
    check_true(!irq_signalled(), "lower-priority-waits");
    gic_end(SPI_B);
    check_equal(gic_running_priority(), 0xA0, "drop-to-first");
    gic_end(SPI_A);
    check_equal(gic_running_priority(), 0xFF, "drop-to-idle");
    check_taken(SPI_C, "waiting-interrupt-taken-last");

    // Binary point 6 on group 1 of v3 leaves bits 7:7 for the group priority; on v2 binary point 6 leaves bit 7 too.
    gic_set_binary_point(6);
    gic_set_priority(SPI_A, 0xA0);
    gic_set_priority(SPI_B, 0x80);
    gic_set_priority(SPI_C, 0x60);
    gic_set_pending(SPI_A);
    check_equal(gic_acknowledge(), SPI_A, "binary-point-first");
    gic_set_pending(SPI_B);
    check_true(!irq_signalled(), "binary-point-subpriority-does-not-preempt");
    gic_set_pending(SPI_C);
    check_true(irq_signalled(), "binary-point-group-priority-preempts");
    check_equal(gic_acknowledge(), SPI_C, "binary-point-second");
    gic_end(SPI_C);
    gic_end(SPI_A);
    check_taken(SPI_B, "binary-point-rest");
    gic_set_priority(SPI_A, 0xA0);
    gic_set_priority(SPI_B, 0x80);
    gic_set_pending(SPI_A);
    gic_set_pending(SPI_B);
    check_equal(gic_acknowledge(), SPI_B, "binary-point-subpriority-orders");
    gic_end(SPI_B);
    gic_clear_pending(SPI_A);
    gic_set_binary_point(0);
}

// A handler that lets higher priorities in.
static unsigned depth, deepest;
static void on_irq_nesting(struct frame* frame) {
    u32 acknowledged = gic_acknowledge();
    record(frame, acknowledged, false);
    if (gic_id(acknowledged) >= 1020) return;
    depth++;
    deepest = depth > deepest ? depth : deepest;
    if (acknowledged == SPI_A) {
        gic_set_pending(SPI_C);
        gic_set_pending(SPI_B);
    }
    u64 elr = READ_SYSREG(elr_el1), spsr = READ_SYSREG(spsr_el1);
    __asm__ volatile("msr daifclr, #2" ::: "memory");
    for (volatile unsigned i = 0; i < PATIENCE; i++) {
    }
    __asm__ volatile("msr daifset, #2" ::: "memory");
    WRITE_SYSREG(elr_el1, elr);
    WRITE_SYSREG(spsr_el1, spsr);
    depth--;
    gic_end(acknowledged);
}

static void check_nesting(void) {
    gic_set_priority(SPI_A, 0xA0);
    gic_set_priority(SPI_B, 0x60);
    gic_set_priority(SPI_C, 0xC0);
    this_cpu()->on_irq = on_irq_nesting;
    taken.count = 0;
    gic_set_pending(SPI_A);
    open_window(3);
    check_true(taken.count == 3 && taken.entry[0].acknowledged == SPI_A && taken.entry[1].acknowledged == SPI_B &&
                   taken.entry[2].acknowledged == SPI_C,
               "nested-order");
    check_equal(deepest, 2, "nested-depth");
    check_equal(gic_running_priority(), 0xFF, "nested-idle");
    this_cpu()->on_irq = on_irq;
}

// ---- EOImode 1 ------------------------------------------------------------------------------------------------------

static void check_split_end(void) {
    fresh(SPI_A);
    fresh(SPI_B);
    gic_set_eoi_mode(true);
    gic_set_pending(SPI_A);
    check_equal(gic_acknowledge(), SPI_A, "split-acknowledge");
    gic_end(SPI_A);
    check_true(gic_is_active(SPI_A), "split-end-leaves-active");
    check_equal(gic_running_priority(), 0xFF, "split-end-drops-priority");
    gic_set_pending(SPI_A);
    check_true(!irq_signalled(), "split-active-blocks-itself");
    gic_set_priority(SPI_B, 0xC0);
    gic_set_pending(SPI_B);
    check_equal(gic_acknowledge(), SPI_B, "split-lower-priority-after-drop");
    gic_end(SPI_B);
    gic_deactivate(SPI_B);
    check_true(!gic_is_active(SPI_B), "split-deactivate");
    gic_deactivate(SPI_A);
    check_true(!gic_is_active(SPI_A) && irq_signalled(), "split-deactivate-releases");
    check_equal(gic_acknowledge(), SPI_A, "split-acknowledge-again");
    gic_end(SPI_A);
    gic_deactivate(SPI_A);
    gic_set_eoi_mode(false);
    check_not_taken("split-nothing-left");
}

// ---- Level sensitivity: the virtual timer's line is one that software can raise and lower --------------------------

static void check_level(void) {
    gic_disable(PPI_VIRTUAL_TIMER);
    gic_set_priority(PPI_VIRTUAL_TIMER, 0xA0);
    gic_enable(PPI_VIRTUAL_TIMER);
    check_true(!gic_is_edge(PPI_VIRTUAL_TIMER), "timer-is-level");
    WRITE_SYSREG(cntv_cval_el0, 0);
    WRITE_SYSREG(cntv_ctl_el0, 1);
    isb();
    check_true(gic_is_pending(PPI_VIRTUAL_TIMER) && irq_signalled(), "level-high-is-pending");
    gic_clear_pending(PPI_VIRTUAL_TIMER);
    check_true(gic_is_pending(PPI_VIRTUAL_TIMER), "level-high-cannot-be-cleared");
    u32 acknowledged = gic_acknowledge();
    check_equal(acknowledged, PPI_VIRTUAL_TIMER, "level-acknowledge");
    check_true(gic_is_pending(PPI_VIRTUAL_TIMER) && gic_is_active(PPI_VIRTUAL_TIMER), "level-active-and-pending");
    gic_end(acknowledged);
    check_true(irq_signalled(), "level-high-signals-again");
    WRITE_SYSREG(cntv_ctl_el0, 0);
    isb();
    check_true(!gic_is_pending(PPI_VIRTUAL_TIMER) && !irq_signalled(), "level-low-withdraws");
    check_equal(gic_id(gic_acknowledge()), SPURIOUS, "level-low-acknowledge-spurious");
    // Lowered while active: gone after the end.
    WRITE_SYSREG(cntv_ctl_el0, 1);
    isb();
    acknowledged = gic_acknowledge();
    WRITE_SYSREG(cntv_ctl_el0, 2);
    isb();
    gic_end(acknowledged);
    check_true(acknowledged == PPI_VIRTUAL_TIMER && !gic_is_pending(PPI_VIRTUAL_TIMER) && !irq_signalled(),
               "level-served");
    WRITE_SYSREG(cntv_ctl_el0, 0);
    // An unwired level SPI: set pending by software, taken once.
    fresh(SPI_A);
    gic_set_edge(SPI_A, false);
    gic_set_pending(SPI_A);
    check_taken(SPI_A, "level-spi-by-software");
    check_not_taken("level-spi-by-software-once");
    gic_set_pending(SPI_A);
    gic_clear_pending(SPI_A);
    check_not_taken("level-spi-cleared");
    gic_set_edge(SPI_A, true);
}

// ---- Groups ---------------------------------------------------------------------------------------------------------

static void check_groups(void) {
    fresh(SPI_A);
    if (gic_version() == 3) {
        // Group 0 comes as FIQ, through its own registers (IHI 0069, 4.6).
        gic_set_group(SPI_A, 0);
        gic_set_pending(SPI_A);
        check_not_taken("group0-disabled");
        gic_enable_groups(true, true);
        check_equal(READ_SYSREG(isr_el1) & (PSR_I | PSR_F), PSR_F, "group0-isr-f");
        check_equal(gic_id(gic_acknowledge()), SPURIOUS, "group0-not-by-iar1");
        check_taken(SPI_A, "group0-taken");
        check_true(taken.entry[0].fiq && taken.entry[0].vector == VECTOR_EL1h_FIQ, "group0-is-fiq");
        gic_enable_groups(false, true);
        gic_set_group(SPI_A, 1);
        gic_enable_groups(false, false);
        gic_set_pending(SPI_A);
        check_not_taken("group1-disabled-at-interface");
        gic_enable_groups(false, true);
        check_taken(SPI_A, "group1-enabled-at-interface");
        gic_enable_distributor(true, false);
        gic_set_pending(SPI_A);
        check_not_taken("group1-disabled-at-distributor");
        gic_enable_distributor(true, true);
        check_taken(SPI_A, "group1-enabled-at-distributor");
        return;
    }
    // GICv2: group 0 comes as IRQ or, with FIQEn, as FIQ; group 1 always as IRQ, acknowledged by GICC_AIAR.
    gic_enable_groups(false, true);
    gic_set_pending(SPI_A);
    check_not_taken("group0-disabled-at-interface");
    gic_enable_groups(true, true);
    check_taken(SPI_A, "group0-enabled-at-interface");
    check_true(!taken.entry[0].fiq, "group0-is-irq-without-fiqen");
    gic_set_fiq_enable(true);
    gic_set_pending(SPI_A);
    check_taken(SPI_A, "group0-taken-with-fiqen");
    check_true(taken.entry[0].fiq && taken.entry[0].vector == VECTOR_EL1h_FIQ, "group0-is-fiq-with-fiqen");
    gic_set_fiq_enable(false);
    gic_set_group(SPI_A, 1);
    gic_set_pending(SPI_A);
    check_true(irq_signalled(), "group1-isr-i");
    check_equal(gic_id(gic_acknowledge()), 1022, "group1-by-iar-is-1022");
    check_equal(gic_id(gic_interface_read(0x20)), SPI_A, "group1-by-aiar");
    gic_interface_write(0x24, SPI_A); // GICC_AEOIR
    check_true(!gic_is_active(SPI_A), "group1-by-aeoir");
    gic_set_group(SPI_A, 0);
    gic_enable_distributor(false, true);
    gic_set_pending(SPI_A);
    check_not_taken("group0-disabled-at-distributor");
    gic_enable_distributor(true, true);
    check_taken(SPI_A, "group0-enabled-at-distributor");
}

// ---- SGIs and where interrupts are taken from ----------------------------------------------------------------------

PROBE(spin_until, "1: ldr w1, [x0]\ncbz w1, 1b\nmov x0, #0x1234")
static USER_DATA volatile u32 user_flag;

static void on_irq_raising_flag(struct frame* frame) {
    on_irq(frame);
    user_flag = 1;
}

static void check_sources(void) {
    for (unsigned id = 0; id < 16; id++) fresh(id);
    for (unsigned id = 0; id < 16; id++) gic_send_sgi(id, 1);
    taken.count = 0;
    open_window(16);
    bool in_order = taken.count == 16;
    for (unsigned i = 0; i < 16 && in_order; i++) in_order = taken.entry[i].acknowledged == i;
    check_true(in_order, "sixteen-sgis-in-order");
    gic_send_sgi(5, 1);
    gic_send_sgi(5, 1);
    taken.count = 0;
    open_window(2);
    check_equal(taken.count, 1, "sgi-sent-twice-taken-once");
    gic_send_sgi_to_others(6);
    check_not_taken("sgi-to-others-not-to-self");
    gic_send_sgi(6, 0);
    check_not_taken("sgi-to-nobody");

    // From EL0, resuming exactly there.
    user_flag = 0;
    taken.count = 0;
    this_cpu()->on_irq = on_irq_raising_flag;
    gic_set_pending(SPI_A);
    struct frame f = probe_run(spin_until, PSR_EL0t | PSR_D | PSR_A, PROBE_ARGS((u64)&user_flag));
    check_returned(&f, 0x1234, "el0-resumes-after-interrupt");
    check_true(taken.count == 1 && taken.entry[0].vector == VECTOR_EL0_IRQ && (taken.entry[0].spsr & 0xF) == PSR_EL0t,
               "el0-interrupt-vector");
    this_cpu()->on_irq = on_irq;

    // WFI returns on a pending interrupt although PSTATE.I masks it.
    gic_set_pending(SPI_B);
    __asm__ volatile("dsb sy; wfi" ::: "memory");
    check_true(gic_is_pending(SPI_B), "wfi-wakes-on-masked-interrupt");
    check_taken(SPI_B, "wfi-interrupt-still-there");
    // DAIF.I keeps everything out.
    gic_set_pending(SPI_A);
    taken.count = 0;
    for (volatile unsigned i = 0; i < PATIENCE; i++) {
    }
    check_equal(taken.count, 0, "daif-i-masks");
    check_taken(SPI_A, "daif-i-cleared");
}

// Beyond the implemented interrupts everything reads as zero and ignores writes.
static void check_beyond(void) {
    unsigned count = gic_interrupt_count() + 32;
    if (count >= 1020) return;
    gic_distributor_write(0x100 + count / 8, ~0u);
    gic_distributor_write(0x200 + count / 8, ~0u);
    check_true(gic_distributor_read(0x100 + count / 8) == 0 && gic_distributor_read(0x200 + count / 8) == 0,
               "beyond-the-last-interrupt");
}

void guest_main(void) {
    gic_init(device_tree);
    this_cpu()->on_irq = on_irq;
    this_cpu()->on_fiq = on_fiq;
    check_identification();
    check_system_register_presence();
    check_registers();
    check_life(SPI_A, "spi");
    check_life(SPI_D, "another-spi");
    check_life(PPI_PHYSICAL_TIMER - 7, "ppi-23");
    check_life(7, "sgi-7");
    check_priorities();
    check_nesting();
    check_split_end();
    check_level();
    check_groups();
    check_sources();
    check_beyond();
    check_equal(gic_highest_pending(), SPURIOUS, "nothing-left-pending");
    check_equal(gic_running_priority(), 0xFF, "nothing-left-active");
}
