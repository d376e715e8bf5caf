// What a predecoded or translated block depends on besides its bytes. Part of the key of every block.
#pragma once

#include <cstdint>

namespace beeline::arm64 {

class Vcpu;

struct ExecutionContext {
    uint8_t el = 1;          ///< 0 or 1
    bool mmu = false;        ///< SCTLR_EL1.M
    bool fp_trapped = false; ///< CPACR_EL1.FPEN traps FP/SIMD at this exception level.
    bool big_endian = false; ///< Data accesses: SCTLR_EL1.EE at EL1, E0E at EL0.
    bool fp_flushes = false; ///< FPCR.FZ, FZ16 or AHP: floating point is nothing like the host's.
    bool sp0 = false;        ///< EL1 with PSTATE.SP clear: SP_EL0 is the stack pointer, and no register.
    bool debug = false;      ///< Software step or breakpoints are active: a block is one instruction long.

    friend constexpr bool operator==(const ExecutionContext&, const ExecutionContext&) = default;
};

constexpr uint8_t pack_context(const ExecutionContext& context) {
    return static_cast<uint8_t>(context.el | context.mmu << 1 | context.fp_trapped << 2 | context.big_endian << 3 |
                                context.debug << 4 | context.fp_flushes << 5 | context.sp0 << 6);
}

constexpr ExecutionContext unpack_context(uint8_t bits) {
    return {.el = static_cast<uint8_t>(bits & 1),
            .mmu = (bits & 2) != 0,
            .fp_trapped = (bits & 4) != 0,
            .big_endian = (bits & 8) != 0,
            .fp_flushes = (bits & 32) != 0,
            .sp0 = (bits & 64) != 0,
            .debug = (bits & 16) != 0};
}

/// The context `cpu` is in, from PSTATE and its system registers.
ExecutionContext execution_context(const Vcpu& cpu);

/// Data accesses of the current exception level are big-endian. Plain loads and stores then never hit the first-level
/// TLB and are byte-swapped by Vcpu::load_slow/store_slow; users of Vcpu::atomic_pointer swap by themselves.
bool big_endian_data(const Vcpu& cpu);

/// CPACR_EL1.FPEN traps FP/SIMD at the current exception level.
bool fp_access_trapped(const Vcpu& cpu);

} // namespace beeline::arm64
