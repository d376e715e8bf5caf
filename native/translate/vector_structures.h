// Loads and stores of FP/SIMD registers behind their check: whole registers, and structures (LD1 to LD4, LD1R to LD4R,
// ST1 to ST4).
#pragma once

#include "translate/memory_site.h"
#include "translate/vector_emitter.h"

#include <functional>

namespace beeline::translate {

/// The memory operand: so many bits at this distance from the first byte.
using Location = std::function<Address(unsigned bits, unsigned offset)>;

/// The number of the transfer's register `i`.
inline unsigned register_number(const arm64::Insn& insn, const VectorTransfer& t, unsigned i) {
    return t.pair && i == 1 ? insn.ra : (insn.rd + i) % 32;
}

/// The registers of `insn` from memory. Changes rax, xmm0 to xmm2.
void load_structures(VectorEmitter& w, const arm64::Insn& insn, const VectorTransfer& t, const Location& at);
/// Changes the same.
void store_structures(VectorEmitter& w, const arm64::Insn& insn, const VectorTransfer& t, const Location& at);

} // namespace beeline::translate
