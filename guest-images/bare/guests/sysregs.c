// System registers and system instructions: who may read and write each, from EL0 and EL1, and the syndrome when not.
//
// QEMU 7.2 fails sctlr-uma-msr-daifset-trapped and sctlr-uma-msr-daifclr-trapped: it exchanges op1 and op2 in the
// syndrome (ESR_EL1, ISS encoding for a trapped MSR, MRS or System instruction).
#include "../runtime/check.h"
#include "../runtime/main.h"
#include "../runtime/probe.h"

const char guest_name[] = "sysregs";

static USER_DATA u64 user_words[512] __attribute__((aligned(2048)));

struct encoding {
    u8 op0, op1, crn, crm, op2;
};

static u32 mrs_word(struct encoding e, unsigned rt) {
    return 0xD5300000u | (u32)(e.op0 & 1) << 19 | (u32)e.op1 << 16 | (u32)e.crn << 12 | (u32)e.crm << 8 |
           (u32)e.op2 << 5 | rt;
}

static u32 msr_word(struct encoding e, unsigned rt) { return mrs_word(e, rt) & ~BIT(21); }

// SYS: op0 = 1.
static u32 sys_word(struct encoding e, unsigned rt) {
    return 0xD5080000u | (u32)e.op1 << 16 | (u32)e.crn << 12 | (u32)e.crm << 8 | (u32)e.op2 << 5 | rt;
}

static u64 trap_iss(struct encoding e, unsigned rt, bool read) {
    return ISS_SYSREG(e.op0, e.op1, e.crn, e.crm, e.op2, rt, read);
}

enum access { NONE = 0, R = 1, W = 2, RW = 3 };

struct row {
    const char* name;
    struct encoding e;
    enum access el1, el0;
};

