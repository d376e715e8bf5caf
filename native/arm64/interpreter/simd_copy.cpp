// Advanced SIMD copy, scalar copy, and modified immediate (Arm ARM C4.1.90).
#include "arm64/interpreter/simd_lanes.h"

#include <bit>

namespace beeline::arm64 {

using namespace simd;

namespace {

// ---- copies: aux[0] is the source's lane, aux[1] the destination's ---------------------------------------------

struct DuplicateElement {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const T value = read_lane<T>(cpu.state.v[insn.rn], insn.aux[0]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount; i++) result[i] = value;
        write(cpu.state.v[insn.rd], result);
    }
};

struct DuplicateGeneral {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const T value = static_cast<T>(cpu.state.x[insn.rn]);
        Lanes<T, kCount> result;
        for (unsigned i = 0; i < kCount; i++) result[i] = value;
        write(cpu.state.v[insn.rd], result);
    }
};

/// SMOV and UMOV: T is the element, D the general register's view.
template <typename D> struct MoveToGeneral {
    template <typename T, unsigned> static void work(Vcpu& cpu, const Insn& insn) {
        cpu.state.x[insn.rd] = static_cast<D>(read_lane<T>(cpu.state.v[insn.rn], insn.aux[0]));
    }
};

struct InsertGeneral {
    template <typename T, unsigned> static void work(Vcpu& cpu, const Insn& insn) {
        set_lane(cpu.state.v[insn.rd], insn.aux[1], static_cast<T>(cpu.state.x[insn.rn]));
    }
};

struct InsertElement {
    template <typename T, unsigned> static void work(Vcpu& cpu, const Insn& insn) {
        set_lane(cpu.state.v[insn.rd], insn.aux[1], read_lane<T>(cpu.state.v[insn.rn], insn.aux[0]));
    }
};

/// log2 of the element's bytes: the lowest set bit of imm5; the lane is above it.
unsigned element_size(const Fields& f) { return static_cast<unsigned>(std::countr_zero(f('i'))); }
uint8_t lane(const Fields& f) { return static_cast<uint8_t>(f('i') >> (element_size(f) + 1)); }

// ---- immediates: imm is the value of a doubleword ---------------------------------------------------------------

struct MoveImmediate {
    static uint64_t apply(uint64_t, uint64_t value) { return value; }
};
struct OrImmediate {
    static uint64_t apply(uint64_t d, uint64_t value) { return d | value; }
};
struct ClearImmediate {
    static uint64_t apply(uint64_t d, uint64_t value) { return d & ~value; }
};

template <typename Operation, unsigned kDoublewords> void immediate_work(Vcpu& cpu, const Insn& insn) {
    VReg& d = cpu.state.v[insn.rd];
    d = VReg{{Operation::apply(d.d[0], insn.imm), kDoublewords == 2 ? Operation::apply(d.d[1], insn.imm) : 0}};
}

template <typename Operation> Handler with_immediate(Insn& insn, const Fields& f, uint64_t value) {
    insn.imm = value;
    return f('Q') != 0 ? perform<immediate_work<Operation, 2>> : perform<immediate_work<Operation, 1>>;
}

uint64_t words(uint64_t value) { return value << 32 | value; }
uint64_t halfwords(uint64_t value) { return words(value << 16 | value); }

// AdvSIMDExpandImm (Arm ARM J1.1), by class of cmode.
uint64_t shifted_words(const Fields& f) { return words(uint64_t{f('i')} << 8 * f('h')); }
uint64_t shifted_halfwords(const Fields& f) { return halfwords(uint64_t{f('i')} << 8 * f('h')); }
uint64_t shifted_with_ones(const Fields& f) {
    const unsigned shift = f('h') != 0 ? 16 : 8;
    return words(uint64_t{f('i')} << shift | ((uint64_t{1} << shift) - 1));
}
uint64_t byte_mask(const Fields& f) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        if ((f('i') >> i & 1) != 0) value |= uint64_t{0xFF} << 8 * i;
    return value;
}

} // namespace

