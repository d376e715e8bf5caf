// Integer arithmetic whose result has wider elements than its sources: long, wide and pairwise forms, dot products.
#include "translate/vector_arithmetic.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;

namespace {

/// "2": the sources are upper halves.
bool is_upper(const Insn& insn) { return is_full(insn); }

void add(VectorEmitter& w, const Xmm& to, const Xmm& from, unsigned wide_size) {
    switch (wide_size) {
    case 1: w.a.paddw(to, from); break;
    case 2: w.a.paddd(to, from); break;
    default: w.a.paddq(to, from); break;
    }
}
void subtract(VectorEmitter& w, const Xmm& to, const Xmm& from, unsigned wide_size) {
    switch (wide_size) {
    case 1: w.a.psubw(to, from); break;
    case 2: w.a.psubd(to, from); break;
    default: w.a.psubq(to, from); break;
    }
}
/// Of extended elements.
void multiply(VectorEmitter& w, const Xmm& to, const Xmm& from, unsigned wide_size, bool is_signed) {
    switch (wide_size) {
    case 1: w.a.pmullw(to, from); break;
    case 2: w.a.pmulld(to, from); break;
    default: is_signed ? w.a.pmuldq(to, from) : w.a.pmuludq(to, from); break;
    }
}

enum class Sum { Add, Subtract };

template <bool is_signed, Sum sum> bool add_long(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    w.extend(xmm0, w.use(insn.rn), size, is_signed, is_upper(insn));
    w.extend(xmm1, w.use(insn.rm), size, is_signed, is_upper(insn));
    sum == Sum::Add ? add(w, xmm0, xmm1, size + 1) : subtract(w, xmm0, xmm1, size + 1);
    w.finish(insn.rd, true, xmm0);
    return true;
}

template <bool is_signed, Sum sum> bool add_wide(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    w.extend(xmm1, w.use(insn.rm), size, is_signed, is_upper(insn));
    w.a.movaps(xmm0, w.use(insn.rn));
    sum == Sum::Add ? add(w, xmm0, xmm1, size + 1) : subtract(w, xmm0, xmm1, size + 1);
    w.finish(insn.rd, true, xmm0);
    return true;
}

enum class Product { Plain, Add, Subtract };

void finish_product(VectorEmitter& w, const Insn& insn, Product product, unsigned wide_size) {
    if (product == Product::Add) add(w, xmm0, w.use(insn.rd), wide_size);
    if (product == Product::Subtract) {
        w.a.movaps(xmm1, w.use(insn.rd));
        subtract(w, xmm1, xmm0, wide_size);
        w.finish(insn.rd, true, xmm1);
        return;
    }
    w.finish(insn.rd, true, xmm0);
}

template <bool is_signed, Product product> bool multiply_long(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    w.extend(xmm0, w.use(insn.rn), size, is_signed, is_upper(insn));
    w.extend(xmm1, w.use(insn.rm), size, is_signed, is_upper(insn));
    multiply(w, xmm0, xmm1, size + 1, is_signed);
    finish_product(w, insn, product, size + 1);
    return true;
}

template <bool is_signed, Product product> bool multiply_long_element(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    w.duplicate(xmm1, w.use(insn.rm), size, insn.aux[0]);
    w.extend(xmm1, xmm1, size, is_signed, false);
    w.extend(xmm0, w.use(insn.rn), size, is_signed, is_upper(insn));
    multiply(w, xmm0, xmm1, size + 1, is_signed);
    finish_product(w, insn, product, size + 1);
    return true;
}

template <bool is_signed, bool accumulate> bool difference_long(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    if (size == 2) {
        // Without its sign the difference fits into a word.
        const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
        w.a.movaps(xmm0, n);
        w.a.movaps(xmm1, n);
        is_signed ? w.a.pmaxsd(xmm0, m) : w.a.pmaxud(xmm0, m);
        is_signed ? w.a.pminsd(xmm1, m) : w.a.pminud(xmm1, m);
        w.a.psubd(xmm0, xmm1);
        w.extend(xmm0, xmm0, size, false, is_upper(insn));
    } else {
        w.extend(xmm0, w.use(insn.rn), size, is_signed, is_upper(insn));
        w.extend(xmm1, w.use(insn.rm), size, is_signed, is_upper(insn));
        subtract(w, xmm0, xmm1, size + 1);
        // The difference of extended elements does not overflow.
        size == 0 ? w.a.pabsw(xmm0, xmm0) : w.a.pabsd(xmm0, xmm0);
    }
    if (accumulate) add(w, xmm0, w.use(insn.rd), size + 1);
    w.finish(insn.rd, true, xmm0);
    return true;
}

/// xmm0 = sums of n's pairs, as elements of twice their bytes; changes xmm1.
void add_pairs(VectorEmitter& w, const Xmm& n, unsigned size, bool is_signed) {
    switch (size) {
    case 0:
        // The host multiplies unsigned by signed bytes, and adds pairs of products.
        if (is_signed) {
            w.a.movaps(xmm0, w.constant(VectorConstant::OneBytes));
            w.a.pmaddubsw(xmm0, n);
        } else {
            w.a.movaps(xmm0, n);
            w.a.pmaddubsw(xmm0, w.constant(VectorConstant::OneBytes));
        }
        break;
    case 1:
        if (is_signed) {
            w.a.movaps(xmm0, n);
            w.a.pmaddwd(xmm0, w.constant(VectorConstant::OneHalfwords));
        } else {
            w.a.movaps(xmm0, n);
            w.a.psrld(xmm0, 16);
            w.a.movaps(xmm1, n);
            w.a.pand(xmm1, w.constant(VectorConstant::EvenHalfwords));
            w.a.paddd(xmm0, xmm1);
        }
        break;
    default:
        w.a.pshufd(xmm0, n, 0x88);
        w.a.pshufd(xmm1, n, 0xDD);
        w.extend(xmm0, xmm0, 2, is_signed, false);
        w.extend(xmm1, xmm1, 2, is_signed, false);
        w.a.paddq(xmm0, xmm1);
        break;
    }
}

template <bool is_signed, bool accumulate> bool add_pairs_long(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    add_pairs(w, w.use(insn.rn), size, is_signed);
    if (accumulate) add(w, xmm0, w.use(insn.rd), size + 1);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// SADDLV, UADDLV: pairs are added twice for bytes, then what is left.
template <bool is_signed> bool add_long_across(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    if (size == 0 && !is_signed) {
        integer::sum_bytes(w, insn);
        w.finish_scalar(insn.rd, 1, xmm0);
        return true;
    }
    add_pairs(w, w.use(insn.rn), size, is_signed);
    if (size == 0) w.a.pmaddwd(xmm0, w.constant(VectorConstant::OneHalfwords));
    const unsigned wide_size = size == 2 ? 3 : 2;
    if (is_full(insn)) {
        w.a.pshufd(xmm1, xmm0, 0xEE);
        add(w, xmm0, xmm1, wide_size);
    }
    if (wide_size == 2) {
        w.a.pshufd(xmm1, xmm0, 0x55);
        w.a.paddd(xmm0, xmm1);
    }
    w.finish_scalar(insn.rd, size + 1, xmm0);
    return true;
}

/// rd += the four products of bytes of each word.
template <bool is_signed> void dot_product(VectorEmitter& w, const Insn& insn, const Xmm& m) {
    const Xmm n = w.use(insn.rn);
    w.extend(xmm0, n, 0, is_signed, false);
    w.extend(xmm1, m, 0, is_signed, false);
    w.a.pmaddwd(xmm0, xmm1);
    // The upper half of m may be in xmm2.
    w.extend(xmm1, m, 0, is_signed, true);
    w.extend(xmm2, n, 0, is_signed, true);
    w.a.pmaddwd(xmm1, xmm2);
    w.a.phaddd(xmm0, xmm1);
    w.a.paddd(xmm0, w.use(insn.rd));
    w.finish(insn.rd, is_full(insn), xmm0);
}
template <bool is_signed> bool dot(VectorEmitter& w, const Insn& insn) {
    dot_product<is_signed>(w, insn, w.use(insn.rm));
    return true;
}
template <bool is_signed> bool dot_element(VectorEmitter& w, const Insn& insn) {
    w.a.pshufd(xmm2, w.use(insn.rm), static_cast<uint8_t>(insn.aux[0] * 0x55));
    dot_product<is_signed>(w, insn, xmm2);
    return true;
}

} // namespace

void add_vector_wide(VectorTable& t) {
    t[Op::SADDL_vector] = add_long<true, Sum::Add>;
    t[Op::UADDL_vector] = add_long<false, Sum::Add>;
    t[Op::SSUBL_vector] = add_long<true, Sum::Subtract>;
    t[Op::USUBL_vector] = add_long<false, Sum::Subtract>;
    t[Op::SADDW_vector] = add_wide<true, Sum::Add>;
    t[Op::UADDW_vector] = add_wide<false, Sum::Add>;
    t[Op::SSUBW_vector] = add_wide<true, Sum::Subtract>;
    t[Op::USUBW_vector] = add_wide<false, Sum::Subtract>;
    t[Op::SMULL_vector] = multiply_long<true, Product::Plain>;
    t[Op::UMULL_vector] = multiply_long<false, Product::Plain>;
    t[Op::SMLAL_vector] = multiply_long<true, Product::Add>;
    t[Op::UMLAL_vector] = multiply_long<false, Product::Add>;
    t[Op::SMLSL_vector] = multiply_long<true, Product::Subtract>;
    t[Op::UMLSL_vector] = multiply_long<false, Product::Subtract>;
    t[Op::SMULL_element] = multiply_long_element<true, Product::Plain>;
    t[Op::UMULL_element] = multiply_long_element<false, Product::Plain>;
    t[Op::SMLAL_element] = multiply_long_element<true, Product::Add>;
    t[Op::UMLAL_element] = multiply_long_element<false, Product::Add>;
    t[Op::SMLSL_element] = multiply_long_element<true, Product::Subtract>;
    t[Op::UMLSL_element] = multiply_long_element<false, Product::Subtract>;
    t[Op::SABDL_vector] = difference_long<true, false>;
    t[Op::UABDL_vector] = difference_long<false, false>;
    t[Op::SABAL_vector] = difference_long<true, true>;
    t[Op::UABAL_vector] = difference_long<false, true>;
    t[Op::SADDLP_vector] = add_pairs_long<true, false>;
    t[Op::UADDLP_vector] = add_pairs_long<false, false>;
    t[Op::SADALP_vector] = add_pairs_long<true, true>;
    t[Op::UADALP_vector] = add_pairs_long<false, true>;
    t[Op::SADDLV] = add_long_across<true>;
    t[Op::UADDLV] = add_long_across<false>;
    t[Op::SDOT_vector] = dot<true>;
    t[Op::UDOT_vector] = dot<false>;
    t[Op::SDOT_element] = dot_element<true>;
    t[Op::UDOT_element] = dot_element<false>;
}

} // namespace beeline::translate
