// Two CPUs: PSCI, interrupts between them, exclusives and ordering, TLB and instruction cache maintenance that must
// reach both.
//
// QEMU 7.2 with a thread per CPU lets LDAR pass an earlier STLR (B2.3.11 forbids it), and fails
// store-buffering-with-stlr-ldar.
#include "../runtime/check.h"
#include "../runtime/fdt.h"
#include "../runtime/gic.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/probe.h"
#include "../runtime/psci.h"
#include "../runtime/second_cpu.h"

const char guest_name[] = "smp";

enum { SPI_A = 100, RET = 0xd65f03c0 };

static void check_start(u64 mpidr) {
    check_equal((u64)psci_call(PSCI_AFFINITY_INFO64, mpidr, 0, 0), 1, "second-cpu-off-at-first");
    check_equal((u64)psci_call(PSCI_CPU_ON64, 0x00FFFF00, (u64)second_cpu_entry, 0), (u64)PSCI_INVALID_PARAMETERS,
                "cpu-on-unknown-cpu");
    check_equal((u64)psci_call(PSCI_AFFINITY_INFO64, 0x00FFFF00, 0, 0), (u64)PSCI_INVALID_PARAMETERS,
                "affinity-info-unknown-cpu");
    check_equal((u64)psci_call(PSCI_CPU_ON64, 0, (u64)second_cpu_entry, 0), (u64)PSCI_ALREADY_ON, "cpu-on-self-already-on");
    check_equal((u64)second_cpu_start(mpidr), PSCI_SUCCESS, "cpu-on");
    wait_until(&second_cpu_online, mpidr + 1);
    check_true(true, "second-cpu-runs");
    check_equal((u64)psci_call(PSCI_AFFINITY_INFO64, mpidr, 0, 0), 0, "second-cpu-on");
    check_equal((u64)psci_call(PSCI_CPU_ON64, mpidr, (u64)second_cpu_entry, 0), (u64)PSCI_ALREADY_ON,
                "cpu-on-again-already-on");
    check_equal(second_cpu_entry_state[0], 4, "second-cpu-enters-at-el1");
    check_equal(second_cpu_entry_state[1], PSR_DAIF, "second-cpu-interrupts-masked");
    check_equal(second_cpu_entry_state[2] & (SCTLR_M | SCTLR_C), 0, "second-cpu-mmu-and-cache-off");
    check_equal(second_cpu_entry_state[3], 1, "second-cpu-spsel");
}

static volatile u64 answer;
static void answer_mpidr(void) { answer = READ_SYSREG(mpidr_el1) & 0xFF00FFFFFF; }
PROBE(el0_seven, "mov x0, #7")
static void answer_from_el0(void) {
    struct frame f = run_el0(el0_seven);
    answer = probe_returned(&f) ? f.x[0] : 0;
}

static void check_identity(u64 mpidr) {
    post(answer_mpidr);
    join();
    check_equal(answer, mpidr, "second-cpu-mpidr");
    post(answer_from_el0);
    struct frame f = run_el0(el0_seven);
    join();
    check_true(answer == 7 && probe_returned(&f) && f.x[0] == 7, "both-cpus-visit-el0");
}

// ---- Interrupts -----------------------------------------------------------------------------------------------------

static volatile u64 interrupts[2];
static volatile u32 last_acknowledged[2];

static void on_irq(struct frame* frame) {
    (void)frame;
    unsigned me = (unsigned)(this_cpu() - cpus);
    u32 acknowledged = gic_acknowledge();
    if (gic_id(acknowledged) >= 1020) return;
    if (gic_id(acknowledged) == PPI_VIRTUAL_TIMER) {
        WRITE_SYSREG(cntv_ctl_el0, 0);
        isb();
    }
    last_acknowledged[me] = acknowledged;
    gic_end(acknowledged);
    store_release(&interrupts[me], interrupts[me] + 1);
}

static volatile u64 wanted;
static void irqs_on(void) { __asm__ volatile("msr daifclr, #2" ::: "memory"); }
static void irqs_off(void) { __asm__ volatile("msr daifset, #2" ::: "memory"); }

