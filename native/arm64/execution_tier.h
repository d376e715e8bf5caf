// A faster way to execute guest code than the interpreter, attached to one vCPU.
#pragma once

#include "arm64/types.h"

namespace beeline::arm64 {

struct Block;

class ExecutionTier {
public:
    /// Guest instructions, at most, of a piece of code that begins only where Vcpu::instruction_limit is not in it.
    static constexpr unsigned kLongestBlock = 96;
    virtual ~ExecutionTier() = default;

    /// Executes from state.pc on when this tier has code for it that it finds at once. False: it has not, and nothing
    /// happened. Returns with state.pc and all guest state up to date.
    virtual bool run_known() = 0;

    /// The same for a block that the interpreter would execute next at state.pc. The tier may decide by
    /// Block::visits_left to take it or to leave it to the interpreter.
    virtual bool run_block(Block& block) = 0;

    /// How often the interpreter may enter a new block before it must offer the block to this tier (at least 1).
    virtual uint32_t visits_before_offer() const = 0;

    // ---- code maintenance, on the vCPU's own thread, never while the tier's code runs further than the call ----
    virtual void invalidate_line(GuestPa address) = 0; ///< A 64-byte line of code changed.
    virtual void invalidate_all() = 0;                 ///< Any code may have changed.
};

} // namespace beeline::arm64
