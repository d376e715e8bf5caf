// Advanced SIMD on floating point: three registers of the same kind, pairwise, across lanes, by element (C4.1.90).
#include "arm64/interpreter/fp_handlers.h"

namespace beeline::arm64 {

namespace {

using namespace fp_operations;

/// Lanes beyond a 64-bit vector become zero.
template <typename Operation> struct Binary {
    template <typename U, unsigned count> [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
        FpScope scope(cpu);
        const VReg n = cpu.state.v[insn.rn], m = cpu.state.v[insn.rm];
        VReg result{};
        for (unsigned i = 0; i < count; i++) set_lane(result, i, Operation::apply(lane<U>(n, i), lane<U>(m, i), scope));
        cpu.state.v[insn.rd] = result;
    }
};

/// FMLA, FMLS: the destination is the addend.
template <typename Operation> struct Accumulate {
    template <typename U, unsigned count> [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
        FpScope scope(cpu);
        const VReg n = cpu.state.v[insn.rn], m = cpu.state.v[insn.rm], a = cpu.state.v[insn.rd];
        VReg result{};
        for (unsigned i = 0; i < count; i++)
            set_lane(result, i, Operation::apply(lane<U>(a, i), lane<U>(n, i), lane<U>(m, i), scope));
        cpu.state.v[insn.rd] = result;
    }
};

/// Adjacent pairs of the concatenation m:n.
template <typename Operation> struct Pairwise {
    template <typename U, unsigned count> [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
        FpScope scope(cpu);
        const VReg n = cpu.state.v[insn.rn], m = cpu.state.v[insn.rm];
        VReg result{};
        for (unsigned i = 0; i < count; i++) {
            const VReg& source = i < count / 2 ? n : m;
            const unsigned first = i * 2 % count;
            set_lane(result, i, Operation::apply(lane<U>(source, first), lane<U>(source, first + 1), scope));
        }
        cpu.state.v[insn.rd] = result;
    }
};

/// Operand m is one lane, its index in aux[0], for all.
template <typename Operation> struct BinaryElement {
    template <typename U, unsigned count> [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
        FpScope scope(cpu);
        const VReg n = cpu.state.v[insn.rn];
        const U m = lane<U>(cpu.state.v[insn.rm], insn.aux[0]);
        VReg result{};
        for (unsigned i = 0; i < count; i++) set_lane(result, i, Operation::apply(lane<U>(n, i), m, scope));
        cpu.state.v[insn.rd] = result;
    }
};

template <typename Operation> struct AccumulateElement {
    template <typename U, unsigned count> [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
        FpScope scope(cpu);
        const VReg n = cpu.state.v[insn.rn], a = cpu.state.v[insn.rd];
        const U m = lane<U>(cpu.state.v[insn.rm], insn.aux[0]);
        VReg result{};
        for (unsigned i = 0; i < count; i++)
            set_lane(result, i, Operation::apply(lane<U>(a, i), lane<U>(n, i), m, scope));
        cpu.state.v[insn.rd] = result;
    }
};

/// Vector size from field Q where the row has it (128 bits otherwise), element from field z where it has that.
template <typename Shape, typename U> Handler by_size(const Fields& f) {
    if (f.has('Q') && f('Q') == 0) return perform<Shape::template work<U, lanes<U>(false)>>;
    return perform<Shape::template work<U, lanes<U>(true)>>;
}

template <typename Shape> Handler by_element(const Fields& f) {
    if (!f.has('z')) return by_size<Shape, uint16_t>(f);
    if (f('z') == 0) return by_size<Shape, uint32_t>(f);
    return perform<Shape::template work<uint64_t, 2>>;
}

template <typename Operation> Handler vector_binary(const Fields& f) { return by_element<Binary<Operation>>(f); }
template <typename Operation> Handler vector_accumulate(const Fields& f) {
    return by_element<Accumulate<Operation>>(f);
}
template <typename Operation> Handler vector_pairwise(const Fields& f) { return by_element<Pairwise<Operation>>(f); }

/// Index of the element: H:L:M, H:L or H with growing size. With half precision field m lacks its upper bit, M.
template <typename U> uint8_t element_index(const Fields& f) {
    const uint32_t index = sizeof(U) == 8   ? f('H')
                           : sizeof(U) == 4 ? f('H') << 1 | f('L')
                                            : f('H') << 2 | f('L') << 1 | f('M');
    return static_cast<uint8_t>(index);
}

template <typename U, typename Operation> Handler vector_element_binary(Insn& insn, const Fields& f) {
    insn.aux[0] = element_index<U>(f);
    return by_size<BinaryElement<Operation>, U>(f);
}
template <typename U, typename Operation> Handler vector_element_accumulate(Insn& insn, const Fields& f) {
    insn.aux[0] = element_index<U>(f);
    return by_size<AccumulateElement<Operation>, U>(f);
}
template <typename U, typename Operation> Handler scalar_element_binary(Insn& insn, const Fields& f) {
    insn.aux[0] = element_index<U>(f);
    return perform<BinaryElement<Operation>::template work<U, 1>>;
}
template <typename U, typename Operation> Handler scalar_element_accumulate(Insn& insn, const Fields& f) {
    insn.aux[0] = element_index<U>(f);
    return perform<AccumulateElement<Operation>::template work<U, 1>>;
}

/// Reduce (Arm ARM J1.1): halves first, the lower half as first operand; NaN operands make the order visible.
template <typename U, typename Operation, unsigned count>
U reduce_lanes(const VReg& n, unsigned first, FpContext& ctx) {
    if constexpr (count == 1) {
        return lane<U>(n, first);
    } else {
        const U low = reduce_lanes<U, Operation, count / 2>(n, first, ctx);
        const U high = reduce_lanes<U, Operation, count / 2>(n, first + count / 2, ctx);
        return Operation::apply(low, high, ctx);
    }
}

template <typename U, typename Operation, unsigned count> [[gnu::noinline]] void reduce(Vcpu& cpu, const Insn& insn) {
    FpScope scope(cpu);
    write_scalar(cpu.state.v[insn.rd], reduce_lanes<U, Operation, count>(cpu.state.v[insn.rn], 0, scope));
}

} // namespace

// Advanced SIMD three same: floating point
Handler bind_FMAXNM_vector(Insn&, const Fields& f) { return vector_binary<MaxNum>(f); }
Handler bind_FMAXNM_vector_half(Insn&, const Fields& f) { return vector_binary<MaxNum>(f); }
Handler bind_FMLA_vector(Insn&, const Fields& f) { return vector_accumulate<MulAdd>(f); }
Handler bind_FMLA_vector_half(Insn&, const Fields& f) { return vector_accumulate<MulAdd>(f); }
Handler bind_FADD_vector(Insn&, const Fields& f) { return vector_binary<Add>(f); }
Handler bind_FADD_vector_half(Insn&, const Fields& f) { return vector_binary<Add>(f); }
Handler bind_FMULX_vector(Insn&, const Fields& f) { return vector_binary<MulX>(f); }
Handler bind_FMULX_vector_half(Insn&, const Fields& f) { return vector_binary<MulX>(f); }
Handler bind_FCMEQ_vector(Insn&, const Fields& f) { return vector_binary<CompareEq>(f); }
Handler bind_FCMEQ_vector_half(Insn&, const Fields& f) { return vector_binary<CompareEq>(f); }
Handler bind_FMAX_vector(Insn&, const Fields& f) { return vector_binary<Max>(f); }
Handler bind_FMAX_vector_half(Insn&, const Fields& f) { return vector_binary<Max>(f); }
Handler bind_FRECPS_vector(Insn&, const Fields& f) { return vector_binary<RecipStep>(f); }
Handler bind_FRECPS_vector_half(Insn&, const Fields& f) { return vector_binary<RecipStep>(f); }
Handler bind_FMINNM_vector(Insn&, const Fields& f) { return vector_binary<MinNum>(f); }
Handler bind_FMINNM_vector_half(Insn&, const Fields& f) { return vector_binary<MinNum>(f); }
Handler bind_FMLS_vector(Insn&, const Fields& f) { return vector_accumulate<MulSub>(f); }
Handler bind_FMLS_vector_half(Insn&, const Fields& f) { return vector_accumulate<MulSub>(f); }
Handler bind_FSUB_vector(Insn&, const Fields& f) { return vector_binary<Sub>(f); }
Handler bind_FSUB_vector_half(Insn&, const Fields& f) { return vector_binary<Sub>(f); }
Handler bind_FMIN_vector(Insn&, const Fields& f) { return vector_binary<Min>(f); }
Handler bind_FMIN_vector_half(Insn&, const Fields& f) { return vector_binary<Min>(f); }
Handler bind_FRSQRTS_vector(Insn&, const Fields& f) { return vector_binary<RsqrtStep>(f); }
Handler bind_FRSQRTS_vector_half(Insn&, const Fields& f) { return vector_binary<RsqrtStep>(f); }
Handler bind_FMAXNMP_vector(Insn&, const Fields& f) { return vector_pairwise<MaxNum>(f); }
Handler bind_FMAXNMP_vector_half(Insn&, const Fields& f) { return vector_pairwise<MaxNum>(f); }
Handler bind_FADDP_vector(Insn&, const Fields& f) { return vector_pairwise<Add>(f); }
Handler bind_FADDP_vector_half(Insn&, const Fields& f) { return vector_pairwise<Add>(f); }
Handler bind_FMUL_vector(Insn&, const Fields& f) { return vector_binary<Mul>(f); }
Handler bind_FMUL_vector_half(Insn&, const Fields& f) { return vector_binary<Mul>(f); }
Handler bind_FCMGE_vector(Insn&, const Fields& f) { return vector_binary<CompareGe>(f); }
Handler bind_FCMGE_vector_half(Insn&, const Fields& f) { return vector_binary<CompareGe>(f); }
Handler bind_FACGE_vector(Insn&, const Fields& f) { return vector_binary<AbsoluteGe>(f); }
Handler bind_FACGE_vector_half(Insn&, const Fields& f) { return vector_binary<AbsoluteGe>(f); }
Handler bind_FMAXP_vector(Insn&, const Fields& f) { return vector_pairwise<Max>(f); }
Handler bind_FMAXP_vector_half(Insn&, const Fields& f) { return vector_pairwise<Max>(f); }
Handler bind_FDIV_vector(Insn&, const Fields& f) { return vector_binary<Div>(f); }
Handler bind_FDIV_vector_half(Insn&, const Fields& f) { return vector_binary<Div>(f); }
Handler bind_FMINNMP_vector(Insn&, const Fields& f) { return vector_pairwise<MinNum>(f); }
Handler bind_FMINNMP_vector_half(Insn&, const Fields& f) { return vector_pairwise<MinNum>(f); }
Handler bind_FABD_vector(Insn&, const Fields& f) { return vector_binary<AbsoluteDifference>(f); }
Handler bind_FABD_vector_half(Insn&, const Fields& f) { return vector_binary<AbsoluteDifference>(f); }
Handler bind_FCMGT_vector(Insn&, const Fields& f) { return vector_binary<CompareGt>(f); }
Handler bind_FCMGT_vector_half(Insn&, const Fields& f) { return vector_binary<CompareGt>(f); }
Handler bind_FACGT_vector(Insn&, const Fields& f) { return vector_binary<AbsoluteGt>(f); }
Handler bind_FACGT_vector_half(Insn&, const Fields& f) { return vector_binary<AbsoluteGt>(f); }
Handler bind_FMINP_vector(Insn&, const Fields& f) { return vector_pairwise<Min>(f); }
Handler bind_FMINP_vector_half(Insn&, const Fields& f) { return vector_pairwise<Min>(f); }

// Advanced SIMD scalar three same: floating point
Handler bind_FMULX_scalar(Insn&, const Fields& f) { return scalar_binary<MulX>(f); }
Handler bind_FMULX_scalar_half(Insn&, const Fields& f) { return scalar_binary<MulX>(f); }
Handler bind_FCMEQ_scalar(Insn&, const Fields& f) { return scalar_binary<CompareEq>(f); }
Handler bind_FCMEQ_scalar_half(Insn&, const Fields& f) { return scalar_binary<CompareEq>(f); }
Handler bind_FRECPS_scalar(Insn&, const Fields& f) { return scalar_binary<RecipStep>(f); }
Handler bind_FRECPS_scalar_half(Insn&, const Fields& f) { return scalar_binary<RecipStep>(f); }
Handler bind_FRSQRTS_scalar(Insn&, const Fields& f) { return scalar_binary<RsqrtStep>(f); }
Handler bind_FRSQRTS_scalar_half(Insn&, const Fields& f) { return scalar_binary<RsqrtStep>(f); }
Handler bind_FCMGE_scalar(Insn&, const Fields& f) { return scalar_binary<CompareGe>(f); }
Handler bind_FCMGE_scalar_half(Insn&, const Fields& f) { return scalar_binary<CompareGe>(f); }
Handler bind_FACGE_scalar(Insn&, const Fields& f) { return scalar_binary<AbsoluteGe>(f); }
Handler bind_FACGE_scalar_half(Insn&, const Fields& f) { return scalar_binary<AbsoluteGe>(f); }
Handler bind_FABD_scalar(Insn&, const Fields& f) { return scalar_binary<AbsoluteDifference>(f); }
Handler bind_FABD_scalar_half(Insn&, const Fields& f) { return scalar_binary<AbsoluteDifference>(f); }
Handler bind_FCMGT_scalar(Insn&, const Fields& f) { return scalar_binary<CompareGt>(f); }
Handler bind_FCMGT_scalar_half(Insn&, const Fields& f) { return scalar_binary<CompareGt>(f); }
Handler bind_FACGT_scalar(Insn&, const Fields& f) { return scalar_binary<AbsoluteGt>(f); }
Handler bind_FACGT_scalar_half(Insn&, const Fields& f) { return scalar_binary<AbsoluteGt>(f); }

// Advanced SIMD scalar pairwise: floating point
Handler bind_FMAXNMP_pair_s(Insn&, const Fields&) { return perform<reduce<uint32_t, MaxNum, 2>>; }
Handler bind_FMAXNMP_pair_d(Insn&, const Fields&) { return perform<reduce<uint64_t, MaxNum, 2>>; }
Handler bind_FMAXNMP_pair_h(Insn&, const Fields&) { return perform<reduce<uint16_t, MaxNum, 2>>; }
Handler bind_FADDP_pair_s(Insn&, const Fields&) { return perform<reduce<uint32_t, Add, 2>>; }
Handler bind_FADDP_pair_d(Insn&, const Fields&) { return perform<reduce<uint64_t, Add, 2>>; }
Handler bind_FADDP_pair_h(Insn&, const Fields&) { return perform<reduce<uint16_t, Add, 2>>; }
Handler bind_FMAXP_pair_s(Insn&, const Fields&) { return perform<reduce<uint32_t, Max, 2>>; }
Handler bind_FMAXP_pair_d(Insn&, const Fields&) { return perform<reduce<uint64_t, Max, 2>>; }
Handler bind_FMAXP_pair_h(Insn&, const Fields&) { return perform<reduce<uint16_t, Max, 2>>; }
Handler bind_FMINNMP_pair_s(Insn&, const Fields&) { return perform<reduce<uint32_t, MinNum, 2>>; }
Handler bind_FMINNMP_pair_d(Insn&, const Fields&) { return perform<reduce<uint64_t, MinNum, 2>>; }
Handler bind_FMINNMP_pair_h(Insn&, const Fields&) { return perform<reduce<uint16_t, MinNum, 2>>; }
Handler bind_FMINP_pair_s(Insn&, const Fields&) { return perform<reduce<uint32_t, Min, 2>>; }
Handler bind_FMINP_pair_d(Insn&, const Fields&) { return perform<reduce<uint64_t, Min, 2>>; }
Handler bind_FMINP_pair_h(Insn&, const Fields&) { return perform<reduce<uint16_t, Min, 2>>; }

// Advanced SIMD across lanes: floating point
Handler bind_FMAXNMV_s(Insn&, const Fields&) { return perform<reduce<uint32_t, MaxNum, 4>>; }
Handler bind_FMAXNMV_h(Insn&, const Fields& f) {
    return f('Q') != 0 ? perform<reduce<uint16_t, MaxNum, 8>> : perform<reduce<uint16_t, MaxNum, 4>>;
}
Handler bind_FMAXV_s(Insn&, const Fields&) { return perform<reduce<uint32_t, Max, 4>>; }
Handler bind_FMAXV_h(Insn&, const Fields& f) {
    return f('Q') != 0 ? perform<reduce<uint16_t, Max, 8>> : perform<reduce<uint16_t, Max, 4>>;
}
Handler bind_FMINNMV_s(Insn&, const Fields&) { return perform<reduce<uint32_t, MinNum, 4>>; }
Handler bind_FMINNMV_h(Insn&, const Fields& f) {
    return f('Q') != 0 ? perform<reduce<uint16_t, MinNum, 8>> : perform<reduce<uint16_t, MinNum, 4>>;
}
Handler bind_FMINV_s(Insn&, const Fields&) { return perform<reduce<uint32_t, Min, 4>>; }
Handler bind_FMINV_h(Insn&, const Fields& f) {
    return f('Q') != 0 ? perform<reduce<uint16_t, Min, 8>> : perform<reduce<uint16_t, Min, 4>>;
}

// Advanced SIMD by element: floating point
Handler bind_FMLA_element_s(Insn& insn, const Fields& f) {
    return vector_element_accumulate<uint32_t, MulAdd>(insn, f);
}
Handler bind_FMLA_element_d(Insn& insn, const Fields& f) {
    return vector_element_accumulate<uint64_t, MulAdd>(insn, f);
}
Handler bind_FMLA_element_h(Insn& insn, const Fields& f) {
    return vector_element_accumulate<uint16_t, MulAdd>(insn, f);
}
Handler bind_FMLA_scalar_element_s(Insn& insn, const Fields& f) {
    return scalar_element_accumulate<uint32_t, MulAdd>(insn, f);
}
Handler bind_FMLA_scalar_element_d(Insn& insn, const Fields& f) {
    return scalar_element_accumulate<uint64_t, MulAdd>(insn, f);
}
Handler bind_FMLA_scalar_element_h(Insn& insn, const Fields& f) {
    return scalar_element_accumulate<uint16_t, MulAdd>(insn, f);
}
Handler bind_FMLS_element_s(Insn& insn, const Fields& f) {
    return vector_element_accumulate<uint32_t, MulSub>(insn, f);
}
Handler bind_FMLS_element_d(Insn& insn, const Fields& f) {
    return vector_element_accumulate<uint64_t, MulSub>(insn, f);
}
Handler bind_FMLS_element_h(Insn& insn, const Fields& f) {
    return vector_element_accumulate<uint16_t, MulSub>(insn, f);
}
Handler bind_FMLS_scalar_element_s(Insn& insn, const Fields& f) {
    return scalar_element_accumulate<uint32_t, MulSub>(insn, f);
}
Handler bind_FMLS_scalar_element_d(Insn& insn, const Fields& f) {
    return scalar_element_accumulate<uint64_t, MulSub>(insn, f);
}
Handler bind_FMLS_scalar_element_h(Insn& insn, const Fields& f) {
    return scalar_element_accumulate<uint16_t, MulSub>(insn, f);
}
Handler bind_FMUL_element_s(Insn& insn, const Fields& f) { return vector_element_binary<uint32_t, Mul>(insn, f); }
Handler bind_FMUL_element_d(Insn& insn, const Fields& f) { return vector_element_binary<uint64_t, Mul>(insn, f); }
Handler bind_FMUL_element_h(Insn& insn, const Fields& f) { return vector_element_binary<uint16_t, Mul>(insn, f); }
Handler bind_FMUL_scalar_element_s(Insn& insn, const Fields& f) {
    return scalar_element_binary<uint32_t, Mul>(insn, f);
}
Handler bind_FMUL_scalar_element_d(Insn& insn, const Fields& f) {
    return scalar_element_binary<uint64_t, Mul>(insn, f);
}
Handler bind_FMUL_scalar_element_h(Insn& insn, const Fields& f) {
    return scalar_element_binary<uint16_t, Mul>(insn, f);
}
Handler bind_FMULX_element_s(Insn& insn, const Fields& f) { return vector_element_binary<uint32_t, MulX>(insn, f); }
Handler bind_FMULX_element_d(Insn& insn, const Fields& f) { return vector_element_binary<uint64_t, MulX>(insn, f); }
Handler bind_FMULX_element_h(Insn& insn, const Fields& f) { return vector_element_binary<uint16_t, MulX>(insn, f); }
Handler bind_FMULX_scalar_element_s(Insn& insn, const Fields& f) {
    return scalar_element_binary<uint32_t, MulX>(insn, f);
}
Handler bind_FMULX_scalar_element_d(Insn& insn, const Fields& f) {
    return scalar_element_binary<uint64_t, MulX>(insn, f);
}
Handler bind_FMULX_scalar_element_h(Insn& insn, const Fields& f) {
    return scalar_element_binary<uint16_t, MulX>(insn, f);
}

} // namespace beeline::arm64
