#include "second_cpu.h"

#include "gic.h"
#include "psci.h"

volatile u64 second_cpu_online, second_cpu_entry_state[4];

void wait_until(const volatile u64* p, u64 value) {
    while (load_acquire(p) != value) __asm__ volatile("yield");
}

static struct {
    volatile u64 posted, done;
    volatile task run;
} mailbox;

void post(task run) {
    mailbox.run = run;
    store_release(&mailbox.posted, mailbox.posted + 1);
}

void join(void) { wait_until(&mailbox.done, mailbox.posted); }

static void second_cpu(struct cpu* cpu) {
    gic_init_cpu();
    store_release(&second_cpu_online, cpu->mpidr + 1);
    for (u64 number = mailbox.posted + 1;; number++) {
        wait_until(&mailbox.posted, number);
        mailbox.run();
        store_release(&mailbox.done, number);
    }
}

// PSCI enters here with the MMU off; what the specification promises is kept for later.
__asm__(".text\n.global second_cpu_entry\nsecond_cpu_entry:\n"
        "adrp x1, second_cpu_entry_state\nadd x1, x1, :lo12:second_cpu_entry_state\n"
        "mrs x2, currentel\nmrs x3, daif\nstp x2, x3, [x1]\nmrs x2, sctlr_el1\nmrs x3, spsel\nstp x2, x3, [x1, #16]\n"
        "b secondary_start\n");

s64 second_cpu_start(u64 mpidr) {
    struct cpu* cpu = &cpus[1];
    cpu->mpidr = mpidr;
    cpu->entry = second_cpu;
    cpu->landing = 0;
    cpu->boot_ttbr[0] = READ_SYSREG(ttbr0_el1);
    cpu->boot_ttbr[1] = READ_SYSREG(ttbr1_el1);
    cpu->boot_tcr = READ_SYSREG(tcr_el1);
    cpu->boot_mair = READ_SYSREG(mair_el1);
    cpu->boot_sctlr = READ_SYSREG(sctlr_el1);
    // The new CPU reads these with its caches off.
    for (u64 a = (u64)cpu & ~63ull; a < (u64)(cpu + 1); a += 64) __asm__ volatile("dc civac, %0" ::"r"(a) : "memory");
    __asm__ volatile("dc civac, %0" ::"r"(second_cpu_entry_state) : "memory");
    dsb_sy();
    second_cpu_online = 0;
    mailbox.done = mailbox.posted;
    return psci_call(PSCI_CPU_ON64, mpidr, (u64)second_cpu_entry, (u64)cpu);
}