// WFI with interrupts masked: one that comes between the test and the WFI still ends it.
static void wait_for_interrupts(void) {
    while (load_acquire(&interrupts[1]) < wanted) {
        __asm__ volatile("wfi" ::: "memory");
        irqs_on();
        isb();
        irqs_off();
    }
}

static void send_sgi_to_first(void) { gic_send_sgi(4, 1); }
static void send_sgi_to_others(void) { gic_send_sgi_to_others(5); }

static void start_own_timer(void) {
    gic_enable(PPI_VIRTUAL_TIMER);
    WRITE_SYSREG(cntv_tval_el0, READ_SYSREG(cntfrq_el0) / 1000);
    WRITE_SYSREG(cntv_ctl_el0, 1);
    isb();
    wait_for_interrupts();
    answer = gic_is_enabled(PPI_VIRTUAL_TIMER);
}

static void enable_sgis(void) {
    for (unsigned id = 0; id < 16; id++) gic_enable(id);
}

static void check_interrupts(void) {
    this_cpu()->on_irq = on_irq;
    cpus[1].on_irq = on_irq;
    enable_sgis();
    post(enable_sgis);
    join();
    // The second CPU sleeps in WFI.
    wanted = 1;
    post(wait_for_interrupts);
    gic_send_sgi(3, 2);
    join();
    check_true(interrupts[1] == 1 && last_acknowledged[1] == 3 && interrupts[0] == 0, "sgi-to-second");
    wanted = 2;
    post(wait_for_interrupts);
    gic_send_sgi_to_others(6);
    join();
    check_true(interrupts[1] == 2 && gic_id(last_acknowledged[1]) == 6, "sgi-to-others");

    irqs_on();
    post(send_sgi_to_first);
    wait_until(&interrupts[0], 1);
    join();
    // GICv2 tells the sender in bits 12:10.
    check_equal(last_acknowledged[0], gic_version() == 2 ? 4 | 1 << 10 : 4, "sgi-to-first");
    post(send_sgi_to_others);
    wait_until(&interrupts[0], 2);
    join();
    irqs_off();
    check_equal(gic_id(last_acknowledged[0]), 5, "sgi-from-second-to-others");

    // To both at once.
    wanted = 3;
    post(wait_for_interrupts);
    irqs_on();
    gic_send_sgi(9, 3);
    wait_until(&interrupts[0], 3);
    irqs_off();
    join();
    check_true(gic_id(last_acknowledged[0]) == 9 && gic_id(last_acknowledged[1]) == 9, "sgi-to-both");

    // An SPI goes where it is routed.
    gic_set_edge(SPI_A, true);
    gic_route(SPI_A, 1);
    gic_enable(SPI_A);
    wanted = 4;
    post(wait_for_interrupts);
    gic_set_pending(SPI_A);
    join();
    check_true(interrupts[1] == 4 && last_acknowledged[1] == SPI_A && interrupts[0] == 3, "spi-to-second");
    gic_route(SPI_A, 0);
    irqs_on();
    gic_set_pending(SPI_A);
    wait_until(&interrupts[0], 4);
    irqs_off();
    check_equal(last_acknowledged[0], SPI_A, "spi-rerouted-to-first");

    // Private interrupts are private.
    wanted = 5;
    post(start_own_timer);
    join();
    check_true(answer == 1 && !gic_is_enabled(PPI_VIRTUAL_TIMER), "ppi-enable-is-banked");
    check_true(last_acknowledged[1] == PPI_VIRTUAL_TIMER && interrupts[0] == 4, "timer-of-second");

    // A hundred round trips.
    u64 first = interrupts[0], second = interrupts[1];
    for (u64 i = 1; i <= 100; i++) {
        wanted = second + i;
        post(wait_for_interrupts);
        gic_send_sgi(1, 2);
        join();
        irqs_on();
        post(send_sgi_to_first);
        wait_until(&interrupts[0], first + i);
        irqs_off();
        join();
    }
    check_true(interrupts[0] == first + 100 && interrupts[1] == second + 100, "sgi-round-trips");
}

