// Floating point and SIMD as a system sees them: traps by CPACR_EL1.FPEN, FPCR and FPSR, register state, a few exact
// results.
#include "../runtime/check.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/probe.h"

const char guest_name[] = "fp";

#define FPSR_IOC BIT(0)
#define FPSR_DZC BIT(1)
#define FPSR_OFC BIT(2)
#define FPSR_UFC BIT(3)
#define FPSR_IXC BIT(4)
#define FPSR_IDC BIT(7)
#define FPSR_QC BIT(27)
#define FPCR_RMODE(m) ((u64)(m) << 22) // 0 nearest, 1 towards plus, 2 towards minus, 3 towards zero
#define FPCR_FZ BIT(24)
#define FPCR_DN BIT(25)

static USER_DATA u64 memory[64] __attribute__((aligned(64)));

static void set_fpen(u64 value) {
    WRITE_SYSREG(cpacr_el1, value << 20);
    isb();
}

// ---- Traps ----------------------------------------------------------------------------------------------------------

PROBE(fmov_d, "fmov d0, x0")
PROBE(load_q, "ldr q0, [x0]")
PROBE(store_pair_q, "stp q0, q1, [x0]")
PROBE(add_4s, "add v0.4s, v1.4s, v2.4s")
PROBE(read_fpcr, "mrs x0, fpcr")
PROBE(write_fpcr, "msr fpcr, x0")
PROBE(read_fpsr, "mrs x0, fpsr")
PROBE(write_fpsr, "msr fpsr, x0")
PROBE(aese_, "aese v0.16b, v1.16b")
PROBE(ld1_, "ld1 {v0.16b}, [x0]")
PROBE(fcmp_, "fcmp d0, d1")
PROBE(no_fp, "crc32b w1, w1, w1\nmov x0, #3")
PROBE(undefined_fp, ".inst 0x1ea22820")

static void check_traps(void) {
    static const struct {
        const char* name;
        probe_code code;
    } users[] = {
        {"fmov", fmov_d},        {"ldr-q", load_q},        {"stp-q", store_pair_q},
        {"add-4s", add_4s},      {"mrs-fpcr", read_fpcr},  {"msr-fpcr", write_fpcr},
        {"mrs-fpsr", read_fpsr}, {"msr-fpsr", write_fpsr}, {"aese", aese_},
        {"ld1", ld1_},           {"fcmp", fcmp_},
    };
    // FPEN: 0 and 2 trap both levels, 1 traps EL0, 3 neither. The ISS is CV = 1, COND = 0xE.
    const u64 trapped = ESR(EC_FP_ACCESS, 0x1E00000);
    for (u64 fpen = 0; fpen < 4; fpen++) {
        set_fpen(fpen);
        for (unsigned i = 0; i < ARRAY_LENGTH(users); i++) {
            struct frame f = run_el0(users[i].code, (u64)memory);
            if (fpen == 3)
                check_true(probe_returned(&f), "fpen-%lu-%s-el0", fpen, users[i].name);
            else
                check_trap(&f, (struct expected){VECTOR_EL0_SYNC, trapped, (u64)users[i].code, ANY}, "fpen-%lu-%s-el0",
                           fpen, users[i].name);
            f = run_el1(users[i].code, (u64)memory);
            if (fpen & 1)
                check_true(probe_returned(&f), "fpen-%lu-%s-el1", fpen, users[i].name);
            else
                check_trap(&f, (struct expected){VECTOR_EL1h_SYNC, trapped, (u64)users[i].code, ANY}, "fpen-%lu-%s-el1",
                           fpen, users[i].name);
        }
    }
    set_fpen(0);
    struct frame f = run_el0(no_fp);
    check_true(probe_returned(&f), "fpen-0-lets-crc32");
    // A trapped access to a bad address is still the trap: the access never starts.
    f = run_el0(load_q, 0x7000000000);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, trapped, (u64)load_q, ANY}, "fpen-before-data-abort");
    // An unallocated encoding in the FP space is Undefined whatever FPEN says (D1.3.5.5: Undefined comes first).
    f = run_el0(undefined_fp);
    check_trap(&f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_UNKNOWN, 0), (u64)undefined_fp, ANY},
               "undefined-before-fpen");
    set_fpen(3);
}

// ---- Registers ------------------------------------------------------------------------------------------------------

PROBE(fill_registers, "dup v0.2d, x0\ndup v31.2d, x1\nins v31.d[1], x2\nfmov d15, x3\nsvc #1\n"
                      "mov x0, v0.d[1]\nmov x1, v31.d[0]\nmov x2, v31.d[1]\nmov x3, v15.d[1]")
