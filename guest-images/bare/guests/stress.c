// What an emulator that keeps translations and looked-up addresses must not get wrong, over and over: code that
// changes, one page at many addresses, address spaces that come and go, two CPUs at one location and under each other's
// TLBI. Each check lasts as many seconds as the boot argument "seconds" says (1 by default).
#include "../runtime/check.h"
#include "../runtime/fdt.h"
#include "../runtime/gic.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/probe.h"
#include "../runtime/psci.h"
#include "../runtime/second_cpu.h"

const char guest_name[] = "stress";

enum { RET = 0xd65f03c0, PAGE = 4096 };
#define CODE 0x3000000000ull
#define WINDOW 0x3100000000ull
#define OWN 0x3200000000ull // Of each address space; never mapped globally.

static NO_INIT u8 frames[64][PAGE] __attribute__((aligned(65536)));
static u64 end_of_check, seconds;

static void begin_check(void) { end_of_check = READ_SYSREG(cntvct_el0) + seconds * READ_SYSREG(cntfrq_el0); }
static bool time_is_up(void) { return READ_SYSREG(cntvct_el0) >= end_of_check; }

static u64 random_state = 1;
static u64 random(u64 below) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

static u32 movz(u64 value) { return 0xd2800000u | (u32)(value & 0xFFFF) << 5; }
static u32 bl(s64 bytes) { return 0x94000000u | ((u32)(bytes >> 2) & 0x03FFFFFF); }

static void publish_word(u64 written, u64 run) {
    __asm__ volatile("dc cvau, %0\ndsb ish\nic ivau, %1\ndsb ish\nisb" ::"r"(written), "r"(run) : "memory");
}

static u64 call(u64 address) { return ((u64(*)(void))address)(); }

static void invalidate(u64 va) {
    __asm__ volatile("dsb ishst\ntlbi vaae1is, %0\ndsb ish\nisb" ::"r"(va >> 12 & 0xFFFFFFFFFFF) : "memory");
}

// ---- Code that changes ----------------------------------------------------------------------------------------------

// Functions in four pages. Each sets x0 and returns, or calls another of a higher number and adds what that returns to
// its own; words, targets and kinds change at random.
enum { FUNCTIONS = 128, FUNCTION_BYTES = 128 };
static u64 results[FUNCTIONS];
static struct {
    u16 value;
    u16 callee; // FUNCTIONS: none
} functions[FUNCTIONS];

static void write_function(unsigned i) {
    u64 address = CODE + i * FUNCTION_BYTES;
    volatile u32* w = (volatile u32*)address;
    unsigned n = 0;
    if (functions[i].callee < FUNCTIONS) {
        w[n++] = 0xf81f0ffe; // str x30, [sp, #-16]!
        w[n] = bl((s64)(functions[i].callee * FUNCTION_BYTES) - (s64)(i * FUNCTION_BYTES + n * 4));
        n++;
        w[n++] = 0xd2800001u | (u32)functions[i].value << 5; // mov x1, #value
        w[n++] = 0x8b010000;                                 // add x0, x0, x1
        w[n++] = 0xf84107fe;                                 // ldr x30, [sp], #16
    } else {
        w[n++] = movz(functions[i].value);
    }
    w[n++] = RET;
    publish_word(address, address);
}

static void check_changing_code(void) {
    for (unsigned i = 0; i < 4; i++) page_table_map(&runtime_table, CODE + i * PAGE, (u64)frames[i], PTE_EL1_RWX, 3);
    page_table_sync();
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        functions[i].value = (u16)i;
        functions[i].callee = FUNCTIONS;
        write_function(i);
    }
    u64 wrong = 0, rounds = 0;
    begin_check();
    do {
        unsigned changed = (unsigned)random(FUNCTIONS);
        functions[changed].value = (u16)random(65536);
        functions[changed].callee = (u16)(random(3) == 0 ? FUNCTIONS : changed + 1 + random(FUNCTIONS - changed));
        write_function(changed);
        for (unsigned i = FUNCTIONS; i-- != 0;)
            results[i] = functions[i].value + (functions[i].callee < FUNCTIONS ? results[functions[i].callee] : 0);
        for (unsigned i = 0; i < 40; i++) {
            unsigned called = (unsigned)random(FUNCTIONS);
            wrong += call(CODE + called * FUNCTION_BYTES) != results[called];
        }
        rounds++;
    } while (!time_is_up());
    check_equal(wrong, 0, "changing-code");
    check_true(rounds > 100, "changing-code-rounds");
}

// ---- One page at many addresses -------------------------------------------------------------------------------------

