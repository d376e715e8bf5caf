// The generic timer at EL1 (D11): counters, the virtual and the physical timer, their interrupts, access from EL0, WFI.
#include "../runtime/check.h"
#include "../runtime/gic.h"
#include "../runtime/main.h"
#include "../runtime/probe.h"

const char guest_name[] = "timer";

#define CTL_ENABLE 1ull
#define CTL_IMASK 2ull
#define CTL_ISTATUS 4ull
#define KCTL_EL0PCTEN BIT(0)
#define KCTL_EL0VCTEN BIT(1)
#define KCTL_EL0VTEN BIT(8)
#define KCTL_EL0PTEN BIT(9)

static u64 frequency;

static u64 virtual_count(void) {
    isb();
    return READ_SYSREG(cntvct_el0);
}

static u64 physical_count(void) {
    isb();
    return READ_SYSREG(cntpct_el0);
}

// One of the two timers.
struct timer {
    const char* name;
    unsigned interrupt;
    bool physical;
};
static const struct timer timers[] = {{"virtual", PPI_VIRTUAL_TIMER, false}, {"physical", PPI_PHYSICAL_TIMER, true}};

static void set_control(const struct timer* t, u64 value) {
    if (t->physical)
        WRITE_SYSREG(cntp_ctl_el0, value);
    else
        WRITE_SYSREG(cntv_ctl_el0, value);
    isb();
}

static u64 control(const struct timer* t) {
    isb();
    return t->physical ? READ_SYSREG(cntp_ctl_el0) : READ_SYSREG(cntv_ctl_el0);
}

static void set_compare(const struct timer* t, u64 value) {
    if (t->physical)
        WRITE_SYSREG(cntp_cval_el0, value);
    else
        WRITE_SYSREG(cntv_cval_el0, value);
    isb();
}

static u64 compare(const struct timer* t) {
    return t->physical ? READ_SYSREG(cntp_cval_el0) : READ_SYSREG(cntv_cval_el0);
}

static void set_timer_value(const struct timer* t, u64 value) {
    if (t->physical)
        WRITE_SYSREG(cntp_tval_el0, value);
    else
        WRITE_SYSREG(cntv_tval_el0, value);
    isb();
}

static u64 timer_value(const struct timer* t) {
    return t->physical ? READ_SYSREG(cntp_tval_el0) : READ_SYSREG(cntv_tval_el0);
}
static u64 count_of(const struct timer* t) { return t->physical ? physical_count() : virtual_count(); }

// ---- Counters -------------------------------------------------------------------------------------------------------

static void check_counters(void) {
    frequency = READ_SYSREG(cntfrq_el0);
    check_true(frequency >= 1000000 && frequency <= 1000000000, "frequency");
    bool monotonic = true;
    u64 start = virtual_count(), last = start, last_physical = physical_count();
    for (unsigned i = 0; i < 2000; i++) {
        u64 now = virtual_count(), now_physical = physical_count();
        monotonic = monotonic && now >= last && now_physical >= last_physical;
        last = now;
        last_physical = now_physical;
    }
    check_true(monotonic, "counters-monotonic");
    // However coarse the clock, it moves: wait for that, not for a given time.
    u64 spins = 0;
    while (virtual_count() == start && spins < 50000000) spins++;
    check_true(virtual_count() > start, "counter-advances");
    // CNTVOFF_EL2 is 0 without EL2.
    u64 before = physical_count(), between = virtual_count(), after = physical_count();
    check_true(before <= between && between <= after, "virtual-equals-physical");
}

// ---- Conditions -----------------------------------------------------------------------------------------------------

