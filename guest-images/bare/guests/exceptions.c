// Synchronous exceptions: vector, syndrome, return address, fault address and saved PSTATE of each kind, from EL0 and
// EL1.
//
// QEMU 7.2 differs from the architecture in three places, and fails there:
// - sp-alignment-*: it never checks the alignment of SP (D1.3.10.2).
// - pc-alignment-before-translation-fault: it translates first (D1.3.5.5 puts the PC alignment fault before the abort).
// - dc-cvac-, dc-civac-, ic-ivau-unmapped: its maintenance operations do nothing (D7.5.9, ESR_EL1.CM).
#include "../runtime/check.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/probe.h"

const char guest_name[] = "exceptions";

static USER_DATA u64 user_words[64] __attribute__((aligned(64)));
static u64 kernel_word[2];
#define UNMAPPED 0x7000000000ull // within the 39-bit map, no level 1 entry
#define OUT_OF_RANGE 0x0000008000000000ull
#define UPPER_HALF 0xFFFFFF8000000000ull // TCR_EL1.EPD1 is set
#define HOLE 0x0B000000ull               // no device or memory of the board

// ---- SVC, BRK -------------------------------------------------------------------------------------------------------

PROBE(svc_zero, "svc #0")
PROBE(svc_ffff, "svc #0xffff")
PROBE(brk_1234, "brk #0x1234")
PROBE(brk_ffff, "brk #0xffff")
PROBE(read_sp, "mov x0, sp")

static void check_svc_and_brk(void) {
    struct frame f = run_el0(svc_zero);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_SVC, 0), (u64)(svc_zero + 1), ANY}, "svc-0-from-el0");
    f = run_el0(svc_ffff);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_SVC, 0xFFFF), (u64)(svc_ffff + 1), ANY},
               "svc-ffff-from-el0");
    f = run_el1(svc_ffff);
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_SVC, 0xFFFF), (u64)(svc_ffff + 1), ANY}, "svc-from-el1h");
    f = probe_run(svc_zero, PSR_EL1t | PSR_DAIF, PROBE_ARGS(0));
    check_trap(&f, (struct expected){VECTOR_EL1t_SYNC, ESR(EC_SVC, 0), (u64)(svc_zero + 1), ANY}, "svc-from-el1t");
    f = run_el0(brk_1234);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_BRK, 0x1234), (u64)brk_1234, ANY}, "brk-from-el0");
    f = run_el1(brk_ffff);
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_BRK, 0xFFFF), (u64)brk_ffff, ANY}, "brk-from-el1");

    // Registers survive both ways, and SP is the one that SPSel chooses.
    probe_set_sp((u64)&user_words[32]);
    f = run_el0(read_sp);
    check_returned(&f, (u64)&user_words[32], "el0-uses-sp-el0");
    f = probe_run(read_sp, PSR_EL1t | PSR_DAIF, PROBE_ARGS(0));
    check_returned(&f, (u64)&user_words[32], "el1t-uses-sp-el0");
    f = run_el1(read_sp);
    check_true(probe_returned(&f) && f.x[0] != (u64)&user_words[32], "el1h-uses-sp-el1");
    probe_set_sp(0);
    f = run_el0(svc_zero, 0x1111111111111111, 2, 3, 4, 5, 6, 7, 0xFFFFFFFFFFFFFFFF);
    check_true(f.x[0] == 0x1111111111111111 && f.x[1] == 2 && f.x[6] == 7 && f.x[7] == ~0ull, "svc-keeps-registers");
}

// ---- PSTATE in, PSTATE out ------------------------------------------------------------------------------------------

PROBE(flags_to_x0, "mrs x0, nzcv")
PROBE(daif_to_x0, "mrs x0, daif")
PROBE(spsel_to_x0, "mrs x0, spsel")
PROBE(currentel_to_x0, "mrs x0, currentel")
PROBE(daif_set_and_clear,
      "msr daifclr, #0xf\nmrs x0, daif\nmsr daifset, #0x5\nmrs x1, daif\nmsr daifset, #0xa\nmrs x2, daif\n"
      "msr daifclr, #0x8\nmrs x3, daif\nmov x4, #0x140\nmsr daif, x4\nmrs x4, daif\nmsr daifset, #0xf")
PROBE(spsel_switch, "mov x0, sp\nmrs x4, sp_el0\nmsr spsel, #0\nmov x1, sp\nmrs x2, spsel\nmsr spsel, #1\nmov x3, sp\n"
                    "msr spsel, xzr\nmrs x5, spsel\nmov x6, #1\nmsr spsel, x6\nmrs x6, spsel")
PROBE(sp_el0_in_use, "mrs x0, sp_el0")
PROBE(nzcv_write, "msr nzcv, x0\nmrs x0, nzcv")

