// Shifts of vector elements by immediates, and conversions to narrower and wider elements.
#include "translate/vector_shifts.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;

namespace {

/// x = value in each byte; changes rax.
void fill_bytes(VectorEmitter& w, const Xmm& x, unsigned value) {
    w.immediate(x, 0x0101010101010101u * uint64_t{value}, true);
}

void add(VectorEmitter& w, const Xmm& to, const Xmm& from, unsigned size) {
    switch (size) {
    case 0: w.a.paddb(to, from); break;
    case 1: w.a.paddw(to, from); break;
    case 2: w.a.paddd(to, from); break;
    default: w.a.paddq(to, from); break;
    }
}

} // namespace

void shift_left_by(VectorEmitter& w, const Xmm& x, unsigned size, unsigned by) {
    if (by == 0) return;
    if (size == 0) {
        fill_bytes(w, xmm2, 0xFFu >> by);
        w.a.pand(x, xmm2);
        w.a.psllw(x, static_cast<int>(by));
    } else {
        w.shift_left(x, size, by);
    }
}

void shift_right_by(VectorEmitter& w, const Xmm& x, unsigned size, unsigned by, bool is_signed) {
    const unsigned bits = 8u << size;
    if (!is_signed) {
        if (size == 0) {
            w.a.psrlw(x, static_cast<int>(by));
            fill_bytes(w, xmm2, 0xFFu >> by);
            w.a.pand(x, xmm2);
        } else {
            w.shift_right(x, size, by);
        }
        return;
    }
    switch (size) {
    case 0:
        w.a.movaps(xmm2, x);
        w.a.punpckhbw(xmm2, xmm2);
        w.a.punpcklbw(x, x);
        w.a.psraw(xmm2, static_cast<int>(8 + by));
        w.a.psraw(x, static_cast<int>(8 + by));
        w.a.packsswb(x, xmm2);
        break;
    case 3:
        // The sign, in the bits that come in.
        w.zero(xmm2);
        w.a.pcmpgtq(xmm2, x);
        w.a.psrlq(x, static_cast<int>(by));
        w.a.psllq(xmm2, static_cast<int>(bits - by));
        w.a.por(x, xmm2);
        break;
    default: w.shift_right_signed(x, size, by); break;
    }
}

void rounding_shift_right_by(VectorEmitter& w, const Xmm& x, unsigned size, unsigned by, bool is_signed) {
    const unsigned bits = 8u << size;
    w.a.movaps(xmm1, x);
    // That bit, as 0 or 1.
    if (by > 1) shift_right_by(w, xmm1, size, by - 1, false);
    if (size == 0) {
        w.a.pand(xmm1, w.constant(VectorConstant::OneBytes));
    } else {
        w.shift_left(xmm1, size, bits - 1);
        w.shift_right(xmm1, size, bits - 1);
    }
    shift_right_by(w, x, size, by, is_signed);
    add(w, x, xmm1, size);
}

void finish_narrow(VectorEmitter& w, const Insn& insn, const Xmm& x) {
    if (!is_full(insn)) {
        w.finish(insn.rd, false, x);
        return;
    }
    w.use(insn.rd);
    w.a.punpcklqdq(w.define(insn.rd), x);
    w.finish(insn.rd, true);
}