// Registers whose access does not depend on a control. Writing back what was read is harmless for each.
static const struct row rows[] = {
    {"midr", {3, 0, 0, 0, 0}, R, NONE},
    {"mpidr", {3, 0, 0, 0, 5}, R, NONE},
    {"revidr", {3, 0, 0, 0, 6}, R, NONE},
    {"id_aa64pfr0", {3, 0, 0, 4, 0}, R, NONE},
    {"id_aa64pfr1", {3, 0, 0, 4, 1}, R, NONE},
    {"id_aa64zfr0", {3, 0, 0, 4, 4}, R, NONE},
    {"id_aa64dfr0", {3, 0, 0, 5, 0}, R, NONE},
    {"id_aa64dfr1", {3, 0, 0, 5, 1}, R, NONE},
    {"id_aa64afr0", {3, 0, 0, 5, 4}, R, NONE},
    {"id_aa64afr1", {3, 0, 0, 5, 5}, R, NONE},
    {"id_aa64isar0", {3, 0, 0, 6, 0}, R, NONE},
    {"id_aa64isar1", {3, 0, 0, 6, 1}, R, NONE},
    {"id_aa64isar2", {3, 0, 0, 6, 2}, R, NONE},
    {"id_aa64mmfr0", {3, 0, 0, 7, 0}, R, NONE},
    {"id_aa64mmfr1", {3, 0, 0, 7, 1}, R, NONE},
    {"id_aa64mmfr2", {3, 0, 0, 7, 2}, R, NONE},
    {"id_pfr0", {3, 0, 0, 1, 0}, R, NONE},
    {"id_isar5", {3, 0, 0, 2, 5}, R, NONE},
    {"mvfr0", {3, 0, 0, 3, 0}, R, NONE},
    {"mvfr2", {3, 0, 0, 3, 2}, R, NONE},
    {"clidr", {3, 1, 0, 0, 1}, R, NONE},
    {"ccsidr", {3, 1, 0, 0, 0}, R, NONE},
    {"aidr", {3, 1, 0, 0, 7}, R, NONE},
    {"csselr", {3, 2, 0, 0, 0}, RW, NONE},
    {"dczid_el0", {3, 3, 0, 0, 7}, R, R},
    {"sctlr_el1", {3, 0, 1, 0, 0}, RW, NONE},
    {"actlr_el1", {3, 0, 1, 0, 1}, RW, NONE},
    {"cpacr_el1", {3, 0, 1, 0, 2}, RW, NONE},
    {"ttbr0_el1", {3, 0, 2, 0, 0}, RW, NONE},
    {"ttbr1_el1", {3, 0, 2, 0, 1}, RW, NONE},
    {"tcr_el1", {3, 0, 2, 0, 2}, RW, NONE},
    {"spsr_el1", {3, 0, 4, 0, 0}, RW, NONE},
    {"elr_el1", {3, 0, 4, 0, 1}, RW, NONE},
    {"sp_el0", {3, 0, 4, 1, 0}, RW, NONE},
    {"spsel", {3, 0, 4, 2, 0}, RW, NONE},
    {"currentel", {3, 0, 4, 2, 2}, R, NONE},
    {"nzcv", {3, 3, 4, 2, 0}, RW, RW},
    {"afsr0_el1", {3, 0, 5, 1, 0}, RW, NONE},
    {"afsr1_el1", {3, 0, 5, 1, 1}, RW, NONE},
    {"esr_el1", {3, 0, 5, 2, 0}, RW, NONE},
    {"far_el1", {3, 0, 6, 0, 0}, RW, NONE},
    {"par_el1", {3, 0, 7, 4, 0}, RW, NONE},
    {"mair_el1", {3, 0, 10, 2, 0}, RW, NONE},
    {"amair_el1", {3, 0, 10, 3, 0}, RW, NONE},
    {"vbar_el1", {3, 0, 12, 0, 0}, RW, NONE},
    {"isr_el1", {3, 0, 12, 1, 0}, R, NONE},
    {"contextidr_el1", {3, 0, 13, 0, 1}, RW, NONE},
    {"tpidr_el1", {3, 0, 13, 0, 4}, RW, NONE},
    {"tpidr_el0", {3, 3, 13, 0, 2}, RW, RW},
    {"tpidrro_el0", {3, 3, 13, 0, 3}, RW, R},
    {"cntkctl_el1", {3, 0, 14, 1, 0}, RW, NONE},
    {"cntfrq_el0-at-el1", {3, 3, 14, 0, 0}, R, NONE},
    {"mdscr_el1", {2, 0, 0, 2, 2}, RW, NONE},
    {"mdrar_el1", {2, 0, 1, 0, 0}, R, NONE},
    {"oslar_el1", {2, 0, 1, 0, 4}, W, NONE},
    {"oslsr_el1", {2, 0, 1, 1, 4}, R, NONE},
    {"osdlr_el1", {2, 0, 1, 3, 4}, RW, NONE},
    {"dbgbvr0_el1", {2, 0, 0, 0, 4}, RW, NONE},
    {"dbgbcr0_el1", {2, 0, 0, 0, 5}, RW, NONE},
    {"dbgwvr0_el1", {2, 0, 0, 0, 6}, RW, NONE},
    {"dbgwcr0_el1", {2, 0, 0, 0, 7}, RW, NONE},
    // Registers of exception levels that are not there, and encodings without a register.
    {"sp_el1", {3, 4, 4, 1, 0}, NONE, NONE},
    {"spsr_el2", {3, 4, 4, 0, 0}, NONE, NONE},
    {"elr_el2", {3, 4, 4, 0, 1}, NONE, NONE},
    {"sctlr_el2", {3, 4, 1, 0, 0}, NONE, NONE},
    {"hcr_el2", {3, 4, 1, 1, 0}, NONE, NONE},
    {"vttbr_el2", {3, 4, 2, 1, 0}, NONE, NONE},
    {"ttbr0_el2", {3, 4, 2, 0, 0}, NONE, NONE},
    {"vbar_el2", {3, 4, 12, 0, 0}, NONE, NONE},
    {"cnthctl_el2", {3, 4, 14, 1, 0}, NONE, NONE},
    {"cntvoff_el2", {3, 4, 14, 0, 3}, NONE, NONE},
    {"sctlr_el12", {3, 5, 1, 0, 0}, NONE, NONE},
    {"elr_el12", {3, 5, 4, 0, 1}, NONE, NONE},
    {"scr_el3", {3, 6, 1, 1, 0}, NONE, NONE},
    {"vbar_el3", {3, 6, 12, 0, 0}, NONE, NONE},
    {"unallocated-3-0-3-0-0", {3, 0, 3, 0, 0}, NONE, NONE},
    {"unallocated-3-0-9-0-0", {3, 0, 9, 0, 0}, NONE, NONE},
    {"unallocated-3-3-5-0-0", {3, 3, 5, 0, 0}, NONE, NONE},
    {"unallocated-3-7-14-7-7", {3, 7, 14, 7, 7}, NONE, NONE},
    {"unallocated-2-2-7-7-7", {2, 2, 7, 7, 7}, NONE, NONE},
    {"unallocated-2-7-3-0-1", {2, 7, 3, 0, 1}, NONE, NONE},
};