static void check_pstate(void) {
    for (u64 flags = 0; flags < 16; flags += 5) {
        struct frame f = probe_run(flags_to_x0, flags << 28 | PSR_EL0t | PSR_DAIF, PROBE_ARGS(0));
        check_returned(&f, flags << 28, "eret-sets-nzcv-%lx", flags);
        check_equal(f.spsr, flags << 28 | PSR_EL0t | PSR_DAIF, "exception-saves-nzcv-%lx", flags);
    }
    struct frame f = probe_run(daif_to_x0, PSR_EL1h | PSR_D | PSR_I | PSR_F, PROBE_ARGS(0));
    check_returned(&f, PSR_D | PSR_I | PSR_F, "eret-sets-daif");
    check_equal(f.entered & PSR_DAIF, PSR_DAIF, "exception-masks-daif");
    check_equal(f.spsr, PSR_EL1h | PSR_D | PSR_I | PSR_F, "spsr-has-daif-of-el1");
    f = probe_run(svc_zero, PSR_EL0t | PSR_D, PROBE_ARGS(0));
    check_equal(f.spsr, PSR_EL0t | PSR_D, "spsr-has-daif-of-el0");
    f = run_el1(currentel_to_x0);
    check_returned(&f, 4, "currentel");
    f = probe_run(spsel_to_x0, PSR_EL1t | PSR_DAIF, PROBE_ARGS(0));
    check_returned(&f, 0, "spsel-reads-0-in-el1t");
    f = run_el1(daif_set_and_clear);
    check_equal(f.x[0], 0, "daifclr-all");
    check_equal(f.x[1], PSR_A | PSR_F, "daifset-af");
    check_equal(f.x[2], PSR_DAIF, "daifset-di");
    check_equal(f.x[3], PSR_A | PSR_I | PSR_F, "daifclr-d");
    check_equal(f.x[4], PSR_A | PSR_F, "msr-daif");
    probe_set_sp((u64)&user_words[16]);
    f = run_el1(spsel_switch);
    check_true(probe_returned(&f) && f.x[1] == (u64)&user_words[16] && f.x[2] == 0 && f.x[0] == f.x[3], "msr-spsel");
    check_equal(f.x[4], (u64)&user_words[16], "sp-el0-readable-when-not-selected");
    check_true(f.x[5] == 0 && f.x[6] == 1, "msr-spsel-register");
    // C5.2.17: UNDEFINED while PSTATE.SP is 0.
    f = probe_run(sp_el0_in_use, PSR_EL1t | PSR_DAIF, PROBE_ARGS(0));
    check_trap(&f, (struct expected){VECTOR_EL1t_SYNC, ESR(EC_UNKNOWN, 0), (u64)sp_el0_in_use, ANY},
               "sp-el0-undefined-while-selected");
    probe_set_sp(0);
    f = run_el0(nzcv_write, ~0ull);
    check_returned(&f, PSR_NZCV, "nzcv-writable-from-el0");
    check_equal(f.spsr & PSR_NZCV, PSR_NZCV, "spsr-after-nzcv-write");
}

// ---- Undefined encodings --------------------------------------------------------------------------------------------

// Encodings that every version of the architecture up to Armv8.6 leaves unallocated.
static const u32 unallocated[] = {
    0x00000000, // UDF #0
    0x0000FFFF, // UDF #0xffff
    0x00010000, // reserved, not UDF
    0x02000000, // top-level op0 = 0001
    0x06000000, // top-level op0 = 0011
    0x0B008000, // ADD (shifted), 32-bit, imm6 = 32
    0x0BC00000, // ADD (shifted), shift = 3
    0x8B201400, // ADD (extended), imm3 = 5
    0x12400000, // AND (immediate), 32-bit with N = 1
    0x9240FC00, // AND (immediate), imms all ones
    0x13400000, // SBFM, N differs from sf
    0x53200000, // UBFM, 32-bit, immr = 32
    0x73000000, // bitfield, opc = 3
    0x52C00000, // MOVZ, 32-bit, hw = 2
    0x32800000, // move wide, opc = 1
    0x13808000, // EXTR, 32-bit, imms = 32
    0x13C00000, // EXTR, N differs from sf
    0x9A000400, // ADC with bit 10
    0x9A800800, // CSEL, op2 = 2
    0x3A400010, // CCMN with o3
    0x1A400000, // conditional compare with S = 0
    0x1AC00000, // two sources, 32-bit, opcode 0
    0x1AC01C00, // two sources, opcode 7
    0x5AC00C00, // REV64 form in 32 bits
    0xDAC01C00, // one source, opcode 7
    0x9B600000, // three sources, op31 = 3
    0x1B200000, // SMADDL in 32 bits
    0x55000000, // conditional branch, o1 = 1
    0xD4000000, // exception generation, LL = 0
    0xD4200001, // BRK with LL = 1
    0xD4600000, // exception generation, opc = 3
    0xD61E0000, // BR with op2 other than 31
    0xD61F0001, // BR with op4
    0xD67F0000, // branch (register), opc = 3
    0xD502401F, // MSR (immediate), op1 = 2, op2 = 0
    0xD503301F, // barrier, op2 = 0
    0xD5087000, // SYS #0, C7, C0, #0
    0xE9400000, // load pair, opc = 3
    0xF8600800, // load register, option = 0
    0xF9C00000, // load/store (unsigned immediate), size 3, opc 3
    0xB9C00000, // load/store (unsigned immediate), size 2, opc 3
    0xDC000000, // load literal, SIMD, opc = 3
};

PROBE(hvc_0, "hvc #0")
PROBE(smc_0, "smc #0")
PROBE(eret_, "eret")
PROBE(drps_, "drps")
PROBE(hlt_0, "hlt #0")
PROBE(dcps1_, "dcps1")
PROBE(dcps2_, "dcps2")
PROBE(dcps3_, "dcps3")

