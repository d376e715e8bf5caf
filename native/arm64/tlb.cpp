#include "arm64/tlb.h"

#include <algorithm>
#include <bit>

namespace beeline::arm64 {

namespace {

constexpr TlbEntry kEmpty{TlbEntry::kNoPage, TlbEntry::kNoPage, 0, 0};

void empty(Tlb& tlb, unsigned entries) {
    tlb.offset_mask = uint64_t{entries - 1} << Tlb::kEntryBits;
    std::fill_n(tlb.table.begin(), entries, kEmpty);
    tlb.fills = 0;
}

/// Each entry's page stays, in one of the two that it becomes; both belong to what sites may hold of it.
void grow(Tlb& tlb) {
    const unsigned entries = tlb.size();
    tlb.offset_mask = uint64_t{entries * 2 - 1} << Tlb::kEntryBits;
    tlb.fills = 0;
    for (unsigned n = 0; n < entries; n++) {
        const TlbEntry kept = tlb.table[n];
        tlb.table[n] = tlb.table[n + entries] = kEmpty;
        tlb.table[n].site_groups = tlb.table[n + entries].site_groups = kept.site_groups;
        const uint64_t page = kept.read_page != TlbEntry::kNoPage ? kept.read_page : kept.write_page;
        if (page != TlbEntry::kNoPage) tlb.entry(page) = kept;
    }
}

template <typename Visit> void for_each_site(Tlb& tlb, uint64_t groups, const Visit& visit) {
    for (; groups != 0; groups &= groups - 1) {
        const auto first = static_cast<unsigned>(std::countr_zero(groups)) * Tlb::kSiteGroup;
        for (unsigned n = first; n < first + Tlb::kSiteGroup; n++) {
            visit(tlb.read_sites[n]);
            visit(tlb.write_sites[n]);
        }
    }
}

} // namespace

Tlb::Tlb() {
    read_sites.fill({SiteEntry::kNoPage, 0});
    write_sites.fill({SiteEntry::kNoPage, 0});
    empty(*this, kFewestEntries);
}

void Tlb::clear() {
    uint64_t groups = 0;
    for (unsigned n = 0; n < size(); n++) groups |= table[n].site_groups;
    for_each_site(*this, groups, [](SiteEntry& site) { site.negative_page = SiteEntry::kNoPage; });
    // One that was hardly used since it was last empty is cheaper to empty when it is smaller.
    const unsigned entries = size();
    empty(*this, entries > kFewestEntries && fills < entries / 16 ? entries / 2 : entries);
}

void Tlb::drop(uint64_t va) {
    TlbEntry& dropped = entry(va);
    const uint64_t groups = dropped.site_groups;
    dropped = kEmpty;
    if (groups == 0) return;
    // Every page that belongs to the entry goes: what its sites may hold need not be remembered then.
    for_each_site(*this, groups, [this, place = offset(va)](SiteEntry& site) {
        if (offset(0 - site.negative_page) == place) site.negative_page = SiteEntry::kNoPage;
    });
}

void Tlb::enter(uint64_t va, uint64_t read_page, uint64_t write_page, uint64_t addend) {
    // Twice round the table without a flush: the working set is larger.
    if (++fills > 2 * size() && size() < kMostEntries) grow(*this);
    TlbEntry& entered = entry(va);
    entered = {read_page, write_page, addend, entered.site_groups};
}

} // namespace beeline::arm64
