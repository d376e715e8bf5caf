// Conversions between floating point and integers. Vectors of half precision are in emit_float_half_conversions.cpp.
#include "arm64/state.h"
#include "translate/float_checks.h"
#include "translate/float_formats.h"
#include "translate/float_half.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using Generator = Xbyak::CodeGenerator;

namespace {

/// Rounding modes, those that the host has as ROUNDSD encodes them.
enum class Rounding : uint8_t { Nearest = 0, Down = 1, Up = 2, Zero = 3, Away };
constexpr uint8_t kQuietly = 8; ///< Does not raise inexact.

void round_element(VectorEmitter& w, Precision precision, const Xmm& to, const Xmm& from, unsigned mode) {
    const auto imm = static_cast<uint8_t>(mode);
    precision == Precision::Double ? w.a.roundsd(to, from, imm) : w.a.roundss(to, from, imm);
}

void convert_to_signed(VectorEmitter& w, Precision precision, const Xbyak::Reg& to, const Xmm& from) {
    precision == Precision::Double ? w.a.cvttsd2si(to, from) : w.a.cvttss2si(to, from);
}

/// `to` = the integer. Saturating conversions and NaNs go to the fix-up before anything is raised that the instruction
/// does not raise: rounding is done quietly, and again to raise inexact once the integer is known to be in range.
void to_integer(VectorEmitter& w, Precision precision, Rounding rounding, bool is_signed, bool wide, const Reg64& to,
                const Xmm& n) {
    Xmm from = n;
    w.e.clobber_flags();
    if (rounding == Rounding::Away) {
        emit_round_away(w, precision, xmm0, n);
        from = xmm0;
    } else if (rounding != Rounding::Zero) {
        w.a.movaps(xmm0, n);
        round_element(w, precision, xmm0, n, static_cast<unsigned>(rounding) | kQuietly);
        from = xmm0;
    }
    if (is_signed) {
        const Xbyak::Reg result = Emitter::sized(to, wide);
        convert_to_signed(w, precision, result, from);
        // What the host gives for all that is out of range is the one number that overflows here.
        w.a.cmp(result, 1);
        w.a.jo(w.fix_up(), Generator::T_NEAR);
    } else {
        // As integers, the formats of numbers from +0 on are in order, and all others are above.
        if (precision == Precision::Double) {
            w.a.movq(rax, from);
            w.a.mov(rcx, wide ? uint64_t{0x43E0000000000000} : uint64_t{0x41F0000000000000}); // 2^63, 2^32
            w.a.cmp(rax, rcx);
        } else {
            w.a.movd(eax, from);
            w.a.cmp(eax, wide ? 0x5F000000 : 0x4F800000);
        }
        w.a.jae(w.fix_up(), Generator::T_NEAR);
        convert_to_signed(w, precision, to, from);
    }
    // Any mode raises inexact for what is no integer.
    if (rounding != Rounding::Zero) round_element(w, precision, xmm0, n, static_cast<unsigned>(Rounding::Nearest));
}

/// The number 2^exponent.
uint64_t power_of_two(Precision precision, int exponent) {
    return precision == Precision::Double ? static_cast<uint64_t>(1023 + exponent) << 52
                                          : static_cast<uint64_t>(127 + exponent) << 23;
}

/// `to` = n * 2^bits as an integer, to zero. What may be out of range goes to the fix-up first, so that scaling is
/// exact.
void to_fixed(VectorEmitter& w, Precision precision, bool is_signed, bool wide, unsigned bits, const Reg64& to,
              const Xmm& n) {
    const bool is_double = precision == Precision::Double;
    const unsigned width = wide ? 63 : is_signed ? 31 : 32; // Of what the host's signed conversions take.
    const uint64_t limit = power_of_two(precision, static_cast<int>(width) - static_cast<int>(bits));
    w.e.clobber_flags();
    // Signs are dropped, or make numbers too large.
    if (is_double) {
        w.a.movq(rax, n);
        if (is_signed) w.a.add(rax, rax);
        w.a.mov(rcx, is_signed ? limit << 1 : limit);
        w.a.cmp(rax, rcx);
    } else {
        w.a.movd(eax, n);
        if (is_signed) w.a.add(eax, eax);
        w.a.cmp(eax, static_cast<uint32_t>(is_signed ? limit << 1 : limit));
    }
    w.a.jae(w.fix_up(), Generator::T_NEAR);
    w.a.movaps(xmm0, n);
    w.a.mov(rax, power_of_two(precision, static_cast<int>(bits)));
    w.a.movq(xmm1, rax);
    is_double ? w.a.mulsd(xmm0, xmm1) : w.a.mulss(xmm0, xmm1);
    convert_to_signed(w, precision, is_signed ? Emitter::sized(to, wide) : Xbyak::Reg(to), xmm0);
}

/// To a general register; n is a scalar.
void convert_to_general(VectorEmitter& w, const Insn& insn, Precision precision, Rounding rounding, bool is_signed,
                        const Xmm& n) {
    const Reg64 to = w.e.target(insn.rd, rdx);
    const bool wide = (insn.word >> 31) != 0;
    if (insn.aux[0] != 0)
        to_fixed(w, precision, is_signed, wide, insn.aux[0], to, n);
    else
        to_integer(w, precision, rounding, is_signed, wide, to, n);
    w.e.commit(insn.rd, to);
}

template <Rounding rounding, bool is_signed> bool to_general(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    convert_to_general(w, insn, precision_of(insn), rounding, is_signed, w.use(insn.rn));
    return true;
}

/// Half precision as single precision.
template <Rounding rounding, bool is_signed> bool half_to_general(VectorEmitter& w, const Insn& insn) {
    if (!half::supported(w)) return false;
    const Xmm n = w.v.temporary();
    half::widen(w, insn, n, w.use(insn.rn));
    convert_to_general(w, insn, Precision::Single, rounding, is_signed, n);
    return true;
}

/// Between elements of the same size.
template <Rounding rounding, bool is_signed, bool fixed = false> bool to_element(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const bool wide = precision == Precision::Double;
    if (fixed)
        to_fixed(w, precision, is_signed, wide, insn.aux[0], rdx, w.use(insn.rn));
    else
        to_integer(w, precision, rounding, is_signed, wide, rdx, w.use(insn.rn));
    const Xmm d = w.define(insn.rd);
    wide ? w.a.movq(d, rdx) : w.a.movd(d, edx);
    w.finish(insn.rd, true);
    return true;
}

// ---- from integers --------------------------------------------------------------------------------------------------

/// Before the integer is loaded, which may be into rax.
void prepare_from_integer(VectorEmitter& w, bool is_signed, bool wide) {
    if (!is_signed && wide) w.e.clobber_flags();
}

/// xmm0 = the integer in `from`.
void from_integer(VectorEmitter& w, Precision precision, bool is_signed, bool wide, const Reg64& from) {
    const bool to_double = precision == Precision::Double;
    const auto convert = [&](const Xbyak::Reg& integer) {
        to_double ? w.a.cvtsi2sd(xmm0, integer) : w.a.cvtsi2ss(xmm0, integer);
    };
    w.zero(xmm0);
    if (is_signed) {
        convert(Emitter::sized(from, wide));
    } else if (!wide) {
        w.a.mov(eax, from.cvt32());
        convert(rax);
    } else {
        host::Label large, done;
        w.a.test(from, from);
        w.a.js(large);
        convert(from);
        w.a.jmp(done);
        w.a.L(large);
        // Half of it, its last bit kept for rounding, is a signed number; doubling is exact.
        w.a.mov(rcx, from);
        w.a.mov(edx, from.cvt32());
        w.a.shr(rcx, 1);
        w.a.and_(edx, 1);
        w.a.or_(rcx, rdx);
        convert(rcx);
        to_double ? w.a.addsd(xmm0, xmm0) : w.a.addss(xmm0, xmm0);
        w.a.L(done);
    }
}

/// xmm0 *= 2^-bits, which is exact: no integer but 0 is that small.
void scale_down(VectorEmitter& w, Precision precision, unsigned bits) {
    if (bits == 0) return;
    if (precision == Precision::Double) {
        w.a.mov(rax, uint64_t{1023 - bits} << 52);
        w.a.movq(xmm1, rax);
        w.a.mulsd(xmm0, xmm1);
    } else {
        w.a.mov(eax, (127 - bits) << 23);
        w.a.movd(xmm1, eax);
        w.a.mulss(xmm0, xmm1);
    }
}

template <bool is_signed> bool from_general(VectorEmitter& w, const Insn& insn) {
    const Precision precision = precision_of(insn);
    const bool wide = (insn.word >> 31) != 0;
    prepare_from_integer(w, is_signed, wide);
    from_integer(w, precision, is_signed, wide, w.e.read(insn.rn, rax));
    scale_down(w, precision, insn.aux[0]);
    w.finish(insn.rd, true, xmm0);
    w.v.set_significant(insn.rd, 1u << size_log2_of(precision));
    return true;
}

/// rax = x, with no more than the 53 bits that double precision keeps: where bits are lost, the last one kept is 1
/// (round to odd), so that the next rounding is right.
void fit_double(VectorEmitter& w, bool is_signed, const Reg64& x) {
    constexpr unsigned kKept = 53, kLost = 64 - kKept, kLostBits = (1u << kLost) - 1;
    host::Label exact;
    w.a.mov(rcx, x);
    if (x != rax) w.a.mov(rax, x);
    if (is_signed) { // -2^53 <= x < 2^53
        w.a.sar(rcx, kKept);
        w.a.inc(rcx);
        w.a.cmp(rcx, 1);
        w.a.jbe(exact);
    } else {
        w.a.shr(rcx, kKept);
        w.a.jz(exact);
    }
    w.a.mov(ecx, eax);
    w.a.and_(ecx, kLostBits);
    w.a.add(ecx, kLostBits);
    w.a.or_(rax, rcx);
    w.a.and_(rax, ~kLostBits);
    w.a.L(exact);
}

/// By way of double and single precision, rounded to odd.
template <bool is_signed> bool half_from_general(VectorEmitter& w, const Insn& insn) {
    if (!half::supported(w)) return false;
    const bool wide = (insn.word >> 31) != 0;
    const unsigned fraction_bits = insn.aux[0];
    // Integers that do not fit double precision overflow where fewer bits are fraction.
    constexpr unsigned kLeastFraction = 53 - 16;
    const bool fits = !wide || fraction_bits <= kLeastFraction;
    if (fits)
        prepare_from_integer(w, is_signed, wide);
    else
        w.e.clobber_flags();
    Reg64 integer = w.e.read(insn.rn, rax);
    if (!fits) {
        fit_double(w, is_signed, integer);
        integer = rax;
    }
    from_integer(w, Precision::Double, is_signed, wide, integer);
    scale_down(w, Precision::Double, fraction_bits);
    round_to_odd(w);
    // The guest tells underflow before rounding, as truncation does. Integers with no more bits than the result has are
    // exact.
    constexpr unsigned kLeastNormal = 14, kResultBits = 11;
    constexpr uint8_t kToZero = 3;
    if (fraction_bits > kLeastNormal + kResultBits) w.a.vcvtps2ph(xmm1, xmm0, kToZero);
    half::narrow(w, insn, xmm0);
    half::finish(w, insn);
    return true;
}

template <bool is_signed, bool fixed = false> bool from_element(VectorEmitter& w, const Insn& insn) {
    const Precision precision = precision_of(insn);
    const bool wide = precision == Precision::Double;
    prepare_from_integer(w, is_signed, wide);
    if (!w.v.holds(insn.rn))
        w.a.mov(Emitter::sized(rax, wide), w.v.memory(insn.rn, wide ? 64 : 32));
    else if (wide)
        w.a.movq(rax, w.use(insn.rn));
    else
        w.a.movd(eax, w.use(insn.rn));
    from_integer(w, precision, is_signed, wide, rax);
    if (fixed) scale_down(w, precision, insn.aux[0]);
    w.finish(insn.rd, true, xmm0);
    return true;
}

// ---- vectors --------------------------------------------------------------------------------------------------------

void round_elements(VectorEmitter& w, Precision precision, const Xmm& to, const Xmm& from, unsigned mode) {
    const auto imm = static_cast<uint8_t>(mode);
    precision == Precision::Double ? w.a.roundpd(to, from, imm) : w.a.roundps(to, from, imm);
}

/// xmm2 = integers of `from`, to zero; changes rax, rcx, xmm1.
void convert_elements(VectorEmitter& w, Precision precision, const Xmm& from) {
    if (precision == Precision::Single) {
        w.a.cvttps2dq(xmm2, from);
        return;
    }
    w.a.cvttsd2si(rax, from);
    w.a.pshufd(xmm1, from, 0xEE);
    w.a.cvttsd2si(rcx, xmm1);
    w.a.movq(xmm2, rax);
    w.a.pinsrq(xmm2, rcx, 1);
}

/// x * 2^exponent, exactly; changes xmm1, rax.
void scale_elements(VectorEmitter& w, Precision precision, const Xmm& x, int exponent) {
    const uint64_t factor = power_of_two(precision, exponent);
    if (precision == Precision::Double) {
        w.immediate(xmm1, factor, true);
        w.a.mulpd(x, xmm1);
    } else {
        w.immediate(xmm1, factor << 32 | factor, true);
        w.a.mulps(x, xmm1);
    }
}

/// Fix-up where |x|, or x if it is to be unsigned, is not less than 2^exponent. Changes xmm1, xmm2, rax.
void check_magnitudes(VectorEmitter& w, Precision precision, bool is_signed, const Xmm& x, int exponent) {
    const bool wide = precision == Precision::Double;
    // As integers the formats of positive numbers are in order; negative ones have their sign to tell.
    const uint64_t greatest = power_of_two(precision, exponent) - 1;
    w.a.movaps(xmm1, x);
    if (is_signed) w.a.andps(xmm1, w.constant(wide ? VectorConstant::ValuesD : VectorConstant::ValuesS));
    w.immediate(xmm2, wide ? greatest : greatest << 32 | greatest, true);
    wide ? w.a.pcmpgtq(xmm1, xmm2) : w.a.pcmpgtd(xmm1, xmm2);
    if (!is_signed) w.a.orps(xmm1, x);
    check_mask(w, xmm1);
}

/// Fix-ups come before anything is raised, as with scalars. What the host gives for all that is out of range of signed
/// integers is the smallest one.
template <Rounding rounding, bool is_signed> bool to_elements(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const bool wide = precision == Precision::Double;
    const Xmm n = elements(w, insn);
    Xmm from = n;
    if (rounding == Rounding::Away) {
        from = w.v.temporary();
        emit_round_all_away(w, precision, from, n);
    } else if (rounding != Rounding::Zero || !is_signed) {
        from = w.v.temporary();
        round_elements(w, precision, from, n, static_cast<unsigned>(rounding) | kQuietly);
    }
    if (!is_signed) check_magnitudes(w, precision, false, from, wide ? 63 : 31);
    convert_elements(w, precision, from);
    if (is_signed) {
        w.a.movaps(xmm1, w.constant(wide ? VectorConstant::SignsD : VectorConstant::SignsS));
        wide ? w.a.pcmpeqq(xmm1, xmm2) : w.a.pcmpeqd(xmm1, xmm2);
        check_mask(w, xmm1);
    }
    if (from.getIdx() != n.getIdx()) round_elements(w, precision, xmm1, n, static_cast<unsigned>(Rounding::Nearest));
    w.finish(insn.rd, is_full(insn), xmm2);
    return true;
}

template <bool is_signed> bool to_fixed_elements(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const int bits = insn.aux[0], width = precision == Precision::Double ? 63 : 31;
    const Xmm n = w.v.temporary();
    w.copy(n, elements(w, insn));
    check_magnitudes(w, precision, is_signed, n, width - bits);
    scale_elements(w, precision, n, bits);
    convert_elements(w, precision, n);
    w.finish(insn.rd, is_full(insn), xmm2);
    return true;
}

template <bool is_signed, bool fixed = false> bool from_elements(VectorEmitter& w, const Insn& insn) {
    const Precision precision = precision_of(insn);
    prepare_from_integer(w, is_signed, precision == Precision::Double);
    const Xmm n = elements(w, insn);
    if (precision == Precision::Double) {
        w.a.pextrq(rax, n, 1);
        from_integer(w, precision, is_signed, true, rax);
        w.a.movaps(xmm1, xmm0);
        w.a.movq(rax, n);
        from_integer(w, precision, is_signed, true, rax);
        w.a.unpcklpd(xmm0, xmm1);
    } else if (is_signed) {
        w.a.cvtdq2ps(xmm0, n);
    } else {
        // Both halves are exact, and so is the upper one's place: rounding is in the sum.
        const Xmm upper = w.v.temporary();
        w.a.movaps(upper, n);
        w.a.psrld(upper, 16);
        w.a.cvtdq2ps(upper, upper);
        scale_elements(w, precision, upper, 16);
        w.copy(xmm0, n);
        w.a.pand(xmm0, w.constant(VectorConstant::EvenHalfwords));
        w.a.cvtdq2ps(xmm0, xmm0);
        w.a.addps(xmm0, upper);
    }
    if (fixed) scale_elements(w, precision, xmm0, -static_cast<int>(insn.aux[0]));
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

} // namespace

void add_float_conversions(VectorTable& t) {
    t[Op::FCVTNS_integer_scalar] = to_general<Rounding::Nearest, true>;
    t[Op::FCVTNU_integer_scalar] = to_general<Rounding::Nearest, false>;
    t[Op::FCVTPS_integer_scalar] = to_general<Rounding::Up, true>;
    t[Op::FCVTPU_integer_scalar] = to_general<Rounding::Up, false>;
    t[Op::FCVTMS_integer_scalar] = to_general<Rounding::Down, true>;
    t[Op::FCVTMU_integer_scalar] = to_general<Rounding::Down, false>;
    t[Op::FCVTZS_integer_scalar] = to_general<Rounding::Zero, true>;
    t[Op::FCVTZU_integer_scalar] = to_general<Rounding::Zero, false>;
    t[Op::FCVTAS_integer_scalar] = to_general<Rounding::Away, true>;
    t[Op::FCVTAU_integer_scalar] = to_general<Rounding::Away, false>;
    t[Op::FCVTNS_integer_scalar_half] = half_to_general<Rounding::Nearest, true>;
    t[Op::FCVTNU_integer_scalar_half] = half_to_general<Rounding::Nearest, false>;
    t[Op::FCVTPS_integer_scalar_half] = half_to_general<Rounding::Up, true>;
    t[Op::FCVTPU_integer_scalar_half] = half_to_general<Rounding::Up, false>;
    t[Op::FCVTMS_integer_scalar_half] = half_to_general<Rounding::Down, true>;
    t[Op::FCVTMU_integer_scalar_half] = half_to_general<Rounding::Down, false>;
    t[Op::FCVTZS_integer_scalar_half] = half_to_general<Rounding::Zero, true>;
    t[Op::FCVTZU_integer_scalar_half] = half_to_general<Rounding::Zero, false>;
    t[Op::FCVTAS_integer_scalar_half] = half_to_general<Rounding::Away, true>;
    t[Op::FCVTAU_integer_scalar_half] = half_to_general<Rounding::Away, false>;
    t[Op::FCVTZS_fixed_scalar_half] = half_to_general<Rounding::Zero, true>;
    t[Op::FCVTZU_fixed_scalar_half] = half_to_general<Rounding::Zero, false>;
    t[Op::SCVTF_integer_scalar_half] = t[Op::SCVTF_fixed_scalar_half] = half_from_general<true>;
    t[Op::UCVTF_integer_scalar_half] = t[Op::UCVTF_fixed_scalar_half] = half_from_general<false>;

    t[Op::FCVTAS_simd_scalar] = to_element<Rounding::Away, true>;
    t[Op::FCVTAU_simd_scalar] = to_element<Rounding::Away, false>;
    t[Op::FCVTNS_simd_scalar] = to_element<Rounding::Nearest, true>;
    t[Op::FCVTNU_simd_scalar] = to_element<Rounding::Nearest, false>;
    t[Op::FCVTPS_simd_scalar] = to_element<Rounding::Up, true>;
    t[Op::FCVTPU_simd_scalar] = to_element<Rounding::Up, false>;
    t[Op::FCVTMS_simd_scalar] = to_element<Rounding::Down, true>;
    t[Op::FCVTMU_simd_scalar] = to_element<Rounding::Down, false>;
    t[Op::FCVTZS_simd_scalar] = to_element<Rounding::Zero, true>;
    t[Op::FCVTZU_simd_scalar] = to_element<Rounding::Zero, false>;
    t[Op::FCVTNS_vector] = to_elements<Rounding::Nearest, true>;
    t[Op::FCVTNU_vector] = to_elements<Rounding::Nearest, false>;
    t[Op::FCVTPS_vector] = to_elements<Rounding::Up, true>;
    t[Op::FCVTPU_vector] = to_elements<Rounding::Up, false>;
    t[Op::FCVTMS_vector] = to_elements<Rounding::Down, true>;
    t[Op::FCVTMU_vector] = to_elements<Rounding::Down, false>;
    t[Op::FCVTZS_vector] = to_elements<Rounding::Zero, true>;
    t[Op::FCVTZU_vector] = to_elements<Rounding::Zero, false>;
    t[Op::FCVTAS_vector] = to_elements<Rounding::Away, true>;
    t[Op::FCVTAU_vector] = to_elements<Rounding::Away, false>;
    t[Op::FCVTZS_fixed_scalar] = to_general<Rounding::Zero, true>;
    t[Op::FCVTZU_fixed_scalar] = to_general<Rounding::Zero, false>;
    t[Op::FCVTZS_fixed_simd_scalar_s] = t[Op::FCVTZS_fixed_simd_scalar_d] = to_element<Rounding::Zero, true, true>;
    t[Op::FCVTZU_fixed_simd_scalar_s] = t[Op::FCVTZU_fixed_simd_scalar_d] = to_element<Rounding::Zero, false, true>;
    t[Op::FCVTZS_fixed_vector_s] = t[Op::FCVTZS_fixed_vector_d] = to_fixed_elements<true>;
    t[Op::FCVTZU_fixed_vector_s] = t[Op::FCVTZU_fixed_vector_d] = to_fixed_elements<false>;

    t[Op::SCVTF_integer_scalar] = t[Op::SCVTF_fixed_scalar] = from_general<true>;
    t[Op::UCVTF_integer_scalar] = t[Op::UCVTF_fixed_scalar] = from_general<false>;
    t[Op::SCVTF_simd_scalar] = from_element<true>;
    t[Op::UCVTF_simd_scalar] = from_element<false>;
    t[Op::SCVTF_vector] = from_elements<true>;
    t[Op::UCVTF_vector] = from_elements<false>;
    t[Op::SCVTF_fixed_simd_scalar_s] = t[Op::SCVTF_fixed_simd_scalar_d] = from_element<true, true>;
    t[Op::UCVTF_fixed_simd_scalar_s] = t[Op::UCVTF_fixed_simd_scalar_d] = from_element<false, true>;
    t[Op::SCVTF_fixed_vector_s] = t[Op::SCVTF_fixed_vector_d] = from_elements<true, true>;
    t[Op::UCVTF_fixed_vector_s] = t[Op::UCVTF_fixed_vector_d] = from_elements<false, true>;
}

} // namespace beeline::translate