static const struct {
    const char* name;
    probe_code code;
    bool at_el1; // undefined at EL1 as well as EL0
} undefined_instructions[] = {
    // With neither EL2 nor EL3, HVC belongs to PSCI at EL1; SMC is undefined everywhere (C6.2.280).
    {"hvc", hvc_0, false}, {"smc", smc_0, true},    {"eret", eret_, false},  {"drps", drps_, true},
    {"hlt", hlt_0, true},  {"dcps1", dcps1_, true}, {"dcps2", dcps2_, true}, {"dcps3", dcps3_, true},
};

static void check_undefined(void) {
    for (unsigned i = 0; i < ARRAY_LENGTH(unallocated); i++) {
        probe_code code = probe_write(&unallocated[i], 1);
        struct frame f = run_el0(code);
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)code, ANY}, "unallocated-%08x-el0",
                   unallocated[i]);
        f = run_el1(code);
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_UNKNOWN, 0), (u64)code, ANY}, "unallocated-%08x-el1",
                   unallocated[i]);
    }
    for (unsigned i = 0; i < ARRAY_LENGTH(undefined_instructions); i++) {
        probe_code code = undefined_instructions[i].code;
        struct frame f = run_el0(code);
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)code, ANY}, "undefined-%s-el0",
                   undefined_instructions[i].name);
        if (!undefined_instructions[i].at_el1) continue;
        f = run_el1(code);
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_UNKNOWN, 0), (u64)code, ANY}, "undefined-%s-el1",
                   undefined_instructions[i].name);
    }
}

// ---- Instructions that the ID registers announce or deny ------------------------------------------------------------

PROBE(f_crc32, "crc32b w1, w2, w3")
PROBE(f_lse, "ldadd x1, x2, [x0]")
PROBE(f_rdm, "sqrdmlah v0.4s, v1.4s, v2.4s")
PROBE(f_sha1, "sha1h s0, s1")
PROBE(f_sha256, "sha256h q0, q1, v2.4s")
PROBE(f_sha512, "sha512h q0, q1, v2.2d")
PROBE(f_sha3, "eor3 v0.16b, v1.16b, v2.16b, v3.16b")
PROBE(f_sm3, "sm3partw1 v0.4s, v1.4s, v2.4s")
PROBE(f_sm4, "sm4e v0.4s, v1.4s")
PROBE(f_dotprod, "sdot v0.4s, v1.16b, v2.16b")
PROBE(f_fhm, "fmlal v0.4s, v1.4h, v2.4h")
PROBE(f_cfinv, ".inst 0xd500401f")
PROBE(f_axflag, ".inst 0xd500405f")
PROBE(f_rndr, "mrs x1, s3_3_c2_c4_0")
PROBE(f_aes, "aese v0.16b, v1.16b")
PROBE(f_pmull, "pmull v0.1q, v1.1d, v2.1d")
PROBE(f_dccvap, "sys #3, c7, c12, #1, x0")
PROBE(f_jscvt, "fjcvtzs w1, d0")
PROBE(f_fcma, "fcadd v0.4s, v1.4s, v2.4s, #90")
PROBE(f_ldapr, "ldapr x2, [x0]")
PROBE(f_ldapur, "ldapur x2, [x0]")
PROBE(f_frint, "frint32z s0, s1")
PROBE(f_sb, "sb")
PROBE(f_bf16, ".inst 0x6e42fc20")
PROBE(f_i8mm, ".inst 0x4e82a420")
PROBE(f_fp16, "fadd h0, h1, h2")
PROBE(f_dit, "msr dit, #0")
PROBE(f_pan, "msr pan, #0")
PROBE(f_uao, "msr uao, #0")
PROBE(f_atp, "sys #0, c7, c9, #0, x0")
PROBE(f_irg, "irg x3, x0")

enum id_register { ISAR0, ISAR1, PFR0, PFR1, MMFR1, MMFR2 };
static const struct {
    const char* name;
    probe_code code;
    enum id_register id;
    unsigned shift, minimum;
} features[] = {
    {"aes", f_aes, ISAR0, 4, 1},        {"pmull", f_pmull, ISAR0, 4, 2},    {"sha1", f_sha1, ISAR0, 8, 1},
    {"sha256", f_sha256, ISAR0, 12, 1}, {"sha512", f_sha512, ISAR0, 12, 2}, {"crc32", f_crc32, ISAR0, 16, 1},
    {"lse", f_lse, ISAR0, 20, 2},       {"rdm", f_rdm, ISAR0, 28, 1},       {"sha3", f_sha3, ISAR0, 32, 1},
    {"sm3", f_sm3, ISAR0, 36, 1},       {"sm4", f_sm4, ISAR0, 40, 1},       {"dotprod", f_dotprod, ISAR0, 44, 1},
    {"fhm", f_fhm, ISAR0, 48, 1},       {"flagm", f_cfinv, ISAR0, 52, 1},   {"flagm2", f_axflag, ISAR0, 52, 2},
    {"rndr", f_rndr, ISAR0, 60, 1},     {"dpb", f_dccvap, ISAR1, 0, 1},     {"jscvt", f_jscvt, ISAR1, 12, 1},
    {"fcma", f_fcma, ISAR1, 16, 1},     {"rcpc", f_ldapr, ISAR1, 20, 1},    {"rcpc2", f_ldapur, ISAR1, 20, 2},
    {"frintts", f_frint, ISAR1, 32, 1}, {"sb", f_sb, ISAR1, 36, 1},         {"bf16", f_bf16, ISAR1, 44, 1},
    {"i8mm", f_i8mm, ISAR1, 52, 1},     {"fp16", f_fp16, PFR0, 16, 1},      {"dit", f_dit, PFR0, 48, 1},
    {"mte", f_irg, PFR1, 8, 1},         {"pan", f_pan, MMFR1, 20, 1},       {"pan2", f_atp, MMFR1, 20, 2},
    {"uao", f_uao, MMFR2, 4, 1},
};

