#include "board/hot_blocks.h"

#include "arm64/execution_context.h"
#include "translate/translation.h"

#include <algorithm>

namespace beeline::board {

namespace {

uint64_t weight(const HotBlock& block, BlockOrder order) {
    switch (order) {
    case BlockOrder::Instructions: return block.executions * block.instructions;
    case BlockOrder::Executions: return block.executions;
    case BlockOrder::Bytes: return block.bytes;
    }
    return 0;
}

} // namespace

HotBlocks hot_blocks(const std::vector<const translate::DirectTier*>& tiers, size_t most, BlockOrder order) {
    HotBlocks result;
    std::vector<HotBlock>& blocks = result.blocks;
    for (unsigned cpu = 0; cpu < tiers.size(); cpu++)
        tiers[cpu]->for_each_translation([&](const translate::Translation& translation) {
            blocks.push_back({.cpu = cpu,
                              .pc = translation.pc,
                              .pa = translation.pa.value,
                              .el = static_cast<unsigned>(arm64::unpack_context(translation.context).el),
                              .in_use = !translation.discarded,
                              .executions = translation.executions,
                              .instructions = translation.instructions,
                              .bytes = translation.size});
            result.instructions += weight(blocks.back(), BlockOrder::Instructions);
            result.bytes += translation.size;
        });
    result.count = blocks.size();
    const auto first = [order](const HotBlock& one, const HotBlock& other) {
        return weight(one, order) > weight(other, order);
    };
    const auto kept = blocks.begin() + static_cast<std::ptrdiff_t>(std::min(most, blocks.size()));
    std::partial_sort(blocks.begin(), kept, blocks.end(), first);
    blocks.erase(kept, blocks.end());
    return result;
}

} // namespace beeline::board
