#include "probe.h"

#include "check.h"
#include "print.h"

struct cpu cpus[MAX_CPUS];

void probe_enter(u64 pc, u64 spsr, const u64* args, u64 sp_el0);
void probe_land(void);

static USER_DATA u8 user_stacks[MAX_CPUS][8192] __attribute__((aligned(16)));
// Read-only for EL0 and EL1 under the runtime's map; probe_write reaches it through a writable alias.
__attribute__((section(".user.text"), aligned(64))) static const u32 scratch_code[64] = {0};
static u64 chosen_sp;

bool probe_returned(const struct frame* frame) { return frame->esr == ESR(EC_SVC, PROBE_RETURN_IMM); }

void probe_set_sp(u64 sp) { chosen_sp = sp; }

struct frame probe_run(probe_code code, u64 pstate, const u64 args[8]) {
    struct frame result;
    struct cpu* cpu = this_cpu();
    struct frame* outer = cpu->probe_result;
    unsigned index = (unsigned)(cpu - cpus);
    u64 daif = READ_SYSREG(daif);
    cpu->probe_result = &result;
    probe_enter((u64)code, pstate, args, chosen_sp != 0 ? chosen_sp : (u64)user_stacks[index + 1]);
    cpu->probe_result = outer;
    WRITE_SYSREG(daif, daif);
    return result;
}

probe_code probe_write(const u32* words, unsigned count) {
    extern u64 writable_alias(const void* address);
    volatile u32* alias = (volatile u32*)writable_alias(scratch_code);
    for (unsigned i = 0; i < count; i++) alias[i] = words[i];
    alias[count] = 0xd65f03c0; // ret
    for (u64 a = (u64)scratch_code; a < (u64)&scratch_code[count + 1]; a += 4) {
        __asm__ volatile("dc cvau, %0" ::"r"(writable_alias((const void*)a)) : "memory");
        __asm__ volatile("dsb ish; ic ivau, %0" ::"r"(a) : "memory");
    }
    dsb_ish();
    isb();
    return scratch_code;
}

static void unexpected(const struct frame* frame) {
    print("FAIL unexpected-exception: got vector=%lu esr=0x%lx elr=0x%lx far=0x%lx spsr=0x%lx x30=0x%lx want none\n",
          frame->vector, frame->esr, frame->elr, frame->far, frame->spsr, frame->x[30]);
    extern void give_up(void);
    give_up();
}

void probe_abandon(struct frame* frame) {
    struct cpu* cpu = this_cpu();
    *cpu->probe_result = *frame;
    frame->x[0] = cpu->landing;
    frame->elr = (u64)probe_land;
    frame->spsr = PSR_EL1h | PSR_DAIF;
}

// Called by the vectors; returning resumes what the frame says.
void exception(struct frame* frame) {
    struct cpu* cpu = this_cpu();
    frame->entered = READ_SYSREG(daif);
    if (has_pan()) frame->entered |= READ_SYSREG(s3_0_c4_c2_3);
    if (has_uao()) frame->entered |= READ_SYSREG(s3_0_c4_c2_4);
    unsigned kind = frame->vector % 4;
    if (kind == 1 && cpu->on_irq != 0) {
        cpu->on_irq(frame);
        return;
    }
    if (kind == 2 && cpu->on_fiq != 0) {
        cpu->on_fiq(frame);
        return;
    }
    if (kind != 0 || cpu->landing == 0) {
        unexpected(frame);
        return;
    }
    probe_abandon(frame);
}