PROBE(hints,
      "hint #1\nhint #4\nhint #5\nhint #6\nhint #16\nhint #17\nhint #20\nhint #32\nhint #36\nhint #64\nhint #127")

static void check_features(void) {
    const u64 id[] = {READ_SYSREG(id_aa64isar0_el1), READ_SYSREG(id_aa64isar1_el1), READ_SYSREG(id_aa64pfr0_el1),
                      READ_SYSREG(id_aa64pfr1_el1),  READ_SYSREG(id_aa64mmfr1_el1), READ_SYSREG(s3_0_c0_c7_2)};
    WRITE_SYSREG(cpacr_el1, 3ull << 20);
    isb();
    for (unsigned i = 0; i < ARRAY_LENGTH(features); i++) {
        bool present = field(id[features[i].id], features[i].shift, 4) >= features[i].minimum;
        struct frame f = run_el1(features[i].code, (u64)user_words);
        if (present)
            check_true(probe_returned(&f), "feature-%s-announced-and-executes", features[i].name);
        else
            check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_UNKNOWN, 0), (u64)features[i].code, ANY},
                       "feature-%s-absent-and-undefined", features[i].name);
    }
    WRITE_SYSREG(cpacr_el1, 0);
    isb();
    struct frame f = run_el0(hints);
    check_true(probe_returned(&f), "hints-complete-at-el0");
    f = run_el1(hints);
    check_true(probe_returned(&f), "hints-complete-at-el1");
}

// ---- Aborts ---------------------------------------------------------------------------------------------------------

PROBE(load, "ldr x0, [x0]")
PROBE(store, "str x1, [x0]")
PROBE(load_byte, "ldrb w0, [x0]")
PROBE(load_pair, "ldp x1, x2, [x0]")
PROBE(load_post_index, "ldr x1, [x0], #8")
PROBE(store_pre_index, "str x1, [x0, #-16]!")
PROBE(swap_like, "ldxr x1, [x0]")
PROBE(store_exclusive, "stxr w2, x1, [x0]")
PROBE(zero_block, "dc zva, x0")
PROBE(prefetch, "prfm pldl1keep, [x0]\nmov x0, #1")
PROBE(branch_to_x0, "mov x29, x30\nblr x0\nmov x30, x29")
PROBE(clean_poc, "dc cvac, x0")
PROBE(clean_invalidate, "dc civac, x0")
PROBE(invalidate_icache, "ic ivau, x0")

static void expect_abort(probe_code code, u64 address, bool el0, u64 iss, const char* name) {
    struct frame f = el0 ? run_el0(code, address, 1) : run_el1(code, address, 1);
    u64 ec = el0 ? EC_DATA_ABORT_LOWER : EC_DATA_ABORT_SAME;
    check_trap(&f, (struct expected){el0 ? VECTOR_EL0_SYNC : VECTOR_EL1h_SYNC, ESR(ec, iss), (u64)code, address},
               "%s-%s", name, el0 ? "el0" : "el1");
}