// ---- Locks and ordering --------------------------------------------------------------------------------------------

enum { ROUNDS = 10000 };
static volatile u64 lock __attribute__((aligned(64))), counter __attribute__((aligned(64)));
static volatile u64 plain __attribute__((aligned(64)));

static void lock_acquire(void) {
    u64 value, status;
    __asm__ volatile("sevl\n1: wfe\n2: ldaxr %0, [%2]\ncbnz %0, 1b\nstxr %w1, %3, [%2]\ncbnz %w1, 2b"
                     : "=&r"(value), "=&r"(status)
                     : "r"(&lock), "r"(1ull)
                     : "memory");
}

static void lock_release(void) { __asm__ volatile("stlr xzr, [%0]\nsev" ::"r"(&lock) : "memory"); }

static void locked_increments(void) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        lock_acquire();
        plain = plain + 1;
        lock_release();
    }
}

static void exclusive_increments(void) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        u64 value, status;
        __asm__ volatile("1: ldxr %0, [%2]\nadd %0, %0, #1\nstxr %w1, %0, [%2]\ncbnz %w1, 1b"
                         : "=&r"(value), "=&r"(status)
                         : "r"(&counter)
                         : "memory");
    }
}

static void lse_increments(void) {
    for (unsigned i = 0; i < ROUNDS; i++)
        __asm__ volatile(".arch_extension lse\nstadd %0, [%1]\n.arch_extension nolse" ::"r"(1ull), "r"(&counter)
                         : "memory");
}

static void cas_increments(void) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        u64 old, seen;
        do {
            seen = old = counter;
            __asm__ volatile(".arch_extension lse\ncasal %0, %1, [%2]\n.arch_extension nolse"
                             : "+r"(seen)
                             : "r"(old + 1), "r"(&counter)
                             : "memory");
        } while (seen != old);
    }
}

static void both(task run) {
    post(run);
    run();
    join();
}

static volatile u64 data[2] __attribute__((aligned(256))), flag[2] __attribute__((aligned(256)));
static u64 seen[2][ROUNDS];

// Message passing: the data is there when the flag is.
static void receive(void) {
    answer = 0;
    for (u64 i = 1; i <= ROUNDS; i++) {
        wait_until(&flag[0], i);
        answer += data[0] != i * 3;
        store_release(&flag[1], i);
    }
}

// Store buffering with a full barrier: the two cannot both read the old value.
static void store_buffering(unsigned me) {
    volatile u64 *mine = me ? &data[1] : &data[0], *other = me ? &data[0] : &data[1];
    for (u64 i = 1; i < ROUNDS; i++) {
        store_release(&flag[me], i);
        while (load_acquire(&flag[1 - me]) < i) __asm__ volatile("yield");
        *mine = i;
        __asm__ volatile("dmb ish" ::: "memory");
        seen[me][i] = *other;
    }
}
static void store_buffering_second(void) { store_buffering(1); }

// The same with STLR and LDAR in place of the barrier (they are ordered with each other, B2.3.11).
static void store_buffering_release(unsigned me) {
    volatile u64 *mine = me ? &data[1] : &data[0], *other = me ? &data[0] : &data[1];
    for (u64 i = 1; i < ROUNDS; i++) {
        store_release(&flag[me], i);
        while (load_acquire(&flag[1 - me]) < i) __asm__ volatile("yield");
        store_release(mine, i);
        seen[me][i] = load_acquire(other);
    }
}
static void store_buffering_release_second(void) { store_buffering_release(1); }

static u64 forbidden_outcomes(void) {
    u64 count = 0;
    for (u64 i = 1; i < ROUNDS; i++) count += seen[0][i] < i && seen[1][i] < i;
    return count;
}

static volatile u64 interloper;
static void store_between(void) {
    wait_until(&flag[0], 1);
    store_release(&interloper, 99);
    store_release(&flag[1], 1);
}

static void wait_for_event(void) {
    for (u64 i = 1; i <= 200; i++) {
        while (load_acquire(&flag[0]) < i) __asm__ volatile("wfe");
        store_release(&flag[1], i);
    }
}

