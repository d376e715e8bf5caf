// What each CPU of the guest owns; TPIDR_EL1 points to it.
#pragma once
#include "offsets.h"
#include "sysreg.h"

// What the vectors save.
struct frame {
    u64 x[31];
    u64 sp_el0, elr, spsr, esr, far, vector;
    u64 entered; // PSTATE on entry: DAIF, and PAN and UAO where they exist
};
_Static_assert(offsetof(struct frame, sp_el0) == FRAME_SP_EL0, "frame");
_Static_assert(offsetof(struct frame, elr) == FRAME_ELR, "frame");
_Static_assert(offsetof(struct frame, esr) == FRAME_ESR, "frame");
_Static_assert(offsetof(struct frame, vector) == FRAME_VECTOR, "frame");
_Static_assert(sizeof(struct frame) == FRAME_SIZE, "frame");

// Vector numbers: offset from VBAR_EL1 divided by 0x80 (D1.3.4).
enum {
    VECTOR_EL1t_SYNC = 0,
    VECTOR_EL1h_SYNC = 4,
    VECTOR_EL1h_IRQ = 5,
    VECTOR_EL1h_FIQ = 6,
    VECTOR_EL0_SYNC = 8,
    VECTOR_EL0_IRQ = 9,
};

struct cpu;
typedef void (*interrupt_handler)(struct frame* frame);

struct cpu {
    u64 landing; // stack pointer of the probe in progress, 0 when none
    u64 stack_top;
    void (*entry)(struct cpu* cpu);
    u64 boot_ttbr[2];
    u64 boot_tcr, boot_mair;
    u64 boot_sctlr;
    struct frame* probe_result;
    interrupt_handler on_irq, on_fiq;
    u64 mpidr;
};
_Static_assert(offsetof(struct cpu, stack_top) == CPU_STACK_TOP, "cpu");
_Static_assert(offsetof(struct cpu, entry) == CPU_ENTRY, "cpu");
_Static_assert(offsetof(struct cpu, boot_ttbr) == CPU_BOOT_TTBR, "cpu");
_Static_assert(offsetof(struct cpu, boot_tcr) == CPU_BOOT_TCR, "cpu");
_Static_assert(offsetof(struct cpu, boot_sctlr) == CPU_BOOT_SCTLR, "cpu");

extern struct cpu cpus[MAX_CPUS];
extern u8 cpu_stacks[MAX_CPUS][CPU_STACK_SIZE];
void secondary_start(void);
void mmu_switch(u64 ttbr0, u64 ttbr1, u64 tcr, u64 mair, u64 sctlr);

static inline struct cpu* this_cpu(void) { return (struct cpu*)READ_SYSREG(tpidr_el1); }