static void check_data_aborts(void) {
    for (unsigned el0 = 0; el0 < 2; el0++) {
        expect_abort(load, UNMAPPED + 8, el0, FSC_TRANSLATION + 1, "load-unmapped-level-1");
        expect_abort(load_byte, UNMAPPED + 5, el0, FSC_TRANSLATION + 1, "load-byte-unmapped");
        expect_abort(load, UNMAPPED + 3, el0, FSC_TRANSLATION + 1, "load-unaligned-unmapped");
        expect_abort(store, UNMAPPED + 8, el0, FSC_TRANSLATION + 1 + ISS_WNR, "store-unmapped-level-1");
        expect_abort(load_pair, UNMAPPED + 16, el0, FSC_TRANSLATION + 1, "load-pair-unmapped");
        expect_abort(swap_like, UNMAPPED + 16, el0, FSC_TRANSLATION + 1, "load-exclusive-unmapped");
        expect_abort(load, OUT_OF_RANGE, el0, FSC_TRANSLATION, "load-beyond-t0sz-level-0");
        expect_abort(load, UPPER_HALF, el0, FSC_TRANSLATION, "load-upper-half-disabled-level-0");
        expect_abort(load, 0x0000FFFFFFFFFFF8ull, el0, FSC_TRANSLATION, "load-between-the-halves");
        expect_abort(load, 0x0A400000, el0, FSC_TRANSLATION + 2, "load-unmapped-level-2");
        expect_abort(store, (u64)load, el0, FSC_PERMISSION + 3 + ISS_WNR, "store-read-only");
    }
    expect_abort(load, (u64)kernel_word, true, FSC_PERMISSION + 3, "load-kernel-page");
    expect_abort(store, (u64)kernel_word, true, FSC_PERMISSION + 3 + ISS_WNR, "store-kernel-page");
    u64 zva = READ_SYSREG(dczid_el0);
    if (field(zva, 4, 1) == 0) {
        u64 size = 4ull << field(zva, 0, 4);
        expect_abort(zero_block, UNMAPPED + size, false, FSC_TRANSLATION + 1 + ISS_WNR, "dc-zva-unmapped");
        expect_abort(zero_block, (u64)load & ~(size - 1), false, FSC_PERMISSION + 3 + ISS_WNR, "dc-zva-read-only");
    }
    // Write-back must not happen when the access faults (the base register is as before).
    struct frame f = run_el0(load_post_index, UNMAPPED);
    check_equal(f.x[0], UNMAPPED, "post-index-fault-keeps-base");
    f = run_el0(store_pre_index, UNMAPPED + 16);
    check_equal(f.x[0], UNMAPPED + 16, "pre-index-fault-keeps-base");
    check_equal(f.far, UNMAPPED, "pre-index-fault-far");
    f = run_el0(load_pair, UNMAPPED, 0x11, 0x22);
    check_true(f.x[1] == 0x11 && f.x[2] == 0x22, "load-pair-fault-keeps-targets");
    f = run_el0(prefetch, UNMAPPED);
    check_returned(&f, 1, "prefetch-never-faults");
    // A store-exclusive whose monitor is open may fail without an access; it must not change memory nor report success.
    f = run_el1(store_exclusive, (u64)kernel_word, 5, 7);
    check_true(probe_returned(&f) && f.x[2] == 1 && kernel_word[0] == 0, "store-exclusive-without-load-fails");

    // Maintenance by VA reports translation faults as a write with CM set (ESR_EL1.ISS, encoding for a Data Abort).
    expect_abort(clean_poc, UNMAPPED + 64, false, FSC_TRANSLATION + 1 + ISS_WNR + ISS_CM, "dc-cvac-unmapped");
    expect_abort(clean_invalidate, UNMAPPED + 64, false, FSC_TRANSLATION + 1 + ISS_WNR + ISS_CM, "dc-civac-unmapped");
    expect_abort(invalidate_icache, UNMAPPED + 64, false, FSC_TRANSLATION + 1 + ISS_WNR + ISS_CM, "ic-ivau-unmapped");

    // Nothing answers there. Whether EA, ISS[9], is set is implementation defined.
    page_table_map(&runtime_table, HOLE, HOLE, PTE_DEVICE, 3);
    page_table_sync();
    f = run_el1(load, HOLE);
    f.esr &= ~BIT(9);
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_DATA_ABORT_SAME, FSC_EXTERNAL), (u64)load, HOLE},
               "external-abort-load");
    f = run_el1(store, HOLE);
    f.esr &= ~BIT(9);
    check_trap(&f,
               (struct expected){VECTOR_EL1h_SYNC, ESR(EC_DATA_ABORT_SAME, FSC_EXTERNAL | ISS_WNR), (u64)store, HOLE},
               "external-abort-store");
}

static void check_instruction_aborts(void) {
    static const struct {
        const char* name;
        u64 address;
        u64 fsc;
    } targets[] = {
        {"unmapped-level-1", UNMAPPED + 0x100, FSC_TRANSLATION + 1},
        {"unmapped-level-2", 0x0A400000, FSC_TRANSLATION + 2},
        {"beyond-t0sz", OUT_OF_RANGE, FSC_TRANSLATION},
        {"upper-half", UPPER_HALF, FSC_TRANSLATION},
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(targets); i++) {
        struct frame f = run_el0(branch_to_x0, targets[i].address);
        check_trap(&f,
                   (struct expected){VECTOR_EL0_SYNC, ESR(EC_INSTRUCTION_ABORT_LOWER, targets[i].fsc),
                                     targets[i].address, targets[i].address},
                   "fetch-%s-el0", targets[i].name);
        check_equal(f.x[30], (u64)(branch_to_x0 + 2), "fetch-%s-el0-link-register", targets[i].name);
        f = run_el1(branch_to_x0, targets[i].address);
        check_trap(&f,
                   (struct expected){VECTOR_EL1h_SYNC, ESR(EC_INSTRUCTION_ABORT_SAME, targets[i].fsc),
                                     targets[i].address, targets[i].address},
                   "fetch-%s-el1", targets[i].name);
    }
    u64 data = (u64)user_words, kernel = (u64)check_true;
    struct frame f = run_el0(branch_to_x0, data);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_INSTRUCTION_ABORT_LOWER, FSC_PERMISSION + 3), data, data},
               "fetch-uxn-el0");
    f = run_el1(branch_to_x0, data);
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_INSTRUCTION_ABORT_SAME, FSC_PERMISSION + 3), data, data},
               "fetch-pxn-el1");
    f = run_el0(branch_to_x0, kernel);
    check_trap(&f,
               (struct expected){VECTOR_EL0_SYNC, ESR(EC_INSTRUCTION_ABORT_LOWER, FSC_PERMISSION + 3), kernel, kernel},
               "fetch-kernel-page-el0");
    // ERET straight to a bad address: the fault belongs to EL0.
    f = probe_run((probe_code)UNMAPPED, PSR_EL0t | PSR_DAIF, PROBE_ARGS(0));
    check_trap(
        &f,
        (struct expected){VECTOR_EL0_SYNC, ESR(EC_INSTRUCTION_ABORT_LOWER, FSC_TRANSLATION + 1), UNMAPPED, UNMAPPED},
        "eret-to-unmapped");
}

// ---- Alignment ------------------------------------------------------------------------------------------------------

