// Exclusives, the large system extension's atomics, acquire and release, and the alignment rules of each (B2.9, B2.2).
//
// QEMU 7.2 does not check the alignment of LDAPR (B2.9.3: a load-acquire, without FEAT_LSE2), and fails
// unaligned-ldapr.
#include "../runtime/check.h"
#include "../runtime/main.h"
#include "../runtime/probe.h"

const char guest_name[] = "atomics";

static USER_DATA u64 cell[32] __attribute__((aligned(256)));

static bool has_lse(void) { return field(READ_SYSREG(id_aa64isar0_el1), 20, 4) >= 2; }
static bool has_rcpc(void) { return field(READ_SYSREG(id_aa64isar1_el1), 20, 4) >= 1; }
// FEAT_LSE2: unaligned atomics within 16 bytes are allowed.
static bool has_lse2(void) { return field(READ_SYSREG(s3_0_c0_c7_2), 32, 4) >= 1; }

// ---- Exclusives -----------------------------------------------------------------------------------------------------

// Each: x0 = address, x1 = new value; returns the status in x0 and the loaded value in x2.
#define EXCLUSIVE(name, load, store, reg) PROBE(name, load " " reg "2, [x0]\n" store " w3, " reg "1, [x0]\nmov w0, w3")
EXCLUSIVE(x_8, "ldxrb", "stxrb", "w")
EXCLUSIVE(x_16, "ldxrh", "stxrh", "w")
EXCLUSIVE(x_32, "ldxr", "stxr", "w")
EXCLUSIVE(x_64, "ldxr", "stxr", "x")
EXCLUSIVE(ax_8, "ldaxrb", "stlxrb", "w")
EXCLUSIVE(ax_16, "ldaxrh", "stlxrh", "w")
EXCLUSIVE(ax_32, "ldaxr", "stlxr", "w")
EXCLUSIVE(ax_64, "ldaxr", "stlxr", "x")
PROBE(xp_32, "ldxp w2, w4, [x0]\nstxp w3, w1, w5, [x0]\nmov w0, w3")
PROBE(xp_64, "ldxp x2, x4, [x0]\nstxp w3, x1, x5, [x0]\nmov w0, w3")
PROBE(axp_32, "ldaxp w2, w4, [x0]\nstlxp w3, w1, w5, [x0]\nmov w0, w3")
PROBE(axp_64, "ldaxp x2, x4, [x0]\nstlxp w3, x1, x5, [x0]\nmov w0, w3")
PROBE(store_alone, "clrex\nstxr w3, x1, [x0]\nmov w0, w3")
PROBE(store_pair_alone, "clrex\nstxp w3, x1, x5, [x0]\nmov w0, w3")
PROBE(with_clrex, "ldxr x2, [x0]\nclrex\nstxr w3, x1, [x0]\nmov w0, w3")
PROBE(store_twice, "ldxr x2, [x0]\nstxr w3, x1, [x0]\nstxr w4, x5, [x0]\nmov w0, w4")
PROBE(other_address, "ldxr x2, [x0]\nadd x6, x0, #128\nstxr w3, x1, [x6]\nmov w0, w3")
PROBE(reload_moves, "ldxr x2, [x0]\nadd x6, x0, #128\nldxr x7, [x6]\nstxr w3, x1, [x0]\nmov w0, w3")
PROBE(svc_between, "ldxr x2, [x0]\nsvc #1\nstxr w3, x1, [x0]\nmov w0, w3")
PROBE(changed_between, "ldxr x2, [x0]\nadd x4, x2, #1\nstr x4, [x0]\nmov x5, #0\nstxr w3, x1, [x0]\nmov w0, w3")
PROBE(add_loop, "1: ldxr x2, [x0]\nadd x2, x2, #3\nstxr w3, x2, [x0]\ncbnz w3, 1b\nsubs x1, x1, #1\nb.ne 1b")
PROBE(load_half_store_whole, "ldxr w2, [x0]\nstxr w3, w1, [x0]\nmov w0, w3")

