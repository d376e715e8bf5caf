// Scalar floating-point arithmetic, comparisons and selection, single and double precision (Arm ARM C4.1.90);
// conditional comparison and selection in half precision as well.
#include "arm64/state.h"
#include "translate/emit_data_processing.h"
#include "translate/float_half.h"
#include "translate/state.h"

#include <utility>

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using Generator = Xbyak::CodeGenerator;

namespace {

constexpr FloatBinary kAdd{{&Generator::addss, &Generator::addsd}, {&Generator::vaddss, &Generator::vaddsd}};
constexpr FloatBinary kSub{{&Generator::subss, &Generator::subsd}, {&Generator::vsubss, &Generator::vsubsd}};
constexpr FloatBinary kMul{{&Generator::mulss, &Generator::mulsd}, {&Generator::vmulss, &Generator::vmulsd}};
constexpr FloatBinary kDiv{{&Generator::divss, &Generator::divsd}, {&Generator::vdivss, &Generator::vdivsd}};
constexpr FloatBinary kMax{{&Generator::maxss, &Generator::maxsd}, {&Generator::vmaxss, &Generator::vmaxsd}};
constexpr FloatBinary kMin{{&Generator::minss, &Generator::minsd}, {&Generator::vminss, &Generator::vminsd}};

// Results are computed where they belong even before they are checked (VectorRegisters keeps what was there). The
// host's scalar operations leave the rest of the register as it is in their first source.

bool fits(const VectorEmitter& w, unsigned guest, Precision precision) {
    return w.v.significant(guest) <= 1u << size_log2_of(precision);
}

/// The result is in define(insn.rd), the rest of which is zero if `clean`.
void finish(VectorEmitter& w, const Insn& insn, Precision precision, bool clean) {
    if (!clean) {
        w.finish_scalar(insn.rd, size_log2_of(precision), w.define(insn.rd));
        return;
    }
    w.v.store(insn.rd);
    w.v.set_significant(insn.rd, 1u << size_log2_of(precision));
}

enum class Order { Fixed, Any };

/// define(insn.rd) = rn op rm; returns whether the rest of it is zero.
bool emit_binary(VectorEmitter& w, const Insn& insn, Precision precision, const FloatBinary& op, Order order) {
    Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    bool clean = fits(w, insn.rn, precision);
    if (order == Order::Any && !clean && fits(w, insn.rm, precision)) {
        std::swap(n, m);
        clean = true;
    }
    op.emit(w, precision, w.redefine(insn.rd), n, m);
    return clean;
}

// What these compute is checked by FloatRun.

template <const FloatBinary& op, Order order> bool binary(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const bool clean = emit_binary(w, insn, precision, op, order);
    finish(w, insn, precision, clean);
    return true;
}

template <bool negated> bool multiply(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const bool clean = emit_binary(w, insn, precision, kMul, Order::Any);
    if (negated)
        w.a.xorps(w.define(insn.rd),
                  w.constant(precision == Precision::Double ? VectorConstant::SignD : VectorConstant::SignS));
    finish(w, insn, precision, clean);
    return true;
}

/// a + n * m with signs, rounded once.
template <ThreeOperands single_op, ThreeOperands double_op> bool fused(VectorEmitter& w, const Insn& insn) {
    if (w.flushes || !w.e.host.fma) return false;
    const Precision precision = precision_of(insn);
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm), a = w.use(insn.ra);
    const bool clean = fits(w, insn.ra, precision);
    const Xmm d = w.redefine(insn.rd), sum = d.getIdx() == n.getIdx() || d.getIdx() == m.getIdx() ? xmm0 : d;
    w.copy(sum, a);
    (w.a.*(precision == Precision::Double ? double_op : single_op))(sum, n, m);
    w.copy(d, sum);
    finish(w, insn, precision, clean);
    return true;
}

/// The host's take the second operand when both are zero: the other way round gives the other zero, and of -0 and +0
/// together the greater is their conjunction, the smaller their disjunction. NaNs are looked for first, because
/// quiet ones raise invalid operation on the host.
template <bool maximum> bool extreme(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    check_ordered(w, precision, n, m);
    const FloatBinary& op = maximum ? kMax : kMin;
    const bool clean = fits(w, insn.rn, precision) && (maximum || fits(w, insn.rm, precision));
    op.emit(w, precision, xmm0, n, m);
    op.emit(w, precision, xmm1, m, n);
    maximum ? w.a.andps(xmm0, xmm1) : w.a.orps(xmm0, xmm1);
    w.copy(w.define(insn.rd), xmm0);
    finish(w, insn, precision, clean);
    return true;
}