PROBE(load_sp, "ldr x0, [sp]")
PROBE(store_pair_sp, "stp x0, x1, [sp, #-16]")
PROBE(load_sp_register, "ldr x0, [sp, x1]")
PROBE(add_sp, "add x0, sp, #1\nsub x0, x0, #1")
PROBE(load_exclusive_sp, "ldxr x0, [sp]")

static void check_alignment(void) {
    static const struct {
        const char* name;
        probe_code code;
    } accesses[] = {
        {"ldr", load_sp}, {"stp", store_pair_sp}, {"ldr-register", load_sp_register}, {"ldxr", load_exclusive_sp}};
    u64 bad = (u64)&user_words[33];
    probe_set_sp(bad);
    for (unsigned i = 0; i < ARRAY_LENGTH(accesses); i++) {
        struct frame f = run_el0(accesses[i].code);
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_SP_ALIGNMENT, 0), (u64)accesses[i].code, ANY},
                   "sp-alignment-%s-el0", accesses[i].name);
        f = probe_run(accesses[i].code, PSR_EL1t | PSR_DAIF, PROBE_ARGS(0));
        check_trap(&f, (struct expected){VECTOR_EL1t_SYNC, ESR(EC_SP_ALIGNMENT, 0), (u64)accesses[i].code, ANY},
                   "sp-alignment-%s-el1t", accesses[i].name);
    }
    struct frame f = run_el0(add_sp);
    check_returned(&f, bad, "sp-misaligned-arithmetic");
    user_words[33] = 0x5151;
    write_sctlr(SCTLR_DEFAULT & ~SCTLR_SA0);
    f = run_el0(load_sp);
    check_returned(&f, 0x5151, "sp-alignment-not-checked-without-sa0");
    f = probe_run(load_sp, PSR_EL1t | PSR_DAIF, PROBE_ARGS(0));
    check_trap(&f, (struct expected){VECTOR_EL1t_SYNC, ESR(EC_SP_ALIGNMENT, 0), (u64)load_sp, ANY},
               "sp-alignment-el1-still-checked-without-sa0");
    write_sctlr(SCTLR_DEFAULT & ~SCTLR_SA);
    f = probe_run(load_sp, PSR_EL1t | PSR_DAIF, PROBE_ARGS(0));
    check_returned(&f, 0x5151, "sp-alignment-not-checked-without-sa");
    write_sctlr(SCTLR_DEFAULT);
    probe_set_sp(0);

    for (u64 offset = 1; offset < 4; offset++) {
        u64 pc = (u64)svc_zero + offset;
        f = run_el0(branch_to_x0, pc);
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_PC_ALIGNMENT, 0), pc, pc},
                   "pc-alignment-branch-%lu-el0", offset);
        f = run_el1(branch_to_x0, pc);
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_PC_ALIGNMENT, 0), pc, pc},
                   "pc-alignment-branch-%lu-el1", offset);
        f = probe_run((probe_code)pc, PSR_EL0t | PSR_DAIF, PROBE_ARGS(0));
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_PC_ALIGNMENT, 0), pc, pc}, "pc-alignment-eret-%lu",
                   offset);
    }
    // PC alignment comes before the instruction abort (D1.3.5.5).
    f = run_el0(branch_to_x0, UNMAPPED + 2);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_PC_ALIGNMENT, 0), UNMAPPED + 2, UNMAPPED + 2},
               "pc-alignment-before-translation-fault");

    // SCTLR_EL1.A makes every unaligned access to Normal memory fault; without it ordinary ones succeed.
    u64 odd = (u64)user_words + 1;
    user_words[0] = 0x8877665544332211;
    user_words[1] = 0x00FFEEDDCCBBAA99;
    f = run_el0(load, odd);
    check_returned(&f, 0x9988776655443322, "unaligned-load-normal-memory");
    write_sctlr(SCTLR_DEFAULT | SCTLR_A);
    expect_abort(load, odd, true, FSC_ALIGNMENT, "sctlr-a-load");
    expect_abort(store, odd, true, FSC_ALIGNMENT + ISS_WNR, "sctlr-a-store");
    expect_abort(load_pair, (u64)user_words + 4, true, FSC_ALIGNMENT, "sctlr-a-load-pair");
    expect_abort(load, odd, false, FSC_ALIGNMENT, "sctlr-a-load");
    f = run_el0(load_byte, odd);
    check_returned(&f, 0x22, "sctlr-a-byte-never-unaligned");
    f = run_el0(load, (u64)user_words);
    check_returned(&f, 0x8877665544332211, "sctlr-a-aligned");
    f = run_el0(load_pair, (u64)user_words + 8);
    check_true(probe_returned(&f), "sctlr-a-pair-aligned-to-element");
    // The alignment fault has priority over the translation fault (D8.15, table of MMU fault priorities).
    expect_abort(load, UNMAPPED + 1, true, FSC_ALIGNMENT, "sctlr-a-before-translation-fault");
    write_sctlr(SCTLR_DEFAULT);
}

// ---- Illegal exception return ---------------------------------------------------------------------------------------

PROBE(two_nops, "nop\nnop")