Handler bind_DUP_element(Insn& insn, const Fields& f) {
    insn.aux[0] = lane(f);
    return vector_of_size<DuplicateElement, false, kAll>(element_size(f), f('Q') != 0);
}
Handler bind_DUP_element_scalar(Insn& insn, const Fields& f) {
    insn.aux[0] = lane(f);
    return scalar_of_size<DuplicateElement, false, kAll>(element_size(f));
}
Handler bind_DUP_general(Insn&, const Fields& f) {
    return vector_of_size<DuplicateGeneral, false, kAll>(element_size(f), f('Q') != 0);
}
Handler bind_SMOV_w(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.aux[0] = lane(f);
    return scalar_of_size<MoveToGeneral<uint32_t>, true, kB | kH>(element_size(f));
}
Handler bind_SMOV_x(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.aux[0] = lane(f);
    return scalar_of_size<MoveToGeneral<uint64_t>, true, kBhs>(element_size(f));
}
Handler bind_UMOV_w(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.aux[0] = lane(f);
    return scalar_of_size<MoveToGeneral<uint64_t>, false, kBhs>(element_size(f));
}
Handler bind_UMOV_x(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.aux[0] = lane(f);
    return scalar_of_size<MoveToGeneral<uint64_t>, false, kD>(element_size(f));
}
Handler bind_INS_general(Insn& insn, const Fields& f) {
    insn.aux[1] = lane(f);
    return scalar_of_size<InsertGeneral, false, kAll>(element_size(f));
}
Handler bind_INS_element(Insn& insn, const Fields& f) {
    insn.aux[0] = static_cast<uint8_t>(f('j') >> element_size(f));
    insn.aux[1] = lane(f);
    return scalar_of_size<InsertElement, false, kAll>(element_size(f));
}

Handler bind_MOVI_s(Insn& insn, const Fields& f) { return with_immediate<MoveImmediate>(insn, f, shifted_words(f)); }
Handler bind_MVNI_s(Insn& insn, const Fields& f) { return with_immediate<MoveImmediate>(insn, f, ~shifted_words(f)); }
Handler bind_ORR_immediate_s(Insn& insn, const Fields& f) {
    return with_immediate<OrImmediate>(insn, f, shifted_words(f));
}
Handler bind_BIC_immediate_s(Insn& insn, const Fields& f) {
    return with_immediate<ClearImmediate>(insn, f, shifted_words(f));
}
Handler bind_MOVI_h(Insn& insn, const Fields& f) {
    return with_immediate<MoveImmediate>(insn, f, shifted_halfwords(f));
}
Handler bind_MVNI_h(Insn& insn, const Fields& f) {
    return with_immediate<MoveImmediate>(insn, f, ~shifted_halfwords(f));
}
Handler bind_ORR_immediate_h(Insn& insn, const Fields& f) {
    return with_immediate<OrImmediate>(insn, f, shifted_halfwords(f));
}
Handler bind_BIC_immediate_h(Insn& insn, const Fields& f) {
    return with_immediate<ClearImmediate>(insn, f, shifted_halfwords(f));
}
Handler bind_MOVI_s_msl(Insn& insn, const Fields& f) {
    return with_immediate<MoveImmediate>(insn, f, shifted_with_ones(f));
}
Handler bind_MVNI_s_msl(Insn& insn, const Fields& f) {
    return with_immediate<MoveImmediate>(insn, f, ~shifted_with_ones(f));
}
Handler bind_MOVI_b(Insn& insn, const Fields& f) {
    return with_immediate<MoveImmediate>(insn, f, halfwords(uint64_t{f('i')} << 8 | f('i')));
}
Handler bind_MOVI_d(Insn& insn, const Fields& f) { return with_immediate<MoveImmediate>(insn, f, byte_mask(f)); }
Handler bind_MOVI_2d(Insn& insn, const Fields& f) {
    insn.imm = byte_mask(f);
    return perform<immediate_work<MoveImmediate, 2>>;
}

} // namespace beeline::arm64
