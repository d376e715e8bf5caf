// Self-hosted debug (D2): software step, hardware breakpoints and watchpoints as ptrace and gdb inside a guest use
// them.
//
// QEMU 7.2 differs from the architecture in four places, and fails there:
// - step-pending-before-instruction-abort: it translates the address first (D1.3.5.5 puts software step before all).
// - instruction-abort-before-breakpoint: it looks for breakpoints before it translates (D1.3.5.5).
// - no-step-under-os-lock: OSLSR_EL1.OSLK disables debug exceptions (D2.3, AArch64.GenerateDebugExceptionsFrom).
// - watch-both-load: it reports WnR = 1 for a load (ESR_EL1, ISS encoding for a Watchpoint exception).
#include "../runtime/check.h"
#include "../runtime/main.h"
#include "../runtime/probe.h"

const char guest_name[] = "debug";

#define MDSCR_SS BIT(0)
#define MDSCR_KDE BIT(13)
#define MDSCR_MDE BIT(15)
#define STEP_ISV BIT(24)
#define STEP_EX BIT(6)

static USER_DATA u64 watched[16] __attribute__((aligned(128)));

static void set_mdscr(u64 value) {
    WRITE_SYSREG(mdscr_el1, value);
    isb();
}

// ---- Software step (D2.11) -----------------------------------------------------------------------------------------

PROBE(straight, "mov x0, #1\nmov x0, #2\nmov x0, #3")
PROBE(branch_forward, "b 1f\nnop\n1: mov x0, #5")
PROBE(branch_self, "b .")
PROBE(svc_7, "svc #7\nmov x0, #9")
PROBE(brk_7, "brk #7")
PROBE(load_x0, "ldr x1, [x0]")
PROBE(udf, ".inst 0")
PROBE(exclusive, "ldxr x1, [x0]\nstxr w2, x1, [x0]")
PROBE(set_flags, "subs xzr, xzr, xzr")

static struct frame step_el0(probe_code code, u64 pstate, u64 x0) {
    return probe_run(code, PSR_EL0t | PSR_DAIF | pstate, PROBE_ARGS(x0));
}

