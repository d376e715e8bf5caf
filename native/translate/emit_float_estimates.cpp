// Estimates of reciprocals and of reciprocal square roots (Arm ARM, shared/functions/float/fprecipestimate and
// fprsqrtestimate): the fraction's upper bits index a table of eight bits, the exponent is computed. Only zeros,
// denormals, infinities, NaNs and what would become denormal go to the fix-up, since nothing else raises anything.
//
// Elements are of 1 << size bytes; all are worked on, hence scalars fill theirs with copies.
#include "arm64/fp/estimate.h"
#include "translate/float_checks.h"
#include "translate/vector_arithmetic.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using namespace integer;

namespace {

/// Eight bits of the result's fraction.
struct Tables {
    std::array<uint8_t, 256> reciprocal; ///< By the upper bits of the operand's fraction.
    /// By seven of them, and above these the exponent's lowest bit: set for operands that an even power of two brings
    /// to [0.25, 0.5), clear for those that one brings to [0.5, 1).
    std::array<uint8_t, 256> reciprocal_root;
};

const Tables& tables() {
    static const Tables kTables = [] {
        Tables tables;
        const auto fraction = [](uint32_t estimate) { return static_cast<uint8_t>(estimate >> 23); };
        for (uint32_t i = 0; i < 256; i++) {
            tables.reciprocal[i] = fraction(arm64::fp::unsigned_recip_estimate((256 + i) << 23));
            tables.reciprocal_root[i] = fraction(arm64::fp::unsigned_rsqrt_estimate((i < 128 ? 256 + 2 * i : i) << 23));
        }
        return tables;
    }();
    return kTables;
}

/// Of a format.
struct Layout {
    unsigned size, fraction_bits;
    int bias;

