// Integer operations on vectors that saturate: FPSR.QC is set where they do. Those that shift by registers are in
// emit_vector_shifts_by_register.cpp.
#include "translate/state.h"
#include "translate/vector_saturation.h"
#include "translate/vector_shifts.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using namespace integer;
using namespace saturation;

namespace saturation {

void note_saturation(VectorEmitter& w, const Xmm& x) {
    const Address saturated = w.e.state(&translated_state(w.e.cpu).saturated, 128);
    w.a.por(x, saturated);
    w.a.movaps(saturated, x);
}

void lowest(VectorEmitter& w, const Xmm& to, const Xmm& from, unsigned size) {
    switch (size) {
    case 0:
        w.a.pextrb(eax, from, 0);
        w.a.movd(to, eax);
        break;
    case 1:
        w.a.pextrw(eax, from, 0);
        w.a.movd(to, eax);
        break;
    case 2: w.a.insertps(to, from, 0x0E); break;
    default: w.a.movq(to, from); break;
    }
}

void load_operand(VectorEmitter& w, const Insn& insn, unsigned guest, unsigned size, const Xmm& to) {
    const Xmm from = w.use(guest);
    if (is_scalar(insn))
        lowest(w, to, from, size);
    else if (is_full(insn))
        w.a.movaps(to, from);
    else
        w.a.movq(to, from);
}

void finish(VectorEmitter& w, const Insn& insn, const Xmm& from) {
    w.copy(w.define(insn.rd), from);
    w.v.store(insn.rd);
}

void least(VectorEmitter& w, const Xmm& to, unsigned size) {
    constexpr uint64_t kLeast[] = {0x8080808080808080, 0x8000800080008000, 0x8000000080000000, 0x8000000000000000};
    w.immediate(to, kLeast[size], true);
}

void negative(VectorEmitter& w, const Xmm& to, const Xmm& x, unsigned size) {
    w.zero(to);
    kGreater[size](w, to, to, x);
}

void extreme(VectorEmitter& w, const Xmm& to, const Xmm& x, unsigned size) {
    negative(w, to, x, size);
    least(w, xmm2, size);
    w.a.pxor(to, xmm2);
    w.ones(xmm2);
    w.a.pxor(to, xmm2);
}

void replace(VectorEmitter& w, const Xmm& x, const Xmm& mask, const Xmm& other) {
    w.copy(xmm2, other);
    w.a.pxor(xmm2, x);
    w.a.pand(xmm2, mask);
    w.a.pxor(x, xmm2);
}

void invert(VectorEmitter& w, const Xmm& x) {
    w.ones(xmm2);
    w.a.pxor(x, xmm2);
}

} // namespace saturation

