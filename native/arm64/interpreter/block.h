// A run of predecoded guest instructions within one page.
#pragma once

#include "arm64/interpreter/insn.h"
#include "arm64/types.h"

namespace beeline::arm64 {

/// insns[0] is the entry (polls and counts), insns[1..count] are the guest's instructions, insns[count + 1] continues
/// behind the last of them when that one does not end the block by itself.
struct Block {
    GuestPa pa;           ///< Of the first instruction.
    Block* next_in_line;  ///< Next block that starts in the same 64-byte line.
    Block* links[2];      ///< Successors in the same virtual page: [0] not taken or sequential, [1] taken.
    uint64_t generation;  ///< Equal to the cache's when the block may run; kStale once invalidated.
    uint8_t context;      ///< ExecutionContext that it was bound for.
    uint8_t count;        ///< Guest instructions, 1..kMaxInstructions.
    bool cut;             ///< Begins where a breakpoint may be: never translated, entered by run() alone.
    uint32_t visits_left; ///< Entries until run() offers the block to the vCPU's execution tier; kNeverOffered.
    Insn insns[];

    static constexpr unsigned kMaxInstructions = 64;
    static constexpr uint64_t kStale = 0;
    static constexpr uint32_t kNeverOffered = ~uint32_t{0};

    uint64_t page_offset() const { return pa.value & kPageMask; }
    uint64_t size_bytes() const { return uint64_t{count} * 4; }
};

} // namespace beeline::arm64
