// Conversions between half precision and integers of its size.
#include "translate/float_half.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using Xbyak::Ymm;
using namespace half;

namespace {

/// Rounding modes, those that the host has as ROUNDPS encodes them.
enum class Rounding : uint8_t { Nearest = 0, Down = 1, Up = 2, Zero = 3, Away };

/// xmm0 *= 2^exponent, in single precision, exactly; changes xmm1, rax.
void scale(VectorEmitter& w, const Insn& insn, int exponent) {
    const Xmm x = sized(insn, xmm0), factor = sized(insn, xmm1);
    w.a.mov(eax, static_cast<uint32_t>(127 + exponent) << 23);
    w.a.movd(xmm1, eax);
    w.a.vbroadcastss(factor, xmm1);
    w.a.vmulps(x, x, factor);
}

/// Fix-up for elements of n that are out of range, or negative and to be unsigned. Changes xmm1, xmm2, rax.
void check_range(VectorEmitter& w, const Insn& insn, bool is_signed, unsigned fraction_bits, const Xmm& n) {
    // As integers the formats of positive numbers are in order; negative ones have their sign to tell.
    const unsigned limit = ((is_signed ? 30u : 31u) - fraction_bits) << 10;
    spread(w, insn, xmm1, n);
    if (is_signed) w.a.pand(xmm1, w.constant(VectorConstant::ValuesH));
    w.immediate(xmm2, 0x0001000100010001u * uint64_t{limit - 1}, true);
    if (is_signed) {
        w.a.pcmpgtw(xmm1, xmm2);
    } else {
        w.a.vpcmpgtw(xmm2, xmm1, xmm2);
        w.a.psraw(xmm1, 15);
        w.a.por(xmm1, xmm2);
    }
    check_bytes(w, xmm1);
}

/// By way of words, of which those in range fit.
template <Rounding rounding, bool is_signed, bool fixed = false> bool to_integers(VectorEmitter& w, const Insn& insn) {
    constexpr uint8_t kQuietly = 8;
    if (!supported(w)) return false;
    const Xmm n = w.use(insn.rn);
    const unsigned bits = fixed ? insn.aux[0] : 0;
    check_range(w, insn, is_signed, bits, n);
    widen(w, insn, xmm0, n);
    const Xmm x = sized(insn, xmm0), y = sized(insn, xmm1);
    if (fixed) scale(w, insn, static_cast<int>(bits));
    if (rounding == Rounding::Away) {
        w.a.vroundps(y, x, static_cast<uint8_t>(Rounding::Nearest)); // For inexact alone.
        add_half(w, insn);
        w.a.vroundps(x, x, static_cast<uint8_t>(Rounding::Zero) | kQuietly);
    } else if (rounding != Rounding::Zero) {
        w.a.vroundps(x, x, static_cast<uint8_t>(rounding));
    }
    w.a.vcvttps2dq(x, x);
    if (is_full(insn)) {
        w.a.vextractf128(xmm1, Ymm(0), 1);
        w.a.vzeroupper();
        is_signed ? w.a.packssdw(xmm0, xmm1) : w.a.packusdw(xmm0, xmm1);
    } else {
        is_signed ? w.a.packssdw(xmm0, xmm0) : w.a.packusdw(xmm0, xmm0);
    }
    finish(w, insn);
    return true;
}

/// Nothing that is inexact becomes denormal: it has more than eleven bits, of sixteen.
template <bool is_signed, bool fixed = false> bool from_integers(VectorEmitter& w, const Insn& insn) {
    if (!supported(w)) return false;
    const Xmm x = sized(insn, xmm0);
    Xmm n = w.use(insn.rn);
    if (is_scalar(insn)) {
        w.zero(xmm1);
        w.a.pblendw(xmm1, n, 1);
        n = xmm1;
    }
    is_signed ? w.a.vpmovsxwd(x, n) : w.a.vpmovzxwd(x, n);
    w.a.vcvtdq2ps(x, x);
    if (fixed) scale(w, insn, -static_cast<int>(insn.aux[0]));
    narrow(w, insn, xmm0);
    finish(w, insn);
    return true;
}

} // namespace

void add_half_conversions(VectorTable& t) {
    t[Op::FCVTNS_vector_half] = t[Op::FCVTNS_simd_scalar_half] = to_integers<Rounding::Nearest, true>;
    t[Op::FCVTNU_vector_half] = t[Op::FCVTNU_simd_scalar_half] = to_integers<Rounding::Nearest, false>;
    t[Op::FCVTPS_vector_half] = t[Op::FCVTPS_simd_scalar_half] = to_integers<Rounding::Up, true>;
    t[Op::FCVTPU_vector_half] = t[Op::FCVTPU_simd_scalar_half] = to_integers<Rounding::Up, false>;
    t[Op::FCVTMS_vector_half] = t[Op::FCVTMS_simd_scalar_half] = to_integers<Rounding::Down, true>;
    t[Op::FCVTMU_vector_half] = t[Op::FCVTMU_simd_scalar_half] = to_integers<Rounding::Down, false>;
    t[Op::FCVTZS_vector_half] = t[Op::FCVTZS_simd_scalar_half] = to_integers<Rounding::Zero, true>;
    t[Op::FCVTZU_vector_half] = t[Op::FCVTZU_simd_scalar_half] = to_integers<Rounding::Zero, false>;
    t[Op::FCVTAS_vector_half] = t[Op::FCVTAS_simd_scalar_half] = to_integers<Rounding::Away, true>;
    t[Op::FCVTAU_vector_half] = t[Op::FCVTAU_simd_scalar_half] = to_integers<Rounding::Away, false>;
    t[Op::FCVTZS_fixed_vector_h] = t[Op::FCVTZS_fixed_simd_scalar_h] = to_integers<Rounding::Zero, true, true>;
    t[Op::FCVTZU_fixed_vector_h] = t[Op::FCVTZU_fixed_simd_scalar_h] = to_integers<Rounding::Zero, false, true>;

    t[Op::SCVTF_vector_half] = t[Op::SCVTF_simd_scalar_half] = from_integers<true>;
    t[Op::UCVTF_vector_half] = t[Op::UCVTF_simd_scalar_half] = from_integers<false>;
    t[Op::SCVTF_fixed_vector_h] = t[Op::SCVTF_fixed_simd_scalar_h] = from_integers<true, true>;
    t[Op::UCVTF_fixed_vector_h] = t[Op::UCVTF_fixed_simd_scalar_h] = from_integers<false, true>;
}

} // namespace beeline::translate