// ID registers trap from EL0 with their own syndrome under FEAT_IDST.
static bool is_identification(struct encoding e) { return e.op0 == 3 && e.crn == 0 && (e.op1 == 0 || e.op1 == 1); }

static void check_row(const struct row* row) {
    const u64 undefined = ESR(EC_UNKNOWN, 0);
    bool idst = field(READ_SYSREG(s3_0_c0_c7_2), 36, 4) != 0;
    u32 word = mrs_word(row->e, 0);
    probe_code code = probe_write(&word, 1);
    struct frame f = run_el1(code);
    u64 value = f.x[0];
    if (row->el1 & R)
        check_true(probe_returned(&f), "read-%s-el1", row->name);
    else
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, undefined, (u64)code, ANY}, "read-%s-el1", row->name);
    f = run_el0(code);
    u64 denied = idst && is_identification(row->e) ? ESR(EC_MSR_MRS, trap_iss(row->e, 0, true)) : undefined;
    if (row->el0 & R)
        check_true(probe_returned(&f), "read-%s-el0", row->name);
    else
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, denied, (u64)code, ANY}, "read-%s-el0", row->name);

    word = msr_word(row->e, 0);
    code = probe_write(&word, 1);
    f = run_el1(code, row->el1 & R ? value : 0);
    if (row->el1 & W)
        check_true(probe_returned(&f), "write-%s-el1", row->name);
    else if (row->e.op1 == 3 && row->e.crn == 14)
        ; // CNTFRQ_EL0 is writable at the highest exception level only, and that may be EL1.
    else
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, undefined, (u64)code, ANY}, "write-%s-el1", row->name);
    f = run_el0(code, value);
    if (row->el0 & W)
        check_true(probe_returned(&f), "write-%s-el0", row->name);
    else
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, undefined, (u64)code, ANY}, "write-%s-el0", row->name);
}

static void check_rows(void) {
    for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
        // CNTFRQ_EL0 at EL0 depends on CNTKCTL_EL1, which is 0 here: it traps. The timer guest looks at the rest.
        if (rows[i].e.op1 == 3 && rows[i].e.crn == 14) continue;
        check_row(&rows[i]);
    }
    // D17.3.1: the unallocated part of the ID space reads as zero.
    for (unsigned crm = 4; crm < 8; crm++) {
        u64 sum = 0;
        bool all = true;
        for (unsigned op2 = 6; op2 < 8; op2++) {
            u32 word = mrs_word((struct encoding){3, 0, 0, (u8)crm, (u8)op2}, 0);
            struct frame f = run_el1(probe_write(&word, 1));
            all = all && probe_returned(&f);
            sum |= f.x[0];
        }
        check_true(all && sum == 0, "id-space-crm-%u-reads-as-zero", crm);
    }
}

// ---- Registers as storage ------------------------------------------------------------------------------------------