PROBE(scalar_write_zeroes, "movi v0.16b, #0xff\nfmov s0, w0\nmov x0, v0.d[0]\nmov x1, v0.d[1]")
PROBE(fpcr_round_trip, "msr fpcr, x0\nmrs x0, fpcr\nmsr fpcr, xzr")
PROBE(fpsr_round_trip, "msr fpsr, x0\nmrs x0, fpsr\nmsr fpsr, xzr")
PROBE(unaligned_q, "ldr q1, [x0]\nstr q1, [x1]")

static void check_registers(void) {
    struct frame f = run_el0(fill_registers, 0x1111222233334444, 5, 6, 7);
    check_equal(f.esr, ESR(EC_SVC, 1), "registers-filled");
    f = run_el0((probe_code)f.elr);
    check_true(f.x[0] == 0x1111222233334444 && f.x[1] == 5 && f.x[2] == 6 && f.x[3] == 0,
               "registers-kept-over-exception");
    f = run_el0(scalar_write_zeroes, 0x3f800000);
    check_true(f.x[0] == 0x3f800000 && f.x[1] == 0, "scalar-write-clears-the-rest");
    f = run_el0(fpcr_round_trip, FPCR_FZ | FPCR_DN | FPCR_RMODE(3) | BIT(26));
    check_returned(&f, FPCR_FZ | FPCR_DN | FPCR_RMODE(3) | BIT(26), "fpcr-stores-fz-dn-rmode-ahp");
    // Trap enables are RAZ/WI where trapped floating-point exceptions are not implemented, and reserved bits read as 0.
    f = run_el0(fpcr_round_trip, BIT(63) | BIT(32) | BIT(31) | BIT(6));
    check_returned(&f, 0, "fpcr-reserved-bits");
    f = run_el0(fpsr_round_trip, FPSR_IOC | FPSR_DZC | FPSR_OFC | FPSR_UFC | FPSR_IXC | FPSR_IDC | FPSR_QC);
    check_returned(&f, FPSR_IOC | FPSR_DZC | FPSR_OFC | FPSR_UFC | FPSR_IXC | FPSR_IDC | FPSR_QC,
                   "fpsr-stores-all-flags");
    f = run_el0(fpsr_round_trip, 0xFFFFFFFF00000060);
    check_returned(&f, 0, "fpsr-reserved-bits");
    memory[0] = 0x0706050403020100;
    memory[1] = 0x0F0E0D0C0B0A0908;
    memory[2] = 0x1716151413121110;
    f = run_el0(unaligned_q, (u64)memory + 3, (u64)memory + 65);
    check_true(probe_returned(&f) && *(volatile u8*)((u64)memory + 65) == 3 &&
                   *(volatile u8*)((u64)memory + 80) == 0x12,
               "unaligned-128-bit");
    // Over a page boundary into nothing.
    u64 va = 0x3000000000;
    page_table_map(&runtime_table, va, (u64)memory & ~0xFFFull, PTE_ALL_RW, 3);
    page_table_sync();
    f = run_el0(load_q, va + 0xFF8);
    check_trap(
        &f, (struct expected){VECTOR_EL0_SYNC, ESR(EC_DATA_ABORT_LOWER, FSC_TRANSLATION + 3), (u64)load_q, va + 0x1000},
        "128-bit-into-unmapped");
    f = run_el0(store_pair_q, va + 0xFF0);
    check_trap(&f,
               (struct expected){VECTOR_EL0_SYNC, ESR(EC_DATA_ABORT_LOWER, FSC_TRANSLATION + 3 + ISS_WNR),
                                 (u64)store_pair_q, va + 0x1000},
               "pair-of-128-bit-into-unmapped");
}

// ---- Exact results --------------------------------------------------------------------------------------------------

// Each takes FPCR in x0 and operands in x1, x2, x3; gives the result in x0 and FPSR in x1.
#define OPERATION(name, code)                                                                                          \
    PROBE(name,                                                                                                        \
          "msr fpcr, x0\nmsr fpsr, xzr\nfmov d1, x1\nfmov d2, x2\nfmov d3, x3\n" code "\nmrs x1, fpsr\nmsr fpcr, xzr")
