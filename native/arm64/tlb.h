// First-level data TLB: direct-mapped on the virtual page, probed inline by every load and store; in front of it, for
// translated code, caches of one page for each access site.
#pragma once

#include "arm64/types.h"

#include <array>
#include <cstddef>

namespace beeline::arm64 {

struct TlbEntry {
    /// Virtual page (tag byte included) that may be read or written here; kNoPage when not.
    uint64_t read_page;
    uint64_t write_page;
    /// Host address minus guest virtual address.
    uint64_t addend;
    /// Bit n: sites of group n (Tlb::kSiteGroup) may hold pages that belong here, this one or an earlier one.
    uint64_t site_groups;
    static constexpr uint64_t kNoPage = ~uint64_t{0};
};

/// What one access site (an instruction, by its address) found last. An address hits when address + negative_page is
/// less than the page size.
struct SiteEntry {
    uint64_t negative_page; ///< Two's complement of the virtual page, tag byte included.
    uint64_t addend;        ///< As in TlbEntry. Survives invalidation: see kNoPage.
    /// No page that a guest can map (bit 55 set, bits 54..48 clear): a hit is an access that must fault. Whatever the
    /// addend still is, the host address is then not canonical, and the host's fault leads to the slow path.
    static constexpr uint64_t kNoPage = uint64_t{0} - (uint64_t{1} << 55);
};

/// Grows with the working set. Translated code finds the table, `offset_mask` and the sites at their distance from gs:
/// so the table has its place for as many entries as there can be, and host memory for those that were ever in use.
struct Tlb {
    static constexpr unsigned kSites = 1024;
    static constexpr unsigned kSiteGroup = kSites / 64; ///< Sites, of either kind, that share a bit of site_groups.
    std::array<SiteEntry, kSites> read_sites;
    std::array<SiteEntry, kSites> write_sites;
    uint64_t offset_mask; ///< Of an entry's offset in bytes in `table`.
    unsigned fills;       ///< Since the last clear() or growth.

    static constexpr unsigned kFewestEntries = 256, kMostEntries = 16384;
    static constexpr unsigned kEntryBits = 5; ///< log2 of an entry's size.
    static_assert(sizeof(TlbEntry) == 1u << kEntryBits);

    Tlb();
    unsigned size() const { return static_cast<unsigned>(offset_mask >> kEntryBits) + 1; }
    void clear();
    /// Forgets the 4 KiB page of `va`, whatever its tag byte.
    void drop(uint64_t va);
    /// Enters a page; the table grows when more are entered than it has room for.
    void enter(uint64_t va, uint64_t read_page, uint64_t write_page, uint64_t addend);

    uint64_t offset(uint64_t va) const { return va >> (kPageBits - kEntryBits) & offset_mask; }
    TlbEntry& entry(uint64_t va) {
        return *reinterpret_cast<TlbEntry*>(reinterpret_cast<std::byte*>(table.data()) + offset(va));
    }

    std::array<TlbEntry, kMostEntries> table; ///< The first size() of them.
};

} // namespace beeline::arm64
