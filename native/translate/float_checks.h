// What emitters of floating-point instructions share: checks of results, and operations by host precision.
//
// The host's results and exceptions are the guest's, FZ clear, but for these:
//   NaN      Which operand's NaN the result is, the default NaN's sign, and inf * 0 + NaN differ. No operand that is a
//            NaN, and no invalid operation, goes without a NaN as the result.
//   tiny     The guest tells underflow before rounding, the host after it: an inexact result that is the smallest
//            normal number may be underflow to the guest alone. Sums, quotients and roots are never like that: below
//            that number sums are exact, and quotients are too far from it to be rounded up to it.
//   denormal Operands raise nothing that FPSR has.
// Both go to the fix-up: the interpreter's handler raises what the host has raised, or more.
#pragma once

#include "translate/vector_emitter.h"

#include <cstdint>
#include <span>

namespace beeline::translate {

using FloatOperation = void (Xbyak::CodeGenerator::*)(const Xmm&, const Operand&);
using FloatOperation3 = void (Xbyak::CodeGenerator::*)(const Xmm&, const Operand&, const Operand&);

/// Of the instruction's elements.
enum class Precision : uint8_t { Single, Double };

/// By bit 22, field y or z of most rows.
inline Precision precision_of(const arm64::Insn& insn) {
    return (insn.word >> 22 & 1) != 0 ? Precision::Double : Precision::Single;
}
constexpr unsigned size_log2_of(Precision precision) { return precision == Precision::Double ? 3 : 2; }

/// d = n op m for both precisions, by SSE and AVX; d may be n or m. Scalars: the rest of d is n's. May change xmm2.
struct FloatBinary {
    FloatOperation sse[2];
    FloatOperation3 avx[2];

    void emit(VectorEmitter& w, Precision precision, const Xmm& d, const Xmm& n, const Xmm& m) const {
        const auto p = static_cast<unsigned>(precision);
        if (w.avx) {
            (w.a.*avx[p])(d, n, m);
        } else if (d.getIdx() == m.getIdx() && d.getIdx() != n.getIdx()) {
            w.a.movaps(Xmm(2), m);
            w.a.movaps(d, n);
            (w.a.*sse[p])(d, Xmm(2));
        } else {
            w.copy(d, n);
            (w.a.*sse[p])(d, m);
        }
    }
};

// ---- of one element; these change xmm1, xmm2, rax, rcx, and EFLAGS where they are free ------------------------------

/// Fix-up if x or y is a NaN; a signalling one raises invalid operation.
void check_ordered(VectorEmitter& w, Precision precision, const Xmm& x, const Xmm& y);
/// `to` = n rounded to an integer, ties away from zero, raising nothing; fix-up for NaNs, infinities and numbers with
/// no fraction bits. EFLAGS must be free.
void emit_round_away(VectorEmitter& w, Precision precision, const Xmm& to, const Xmm& n);
/// Fix-up if x is a NaN or the smallest normal number of either sign.
void check_product(VectorEmitter& w, Precision precision, const Xmm& x);
/// The same of each guest register in `products`, one or more. Changes xmm0, too.
void check_products(VectorEmitter& w, Precision precision, std::span<const uint8_t> products);

// ---- of each element ------------------------------------------------------------------------------------------------

/// `scratch` is the only vector register that this one changes.
void check_all_ordered(VectorEmitter& w, Precision precision, const Xmm& x, const Xmm& y, const Xmm& scratch = Xmm(1));
void check_all_products(VectorEmitter& w, Precision precision, const Xmm& x);
/// The counterpart of emit_round_away(); changes xmm1, xmm2, of which `to` and n are neither.
void emit_round_all_away(VectorEmitter& w, Precision precision, const Xmm& to, const Xmm& n);
/// Fix-up if any sign bit of x's elements is set, each of which is all ones or has a zero there.
void check_mask(VectorEmitter& w, const Xmm& x);
/// Fix-up if any of x's bytes has its sign bit set.
void check_bytes(VectorEmitter& w, const Xmm& x);
/// Fix-up if any of x's elements has.
void check_signs(VectorEmitter& w, Precision precision, const Xmm& x);

/// The elements of rn; those of a 64-bit vector twice, in xmm0, since nothing else may raise anything.
Xmm elements(VectorEmitter& w, const arm64::Insn& insn);

} // namespace beeline::translate
