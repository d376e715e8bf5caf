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

bool describe_vector_transfer(uint32_t word, VectorTransfer& t) {
    const auto bits = [word](unsigned high, unsigned low) { return word >> low & ((1u << (high - low + 1)) - 1); };
    t = {};
    if ((word & 0x3E000000) == 0x3C000000) { // One register: opc<1> makes a quadword of a byte.
        t.size_log2 = bits(23, 23) != 0 ? 4 : bits(31, 30);
        t.load = bits(22, 22) != 0;
        if (bits(24, 24) != 0) return true; // Unsigned offset
        if (bits(21, 21) != 0) {
            t.register_offset = true;
            return bits(11, 10) == 2;
        }
        switch (bits(11, 10)) {
        case 1: t.index = Index::Post; break;
        case 3: t.index = Index::Pre; break;
        case 2: return false;
        default: break;
        }
        return true;
    }
    if ((word & 0x3E000000) == 0x2C000000) { // Pairs
        t.pair = true;
        t.registers = 2;
        t.size_log2 = 2 + bits(31, 30);
        t.load = bits(22, 22) != 0;
        switch (bits(24, 23)) {
        case 1: t.index = Index::Post; break;
        case 3: t.index = Index::Pre; break;
        default: break;
        }
        return true;
    }
    if ((word & 0x3F000000) == 0x1C000000) { // Literals
        t.literal = true;
        t.load = true;
        t.size_log2 = 2 + bits(31, 30);
        return true;
    }
    const auto set_index = [&] {
        if (bits(23, 23) == 0) return;
        t.index = Index::Post;
        t.register_post = bits(20, 16) != 31;
    };
    if ((word & 0xBF200000) == 0x0C000000) { // Multiple structures
        switch (bits(15, 12)) {
        case 7: t.registers = 1; break;
        case 10: t.registers = 2; break;
        case 6: t.registers = 3; break;
        case 2: t.registers = 4; break;
        case 8: t.registers = 2; break;
        case 4: t.registers = 3; break;
        case 0: t.registers = 4; break;
        default: return false;
        }
        if (bits(13, 12) == 0) t.shape = VectorTransfer::Shape::Interleaved;
        t.size_log2 = 3 + bits(30, 30);
        t.element_log2 = bits(11, 10);
        t.load = bits(22, 22) != 0;
        set_index();
        return true;
    }
    if ((word & 0xBF000000) == 0x0D000000) { // Single structures
        const unsigned scale = bits(15, 14), element = bits(11, 10);
        t.registers = 1 + (bits(13, 13) << 1 | bits(21, 21));
        t.shape = scale == 3 ? VectorTransfer::Shape::Replicated : VectorTransfer::Shape::Lane;
        t.size_log2 = scale == 3 ? element : scale == 2 ? 2 + (element & 1) : scale;
        t.full = bits(30, 30) != 0;
        t.load = bits(22, 22) != 0;
        set_index();
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