static void check_storage(void) {
    u64 mine = READ_SYSREG(tpidr_el1);
    u64 pattern = 0xA5A5F00DDEADBEEF;
    WRITE_SYSREG(tpidr_el1, pattern);
    u64 got = READ_SYSREG(tpidr_el1);
    WRITE_SYSREG(tpidr_el1, mine);
    check_equal(got, pattern, "tpidr-el1-64-bits");
    WRITE_SYSREG(tpidr_el0, pattern);
    check_equal(READ_SYSREG(tpidr_el0), pattern, "tpidr-el0-64-bits");
    WRITE_SYSREG(tpidrro_el0, ~pattern);
    check_equal(READ_SYSREG(tpidrro_el0), ~pattern, "tpidrro-el0-64-bits");
    u32 word = mrs_word((struct encoding){3, 3, 13, 0, 3}, 0);
    struct frame f = run_el0(probe_write(&word, 1));
    check_returned(&f, ~pattern, "tpidrro-el0-value-at-el0");
    WRITE_SYSREG(contextidr_el1, 0x89ABCDEF);
    check_equal(READ_SYSREG(contextidr_el1), 0x89ABCDEF, "contextidr-32-bits");
    u64 vbar = READ_SYSREG(vbar_el1);
    check_equal(vbar & 0x7FF, 0, "vbar-low-bits-res0");
    WRITE_SYSREG(vbar_el1, 0xFFFF0000ABCDE800);
    got = READ_SYSREG(vbar_el1);
    WRITE_SYSREG(vbar_el1, vbar);
    isb();
    check_equal(got, 0xFFFF0000ABCDE800, "vbar-storage");
    WRITE_SYSREG(par_el1, 0);
    check_equal(READ_SYSREG(par_el1) & ~BIT(11), 0, "par-storage");
    check_true((READ_SYSREG(sctlr_el1) & SCTLR_RES1) == SCTLR_RES1, "sctlr-res1");
    WRITE_SYSREG(cpacr_el1, 3ull << 20);
    isb();
    check_equal(READ_SYSREG(cpacr_el1) & (3ull << 20), 3ull << 20, "cpacr-fpen-storage");
    WRITE_SYSREG(cpacr_el1, 0);
    isb();
    // XZR as source and destination.
    __asm__ volatile("msr tpidr_el0, xzr");
    check_equal(READ_SYSREG(tpidr_el0), 0, "msr-xzr");
    __asm__ volatile("mrs xzr, tpidr_el0");

    // Every cache that CLIDR_EL1 announces has a sane CCSIDR_EL1.
    u64 clidr = READ_SYSREG(clidr_el1);
    bool sane = true;
    for (unsigned level = 0; level < 7; level++) {
        unsigned type = (unsigned)field(clidr, level * 3, 3);
        if (type == 0) break;
        for (unsigned instruction = 0; instruction < 2; instruction++) {
            if (!(instruction ? type & 1 : type & 6)) continue;
            WRITE_SYSREG(csselr_el1, level << 1 | instruction);
            isb();
            u64 line = 16ull << field(READ_SYSREG(ccsidr_el1), 0, 3);
            sane = sane && line >= 16 && line <= 256;
        }
    }
    check_true(sane && field(clidr, 0, 3) != 0, "clidr-and-ccsidr");
}

// ---- Controls over EL0 ---------------------------------------------------------------------------------------------

struct controlled {
    const char* name;
    u32 word;
    u64 bit;
    struct encoding e;
    bool read;
};

