// Shifts of vector elements by the signed counts in the lowest bytes of another register's: to the left, or, counts
// below zero, to the right.
//
// Bytes and halfwords are multiplied by powers of two, which the host's shuffle looks up. Words and doublewords have
// shifts of AVX2's; without it they are shifted one by one.
#include "translate/vector_saturation.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using namespace integer;
using namespace saturation;

namespace {

enum class Direction { Left, Right };

/// x <<= count, or >>=, as unsigned bytes; changes xmm1, xmm2. See shift_each().
void shift_bytes(VectorEmitter& w, Direction direction, const Xmm& to, const Xmm& x, const Xmm& count) {
    const bool left = direction == Direction::Left;
    w.a.movaps(xmm1, count);
    w.a.paddusb(xmm1, w.constant(VectorConstant::OutOfTable));
    // 1 << count, or 0x80 >> count.
    w.a.movaps(xmm2, w.constant(left ? VectorConstant::PowersUp : VectorConstant::PowersDown));
    w.a.pshufb(xmm2, xmm1);
    // Odd bytes, and then even ones, as halfwords.
    w.a.movaps(xmm1, xmm2);
    w.a.psrlw(xmm1, 8);
    w.a.movaps(to, x);
    w.a.psrlw(to, 8);
    w.a.pmullw(to, xmm1);
    if (left) {
        w.a.psllw(to, 8);
        w.a.pmullw(xmm2, x);
        w.a.pand(xmm2, w.constant(VectorConstant::EvenBytes));
    } else {
        w.a.psrlw(to, 7);
        w.a.psllw(to, 8);
        w.a.movaps(xmm1, w.constant(VectorConstant::EvenBytes));
        w.a.pand(xmm2, xmm1);
        w.a.pand(xmm1, x);
        w.a.pmullw(xmm2, xmm1);
        w.a.psrlw(xmm2, 7);
    }
    w.a.por(to, xmm2);
}

void shift_halfwords(VectorEmitter& w, Direction direction, const Xmm& to, const Xmm& x, const Xmm& count) {
    const bool left = direction == Direction::Left;
    w.a.movaps(xmm1, count);
    w.a.paddusb(xmm1, w.constant(VectorConstant::OutOfTable));
    // 1 << count, or 0x8000 >> count, the lower byte and the upper one.
    w.a.movaps(xmm2, w.constant(left ? VectorConstant::PowersUp : VectorConstant::PowersDownLater));
    w.a.pshufb(xmm2, xmm1);
    w.a.pand(xmm2, w.constant(VectorConstant::EvenBytes));
    w.a.movaps(to, w.constant(left ? VectorConstant::PowersUpLater : VectorConstant::PowersDown));
    w.a.pshufb(to, xmm1);
    w.a.psllw(to, 8);
    w.a.por(xmm2, to);
    w.a.movaps(to, x);
    if (left) {
        w.a.pmullw(to, xmm2);
    } else {
        w.a.pmulhuw(to, xmm2);
        w.a.psllw(to, 1);
        w.a.pmullw(xmm2, x);
        w.a.psrlw(xmm2, 15);
        w.a.por(to, xmm2);
    }
}

void shift_words(VectorEmitter& w, Direction direction, const Xmm& to, const Xmm& x, const Xmm& count) {
    const bool left = direction == Direction::Left;
    if (w.e.host.avx2) {
        left ? w.a.vpsllvd(to, x, count) : w.a.vpsrlvd(to, x, count);
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        w.a.insertps(xmm1, count, static_cast<uint8_t>(i << 6 | 0x0E));
        const Xmm shifted = i == 0 ? to : xmm2;
        w.a.movaps(shifted, x);
        left ? w.a.pslld(shifted, xmm1) : w.a.psrld(shifted, xmm1);
        if (i != 0) w.a.pblendw(to, shifted, static_cast<uint8_t>(3 << 2 * i));
    }
}

void shift_doublewords(VectorEmitter& w, Direction direction, const Xmm& to, const Xmm& x, const Xmm& count) {
    const bool left = direction == Direction::Left;
    if (w.e.host.avx2) {
        left ? w.a.vpsllvq(to, x, count) : w.a.vpsrlvq(to, x, count);
        return;
    }
    w.a.movaps(to, x);
    left ? w.a.psllq(to, count) : w.a.psrlq(to, count);
    w.a.pshufd(xmm1, count, 0xEE);
    w.a.movaps(xmm2, x);
    left ? w.a.psllq(xmm2, xmm1) : w.a.psrlq(xmm2, xmm1);
    w.a.pblendw(to, xmm2, 0xF0);
}

/// `to` = x shifted by the counts, elements of 0 to 255; zero for those from the element's bits on. `to` is neither of
/// the others; changes xmm1, xmm2.
void shift_each(VectorEmitter& w, Direction direction, unsigned size, const Xmm& to, const Xmm& x, const Xmm& count) {
    constexpr std::array kBySize{shift_bytes, shift_halfwords, shift_words, shift_doublewords};
    kBySize[size](w, direction, to, x, count);
}

/// x >>= count as signed numbers; changes `sign` and `plain` as well.
void shift_each_right_signed(VectorEmitter& w, unsigned size, const Xmm& to, const Xmm& x, const Xmm& count,
                             const Xmm& sign, const Xmm& plain) {
    if (size == 2 && w.e.host.avx2) {
        w.a.vpsravd(to, x, count);
        return;
    }
    // Negative ones have their bits inverted meanwhile.
    negative(w, sign, x, size);
    w.a.movaps(plain, x);
    w.a.pxor(plain, sign);
    shift_each(w, Direction::Right, size, to, plain, count);
    w.a.pxor(to, sign);
}

/// The lowest byte of each element alone.
void keep_low_bytes(VectorEmitter& w, unsigned size, const Xmm& x) {
    constexpr VectorConstant kLowBytes[]{VectorConstant::EvenBytes, VectorConstant::LowBytesOfWords,
                                         VectorConstant::LowBytesOfDoublewords};
    if (size != 0) w.a.pand(x, w.constant(kLowBytes[size - 1]));
}

/// count = that of a shift to the left; above 127 where it is to the right.
void count_to_left(VectorEmitter& w, unsigned size, const Xmm& count, const Xmm& m) {
    w.a.movaps(count, m);
    keep_low_bytes(w, size, count);
}

/// The same to the right, less one if `before_last`.
void count_to_right(VectorEmitter& w, unsigned size, const Xmm& count, const Xmm& m, bool before_last) {
    if (before_last)
        w.ones(count);
    else
        w.zero(count);
    before_last ? w.a.pxor(count, m) : w.a.psubb(count, m);
    keep_low_bytes(w, size, count);
}

/// 1 in each element; changes rax.
void one(VectorEmitter& w, const Xmm& x, unsigned size) {
    constexpr uint64_t kOnes[] = {0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1};
    w.immediate(x, kOnes[size], true);
}

template <bool is_signed, bool saturating, bool rounding> bool shift(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn);
    const Xmm m = w.use(insn.rm);
    Xmm n = w.use(insn.rn);
    if (saturating) {
        n = w.v.temporary();
        load_operand(w, insn, insn.rn, size, n);
    }
    const Xmm count = w.v.temporary(), left = w.v.temporary(), right = w.v.temporary();
    Xmm sign, plain, to_right;
    if (is_signed) {
        sign = w.v.temporary();
        plain = w.v.temporary();
    }
    const auto shift_right = [&](const Xmm& to, const Xmm& x) {
        is_signed ? shift_each_right_signed(w, size, to, x, count, sign, plain)
                  : shift_each(w, Direction::Right, size, to, x, count);
    };
    if (is_signed || saturating) {
        to_right = w.v.temporary();
        w.a.movaps(xmm1, m);
        if (size != 0) w.shift_left(xmm1, size, (8u << size) - 8);
        negative(w, to_right, xmm1, size);
    }