static void check_conditions(const struct timer* t) {
    const char* n = t->name;
    set_control(t, 0);
    check_equal(control(t) & 3, 0, "%s-disabled", n);
    set_compare(t, 0x123456789ABCDEF0);
    check_equal(compare(t), 0x123456789ABCDEF0, "%s-compare-64-bits", n);
    set_compare(t, ~0ull);
    set_control(t, CTL_ENABLE | CTL_IMASK);
    check_equal(control(t), CTL_ENABLE | CTL_IMASK, "%s-future-no-status", n);
    set_compare(t, 0);
    check_equal(control(t), CTL_ENABLE | CTL_IMASK | CTL_ISTATUS, "%s-past-status", n);
    // ISTATUS is read-only.
    set_compare(t, ~0ull);
    set_control(t, CTL_ENABLE | CTL_IMASK | CTL_ISTATUS);
    check_equal(control(t), CTL_ENABLE | CTL_IMASK, "%s-status-read-only", n);
    // Unsigned comparison of 64 bits: a compare value with the top bit set is in the future.
    set_compare(t, BIT(63));
    check_equal(control(t) & CTL_ISTATUS, 0, "%s-compare-unsigned", n);

    // TVAL is a signed 32-bit view of CVAL - count.
    u64 before = count_of(t);
    set_timer_value(t, 0x10000000);
    u64 after = count_of(t);
    check_true(compare(t) >= before + 0x10000000 && compare(t) <= after + 0x10000000, "%s-tval-sets-compare", n);
    u64 most = compare(t) - count_of(t), value = timer_value(t), least = compare(t) - count_of(t);
    check_true(value <= most && value >= least, "%s-tval-reads-distance", n);
    before = count_of(t);
    set_timer_value(t, 0xFFFFFF00); // -256
    after = count_of(t);
    check_true(compare(t) >= before - 256 && compare(t) <= after - 256, "%s-tval-is-signed", n);
    check_equal(control(t) & CTL_ISTATUS, CTL_ISTATUS, "%s-negative-tval-status", n);
    check_true((timer_value(t) >> 31) == 1, "%s-tval-reads-negative", n);
    // The condition comes true by itself.
    set_timer_value(t, frequency / 1000);
    u64 deadline = compare(t);
    bool early = false;
    while (!(control(t) & CTL_ISTATUS)) {
    }
    early = count_of(t) < deadline;
    check_true(!early, "%s-status-not-early", n);
    set_control(t, 0);
}

// ---- Interrupts -----------------------------------------------------------------------------------------------------

static volatile unsigned ticks;
static volatile u32 last_id;
static volatile u64 taken_at;
static const struct timer* periodic;

static void on_irq(struct frame* frame) {
    (void)frame;
    u32 acknowledged = gic_acknowledge();
    last_id = gic_id(acknowledged);
    if (last_id >= 1020) return;
    ticks = ticks + 1;
    taken_at = virtual_count();
    if (periodic != 0) {
        set_compare(periodic, compare(periodic) + frequency / 2000);
    } else {
        set_control(&timers[0], CTL_ENABLE | CTL_IMASK);
        set_control(&timers[1], CTL_ENABLE | CTL_IMASK);
    }
    gic_end(acknowledged);
}

static void irqs_on(void) { __asm__ volatile("msr daifclr, #2" ::: "memory"); }
static void irqs_off(void) { __asm__ volatile("msr daifset, #2" ::: "memory"); }

static void wait_ticks(unsigned count) {
    u64 limit = virtual_count() + 20 * frequency;
    irqs_on();
    while (ticks < count && virtual_count() < limit) {
    }
    irqs_off();
}

