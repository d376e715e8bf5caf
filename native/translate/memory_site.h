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

/// A load or store of FP/SIMD registers (C4.1.88).
struct VectorTransfer {
    enum class Shape : uint8_t {
        Plain,       ///< Whole registers, or their low parts.
        Interleaved, ///< LD2 to LD4, ST2 to ST4: whole registers, their elements in turn.
        Lane,        ///< One element of each register; which is in aux[0].
        Replicated,  ///< One element for all of each register.
    };
    Shape shape = Shape::Plain;
    unsigned size_log2 = 0;    ///< Of each register's part, in memory.
    unsigned registers = 1;    ///< A pair's are rd and ra; those of structures follow each other from rd on.
    unsigned element_log2 = 0; ///< Of interleaved elements.
    bool full = true;          ///< Replicated: into 128 bits.
    bool load = false;
    bool pair = false;
    bool register_offset = false;
    bool literal = false;
    bool register_post = false; ///< The base moves by rm.
    Index index = Index::Offset;

    constexpr unsigned bytes() const { return registers << size_log2; }
};

/// False: `word`, which decodes, is not such a load or store.
bool describe_vector_transfer(uint32_t word, VectorTransfer& transfer);

/// A location in the TLB that gs points to. Emit the gs prefix before the instruction.
inline Xbyak::Address in_tlb(int offset, unsigned bits = 64) {
    return Xbyak::AddressFrame(bits)[reinterpret_cast<const void*>(static_cast<intptr_t>(offset))];
}

/// Offset of an access's SiteEntry from the TLB. Instructions of one page have sites of their own.
int site_offset(arm64::GuestPa pa, uint64_t page_offset, bool write);

} // namespace beeline::translate
