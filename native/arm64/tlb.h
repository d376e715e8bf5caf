// First-level data TLB: direct-mapped on the virtual page, probed inline by every load and store; in front of it, for
// translated code, caches of one page for each access site.
#pragma once

#include "arm64/types.h"

#include <array>
#include <bitset>
#include <cstddef>

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

/// What one access site (an instruction, by its address) found last. An address hits when address + negative_page is
/// less than the page size.
struct SiteEntry {
    uint64_t negative_page; ///< Two's complement of the virtual page, tag byte included.
    uint64_t addend;        ///< As in TlbEntry. Survives invalidation: see kNoPage.
    /// No page that a guest can map (bit 55 set, bits 54..48 clear): a hit is an access that must fault. Whatever the
    /// addend still is, the host address is then not canonical, and the host's fault leads to the slow path.
    static constexpr uint64_t kNoPage = uint64_t{0} - (uint64_t{1} << 55);
};

struct Tlb {
    static constexpr unsigned kEntries = 1024;
    std::array<TlbEntry, kEntries> entries;
    static constexpr unsigned kSites = 1024;
    std::array<SiteEntry, kSites> read_sites;
    std::array<SiteEntry, kSites> write_sites;
    /// Pages, hashed, that have been entered since the sites were cleared: no site holds another.
    std::bitset<1024> sited;

    Tlb() {
        read_sites.fill({SiteEntry::kNoPage, 0});
        write_sites.fill({SiteEntry::kNoPage, 0});
        clear();
    }
    void clear() {
        entries.fill(TlbEntry{TlbEntry::kNoPage, TlbEntry::kNoPage, 0, 0});
        clear_sites();
    }
    void clear_sites() {
        if (sited.none()) return;
        for (SiteEntry& site : read_sites) site.negative_page = SiteEntry::kNoPage;
        for (SiteEntry& site : write_sites) site.negative_page = SiteEntry::kNoPage;
        sited.reset();
    }
    /// Forgets the 4 KiB page of `va`, whatever its tag byte.
    void drop(uint64_t va) {
        entry(va) = {TlbEntry::kNoPage, TlbEntry::kNoPage, 0, 0};
        if (!sited.test(sited_slot(va))) return;
        const uint64_t negative = (uint64_t{0} - (va & ~kPageMask)) << 8;
        // The tag byte does not reach below bit 56 when the page is negated.
        for (SiteEntry& site : read_sites)
            if (site.negative_page << 8 == negative) site.negative_page = SiteEntry::kNoPage;
        for (SiteEntry& site : write_sites)
            if (site.negative_page << 8 == negative) site.negative_page = SiteEntry::kNoPage;
        sited.reset(sited_slot(va));
    }
    static unsigned index(uint64_t va) { return (va >> kPageBits) % kEntries; }
    TlbEntry& entry(uint64_t va) { return entries[index(va)]; }
    static unsigned sited_slot(uint64_t va) { return (va >> kPageBits ^ va >> 22) % 1024; }
};

} // namespace beeline::arm64