static void check_interrupts(const struct timer* t) {
    const char* n = t->name;
    gic_enable(t->interrupt);
    ticks = 0;
    set_timer_value(t, frequency / 1000);
    u64 deadline = compare(t);
    set_control(t, CTL_ENABLE);
    wait_ticks(1);
    check_true(ticks == 1 && last_id == t->interrupt, "%s-interrupt", n);
    check_true(taken_at >= deadline, "%s-interrupt-not-early", n);
    check_equal(control(t) & 7, CTL_ENABLE | CTL_IMASK | CTL_ISTATUS, "%s-status-while-masked", n);
    check_true(!gic_is_pending(t->interrupt), "%s-imask-lowers-the-line", n);
    // Unmasking with the condition still true raises it again.
    ticks = 0;
    set_control(t, CTL_ENABLE);
    wait_ticks(1);
    check_equal(ticks, 1, "%s-unmask-raises-again", n);
    // Disabled: the line is low whatever the compare value.
    set_control(t, 0);
    set_compare(t, 0);
    check_true(!gic_is_pending(t->interrupt), "%s-disabled-line-low", n);
    // A new compare value in the future withdraws the interrupt.
    set_control(t, CTL_ENABLE);
    check_true(gic_is_pending(t->interrupt), "%s-past-line-high", n);
    set_compare(t, ~0ull);
    check_true(!gic_is_pending(t->interrupt), "%s-future-line-low", n);

    // Twenty periods, by moving the compare value.
    ticks = 0;
    periodic = t;
    u64 start = count_of(t);
    set_compare(t, start + frequency / 2000);
    wait_ticks(20);
    u64 end = count_of(t);
    set_control(t, 0);
    periodic = 0;
    check_true(ticks >= 20, "%s-twenty-periods", n);
    check_true(end - start >= 20 * (frequency / 2000), "%s-twenty-periods-not-early", n);

    // WFI, taking the interrupt and leaving it pending. PSTATE.I does not keep WFI from ending.
    ticks = 0;
    set_timer_value(t, frequency / 200);
    deadline = compare(t);
    set_control(t, CTL_ENABLE);
    // Masked between the test and the WFI, so that an interrupt there still ends it.
    while (ticks == 0) {
        __asm__ volatile("wfi" ::: "memory");
        irqs_on();
        isb();
        irqs_off();
    }
    check_true(ticks == 1 && count_of(t) >= deadline, "%s-wfi-then-interrupt", n);
    ticks = 0;
    set_timer_value(t, frequency / 200);
    deadline = compare(t);
    set_control(t, CTL_ENABLE);
    while (!gic_is_pending(t->interrupt)) __asm__ volatile("wfi" ::: "memory");
    check_true(ticks == 0 && count_of(t) >= deadline, "%s-wfi-masked", n);
    wait_ticks(1);
    check_equal(ticks, 1, "%s-wfi-masked-interrupt-follows", n);
    // WFE ends on an interrupt that is taken.
    ticks = 0;
    set_timer_value(t, frequency / 200);
    set_control(t, CTL_ENABLE);
    irqs_on();
    while (ticks == 0) __asm__ volatile("wfe" ::: "memory");
    irqs_off();
    check_equal(ticks, 1, "%s-wfe-open", n);
    set_control(t, 0);
    gic_disable(t->interrupt);
}

static void check_both(void) {
    // Both at once, each with its own compare value.
    gic_enable(PPI_VIRTUAL_TIMER);
    gic_enable(PPI_PHYSICAL_TIMER);
    u64 now = virtual_count();
    set_compare(&timers[0], now + frequency / 500);
    set_compare(&timers[1], now + frequency / 1000);
    set_control(&timers[0], CTL_ENABLE | CTL_IMASK);
    set_control(&timers[1], CTL_ENABLE | CTL_IMASK);
    while (!(control(&timers[0]) & CTL_ISTATUS)) {
    }
    check_equal(control(&timers[1]) & CTL_ISTATUS, CTL_ISTATUS, "both-physical-first");
    set_control(&timers[1], CTL_ENABLE);
    check_true(gic_is_pending(PPI_PHYSICAL_TIMER) && !gic_is_pending(PPI_VIRTUAL_TIMER), "both-lines-independent");
    set_control(&timers[0], 0);
    set_control(&timers[1], 0);
}

// ---- EL0 ------------------------------------------------------------------------------------------------------------

PROBE(read_cntfrq, "mrs x0, cntfrq_el0")
PROBE(read_cntpct, "mrs x0, cntpct_el0")
PROBE(read_cntvct, "mrs x0, cntvct_el0")
PROBE(read_cntp_ctl, "mrs x0, cntp_ctl_el0")
PROBE(write_cntp_ctl, "msr cntp_ctl_el0, x0")
PROBE(read_cntp_cval, "mrs x0, cntp_cval_el0")
PROBE(read_cntp_tval, "mrs x0, cntp_tval_el0")
PROBE(read_cntv_ctl, "mrs x0, cntv_ctl_el0")
PROBE(write_cntv_cval, "msr cntv_cval_el0, x0\nisb\nmrs x0, cntv_cval_el0")
PROBE(read_cntv_cval, "mrs x0, cntv_cval_el0")
PROBE(read_cntv_tval, "mrs x0, cntv_tval_el0")

