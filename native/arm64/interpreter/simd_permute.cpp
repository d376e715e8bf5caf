// Advanced SIMD extract, table lookup and permute (Arm ARM C4.1.90).
#include "arm64/interpreter/simd_shapes.h"

namespace beeline::arm64 {

using namespace simd;

namespace {

/// Bytes aux[0] and up of the concatenation m:n.
struct Extract {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        uint8_t bytes[2 * kCount];
        std::memcpy(bytes, &cpu.state.v[insn.rn], kCount);
        std::memcpy(bytes + kCount, &cpu.state.v[insn.rm], kCount);
        Lanes<T, kCount> result;
        std::memcpy(&result, bytes + insn.aux[0], sizeof result);
        write(cpu.state.v[insn.rd], result);
    }
};

/// Indices beyond the table give zero, or with TBX leave the destination's byte.
template <unsigned kRegisters, bool extend> struct Lookup {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        constexpr unsigned kBytes = kRegisters * sizeof(VReg);
        uint8_t table[kBytes];
        for (unsigned i = 0; i < kRegisters; i++)
            std::memcpy(table + i * sizeof(VReg), &cpu.state.v[(insn.rn + i) % 32], sizeof(VReg));
        const auto indices = read<T, kCount>(cpu.state.v[insn.rm]);
        auto result = read<T, kCount>(cpu.state.v[insn.rd]);
        for (unsigned i = 0; i < kCount; i++) {
            const T otherwise = extend ? result[i] : T{0};
            result[i] = indices[i] < kBytes ? table[indices[i]] : otherwise;
        }
        write(cpu.state.v[insn.rd], result);
    }
};

template <bool extend> Handler lookup(const Fields& f) {
    switch (f('l')) {
    case 0: return byte_vector<Lookup<1, extend>>(f);
    case 1: return byte_vector<Lookup<2, extend>>(f);
    case 2: return byte_vector<Lookup<3, extend>>(f);
    default: return byte_vector<Lookup<4, extend>>(f);
    }
}

/// Even (part 0) or odd (part 1) elements of the concatenation m:n.
template <unsigned part> struct Unzip {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        const auto m = read<T, kCount>(cpu.state.v[insn.rm]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount / 2; i++) {
            result[i] = n[2 * i + part];
            result[kCount / 2 + i] = m[2 * i + part];
        }
        write(cpu.state.v[insn.rd], result);
    }
};

/// Even or odd elements of n and m in turn.
template <unsigned part> struct Transpose {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        const auto m = read<T, kCount>(cpu.state.v[insn.rm]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount; i += 2) {
            result[i] = n[i + part];
            result[i + 1] = m[i + part];
        }
        write(cpu.state.v[insn.rd], result);
    }
};

/// Elements of the lower or upper halves of n and m in turn.
template <unsigned part> struct Zip {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        const auto m = read<T, kCount>(cpu.state.v[insn.rm]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount / 2; i++) {
            result[2 * i] = n[part * kCount / 2 + i];
            result[2 * i + 1] = m[part * kCount / 2 + i];
        }
        write(cpu.state.v[insn.rd], result);
    }
};

} // namespace

Handler bind_EXT_vector(Insn& insn, const Fields& f) {
    insn.aux[0] = static_cast<uint8_t>(f('i'));
    return byte_vector<Extract>(f);
}
Handler bind_TBL(Insn&, const Fields& f) { return lookup<false>(f); }
Handler bind_TBX(Insn&, const Fields& f) { return lookup<true>(f); }
Handler bind_UZP1(Insn&, const Fields& f) { return unsigned_vector<Unzip<0>, kAll>(f); }
Handler bind_UZP2(Insn&, const Fields& f) { return unsigned_vector<Unzip<1>, kAll>(f); }
Handler bind_TRN1(Insn&, const Fields& f) { return unsigned_vector<Transpose<0>, kAll>(f); }
Handler bind_TRN2(Insn&, const Fields& f) { return unsigned_vector<Transpose<1>, kAll>(f); }
Handler bind_ZIP1(Insn&, const Fields& f) { return unsigned_vector<Zip<0>, kAll>(f); }
Handler bind_ZIP2(Insn&, const Fields& f) { return unsigned_vector<Zip<1>, kAll>(f); }

} // namespace beeline::arm64
