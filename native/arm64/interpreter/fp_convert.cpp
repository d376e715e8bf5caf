// Scalar floating point: conversions between precisions and to and from general registers (Arm ARM C4.1.90).
#include "arm64/interpreter/fp_handlers.h"

namespace beeline::arm64 {

namespace {

/// Field x (sf) of the row.
enum class General : uint8_t { W, X };

/// aux[0] is the number of fraction bits, 0 in the integer forms.
template <Rounding mode, Signedness signedness, General width> struct ToGeneral {
    template <typename U> struct Instance {
        [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
            FpScope scope(cpu);
            constexpr unsigned kBits = width == General::X ? 64 : 32;
            cpu.state.x[insn.rd] =
                fp::to_fixed(lane<U>(cpu.state.v[insn.rn], 0), kBits, insn.aux[0], signedness, mode, scope);
        }
    };
};

template <Signedness signedness, General width> struct FromGeneral {
    template <typename U> struct Instance {
        [[gnu::noinline]] static void work(Vcpu& cpu, const Insn& insn) {
            FpScope scope(cpu);
            FpContext& ctx = scope;
            const uint64_t n = cpu.state.x[insn.rn];
            const uint64_t value =
                width == General::X ? n : fp_operations::extend(static_cast<uint32_t>(n), signedness);
            write_scalar(cpu.state.v[insn.rd], fp::from_fixed<U>(value, insn.aux[0], signedness, ctx.mode, ctx));
        }
    };
};

/// The fixed-point forms encode 64 minus the number of fraction bits.
uint8_t fraction_bits(const Fields& f) { return static_cast<uint8_t>(f.has('i') ? 64 - f('i') : 0); }

template <Rounding mode, Signedness signedness> Handler to_general(Insn& insn, const Fields& f) {
    insn.rd = destination(insn.rd);
    insn.aux[0] = fraction_bits(f);
    return f('x') != 0 ? by_precision<ToGeneral<mode, signedness, General::X>::template Instance>(f)
                       : by_precision<ToGeneral<mode, signedness, General::W>::template Instance>(f);
}

template <Signedness signedness> Handler from_general(Insn& insn, const Fields& f) {
    insn.aux[0] = fraction_bits(f);
    return f('x') != 0 ? by_precision<FromGeneral<signedness, General::X>::template Instance>(f)
                       : by_precision<FromGeneral<signedness, General::W>::template Instance>(f);
}

/// Names the upper doubleword of a vector register.
struct Top {};

template <typename Part> void copy_to_general(Vcpu& cpu, const Insn& insn) {
    const VReg& source = cpu.state.v[insn.rn];
    if constexpr (std::is_same_v<Part, Top>) {
        cpu.state.x[insn.rd] = source.d[1];
    } else {
        cpu.state.x[insn.rd] = lane<Part>(source, 0);
    }
}

template <typename Part> Handler move_to_general(Insn& insn) {
    insn.rd = destination(insn.rd);
    return perform<copy_to_general<Part>>;
}

/// Only the form that writes the upper doubleword keeps the rest.
template <typename Part> void move_from_general(Vcpu& cpu, const Insn& insn) {
    VReg& target = cpu.state.v[insn.rd];
    if constexpr (std::is_same_v<Part, Top>) {
        target.d[1] = cpu.state.x[insn.rn];
    } else {
        write_scalar(target, static_cast<Part>(cpu.state.x[insn.rn]));
    }
}

} // namespace

// Floating-point data-processing (1 source): between precisions
Handler bind_FCVT_s_to_d(Insn&, const Fields&) { return perform<scalar_precision<uint64_t, uint32_t>>; }
Handler bind_FCVT_s_to_h(Insn&, const Fields&) { return perform<scalar_precision<uint16_t, uint32_t>>; }
Handler bind_FCVT_d_to_s(Insn&, const Fields&) { return perform<scalar_precision<uint32_t, uint64_t>>; }
Handler bind_FCVT_d_to_h(Insn&, const Fields&) { return perform<scalar_precision<uint16_t, uint64_t>>; }
Handler bind_FCVT_h_to_s(Insn&, const Fields&) { return perform<scalar_precision<uint32_t, uint16_t>>; }
Handler bind_FCVT_h_to_d(Insn&, const Fields&) { return perform<scalar_precision<uint64_t, uint16_t>>; }

// Conversion between floating-point and integer
Handler bind_FCVTNS_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::TieEven, Signedness::Signed>(insn, f);
}
Handler bind_FCVTNS_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::TieEven, Signedness::Signed>(insn, f);
}
Handler bind_FCVTNU_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::TieEven, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTNU_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::TieEven, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTAS_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::TieAway, Signedness::Signed>(insn, f);
}
Handler bind_FCVTAS_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::TieAway, Signedness::Signed>(insn, f);
}
Handler bind_FCVTAU_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::TieAway, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTAU_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::TieAway, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTPS_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::PlusInf, Signedness::Signed>(insn, f);
}
Handler bind_FCVTPS_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::PlusInf, Signedness::Signed>(insn, f);
}
Handler bind_FCVTPU_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::PlusInf, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTPU_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::PlusInf, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTMS_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::MinusInf, Signedness::Signed>(insn, f);
}
Handler bind_FCVTMS_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::MinusInf, Signedness::Signed>(insn, f);
}
Handler bind_FCVTMU_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::MinusInf, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTMU_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::MinusInf, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTZS_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::Zero, Signedness::Signed>(insn, f);
}
Handler bind_FCVTZS_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::Zero, Signedness::Signed>(insn, f);
}
Handler bind_FCVTZU_integer_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::Zero, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTZU_integer_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::Zero, Signedness::Unsigned>(insn, f);
}
Handler bind_SCVTF_integer_scalar(Insn& insn, const Fields& f) { return from_general<Signedness::Signed>(insn, f); }
Handler bind_SCVTF_integer_scalar_half(Insn& insn, const Fields& f) {
    return from_general<Signedness::Signed>(insn, f);
}
Handler bind_UCVTF_integer_scalar(Insn& insn, const Fields& f) { return from_general<Signedness::Unsigned>(insn, f); }
Handler bind_UCVTF_integer_scalar_half(Insn& insn, const Fields& f) {
    return from_general<Signedness::Unsigned>(insn, f);
}