static const struct {
    const char* name;
    probe_code code;
    u8 crm, op2;
    bool read;
    u64 allowed_by; // any of these bits of CNTKCTL_EL1
} accesses[] = {
    {"cntfrq", read_cntfrq, 0, 0, true, KCTL_EL0PCTEN | KCTL_EL0VCTEN},
    {"cntpct", read_cntpct, 0, 1, true, KCTL_EL0PCTEN},
    {"cntvct", read_cntvct, 0, 2, true, KCTL_EL0VCTEN},
    {"cntp-tval", read_cntp_tval, 2, 0, true, KCTL_EL0PTEN},
    {"cntp-ctl", read_cntp_ctl, 2, 1, true, KCTL_EL0PTEN},
    {"cntp-ctl-write", write_cntp_ctl, 2, 1, false, KCTL_EL0PTEN},
    {"cntp-cval", read_cntp_cval, 2, 2, true, KCTL_EL0PTEN},
    {"cntv-tval", read_cntv_tval, 3, 0, true, KCTL_EL0VTEN},
    {"cntv-ctl", read_cntv_ctl, 3, 1, true, KCTL_EL0VTEN},
    {"cntv-cval", read_cntv_cval, 3, 2, true, KCTL_EL0VTEN},
    {"cntv-cval-write", write_cntv_cval, 3, 2, false, KCTL_EL0VTEN},
};

static void check_el0(void) {
    static const struct {
        const char* name;
        u64 value;
    } settings[] = {
        {"none", 0},
        {"pct", KCTL_EL0PCTEN},
        {"vct", KCTL_EL0VCTEN},
        {"vt", KCTL_EL0VTEN},
        {"pt", KCTL_EL0PTEN},
        {"all", KCTL_EL0PCTEN | KCTL_EL0VCTEN | KCTL_EL0VTEN | KCTL_EL0PTEN},
    };
    set_control(&timers[0], 0);
    set_control(&timers[1], 0);
    for (unsigned s = 0; s < ARRAY_LENGTH(settings); s++) {
        WRITE_SYSREG(cntkctl_el1, settings[s].value);
        isb();
        for (unsigned i = 0; i < ARRAY_LENGTH(accesses); i++) {
            struct frame f = run_el0(accesses[i].code, 0);
            if (settings[s].value & accesses[i].allowed_by)
                check_true(probe_returned(&f), "el0-%s-under-%s", accesses[i].name, settings[s].name);
            else
                check_trap(&f,
                           (struct expected){VECTOR_EL0_SYNC,
                                             ESR(EC_MSR_MRS, ISS_SYSREG(3, 3, 14, accesses[i].crm, accesses[i].op2, 0,
                                                                        accesses[i].read)),
                                             (u64)accesses[i].code, ANY},
                           "el0-%s-under-%s", accesses[i].name, settings[s].name);
        }
    }
    struct frame f = run_el0(write_cntv_cval, 0x1122334455667788);
    check_returned(&f, 0x1122334455667788, "el0-sets-compare");
    check_equal(compare(&timers[0]), 0x1122334455667788, "el0-compare-seen-at-el1");
    u64 before = virtual_count();
    f = run_el0(read_cntvct);
    check_true(f.x[0] >= before && f.x[0] <= virtual_count(), "el0-same-counter");
    f = run_el0(read_cntfrq);
    check_returned(&f, frequency, "el0-same-frequency");
    WRITE_SYSREG(cntkctl_el1, 0);
    isb();
}

void guest_main(void) {
    gic_init(device_tree);
    this_cpu()->on_irq = on_irq;
    check_counters();
    for (unsigned i = 0; i < ARRAY_LENGTH(timers); i++) check_conditions(&timers[i]);
    for (unsigned i = 0; i < ARRAY_LENGTH(timers); i++) check_interrupts(&timers[i]);
    check_both();
    check_el0();
}
