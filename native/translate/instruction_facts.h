// What the translator's passes ask of a decoded guest instruction.
#pragma once

#include "arm64/features.h"
#include "arm64/interpreter/insn.h"
#include "translate/emitter.h"

namespace beeline::translate {

/// How an instruction continues.
enum class Flow : uint8_t {
    Next,        ///< The instruction after it.
    Branch,      ///< Unconditional, direct: B, BL.
    Conditional, ///< Direct: B.cond, CBZ, CBNZ, TBZ, TBNZ.
    Indirect,    ///< BR, BLR, RET.
    Leaves,      ///< Whatever the interpreter's handler makes of it; the block ends.
};

/// Who executes an instruction that has no emitter.
enum class Helper : uint8_t {
    Full,  ///< May read and write everything, and fault.
    Light, ///< FP/SIMD registers and FPSR only.
};

struct Facts {
    Flow flow = Flow::Next;
    FlagUse flags;
    Helper helper = Helper::Full;
    bool goes_on = false; ///< Leaves the block, but for the instruction after it.
};

Facts facts_of(const arm64::Insn& insn, unsigned el);
/// The same from the encoding alone: exact for flags and branches; what leaves for reasons of its own is Next and reads
/// the flags.
Facts facts_of(uint32_t word, unsigned el, const arm64::CpuFeatures& features);

/// Data processing of general registers, by its place in the encoding (C4.1.86, C4.1.89).
constexpr bool is_general_data_processing(uint32_t word) {
    return (word & 0x1C000000) == 0x10000000 || (word & 0x0E000000) == 0x0A000000;
}

/// Byte distance from a direct branch to its target, by its encoding.
int64_t branch_distance(uint32_t word);
/// The same of a decoded instruction.
inline int64_t branch_distance(const arm64::Insn& insn) { return static_cast<int64_t>(insn.imm); }

} // namespace beeline::translate