static void check_step(void) {
    u64 not_pending = ESR(EC_STEP_LOWER, STEP_ISV | FSC_DEBUG), pending = ESR(EC_STEP_LOWER, FSC_DEBUG);
    // KDE is 0, so EL1 itself is not stepped.
    set_mdscr(MDSCR_SS);
    struct frame f = step_el0(straight, PSR_SS, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, not_pending, (u64)(straight + 1), ANY}, "step-one-instruction");
    check_true(f.x[0] == 1 && (f.spsr & PSR_SS) == 0, "step-executed-one-instruction");
    f = step_el0(straight, 0, 77);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, pending, (u64)straight, ANY}, "step-pending-at-once");
    check_true(f.x[0] == 77 && (f.spsr & PSR_SS) == 0, "step-pending-executed-nothing");
    f = step_el0(branch_forward, PSR_SS, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, not_pending, (u64)(branch_forward + 2), ANY}, "step-branch");
    f = step_el0(branch_self, PSR_SS, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, not_pending, (u64)branch_self, ANY}, "step-branch-to-self");
    f = step_el0(set_flags, PSR_SS, 0);
    check_equal(f.spsr & PSR_NZCV, PSR_Z | PSR_C, "step-keeps-flags");
    f = step_el0(exclusive, PSR_SS, (u64)watched);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, not_pending | STEP_EX, (u64)(exclusive + 1), ANY},
               "step-load-exclusive-sets-ex");

    // An instruction that takes its own exception: SVC has completed, so SPSR.SS is 0; the others have not (D2.11.5).
    f = step_el0(svc_7, PSR_SS, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_SVC, 7), (u64)(svc_7 + 1), ANY}, "step-svc");
    check_equal(f.spsr & PSR_SS, 0, "step-svc-spsr-ss");
    f = step_el0(brk_7, PSR_SS, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_BRK, 7), (u64)brk_7, ANY}, "step-brk");
    check_equal(f.spsr & PSR_SS, PSR_SS, "step-brk-spsr-ss");
    f = step_el0(load_x0, PSR_SS, 0x7000000000);
    check_trap(
        &f,
        (struct expected){VECTOR_EL0_SYNC, ESR(EC_DATA_ABORT_LOWER, FSC_TRANSLATION + 1), (u64)load_x0, 0x7000000000},
        "step-data-abort");
    check_equal(f.spsr & PSR_SS, PSR_SS, "step-data-abort-spsr-ss");
    f = step_el0(udf, PSR_SS, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)udf, ANY}, "step-undefined");
    check_equal(f.spsr & PSR_SS, PSR_SS, "step-undefined-spsr-ss");
    // Pending step comes before any other synchronous exception (D1.3.5.5).
    f = step_el0((probe_code)0x7000000000, 0, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, pending, 0x7000000000, ANY},
               "step-pending-before-instruction-abort");

    // Walk through a whole piece of code, as a debugger does.
    u64 pc = (u64)straight, x0 = 0;
    unsigned steps = 0;
    do {
        f = step_el0((probe_code)pc, PSR_SS, x0);
        pc = f.elr;
        x0 = f.x[0];
        steps++;
    } while (f.esr == not_pending && steps < 20);
    // The fourth RET leads to the SVC that ends probes, which is the fifth.
    check_true(steps == 5 && x0 == 3 && probe_returned(&f), "step-to-the-end");

    // No stepping: SS clear in MDSCR, OS lock held.
    set_mdscr(0);
    f = step_el0(straight, PSR_SS, 0);
    check_returned(&f, 3, "no-step-without-mdscr-ss");
    set_mdscr(MDSCR_SS);
    WRITE_SYSREG(oslar_el1, 1);
    isb();
    check_equal(READ_SYSREG(oslsr_el1) & 2, 2, "os-lock-reads-back");
    f = step_el0(straight, PSR_SS, 0);
    check_returned(&f, 3, "no-step-under-os-lock");
    WRITE_SYSREG(oslar_el1, 0);
    isb();
    check_equal(READ_SYSREG(oslsr_el1) & 2, 0, "os-unlock-reads-back");
    f = probe_run(straight, PSR_EL1h | PSR_DAIF | PSR_SS, PROBE_ARGS(0));
    check_returned(&f, 3, "no-step-at-el1-without-kde");

    // At EL1 with KDE and PSTATE.D clear. PSTATE.D is set whenever the runtime itself runs.
    set_mdscr(MDSCR_SS | MDSCR_KDE);
    f = probe_run(straight, PSR_EL1h | PSR_A | PSR_I | PSR_F | PSR_SS, PROBE_ARGS(0));
    check_trap(&f,
               (struct expected){VECTOR_EL1h_SYNC, ESR(EC_STEP_SAME, STEP_ISV | FSC_DEBUG), (u64)(straight + 1), ANY},
               "step-el1-with-kde");
    f = probe_run(straight, PSR_EL1h | PSR_DAIF | PSR_SS, PROBE_ARGS(0));
    check_returned(&f, 3, "no-step-at-el1-with-d-set");
    set_mdscr(0);
}

// ---- Breakpoints (D2.9) --------------------------------------------------------------------------------------------

#define BCR_E 1ull
#define BCR_EL0 (2ull << 1)
#define BCR_EL1 (1ull << 1)
#define BCR_ANY_BYTE (0xFull << 5)
#define WCR_LOAD (1ull << 3)
#define WCR_STORE (2ull << 3)
#define WCR_BYTES(mask) ((u64)(mask) << 5)
#define WCR_MASK(bits) ((u64)(bits) << 24)

static void set_breakpoint(u64 address, u64 control) {
    WRITE_SYSREG(dbgbvr0_el1, address);
    WRITE_SYSREG(dbgbcr0_el1, control);
    isb();
}

