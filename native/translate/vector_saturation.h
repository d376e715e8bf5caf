// What emitters of saturating instructions on vectors share.
//
// What differs from the exact result is collected in TranslatedState::saturated; FPSR gets it where it is read.
// Elements that an instruction does not work on must not differ: operands of 64 bits and scalars are cleared above
// that.
#pragma once

#include "translate/vector_arithmetic.h"

namespace beeline::translate::saturation {

/// QC is set if any bit of x is; changes x.
void note_saturation(VectorEmitter& w, const Xmm& x);
/// The lowest element of 1 << size bytes alone; may change rax.
void lowest(VectorEmitter& w, const Xmm& to, const Xmm& from, unsigned size);
/// `to` = the elements of `guest` that `insn` works on, 1 << size bytes each, the others zero.
void load_operand(VectorEmitter& w, const arm64::Insn& insn, unsigned guest, unsigned size, const Xmm& to);
/// The result, in which elements that `insn` does not work on are zero.
void finish(VectorEmitter& w, const arm64::Insn& insn, const Xmm& from);
/// The smallest signed number in each element; changes rax.
void least(VectorEmitter& w, const Xmm& to, unsigned size);
/// `to` = all ones where x is negative; `to` is not x.
void negative(VectorEmitter& w, const Xmm& to, const Xmm& x, unsigned size);
/// `to` = the largest number of x's sign; changes xmm2, rax.
void extreme(VectorEmitter& w, const Xmm& to, const Xmm& x, unsigned size);
/// x = `other` where `mask` is all ones; changes xmm2, which `other` may be.
void replace(VectorEmitter& w, const Xmm& x, const Xmm& mask, const Xmm& other);
/// Changes xmm2.
void invert(VectorEmitter& w, const Xmm& x);

} // namespace beeline::translate::saturation
