// Guest state of one CPU: what the Arm architecture defines, at fixed offsets, so that every tier can address it.
#pragma once

#include "arm64/types.h"

#include <array>
#include <cstdint>

namespace beeline::arm64 {

/// Indices into CpuState::x beyond the general registers. Decoders map register number 31 to one of these.
inline constexpr unsigned kZeroRegister = 31; ///< Always reads 0; never written.
inline constexpr unsigned kStackPointer = 32; ///< The SP in use (SP_EL0 or SP_EL1 by PSTATE.SP and EL).
inline constexpr unsigned kDiscard = 33;      ///< Takes writes to XZR/WZR.

namespace nzcv {
inline constexpr uint32_t N = 1u << 31, Z = 1u << 30, C = 1u << 29, V = 1u << 28, kMask = 0xFu << 28;
}

namespace fpsr {
inline constexpr uint32_t kIoc = 1u << 0, kDzc = 1u << 1, kOfc = 1u << 2, kUfc = 1u << 3, kIxc = 1u << 4, kIdc = 1u << 7,
                          kQc = 1u << 27;
inline constexpr uint32_t kMask = kIoc | kDzc | kOfc | kUfc | kIxc | kIdc | kQc;
}

namespace fpcr {
inline constexpr uint32_t kFz16 = 1u << 19, kRmodeShift = 22, kRmode = 3u << 22, kFz = 1u << 24, kDn = 1u << 25,
                          kAhp = 1u << 26;
}

/// SPSR/PSTATE layout for AArch64 (Arm ARM C5.2.18).
namespace spsr {
inline constexpr uint64_t kF = 1u << 6, kI = 1u << 7, kA = 1u << 8, kD = 1u << 9, kDaif = 0xFu << 6, kIl = 1u << 20,
                          kSs = 1u << 21, kPan = 1u << 22, kUao = 1u << 23;
}

/// PSTATE without NZCV, unpacked.
struct Pstate {
    uint8_t el = 1;       ///< 0 or 1
    uint8_t sp_sel = 1;   ///< PSTATE.SP
    uint8_t pan = 0;
    uint8_t uao = 0;
    uint8_t ss = 0;
    uint8_t il = 0;
    uint16_t daif = 0x3C0; ///< D, A, I, F at their SPSR positions (bits 9..6)
};

inline constexpr unsigned kMaxBreakpoints = 6;
inline constexpr unsigned kMaxWatchpoints = 4;

/// System registers that hold a value. Names are the Arm ARM's. ID registers live in the CPU model.
struct SystemRegisters {
    uint64_t sctlr_el1, actlr_el1, cpacr_el1;
    uint64_t ttbr0_el1, ttbr1_el1, tcr_el1;
    uint64_t mair_el1, amair_el1;
    uint64_t esr_el1, far_el1, afsr0_el1, afsr1_el1;
    uint64_t elr_el1, spsr_el1, vbar_el1, par_el1;
    uint64_t sp_el0, sp_el1; ///< The one that is not in use; the other is in CpuState::x[kStackPointer].
    uint64_t tpidr_el0, tpidrro_el0, tpidr_el1, contextidr_el1;
    uint64_t csselr_el1;
    uint64_t cntfrq_el0, cntkctl_el1, cntp_ctl_el0, cntp_cval_el0, cntv_ctl_el0, cntv_cval_el0;
    uint64_t mdscr_el1, oslsr_locked, osdlr_el1, mdccint_el1, osdtrrx_el1, osdtrtx_el1, oseccr_el1, dbgclaim;
    std::array<uint64_t, kMaxBreakpoints> dbgbvr_el1, dbgbcr_el1;
    std::array<uint64_t, kMaxWatchpoints> dbgwvr_el1, dbgwcr_el1;
    uint64_t pmcr_el0, pmcnten, pmovs, pmselr_el0, pmuserenr_el0, pminten, pmccfiltr_el0, pmccntr_offset;
    std::array<uint64_t, 6> pmevcntr, pmevtyper;
    uint64_t implementation_defined[4];
};

/// Local exclusive monitor. Store-exclusive compares memory with the loaded value (Arm ARM B2.9 permits the
/// resulting behaviour for the global monitor).
struct ExclusiveMonitor {
    uint64_t va;        ///< Address of the load-exclusive.
    uint64_t value[2];  ///< Loaded bytes, low and high.
    uint8_t size;       ///< Bytes: 1, 2, 4, 8 or 16; 0 in the Open Access state, where no store-exclusive stores.

    void open() { size = 0; }
};

struct alignas(64) CpuState {
    uint64_t x[34];
    uint64_t pc;
    uint32_t nzcv;   ///< Bits 31..28 only.
    Pstate pstate;
    uint32_t fpcr;
    uint32_t fpsr;
    VReg v[32];
    ExclusiveMonitor exclusive;
    uint64_t mpidr_el1;
    SystemRegisters sys;
};

} // namespace beeline::arm64
