// First-level data TLB: direct-mapped on the virtual page, probed inline by every load and store.
#pragma once

#include "arm64/types.h"

#include <array>

namespace beeline::arm64 {

struct TlbEntry {
    /// Virtual page (tag byte included) that may be read or written here; kNoPage when not.
    uint64_t read_page;
    uint64_t write_page;
    /// Host address minus guest virtual address.
    uint64_t addend;
    uint64_t unused;
    static constexpr uint64_t kNoPage = ~uint64_t{0};
};

struct Tlb {
    static constexpr unsigned kEntries = 1024;
    std::array<TlbEntry, kEntries> entries;

    Tlb() { clear(); }
    void clear() { entries.fill(TlbEntry{TlbEntry::kNoPage, TlbEntry::kNoPage, 0, 0}); }
    static unsigned index(uint64_t va) { return (va >> kPageBits) % kEntries; }
    TlbEntry& entry(uint64_t va) { return entries[index(va)]; }
};

} // namespace beeline::arm64