static void check_memory(void) {
    plain = 0;
    both(locked_increments);
    check_equal(plain, 2 * ROUNDS, "spinlock");
    counter = 0;
    both(exclusive_increments);
    check_equal(counter, 2 * ROUNDS, "exclusive-increments");
    if (field(READ_SYSREG(id_aa64isar0_el1), 20, 4) >= 2) {
        counter = 0;
        both(lse_increments);
        check_equal(counter, 2 * ROUNDS, "lse-increments");
        counter = 0;
        both(cas_increments);
        check_equal(counter, 2 * ROUNDS, "cas-increments");
        counter = 0;
        post(lse_increments);
        exclusive_increments();
        join();
        check_equal(counter, 2 * ROUNDS, "lse-against-exclusives");
    }
    flag[0] = flag[1] = 0;
    post(receive);
    for (u64 i = 1; i <= ROUNDS; i++) {
        data[0] = i * 3;
        store_release(&flag[0], i);
        wait_until(&flag[1], i);
    }
    join();
    check_equal(answer, 0, "message-passing");
    flag[0] = flag[1] = data[0] = data[1] = 0;
    post(store_buffering_second);
    store_buffering(0);
    join();
    check_equal(forbidden_outcomes(), 0, "store-buffering-with-dmb");
    flag[0] = flag[1] = data[0] = data[1] = 0;
    post(store_buffering_release_second);
    store_buffering_release(0);
    join();
    check_equal(forbidden_outcomes(), 0, "store-buffering-with-stlr-ldar");

    // A store by the other CPU between LDXR and STXR makes STXR fail.
    flag[0] = flag[1] = 0;
    interloper = 1;
    post(store_between);
    u64 old, status;
    __asm__ volatile("ldxr %0, [%2]\nstlr %3, [%4]\n1: ldar x9, [%5]\ncbz x9, 1b\nstxr %w1, %3, [%2]"
                     : "=&r"(old), "=&r"(status)
                     : "r"(&interloper), "r"(1ull), "r"(&flag[0]), "r"(&flag[1])
                     : "x9", "memory");
    join();
    check_true(old == 1 && (status & 1) == 1 && interloper == 99, "store-by-other-cpu-clears-the-monitor");

    flag[0] = flag[1] = 0;
    post(wait_for_event);
    for (u64 i = 1; i <= 200; i++) {
        store_release(&flag[0], i);
        __asm__ volatile("dsb ish\nsev" ::: "memory");
        wait_until(&flag[1], i);
    }
    join();
    check_true(true, "wfe-and-sev");
}

// ---- Maintenance that must reach the other CPU ---------------------------------------------------------------------

static NO_INIT u8 frames[2][4096] __attribute__((aligned(65536)));
#define VA 0x3000000000ull
PROBE(load, "ldr x0, [x0]")

static void read_mapping(void) {
    struct frame f = run_el1(load, VA);
    answer = probe_returned(&f) ? f.x[0] : 0xBAD0000 | (f.esr & 0x3F);
}

static void call_mapping(void) { answer = ((u64(*)(void))(VA + 0x1000))(); }

// Reads without stopping until told; whatever it sees must be one of the two frames or a fault.
static void read_all_the_time(void) {
    u64 wrong = 0;
    while (load_acquire(&flag[0]) == 0) {
        struct frame f = run_el1(load, VA);
        wrong += probe_returned(&f) ? f.x[0] != 0xF0 && f.x[0] != 0xF1
                                    : f.esr != ESR(EC_DATA_ABORT_SAME, FSC_TRANSLATION + 3);
    }
    answer = wrong;
}

static void invalidate(unsigned form) {
    u64 argument = VA >> 12;
    __asm__ volatile("dsb ishst" ::: "memory");
    if (form == 0)
        __asm__ volatile("tlbi vaae1is, %0" ::"r"(argument) : "memory");
    else if (form == 1)
        __asm__ volatile("tlbi vmalle1is" ::: "memory");
    else if (form == 2)
        __asm__ volatile("tlbi vale1is, %0" ::"r"(argument) : "memory");
    else
        __asm__ volatile("tlbi vaale1is, %0" ::"r"(argument) : "memory");
    __asm__ volatile("dsb ish; isb" ::: "memory");
}