bool square_root(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const Xmm n = w.use(insn.rn);
    w.zero(xmm0);
    precision == Precision::Double ? w.a.sqrtsd(xmm0, n) : w.a.sqrtss(xmm0, n);
    check_ordered(w, precision, xmm0, xmm0);
    w.copy(w.define(insn.rd), xmm0);
    finish(w, insn, precision, true);
    return true;
}

bool absolute(VectorEmitter& w, const Insn& insn) {
    const Precision precision = precision_of(insn);
    const Xmm n = w.use(insn.rn), d = w.define(insn.rd);
    w.copy(d, n);
    w.a.andps(d, w.constant(precision == Precision::Double ? VectorConstant::ValueD : VectorConstant::ValueS));
    finish(w, insn, precision, true);
    return true;
}

bool negate(VectorEmitter& w, const Insn& insn) {
    const Precision precision = precision_of(insn);
    const bool clean = fits(w, insn.rn, precision);
    const Xmm n = w.use(insn.rn), d = w.define(insn.rd);
    w.copy(d, n);
    w.a.xorps(d, w.constant(precision == Precision::Double ? VectorConstant::SignD : VectorConstant::SignS));
    finish(w, insn, precision, clean);
    return true;
}

/// Ties away from zero, which the host has no mode for: the fraction that is cut off is added back as one or zero.
/// Large numbers, which are integers, and NaNs go to the fix-up. Neither inexact nor rounding comes into it.
bool round_away(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const Xmm n = w.use(insn.rn);
    w.e.clobber_flags();
    emit_round_away(w, precision, xmm0, n);
    w.copy(w.define(insn.rd), xmm0);
    finish(w, insn, precision, true);
    return true;
}

/// As the host's ROUNDSD: 0 to 3 nearest, down, up, to zero, 4 as MXCSR says; 8 more: inexact is not raised.
template <uint8_t mode> bool round(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Precision precision = precision_of(insn);
    const Xmm n = w.use(insn.rn);
    w.zero(xmm0);
    precision == Precision::Double ? w.a.roundsd(xmm0, n, mode) : w.a.roundss(xmm0, n, mode);
    check_ordered(w, precision, xmm0, xmm0);
    w.copy(w.define(insn.rd), xmm0);
    finish(w, insn, precision, true);
    return true;
}

// ---- comparisons ----------------------------------------------------------------------------------------------------

/// Comparing signals like the guest's: ucomisd for signalling NaNs, comisd for all.
void compare_elements(VectorEmitter& w, Precision precision, bool signalling, const Xmm& n, const Xmm& m) {
    if (precision == Precision::Double)
        signalling ? w.a.comisd(n, m) : w.a.ucomisd(n, m);
    else
        signalling ? w.a.comiss(n, m) : w.a.ucomiss(n, m);
}

template <bool signalling, bool with_zero> bool compare(VectorEmitter& w, const Insn& insn) {
    if (w.flushes) return false;
    const Xmm n = w.use(insn.rn);
    if (with_zero) w.zero(xmm0);
    const Xmm m = with_zero ? xmm0 : w.use(insn.rm);
    compare_elements(w, precision_of(insn), signalling, n, m);
    w.e.define_flags(FlagPlace::Float);
    return true;
}

template <bool signalling, bool of_halves = false> bool conditional_compare(VectorEmitter& w, const Insn& insn) {
    if (of_halves ? !half::supported(w) : w.flushes) return false;
    const unsigned condition = insn.aux[0];
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    const auto compare = [&] {
        if (!of_halves) {
            compare_elements(w, precision_of(insn), signalling, n, m);
            return;
        }
        half::widen(w, insn, xmm0, n);
        half::widen(w, insn, xmm1, m);
        compare_elements(w, Precision::Single, signalling, xmm0, xmm1);
    };
    if (condition >= 14) {
        compare();
        w.e.define_flags(FlagPlace::Float);
        return true;
    }
    const uint8_t code = emit_condition(w.e, condition);
    host::Label holds, done;
    w.a.jcc(code, holds);
    w.a.mov(w.e.state(&translated_state(w.e.cpu).host_flags, 32), host_flags(static_cast<uint32_t>(insn.imm)));
    w.a.jmp(done);
    w.a.L(holds);
    compare();
    w.e.store_flags(FlagPlace::Float);
    w.a.L(done);
    w.e.define_flags_in_memory();
    return true;
}