OPERATION(d_add, "fadd d0, d1, d2\nfmov x0, d0")
OPERATION(d_sub, "fsub d0, d1, d2\nfmov x0, d0")
OPERATION(d_mul, "fmul d0, d1, d2\nfmov x0, d0")
OPERATION(d_div, "fdiv d0, d1, d2\nfmov x0, d0")
OPERATION(d_sqrt, "fsqrt d0, d1\nfmov x0, d0")
OPERATION(d_madd, "fmadd d0, d1, d2, d3\nfmov x0, d0")
OPERATION(d_max, "fmax d0, d1, d2\nfmov x0, d0")
OPERATION(d_maxnm, "fmaxnm d0, d1, d2\nfmov x0, d0")
OPERATION(d_min, "fmin d0, d1, d2\nfmov x0, d0")
OPERATION(s_add, "fadd s0, s1, s2\nfmov w0, s0")
OPERATION(s_mul, "fmul s0, s1, s2\nfmov w0, s0")
OPERATION(s_div, "fdiv s0, s1, s2\nfmov w0, s0")
OPERATION(d_to_s, "fcvt s0, d1\nfmov w0, s0")
OPERATION(s_to_d, "fcvt d0, s1\nfmov x0, d0")
OPERATION(d_to_h, "fcvt h0, d1\nfmov w0, s0")
OPERATION(d_to_x, "fcvtzs x0, d1")
OPERATION(d_to_wu, "fcvtzu w0, d1")
OPERATION(d_to_xn, "fcvtns x0, d1")
OPERATION(x_to_s, "scvtf s0, x1\nfmov w0, s0")
OPERATION(d_rint, "frinti d0, d1\nfmov x0, d0")
OPERATION(d_rintx, "frintx d0, d1\nfmov x0, d0")
OPERATION(d_cmp, "fcmp d1, d2\nmrs x0, nzcv")
OPERATION(d_cmpe, "fcmpe d1, d2\nmrs x0, nzcv")
OPERATION(s_recpe, "frecpe s0, s1\nfmov w0, s0")
OPERATION(s_rsqrts, "frsqrts s0, s1, s2\nfmov w0, s0")
OPERATION(sat_add, "sqadd b0, b1, b2\nfmov w0, s0")

#define D_ONE 0x3ff0000000000000ull
#define D_TWO 0x4000000000000000ull
#define D_THREE 0x4008000000000000ull
#define D_INF 0x7ff0000000000000ull
#define D_QNAN 0x7ff8000000000000ull
#define D_SNAN 0x7ff0000000000001ull
#define D_NEGATIVE BIT(63)
#define D_MAX 0x7fefffffffffffffull
#define D_MIN_NORMAL 0x0010000000000000ull
#define D_DENORMAL 0x0000000000000001ull