static void check_maintenance(void) {
    *(volatile u64*)frames[0] = 0xF0;
    *(volatile u64*)frames[1] = 0xF1;
    u64 *entry = page_table_entry(&runtime_table, VA, 3), wrong = 0;
    for (unsigned round = 0; round < 100; round++) {
        *entry = leaf_descriptor((u64)frames[round & 1], PTE_EL1_RW, 3);
        page_table_sync();
        post(read_mapping);
        join();
        wrong += answer != 0xF0 + (round & 1);
        *entry = 0;
        invalidate(round % 4);
        post(read_mapping);
        join();
        wrong += answer != (0xBAD0000 | (FSC_TRANSLATION + 3));
    }
    check_equal(wrong, 0, "tlbi-is-reaches-the-other-cpu");
    flag[0] = 0;
    post(read_all_the_time);
    for (unsigned round = 0; round < 500; round++) {
        *entry = leaf_descriptor((u64)frames[round & 1], PTE_EL1_RW, 3);
        page_table_sync();
        *entry = 0;
        invalidate(round % 4);
    }
    store_release(&flag[0], 1);
    join();
    check_equal(answer, 0, "tlbi-is-while-the-other-cpu-reads");
    wrong = 0;
    page_table_map(&runtime_table, VA + 0x1000, (u64)frames[0], PTE_EL1_RWX, 3);
    page_table_sync();
    volatile u32* code = (volatile u32*)frames[0];
    for (unsigned round = 0; round < 500; round++) {
        code[0] = 0xd2800000u | round << 5; // mov x0, #round
        code[1] = RET;
        __asm__ volatile("dc cvau, %0; dsb ish" ::"r"(code) : "memory");
        if (round & 1)
            __asm__ volatile("ic ivau, %0; dsb ish; isb" ::"r"(VA + 0x1000) : "memory");
        else
            __asm__ volatile("ic ialluis; dsb ish; isb" ::: "memory");
        // Taking the mailbox's function does not synchronise the other CPU's fetches; its own ISB does.
        post(isb);
        join();
        post(call_mapping);
        join();
        wrong += answer != round;
    }
    check_equal(wrong, 0, "ic-reaches-the-other-cpu");
}

// ---- CPU_OFF --------------------------------------------------------------------------------------------------------

static void turn_off(void) {
    psci_call(PSCI_CPU_OFF, 0, 0, 0);
    answer = 0xBAD;
}

static void check_off(u64 mpidr) {
    for (unsigned round = 0; round < 3; round++) {
        answer = 0;
        post(turn_off);
        u64 spins = 0;
        while (psci_call(PSCI_AFFINITY_INFO64, mpidr, 0, 0) != 1 && spins < 20000000) spins++;
        check_equal((u64)psci_call(PSCI_AFFINITY_INFO64, mpidr, 0, 0), 1, "cpu-off-%u", round);
        check_equal(answer, 0, "cpu-off-does-not-return-%u", round);
        check_equal((u64)second_cpu_start(mpidr), PSCI_SUCCESS, "cpu-on-after-off-%u", round);
        wait_until(&second_cpu_online, mpidr + 1);
        post(answer_mpidr);
        join();
        check_equal(answer, mpidr, "second-cpu-runs-again-%u", round);
    }
}

void guest_main(void) {
    u64 mpidrs[MAX_CPUS];
    unsigned count = fdt_cpus(device_tree, mpidrs, MAX_CPUS);
    if (count < 2) {
        note("one CPU in the device tree");
        check_equal((u64)psci_call(PSCI_CPU_ON64, 1, (u64)second_cpu_entry, 0), (u64)PSCI_INVALID_PARAMETERS,
                    "cpu-on-absent-cpu");
        return;
    }
    gic_init(device_tree);
    check_start(mpidrs[1]);
    check_identity(mpidrs[1]);
    check_interrupts();
    check_memory();
    check_maintenance();
    check_off(mpidrs[1]);
}
