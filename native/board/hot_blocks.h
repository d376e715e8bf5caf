// Which translated blocks of a machine matter most.
#pragma once

#include "translate/direct_tier.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace beeline::board {

/// A translated block of one CPU's.
struct HotBlock {
    unsigned cpu = 0;
    uint64_t pc = 0, pa = 0; ///< Of the guest's.
    unsigned el = 0;
    bool in_use = true;
    uint64_t executions = 0; ///< Times that it was entered.
    uint32_t instructions = 0;
    uint32_t bytes = 0; ///< Of host code.
};

enum class BlockOrder : uint8_t {
    Instructions, ///< Executed: an execution that leaves early counts as a whole one.
    Executions,
    Bytes,
};

struct HotBlocks {
    std::vector<HotBlock> blocks; ///< The first ones in their order.
    // Of all that there are:
    uint64_t count = 0, instructions = 0, bytes = 0;
};

/// Blocks whose code is still in the caches. While the CPUs do not run; executions are counted with
/// DirectOptions::keep_details.
HotBlocks hot_blocks(const std::vector<const translate::DirectTier*>& tiers, size_t most, BlockOrder order);

} // namespace beeline::board