static void check_breakpoints(void) {
    u64 target = (u64)(straight + 1);
    u64 hit = ESR(EC_BREAKPOINT_LOWER, FSC_DEBUG);
    check_true(field(READ_SYSREG(id_aa64dfr0_el1), 12, 4) >= 1, "at-least-two-breakpoints");
    check_true(field(READ_SYSREG(id_aa64dfr0_el1), 20, 4) >= 1, "at-least-two-watchpoints");
    check_true(field(READ_SYSREG(id_aa64dfr0_el1), 0, 4) >= 6, "debug-version");
    set_mdscr(MDSCR_MDE);
    set_breakpoint(target, BCR_E | BCR_EL0 | BCR_ANY_BYTE);
    struct frame f = run_el0(straight);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, hit, target, ANY}, "breakpoint-el0");
    check_equal(f.x[0], 1, "breakpoint-before-the-instruction");
    f = run_el1(straight);
    check_returned(&f, 3, "breakpoint-el0-only");
    // It is taken again on return to the same instruction: a debugger has to disable it to step over.
    f = run_el0((probe_code)target);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, hit, target, ANY}, "breakpoint-again");
    set_breakpoint(target, BCR_EL0 | BCR_ANY_BYTE);
    f = run_el0(straight);
    check_returned(&f, 3, "breakpoint-disabled");
    set_breakpoint(target, BCR_E | BCR_EL0 | BCR_ANY_BYTE);
    set_mdscr(0);
    f = run_el0(straight);
    check_returned(&f, 3, "breakpoint-without-mde");
    set_mdscr(MDSCR_MDE);
    set_breakpoint((u64)udf, BCR_E | BCR_EL0 | BCR_ANY_BYTE);
    f = run_el0(udf);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, hit, (u64)udf, ANY}, "breakpoint-before-undefined");
    set_breakpoint((u64)straight, BCR_E | BCR_EL0 | BCR_ANY_BYTE);
    f = probe_run(straight, PSR_EL0t | PSR_DAIF | PSR_IL, PROBE_ARGS(0));
    check_equal(f.esr, hit, "breakpoint-before-illegal-state");

    set_breakpoint(0x7000000000, BCR_E | BCR_EL0 | BCR_ANY_BYTE);
    f = run_el0((probe_code)0x7000000000);
    check_equal(f.esr, ESR(EC_INSTRUCTION_ABORT_LOWER, FSC_TRANSLATION + 1), "instruction-abort-before-breakpoint");

    // EL1: needs KDE, PSTATE.D clear, and PMC to include it.
    set_breakpoint(target, BCR_E | BCR_EL1 | BCR_ANY_BYTE);
    f = probe_run(straight, PSR_EL1h | PSR_A | PSR_I | PSR_F, PROBE_ARGS(0));
    check_returned(&f, 3, "breakpoint-el1-without-kde");
    set_mdscr(MDSCR_MDE | MDSCR_KDE);
    f = probe_run(straight, PSR_EL1h | PSR_A | PSR_I | PSR_F, PROBE_ARGS(0));
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_BREAKPOINT_SAME, FSC_DEBUG), target, ANY},
               "breakpoint-el1");
    f = run_el1(straight);
    check_returned(&f, 3, "breakpoint-el1-with-d-set");
    f = run_el0(straight);
    check_returned(&f, 3, "breakpoint-el1-only");

    // The second comparator, and registers that keep what they are given.
    set_breakpoint(0, 0);
    WRITE_SYSREG(dbgbvr1_el1, (u64)straight);
    WRITE_SYSREG(dbgbcr1_el1, BCR_E | BCR_EL0 | BCR_ANY_BYTE);
    isb();
    check_equal(READ_SYSREG(dbgbvr1_el1), (u64)straight, "dbgbvr-reads-back");
    check_equal(READ_SYSREG(dbgbcr1_el1) & 0x1E7, BCR_E | BCR_EL0 | BCR_ANY_BYTE, "dbgbcr-reads-back");
    f = run_el0(straight);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, hit, (u64)straight, ANY}, "breakpoint-1-el0");
    WRITE_SYSREG(dbgbcr1_el1, 0);
    // gdb: step over a breakpoint with both enabled; a pending step wins over the breakpoint.
    set_breakpoint((u64)straight, BCR_E | BCR_EL0 | BCR_ANY_BYTE);
    set_mdscr(MDSCR_MDE | MDSCR_SS);
    f = step_el0(straight, 0, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_STEP_LOWER, FSC_DEBUG), (u64)straight, ANY},
               "pending-step-before-breakpoint");
    set_breakpoint(0, 0);
    f = step_el0(straight, PSR_SS, 0);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_STEP_LOWER, STEP_ISV | FSC_DEBUG), target, ANY},
               "step-over-removed-breakpoint");
    set_mdscr(0);
}