namespace {

bool shift_left(VectorEmitter& w, const Insn& insn) {
    w.a.movaps(xmm0, w.use(insn.rn));
    shift_left_by(w, xmm0, shifted_size(insn), insn.aux[0]);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

template <bool is_signed, bool rounding, bool accumulate> bool shift_right(VectorEmitter& w, const Insn& insn) {
    const unsigned size = shifted_size(insn);
    w.a.movaps(xmm0, w.use(insn.rn));
    rounding ? rounding_shift_right_by(w, xmm0, size, insn.aux[0], is_signed)
             : shift_right_by(w, xmm0, size, insn.aux[0], is_signed);
    if (accumulate) add(w, xmm0, w.use(insn.rd), size);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

/// SLI, SRI: the bits that the shift leaves free are those of rd.
template <bool to_left> bool shift_insert(VectorEmitter& w, const Insn& insn) {
    const unsigned size = shifted_size(insn), by = insn.aux[0], bits = 8u << size;
    const uint64_t element = ~uint64_t{0} >> (64 - bits);
    const uint64_t taken = to_left ? element << by & element : by == bits ? 0 : element >> by;
    uint64_t mask = 0;
    for (unsigned i = 0; i < 64; i += bits) mask |= taken << i;
    w.a.movaps(xmm0, w.use(insn.rn));
    to_left ? shift_left_by(w, xmm0, size, by) : shift_right_by(w, xmm0, size, by, false);
    w.immediate(xmm1, mask, true);
    w.a.pandn(xmm1, w.use(insn.rd));
    w.a.por(xmm0, xmm1);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

template <bool rounding> bool shift_right_narrow(VectorEmitter& w, const Insn& insn) {
    const unsigned size = shifted_size(insn);
    w.a.movaps(xmm0, w.use(insn.rn));
    rounding ? rounding_shift_right_by(w, xmm0, size + 1, insn.aux[0], false)
             : w.shift_right(xmm0, size + 1, insn.aux[0]);
    w.narrow(xmm0, size);
    finish_narrow(w, insn, xmm0);
    return true;
}

bool extract_narrow(VectorEmitter& w, const Insn& insn) {
    w.a.movaps(xmm0, w.use(insn.rn));
    w.narrow(xmm0, element_size(insn));
    finish_narrow(w, insn, xmm0);
    return true;
}

enum class Narrow { Add, Subtract };
template <Narrow operation, bool rounding> bool high_narrow(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    w.a.movaps(xmm0, w.use(insn.rn));
    const Xmm m = w.use(insn.rm);
    if (operation == Narrow::Add)
        add(w, xmm0, m, size + 1);
    else
        size == 0 ? w.a.psubw(xmm0, m) : size == 1 ? w.a.psubd(xmm0, m) : w.a.psubq(xmm0, m);
    const unsigned bits = 8u << size;
    if (rounding) {
        w.immediate(xmm1, size == 0 ? 0x0080008000800080u : size == 1 ? 0x0000800000008000u : 0x80000000u, true);
        add(w, xmm0, xmm1, size + 1);
    }
    w.shift_right(xmm0, size + 1, bits);
    w.narrow(xmm0, size);
    finish_narrow(w, insn, xmm0);
    return true;
}

template <bool is_signed> bool shift_left_long(VectorEmitter& w, const Insn& insn) {
    const unsigned size = shifted_size(insn);
    w.extend(xmm0, w.use(insn.rn), size, is_signed, is_full(insn));
    if (insn.aux[0] != 0) w.shift_left(xmm0, size + 1, insn.aux[0]);
    w.finish(insn.rd, true, xmm0);
    return true;
}

/// SHLL: by the element's size.
bool shift_left_long_by_size(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    w.extend(xmm0, w.use(insn.rn), size, false, is_full(insn));
    w.shift_left(xmm0, size + 1, 8u << size);
    w.finish(insn.rd, true, xmm0);
    return true;
}

} // namespace

void add_vector_shifts(VectorTable& t) {
    t[Op::SHL_vector] = t[Op::SHL_scalar] = shift_left;
    t[Op::SLI_vector] = t[Op::SLI_scalar] = shift_insert<true>;
    t[Op::SRI_vector] = t[Op::SRI_scalar] = shift_insert<false>;
    t[Op::USHR_vector] = t[Op::USHR_scalar] = shift_right<false, false, false>;
    t[Op::SSHR_vector] = t[Op::SSHR_scalar] = shift_right<true, false, false>;
    t[Op::USRA_vector] = t[Op::USRA_scalar] = shift_right<false, false, true>;
    t[Op::SSRA_vector] = t[Op::SSRA_scalar] = shift_right<true, false, true>;
    t[Op::URSHR_vector] = t[Op::URSHR_scalar] = shift_right<false, true, false>;
    t[Op::SRSHR_vector] = t[Op::SRSHR_scalar] = shift_right<true, true, false>;
    t[Op::URSRA_vector] = t[Op::URSRA_scalar] = shift_right<false, true, true>;
    t[Op::SRSRA_vector] = t[Op::SRSRA_scalar] = shift_right<true, true, true>;
    t[Op::SHRN_vector] = shift_right_narrow<false>;
    t[Op::RSHRN_vector] = shift_right_narrow<true>;
    t[Op::XTN_vector] = extract_narrow;
    t[Op::ADDHN_vector] = high_narrow<Narrow::Add, false>;
    t[Op::RADDHN_vector] = high_narrow<Narrow::Add, true>;
    t[Op::SUBHN_vector] = high_narrow<Narrow::Subtract, false>;
    t[Op::RSUBHN_vector] = high_narrow<Narrow::Subtract, true>;
    t[Op::SSHLL_vector] = shift_left_long<true>;
    t[Op::USHLL_vector] = shift_left_long<false>;
    t[Op::SHLL_vector] = shift_left_long_by_size;
}

} // namespace beeline::translate