    count_to_left(w, size, count, m);
    shift_each(w, Direction::Left, size, left, n, count);
    if (saturating) {
        // What does not come back by shifting to the right is out of range.
        shift_right(xmm0, left);
        kEqual[size](w, xmm0, xmm0, n);
        w.a.por(xmm0, to_right);
        w.ones(xmm1);
        w.a.pxor(xmm1, xmm0);
        if (is_signed) {
            extreme(w, right, n, size);
            replace(w, left, xmm1, right);
        } else {
            w.a.por(left, xmm1);
        }
        note_saturation(w, xmm1);
    }

    count_to_right(w, size, count, m, false);
    shift_right(right, n);
    if (rounding) {
        // The last bit that is shifted out.
        count_to_right(w, size, count, m, true);
        shift_right(xmm0, n);
        one(w, xmm1, size);
        w.a.pand(xmm0, xmm1);
        kAdd[size](w, right, right, xmm0);
    }
    // Unsigned elements are zero in the direction that is not theirs, or, by no bits, the same in both.
    if (is_signed)
        replace(w, left, to_right, right);
    else
        w.a.por(left, right);
    if (saturating)
        finish(w, insn, left);
    else
        w.finish(insn.rd, is_full(insn), left);
    return true;
}

} // namespace

void add_vector_shifts_by_register(VectorTable& t) {
    t[Op::USHL_vector] = t[Op::USHL_scalar] = shift<false, false, false>;
    t[Op::SSHL_vector] = t[Op::SSHL_scalar] = shift<true, false, false>;
    t[Op::URSHL_vector] = t[Op::URSHL_scalar] = shift<false, false, true>;
    t[Op::SRSHL_vector] = t[Op::SRSHL_scalar] = shift<true, false, true>;
    t[Op::UQSHL_vector] = t[Op::UQSHL_scalar] = shift<false, true, false>;
    t[Op::SQSHL_vector] = t[Op::SQSHL_scalar] = shift<true, true, false>;
    t[Op::UQRSHL_vector] = t[Op::UQRSHL_scalar] = shift<false, true, true>;
    t[Op::SQRSHL_vector] = t[Op::SQRSHL_scalar] = shift<true, true, true>;
}

} // namespace beeline::translate