static void check_controls(void) {
    const struct encoding ctr = {3, 3, 0, 0, 1}, daif = {3, 3, 4, 2, 1};
    const struct encoding cvau = {1, 3, 7, 11, 1}, cvac = {1, 3, 7, 10, 1}, civac = {1, 3, 7, 14, 1};
    const struct encoding ivau = {1, 3, 7, 5, 1}, zva = {1, 3, 7, 4, 1};
    const struct controlled controls[] = {
        {"uct-ctr-el0", mrs_word(ctr, 1), SCTLR_UCT, ctr, true},
        {"uma-mrs-daif", mrs_word(daif, 1), SCTLR_UMA, daif, true},
        {"uma-msr-daif", msr_word(daif, 1), SCTLR_UMA, daif, false},
        {"uma-msr-daifset", 0xD50341DF, SCTLR_UMA, {0, 3, 4, 1, 6}, false},
        {"uma-msr-daifclr", 0xD50340FF, SCTLR_UMA, {0, 3, 4, 0, 7}, false},
        {"uci-dc-cvau", sys_word(cvau, 1), SCTLR_UCI, cvau, false},
        {"uci-dc-cvac", sys_word(cvac, 1), SCTLR_UCI, cvac, false},
        {"uci-dc-civac", sys_word(civac, 1), SCTLR_UCI, civac, false},
        {"uci-ic-ivau", sys_word(ivau, 1), SCTLR_UCI, ivau, false},
        {"dze-dc-zva", sys_word(zva, 1), SCTLR_DZE, zva, false},
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(controls); i++) {
        const struct controlled* c = &controls[i];
        if (c->bit == SCTLR_DZE && field(READ_SYSREG(dczid_el0), 4, 1)) continue;
        probe_code code = probe_write(&c->word, 1);
        unsigned rt = c->e.op0 == 0 ? 31 : 1;
        struct frame f = run_el0(code, 0, (u64)user_words);
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_MSR_MRS, trap_iss(c->e, rt, c->read)), (u64)code, ANY},
                   "sctlr-%s-trapped", c->name);
        write_sctlr(SCTLR_DEFAULT | c->bit);
        f = run_el0(code, 0, (u64)user_words);
        check_true(probe_returned(&f), "sctlr-%s-allowed", c->name);
        write_sctlr(SCTLR_DEFAULT);
        f = run_el1(code, 0, (u64)user_words);
        check_true(probe_returned(&f), "sctlr-%s-free-at-el1", c->name);
    }
    // With UMA, EL0 changes PSTATE.DAIF for real.
    const u32 words[] = {0xD50342FF /* msr daifclr, #2 */, mrs_word(daif, 0)};
    write_sctlr(SCTLR_DEFAULT | SCTLR_UMA);
    struct frame f = run_el0(probe_write(words, 2));
    check_returned(&f, PSR_D | PSR_A | PSR_F, "uma-el0-clears-i");
    check_equal(f.spsr & PSR_DAIF, PSR_D | PSR_A | PSR_F, "uma-spsr");
    write_sctlr(SCTLR_DEFAULT);

    // DCZID_EL0.DZP says at EL0 whether DC ZVA is prohibited there.
    u32 dczid = mrs_word((struct encoding){3, 3, 0, 0, 7}, 0);
    probe_code code = probe_write(&dczid, 1);
    f = run_el0(code);
    check_equal(field(f.x[0], 4, 1), 1, "dczid-dzp-at-el0-without-dze");
    write_sctlr(SCTLR_DEFAULT | SCTLR_DZE);
    f = run_el0(code);
    check_equal(f.x[0], READ_SYSREG(dczid_el0), "dczid-dzp-at-el0-with-dze");
    write_sctlr(SCTLR_DEFAULT);

    // WFI from EL0: with nTWI clear it traps when it would wait, and nothing is pending here.
    u32 wfi = 0xD503207F, wfe = 0xD503205F;
    code = probe_write(&wfi, 1);
    f = run_el0(code);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_WFX, 0x1E00000), (u64)code, ANY}, "ntwi-wfi-trapped");
    // WFE may find the event register set, or be completed early, so both outcomes are right.
    code = probe_write(&wfe, 1);
    f = run_el0(code);
    check_true(probe_returned(&f) || f.esr == ESR(EC_WFX, 0x1E00001), "ntwe-wfe-trapped-or-complete");
    write_sctlr(SCTLR_DEFAULT | SCTLR_nTWE);
    __asm__ volatile("sevl");
    f = run_el0(code);
    check_true(probe_returned(&f), "ntwe-wfe-allowed");
    write_sctlr(SCTLR_DEFAULT);
}

// ---- System instructions that EL0 never has -------------------------------------------------------------------------

