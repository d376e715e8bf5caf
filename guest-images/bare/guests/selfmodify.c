// Code that changes (B2.4.4): written, cleaned and invalidated as CTR_EL0 asks, then run; in place, by an alias, by
// remapping.
#include "../runtime/check.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/probe.h"

const char guest_name[] = "selfmodify";

enum { RET = 0xd65f03c0, NOP = 0xd503201f };

// Code pages, writable and executable at EL1, with a second mapping that is only writable and a third only executable.
static NO_INIT u32 code[4][16384] __attribute__((aligned(65536)));
#define RWX 0x3000000000ull
#define WRITABLE 0x3100000000ull
#define EXECUTABLE 0x3200000000ull

static u64 data_line, instruction_line;
typedef u64 (*function)(u64);

static u32 movz(unsigned rd, unsigned value) { return 0xd2800000u | value << 5 | rd; }
static u32 add_immediate(unsigned rd, unsigned rn, unsigned value) { return 0x91000000u | value << 10 | rn << 5 | rd; }
static u32 branch(s64 bytes) { return 0x14000000u | ((u32)(bytes >> 2) & 0x03FFFFFF); }

// DC CVAU by the address written, IC IVAU by the address run (they may differ), as Linux's sync_icache does.
static void publish(u64 written, u64 run, u64 size) {
    for (u64 a = written & ~(data_line - 1); a < written + size; a += data_line)
        __asm__ volatile("dc cvau, %0" ::"r"(a) : "memory");
    dsb_ish();
    for (u64 a = run & ~(instruction_line - 1); a < run + size; a += instruction_line)
        __asm__ volatile("ic ivau, %0" ::"r"(a) : "memory");
    dsb_ish();
    isb();
}

static volatile u32* words_at(u64 address) { return (volatile u32*)address; }
static u64 call(u64 address, u64 argument) { return ((function)address)(argument); }

// ---- In place -------------------------------------------------------------------------------------------------------

static void check_in_place(void) {
    volatile u32* w = words_at(RWX);
    w[0] = movz(0, 1);
    w[1] = RET;
    publish(RWX, RWX, 8);
    check_equal(call(RWX, 0), 1, "first-run");
    w[0] = movz(0, 2);
    publish(RWX, RWX, 4);
    check_equal(call(RWX, 0), 2, "rewritten");

    u64 wrong = 0;
    for (u64 i = 0; i < 100000; i++) {
        w[0] = movz(0, i & 0xFFFF);
        publish(RWX, RWX, 4);
        wrong += call(RWX, 0) != (i & 0xFFFF);
    }
    check_equal(wrong, 0, "hundred-thousand-rewrites");

    // Twenty functions in one page, one changed at a time: the others keep working.
    for (u64 i = 0; i < 20; i++) {
        w[0x100 + i * 8] = movz(0, (unsigned)i);
        w[0x101 + i * 8] = RET;
    }
    publish(RWX + 0x400, RWX + 0x400, 20 * 32);
    for (u64 round = 1; round < 50; round++) {
        u64 changed = round * 7 % 20;
        w[0x100 + changed * 8] = movz(0, (unsigned)(changed + 100 * round));
        publish(RWX + 0x400 + changed * 32, RWX + 0x400 + changed * 32, 4);
        for (u64 i = 0; i < 20; i++) {
            u64 last = 0;
            for (u64 r = 1; r <= round; r++)
                if (r * 7 % 20 == i) last = r;
            wrong += call(RWX + 0x400 + i * 32, 0) != i + 100 * last;
        }
    }
    check_equal(wrong, 0, "neighbours-unaffected");

    // The middle of a long straight run, and the target of a branch that has been taken before.
    for (u64 i = 0; i < 64; i++) w[0x200 + i] = add_immediate(0, 0, 1);
    w[0x200 + 64] = RET;
    publish(RWX + 0x800, RWX + 0x800, 65 * 4);
    check_equal(call(RWX + 0x800, 0), 64, "long-block");
    w[0x200 + 40] = add_immediate(0, 0, 1000);
    publish(RWX + 0x800 + 160, RWX + 0x800 + 160, 4);
    check_equal(call(RWX + 0x800, 0), 1063, "middle-of-block");
    w[0x200 + 20] = RET;
    publish(RWX + 0x800 + 80, RWX + 0x800 + 80, 4);
    check_equal(call(RWX + 0x800, 0), 20, "shortened-block");
    w[0x200 + 20] = NOP;
    publish(RWX + 0x800 + 80, RWX + 0x800 + 80, 4);
    check_equal(call(RWX + 0x800, 0), 1062, "lengthened-block");

    w[0x300] = branch(0x100);
    w[0x340] = movz(0, 1);
    w[0x341] = RET;
    w[0x380] = movz(0, 2);
    w[0x381] = RET;
    publish(RWX + 0xC00, RWX + 0xC00, 0x300);
    wrong = call(RWX + 0xC00, 0) != 1;
    for (unsigned i = 0; i < 1000; i++) {
        w[0x300] = branch(i & 1 ? 0x100 : 0x200);
        publish(RWX + 0xC00, RWX + 0xC00, 4);
        wrong += call(RWX + 0xC00, 0) != (i & 1 ? 1 : 2);
    }
    check_equal(wrong, 0, "branch-retargeted");
    w[0x340] = movz(0, 7);
    publish(RWX + 0xD00, RWX + 0xD00, 4);
    w[0x300] = branch(0x100);
    publish(RWX + 0xC00, RWX + 0xC00, 4);
    check_equal(call(RWX + 0xC00, 0), 7, "branch-target-changed");
}

