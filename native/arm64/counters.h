// Event counts of one vCPU. Plain integers, written by the vCPU's thread only; readers accept a slightly old value.
#pragma once

#include <cstdint>

namespace beeline::arm64 {

struct Counters {
    uint64_t instructions = 0;        ///< Guest instructions retired.
    uint64_t blocks_decoded = 0;
    uint64_t instructions_decoded = 0;
    uint64_t blocks_invalidated = 0;
    uint64_t jump_cache_misses = 0;
    uint64_t tlb_misses = 0;          ///< First-level data TLB misses.
    uint64_t table_walks = 0;
    uint64_t slow_accesses = 0;       ///< Accesses that took load_slow/store_slow.
    uint64_t device_accesses = 0;
    uint64_t tlb_flushes = 0;
    uint64_t exceptions = 0;          ///< Synchronous exceptions taken.
    uint64_t interrupts = 0;
    uint64_t waits = 0;               ///< WFI and WFE that left run().
};

} // namespace beeline::arm64