static void check_exclusives(void) {
    static const struct {
        const char* name;
        probe_code code;
        unsigned bytes, pair;
    } forms[] = {
        {"ldxrb", x_8, 1, 0},    {"ldxrh", x_16, 2, 0},   {"ldxr-w", x_32, 4, 0},    {"ldxr-x", x_64, 8, 0},
        {"ldaxrb", ax_8, 1, 0},  {"ldaxrh", ax_16, 2, 0}, {"ldaxr-w", ax_32, 4, 0},  {"ldaxr-x", ax_64, 8, 0},
        {"ldxp-w", xp_32, 4, 1}, {"ldxp-x", xp_64, 8, 1}, {"ldaxp-w", axp_32, 4, 1}, {"ldaxp-x", axp_64, 8, 1},
    };
    const u64 first = 0x8899AABBCCDDEEFF, second = 0x1122334455667788, new1 = 0xF1F2F3F4F5F6F7F8,
              new2 = 0xE1E2E3E4E5E6E7E8;
    for (unsigned i = 0; i < ARRAY_LENGTH(forms); i++) {
        unsigned bits = forms[i].bytes * 8;
        u64 mask = bits == 64 ? ~0ull : BIT(bits) - 1;
        cell[0] = first;
        cell[1] = second;
        struct frame f = run_el0(forms[i].code, (u64)cell, new1, 0, 0, 0, new2);
        check_returned(&f, 0, "%s-succeeds", forms[i].name);
        check_equal(f.x[2], first & mask, "%s-loads", forms[i].name);
        u64 want0 = (first & ~mask) | (new1 & mask), want1 = second;
        if (forms[i].pair && bits == 32)
            want0 = (new1 & 0xFFFFFFFF) | new2 << 32;
        else if (forms[i].pair)
            want1 = new2;
        check_true(cell[0] == want0 && cell[1] == want1, "%s-stores", forms[i].name);
        if (forms[i].pair) check_equal(f.x[4], bits == 32 ? first >> 32 : second, "%s-loads-second", forms[i].name);
    }
    cell[0] = 5;
    struct frame f = run_el0(store_alone, (u64)cell, 6);
    check_true(probe_returned(&f) && f.x[0] == 1 && cell[0] == 5, "stxr-without-ldxr-fails");
    f = run_el0(store_pair_alone, (u64)cell, 6, 0, 0, 0, 7);
    check_true(probe_returned(&f) && f.x[0] == 1 && cell[0] == 5, "stxp-without-ldxp-fails");
    f = run_el0(with_clrex, (u64)cell, 6);
    check_true(f.x[0] == 1 && cell[0] == 5, "clrex-opens-the-monitor");
    f = run_el0(store_twice, (u64)cell, 6, 0, 0, 0, 7);
    check_true(f.x[3] == 0 && f.x[0] == 1 && cell[0] == 6, "second-stxr-fails");
    cell[16] = 9;
    f = run_el0(other_address, (u64)cell, 6);
    check_true(f.x[0] == 1 && cell[16] == 9, "stxr-elsewhere-fails");
    cell[0] = 5;
    f = run_el0(reload_moves, (u64)cell, 6);
    check_true(f.x[0] == 1 && cell[0] == 5, "second-ldxr-moves-the-monitor");
    cell[0] = 0x0000000700000005;
    f = run_el0(load_half_store_whole, (u64)cell, 6);
    check_true(f.x[0] == 0 && cell[0] == 0x0000000700000006, "ldxr-w-leaves-the-rest");
    // A store by the same CPU between the two may or may not clear the monitor; either way the outcome is consistent.
    cell[0] = 5;
    f = run_el0(changed_between, (u64)cell, 20);
    check_true((f.x[0] == 0 && cell[0] == 20) || (f.x[0] == 1 && cell[0] == 6), "store-between-is-consistent");
    // An exception return clears the local monitor (B2.12.2): LDXR, SVC, ERET, STXR must fail.
    cell[0] = 5;
    f = run_el0(svc_between, (u64)cell, 6);
    check_equal(f.esr, ESR(EC_SVC, 1), "ldxr-then-svc");
    f = run_el0((probe_code)f.elr, (u64)cell, 6);
    check_true(probe_returned(&f) && f.x[0] == 1 && cell[0] == 5, "exception-return-opens-the-monitor");
    cell[0] = 0;
    f = run_el0(add_loop, (u64)cell, 5000);
    check_true(probe_returned(&f) && cell[0] == 15000, "ldxr-stxr-loop");
}

// ---- LSE ------------------------------------------------------------------------------------------------------------

enum operation { ADD, CLR, EOR, SET, SMAX, SMIN, UMAX, UMIN, SWP, OPERATIONS };
static const char* const operation_names[OPERATIONS] = {"ldadd",  "ldclr",  "ldeor",  "ldset", "ldsmax",
                                                        "ldsmin", "ldumax", "ldumin", "swp"};