// ADR tells where it runs.
static void write_page(unsigned frame) {
    volatile u32* w = (volatile u32*)frames[frame];
    w[0] = 0x10000000; // adr x0, .
    w[1] = RET;
    publish_word((u64)w, (u64)w);
    *(volatile u64*)(frames[frame] + 64) = frame;
}

static void check_aliases(void) {
    enum { ALIASES = 512, SHARED = 8 };
    static u8 shown[ALIASES];
    for (unsigned i = 0; i < SHARED; i++) write_page(i);
    __asm__ volatile("ic iallu\ndsb ish\nisb" ::: "memory");
    for (unsigned i = 0; i < ALIASES; i++) {
        shown[i] = i % SHARED;
        page_table_map(&runtime_table, WINDOW + i * PAGE, (u64)frames[shown[i]], PTE_EL1_RWX, 3);
    }
    page_table_sync();
    u64 contents[SHARED], wrong = 0, rounds = 0;
    for (unsigned i = 0; i < SHARED; i++) contents[i] = i;
    begin_check();
    do {
        unsigned to = (unsigned)random(ALIASES), from = (unsigned)random(ALIASES), moved = (unsigned)random(ALIASES);
        contents[shown[to]] = random_state;
        *(volatile u64*)(WINDOW + to * PAGE + 64) = random_state;
        wrong += *(volatile u64*)(WINDOW + from * PAGE + 64) != contents[shown[from]];
        wrong += call(WINDOW + from * PAGE) != WINDOW + from * PAGE;
        wrong += call(WINDOW + to * PAGE) != WINDOW + to * PAGE;
        if (rounds++ % 16 == 0) {
            u64 va = WINDOW + moved * PAGE, *entry = page_table_entry(&runtime_table, va, 3);
            shown[moved] = (u8)random(SHARED);
            *entry = 0;
            invalidate(va);
            *entry = leaf_descriptor((u64)frames[shown[moved]], PTE_EL1_RWX, 3);
            page_table_sync();
            wrong += *(volatile u64*)(va + 64) != contents[shown[moved]];
        }
    } while (!time_is_up());
    check_equal(wrong, 0, "one-page-at-many-addresses");
    check_true(rounds > 1000, "one-page-at-many-addresses-rounds");
}

// ---- Address spaces -------------------------------------------------------------------------------------------------

static void enter_space(const struct page_table* space, u64 asid) {
    WRITE_SYSREG(ttbr0_el1, (u64)space->root | asid << 48);
    isb();
}

static void check_address_spaces(void) {
    enum { SPACES = 48, LEAST = 100000 };
    static struct page_table spaces[SPACES];
    static u64 contents[SPACES];
    for (unsigned i = 0; i < SPACES; i++) {
        volatile u32* w = (volatile u32*)frames[i];
        w[0] = movz(i);
        w[1] = RET;
        publish_word((u64)w, (u64)w);
        contents[i] = i;
        *(volatile u64*)(frames[i] + 64) = i;
        spaces[i] = page_table_new(GRANULE_4K, 39);
        page_table_map_runtime(&spaces[i]);
        page_table_map(&spaces[i], OWN, (u64)frames[i], PTE_EL1_RWX | PTE_nG, 3);
    }
    page_table_sync();
    __asm__ volatile("ic iallu\ndsb ish\nisb" ::: "memory");
    u64 wrong = 0, switches = 0;
    begin_check();
    do {
        unsigned i = (unsigned)random(SPACES);
        enter_space(&spaces[i], i + 1);
        wrong += call(OWN) != i;
        wrong += *(volatile u64*)(OWN + 64) != contents[i];
        *(volatile u64*)(OWN + 64) = contents[i] = switches;
        if (switches % 64 == 0) __asm__ volatile("tlbi aside1, %0\ndsb ish\nisb" ::"r"((i + 1ull) << 48) : "memory");
    } while (++switches < LEAST || !time_is_up());
    enter_space(&runtime_table, 0);
    check_equal(wrong, 0, "address-spaces");
    check_true(switches >= LEAST, "address-spaces-switches");
}

// ---- Two CPUs -------------------------------------------------------------------------------------------------------

static volatile u64 stop, done_by_second, counter __attribute__((aligned(64))), lock __attribute__((aligned(64)));
static volatile u64 plain __attribute__((aligned(64)));

static u64 add_exclusively(void) {
    u64 value, status;
    __asm__ volatile("1: ldaxr %0, [%2]\nadd %0, %0, #1\nstlxr %w1, %0, [%2]\ncbnz %w1, 1b"
                     : "=&r"(value), "=&r"(status)
                     : "r"(&counter)
                     : "memory");
    return 1;
}

