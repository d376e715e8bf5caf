// Scalar floating point: arithmetic, comparison, selection, immediates (Arm ARM C4.1.90).
#include "arm64/interpreter/alu.h"
#include "arm64/interpreter/fp_handlers.h"

namespace beeline::arm64 {

namespace {

using namespace fp_operations;

template <bool signalling> struct Compare {
    template <typename U> struct Instance {
        [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
            FpScope scope(cpu);
            const U n = lane<U>(cpu.state.v[insn.rn], 0), m = lane<U>(cpu.state.v[insn.rm], 0);
            cpu.state.nzcv = fp::compare(n, m, signalling, scope);
        }
    };
};

template <bool signalling> struct CompareZero {
    template <typename U> struct Instance {
        [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
            FpScope scope(cpu);
            cpu.state.nzcv = fp::compare(lane<U>(cpu.state.v[insn.rn], 0), U{0}, signalling, scope);
        }
    };
};

template <bool signalling> Handler scalar_compare(const Fields& f) {
    return by_precision<Compare<signalling>::template Instance>(f);
}
template <bool signalling> Handler scalar_compare_zero(const Fields& f) {
    return by_precision<CompareZero<signalling>::template Instance>(f);
}

/// aux[0] is the condition, imm the flags when it does not hold.
template <bool signalling> struct ConditionalCompare {
    template <typename U> struct Instance {
        static void work(Vcpu& cpu, const Insn& insn) {
            if (holds(insn.aux[0], cpu.state.nzcv)) {
                Compare<signalling>::template Instance<U>::work(cpu, insn);
            } else {
                cpu.state.nzcv = static_cast<uint32_t>(insn.imm);
            }
        }
    };
};

template <bool signalling> Handler scalar_conditional_compare(Insn& insn, const Fields& f) {
    insn.aux[0] = static_cast<uint8_t>(f('c'));
    insn.imm = uint64_t{f('i')} << 28;
    return by_precision<ConditionalCompare<signalling>::template Instance>(f);
}

template <typename U> struct Select {
    static void work(Vcpu& cpu, const Insn& insn) {
        const unsigned source = holds(insn.aux[0], cpu.state.nzcv) ? insn.rn : insn.rm;
        write_scalar(cpu.state.v[insn.rd], lane<U>(cpu.state.v[source], 0));
    }
};

Handler scalar_select(Insn& insn, const Fields& f) {
    insn.aux[0] = static_cast<uint8_t>(f('c'));
    return by_precision<Select>(f);
}

/// imm is the whole value.
void write_immediate(Vcpu& cpu, const Insn& insn) { write_scalar(cpu.state.v[insn.rd], insn.imm); }

Handler move_immediate(Insn& insn, const Fields& f) {
    const uint32_t imm8 = f('i');
    insn.imm = !f.has('y')   ? fp::expand_immediate<uint16_t>(imm8)
               : f('y') == 0 ? fp::expand_immediate<uint32_t>(imm8)
                             : fp::expand_immediate<uint64_t>(imm8);
    return perform<write_immediate>;
}

} // namespace

// Floating-point data-processing (1 source)
Handler bind_FMOV_scalar(Insn&, const Fields& f) { return scalar_unary<Move>(f); }
Handler bind_FMOV_scalar_half(Insn&, const Fields& f) { return scalar_unary<Move>(f); }
Handler bind_FABS_scalar(Insn&, const Fields& f) { return scalar_unary<Abs>(f); }
Handler bind_FABS_scalar_half(Insn&, const Fields& f) { return scalar_unary<Abs>(f); }
Handler bind_FNEG_scalar(Insn&, const Fields& f) { return scalar_unary<Neg>(f); }
Handler bind_FNEG_scalar_half(Insn&, const Fields& f) { return scalar_unary<Neg>(f); }
Handler bind_FSQRT_scalar(Insn&, const Fields& f) { return scalar_unary<Sqrt>(f); }
Handler bind_FSQRT_scalar_half(Insn&, const Fields& f) { return scalar_unary<Sqrt>(f); }
Handler bind_FRINTN_scalar(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::TieEven>>(f); }
Handler bind_FRINTN_scalar_half(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::TieEven>>(f); }
Handler bind_FRINTP_scalar(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::PlusInf>>(f); }
Handler bind_FRINTP_scalar_half(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::PlusInf>>(f); }
Handler bind_FRINTM_scalar(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::MinusInf>>(f); }
Handler bind_FRINTM_scalar_half(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::MinusInf>>(f); }
Handler bind_FRINTZ_scalar(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::Zero>>(f); }
Handler bind_FRINTZ_scalar_half(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::Zero>>(f); }
Handler bind_FRINTA_scalar(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::TieAway>>(f); }
Handler bind_FRINTA_scalar_half(Insn&, const Fields& f) { return scalar_unary<RoundTo<Rounding::TieAway>>(f); }
Handler bind_FRINTX_scalar(Insn&, const Fields& f) { return scalar_unary<RoundExact>(f); }
Handler bind_FRINTX_scalar_half(Insn&, const Fields& f) { return scalar_unary<RoundExact>(f); }
Handler bind_FRINTI_scalar(Insn&, const Fields& f) { return scalar_unary<RoundCurrent>(f); }
Handler bind_FRINTI_scalar_half(Insn&, const Fields& f) { return scalar_unary<RoundCurrent>(f); }

// Floating-point data-processing (2 source)
Handler bind_FMUL_scalar(Insn&, const Fields& f) { return scalar_binary<Mul>(f); }
Handler bind_FMUL_scalar_half(Insn&, const Fields& f) { return scalar_binary<Mul>(f); }
Handler bind_FDIV_scalar(Insn&, const Fields& f) { return scalar_binary<Div>(f); }
Handler bind_FDIV_scalar_half(Insn&, const Fields& f) { return scalar_binary<Div>(f); }
Handler bind_FADD_scalar(Insn&, const Fields& f) { return scalar_binary<Add>(f); }
Handler bind_FADD_scalar_half(Insn&, const Fields& f) { return scalar_binary<Add>(f); }
Handler bind_FSUB_scalar(Insn&, const Fields& f) { return scalar_binary<Sub>(f); }
Handler bind_FSUB_scalar_half(Insn&, const Fields& f) { return scalar_binary<Sub>(f); }
Handler bind_FMAX_scalar(Insn&, const Fields& f) { return scalar_binary<Max>(f); }
Handler bind_FMAX_scalar_half(Insn&, const Fields& f) { return scalar_binary<Max>(f); }
Handler bind_FMIN_scalar(Insn&, const Fields& f) { return scalar_binary<Min>(f); }
Handler bind_FMIN_scalar_half(Insn&, const Fields& f) { return scalar_binary<Min>(f); }
Handler bind_FMAXNM_scalar(Insn&, const Fields& f) { return scalar_binary<MaxNum>(f); }
Handler bind_FMAXNM_scalar_half(Insn&, const Fields& f) { return scalar_binary<MaxNum>(f); }
Handler bind_FMINNM_scalar(Insn&, const Fields& f) { return scalar_binary<MinNum>(f); }
Handler bind_FMINNM_scalar_half(Insn&, const Fields& f) { return scalar_binary<MinNum>(f); }
Handler bind_FNMUL_scalar(Insn&, const Fields& f) { return scalar_binary<NegatedMul>(f); }
Handler bind_FNMUL_scalar_half(Insn&, const Fields& f) { return scalar_binary<NegatedMul>(f); }

// Floating-point data-processing (3 source)
Handler bind_FMADD_scalar(Insn&, const Fields& f) { return scalar_ternary<MulAdd>(f); }
Handler bind_FMADD_scalar_half(Insn&, const Fields& f) { return scalar_ternary<MulAdd>(f); }
Handler bind_FMSUB_scalar(Insn&, const Fields& f) { return scalar_ternary<MulSub>(f); }
Handler bind_FMSUB_scalar_half(Insn&, const Fields& f) { return scalar_ternary<MulSub>(f); }
Handler bind_FNMADD_scalar(Insn&, const Fields& f) { return scalar_ternary<NegatedMulAdd>(f); }
Handler bind_FNMADD_scalar_half(Insn&, const Fields& f) { return scalar_ternary<NegatedMulAdd>(f); }
Handler bind_FNMSUB_scalar(Insn&, const Fields& f) { return scalar_ternary<NegatedMulSub>(f); }
Handler bind_FNMSUB_scalar_half(Insn&, const Fields& f) { return scalar_ternary<NegatedMulSub>(f); }

// Floating-point compare, conditional compare, conditional select
Handler bind_FCMP_scalar(Insn&, const Fields& f) { return scalar_compare<false>(f); }
Handler bind_FCMP_scalar_half(Insn&, const Fields& f) { return scalar_compare<false>(f); }
Handler bind_FCMP_zero_scalar(Insn&, const Fields& f) { return scalar_compare_zero<false>(f); }
Handler bind_FCMP_zero_scalar_half(Insn&, const Fields& f) { return scalar_compare_zero<false>(f); }
Handler bind_FCMPE_scalar(Insn&, const Fields& f) { return scalar_compare<true>(f); }
Handler bind_FCMPE_scalar_half(Insn&, const Fields& f) { return scalar_compare<true>(f); }
Handler bind_FCMPE_zero_scalar(Insn&, const Fields& f) { return scalar_compare_zero<true>(f); }
Handler bind_FCMPE_zero_scalar_half(Insn&, const Fields& f) { return scalar_compare_zero<true>(f); }
Handler bind_FCCMP_scalar(Insn& insn, const Fields& f) { return scalar_conditional_compare<false>(insn, f); }
Handler bind_FCCMP_scalar_half(Insn& insn, const Fields& f) { return scalar_conditional_compare<false>(insn, f); }
Handler bind_FCCMPE_scalar(Insn& insn, const Fields& f) { return scalar_conditional_compare<true>(insn, f); }
Handler bind_FCCMPE_scalar_half(Insn& insn, const Fields& f) { return scalar_conditional_compare<true>(insn, f); }
Handler bind_FCSEL_scalar(Insn& insn, const Fields& f) { return scalar_select(insn, f); }
Handler bind_FCSEL_scalar_half(Insn& insn, const Fields& f) { return scalar_select(insn, f); }

// Floating-point immediate
Handler bind_FMOV_immediate_scalar(Insn& insn, const Fields& f) { return move_immediate(insn, f); }
Handler bind_FMOV_immediate_scalar_half(Insn& insn, const Fields& f) { return move_immediate(insn, f); }

} // namespace beeline::arm64
