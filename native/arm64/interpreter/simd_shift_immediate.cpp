// Advanced SIMD vector and scalar shift by immediate, on integers (Arm ARM C4.1.90).
#include "arm64/interpreter/simd_shapes.h"

#include <bit>

namespace beeline::arm64 {

using namespace simd;

namespace {

// ---- operations: d is the destination's element, shift 1 to the element's bits to the right, 0 to bits - 1 to the
// left

template <bool rounding> struct ShiftedRight {
    static constexpr bool kRight = true;
    template <typename T> static T apply(T, T n, unsigned shift, bool&) {
        return rounding ? rounding_shift_right(n, shift) : shift_right(n, shift);
    }
};
template <bool rounding> struct AddShiftedRight {
    static constexpr bool kRight = true;
    template <typename T> static T apply(T d, T n, unsigned shift, bool& saturated) {
        return wrapping_add(d, ShiftedRight<rounding>::apply(d, n, shift, saturated));
    }
};
struct InsertShiftedRight {
    static constexpr bool kRight = true;
    template <typename T> static T apply(T d, T n, unsigned shift, bool&) {
        return static_cast<T>((d & ~low_ones<T>(kBits<T> - shift)) | shift_right(n, shift));
    }
};
struct ShiftedLeft {
    static constexpr bool kRight = false;
    template <typename T> static T apply(T, T n, unsigned shift, bool&) { return shift_left(n, shift); }
};
struct InsertShiftedLeft {
    static constexpr bool kRight = false;
    template <typename T> static T apply(T d, T n, unsigned shift, bool&) {
        return static_cast<T>((d & low_ones<T>(shift)) | shift_left(n, shift));
    }
};
struct SaturatedLeft {
    static constexpr bool kRight = false;
    template <typename T> static T apply(T, T n, unsigned shift, bool& saturated) {
        return saturating_shift_left<T>(n, shift, saturated);
    }
};
struct SaturatedLeftUnsigned {
    static constexpr bool kRight = false;
    template <typename T> static T apply(T, T n, unsigned shift, bool& saturated) {
        return static_cast<T>(saturating_shift_left<Unsigned<T>>(n, shift, saturated));
    }
};

// ---- shapes: aux[0] is the shift ---------------------------------------------------------------------------------

template <typename Operation> struct Shift {
    template <typename T, unsigned kCount> static void work(Vcpu& cpu, const Insn& insn) {
        const unsigned shift = insn.aux[0];
        const auto n = read<T, kCount>(cpu.state.v[insn.rn]);
        auto result = read<T, kCount>(cpu.state.v[insn.rd]);
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++) result[i] = Operation::apply(result[i], n[i], shift, saturated);
        write(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

struct Truncated {
    template <typename T> static T apply(Wide<T> value, bool&) { return static_cast<T>(value); }
};
struct Saturated {
    template <typename T> static T apply(Wide<T> value, bool& saturated) { return saturate<T>(value, saturated); }
};
struct SaturatedUnsigned {
    template <typename T> static T apply(Wide<T> value, bool& saturated) {
        return static_cast<T>(saturate<Unsigned<T>>(value, saturated));
    }
};

/// T is the narrow type with the source's signedness.
template <typename Narrowing, bool rounding> struct ShiftNarrow {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        const unsigned shift = insn.aux[0];
        const auto n = read<Wide<T>, kCount>(cpu.state.v[insn.rn]);
        Lanes<T, kCount> result;
        bool saturated = false;
        for (unsigned i = 0; i < kCount; i++) {
            const Wide<T> shifted = rounding ? rounding_shift_right(n[i], shift) : shift_right(n[i], shift);
            result[i] = Narrowing::template apply<T>(shifted, saturated);
        }
        write_narrow<upper>(cpu.state.v[insn.rd], result);
        note_saturation(cpu, saturated);
    }
};

struct ShiftLong {
    template <typename T, unsigned kCount, bool upper> static void work(Vcpu& cpu, const Insn& insn) {
        const unsigned shift = insn.aux[0];
        const auto n = read<T, kCount>(cpu.state.v[insn.rn], upper ? kCount : 0);
        Lanes<Wide<T>, kCount> result;
        for (unsigned i = 0; i < kCount; i++) result[i] = shift_left(Wide<T>(n[i]), shift);
        write(cpu.state.v[insn.rd], result);
    }
};

// ---- binding -------------------------------------------------------------------------------------------------------

/// immh:immb. Scalar rows on doublewords alone have its top bit among their fixed ones.
unsigned immediate(const Fields& f) { return f.width('i') == 6 ? 64 | f('i') : f('i'); }

/// log2 of the element's bytes: the highest set bit of immh.
unsigned element_size(unsigned immediate) { return static_cast<unsigned>(std::bit_width(immediate)) - 4; }

/// Sets the shift, returns the element size: immh:immb is 2 * bits - shift to the right, bits + shift to the left.
unsigned set_shift(Insn& insn, const Fields& f, bool right) {
    const unsigned value = immediate(f), size = element_size(value), bits = 8u << size;
    insn.aux[0] = static_cast<uint8_t>(right ? 2 * bits - value : value - bits);
    return size;
}

template <typename Operation, bool is_signed> Handler vector_shift(Insn& insn, const Fields& f) {
    return vector_of_size<Shift<Operation>, is_signed, kAll>(set_shift(insn, f, Operation::kRight), f('Q') != 0);
}
template <typename Operation, bool is_signed> Handler scalar_shift(Insn& insn, const Fields& f) {
    return scalar_of_size<Shift<Operation>, is_signed, kAll>(set_shift(insn, f, Operation::kRight));
}
template <typename Shape, bool is_signed> Handler narrow_shift(Insn& insn, const Fields& f) {
    return half_of_size<Shape, is_signed, kBhs>(set_shift(insn, f, true), f('Q') != 0);
}
template <typename Shape, bool is_signed> Handler scalar_narrow_shift(Insn& insn, const Fields& f) {
    return scalar_half_of_size<Shape, is_signed, kBhs>(set_shift(insn, f, true));
}
template <bool is_signed> Handler long_shift(Insn& insn, const Fields& f) {
    return half_of_size<ShiftLong, is_signed, kBhs>(set_shift(insn, f, false), f('Q') != 0);
}

} // namespace

Handler bind_SSHR_vector(Insn& insn, const Fields& f) { return vector_shift<ShiftedRight<false>, true>(insn, f); }
Handler bind_USHR_vector(Insn& insn, const Fields& f) { return vector_shift<ShiftedRight<false>, false>(insn, f); }
Handler bind_SRSHR_vector(Insn& insn, const Fields& f) { return vector_shift<ShiftedRight<true>, true>(insn, f); }
Handler bind_URSHR_vector(Insn& insn, const Fields& f) { return vector_shift<ShiftedRight<true>, false>(insn, f); }
Handler bind_SSRA_vector(Insn& insn, const Fields& f) { return vector_shift<AddShiftedRight<false>, true>(insn, f); }
Handler bind_USRA_vector(Insn& insn, const Fields& f) { return vector_shift<AddShiftedRight<false>, false>(insn, f); }
Handler bind_SRSRA_vector(Insn& insn, const Fields& f) { return vector_shift<AddShiftedRight<true>, true>(insn, f); }
Handler bind_URSRA_vector(Insn& insn, const Fields& f) { return vector_shift<AddShiftedRight<true>, false>(insn, f); }
Handler bind_SRI_vector(Insn& insn, const Fields& f) { return vector_shift<InsertShiftedRight, false>(insn, f); }
Handler bind_SHL_vector(Insn& insn, const Fields& f) { return vector_shift<ShiftedLeft, false>(insn, f); }
Handler bind_SLI_vector(Insn& insn, const Fields& f) { return vector_shift<InsertShiftedLeft, false>(insn, f); }
Handler bind_SQSHLU_vector(Insn& insn, const Fields& f) { return vector_shift<SaturatedLeftUnsigned, true>(insn, f); }
Handler bind_SQSHL_immediate_vector(Insn& insn, const Fields& f) { return vector_shift<SaturatedLeft, true>(insn, f); }
Handler bind_UQSHL_immediate_vector(Insn& insn, const Fields& f) { return vector_shift<SaturatedLeft, false>(insn, f); }
Handler bind_SSHR_scalar(Insn& insn, const Fields& f) { return scalar_shift<ShiftedRight<false>, true>(insn, f); }
Handler bind_USHR_scalar(Insn& insn, const Fields& f) { return scalar_shift<ShiftedRight<false>, false>(insn, f); }
Handler bind_SRSHR_scalar(Insn& insn, const Fields& f) { return scalar_shift<ShiftedRight<true>, true>(insn, f); }
Handler bind_URSHR_scalar(Insn& insn, const Fields& f) { return scalar_shift<ShiftedRight<true>, false>(insn, f); }
Handler bind_SSRA_scalar(Insn& insn, const Fields& f) { return scalar_shift<AddShiftedRight<false>, true>(insn, f); }
Handler bind_USRA_scalar(Insn& insn, const Fields& f) { return scalar_shift<AddShiftedRight<false>, false>(insn, f); }
Handler bind_SRSRA_scalar(Insn& insn, const Fields& f) { return scalar_shift<AddShiftedRight<true>, true>(insn, f); }
Handler bind_URSRA_scalar(Insn& insn, const Fields& f) { return scalar_shift<AddShiftedRight<true>, false>(insn, f); }
Handler bind_SRI_scalar(Insn& insn, const Fields& f) { return scalar_shift<InsertShiftedRight, false>(insn, f); }
Handler bind_SHL_scalar(Insn& insn, const Fields& f) { return scalar_shift<ShiftedLeft, false>(insn, f); }
Handler bind_SLI_scalar(Insn& insn, const Fields& f) { return scalar_shift<InsertShiftedLeft, false>(insn, f); }
Handler bind_SQSHLU_scalar(Insn& insn, const Fields& f) { return scalar_shift<SaturatedLeftUnsigned, true>(insn, f); }
Handler bind_SQSHL_immediate_scalar(Insn& insn, const Fields& f) { return scalar_shift<SaturatedLeft, true>(insn, f); }
Handler bind_UQSHL_immediate_scalar(Insn& insn, const Fields& f) { return scalar_shift<SaturatedLeft, false>(insn, f); }

// Narrowing and lengthening
Handler bind_SHRN_vector(Insn& insn, const Fields& f) {
    return narrow_shift<ShiftNarrow<Truncated, false>, false>(insn, f);
}
Handler bind_RSHRN_vector(Insn& insn, const Fields& f) {
    return narrow_shift<ShiftNarrow<Truncated, true>, false>(insn, f);
}
Handler bind_SQSHRN_vector(Insn& insn, const Fields& f) {
    return narrow_shift<ShiftNarrow<Saturated, false>, true>(insn, f);
}
Handler bind_UQSHRN_vector(Insn& insn, const Fields& f) {
    return narrow_shift<ShiftNarrow<Saturated, false>, false>(insn, f);
}
Handler bind_SQRSHRN_vector(Insn& insn, const Fields& f) {
    return narrow_shift<ShiftNarrow<Saturated, true>, true>(insn, f);
}
Handler bind_UQRSHRN_vector(Insn& insn, const Fields& f) {
    return narrow_shift<ShiftNarrow<Saturated, true>, false>(insn, f);
}
Handler bind_SQSHRUN_vector(Insn& insn, const Fields& f) {
    return narrow_shift<ShiftNarrow<SaturatedUnsigned, false>, true>(insn, f);
}
Handler bind_SQRSHRUN_vector(Insn& insn, const Fields& f) {
    return narrow_shift<ShiftNarrow<SaturatedUnsigned, true>, true>(insn, f);
}
Handler bind_SQSHRN_scalar(Insn& insn, const Fields& f) {
    return scalar_narrow_shift<ShiftNarrow<Saturated, false>, true>(insn, f);
}
Handler bind_UQSHRN_scalar(Insn& insn, const Fields& f) {
    return scalar_narrow_shift<ShiftNarrow<Saturated, false>, false>(insn, f);
}
Handler bind_SQRSHRN_scalar(Insn& insn, const Fields& f) {
    return scalar_narrow_shift<ShiftNarrow<Saturated, true>, true>(insn, f);
}
Handler bind_UQRSHRN_scalar(Insn& insn, const Fields& f) {
    return scalar_narrow_shift<ShiftNarrow<Saturated, true>, false>(insn, f);
}
Handler bind_SQSHRUN_scalar(Insn& insn, const Fields& f) {
    return scalar_narrow_shift<ShiftNarrow<SaturatedUnsigned, false>, true>(insn, f);
}
Handler bind_SQRSHRUN_scalar(Insn& insn, const Fields& f) {
    return scalar_narrow_shift<ShiftNarrow<SaturatedUnsigned, true>, true>(insn, f);
}
Handler bind_SSHLL_vector(Insn& insn, const Fields& f) { return long_shift<true>(insn, f); }
Handler bind_USHLL_vector(Insn& insn, const Fields& f) { return long_shift<false>(insn, f); }

} // namespace beeline::arm64