static void check_instructions(void) {
    static const struct {
        const char* name;
        struct encoding e;
    } instructions[] = {
        {"ic-iallu", {1, 0, 7, 5, 0}},      {"ic-ialluis", {1, 0, 7, 1, 0}},     {"dc-ivac", {1, 0, 7, 6, 1}},
        {"dc-isw", {1, 0, 7, 6, 2}},        {"dc-csw", {1, 0, 7, 10, 2}},        {"dc-cisw", {1, 0, 7, 14, 2}},
        {"at-s1e1r", {1, 0, 7, 8, 0}},      {"at-s1e1w", {1, 0, 7, 8, 1}},       {"at-s1e0r", {1, 0, 7, 8, 2}},
        {"at-s1e0w", {1, 0, 7, 8, 3}},      {"tlbi-vmalle1is", {1, 0, 8, 3, 0}}, {"tlbi-vae1is", {1, 0, 8, 3, 1}},
        {"tlbi-aside1is", {1, 0, 8, 3, 2}}, {"tlbi-vaae1is", {1, 0, 8, 3, 3}},   {"tlbi-vale1is", {1, 0, 8, 3, 5}},
        {"tlbi-vaale1is", {1, 0, 8, 3, 7}}, {"tlbi-vmalle1", {1, 0, 8, 7, 0}},   {"tlbi-vae1", {1, 0, 8, 7, 1}},
        {"tlbi-aside1", {1, 0, 8, 7, 2}},   {"tlbi-vaae1", {1, 0, 8, 7, 3}},     {"tlbi-vale1", {1, 0, 8, 7, 5}},
        {"tlbi-vaale1", {1, 0, 8, 7, 7}},
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(instructions); i++) {
        // Set and way 0 of level 1, or a mapped address.
        u32 word = sys_word(instructions[i].e, 0);
        probe_code code = probe_write(&word, 1);
        u64 argument = instructions[i].e.op2 == 2 && instructions[i].e.crn == 7 && instructions[i].e.crm != 8
                           ? 0
                           : (u64)user_words;
        struct frame f = run_el0(code, argument);
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)code, ANY}, "%s-undefined-at-el0",
                   instructions[i].name);
        f = run_el1(code, argument);
        check_true(probe_returned(&f), "%s-at-el1", instructions[i].name);
    }
    static const struct {
        const char* name;
        struct encoding e;
    } absent[] = {
        {"tlbi-alle2", {1, 4, 8, 7, 0}}, {"tlbi-alle1", {1, 4, 8, 7, 4}},      {"tlbi-vae2", {1, 4, 8, 7, 1}},
        {"tlbi-alle3", {1, 6, 8, 7, 0}}, {"at-s12e1r", {1, 4, 7, 8, 4}},       {"at-s1e2r", {1, 4, 7, 8, 0}},
        {"at-s1e3r", {1, 6, 7, 8, 0}},   {"unallocated-sys", {1, 2, 7, 3, 3}},
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(absent); i++) {
        u32 word = sys_word(absent[i].e, 0);
        probe_code code = probe_write(&word, 1);
        struct frame f = run_el1(code);
        check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_UNKNOWN, 0), (u64)code, ANY}, "%s-undefined-at-el1",
                   absent[i].name);
    }
    static const struct {
        const char* name;
        u32 word;
    } immediates[] = {{"msr-spsel", 0xD50040BF}, {"msr-pan", 0xD500409F}, {"msr-uao", 0xD500407F}};
    for (unsigned i = 0; i < ARRAY_LENGTH(immediates); i++) {
        probe_code code = probe_write(&immediates[i].word, 1);
        struct frame f = run_el0(code);
        check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)code, ANY}, "%s-undefined-at-el0",
                   immediates[i].name);
    }
}

static void check_performance_monitors(void) {
    u64 version = field(READ_SYSREG(id_aa64dfr0_el1), 8, 4);
    bool present = version != 0 && version != 0xF;
    static const struct {
        const char* name;
        struct encoding e;
    } registers[] = {
        {"pmcr", {3, 3, 9, 12, 0}},
        {"pmccntr", {3, 3, 9, 13, 0}},
        {"pmcntenset", {3, 3, 9, 12, 1}},
        {"pmuserenr", {3, 3, 9, 14, 0}},
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(registers); i++) {
        u32 word = mrs_word(registers[i].e, 2);
        probe_code code = probe_write(&word, 1);
        struct frame f = run_el1(code);
        if (!present) {
            check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, ESR(EC_UNKNOWN, 0), (u64)code, ANY}, "%s-absent",
                       registers[i].name);
            continue;
        }
        check_true(probe_returned(&f), "%s-el1", registers[i].name);
        if (i == 0) {
            WRITE_SYSREG(s3_3_c9_c14_0, 0); // PMUSERENR_EL0
            isb();
        }
        f = run_el0(code);
        if (i == 3) // PMUSERENR_EL0 is always readable
            check_true(probe_returned(&f), "%s-el0", registers[i].name);
        else
            check_trap(
                &f,
                (struct expected){VECTOR_EL0_SYNC, ESR(EC_MSR_MRS, trap_iss(registers[i].e, 2, true)), (u64)code, ANY},
                "%s-trapped-at-el0", registers[i].name);
    }
}

void guest_main(void) {
    check_rows();
    check_storage();
    check_controls();
    check_instructions();
    check_performance_monitors();
}
