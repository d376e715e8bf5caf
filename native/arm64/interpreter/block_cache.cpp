#include "arm64/interpreter/block_cache.h"

#include "arm64/counters.h"
#include "arm64/execution_context.h"
#include "arm64/interpreter/dispatch.h"

#include <cstring>

namespace beeline::arm64 {

namespace {

constexpr size_t kSlabBytes = size_t{1} << 20;
constexpr size_t kLargestBlock = sizeof(Block) + (Block::kMaxInstructions + 2) * sizeof(Insn);

uint32_t read_word(const uint8_t* host_page, uint64_t offset) {
    uint32_t word;
    std::memcpy(&word, host_page + offset, sizeof word);
    return word;
}

} // namespace

BlockCache::BlockCache(const CpuFeatures& features, Counters& counters, size_t capacity_bytes)
    : features_(features), counters_(counters), capacity_(capacity_bytes) {
    jump_cache_.fill({~uint64_t{0}, 0, nullptr});
}

void BlockCache::clear() {
    pages_.clear();
    slabs_used_ = 0;
    slab_offset_ = kSlabBytes;
    epoch_++;
    generation_++;
    jump_cache_.fill({~uint64_t{0}, 0, nullptr});
}

Block* BlockCache::allocate() {
    if (slabs_used_ == 0 || slab_offset_ + kLargestBlock > kSlabBytes) {
        if (slabs_used_ * kSlabBytes >= capacity_) clear();
        if (slabs_used_ == slabs_.size()) slabs_.push_back(std::make_unique_for_overwrite<std::byte[]>(kSlabBytes));
        slabs_used_++;
        slab_offset_ = 0;
    }
    return reinterpret_cast<Block*>(slabs_[slabs_used_ - 1].get() + slab_offset_);
}

bool BlockCache::unchanged(const Block& block, const uint8_t* host_page) const {
    for (unsigned i = 0; i < block.count; i++)
        if (block.insns[i + 1].word != read_word(host_page, block.page_offset() + i * 4)) return false;
    return true;
}

Block* BlockCache::find_or_decode(GuestPa pa, uint8_t context, const uint8_t* host_page) {
    const auto page = pages_.find(pa.value >> kPageBits);
    if (page != pages_.end()) {
        const unsigned line = (pa.value & kPageMask) >> kLineBits;
        for (Block* block = page->second.starting[line]; block != nullptr; block = block->next_in_line) {
            if (block->pa != pa || block->context != context || block->generation == Block::kStale) continue;
            if (block->generation == generation_) return block;
            if (unchanged(*block, host_page)) {
                // Its links may lead to blocks that did change; those fail their own generation check.
                block->generation = generation_;
                return block;
            }
            block->generation = Block::kStale;
            counters_.blocks_invalidated++;
        }
    }
    return decode_block(pa, context, host_page);
}

Block* BlockCache::decode_block(GuestPa pa, uint8_t context, const uint8_t* host_page) {
    // Before a byte is read: who changes one from now on is told to tell.
    pages_seen_.add(pa);
    Block* block = allocate();
    block->pa = pa;
    block->links[0] = block->links[1] = nullptr;
    block->generation = generation_;
    block->context = context;

    uint64_t offset = pa.value & kPageMask;
    const auto cut_at = [this](uint64_t place) { return cuts_ != nullptr && cuts_->test(place / 4); };
    block->cut = cut_at(offset);
    // Nothing but a visit that is due makes block_entry() go back to run().
    block->visits_left = block->cut ? 0 : visits_;
    const ExecutionContext execution = unpack_context(context);
    // A debug step must come back after each instruction.
    const unsigned limit = execution.debug || one_at_a_time_ ? 1 : Block::kMaxInstructions;
    block->insns[0] = Insn{.handler = one_at_a_time_ ? block_entry_of_run : block_entry,
                           .page_offset = static_cast<uint16_t>(offset)};
    unsigned count = 0;
    bool ended = false;
    while (!ended && count < limit && offset < kPageSize) {
        count++;
        Insn& insn = block->insns[count];
        bind(insn, read_word(host_page, offset), execution, features_);
        insn.page_offset = static_cast<uint16_t>(offset);
        insn.index = static_cast<uint8_t>(count);
        offset += 4;
        ended = insn.ends_block || (offset < kPageSize && cut_at(offset));
    }
    block->count = static_cast<uint8_t>(count);
    block->insns[count + 1] = Insn{.handler = block_end, .page_offset = static_cast<uint16_t>(offset)};
    slab_offset_ += sizeof(Block) + (count + 2) * sizeof(Insn);
    counters_.blocks_decoded++;
    counters_.instructions_decoded += count;

    CodePage& page = pages_[pa.value >> kPageBits];
    const unsigned first = block->page_offset() >> kLineBits, last = (offset - 1) >> kLineBits;
    for (unsigned line = first; line <= last; line++) page.lines |= uint64_t{1} << line;
    block->next_in_line = page.starting[first];
    page.starting[first] = block;
    return block;
}

void BlockCache::invalidate_line(GuestPa address) {
    const auto page = pages_.find(address.value >> kPageBits);
    if (page == pages_.end()) return;
    const unsigned line = (address.value & kPageMask) >> kLineBits;
    if ((page->second.lines >> line & 1) == 0) return;
    // A block that reaches into this line starts here or at most kMaxInstructions before.
    constexpr unsigned kReach = (Block::kMaxInstructions * 4 + (1u << kLineBits) - 1) >> kLineBits;
    const uint64_t line_start = uint64_t{line} << kLineBits;
    for (unsigned start = line > kReach ? line - kReach : 0; start <= line; start++) {
        Block** slot = &page->second.starting[start];
        while (Block* block = *slot) {
            if (block->page_offset() + block->size_bytes() > line_start) {
                block->generation = Block::kStale;
                counters_.blocks_invalidated++;
                *slot = block->next_in_line;
            } else {
                slot = &block->next_in_line;
            }
        }
    }
    page->second.lines &= ~(uint64_t{1} << line);
}

void BlockCache::invalidate_all() { generation_++; }

} // namespace beeline::arm64