static void check_illegal_return(void) {
    static const struct {
        const char* name;
        u64 mode;
    } modes[] = {
        {"el0h", 0x1},       {"reserved-2", 0x2},   {"reserved-3", 0x3},   {"reserved-6", 0x6},
        {"reserved-7", 0x7}, {"el2t", 0x8},         {"el2h", 0x9},         {"el3t", 0xC},
        {"el3h", 0xD},       {"aarch32-svc", 0x13}, {"aarch32-hyp", 0x1A},
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(modes); i++) {
        struct frame f = probe_run(two_nops, modes[i].mode | PSR_DAIF | PSR_N | PSR_C, PROBE_ARGS(0));
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_ILLEGAL_STATE, 0), (u64)two_nops, ANY},
                   "illegal-return-%s", modes[i].name);
        // C5.2.18, D1.4.4: mode unchanged, IL set, NZCV and DAIF from SPSR.
        check_equal(f.spsr & (PSR_IL | PSR_NZCV | PSR_DAIF | 0x1F), PSR_IL | PSR_DAIF | PSR_N | PSR_C | PSR_EL1h,
                    "illegal-return-%s-spsr", modes[i].name);
    }
    if (field(READ_SYSREG(id_aa64pfr0_el1), 0, 4) == 1) {
        struct frame f = probe_run(two_nops, 0x10 | PSR_DAIF, PROBE_ARGS(0));
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_ILLEGAL_STATE, 0), (u64)two_nops, ANY},
                   "illegal-return-aarch32-user");
    }
    struct frame f = probe_run(two_nops, PSR_EL0t | PSR_DAIF | PSR_IL, PROBE_ARGS(0));
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_ILLEGAL_STATE, 0), (u64)two_nops, ANY},
               "il-set-in-spsr-el0");
    check_equal(f.spsr & (PSR_IL | 0x1F), PSR_IL | PSR_EL0t, "il-set-in-spsr-el0-spsr");
    f = probe_run(two_nops, PSR_EL1h | PSR_DAIF | PSR_IL, PROBE_ARGS(0));
    check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_ILLEGAL_STATE, 0), (u64)two_nops, ANY},
               "il-set-in-spsr-el1");
    // D1.3.5.5: the PC alignment fault and the instruction abort come before it.
    f = probe_run((probe_code)((u64)two_nops + 2), PSR_EL0t | PSR_DAIF | PSR_IL, PROBE_ARGS(0));
    check_equal(f.esr, ESR(EC_PC_ALIGNMENT, 0), "pc-alignment-before-il");
    f = probe_run((probe_code)UNMAPPED, PSR_EL0t | PSR_DAIF | PSR_IL, PROBE_ARGS(0));
    check_equal(f.esr, ESR(EC_INSTRUCTION_ABORT_LOWER, FSC_TRANSLATION + 1), "instruction-abort-before-il");
    // The Illegal Execution state exception comes before SVC and before undefined (D1.3.5.5).
    f = probe_run(svc_zero, PSR_EL0t | PSR_DAIF | PSR_IL, PROBE_ARGS(0));
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_ILLEGAL_STATE, 0), (u64)svc_zero, ANY}, "il-before-svc");
}

// ---- PAN and UAO ----------------------------------------------------------------------------------------------------

PROBE(load_unprivileged, "ldtr x0, [x0]")
PROBE(store_unprivileged, "sttr x1, [x0]")
PROBE(toggle_pan, ".inst 0xd500419f\nmrs x0, s3_0_c4_c2_3\n.inst 0xd500409f\nmrs x1, s3_0_c4_c2_3\nmov x2, #0x400000\n"
                  "msr s3_0_c4_c2_3, x2\nmrs x2, s3_0_c4_c2_3")
PROBE(toggle_uao, ".inst 0xd500417f\nmrs x0, s3_0_c4_c2_4\n.inst 0xd500407f\nmrs x1, s3_0_c4_c2_4\nmov x2, #0x800000\n"
                  "msr s3_0_c4_c2_4, x2\nmrs x2, s3_0_c4_c2_4")

