// Shifts of vector elements that several families of instructions are made of.
#pragma once

#include "translate/vector_emitter.h"

#include <bit>

namespace beeline::translate {

/// log2 of the element's bytes: the highest set bit of immh. The shift is in aux[0].
inline unsigned shifted_size(const arm64::Insn& insn) {
    return static_cast<unsigned>(std::bit_width(insn.word >> 19 & 15u)) - 1;
}

/// x <<= by in each element, 0 to its bits - 1; changes xmm2, rax.
void shift_left_by(VectorEmitter& w, const Xmm& x, unsigned size, unsigned by);
/// x >>= by in each element, 1 to its bits; changes xmm2, rax.
void shift_right_by(VectorEmitter& w, const Xmm& x, unsigned size, unsigned by, bool is_signed);
/// Rounds to nearest, halves up: adds the last bit that is shifted out. Changes xmm1, xmm2, rax.
void rounding_shift_right_by(VectorEmitter& w, const Xmm& x, unsigned size, unsigned by, bool is_signed);
/// The lower half of x becomes the lower half of rd, the rest zero, or the upper half ("2"), the rest as it was.
void finish_narrow(VectorEmitter& w, const arm64::Insn& insn, const Xmm& x);

} // namespace beeline::translate
