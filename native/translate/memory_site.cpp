#include "translate/memory_site.h"

#include <cstddef>

namespace beeline::translate {

bool describe_transfer(uint32_t word, Transfer& t) {
    const auto bits = [word](unsigned high, unsigned low) { return word >> low & ((1u << (high - low + 1)) - 1); };
    const unsigned size = bits(31, 30), opc = bits(23, 22);
    const auto set_opc = [&] {
        t.size_log2 = size;
        t.load = opc != 0;
        t.sign_extends = opc >= 2;
        t.wide = opc == 2;
        t.prefetch = size == 3 && opc == 2;
    };
    if ((word & 0x3F000000) == 0x39000000) { // Unsigned offset
        set_opc();
        return true;
    }
    if ((word & 0x3F000000) == 0x38000000) {
        set_opc();
        if (bits(21, 21) == 0) {
            switch (bits(11, 10)) {
            case 1: t.index = Index::Post; break;
            case 2: t.unprivileged = true; break;
            case 3: t.index = Index::Pre; break;
            default: break;
            }
            return true;
        }
        if (bits(11, 10) == 2) {
            t.register_offset = true;
            return true;
        }
        if ((word & 0x3FFFFC00) == 0x38BFC000) { // LDAPR
            t = {.size_log2 = size, .load = true, .ordered = true};
            return true;
        }
        return false; // LSE atomics
    }
    if ((word & 0x3E000000) == 0x28000000) { // Pairs
        t.pair = true;
        t.load = bits(22, 22) != 0;
        t.size_log2 = size == 2 ? 3 : 2;
        t.sign_extends = size == 1;
        t.wide = true;
        switch (bits(24, 23)) {
        case 1: t.index = Index::Post; break;
        case 3: t.index = Index::Pre; break;
        default: break;
        }
        return true;
    }
    if ((word & 0x3F000000) == 0x18000000) { // Literals
        t.literal = true;
        t.load = true;
        t.size_log2 = size == 1 ? 3 : 2;
        t.sign_extends = size == 2;
        t.wide = true;
        t.prefetch = size == 3;
        return true;
    }
    if ((word & 0x3FA00000) == 0x08800000) { // LDAR, LDLAR, STLR, STLLR
        t.size_log2 = size;
        t.load = bits(22, 22) != 0;
        t.ordered = true;
        return true;
    }
    return false;
}

int site_offset(arm64::GuestPa pa, uint64_t page_offset, bool write) {
    const uint64_t page_number = pa.value >> arm64::kPageBits;
    const auto index = static_cast<int>((page_offset / 4 ^ page_number * 37) % arm64::Tlb::kSites);
    return static_cast<int>(write ? offsetof(arm64::Tlb, write_sites) : offsetof(arm64::Tlb, read_sites)) +
           index * static_cast<int>(sizeof(arm64::SiteEntry));
}

} // namespace beeline::translate