// Conversion between floating-point and fixed-point
Handler bind_FCVTZS_fixed_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::Zero, Signedness::Signed>(insn, f);
}
Handler bind_FCVTZS_fixed_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::Zero, Signedness::Signed>(insn, f);
}
Handler bind_FCVTZU_fixed_scalar(Insn& insn, const Fields& f) {
    return to_general<Rounding::Zero, Signedness::Unsigned>(insn, f);
}
Handler bind_FCVTZU_fixed_scalar_half(Insn& insn, const Fields& f) {
    return to_general<Rounding::Zero, Signedness::Unsigned>(insn, f);
}
Handler bind_SCVTF_fixed_scalar(Insn& insn, const Fields& f) { return from_general<Signedness::Signed>(insn, f); }
Handler bind_SCVTF_fixed_scalar_half(Insn& insn, const Fields& f) { return from_general<Signedness::Signed>(insn, f); }
Handler bind_UCVTF_fixed_scalar(Insn& insn, const Fields& f) { return from_general<Signedness::Unsigned>(insn, f); }
Handler bind_UCVTF_fixed_scalar_half(Insn& insn, const Fields& f) {
    return from_general<Signedness::Unsigned>(insn, f);
}

// Moves between general and floating-point registers
Handler bind_FMOV_w_from_s(Insn& insn, const Fields&) { return move_to_general<uint32_t>(insn); }
Handler bind_FMOV_s_from_w(Insn&, const Fields&) { return perform<move_from_general<uint32_t>>; }
Handler bind_FMOV_x_from_d(Insn& insn, const Fields&) { return move_to_general<uint64_t>(insn); }
Handler bind_FMOV_d_from_x(Insn&, const Fields&) { return perform<move_from_general<uint64_t>>; }
Handler bind_FMOV_w_from_h(Insn& insn, const Fields&) { return move_to_general<uint16_t>(insn); }
Handler bind_FMOV_h_from_w(Insn&, const Fields&) { return perform<move_from_general<uint16_t>>; }
Handler bind_FMOV_x_from_h(Insn& insn, const Fields&) { return move_to_general<uint16_t>(insn); }
Handler bind_FMOV_h_from_x(Insn&, const Fields&) { return perform<move_from_general<uint16_t>>; }
Handler bind_FMOV_x_from_top(Insn& insn, const Fields&) { return move_to_general<Top>(insn); }
Handler bind_FMOV_top_from_x(Insn&, const Fields&) { return perform<move_from_general<Top>>; }

} // namespace beeline::arm64