    constexpr unsigned bits() const { return 8u << size; }
    constexpr uint64_t exponents() const { return uint64_t{2 * static_cast<unsigned>(bias) + 1} << fraction_bits; }
    constexpr uint64_t sign() const { return uint64_t{1} << (bits() - 1); }
};
constexpr Layout kHalf{1, 10, 15}, kSingle{2, 23, 127}, kDouble{3, 52, 1023};

/// x = value, of 16, 32 or 64 bits, in each element; changes rax.
void fill(VectorEmitter& w, const Layout& layout, const Xmm& x, uint64_t value) {
    constexpr uint64_t kEach[]{0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1};
    w.immediate(x, value * kEach[layout.size], true);
}

/// Fix-up if an element's sign is set; changes x.
void check_signs(VectorEmitter& w, const Layout& layout, const Xmm& x) {
    if (layout.size == 1) {
        w.a.psraw(x, 15);
        check_bytes(w, x);
    } else {
        check_signs(w, layout.size == 3 ? Precision::Double : Precision::Single, x);
    }
}

/// xmm1 = rn's elements.
void load(VectorEmitter& w, const Insn& insn, const Layout& layout) {
    const Xmm n = w.use(insn.rn);
    if (is_scalar(insn))
        w.duplicate(xmm1, n, layout.size, 0);
    else if (is_full(insn))
        w.a.movaps(xmm1, n);
    else
        w.a.movddup(xmm1, n);
}

/// Each element of xmm0, an index, becomes what the table has for it; changes rax, rcx.
void look_up(VectorEmitter& w, const Insn& insn, const Layout& layout, const std::array<uint8_t, 256>& table) {
    w.a.mov(rcx, reinterpret_cast<uint64_t>(table.data()));
    const unsigned bytes = is_scalar(insn) ? 1u << layout.size : is_full(insn) ? 16 : 8;
    for (unsigned at = 0; at < bytes; at += 1u << layout.size) {
        w.a.pextrb(eax, xmm0, static_cast<uint8_t>(at));
        w.a.pinsrb(xmm0, byte[rcx + rax], static_cast<uint8_t>(at));
    }
}

/// xmm0 = the byte of each element of `from` from its bit `lowest` on.
void extract_index(VectorEmitter& w, const Layout& layout, const Xmm& from, unsigned lowest) {
    w.a.movaps(xmm0, from);
    w.shift_left(xmm0, layout.size, layout.bits() - 8 - lowest);
    w.shift_right(xmm0, layout.size, layout.bits() - 8);
}

void finish(VectorEmitter& w, const Insn& insn, const Layout& layout) {
    if (is_scalar(insn))
        w.finish_scalar(insn.rd, layout.size, xmm0);
    else
        w.finish(insn.rd, is_full(insn), xmm0);
}

/// FRECPE: the exponent is that of 1 / (2 * n).
void reciprocal(VectorEmitter& w, const Insn& insn, const Layout& layout) {
    const uint64_t limit = uint64_t{2 * static_cast<unsigned>(layout.bias) - 1} << layout.fraction_bits;
    load(w, insn, layout);
    // xmm2 = the number without its sign. Signs tell of denormals, and of exponents whose result were denormal.
    const Xmm small = w.v.temporary();
    fill(w, layout, xmm2, layout.sign() - 1);
    w.a.pand(xmm2, xmm1);
    fill(w, layout, small, uint64_t{1} << layout.fraction_bits);
    w.a.movaps(xmm0, xmm2);
    kSub[layout.size](w, xmm0, xmm0, small);
    fill(w, layout, small, layout.sign() - limit);
    kAdd[layout.size](w, small, small, xmm2);
    w.a.por(small, xmm0);
    check_signs(w, layout, small);

    extract_index(w, layout, xmm1, layout.fraction_bits - 8);
    look_up(w, insn, layout, tables().reciprocal);
    w.shift_left(xmm0, layout.size, layout.fraction_bits - 8);
    // The exponent, subtracted, and the sign.
    fill(w, layout, small, layout.exponents());
    w.a.pand(xmm2, small);
    fill(w, layout, small, limit);
    kSub[layout.size](w, small, small, xmm2);
    w.a.por(xmm0, small);
    fill(w, layout, small, layout.sign());
    w.a.pand(xmm1, small);
    w.a.por(xmm0, xmm1);
    finish(w, insn, layout);
}

/// FRSQRTE: the exponent's last bit is part of the index, since it makes the operand one of [0.25, 0.5) or of [0.5, 1).
void reciprocal_root(VectorEmitter& w, const Insn& insn, const Layout& layout) {
    load(w, insn, layout);
    const Xmm least = w.v.temporary();
    fill(w, layout, least, uint64_t{1} << layout.fraction_bits);
    w.a.movaps(xmm0, xmm1);
    kSub[layout.size](w, xmm0, xmm0, least);
    kAdd[layout.size](w, least, least, xmm1);
    w.a.por(xmm0, least);
    w.a.por(xmm0, xmm1);
    check_signs(w, layout, xmm0);

    extract_index(w, layout, xmm1, layout.fraction_bits - 7);
    look_up(w, insn, layout, tables().reciprocal_root);
    w.shift_left(xmm0, layout.size, layout.fraction_bits - 8);
    fill(w, layout, xmm2, layout.exponents());
    w.a.pand(xmm1, xmm2);
    fill(w, layout, least, uint64_t{3 * static_cast<unsigned>(layout.bias) - 1} << layout.fraction_bits);
    kSub[layout.size](w, least, least, xmm1);
    w.shift_right(least, layout.size, 1);
    w.a.pand(least, xmm2);
    w.a.por(xmm0, least);
    finish(w, insn, layout);
}

/// FRECPX: the exponent inverted, that of zeros and denormals the greatest one.
void exponent_of_reciprocal(VectorEmitter& w, const Insn& insn, const Layout& layout) {
    load(w, insn, layout);
    const Xmm scratch = w.v.temporary();
    // Signs tell of NaNs.
    fill(w, layout, xmm2, layout.sign() - 1);
    w.a.pand(xmm2, xmm1);
    fill(w, layout, scratch, layout.sign() - layout.exponents() - 1);
    kAdd[layout.size](w, xmm2, xmm2, scratch);
    check_signs(w, layout, xmm2);

    fill(w, layout, scratch, layout.exponents());
    w.a.movaps(xmm2, xmm1);
    w.a.pand(xmm2, scratch);
    w.zero(xmm0);
    kEqual[layout.size](w, xmm0, xmm0, xmm2);
    w.shift_left(xmm0, layout.size, layout.fraction_bits);
    w.a.pxor(xmm2, scratch);
    kAdd[layout.size](w, xmm0, xmm0, xmm2);
    fill(w, layout, scratch, layout.sign());
    w.a.pand(xmm1, scratch);
    w.a.por(xmm0, xmm1);
    finish(w, insn, layout);
}

using Estimate = void (*)(VectorEmitter& w, const Insn& insn, const Layout& layout);
template <Estimate estimate> bool of_singles_and_doubles(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    estimate(w, insn, precision_of(insn) == Precision::Double ? kDouble : kSingle);
    return true;
}
template <Estimate estimate> bool of_halves(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    estimate(w, insn, kHalf);
    return true;
}

/// Words that stand for [1, 2): the estimate in xmm0 below their highest bit; all ones where the operand, in xmm1, has
/// its highest bit clear.
void finish_words(VectorEmitter& w, const Insn& insn) {
    w.a.pslld(xmm0, 23);
    w.a.psrad(xmm1, 31);
    w.ones(xmm2);
    w.a.pxor(xmm2, xmm1);
    w.a.pslld(xmm1, 31);
    w.a.por(xmm0, xmm1);
    w.a.por(xmm0, xmm2);
    w.finish(insn.rd, is_full(insn), xmm0);
}

/// URECPE: words that stand for [0.5, 1); all ones for those below.
bool unsigned_reciprocal(VectorEmitter& w, const Insn& insn) {
    load(w, insn, kSingle);
    extract_index(w, kSingle, xmm1, 23);
    look_up(w, insn, kSingle, tables().reciprocal);
    finish_words(w, insn);
    return true;
}

/// URSQRTE: words that stand for [0.25, 1).
bool unsigned_reciprocal_root(VectorEmitter& w, const Insn& insn) {
    load(w, insn, kSingle);
    // Below a half they are doubled; bit 31 is set then, and clear in the index of others.
    w.a.movaps(xmm2, xmm1);
    w.a.psrad(xmm2, 31);
    w.a.movaps(xmm0, xmm2);
    w.a.pandn(xmm0, xmm1);
    w.a.paddd(xmm1, xmm0);
    w.a.pslld(xmm2, 31);
    w.a.pxor(xmm2, xmm1);
    extract_index(w, kSingle, xmm2, 24);
    look_up(w, insn, kSingle, tables().reciprocal_root);
    finish_words(w, insn);
    return true;
}

} // namespace

void add_float_estimates(VectorTable& t) {
    t[Op::FRECPE_vector] = t[Op::FRECPE_scalar] = of_singles_and_doubles<reciprocal>;
    t[Op::FRECPE_vector_half] = t[Op::FRECPE_scalar_half] = of_halves<reciprocal>;
    t[Op::FRSQRTE_vector] = t[Op::FRSQRTE_scalar] = of_singles_and_doubles<reciprocal_root>;
    t[Op::FRSQRTE_vector_half] = t[Op::FRSQRTE_scalar_half] = of_halves<reciprocal_root>;
    t[Op::FRECPX_scalar] = of_singles_and_doubles<exponent_of_reciprocal>;
    t[Op::FRECPX_scalar_half] = of_halves<exponent_of_reciprocal>;
    t[Op::URECPE_vector] = unsigned_reciprocal;
    t[Op::URSQRTE_vector] = unsigned_reciprocal_root;
}

} // namespace beeline::translate
