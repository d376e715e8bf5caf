// What emitters of half precision share. Elements are computed in single precision, four or, of full vectors, eight.
#pragma once

#include "translate/float_checks.h"

namespace beeline::translate::half {

inline constexpr unsigned kSize = 1; ///< log2 of an element's bytes.
inline constexpr uint8_t kAsMxcsrSays = 4;

/// The host converts, and FZ, FZ16 and AHP are clear.
inline bool supported(const VectorEmitter& w) { return !w.flushes && w.e.host.f16c && w.e.host.avx2 && w.e.host.fma; }

/// The host register for the elements of `insn` in single precision: of 256 bits for eight of them.
inline Xmm sized(const arm64::Insn& insn, const Xmm& x) { return is_full(insn) ? Xmm(Xbyak::Ymm(x.getIdx())) : x; }

/// to = halves of `from` in single precision. Of scalars the other elements are zero. Changes xmm2 then.
void widen(VectorEmitter& w, const arm64::Insn& insn, const Xmm& to, const Xmm& from);
/// xmm0 = x, of single precision, rounded. The upper halves of ymm registers are zero.
void narrow(VectorEmitter& w, const arm64::Insn& insn, const Xmm& x);
/// `to` = the elements of `from` that `insn` works on, and copies of them where it works on less than all.
void spread(VectorEmitter& w, const arm64::Insn& insn, const Xmm& to, const Xmm& from);
/// xmm0 += a half with its sign, in single precision; exact. Changes xmm1, xmm2, rax.
void add_half(VectorEmitter& w, const arm64::Insn& insn);
/// Fix-up for NaNs in x; changes xmm1.
void check_numbers(VectorEmitter& w, const Xmm& x);
/// Fix-up for NaNs, and for the smallest normal number, which may be underflow, in xmm0. Changes xmm1, xmm2.
void check_results(VectorEmitter& w);
/// rd = xmm0.
void finish(VectorEmitter& w, const arm64::Insn& insn);

} // namespace beeline::translate::half
