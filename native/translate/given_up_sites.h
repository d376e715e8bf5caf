// Access sites that are to look into the TLB at once, by the physical address of their instructions: verdicts on what
// was code there. They are forgotten when the code is.
#pragma once

#include "arm64/types.h"

#include <bitset>
#include <cstdint>
#include <unordered_map>

namespace beeline::translate {

class GivenUpSites {
public:
    void add(arm64::GuestPa instruction) { pages_[page_of(instruction)].set(index_of(instruction)); }
    bool contains(arm64::GuestPa instruction) const {
        const auto page = pages_.find(page_of(instruction));
        return page != pages_.end() && page->second.test(index_of(instruction));
    }
    /// Of the 64-byte line of this address.
    void forget_line(arm64::GuestPa address) {
        const auto page = pages_.find(page_of(address));
        if (page == pages_.end()) return;
        constexpr unsigned kInLine = 16;
        const unsigned first = index_of(address) / kInLine * kInLine;
        for (unsigned i = first; i < first + kInLine; i++) page->second.reset(i);
        if (page->second.none()) pages_.erase(page);
    }
    void clear() { pages_.clear(); }

private:
    using Page = std::bitset<arm64::kPageSize / 4>;
    static uint64_t page_of(arm64::GuestPa address) { return address.value >> arm64::kPageBits; }
    static unsigned index_of(arm64::GuestPa address) {
        return static_cast<unsigned>(address.value & arm64::kPageMask) / 4;
    }
    std::unordered_map<uint64_t, Page> pages_;
};

} // namespace beeline::translate