namespace {

constexpr PackedBySize kSignedAdd{packed<&Generator::paddsb, &Generator::vpaddsb>,
                                  packed<&Generator::paddsw, &Generator::vpaddsw>, nullptr, nullptr};
constexpr PackedBySize kSignedSub{packed<&Generator::psubsb, &Generator::vpsubsb>,
                                  packed<&Generator::psubsw, &Generator::vpsubsw>, nullptr, nullptr};
constexpr PackedBySize kUnsignedAdd{packed<&Generator::paddusb, &Generator::vpaddusb>,
                                    packed<&Generator::paddusw, &Generator::vpaddusw>, nullptr, nullptr};
constexpr PackedBySize kUnsignedSub{packed<&Generator::psubusb, &Generator::vpsubusb>,
                                    packed<&Generator::psubusw, &Generator::vpsubusw>, nullptr, nullptr};

// ---- addition and subtraction ---------------------------------------------------------------------------------------

/// xmm0 = x + y or x - y, saturated, of words and doublewords; changes xmm1, xmm2, rax.
void signed_sum(VectorEmitter& w, const Xmm& x, const Xmm& y, unsigned size, bool subtract) {
    const Xmm overflow = w.v.temporary();
    (subtract ? kSub : kAdd)[size](w, xmm0, x, y);
    // Overflow: the result's sign is not x's, while y's is x's, or, for differences, is not.
    w.a.movaps(xmm1, x);
    w.a.pxor(xmm1, xmm0);
    w.a.movaps(xmm2, x);
    w.a.pxor(xmm2, y);
    if (subtract)
        w.a.pand(xmm2, xmm1);
    else
        w.a.pandn(xmm2, xmm1);
    negative(w, overflow, xmm2, size);
    extreme(w, xmm1, x, size);
    replace(w, xmm0, overflow, xmm1);
    note_saturation(w, overflow);
}

/// The same, unsigned.
void unsigned_sum(VectorEmitter& w, const Xmm& x, const Xmm& y, unsigned size, bool subtract) {
    (subtract ? kSub : kAdd)[size](w, xmm0, x, y);
    // Carry: the sum is less than x. Borrow: x is less than y.
    least(w, xmm1, size);
    w.a.movaps(xmm2, xmm1);
    w.a.pxor(xmm1, subtract ? y : x);
    w.a.pxor(xmm2, subtract ? x : xmm0);
    kGreater[size](w, xmm1, xmm1, xmm2);
    if (subtract) {
        w.a.movaps(xmm2, xmm1);
        w.a.pandn(xmm2, xmm0);
        w.a.movaps(xmm0, xmm2);
    } else {
        w.a.por(xmm0, xmm1);
    }
    note_saturation(w, xmm1);
}

/// The same of elements of any size.
void saturating_sum(VectorEmitter& w, const Xmm& x, const Xmm& y, unsigned size, bool is_signed, bool subtract) {
    if (size < 2) {
        const PackedBySize& saturating = is_signed  ? subtract ? kSignedSub : kSignedAdd
                                         : subtract ? kUnsignedSub
                                                    : kUnsignedAdd;
        saturating[size](w, xmm0, x, y);
        (subtract ? kSub : kAdd)[size](w, xmm1, x, y);
        w.a.pxor(xmm1, xmm0);
        note_saturation(w, xmm1);
    } else {
        is_signed ? signed_sum(w, x, y, size, subtract) : unsigned_sum(w, x, y, size, subtract);
    }
}

template <bool is_signed, bool subtract> bool sum(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.v.temporary(), m = w.v.temporary();
    load_operand(w, insn, insn.rn, size, n);
    load_operand(w, insn, insn.rm, size, m);
    saturating_sum(w, n, m, size, is_signed, subtract);
    finish(w, insn, xmm0);
    return true;
}

/// SUQADD: with the signed number's sign inverted, both are unsigned and so is saturation.
bool add_unsigned_to_signed(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.v.temporary(), d = w.v.temporary(), signs = w.v.temporary();
    load_operand(w, insn, insn.rn, size, n);
    load_operand(w, insn, insn.rd, size, d);
    least(w, signs, size);
    w.a.pxor(d, signs);
    saturating_sum(w, d, n, size, false, false);
    w.a.pxor(xmm0, signs);
    // Elements that do not take part have got a sign.
    if (is_scalar(insn))
        w.finish_scalar(insn.rd, size, xmm0);
    else
        w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// USQADD: positive numbers are added, the magnitudes of negative ones subtracted.
bool add_signed_to_unsigned(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.v.temporary(), d = w.v.temporary(), mask = w.v.temporary(), part = w.v.temporary();
    load_operand(w, insn, insn.rn, size, n);
    load_operand(w, insn, insn.rd, size, d);
    negative(w, mask, n, size);
    w.a.movaps(part, mask);
    w.a.pandn(part, n);
    saturating_sum(w, d, part, size, false, false);
    w.a.movaps(d, xmm0);
    w.zero(part);
    kSub[size](w, part, part, n);
    w.a.pand(part, mask);
    saturating_sum(w, d, part, size, false, true);
    finish(w, insn, xmm0);
    return true;
}

/// SQABS, SQNEG: the smallest number alone has no counterpart.
template <bool absolute> bool negate(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.v.temporary();
    load_operand(w, insn, insn.rn, size, n);
    if (absolute) {
        negative(w, xmm1, n, size);
        w.a.movaps(xmm0, n);
        w.a.pxor(xmm0, xmm1);
        kSub[size](w, xmm0, xmm0, xmm1);
    } else {
        w.zero(xmm0);
        kSub[size](w, xmm0, xmm0, n);
    }
    least(w, xmm1, size);
    kEqual[size](w, xmm1, xmm1, n);
    w.a.pxor(xmm0, xmm1);
    note_saturation(w, xmm1);
    finish(w, insn, xmm0);
    return true;
}

// ---- narrowing ------------------------------------------------------------------------------------------------------

enum class Narrowing { Signed, SignedToUnsigned, Unsigned };

/// Of doublewords to words, in the lower word of each.
void saturate_doublewords(VectorEmitter& w, Narrowing narrowing) {
    if (narrowing == Narrowing::Signed) {
        const Xmm limit = w.v.temporary();
        // What its lower word extended does not give is out of range.
        w.a.pshufd(xmm1, xmm0, 0x88);
        w.a.pmovsxdq(xmm1, xmm1);
        w.a.pcmpeqq(xmm1, xmm0);
        invert(w, xmm1);
        negative(w, limit, xmm0, 3);
        w.immediate(xmm2, 0x7FFFFFFF, true);
        w.a.pxor(limit, xmm2);
        replace(w, xmm0, xmm1, limit);
        note_saturation(w, xmm1);
        return;
    }
    // Anything in the upper word is out of range.
    w.a.movaps(xmm1, xmm0);
    w.a.psrlq(xmm1, 32);
    w.zero(xmm2);
    w.a.pcmpeqq(xmm2, xmm1);
    note_saturation(w, xmm1);
    w.ones(xmm1);
    w.a.pxor(xmm1, xmm2);
    if (narrowing == Narrowing::SignedToUnsigned) negative(w, xmm2, xmm0, 3);
    w.a.por(xmm0, xmm1);
    if (narrowing == Narrowing::SignedToUnsigned) {
        w.a.pandn(xmm2, xmm0);
        w.a.movaps(xmm0, xmm2);
    }
}

/// Elements of xmm0, of 2 << size bytes, saturated into its lower half; the upper half is not defined. Changes xmm1,
/// xmm2, rax.
void saturate_and_narrow(VectorEmitter& w, Narrowing narrowing, unsigned size) {
    if (size == 2) {
        saturate_doublewords(w, narrowing);
        w.a.pshufd(xmm0, xmm0, 0x88);
        return;
    }
    w.a.movaps(xmm1, xmm0);
    switch (narrowing) {
    case Narrowing::Signed:
        size == 0 ? w.a.packsswb(xmm0, xmm0) : w.a.packssdw(xmm0, xmm0);
        w.extend(xmm2, xmm0, size, true, false);
        w.a.pxor(xmm1, xmm2);
        break;
    case Narrowing::SignedToUnsigned:
        size == 0 ? w.a.packuswb(xmm0, xmm0) : w.a.packusdw(xmm0, xmm0);
        w.extend(xmm2, xmm0, size, false, false);
        w.a.pxor(xmm1, xmm2);
        break;
    case Narrowing::Unsigned:
        if (size == 0) {
            w.a.pminuw(xmm0, w.constant(VectorConstant::EvenBytes));
            w.a.pxor(xmm1, xmm0);
            w.a.packuswb(xmm0, xmm0);
        } else {
            w.a.pminud(xmm0, w.constant(VectorConstant::EvenHalfwords));
            w.a.pxor(xmm1, xmm0);
            w.a.packusdw(xmm0, xmm0);
        }
        break;
    }
    note_saturation(w, xmm1);
}

/// xmm0 = the source of a narrowing instruction: all of the register, or one element.
void load_wide(VectorEmitter& w, const Insn& insn, unsigned size) {
    const Xmm n = w.use(insn.rn);
    is_scalar(insn) ? lowest(w, xmm0, n, size + 1) : w.a.movaps(xmm0, n);
}

void finish_narrowed(VectorEmitter& w, const Insn& insn, unsigned size) {
    if (is_scalar(insn))
        w.finish_scalar(insn.rd, size, xmm0);
    else
        finish_narrow(w, insn, xmm0);
}

template <Narrowing narrowing> bool extract_narrow(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    load_wide(w, insn, size);
    saturate_and_narrow(w, narrowing, size);
    finish_narrowed(w, insn, size);
    return true;
}

template <Narrowing narrowing, bool rounding> bool shift_right_narrow(VectorEmitter& w, const Insn& insn) {
    const unsigned size = shifted_size(insn);
    constexpr bool is_signed = narrowing != Narrowing::Unsigned;
    load_wide(w, insn, size);
    rounding ? rounding_shift_right_by(w, xmm0, size + 1, insn.aux[0], is_signed)
             : shift_right_by(w, xmm0, size + 1, insn.aux[0], is_signed);
    saturate_and_narrow(w, narrowing, size);
    finish_narrowed(w, insn, size);
    return true;
}

/// By an immediate.
template <Narrowing kind> bool shift_left(VectorEmitter& w, const Insn& insn) {
    const unsigned size = shifted_size(insn), by = insn.aux[0];
    const Xmm n = w.v.temporary();
    load_operand(w, insn, insn.rn, size, n);
    w.a.movaps(xmm0, n);
    shift_left_by(w, xmm0, size, by);
    // What does not come back by shifting to the right is out of range.
    w.a.movaps(xmm1, xmm0);
    if (by != 0) shift_right_by(w, xmm1, size, by, kind == Narrowing::Signed);
    kEqual[size](w, xmm1, xmm1, n);
    invert(w, xmm1);
    if (kind == Narrowing::Signed) {
        const Xmm limit = w.v.temporary();
        extreme(w, limit, n, size);
        replace(w, xmm0, xmm1, limit);
    } else {
        w.a.por(xmm0, xmm1);
    }
    if (kind == Narrowing::SignedToUnsigned) {
        negative(w, xmm2, n, size);
        w.a.por(xmm1, xmm2);
        w.a.pandn(xmm2, xmm0);
        w.a.movaps(xmm0, xmm2);
    }
    note_saturation(w, xmm1);
    finish(w, insn, xmm0);
    return true;
}

// ---- doubling products ----------------------------------------------------------------------------------------------

/// The multiplicand, with zeros where the instruction has no elements, and the multiplier.
struct Factors {
    Xmm n, m;
};
using Source = Factors (*)(VectorEmitter& w, const Insn& insn);

Factors registers(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.v.temporary();
    load_operand(w, insn, insn.rn, element_size(insn), n);
    return {n, w.use(insn.rm)};
}
Factors by_element(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.v.temporary(), m = w.v.temporary();
    load_operand(w, insn, insn.rn, element_size(insn), n);
    w.duplicate(m, w.use(insn.rm), element_size(insn), insn.aux[0]);
    return {n, m};
}

/// Only the square of the smallest number is out of range; it gives the smallest number again. Changes xmm1, rax.
void saturate_square(VectorEmitter& w, const Xmm& x, unsigned size) {
    least(w, xmm1, size);
    kEqual[size](w, xmm1, xmm1, x);
    w.a.pxor(x, xmm1);
    note_saturation(w, xmm1);
}

/// xmm0 = products of the even words, xmm1 of the odd ones; changes xmm2.
void multiply_words(VectorEmitter& w, const Xmm& n, const Xmm& m) {
    w.a.movaps(xmm0, n);
    w.a.pmuldq(xmm0, m);
    w.a.pshufd(xmm1, n, 0xF5);
    w.a.pshufd(xmm2, m, 0xF5);
    w.a.pmuldq(xmm1, xmm2);
}

/// SQDMULH, SQRDMULH.
template <bool rounding, Source source> bool multiply_high(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const auto [n, m] = source(w, insn);
    if (size == 1) {
        w.a.movaps(xmm0, n);
        if (rounding) {
            w.a.pmulhrsw(xmm0, m);
        } else {
            w.a.movaps(xmm1, n);
            w.a.pmulhw(xmm0, m);
            w.a.pmullw(xmm1, m);
            w.a.psllw(xmm0, 1);
            w.a.psrlw(xmm1, 15);
            w.a.por(xmm0, xmm1);
        }
    } else {
        multiply_words(w, n, m);
        if (rounding) {
            w.immediate(xmm2, 1u << 30, true);
            w.a.paddq(xmm0, xmm2);
            w.a.paddq(xmm1, xmm2);
        }
        w.a.psrlq(xmm0, 31);
        w.a.psllq(xmm1, 1);
        w.a.pblendw(xmm0, xmm1, 0xCC);
    }
    saturate_square(w, xmm0, size);
    finish(w, insn, xmm0);
    return true;
}

/// SQRDMLAH, SQRDMLSH of halfwords: with 15 fraction bits, sums fit into words.
void round_halfwords(VectorEmitter& w, const Factors& f, const Xmm& sum, bool subtract) {
    const Xmm upper = w.v.temporary(), low = w.v.temporary();
    const auto add_up = [&](const Xmm& product) { // xmm1: rd's halfwords in the upper halves of words.
        w.a.psrad(xmm1, 1);
        subtract ? w.a.psubd(xmm1, product) : w.a.paddd(xmm1, product);
        w.immediate(xmm2, 0x0000400000004000, true);
        w.a.paddd(xmm1, xmm2);
        w.a.psrad(xmm1, 15);
        w.a.movaps(product, xmm1);
    };
    w.a.movaps(low, f.n);
    w.a.pmullw(low, f.m);
    w.a.movaps(xmm0, f.n);
    w.a.pmulhw(xmm0, f.m);
    w.a.movaps(upper, low);
    w.a.punpckhwd(upper, xmm0);
    w.a.punpcklwd(low, xmm0);
    w.zero(xmm1);
    w.a.punpcklwd(xmm1, sum);
    add_up(low);
    w.zero(xmm1);
    w.a.punpckhwd(xmm1, sum);
    add_up(upper);
    w.a.movaps(xmm0, low);
    w.a.packssdw(xmm0, upper);
    w.extend(xmm1, xmm0, 1, true, false);
    w.a.pxor(low, xmm1);
    w.extend(xmm1, xmm0, 1, true, true);
    w.a.pxor(upper, xmm1);
    w.a.por(low, upper);
    note_saturation(w, low);
}

/// The same of words, of which sums with 31 fraction bits fit into doublewords.
void round_words(VectorEmitter& w, const Factors& f, const Xmm& sum, bool subtract) {
    const Xmm even = w.v.temporary(), odd = w.v.temporary();
    multiply_words(w, f.n, f.m);
    w.a.movaps(even, xmm0);
    w.a.movaps(odd, xmm1);
    const auto add_up = [&](const Xmm& product) { // xmm0: rd's words in the lower halves of doublewords.
        w.immediate(xmm2, 1u << 30, true);
        w.a.pmuldq(xmm0, xmm2);
        w.a.paddq(xmm0, xmm0);
        w.a.paddq(xmm0, xmm2);
        subtract ? w.a.psubq(xmm0, product) : w.a.paddq(xmm0, product);
        shift_right_by(w, xmm0, 3, 31, true);
        saturate_and_narrow(w, Narrowing::Signed, 2);
    };
    w.a.movaps(xmm0, sum);
    add_up(even);
    w.a.movaps(even, xmm0);
    w.a.pshufd(xmm0, sum, 0xF5);
    add_up(odd);
    w.a.punpckldq(even, xmm0);
    w.a.movaps(xmm0, even);
}

template <bool subtract, Source source> bool rounding_multiply_add(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Factors factors = source(w, insn);
    const Xmm sum = w.v.temporary();
    load_operand(w, insn, insn.rd, size, sum);
    size == 1 ? round_halfwords(w, factors, sum, subtract) : round_words(w, factors, sum, subtract);
    finish(w, insn, xmm0);
    return true;
}

enum class Product { Plain, Add, Subtract };

/// SQDMULL, SQDMLAL, SQDMLSL: of the upper halves ("2") where the vector is full.
template <Product product, Source source> bool multiply_long(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn), wide = size + 1;
    const auto [n, m] = source(w, insn);
    const bool upper = is_full(insn);
    if (size == 1) {
        w.a.movaps(xmm0, n);
        w.a.pmulhw(xmm0, m);
        w.a.pmullw(n, m);
        upper ? w.a.punpckhwd(n, xmm0) : w.a.punpcklwd(n, xmm0);
    } else {
        w.a.pshufd(n, n, upper ? 0xFA : 0x50);
        w.a.pshufd(xmm0, m, upper ? 0xFA : 0x50);
        w.a.pmuldq(n, xmm0);
    }
    kAdd[wide](w, n, n, n);
    saturate_square(w, n, wide);
    if (product == Product::Plain) {
        finish(w, insn, n);
        return true;
    }
    const Xmm sum = w.v.temporary();
    is_scalar(insn) ? lowest(w, sum, w.use(insn.rd), wide) : w.a.movaps(sum, w.use(insn.rd));
    signed_sum(w, sum, n, wide, product == Product::Subtract);
    finish(w, insn, xmm0);
    return true;
}

} // namespace