// ---- Watchpoints (D2.10) -------------------------------------------------------------------------------------------

PROBE(load_8, "ldr x1, [x0]")
PROBE(load_4, "ldr w1, [x0]")
PROBE(load_1, "ldrb w1, [x0]")
PROBE(store_8, "str x1, [x0]")
PROBE(store_1, "strb w1, [x0]")
PROBE(store_pair, "stp x1, x2, [x0]")
PROBE(load_user, "ldtr x1, [x0]")
PROBE(zero_block, "dc zva, x0")

static void set_watchpoint(u64 address, u64 control) {
    WRITE_SYSREG(dbgwvr0_el1, address);
    WRITE_SYSREG(dbgwcr0_el1, control);
    isb();
}

static void check_watchpoints(void) {
    const u64 el0 = BCR_E | BCR_EL0, address = (u64)&watched[2], next = (u64)&watched[3];
    const u64 load_hit = ESR(EC_WATCHPOINT_LOWER, FSC_DEBUG), store_hit = ESR(EC_WATCHPOINT_LOWER, FSC_DEBUG | ISS_WNR);
    set_mdscr(MDSCR_MDE);
    watched[2] = 0x2222;
    set_watchpoint(address, el0 | WCR_LOAD | WCR_BYTES(0xFF));
    struct frame f = run_el0(load_8, address, 0x99);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, load_hit, (u64)load_8, address}, "watch-load");
    check_equal(f.x[1], 0x99, "watch-load-not-executed");
    f = run_el0(store_8, address, 0x2323);
    check_true(probe_returned(&f) && watched[2] == 0x2323, "watch-load-lets-stores");
    f = run_el0(load_8, next);
    check_true(probe_returned(&f), "watch-other-address");
    f = run_el1(load_8, address);
    check_true(probe_returned(&f), "watch-el0-only");
    f = run_el0(load_1, address + 5);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, load_hit, (u64)load_1, address + 5}, "watch-load-byte-inside");

    set_watchpoint(address, el0 | WCR_STORE | WCR_BYTES(0xFF));
    f = run_el0(store_8, address, 0x4444);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, store_hit, (u64)store_8, address}, "watch-store");
    check_equal(watched[2], 0x2323, "watch-store-not-executed");
    f = run_el0(load_8, address);
    check_true(probe_returned(&f), "watch-store-lets-loads");
    f = run_el0(store_pair, (u64)&watched[1], 0x5555, 0x6666);
    check_equal(f.esr, store_hit, "watch-store-pair-second-register");
    check_true(f.far >= (u64)&watched[1] && f.far < next, "watch-store-pair-far");
    set_watchpoint(address, el0 | WCR_LOAD | WCR_STORE | WCR_BYTES(0xFF));
    f = run_el0(store_8, address, 0x4444);
    check_equal(f.esr, store_hit, "watch-both-store");
    f = run_el0(load_8, address);
    check_equal(f.esr, load_hit, "watch-both-load");

    // Byte address select.
    set_watchpoint(address, el0 | WCR_STORE | WCR_BYTES(0x10));
    f = run_el0(store_1, address + 3, 1);
    check_true(probe_returned(&f), "watch-byte-4-misses-3");
    f = run_el0(store_1, address + 4, 1);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, store_hit, (u64)store_1, address + 4}, "watch-byte-4");
    f = run_el0(store_1, address + 5, 1);
    check_true(probe_returned(&f), "watch-byte-4-misses-5");
    set_watchpoint(address, el0 | WCR_LOAD | WCR_BYTES(0xF0));
    f = run_el0(load_4, address);
    check_true(probe_returned(&f), "watch-upper-word-misses-lower");
    f = run_el0(load_4, address + 4);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, load_hit, (u64)load_4, address + 4}, "watch-upper-word");
    f = run_el0(load_8, address);
    check_equal(f.esr, load_hit, "watch-upper-word-by-doubleword");

    // Address mask: 2^6 bytes.
    set_watchpoint((u64)&watched[8], el0 | WCR_LOAD | WCR_BYTES(0xFF) | WCR_MASK(6));
    f = run_el0(load_8, (u64)&watched[8]);
    check_equal(f.esr, load_hit, "watch-range-first");
    f = run_el0(load_8, (u64)&watched[15]);
    check_equal(f.esr, load_hit, "watch-range-last");
    f = run_el0(load_8, (u64)&watched[7]);
    check_true(probe_returned(&f), "watch-range-below");
    set_watchpoint(address, el0 | WCR_STORE | WCR_BYTES(0xFF));
    if (field(READ_SYSREG(dczid_el0), 4, 1) == 0) {
        write_sctlr(SCTLR_DEFAULT | SCTLR_DZE);
        f = run_el0(zero_block, (u64)watched);
        check_equal(f.esr, store_hit, "watch-dc-zva");
        write_sctlr(SCTLR_DEFAULT);
    }
    set_watchpoint(address, el0 | WCR_LOAD | WCR_BYTES(0xFF));
    // LDTR at EL1 counts as an access from EL0 (D2.10.5), and the exception is taken from EL1.
    set_mdscr(MDSCR_MDE | MDSCR_KDE);
    f = probe_run(load_user, PSR_EL1h | PSR_A | PSR_I | PSR_F, PROBE_ARGS(address));
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_WATCHPOINT_SAME, FSC_DEBUG), (u64)load_user, address},
               "watch-ldtr-as-el0");
    set_watchpoint(address, BCR_E | BCR_EL1 | WCR_LOAD | WCR_BYTES(0xFF));
    f = probe_run(load_8, PSR_EL1h | PSR_A | PSR_I | PSR_F, PROBE_ARGS(address));
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_WATCHPOINT_SAME, FSC_DEBUG), (u64)load_8, address},
               "watch-el1");
    f = run_el1(load_8, address);
    check_true(probe_returned(&f), "watch-el1-with-d-set");
    f = run_el0(load_8, address);
    check_true(probe_returned(&f), "watch-el1-only");
    set_watchpoint(address, BCR_EL0 | WCR_LOAD | WCR_BYTES(0xFF));
    f = run_el0(load_8, address);
    check_true(probe_returned(&f), "watch-disabled");
    set_watchpoint(0, 0);
    // An MMU fault comes before a watchpoint on the same address (D1.3.5.5).
    set_watchpoint(0x7000000000, el0 | WCR_LOAD | WCR_BYTES(0xFF));
    f = run_el0(load_8, 0x7000000000);
    check_equal(f.esr, ESR(EC_DATA_ABORT_LOWER, FSC_TRANSLATION + 1), "data-abort-before-watchpoint");
    set_watchpoint(0, 0);
    set_mdscr(0);
}

void guest_main(void) {
    check_step();
    check_breakpoints();
    check_watchpoints();
}