static s64 sign_extend(u64 value, unsigned bits) { return (s64)(value << (64 - bits)) >> (64 - bits); }

static u64 apply(enum operation operation, u64 old, u64 operand, unsigned bits) {
    u64 mask = bits == 64 ? ~0ull : BIT(bits) - 1;
    u64 a = old & mask, b = operand & mask;
    s64 sa = sign_extend(a, bits), sb = sign_extend(b, bits);
    switch (operation) {
    case ADD: return (a + b) & mask;
    case CLR: return a & ~b;
    case EOR: return a ^ b;
    case SET: return a | b;
    case SMAX: return sa > sb ? a : b;
    case SMIN: return sa < sb ? a : b;
    case UMAX: return a > b ? a : b;
    case UMIN: return a < b ? a : b;
    default: return b;
    }
}

// LD<op>/SWP Ws=x1, Wt=x2, [x0]: size at 31:30, A at 23, R at 22, o3 at 15, opc at 14:12.
static u32 atomic_word(enum operation operation, unsigned size, unsigned order) {
    u32 word = 0x38200000u | size << 30 | order << 22 | 1u << 16 | 0u << 5 | 2u;
    return operation == SWP ? word | 1u << 15 : word | (u32)operation << 12;
}

static void check_lse_operations(void) {
    static const u64 values[] = {0, 1, 0x7F, 0x80, 0xFFFF, 0x8000000080008081, 0x7FFFFFFF7FFF7F7E, ~0ull};
    for (enum operation operation = ADD; operation < OPERATIONS; operation++) {
        for (unsigned size = 0; size < 4; size++) {
            unsigned bits = 8u << size;
            u64 mask = bits == 64 ? ~0ull : BIT(bits) - 1, wrong = 0;
            for (unsigned order = 0; order < 4; order++) {
                u32 word = atomic_word(operation, size, order);
                probe_code code = probe_write(&word, 1);
                for (unsigned i = 0; i < ARRAY_LENGTH(values); i++) {
                    u64 operand = values[(i * 3 + 5 + order) % ARRAY_LENGTH(values)];
                    cell[1] = values[i];
                    struct frame f = run_el0(code, (u64)&cell[1], operand, 0xDEAD);
                    u64 want = (values[i] & ~mask) | apply(operation, values[i], operand, bits);
                    wrong +=
                        !probe_returned(&f) || f.x[2] != (values[i] & mask) || cell[1] != want || f.x[1] != operand;
                }
            }
            check_equal(wrong, 0, "%s-%u-bits", operation_names[operation], bits);
        }
    }
}

PROBE(ldadd_xzr, "ldadd x1, xzr, [x0]")
PROBE(ldadd_same, "ldadd x1, x1, [x0]\nmov x0, x1")
PROBE(swp_base, "swp x1, x0, [x0]")
PROBE(cas_b, "casb w1, w2, [x0]")
PROBE(cas_h, "cash w1, w2, [x0]")
PROBE(cas_w, "cas w1, w2, [x0]")
PROBE(cas_x, "cas x1, x2, [x0]")
PROBE(casal_x, "casal x1, x2, [x0]")
PROBE(casp_w, "casp w2, w3, w4, w5, [x0]")
PROBE(casp_x, "casp x2, x3, x4, x5, [x0]")
PROBE(caspal_x, "caspal x2, x3, x4, x5, [x0]")
PROBE(casp_odd, ".inst 0x48217c02")
PROBE(casp_odd_target, ".inst 0x48207c03")

