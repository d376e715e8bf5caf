// How loads and stores are encoded, and where their sites are: shared by the emitters of memory accesses.
#pragma once

#include "arm64/tlb.h"
#include "host/assembler.h"

#include <cstdint>

namespace beeline::translate {

enum class Index : uint8_t { Offset, Post, Pre };

/// A load or store as its encoding describes it (C4.1.88).
struct Transfer {
    unsigned size_log2 = 0;
    bool load = false;
    bool sign_extends = false;
    bool wide = false; ///< Sign extension to 64 bits.
    bool pair = false;
    bool register_offset = false;
    bool unprivileged = false;
    bool literal = false;
    bool ordered = false;
    bool prefetch = false;
    Index index = Index::Offset;
};

/// False: `word`, which decodes, is not a plain load or store of general registers.
bool describe_transfer(uint32_t word, Transfer& transfer);

/// A quadword of the TLB that gs points to. Emit the gs prefix before the instruction.
inline Xbyak::Address in_tlb(int offset) {
    return Xbyak::util::qword[reinterpret_cast<const void*>(static_cast<intptr_t>(offset))];
}

/// Offset of an access's SiteEntry from the TLB. Instructions of one page have sites of their own.
int site_offset(arm64::GuestPa pa, uint64_t page_offset, bool write);

} // namespace beeline::translate
