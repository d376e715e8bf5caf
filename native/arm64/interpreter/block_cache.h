// Predecoded blocks of one vCPU, found by physical address and execution context, and by virtual address through a
// direct-mapped jump cache.
#pragma once

#include "arm64/debugger.h"
#include "arm64/interpreter/block.h"
#include "arm64/interpreter/page_filter.h"

#include <array>
#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

namespace beeline::arm64 {

struct Counters;
struct CpuFeatures;

class BlockCache {
public:
    /// `capacity_bytes` bounds the memory of blocks; when it is used up every block is dropped.
    BlockCache(const CpuFeatures& features, Counters& counters, size_t capacity_bytes = size_t{64} << 20);

    struct JumpEntry {
        uint64_t pc;
        uint64_t tag; ///< Vcpu::lookup_tag at the time of the lookup.
        Block* block;
    };
    JumpEntry& jump_entry(uint64_t pc) { return jump_cache_[pc / 4 % jump_cache_.size()]; }

    /// The block at `pa` for `context`, decoded from `host_page` (the 4 KiB page that `pa` is in) where there is none.
    /// May drop every other block: pointers to blocks that were held before are invalid when epoch() has changed.
    Block* find_or_decode(GuestPa pa, uint8_t context, const uint8_t* host_page);

    /// Block::visits_left of blocks decoded from now on.
    void set_visits_before_offer(uint32_t visits) { visits_ = visits; }
    /// Where blocks decoded from now on end, and others begin; nullptr: nowhere.
    void set_cuts(const PageOffsets* cuts) { cuts_ = cuts; }
    /// From now on blocks have one instruction, and are entered by run() alone.
    void decode_one_at_a_time() { one_at_a_time_ = true; }

    /// Any thread may ask whether blocks of a page have been decoded.
    const PageFilter& pages_seen() const { return pages_seen_; }

    /// Counts how often all memory was recycled.
    uint64_t epoch() const { return epoch_; }
    /// Blocks of another generation must be looked up again before they run.
    uint64_t generation() const { return generation_; }

    /// IC IVAU: no block that overlaps the 64-byte line runs again.
    void invalidate_line(GuestPa address);
    /// IC IALLU. Blocks whose bytes are unchanged are taken up again at their next lookup.
    void invalidate_all();
    /// Memory changed behind the guest's back (a loader, a reset): drops everything.
    void clear();

private:
    static constexpr unsigned kLineBits = 6;
    static constexpr unsigned kLinesPerPage = 1u << (kPageBits - kLineBits);
    struct CodePage {
        uint64_t lines = 0; ///< Bit n: some block overlaps line n.
        std::array<Block*, kLinesPerPage> starting{};
    };

    Block* decode_block(GuestPa pa, uint8_t context, const uint8_t* host_page);
    Block* allocate();
    bool unchanged(const Block& block, const uint8_t* host_page) const;

    const CpuFeatures& features_;
    Counters& counters_;
    size_t capacity_;
    std::vector<std::unique_ptr<std::byte[]>> slabs_;
    size_t slabs_used_ = 0; ///< Slabs that hold blocks; the last of them is being filled.
    size_t slab_offset_ = 0;
    uint64_t epoch_ = 1;
    uint64_t generation_ = 1;
    uint32_t visits_ = Block::kNeverOffered;
    bool one_at_a_time_ = false;
    const PageOffsets* cuts_ = nullptr;
    std::unordered_map<uint64_t, CodePage> pages_;
    PageFilter pages_seen_;
    std::array<JumpEntry, 4096> jump_cache_{};
};

} // namespace beeline::arm64