static void check_lse_forms(void) {
    cell[0] = 40;
    struct frame f = run_el0(ldadd_xzr, (u64)cell, 2);
    check_equal(cell[0], 42, "stadd");
    f = run_el0(ldadd_same, (u64)cell, 8);
    check_true(f.x[0] == 42 && cell[0] == 50, "ldadd-same-register");
    f = run_el0(swp_base, (u64)cell, 7);
    check_true(f.x[0] == 50 && cell[0] == 7, "swp-into-base");

    static const struct {
        const char* name;
        probe_code code;
        unsigned bits;
    } forms[] = {
        {"casb", cas_b, 8}, {"cash", cas_h, 16}, {"cas-w", cas_w, 32}, {"cas-x", cas_x, 64}, {"casal-x", casal_x, 64}};
    for (unsigned i = 0; i < ARRAY_LENGTH(forms); i++) {
        u64 mask = forms[i].bits == 64 ? ~0ull : BIT(forms[i].bits) - 1, old = 0x8899AABBCCDDEEFF,
            new = 0x0102030405060708;
        cell[0] = old;
        f = run_el0(forms[i].code, (u64)cell, old, new);
        check_true(f.x[1] == (old & mask) && cell[0] == ((old & ~mask) | (new& mask)), "%s-equal", forms[i].name);
        cell[0] = old;
        f = run_el0(forms[i].code, (u64)cell, old ^ 1, new);
        check_true(f.x[1] == (old & mask) && cell[0] == old, "%s-different", forms[i].name);
    }
    // Only the compared bits count: rubbish above a byte or word does not matter.
    cell[0] = 0x11;
    f = run_el0(cas_b, (u64)cell, 0xFFFFFFFFFFFFFF11, 0x22);
    check_true(f.x[1] == 0x11 && cell[0] == 0x22, "casb-ignores-upper-bits");

    cell[0] = 0x1111111122222222;
    cell[1] = 0x3333333344444444;
    f = run_el0(casp_x, (u64)cell, 0, cell[0], cell[1], 0xAA, 0xBB);
    check_true(f.x[2] == 0x1111111122222222 && f.x[3] == 0x3333333344444444 && cell[0] == 0xAA && cell[1] == 0xBB,
               "casp-x-equal");
    f = run_el0(casp_x, (u64)cell, 0, 0xAA, 0xBC, 1, 2);
    check_true(f.x[2] == 0xAA && f.x[3] == 0xBB && cell[0] == 0xAA && cell[1] == 0xBB, "casp-x-different");
    f = run_el0(caspal_x, (u64)cell, 0, 0xAA, 0xBB, 1, 2);
    check_true(cell[0] == 1 && cell[1] == 2, "caspal-x-equal");
    cell[0] = 0x2222222211111111;
    f = run_el0(casp_w, (u64)cell, 0, 0x11111111, 0x22222222, 0x55, 0x66);
    check_true(f.x[2] == 0x11111111 && f.x[3] == 0x22222222 && cell[0] == 0x0000006600000055, "casp-w-equal");
    f = run_el0(casp_odd, (u64)cell);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)casp_odd, ANY},
               "casp-odd-register-undefined");
    f = run_el0(casp_odd_target, (u64)cell);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)casp_odd_target, ANY},
               "casp-odd-target-undefined");
    // Atomics are writes even when nothing changes: on a read-only page they report WnR and do not load.
    f = run_el0(ldadd_same, (u64)ldadd_same, 0);
    check_trap(&f,
               (struct expected){VECTOR_EL0_SYNC, ESR(EC_DATA_ABORT_LOWER, FSC_PERMISSION + 3 + ISS_WNR),
                                 (u64)ldadd_same, (u64)ldadd_same},
               "ldadd-on-read-only-page");
    // A translation fault: reads come first, so WnR is 0 for atomics that load (ESR_EL1.WnR).
    f = run_el0(ldadd_same, 0x7000000000, 0);
    check_trap(&f,
               (struct expected){VECTOR_EL0_SYNC, ESR(EC_DATA_ABORT_LOWER, FSC_TRANSLATION + 1), (u64)ldadd_same,
                                 0x7000000000},
               "ldadd-unmapped");
}

// ---- Acquire, release, barriers ------------------------------------------------------------------------------------

PROBE(ldar_x, "ldar x0, [x0]")
PROBE(ldar_h, "ldarh w0, [x0]")
PROBE(ldar_b, "ldarb w0, [x0]")
PROBE(ldar_w, "ldar w0, [x0]")
PROBE(stlr_x, "stlr x1, [x0]")
PROBE(stlr_w, "stlr w1, [x0]")
PROBE(stlr_h, "stlrh w1, [x0]")
PROBE(stlr_b, "stlrb w1, [x0]")
PROBE(ldlar_x, ".arch armv8.1-a\nldlar x0, [x0]")
PROBE(ldapr_x, "ldapr x0, [x0]")
PROBE(
    barriers,
    "dmb ish\ndmb ishst\ndmb ishld\ndmb sy\ndmb osh\ndmb nsh\ndsb ish\ndsb sy\ndsb nshld\nisb\ndmb #0\ndmb #4\ndsb #8")

