// Integer arithmetic and comparisons on vectors whose elements keep their size; reductions.
#include "translate/vector_arithmetic.h"
#include "translate/vector_shifts.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using Generator = Xbyak::CodeGenerator;
using namespace integer;

void integer::sum_bytes(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn);
    w.zero(xmm0);
    if (is_full(insn)) {
        w.a.psadbw(xmm0, n);
        w.a.pshufd(xmm1, xmm0, 0xEE);
        w.a.paddd(xmm0, xmm1);
    } else {
        w.a.movq(xmm1, n);
        w.a.psadbw(xmm0, xmm1);
    }
}

namespace {

/// What the host has no instruction for.
constexpr Packed kNone = nullptr;

constexpr PackedBySize kSignedMax{packed<&Generator::pmaxsb, &Generator::vpmaxsb>,
                                  packed<&Generator::pmaxsw, &Generator::vpmaxsw>,
                                  packed<&Generator::pmaxsd, &Generator::vpmaxsd>, kNone};
constexpr PackedBySize kSignedMin{packed<&Generator::pminsb, &Generator::vpminsb>,
                                  packed<&Generator::pminsw, &Generator::vpminsw>,
                                  packed<&Generator::pminsd, &Generator::vpminsd>, kNone};
constexpr PackedBySize kUnsignedMax{packed<&Generator::pmaxub, &Generator::vpmaxub>,
                                    packed<&Generator::pmaxuw, &Generator::vpmaxuw>,
                                    packed<&Generator::pmaxud, &Generator::vpmaxud>, kNone};
constexpr PackedBySize kUnsignedMin{packed<&Generator::pminub, &Generator::vpminub>,
                                    packed<&Generator::pminuw, &Generator::vpminuw>,
                                    packed<&Generator::pminud, &Generator::vpminud>, kNone};
constexpr PackedBySize kAverage{packed<&Generator::pavgb, &Generator::vpavgb>,
                                packed<&Generator::pavgw, &Generator::vpavgw>, kNone, kNone};

/// Low bytes of products: of the even bytes, and of the odd ones moved down.
void multiply_bytes(VectorEmitter& w, const Xmm& d, const Xmm& n, const Xmm& m) {
    w.a.movaps(xmm0, n);
    w.a.movaps(xmm2, m);
    w.a.psrlw(xmm0, 8);
    w.a.psrlw(xmm2, 8);
    w.a.pmullw(xmm0, xmm2);
    w.a.psllw(xmm0, 8);
    w.a.movaps(xmm2, n);
    w.a.pmullw(xmm2, m);
    w.a.pand(xmm2, w.constant(VectorConstant::EvenBytes));
    w.a.por(xmm0, xmm2);
    w.copy(d, xmm0);
}
constexpr PackedBySize kMultiply{multiply_bytes, packed<&Generator::pmullw, &Generator::vpmullw>,
                                 packed<&Generator::pmulld, &Generator::vpmulld>, kNone};

// ---- two operands, element by element ---------------------------------------------------------------------------

template <const PackedBySize& op> bool binary(VectorEmitter& w, const Insn& insn) {
    const Packed emit = op[element_size(insn)];
    if (emit == nullptr) return false;
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    emit(w, w.define(insn.rd), n, m);
    w.finish(insn.rd, is_full(insn));
    return true;
}

void invert(VectorEmitter& w, const Xmm& x) {
    w.ones(xmm1);
    w.a.pxor(x, xmm1);
}

/// xmm0 = n >= m, or n > m.
void compare(VectorEmitter& w, const Xmm& n, const Xmm& m, unsigned size, bool is_signed, bool or_equal) {
    if (is_signed) {
        // n >= m is not m > n.
        or_equal ? kGreater[size](w, xmm0, m, n) : kGreater[size](w, xmm0, n, m);
        if (or_equal) invert(w, xmm0);
        return;
    }
    if (size == 3) {
        w.a.movaps(xmm0, or_equal ? m : n);
        w.a.movaps(xmm1, or_equal ? n : m);
        w.a.pxor(xmm0, w.constant(VectorConstant::TopBits));
        w.a.pxor(xmm1, w.constant(VectorConstant::TopBits));
        w.a.pcmpgtq(xmm0, xmm1);
        if (or_equal) invert(w, xmm0);
        return;
    }
    // The greater one is n; or, n > m, not m.
    kUnsignedMax[size](w, xmm0, n, m);
    kEqual[size](w, xmm0, xmm0, or_equal ? n : m);
    if (!or_equal) invert(w, xmm0);
}

template <bool is_signed, bool or_equal> bool compare_registers(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    compare(w, n, m, element_size(insn), is_signed, or_equal);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

enum class ZeroTest { Equal, Greater, GreaterEqual, Less, LessEqual };
template <ZeroTest test> bool compare_zero(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.use(insn.rn);
    w.zero(xmm0);
    switch (test) {
    case ZeroTest::Equal: kEqual[size](w, xmm0, xmm0, n); break;
    case ZeroTest::Greater:
    case ZeroTest::LessEqual: kGreater[size](w, xmm0, n, xmm0); break;
    case ZeroTest::Less:
    case ZeroTest::GreaterEqual: kGreater[size](w, xmm0, xmm0, n); break;
    }
    if (test == ZeroTest::LessEqual || test == ZeroTest::GreaterEqual) invert(w, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool compare_test(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    w.a.movaps(xmm0, n);
    w.a.pand(xmm0, m);
    w.zero(xmm1);
    kEqual[element_size(insn)](w, xmm0, xmm0, xmm1);
    invert(w, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

template <bool subtract> bool multiply_add(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm), a = w.use(insn.rd);
    kMultiply[size](w, xmm0, n, m);
    (subtract ? kSub : kAdd)[size](w, w.define(insn.rd), a, xmm0);
    w.finish(insn.rd, is_full(insn));
    return true;
}

/// xmm0 = |n - m|
void absolute_difference(VectorEmitter& w, const Xmm& n, const Xmm& m, unsigned size, bool is_signed) {
    (is_signed ? kSignedMax : kUnsignedMax)[size](w, xmm0, n, m);
    (is_signed ? kSignedMin : kUnsignedMin)[size](w, xmm1, n, m);
    kSub[size](w, xmm0, xmm0, xmm1);
}

template <bool is_signed, bool accumulate> bool difference(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    absolute_difference(w, w.use(insn.rn), w.use(insn.rm), size, is_signed);
    if (accumulate) kAdd[size](w, xmm0, xmm0, w.use(insn.rd));
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// The sum is twice the common bits and the others once; the difference is the first one's own bits less the second's,
/// which is the others less twice the second's own.
template <bool is_signed, bool subtract> bool halving(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm), own = w.v.temporary();
    w.a.movaps(own, n);
    if (subtract)
        w.a.pandn(own, m);
    else
        w.a.pand(own, m);
    w.a.movaps(xmm0, n);
    w.a.pxor(xmm0, m);
    shift_right_by(w, xmm0, size, 1, is_signed);
    (subtract ? kSub : kAdd)[size](w, xmm0, xmm0, own);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// SRHADD: all bits of either, less half of those that are in one alone.
bool rounding_halving_add(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm), all = w.v.temporary();
    w.a.movaps(all, n);
    w.a.por(all, m);
    w.a.movaps(xmm0, n);
    w.a.pxor(xmm0, m);
    shift_right_by(w, xmm0, size, 1, true);
    kSub[size](w, xmm0, all, xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// URHADD: words have no instruction of the host's.
bool rounding_average(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    if (size < 2) {
        kAverage[size](w, w.define(insn.rd), n, m);
        w.finish(insn.rd, is_full(insn));
        return true;
    }
    w.a.movaps(xmm0, n);
    w.a.pxor(xmm0, m);
    w.a.psrld(xmm0, 1);
    w.a.movaps(xmm1, n);
    w.a.por(xmm1, m);
    w.a.psubd(xmm1, xmm0);
    w.finish(insn.rd, is_full(insn), xmm1);
    return true;
}

bool absolute(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), d = w.define(insn.rd);
    switch (element_size(insn)) {
    case 0: w.a.pabsb(d, n); break;
    case 1: w.a.pabsw(d, n); break;
    case 2: w.a.pabsd(d, n); break;
    default:
        w.zero(xmm0);
        w.a.movaps(xmm1, xmm0);
        w.a.pcmpgtq(xmm1, n);
        w.a.movaps(xmm0, n);
        w.a.pxor(xmm0, xmm1);
        w.a.psubq(xmm0, xmm1);
        w.copy(d, xmm0);
        break;
    }
    w.finish(insn.rd, is_full(insn));
    return true;
}

bool negate(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn);
    w.zero(xmm0);
    kSub[element_size(insn)](w, xmm0, xmm0, n);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

// ---- pairs ------------------------------------------------------------------------------------------------------

/// xmm0 and xmm1: the even and the odd elements of m:n (of the lower halves when not `full`).
void split_pairs(VectorEmitter& w, const Insn& insn, bool full) {
    const unsigned size = element_size(insn);
    Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    if (!full) {
        w.a.movaps(xmm2, n);
        w.a.punpcklqdq(xmm2, m);
        n = m = xmm2;
    }
    switch (size) {
    case 0:
        w.a.movaps(xmm0, n);
        w.a.pand(xmm0, w.constant(VectorConstant::EvenBytes));
        w.a.movaps(xmm1, m);
        w.a.pand(xmm1, w.constant(VectorConstant::EvenBytes));
        w.a.packuswb(xmm0, xmm1);
        w.a.movaps(xmm1, n);
        w.a.psrlw(xmm1, 8);
        if (m.getIdx() != 2) w.a.movaps(xmm2, m);
        w.a.psrlw(xmm2, 8);
        w.a.packuswb(xmm1, xmm2);
        break;
    case 1:
        w.a.movaps(xmm0, n);
        w.a.pand(xmm0, w.constant(VectorConstant::EvenHalfwords));
        w.a.movaps(xmm1, m);
        w.a.pand(xmm1, w.constant(VectorConstant::EvenHalfwords));
        w.a.packusdw(xmm0, xmm1);
        w.a.movaps(xmm1, n);
        w.a.psrld(xmm1, 16);
        if (m.getIdx() != 2) w.a.movaps(xmm2, m);
        w.a.psrld(xmm2, 16);
        w.a.packusdw(xmm1, xmm2);
        break;
    case 2:
        w.a.movaps(xmm0, n);
        w.a.shufps(xmm0, m, 0x88);
        w.a.movaps(xmm1, n);
        w.a.shufps(xmm1, m, 0xDD);
        break;
    default:
        w.a.movaps(xmm0, n);
        w.a.punpcklqdq(xmm0, m);
        w.a.movaps(xmm1, n);
        w.a.punpckhqdq(xmm1, m);
        break;
    }
}

template <const PackedBySize& op> bool pairwise(VectorEmitter& w, const Insn& insn) {
    split_pairs(w, insn, is_full(insn));
    op[element_size(insn)](w, xmm0, xmm0, xmm1);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool add_pair(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn);
    w.a.pshufd(xmm0, n, 0xEE);
    w.a.paddq(xmm0, n);
    w.finish(insn.rd, false, xmm0);
    return true;
}

// ---- across lanes -----------------------------------------------------------------------------------------------

template <const PackedBySize& op> bool reduce(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Packed emit = op[size];
    Xmm x = w.use(insn.rn);
    if (is_full(insn)) {
        w.a.pshufd(xmm0, x, 0x4E);
        emit(w, xmm0, xmm0, x);
        x = xmm0;
    }
    w.a.pshufd(xmm1, x, 0xB1);
    emit(w, xmm0, xmm1, x);
    for (unsigned bits = 16; bits >= 8u << size; bits /= 2) {
        w.a.movaps(xmm1, xmm0);
        w.a.psrlq(xmm1, static_cast<int>(bits));
        emit(w, xmm0, xmm0, xmm1);
    }
    w.finish_scalar(insn.rd, size, xmm0);
    return true;
}

bool add_across(VectorEmitter& w, const Insn& insn) {
    if (element_size(insn) != 0) return reduce<kAdd>(w, insn);
    sum_bytes(w, insn);
    w.finish_scalar(insn.rd, 0, xmm0);
    return true;
}

// ---- by element -------------------------------------------------------------------------------------------------

enum class Product { Plain, Add, Subtract };
template <Product product> bool multiply_element(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    w.duplicate(xmm0, w.use(insn.rm), size, insn.aux[0]);
    kMultiply[size](w, xmm0, xmm0, w.use(insn.rn));
    if (product == Product::Add) kAdd[size](w, xmm0, xmm0, w.use(insn.rd));
    if (product == Product::Subtract) kSub[size](w, xmm0, w.use(insn.rd), xmm0);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

} // namespace

void add_vector_integer(VectorTable& t) {
    t[Op::ADD_vector] = t[Op::ADD_scalar] = binary<kAdd>;
    t[Op::SUB_vector] = t[Op::SUB_scalar] = binary<kSub>;
    t[Op::MUL_vector] = binary<kMultiply>;
    t[Op::CMEQ_vector] = t[Op::CMEQ_scalar] = binary<kEqual>;
    t[Op::CMGT_vector] = t[Op::CMGT_scalar] = binary<kGreater>;
    t[Op::CMGE_vector] = t[Op::CMGE_scalar] = compare_registers<true, true>;
    t[Op::CMHI_vector] = t[Op::CMHI_scalar] = compare_registers<false, false>;
    t[Op::CMHS_vector] = t[Op::CMHS_scalar] = compare_registers<false, true>;
    t[Op::CMEQ_zero_vector] = t[Op::CMEQ_zero_scalar] = compare_zero<ZeroTest::Equal>;
    t[Op::CMGT_zero_vector] = t[Op::CMGT_zero_scalar] = compare_zero<ZeroTest::Greater>;
    t[Op::CMGE_zero_vector] = t[Op::CMGE_zero_scalar] = compare_zero<ZeroTest::GreaterEqual>;
    t[Op::CMLT_zero_vector] = t[Op::CMLT_zero_scalar] = compare_zero<ZeroTest::Less>;
    t[Op::CMLE_zero_vector] = t[Op::CMLE_zero_scalar] = compare_zero<ZeroTest::LessEqual>;
    t[Op::CMTST_vector] = t[Op::CMTST_scalar] = compare_test;
    t[Op::SMAX_vector] = binary<kSignedMax>;
    t[Op::SMIN_vector] = binary<kSignedMin>;
    t[Op::UMAX_vector] = binary<kUnsignedMax>;
    t[Op::UMIN_vector] = binary<kUnsignedMin>;
    t[Op::SHADD_vector] = halving<true, false>;
    t[Op::UHADD_vector] = halving<false, false>;
    t[Op::SHSUB_vector] = halving<true, true>;
    t[Op::UHSUB_vector] = halving<false, true>;
    t[Op::SRHADD_vector] = rounding_halving_add;
    t[Op::URHADD_vector] = rounding_average;
    t[Op::MLA_vector] = multiply_add<false>;
    t[Op::MLS_vector] = multiply_add<true>;
    t[Op::SABD_vector] = difference<true, false>;
    t[Op::UABD_vector] = difference<false, false>;
    t[Op::SABA_vector] = difference<true, true>;
    t[Op::UABA_vector] = difference<false, true>;
    t[Op::ABS_vector] = t[Op::ABS_scalar] = absolute;
    t[Op::NEG_vector] = t[Op::NEG_scalar] = negate;

    t[Op::ADDP_vector] = pairwise<kAdd>;
    t[Op::SMAXP_vector] = pairwise<kSignedMax>;
    t[Op::SMINP_vector] = pairwise<kSignedMin>;
    t[Op::UMAXP_vector] = pairwise<kUnsignedMax>;
    t[Op::UMINP_vector] = pairwise<kUnsignedMin>;
    t[Op::ADDP_scalar] = add_pair;

    t[Op::ADDV] = add_across;
    t[Op::SMAXV] = reduce<kSignedMax>;
    t[Op::SMINV] = reduce<kSignedMin>;
    t[Op::UMAXV] = reduce<kUnsignedMax>;
    t[Op::UMINV] = reduce<kUnsignedMin>;

    t[Op::MUL_element] = multiply_element<Product::Plain>;
    t[Op::MLA_element] = multiply_element<Product::Add>;
    t[Op::MLS_element] = multiply_element<Product::Subtract>;
}

} // namespace beeline::translate