static const struct {
    const char* name;
    probe_code code;
    u64 fpcr, a, b, c, result, fpsr;
} results[] = {
    {"add-exact", d_add, 0, D_ONE, D_TWO, 0, D_THREE, 0},
    {"div-nearest", d_div, 0, D_ONE, D_THREE, 0, 0x3fd5555555555555, FPSR_IXC},
    {"div-towards-plus", d_div, FPCR_RMODE(1), D_ONE, D_THREE, 0, 0x3fd5555555555556, FPSR_IXC},
    {"div-towards-minus", d_div, FPCR_RMODE(2), D_ONE, D_THREE, 0, 0x3fd5555555555555, FPSR_IXC},
    {"div-negative-towards-minus", d_div, FPCR_RMODE(2), D_NEGATIVE | D_ONE, D_THREE, 0, 0xbfd5555555555556, FPSR_IXC},
    {"div-towards-zero", d_div, FPCR_RMODE(3), D_NEGATIVE | D_ONE, D_THREE, 0, 0xbfd5555555555555, FPSR_IXC},
    {"div-by-zero", d_div, 0, D_ONE, D_NEGATIVE, 0, D_NEGATIVE | D_INF, FPSR_DZC},
    {"zero-by-zero-default-nan-positive", d_div, 0, 0, 0, 0, D_QNAN, FPSR_IOC},
    {"inf-minus-inf", d_sub, 0, D_INF, D_INF, 0, D_QNAN, FPSR_IOC},
    {"zero-times-inf", d_mul, 0, 0, D_INF, 0, D_QNAN, FPSR_IOC},
    {"overflow-nearest", d_mul, 0, D_MAX, D_TWO, 0, D_INF, FPSR_OFC | FPSR_IXC},
    {"overflow-towards-zero", d_mul, FPCR_RMODE(3), D_MAX, D_TWO, 0, D_MAX, FPSR_OFC | FPSR_IXC},
    {"denormal-result-exact", d_mul, 0, D_MIN_NORMAL, 0x3fe0000000000000, 0, 0x0008000000000000, 0},
    {"underflow-inexact", d_mul, 0, D_DENORMAL, 0x3fe0000000000000, 0, 0, FPSR_UFC | FPSR_IXC},
    {"flush-output", d_mul, FPCR_FZ, D_MIN_NORMAL, 0x3fe0000000000000, 0, 0, FPSR_UFC},
    {"flush-input", d_add, FPCR_FZ, D_DENORMAL, D_ONE, 0, D_ONE, FPSR_IDC},
    {"flush-keeps-sign", d_add, FPCR_FZ, D_NEGATIVE | D_DENORMAL, D_NEGATIVE, 0, D_NEGATIVE, FPSR_IDC},
    // The product rounds up to the smallest normal: tininess is detected before rounding, so FZ flushes it.
    {"tininess-before-rounding", d_mul, FPCR_FZ, 0x3fefffffffffffff, D_MIN_NORMAL, 0, 0, FPSR_UFC},
    {"tininess-before-rounding-flags", d_mul, 0, 0x3fefffffffffffff, D_MIN_NORMAL, 0, D_MIN_NORMAL,
     FPSR_UFC | FPSR_IXC},
    {"nan-first-operand", d_add, 0, D_QNAN | 0x111, D_QNAN | 0x222, 0, D_QNAN | 0x111, 0},
    {"nan-signalling-first", d_add, 0, D_QNAN | 0x111, D_SNAN | 0x222, 0, D_QNAN | D_SNAN | 0x223, FPSR_IOC},
    {"nan-default-mode", d_add, FPCR_DN, D_NEGATIVE | D_QNAN | 0x111, D_ONE, 0, D_QNAN, 0},
    {"nan-quieted", d_sqrt, 0, D_NEGATIVE | D_SNAN, 0, 0, D_NEGATIVE | D_QNAN | 1, FPSR_IOC},
    {"sqrt-negative", d_sqrt, 0, D_NEGATIVE | D_ONE, 0, 0, D_QNAN, FPSR_IOC},
    {"sqrt-minus-zero", d_sqrt, 0, D_NEGATIVE, 0, 0, D_NEGATIVE, 0},
    {"sqrt-two", d_sqrt, 0, D_TWO, 0, 0, 0x3ff6a09e667f3bcd, FPSR_IXC},
    {"madd-one-rounding", d_madd, 0, 0x3ff0000000000001, 0x3ff0000000000001, D_NEGATIVE | 0x3ff0000000000002,
     0x3970000000000000, 0},
    {"madd-nan-addend-first", d_madd, 0, D_QNAN | 1, D_QNAN | 2, D_QNAN | 3, D_QNAN | 3, 0},
    {"madd-zero-inf-quiet-nan", d_madd, 0, 0, D_INF, D_QNAN | 5, D_QNAN, FPSR_IOC},
    {"madd-opposite-zeros-towards-minus", d_madd, FPCR_RMODE(2), 0, D_ONE, D_NEGATIVE, D_NEGATIVE, 0},
    {"sum-to-zero-towards-minus", d_sub, FPCR_RMODE(2), D_ONE, D_ONE, 0, D_NEGATIVE, 0},
    {"max-zeros", d_max, 0, D_NEGATIVE, 0, 0, 0, 0},
    {"min-zeros", d_min, 0, 0, D_NEGATIVE, 0, D_NEGATIVE, 0},
    {"max-nan", d_max, 0, D_ONE, D_QNAN, 0, D_QNAN, 0},
    {"maxnm-number", d_maxnm, 0, D_ONE, D_QNAN, 0, D_ONE, 0},
    {"maxnm-signalling", d_maxnm, 0, D_ONE, D_SNAN, 0, D_QNAN | 1, FPSR_IOC},
    {"single-add", s_add, 0, 0x3f800000, 0x33800000, 0, 0x3f800000, FPSR_IXC},
    {"single-add-towards-plus", s_add, FPCR_RMODE(1), 0x3f800000, 0x33800000, 0, 0x3f800001, FPSR_IXC},
    {"single-underflow", s_mul, 0, 0x00800000, 0x3f000001, 0, 0x00400000, FPSR_UFC | FPSR_IXC},
    {"single-default-nan", s_div, 0, 0, 0, 0, 0x7fc00000, FPSR_IOC},
    {"narrow-overflow", d_to_s, 0, D_MAX, 0, 0, 0x7f800000, FPSR_OFC | FPSR_IXC},
    {"narrow-nan-keeps-payload-top", d_to_s, 0, D_NEGATIVE | 0x7ff8000020000000, 0, 0, 0xffc00001, 0},
    {"widen-denormal", s_to_d, 0, 1, 0, 0, 0x36a0000000000000, 0},
    {"widen-signalling", s_to_d, 0, 0x7f800001, 0, 0, 0x7ff8000020000000, FPSR_IOC},
    // 1 + 2^-11 + 2^-53 would become 1 through single precision (a tie); directly it rounds up.
    {"to-half-rounds-once", d_to_h, 0, 0x3ff0020000000001, 0, 0, 0x3c01, FPSR_IXC},
    {"to-half-alternative-saturates", d_to_h, BIT(26), D_INF, 0, 0, 0x7fff, FPSR_IOC},
    {"convert-nan-is-zero", d_to_x, 0, D_QNAN, 0, 0, 0, FPSR_IOC},
    {"convert-saturates", d_to_x, 0, D_MAX, 0, 0, 0x7fffffffffffffff, FPSR_IOC},
    {"convert-saturates-below", d_to_x, 0, D_NEGATIVE | D_INF, 0, 0, BIT(63), FPSR_IOC},
    {"convert-unsigned-negative", d_to_wu, 0, D_NEGATIVE | D_ONE, 0, 0, 0, FPSR_IOC},
    {"convert-unsigned-fraction-above-minus-one", d_to_wu, 0, 0xbfe0000000000000, 0, 0, 0, FPSR_IXC},
    {"convert-ties-to-even", d_to_xn, 0, 0x4004000000000000, 0, 0, 2, FPSR_IXC},
    {"integer-to-single-inexact", x_to_s, 0, 0x1000001, 0, 0, 0x4b800000, FPSR_IXC},
    {"integer-to-single-towards-plus", x_to_s, FPCR_RMODE(1), 0x1000001, 0, 0, 0x4b800001, FPSR_IXC},
    {"rint-not-inexact", d_rint, FPCR_RMODE(1), 0x3ff199999999999a, 0, 0, D_TWO, 0},
    {"rintx-inexact", d_rintx, FPCR_RMODE(1), 0x3ff199999999999a, 0, 0, D_TWO, FPSR_IXC},
    {"compare-quiet", d_cmp, 0, D_QNAN, D_ONE, 0, PSR_C | PSR_V, 0},
    {"compare-signalling", d_cmpe, 0, D_QNAN, D_ONE, 0, PSR_C | PSR_V, FPSR_IOC},
    {"compare-zeros-equal", d_cmp, 0, 0, D_NEGATIVE, 0, PSR_Z | PSR_C, 0},
    {"compare-less", d_cmp, 0, D_ONE, D_TWO, 0, PSR_N, 0},
    {"compare-flushes", d_cmp, FPCR_FZ, D_DENORMAL, 0, 0, PSR_Z | PSR_C, FPSR_IDC},
    {"reciprocal-estimate", s_recpe, 0, 0x3f800000, 0, 0, 0x3f7f8000, 0},
    {"rsqrt-step-inf-zero", s_rsqrts, 0, 0x7f800000, 0, 0, 0x3fc00000, 0},
    {"saturating-add-sets-qc", sat_add, 0, 0x7f, 1, 0, 0x7f, FPSR_QC},
};

PROBE(accumulate,
      "msr fpsr, xzr\nfmov d1, x0\nfmov d2, xzr\nfdiv d0, d1, d2\nfmov d3, x1\nfmul d0, d3, d3\nfadd d0, d1, d1\n"
      "mrs x0, fpsr\nmrs x1, fpsr")

static void check_results(void) {
    for (unsigned i = 0; i < ARRAY_LENGTH(results); i++) {
        struct frame f = run_el0(results[i].code, results[i].fpcr, results[i].a, results[i].b, results[i].c);
        check_returned(&f, results[i].result, "%s", results[i].name);
        check_equal(f.x[1], results[i].fpsr, "%s-fpsr", results[i].name);
    }
    // FPSR is cumulative until written.
    struct frame f = run_el0(accumulate, D_ONE, D_MAX);
    check_true(f.x[0] == (FPSR_DZC | FPSR_OFC | FPSR_IXC) && f.x[1] == f.x[0], "fpsr-accumulates");
}

void guest_main(void) {
    check_traps();
    check_registers();
    check_results();
}