static void check_ordered(void) {
    const u64 value = 0x8899AABBCCDDEEFF;
    cell[0] = value;
    struct frame f = run_el0(ldar_x, (u64)cell);
    check_returned(&f, value, "ldar-x");
    f = run_el0(ldar_w, (u64)cell);
    check_returned(&f, value & 0xFFFFFFFF, "ldar-w");
    f = run_el0(ldar_h, (u64)cell);
    check_returned(&f, 0xEEFF, "ldarh");
    f = run_el0(ldar_b, (u64)cell);
    check_returned(&f, 0xFF, "ldarb");
    run_el0(stlr_b, (u64)cell, 0x01);
    run_el0(stlr_h, (u64)cell + 2, 0x0203);
    run_el0(stlr_w, (u64)cell + 4, 0x04050607);
    check_equal(cell[0], 0x040506070203EE01, "stlr-sizes");
    run_el0(stlr_x, (u64)cell, value);
    check_equal(cell[0], value, "stlr-x");
    if (has_lse()) {
        f = run_el0(ldlar_x, (u64)cell);
        check_returned(&f, value, "ldlar-x");
    }
    if (has_rcpc()) {
        f = run_el0(ldapr_x, (u64)cell);
        check_returned(&f, value, "ldapr-x");
    }
    f = run_el0(barriers);
    check_true(probe_returned(&f), "barriers");
}

// ---- Alignment ------------------------------------------------------------------------------------------------------

PROBE(one_ldxr, "ldxr x2, [x0]")
PROBE(one_ldxrh, "ldxrh w2, [x0]")
PROBE(one_ldxp, "ldxp x2, x3, [x0]")
PROBE(one_ldxp_w, "ldxp w2, w3, [x0]")
PROBE(one_ldaxr, "ldaxr w2, [x0]")
PROBE(one_ldadd, "ldadd x1, x2, [x0]")
PROBE(one_cash, "cash w1, w2, [x0]")
PROBE(one_casp, "casp x2, x3, x4, x5, [x0]")
PROBE(one_swp, "swp w1, w2, [x0]")

static void check_alignment(void) {
    static const struct {
        const char* name;
        probe_code code;
        unsigned offset;
        bool store, lse, rcpc, always;
    } accesses[] = {
        {"ldxr", one_ldxr, 4, false, false, false, true},   {"ldxrh", one_ldxrh, 1, false, false, false, true},
        {"ldxp", one_ldxp, 8, false, false, false, true},   {"ldxp-w", one_ldxp_w, 4, false, false, false, true},
        {"ldaxr", one_ldaxr, 2, false, false, false, true}, {"ldar", ldar_x, 4, false, false, false, false},
        {"ldarh", ldar_h, 1, false, false, false, false},   {"stlr", stlr_x, 1, true, false, false, false},
        {"ldapr", ldapr_x, 2, false, false, true, false},   {"ldadd", one_ldadd, 4, false, true, false, false},
        {"cash", one_cash, 1, false, true, false, false},   {"casp", one_casp, 8, false, true, false, false},
        {"swp", one_swp, 2, false, true, false, false},
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(accesses); i++) {
        if ((accesses[i].lse && !has_lse()) || (accesses[i].rcpc && !has_rcpc())) continue;
        // With FEAT_LSE2 the exclusives still fault, the others only across 16 bytes: start near the end of 16 then.
        u64 address = (u64)cell + accesses[i].offset;
        if (has_lse2() && !accesses[i].always) address = (u64)cell + 15;
        struct frame f = run_el0(accesses[i].code, address, 0, 0, 0, 0, 0);
        u64 iss = FSC_ALIGNMENT | (accesses[i].store ? ISS_WNR : 0);
        // For an atomic that loads and stores, WnR may say either: the load and the store are equally misaligned.
        if (accesses[i].lse && (f.esr & ISS_WNR)) iss |= ISS_WNR;
        check_trap(&f,
                   (struct expected){VECTOR_EL0_SYNC, ESR(EC_DATA_ABORT_LOWER, iss), (u64)accesses[i].code, address},
                   "unaligned-%s", accesses[i].name);
    }
}

void guest_main(void) {
    check_exclusives();
    if (has_lse()) {
        check_lse_operations();
        check_lse_forms();
    } else {
        note("no LSE");
    }
    check_ordered();
    check_alignment();
}