static void check_pan(void) {
    u64 el1_pan = PSR_EL1h | PSR_DAIF | PSR_PAN;
    user_words[4] = 0x1234;
    kernel_word[1] = 0x4321;
    if (!has_pan()) {
        note("no PAN");
        return;
    }
    struct frame f = run_el1(toggle_pan);
    check_true(f.x[0] == PSR_PAN && f.x[1] == 0 && f.x[2] == PSR_PAN, "msr-pan");
    check_equal(f.spsr & PSR_PAN, PSR_PAN, "spsr-has-pan");
    f = probe_run(load, el1_pan, PROBE_ARGS((u64)&user_words[4]));
    check_trap(&f,
               (struct expected){VECTOR_EL1h_SYNC, ESR(EC_DATA_ABORT_SAME, FSC_PERMISSION + 3), (u64)load,
                                 (u64)&user_words[4]},
               "pan-blocks-load");
    f = probe_run(store, el1_pan, PROBE_ARGS((u64)&user_words[4]));
    check_trap(&f,
               (struct expected){VECTOR_EL1h_SYNC, ESR(EC_DATA_ABORT_SAME, FSC_PERMISSION + 3 + ISS_WNR), (u64)store,
                                 (u64)&user_words[4]},
               "pan-blocks-store");
    f = probe_run(load, el1_pan, PROBE_ARGS((u64)&kernel_word[1]));
    check_returned(&f, 0x4321, "pan-leaves-kernel-pages");
    f = probe_run(load_unprivileged, el1_pan, PROBE_ARGS((u64)&user_words[4]));
    check_returned(&f, 0x1234, "pan-leaves-ldtr");
    f = run_el1(load, (u64)&user_words[4]);
    check_returned(&f, 0x1234, "pan-clear-allows-load");
    f = probe_run(load, PSR_EL0t | PSR_DAIF | PSR_PAN, PROBE_ARGS((u64)&user_words[4]));
    check_returned(&f, 0x1234, "pan-ignored-at-el0");
    // SCTLR_EL1.SPAN decides whether an exception sets PAN.
    f = run_el0(svc_zero);
    check_equal(f.entered & PSR_PAN, 0, "span-1-exception-keeps-pan");
    write_sctlr(SCTLR_DEFAULT & ~SCTLR_SPAN);
    f = run_el0(svc_zero);
    check_equal(f.entered & PSR_PAN, PSR_PAN, "span-0-exception-sets-pan");
    check_equal(f.spsr & PSR_PAN, 0, "span-0-spsr-has-old-pan");
    write_sctlr(SCTLR_DEFAULT);
    if (field(READ_SYSREG(id_aa64mmfr1_el1), 20, 4) < 2) return;
    // FEAT_PAN2: AT S1E1RP and S1E1WP obey PAN, AT S1E1R does not.
    __asm__ volatile(".inst 0xd500419f"); // msr pan, #1
    __asm__ volatile("sys #0, c7, c9, #0, %0; isb" ::"r"(&user_words[4]) : "memory");
    check_equal(READ_SYSREG(par_el1) & 0x7F, (FSC_PERMISSION + 3) << 1 | 1, "at-s1e1rp-obeys-pan");
    __asm__ volatile("sys #0, c7, c9, #1, %0; isb" ::"r"(&user_words[4]) : "memory");
    check_equal(READ_SYSREG(par_el1) & 0x7F, (FSC_PERMISSION + 3) << 1 | 1, "at-s1e1wp-obeys-pan");
    __asm__ volatile("at s1e1r, %0; isb" ::"r"(&user_words[4]) : "memory");
    check_equal(READ_SYSREG(par_el1) & 1, 0, "at-s1e1r-ignores-pan");
    __asm__ volatile(".inst 0xd500409f"); // msr pan, #0
    __asm__ volatile("sys #0, c7, c9, #0, %0; isb" ::"r"(&user_words[4]) : "memory");
    check_equal(READ_SYSREG(par_el1) & 1, 0, "at-s1e1rp-without-pan");
}

static void check_unprivileged(void) {
    u64 user = (u64)&user_words[4], kernel = (u64)&kernel_word[1];
    struct frame f = run_el1(load_unprivileged, user);
    check_returned(&f, 0x1234, "ldtr-user-page");
    expect_abort(load_unprivileged, kernel, false, FSC_PERMISSION + 3, "ldtr-kernel-page");
    expect_abort(store_unprivileged, kernel, false, FSC_PERMISSION + 3 + ISS_WNR, "sttr-kernel-page");
    expect_abort(store_unprivileged, (u64)load, false, FSC_PERMISSION + 3 + ISS_WNR, "sttr-read-only-page");
    if (!has_uao()) {
        note("no UAO");
        return;
    }
    f = run_el1(toggle_uao);
    check_true(f.x[0] == PSR_UAO && f.x[1] == 0 && f.x[2] == PSR_UAO, "msr-uao");
    check_equal(f.spsr & PSR_UAO, PSR_UAO, "spsr-has-uao");
    check_equal(f.entered & PSR_UAO, 0, "exception-clears-uao");
    f = probe_run(load_unprivileged, PSR_EL1h | PSR_DAIF | PSR_UAO, PROBE_ARGS(kernel));
    check_returned(&f, 0x4321, "uao-makes-ldtr-privileged");
    f = probe_run(load_unprivileged, PSR_EL1h | PSR_DAIF | PSR_UAO | PSR_PAN, PROBE_ARGS(user));
    check_trap(
        &f,
        (struct expected){VECTOR_EL1h_SYNC, ESR(EC_DATA_ABORT_SAME, FSC_PERMISSION + 3), (u64)load_unprivileged, user},
        "uao-with-pan-blocks-ldtr");
}

// ---- Resuming after a fault ----------------------------------------------------------------------------------------

static void check_far_and_elr_registers(void) {
    // The registers are plain storage.
    WRITE_SYSREG(elr_el1, 0xFEDCBA9876543210);
    WRITE_SYSREG(far_el1, 0x0123456789ABCDEF);
    WRITE_SYSREG(esr_el1, 0x56000000);
    WRITE_SYSREG(spsr_el1, PSR_EL0t | PSR_N | PSR_DAIF);
    check_equal(READ_SYSREG(elr_el1), 0xFEDCBA9876543210, "elr-el1-storage");
    check_equal(READ_SYSREG(far_el1), 0x0123456789ABCDEF, "far-el1-storage");
    check_equal(READ_SYSREG(esr_el1), 0x56000000, "esr-el1-storage");
    check_equal(READ_SYSREG(spsr_el1), PSR_EL0t | PSR_N | PSR_DAIF, "spsr-el1-storage");
    // FAR_EL1 is not written by exceptions that have no address.
    struct frame f = run_el0(svc_zero);
    check_equal(f.esr, ESR(EC_SVC, 0), "svc-after-abort-has-its-own-esr");
}

void guest_main(void) {
    check_svc_and_brk();
    check_pstate();
    check_undefined();
    check_features();
    check_data_aborts();
    check_instruction_aborts();
    check_alignment();
    check_illegal_return();
    check_pan();
    check_unprivileged();
    check_far_and_elr_registers();
}