static u64 add_atomically(void) {
    u64 old;
    __asm__ volatile(".arch_extension lse\nldaddal %1, %0, [%2]\n.arch_extension nolse"
                     : "=r"(old)
                     : "r"(1ull), "r"(&counter)
                     : "memory");
    return 1;
}

static u64 add_by_compare(void) {
    u64 old = counter, seen = old;
    __asm__ volatile(".arch_extension lse\ncasal %0, %1, [%2]\n.arch_extension nolse"
                     : "+r"(seen)
                     : "r"(old + 1), "r"(&counter)
                     : "memory");
    return seen == old;
}

static u64 add_under_lock(void) {
    u64 value, status;
    __asm__ volatile("1: ldaxr %0, [%2]\ncbnz %0, 1b\nstxr %w1, %3, [%2]\ncbnz %w1, 1b"
                     : "=&r"(value), "=&r"(status)
                     : "r"(&lock), "r"(1ull)
                     : "memory");
    plain = plain + 1;
    __asm__ volatile("stlr xzr, [%0]" ::"r"(&lock) : "memory");
    return 1;
}

static u64 (*volatile chosen_addition)(void);

static void add_until_stopped(void) {
    u64 (*add)(void) = chosen_addition;
    u64 done = 0;
    while (load_acquire(&stop) == 0)
        for (unsigned i = 0; i < 64; i++) done += add();
    done_by_second = done;
}

// Both CPUs add to one location; the quarter of the time that each of the four ways gets.
static void check_addition(u64 (*first)(void), u64 (*second)(void), const char* name) {
    u64 done = 0;
    counter = plain = stop = 0;
    chosen_addition = second;
    begin_check();
    post(add_until_stopped);
    while (!time_is_up())
        for (unsigned i = 0; i < 64; i++) done += first();
    store_release(&stop, 1);
    join();
    check_equal(counter + plain, done + done_by_second, "%s", name);
    check_true(done > 0 && done_by_second > 0, "%s-both-ran", name);
}

PROBE(stress_load, "ldr x0, [x0]")
static volatile u64 sequence, wrong_by_second;

// What the page shows is never older than what was there when the last TLBI was complete.
static void read_until_stopped(void) {
    u64 wrong = 0, reads = 0;
    while (load_acquire(&stop) == 0) {
        u64 least = load_acquire(&sequence);
        struct frame f = run_el1(stress_load, WINDOW);
        if (probe_returned(&f))
            wrong += f.x[0] < least;
        else
            wrong += f.esr != ESR(EC_DATA_ABORT_SAME, FSC_TRANSLATION + 3);
        reads++;
    }
    wrong_by_second = wrong;
    done_by_second = reads;
}

static void check_shoot_downs(void) {
    u64* entry = page_table_entry(&runtime_table, WINDOW, 3);
    *entry = 0;
    invalidate(WINDOW);
    sequence = stop = 0;
    u64 rounds = 0;
    begin_check();
    post(read_until_stopped);
    while (!time_is_up()) {
        rounds++;
        u8* frame = frames[rounds % 16];
        *(volatile u64*)frame = rounds;
        *entry = 0;
        invalidate(WINDOW);
        *entry = leaf_descriptor((u64)frame, PTE_EL1_RW, 3);
        page_table_sync();
        store_release(&sequence, rounds);
    }
    store_release(&stop, 1);
    join();
    check_equal(wrong_by_second, 0, "shoot-downs");
    check_true(rounds > 100 && done_by_second > 100, "shoot-downs-both-ran");
}

void guest_main(void) {
    seconds = fdt_boot_argument(device_tree, "seconds", 1);
    check_changing_code();
    check_aliases();
    check_address_spaces();
    u64 mpidrs[MAX_CPUS];
    if (fdt_cpus(device_tree, mpidrs, MAX_CPUS) < 2) {
        note("one CPU in the device tree");
        return;
    }
    gic_init(device_tree);
    check_equal((u64)second_cpu_start(mpidrs[1]), PSCI_SUCCESS, "cpu-on");
    wait_until(&second_cpu_online, mpidrs[1] + 1);
    check_addition(add_exclusively, add_exclusively, "exclusives");
    check_addition(add_under_lock, add_under_lock, "lock");
    if (field(READ_SYSREG(id_aa64isar0_el1), 20, 4) >= 2) {
        check_addition(add_atomically, add_atomically, "lse");
        check_addition(add_by_compare, add_by_compare, "compare-and-swap");
        check_addition(add_atomically, add_exclusively, "lse-against-exclusives");
    }
    check_shoot_downs();
}
