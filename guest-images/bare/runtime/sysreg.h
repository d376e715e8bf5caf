// Access to system registers by the names the assembler knows (or S3_n_Cn_Cn_n), and the fields the guests use.
#pragma once
#include "types.h"

#define READ_SYSREG(name)                                                                                              \
    ({                                                                                                                 \
        u64 value_;                                                                                                    \
        __asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory");                                                   \
        value_;                                                                                                        \
    })
#define WRITE_SYSREG(name, value)                                                                                      \
    do {                                                                                                               \
        u64 value_ = (u64)(value);                                                                                     \
        __asm__ volatile("msr " #name ", %0" ::"r"(value_) : "memory");                                                \
    } while (0)

static inline void isb(void) { __asm__ volatile("isb" ::: "memory"); }
static inline void dsb_ish(void) { __asm__ volatile("dsb ish" ::: "memory"); }
static inline void dsb_sy(void) { __asm__ volatile("dsb sy" ::: "memory"); }
static inline u64 field(u64 value, unsigned low, unsigned width) { return (value >> low) & (BIT(width) - 1); }

static inline void write_sctlr(u64 value) {
    WRITE_SYSREG(sctlr_el1, value);
    isb();
}

// SCTLR_EL1 (D17.2.118): RES1 in Armv8.0, and the bits the guests toggle.
#define SCTLR_RES1 0x30D00800ull
#define SCTLR_M BIT(0)
#define SCTLR_A BIT(1)
#define SCTLR_C BIT(2)
#define SCTLR_SA BIT(3)
#define SCTLR_SA0 BIT(4)
#define SCTLR_UMA BIT(9)
#define SCTLR_I BIT(12)
#define SCTLR_DZE BIT(14)
#define SCTLR_UCT BIT(15)
#define SCTLR_nTWI BIT(16)
#define SCTLR_nTWE BIT(18)
#define SCTLR_WXN BIT(19)
#define SCTLR_SPAN BIT(23)
#define SCTLR_UCI BIT(26)
#define SCTLR_DEFAULT (SCTLR_RES1 | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_SA | SCTLR_SA0)

// PSTATE as SPSR_EL1 holds it (C5.2.18).
#define PSR_EL0t 0x0ull
#define PSR_EL1t 0x4ull
#define PSR_EL1h 0x5ull
#define PSR_F BIT(6)
#define PSR_I BIT(7)
#define PSR_A BIT(8)
#define PSR_D BIT(9)
#define PSR_DAIF (PSR_D | PSR_A | PSR_I | PSR_F)
#define PSR_IL BIT(20)
#define PSR_SS BIT(21)
#define PSR_PAN BIT(22)
#define PSR_UAO BIT(23)
#define PSR_V BIT(28)
#define PSR_C BIT(29)
#define PSR_Z BIT(30)
#define PSR_N BIT(31)
#define PSR_NZCV (PSR_N | PSR_Z | PSR_C | PSR_V)

// ESR_EL1 (D17.2.37).
#define ESR_IL BIT(25)
#define ESR(ec, iss) (((u64)(ec) << 26) | ESR_IL | (u64)(iss))
enum {
    EC_UNKNOWN = 0x00,
    EC_WFX = 0x01,
    EC_FP_ACCESS = 0x07,
    EC_ILLEGAL_STATE = 0x0E,
    EC_SVC = 0x15,
    EC_MSR_MRS = 0x18,
    EC_INSTRUCTION_ABORT_LOWER = 0x20,
    EC_INSTRUCTION_ABORT_SAME = 0x21,
    EC_PC_ALIGNMENT = 0x22,
    EC_DATA_ABORT_LOWER = 0x24,
    EC_DATA_ABORT_SAME = 0x25,
    EC_SP_ALIGNMENT = 0x26,
    EC_BREAKPOINT_LOWER = 0x30,
    EC_BREAKPOINT_SAME = 0x31,
    EC_STEP_LOWER = 0x32,
    EC_STEP_SAME = 0x33,
    EC_WATCHPOINT_LOWER = 0x34,
    EC_WATCHPOINT_SAME = 0x35,
    EC_BRK = 0x3C,
};
#define ISS_WNR BIT(6)
#define ISS_CM BIT(8)
enum {
    FSC_ADDRESS_SIZE = 0x00,
    FSC_TRANSLATION = 0x04, // plus the level
    FSC_ACCESS_FLAG = 0x08,
    FSC_PERMISSION = 0x0C,
    FSC_EXTERNAL = 0x10,
    FSC_ALIGNMENT = 0x21,
    FSC_DEBUG = 0x22,
};
// ISS of a trapped MSR, MRS or SYS instruction; direction 1 is a read.
#define ISS_SYSREG(op0, op1, crn, crm, op2, rt, read)                                                                  \
    (((u64)(op0) << 20) | ((u64)(op2) << 17) | ((u64)(op1) << 14) | ((u64)(crn) << 10) | ((u64)(rt) << 5) |            \
     ((u64)(crm) << 1) | (u64)(read))

static inline bool has_pan(void) { return field(READ_SYSREG(id_aa64mmfr1_el1), 20, 4) != 0; }
static inline bool has_uao(void) { return field(READ_SYSREG(s3_0_c0_c7_2), 4, 4) != 0; } // ID_AA64MMFR2_EL1