// ---- A function that rewrites itself ahead of its own PC ------------------------------------------------------------

// x0 = the writable address of `patched`, x1 = the instruction to put there. Returns what that instruction gives.
__asm__(".pushsection .rodata\n.balign 64\n.global rewriter\nrewriter:\n"
        "str w1, [x0]\n"
        "dc cvau, x0\ndsb ish\nadr x2, 1f\nic ivau, x2\ndsb ish\nisb\n"
        "mov x0, #0\n"
        "1: nop\n"
        "ret\n"
        ".global rewriter_end\nrewriter_end:\n.popsection");
extern const u32 rewriter[], rewriter_end[];

static void check_ahead_of_pc(void) {
    u64 count = (u64)(rewriter_end - rewriter), wrong = 0;
    volatile u32* w = words_at(RWX + 0x2000);
    for (u64 i = 0; i < count; i++) w[i] = rewriter[i];
    publish(RWX + 0x2000, RWX + 0x2000, count * 4);
    u64 patched = RWX + 0x2000 + 8 * 4;
    for (u64 i = 1; i < 2000; i++) {
        u64 (*f)(u64, u64) = (u64(*)(u64, u64))(RWX + 0x2000);
        wrong += f(patched, movz(0, (unsigned)i)) != i;
    }
    check_equal(wrong, 0, "rewrites-ahead-of-its-pc");
}

// ---- Through aliases -----------------------------------------------------------------------------------------------

static void check_aliases(void) {
    u64 wrong = 0;
    for (u64 i = 0; i < 2000; i++) {
        u64 slot = (i * 52) % 0x3000;
        words_at(WRITABLE + slot)[0] = movz(0, (unsigned)(i & 0xFFFF));
        words_at(WRITABLE + slot)[1] = RET;
        publish(WRITABLE + slot, EXECUTABLE + slot, 8);
        wrong += call(EXECUTABLE + slot, 0) != (i & 0xFFFF);
    }
    check_equal(wrong, 0, "written-by-alias");
    // Run at two addresses, changed through a third; both must follow when each is invalidated.
    words_at(WRITABLE + 0x3800)[0] = movz(0, 11);
    words_at(WRITABLE + 0x3800)[1] = RET;
    publish(WRITABLE + 0x3800, EXECUTABLE + 0x3800, 8);
    publish(WRITABLE + 0x3800, RWX + 0x3800, 8);
    wrong = (call(EXECUTABLE + 0x3800, 0) != 11) + (call(RWX + 0x3800, 0) != 11);
    words_at(WRITABLE + 0x3800)[0] = movz(0, 12);
    publish(WRITABLE + 0x3800, EXECUTABLE + 0x3800, 4);
    publish(WRITABLE + 0x3800, RWX + 0x3800, 4);
    wrong += (call(EXECUTABLE + 0x3800, 0) != 12) + (call(RWX + 0x3800, 0) != 12);
    check_equal(wrong, 0, "run-at-two-addresses");
    // CTR_EL0.L1Ip is PIPT (or VPIPT) on every implementation of this architecture version and later that matters here:
    // IC IVAU by one address reaches the line at all others (D7.5.6).
    if (field(READ_SYSREG(ctr_el0), 14, 2) == 3) {
        words_at(WRITABLE + 0x3800)[0] = movz(0, 13);
        publish(WRITABLE + 0x3800, EXECUTABLE + 0x3800, 4);
        check_equal(call(RWX + 0x3800, 0), 13, "pipt-one-invalidate-reaches-all");
    }
    // IC IALLU and IALLUIS need no address.
    wrong = 0;
    for (unsigned i = 0; i < 200; i++) {
        words_at(WRITABLE + 0x3900)[0] = movz(0, i);
        words_at(WRITABLE + 0x3900)[1] = RET;
        __asm__ volatile("dc cvau, %0; dsb ish" ::"r"(WRITABLE + 0x3900) : "memory");
        if (i & 1)
            __asm__ volatile("ic iallu; dsb nsh; isb" ::: "memory");
        else
            __asm__ volatile("ic ialluis; dsb ish; isb" ::: "memory");
        wrong += call(EXECUTABLE + 0x3900, 0) != i;
    }
    check_equal(wrong, 0, "ic-iallu");
    // DC ZVA and exclusives write code like any store.
    u64 zva = 4ull << field(READ_SYSREG(dczid_el0), 0, 4);
    u64 slot = ALIGN_UP(0x3A00, zva);
    words_at(WRITABLE + slot)[0] = movz(0, 1);
    words_at(WRITABLE + slot)[1] = RET;
    publish(WRITABLE + slot, EXECUTABLE + slot, 8);
    call(EXECUTABLE + slot, 0);
    __asm__ volatile("dc zva, %0" ::"r"(WRITABLE + slot) : "memory");
    publish(WRITABLE + slot, EXECUTABLE + slot, zva);
    struct frame f = run_el1((probe_code)(EXECUTABLE + slot));
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_UNKNOWN, 0), EXECUTABLE + slot, ANY},
               "zeroed-code-is-undefined");
    u32 status;
    u64 two = (u64)RET << 32 | movz(0, 21);
    __asm__ volatile("1: ldxr x9, [%1]; stxr %w0, %2, [%1]; cbnz %w0, 1b"
                     : "=&r"(status)
                     : "r"(WRITABLE + slot), "r"(two)
                     : "x9", "memory");
    publish(WRITABLE + slot, EXECUTABLE + slot, 8);
    check_equal(call(EXECUTABLE + slot, 0), 21, "code-by-exclusive-store");
}