void add_vector_saturating(VectorTable& t) {
    t[Op::SQADD_vector] = t[Op::SQADD_scalar] = sum<true, false>;
    t[Op::UQADD_vector] = t[Op::UQADD_scalar] = sum<false, false>;
    t[Op::SQSUB_vector] = t[Op::SQSUB_scalar] = sum<true, true>;
    t[Op::UQSUB_vector] = t[Op::UQSUB_scalar] = sum<false, true>;
    t[Op::SUQADD_vector] = t[Op::SUQADD_scalar] = add_unsigned_to_signed;
    t[Op::USQADD_vector] = t[Op::USQADD_scalar] = add_signed_to_unsigned;
    t[Op::SQABS_vector] = t[Op::SQABS_scalar] = negate<true>;
    t[Op::SQNEG_vector] = t[Op::SQNEG_scalar] = negate<false>;

    t[Op::SQXTN_vector] = t[Op::SQXTN_scalar] = extract_narrow<Narrowing::Signed>;
    t[Op::SQXTUN_vector] = t[Op::SQXTUN_scalar] = extract_narrow<Narrowing::SignedToUnsigned>;
    t[Op::UQXTN_vector] = t[Op::UQXTN_scalar] = extract_narrow<Narrowing::Unsigned>;
    t[Op::SQSHRN_vector] = t[Op::SQSHRN_scalar] = shift_right_narrow<Narrowing::Signed, false>;
    t[Op::SQRSHRN_vector] = t[Op::SQRSHRN_scalar] = shift_right_narrow<Narrowing::Signed, true>;
    t[Op::SQSHRUN_vector] = t[Op::SQSHRUN_scalar] = shift_right_narrow<Narrowing::SignedToUnsigned, false>;
    t[Op::SQRSHRUN_vector] = t[Op::SQRSHRUN_scalar] = shift_right_narrow<Narrowing::SignedToUnsigned, true>;
    t[Op::UQSHRN_vector] = t[Op::UQSHRN_scalar] = shift_right_narrow<Narrowing::Unsigned, false>;
    t[Op::UQRSHRN_vector] = t[Op::UQRSHRN_scalar] = shift_right_narrow<Narrowing::Unsigned, true>;
    t[Op::SQSHL_immediate_vector] = t[Op::SQSHL_immediate_scalar] = shift_left<Narrowing::Signed>;
    t[Op::SQSHLU_vector] = t[Op::SQSHLU_scalar] = shift_left<Narrowing::SignedToUnsigned>;
    t[Op::UQSHL_immediate_vector] = t[Op::UQSHL_immediate_scalar] = shift_left<Narrowing::Unsigned>;

    t[Op::SQDMULH_vector] = t[Op::SQDMULH_scalar] = multiply_high<false, registers>;
    t[Op::SQDMULH_element] = t[Op::SQDMULH_scalar_element] = multiply_high<false, by_element>;
    t[Op::SQRDMULH_vector] = t[Op::SQRDMULH_scalar] = multiply_high<true, registers>;
    t[Op::SQRDMULH_element] = t[Op::SQRDMULH_scalar_element] = multiply_high<true, by_element>;
    t[Op::SQRDMLAH_vector] = t[Op::SQRDMLAH_scalar] = rounding_multiply_add<false, registers>;
    t[Op::SQRDMLAH_element] = t[Op::SQRDMLAH_scalar_element] = rounding_multiply_add<false, by_element>;
    t[Op::SQRDMLSH_vector] = t[Op::SQRDMLSH_scalar] = rounding_multiply_add<true, registers>;
    t[Op::SQRDMLSH_element] = t[Op::SQRDMLSH_scalar_element] = rounding_multiply_add<true, by_element>;
    t[Op::SQDMULL_vector] = t[Op::SQDMULL_scalar] = multiply_long<Product::Plain, registers>;
    t[Op::SQDMULL_element] = t[Op::SQDMULL_scalar_element] = multiply_long<Product::Plain, by_element>;
    t[Op::SQDMLAL_vector] = t[Op::SQDMLAL_scalar] = multiply_long<Product::Add, registers>;
    t[Op::SQDMLAL_element] = t[Op::SQDMLAL_scalar_element] = multiply_long<Product::Add, by_element>;
    t[Op::SQDMLSL_vector] = t[Op::SQDMLSL_scalar] = multiply_long<Product::Subtract, registers>;
    t[Op::SQDMLSL_element] = t[Op::SQDMLSL_scalar_element] = multiply_long<Product::Subtract, by_element>;
}

} // namespace beeline::translate
