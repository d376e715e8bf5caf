// First-level data TLB: direct-mapped on the virtual page, probed inline by every load and store; in front of it, for
// translated code, caches of one page for each access site.
#pragma once

#include "arm64/types.h"

#include <array>
#include <bit>
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

struct Tlb {
    static constexpr unsigned kEntries = 1024;
    std::array<TlbEntry, kEntries> entries;
    static constexpr unsigned kSites = 1024;
    static constexpr unsigned kSiteGroup = kSites / 64; ///< Sites, of either kind, that share a bit of site_groups.
    std::array<SiteEntry, kSites> read_sites;
    std::array<SiteEntry, kSites> write_sites;

    Tlb() {
        entries.fill(kEmpty);
        read_sites.fill({SiteEntry::kNoPage, 0});
        write_sites.fill({SiteEntry::kNoPage, 0});
    }
    void clear() {
        uint64_t groups = 0;
        for (TlbEntry& entry : entries) {
            groups |= entry.site_groups;
            entry = kEmpty;
        }
        for_each_site(groups, [](SiteEntry& site) { site.negative_page = SiteEntry::kNoPage; });
    }
    /// Forgets the 4 KiB page of `va`, whatever its tag byte.
    void drop(uint64_t va) {
        TlbEntry& dropped = entry(va);
        const uint64_t groups = dropped.site_groups;
        dropped = kEmpty;
        if (groups == 0) return;
        // Every page that belongs to the entry goes: what its sites may hold need not be remembered then.
        const unsigned number = index(va);
        for_each_site(groups, [number](SiteEntry& site) {
            if (index(0 - site.negative_page) == number) site.negative_page = SiteEntry::kNoPage;
        });
    }
    void enter(uint64_t va, uint64_t read_page, uint64_t write_page, uint64_t addend) {
        TlbEntry& entered = entry(va);
        entered = {read_page, write_page, addend, entered.site_groups};
    }
    static unsigned index(uint64_t va) { return (va >> kPageBits) % kEntries; }
    TlbEntry& entry(uint64_t va) { return entries[index(va)]; }

private:
    static constexpr TlbEntry kEmpty{TlbEntry::kNoPage, TlbEntry::kNoPage, 0, 0};

    template <typename Visit> void for_each_site(uint64_t groups, const Visit& visit) {
        for (; groups != 0; groups &= groups - 1) {
            const auto first = static_cast<unsigned>(std::countr_zero(groups)) * kSiteGroup;
            for (unsigned n = first; n < first + kSiteGroup; n++) {
                visit(read_sites[n]);
                visit(write_sites[n]);
            }
        }
    }
};

} // namespace beeline::arm64