// ---- By remapping --------------------------------------------------------------------------------------------------

static void check_remapping(void) {
    // The pages' contents never change; the page at one address does. No instruction cache maintenance is due.
    u64 va = EXECUTABLE + 0x100000, wrong = 0;
    for (unsigned i = 0; i < 4; i++) {
        volatile u32* w = (volatile u32*)code[i];
        w[0x1000] = movz(0, 40 + i);
        w[0x1001] = RET;
        publish((u64)&w[0x1000], (u64)&w[0x1000], 8);
    }
    __asm__ volatile("ic iallu; dsb ish; isb" ::: "memory");
    u64* entry = page_table_entry(&runtime_table, va, 3);
    for (unsigned i = 0; i < 500; i++) {
        unsigned which = i * 7 % 4;
        *entry = 0;
        __asm__ volatile("dsb ishst; tlbi vaale1, %0; dsb ish; isb" ::"r"(va >> 12) : "memory");
        *entry = leaf_descriptor((u64)&code[which][0x1000], PTE_ALL_RX, 3);
        page_table_sync();
        wrong += call(va, 0) != 40 + which;
        struct frame f = run_el0((probe_code)va);
        wrong += !probe_returned(&f) || f.x[0] != 40 + which;
    }
    check_equal(wrong, 0, "remapped-code");
    *entry = 0;
    tlb_flush_all();
}

// EL0 with its own maintenance, as a just-in-time compiler does it.
// x0 = writable, x1 = executable, x2 = rounds. Counts in x3 the rounds whose result is not the round.
PROBE(
    user_jit,
    "mov x3, #0\nmov x9, x30\nmov x4, #0xd2800000\nmov w5, #0x03c0\nmovk w5, #0xd65f, lsl #16\nstr w5, [x0, #4]\n"
    "1: and x6, x2, #0xffff\norr x7, x4, x6, lsl #5\nstr w7, [x0]\n"
    "dc cvau, x0\ndsb ish\nic ivau, x1\ndsb ish\nisb\n"
    "mov x10, x0\nblr x1\ncmp x0, x6\ncinc x3, x3, ne\nmov x0, x10\nsubs x2, x2, #1\nb.ne 1b\nmov x0, x3\nmov x30, x9")

static void check_user_jit(void) {
    u64 writable = WRITABLE + 0x200000, executable = EXECUTABLE + 0x200000;
    page_table_map(&runtime_table, writable, (u64)code[1], PTE_ALL_RW, 3);
    page_table_map(&runtime_table, executable, (u64)code[1], PTE_ALL_RX, 3);
    page_table_sync();
    write_sctlr(SCTLR_DEFAULT | SCTLR_UCI);
    struct frame f = run_el0(user_jit, writable + 0x80, executable + 0x80, 20000);
    check_returned(&f, 0, "user-jit");
    write_sctlr(SCTLR_DEFAULT);
}

void guest_main(void) {
    u64 ctr = READ_SYSREG(ctr_el0);
    data_line = 4ull << field(ctr, 16, 4);
    instruction_line = 4ull << field(ctr, 0, 4);
    check_true(data_line >= 16 && data_line <= 2048 && instruction_line >= 16 && instruction_line <= 2048, "ctr-lines");
    for (u64 offset = 0; offset < 0x10000; offset += 0x1000) {
        page_table_map(&runtime_table, RWX + offset, (u64)code[0] + offset, PTE_EL1_RWX, 3);
        page_table_map(&runtime_table, WRITABLE + offset, (u64)code[0] + offset, PTE_EL1_RW, 3);
        page_table_map(&runtime_table, EXECUTABLE + offset, (u64)code[0] + offset, PTE_ALL_RX, 3);
    }
    page_table_sync();
    check_in_place();
    check_ahead_of_pc();
    check_aliases();
    check_remapping();
    check_user_jit();
}
