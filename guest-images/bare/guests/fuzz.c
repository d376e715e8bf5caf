// Random instruction words at EL0. Whatever they are, they end in a return, an exception or the timer's interrupt; they
// do the same when run again; and EL1 finds its registers and memory as they were.
#include "../runtime/check.h"
#include "../runtime/gic.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/probe.h"

const char guest_name[] = "fuzz";

enum { ROUNDS = 30000 };
static USER_DATA u64 area[128] __attribute__((aligned(1024)));
static u64 guarded[64];

static u64 random_state = 0x9E3779B97F4A7C15;
static u64 random_word(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

// By the groups of the encoding (C4.1): purely random words are mostly unallocated.
static u32 random_instruction(void) {
    static const struct {
        u32 mask, value;
    } groups[] = {
        {0x1C000000, 0x10000000}, // data processing (immediate)
        {0x1F000000, 0x11000000}, // add and subtract (immediate)
        {0x0E000000, 0x0A000000}, // data processing (register)
        {0x1F200000, 0x0B000000}, // add and subtract (shifted register)
        {0x1FE00000, 0x1AC00000}, // one and two sources
        {0x1C000000, 0x14000000}, // branches, exceptions, system
        {0xFFE00000, 0xD5200000}, // MRS and SYSL
        {0xFFC00000, 0xD5000000}, // MSR, SYS, hints, barriers
        {0x0A000000, 0x08000000}, // loads and stores
        {0x3B200C00, 0x38000400}, // post- and pre-index
        {0x3F000000, 0x08000000}, // exclusives, ordered, compare and swap
        {0x3B200C00, 0x38200000}, // atomic memory operations
        {0x0E000000, 0x0E000000}, // SIMD and floating point
        {0x9F200400, 0x0E200400}, // SIMD three same
        {0x5F200C00, 0x1E200800}, // scalar two sources
        {0x00000000, 0x00000000}, // anything
    };
    u64 random = random_word();
    unsigned group = (unsigned)(random >> 60);
    u32 word = ((u32)(random >> 16) & ~groups[group].mask) | groups[group].value;
    // Half the loads and stores get a base register that points somewhere useful.
    return random >> 59 & 1 ? (word & ~0x3E0u) : word;
}

static unsigned interrupted;
static void on_irq(struct frame* frame) {
    u32 acknowledged = gic_acknowledge();
    WRITE_SYSREG(cntv_ctl_el0, 0);
    isb();
    if (gic_id(acknowledged) >= 1020) return;
    gic_end(acknowledged);
    // The interrupt may have come after the probe's last exception and before the timer was turned off.
    if ((frame->spsr & 0xF) != PSR_EL0t || this_cpu()->landing == 0) return;
    interrupted++;
    probe_abandon(frame);
}

static void fill_vectors(void) {
    __asm__ volatile(
        ".arch armv8-a+simd\n.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, "
        "22, 23, 24, 25, 26, 27, 28, 29, 30, 31\nmovi v\\n\\().16b, #(\\n * 37 + 5) & 255\n.endr\n.arch armv8-a" ::
            : "memory");
}

static struct frame run_once(probe_code code) {
    for (unsigned i = 0; i < ARRAY_LENGTH(area); i++) area[i] = (u64)i * 0x000101010101;
    WRITE_SYSREG(tpidr_el0, 0x1234);
    WRITE_SYSREG(contextidr_el1, 7);
    __asm__ volatile(".arch armv8-a+fp\nmsr fpcr, xzr\nmsr fpsr, xzr\nclrex" ::: "memory");
    fill_vectors();
    WRITE_SYSREG(cntv_tval_el0, READ_SYSREG(cntfrq_el0) / 20);
    WRITE_SYSREG(cntv_ctl_el0, 1);
    isb();
    u64 middle = (u64)&area[64];
    struct frame f =
        probe_run(code, PSR_EL0t | PSR_D | PSR_A,
                  PROBE_ARGS(middle, middle + 64, 0x0123456789ABCDEF, middle - 128, 5, ~0ull, 0, middle + 8));
    WRITE_SYSREG(cntv_ctl_el0, 0);
    isb();
    return f;
}

static bool same(const struct frame* a, const struct frame* b) {
    bool equal = a->elr == b->elr && a->spsr == b->spsr && a->esr == b->esr && a->sp_el0 == b->sp_el0;
    for (unsigned i = 0; i < 30; i++) equal = equal && a->x[i] == b->x[i];
    return equal;
}

void guest_main(void) {
    gic_init(device_tree);
    gic_enable(PPI_VIRTUAL_TIMER);
    this_cpu()->on_irq = on_irq;
    WRITE_SYSREG(cpacr_el1, 3ull << 20);
    isb();
    for (unsigned i = 0; i < ARRAY_LENGTH(guarded); i++) guarded[i] = i;
    probe_set_sp((u64)&area[32]);
    const u64 ttbr = READ_SYSREG(ttbr0_el1), tcr = READ_SYSREG(tcr_el1), sctlr = READ_SYSREG(sctlr_el1);
    const u64 vbar = READ_SYSREG(vbar_el1), mair = READ_SYSREG(mair_el1), tpidr = READ_SYSREG(tpidr_el1);
    const u64 tpidrro = READ_SYSREG(tpidrro_el0), cntkctl = READ_SYSREG(cntkctl_el1);

    unsigned different = 0, intruded = 0, returned = 0, undefined = 0, aborted = 0, other = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        u32 word = random_instruction();
        if ((word & 0xFFFFFF00) == 0xD53B2400) continue; // RNDR and RNDRRS are meant to differ
        probe_code code = probe_write(&word, 1);
        unsigned before = interrupted;
        struct frame first = run_once(code);
        struct frame second = run_once(code);
        u64 ec = first.esr >> 26;
        if (probe_returned(&first))
            returned++;
        else if (ec == EC_UNKNOWN)
            undefined++;
        else if (ec == EC_DATA_ABORT_LOWER || ec == EC_INSTRUCTION_ABORT_LOWER)
            aborted++;
        else
            other++;
        // Where the timer had to end a run, the state depends on when.
        if (interrupted == before && !same(&first, &second)) {
            different++;
            note("differs: %08x esr 0x%lx and 0x%lx", word, first.esr, second.esr);
        }
        intruded += READ_SYSREG(ttbr0_el1) != ttbr || READ_SYSREG(tcr_el1) != tcr || READ_SYSREG(sctlr_el1) != sctlr ||
                    READ_SYSREG(vbar_el1) != vbar || READ_SYSREG(mair_el1) != mair || READ_SYSREG(tpidr_el1) != tpidr ||
                    READ_SYSREG(tpidrro_el0) != tpidrro || READ_SYSREG(cntkctl_el1) != cntkctl;
    }
    for (unsigned i = 0; i < ARRAY_LENGTH(guarded); i++) intruded += guarded[i] != i;
    note("%u returned, %u undefined, %u aborted, %u other exceptions, %u ended by the timer", returned, undefined,
         aborted, other, interrupted);
    check_equal(different, 0, "same-outcome-when-repeated");
    check_equal(intruded, 0, "privileged-state-untouched");
    check_true(returned > 0 && undefined > 0 && aborted > 0, "all-kinds-of-outcome");
}
