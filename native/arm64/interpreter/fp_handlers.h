// Handler templates for scalars: scalar floating point and the scalar forms of Advanced SIMD.
#pragma once

#include "arm64/interpreter/fp_operations.h"

namespace beeline::arm64 {

template <typename Operation> struct ScalarUnary {
    template <typename U> struct Instance {
        [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
            FpScope scope(cpu);
            write_scalar(cpu.state.v[insn.rd], Operation::apply(lane<U>(cpu.state.v[insn.rn], 0), scope));
        }
    };
};

template <typename Operation> struct ScalarBinary {
    template <typename U> struct Instance {
        [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
            FpScope scope(cpu);
            const U n = lane<U>(cpu.state.v[insn.rn], 0), m = lane<U>(cpu.state.v[insn.rm], 0);
            write_scalar(cpu.state.v[insn.rd], Operation::apply(n, m, scope));
        }
    };
};

template <typename Operation> struct ScalarTernary {
    template <typename U> struct Instance {
        [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
            FpScope scope(cpu);
            const U n = lane<U>(cpu.state.v[insn.rn], 0), m = lane<U>(cpu.state.v[insn.rm], 0);
            const U a = lane<U>(cpu.state.v[insn.ra], 0);
            write_scalar(cpu.state.v[insn.rd], Operation::apply(a, n, m, scope));
        }
    };
};

template <typename Operation> Handler scalar_unary(const Fields& f) {
    return by_precision<ScalarUnary<Operation>::template Instance>(f);
}
template <typename Operation> Handler scalar_binary(const Fields& f) {
    return by_precision<ScalarBinary<Operation>::template Instance>(f);
}
template <typename Operation> Handler scalar_ternary(const Fields& f) {
    return by_precision<ScalarTernary<Operation>::template Instance>(f);
}

/// FCVT and the scalar FCVTXN, which rounds to odd.
template <typename To, typename From, bool odd = false>
[[gnu::noinline]] void scalar_precision(Vcpu& cpu, const Insn& insn) {
    FpScope scope(cpu);
    FpContext& ctx = scope;
    const From n = lane<From>(cpu.state.v[insn.rn], 0);
    write_scalar(cpu.state.v[insn.rd], fp::convert<To>(n, ctx, odd ? Rounding::Odd : ctx.mode));
}

} // namespace beeline::arm64
