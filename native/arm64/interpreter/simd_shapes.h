// How operations on elements make instructions on vectors: which lanes of which registers go in, where results go.
#pragma once

#include "arm64/interpreter/simd_operations.h"

namespace beeline::arm64::simd {

/// Applies an operation whether it saturates or not.
template <typename Operation, typename... T>
[[gnu::always_inline]] inline auto apply_to(bool& saturated, T... operands) {
    if constexpr (requires { Operation::apply(operands..., saturated); }) {
        return Operation::apply(operands..., saturated);
    } else {
        return Operation::apply(operands...);
    }
}

[[gnu::always_inline]] inline void note_saturation(Vcpu& cpu, bool saturated) {
    if (saturated) cpu.state.fpsr |= fpsr::kQc;
}

// ---- second operands ---------------------------------------------------------------------------------------------

struct FromRegister {
    template <typename T, unsigned kCount>
    [[gnu::always_inline]] static Lanes<T, kCount> get(const Vcpu& cpu, const Insn& insn, unsigned first) {
        return read<T, kCount>(cpu.state.v[insn.rm], first);
    }
};

/// Lane aux[0] of Vm for every lane of Vn.
struct FromElement {
    template <typename T, unsigned kCount>
    [[gnu::always_inline]] static Lanes<T, kCount> get(const Vcpu& cpu, const Insn& insn, unsigned) {
        const T element = read_lane<T>(cpu.state.v[insn.rm], insn.aux[0]);
        Lanes<T, kCount> lanes;
        for (unsigned i = 0; i < kCount; i++) lanes[i] = element;
        return lanes;
    }
};

// ---- shapes ------------------------------------------------------------------------------------------------------

template <typename Operation> struct Unary {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        Lanes<T, kCount> result;
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++) result[i] = apply_to<Operation>(saturated, n[i]);
        write(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

/// The destination is the first operand.
template <typename Operation> struct UnaryAccumulate {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        auto result = read<T, kCount>(cpu.state.v[insn.rd]);
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++) result[i] = apply_to<Operation>(saturated, result[i], n[i]);
        write(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

template <typename Operation, typename Second = FromRegister> struct Binary {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        const auto m = Second::template get<T, kCount>(cpu, insn, 0);
        Lanes<T, kCount> result;
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++) result[i] = apply_to<Operation>(saturated, n[i], m[i]);
        write(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

template <typename Operation, typename Second = FromRegister> struct Accumulate {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        const auto m = Second::template get<T, kCount>(cpu, insn, 0);
        auto result = read<T, kCount>(cpu.state.v[insn.rd]);
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++) result[i] = apply_to<Operation>(saturated, result[i], n[i], m[i]);
        write(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

/// Adjacent pairs of the concatenation m:n.
template <typename Operation> struct Pairwise {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        const auto m = read<T, kCount>(cpu.state.v[insn.rm]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount / 2; i++) {
            result[i] = Operation::apply(n[2 * i], n[2 * i + 1]);
            result[kCount / 2 + i] = Operation::apply(m[2 * i], m[2 * i + 1]);
        }
        write(cpu.state.v[insn.rd], result);
    }
};

/// Both operands narrow, the result wide.
template <typename Operation, typename Second = FromRegister> struct Long {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        constexpr unsigned kFirst = upper ? kCount : 0;
        const auto n = read<T, kCount>(cpu.state.v[insn.rn], kFirst);
        const auto m = Second::template get<T, kCount>(cpu, insn, kFirst);
        Lanes<Wide<T>, kCount> result;
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++) result[i] = apply_to<Operation>(saturated, Wide<T>(n[i]), Wide<T>(m[i]));
        write(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

template <typename Operation, typename Second = FromRegister> struct LongAccumulate {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        constexpr unsigned kFirst = upper ? kCount : 0;
        const auto n = read<T, kCount>(cpu.state.v[insn.rn], kFirst);
        const auto m = Second::template get<T, kCount>(cpu, insn, kFirst);
        auto result = read<Wide<T>, kCount>(cpu.state.v[insn.rd]);
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++)
            result[i] = apply_to<Operation>(saturated, result[i], Wide<T>(n[i]), Wide<T>(m[i]));
        write(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

/// First operand and result wide, second operand narrow.
template <typename Operation> struct WithNarrow {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<Wide<T>, kCount>(cpu.state.v[insn.rn]);
        const auto m = read<T, kCount>(cpu.state.v[insn.rm], upper ? kCount : 0);
        Lanes<Wide<T>, kCount> result;
        for (unsigned i = 0; i < kCount; i++) result[i] = Operation::apply(n[i], Wide<T>(m[i]));
        write(cpu.state.v[insn.rd], result);
    }
};

/// SDOT, UDOT: four products of bytes a word. T is the byte type; FromElement takes the four bytes of word aux[0].
template <typename Second> struct DotProduct {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        const auto words = Second::template get<uint32_t, kCount / 4>(cpu, insn, 0);
        Lanes<T, kCount> m;
        std::memcpy(&m, &words, sizeof m);
        auto result = read<uint32_t, kCount / 4>(cpu.state.v[insn.rd]);
        for (unsigned i = 0; i < kCount; i++) result[i / 4] += static_cast<uint32_t>(int{n[i]} * int{m[i]});
        write(cpu.state.v[insn.rd], result);
    }
};

} // namespace beeline::arm64::simd