template <bool of_halves = false> bool select(VectorEmitter& w, const Insn& insn) {
    const unsigned size = of_halves ? 1 : size_log2_of(precision_of(insn));
    const unsigned condition = insn.aux[0];
    if (condition >= 14) {
        w.finish_scalar(insn.rd, size, w.use(insn.rn));
        return true;
    }
    const auto load = [&](const Reg64& to, unsigned v) {
        const bool held = w.v.holds(v);
        switch (size) {
        case 1: held ? w.a.pextrw(to.cvt32(), w.use(v), 0) : w.a.movzx(to.cvt32(), w.v.memory(v, 16)); break;
        case 2: held ? w.a.movd(to.cvt32(), w.use(v)) : w.a.mov(to.cvt32(), w.v.memory(v, 32)); break;
        default: held ? w.a.movq(to, w.use(v)) : w.a.mov(to, w.v.memory(v, 64)); break;
        }
    };
    const uint8_t code = emit_condition(w.e, condition);
    load(rcx, insn.rm);
    load(rdx, insn.rn);
    emit_move_if(w.e, code, rcx, rdx);
    const Xmm d = w.define(insn.rd);
    size == 3 ? w.a.movq(d, rcx) : w.a.movd(d, ecx);
    w.v.store(insn.rd);
    w.v.set_significant(insn.rd, 1u << size);
    return true;
}

} // namespace

void add_scalar_float(VectorTable& t) {
    t[Op::FADD_scalar] = binary<kAdd, Order::Any>;
    t[Op::FSUB_scalar] = binary<kSub, Order::Fixed>;
    t[Op::FDIV_scalar] = binary<kDiv, Order::Fixed>;
    t[Op::FMUL_scalar] = multiply<false>;
    t[Op::FNMUL_scalar] = multiply<true>;
    t[Op::FMADD_scalar] = fused<&Generator::vfmadd231ss, &Generator::vfmadd231sd>;
    t[Op::FMSUB_scalar] = fused<&Generator::vfnmadd231ss, &Generator::vfnmadd231sd>;
    t[Op::FNMADD_scalar] = fused<&Generator::vfnmsub231ss, &Generator::vfnmsub231sd>;
    t[Op::FNMSUB_scalar] = fused<&Generator::vfmsub231ss, &Generator::vfmsub231sd>;
    // The flavours differ for NaNs alone.
    t[Op::FMAX_scalar] = t[Op::FMAXNM_scalar] = extreme<true>;
    t[Op::FMIN_scalar] = t[Op::FMINNM_scalar] = extreme<false>;
    t[Op::FSQRT_scalar] = square_root;
    t[Op::FABS_scalar] = absolute;
    t[Op::FNEG_scalar] = negate;

    t[Op::FRINTN_scalar] = round<8 + 0>;
    t[Op::FRINTM_scalar] = round<8 + 1>;
    t[Op::FRINTP_scalar] = round<8 + 2>;
    t[Op::FRINTZ_scalar] = round<8 + 3>;
    t[Op::FRINTI_scalar] = round<8 + 4>;
    t[Op::FRINTX_scalar] = round<4>;
    t[Op::FRINTA_scalar] = round_away;

    t[Op::FCMP_scalar] = compare<false, false>;
    t[Op::FCMPE_scalar] = compare<true, false>;
    t[Op::FCMP_zero_scalar] = compare<false, true>;
    t[Op::FCMPE_zero_scalar] = compare<true, true>;
    t[Op::FCCMP_scalar] = conditional_compare<false>;
    t[Op::FCCMPE_scalar] = conditional_compare<true>;
    t[Op::FCCMP_scalar_half] = conditional_compare<false, true>;
    t[Op::FCCMPE_scalar_half] = conditional_compare<true, true>;
    t[Op::FCSEL_scalar] = select<>;
    t[Op::FCSEL_scalar_half] = select<true>;
}

} // namespace beeline::translate
