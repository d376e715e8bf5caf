// Loads and stores of one or two FP/SIMD registers (Arm ARM C4.1.88).
#include "arm64/interpreter/load_store.h"
#include "arm64/interpreter/simd_lanes.h"
#include "arm64/interpreter/stack_alignment.h"

namespace beeline::arm64 {

using namespace simd;

namespace {

/// Where the immediate goes: into the address, into the base register afterwards, or both.
enum class Indexing { Offset, Post, Pre };

// M is the type in memory, VReg for quadwords. Registers are read and written by value, so that the handlers keep no
// local with an address.

template <typename M> [[gnu::always_inline]] inline M low_part(const VReg& reg) {
    if constexpr (sizeof(M) == sizeof(VReg)) {
        return reg;
    } else {
        return static_cast<M>(reg.d[0]);
    }
}

template <typename M> [[gnu::always_inline]] inline VReg extended(const M& value) {
    if constexpr (sizeof(M) == sizeof(VReg)) {
        return value;
    } else {
        return VReg{{value, 0}};
    }
}

/// Runs in front of handlers whose base is SP (CheckSPAlignment).
template <Handler handler> Insn* checked_stack(Vcpu& cpu, Insn* insn) {
    if (stack_misaligned(cpu, cpu.state.x[kStackPointer])) [[unlikely]]
        return take_stack_fault(cpu, insn);
    return handler(cpu, insn);
}

template <Handler handler> Handler by_base(const Fields& f) { return f('n') == 31 ? checked_stack<handler> : handler; }

template <typename M, Indexing indexing> Insn* load_immediate(Vcpu& cpu, Insn* insn) {
    const uint64_t base = cpu.state.x[insn->rn], moved = base + insn->imm;
    M value;
    if (!load(cpu, indexing == Indexing::Post ? base : moved, value)) [[unlikely]]
        return take_fault(cpu, insn);
    cpu.state.v[insn->rd] = extended(value);
    if constexpr (indexing != Indexing::Offset) cpu.state.x[insn->rn] = moved;
    return next(cpu, insn);
}

template <typename M, Indexing indexing> Insn* store_immediate(Vcpu& cpu, Insn* insn) {
    const uint64_t base = cpu.state.x[insn->rn], moved = base + insn->imm;
    if (!store(cpu, indexing == Indexing::Post ? base : moved, low_part<M>(cpu.state.v[insn->rd]))) [[unlikely]]
        return take_fault(cpu, insn);
    if constexpr (indexing != Indexing::Offset) cpu.state.x[insn->rn] = moved;
    return next(cpu, insn);
}

template <typename M, IndexRegister index> Insn* load_register(Vcpu& cpu, Insn* insn) {
    M value;
    if (!load(cpu, cpu.state.x[insn->rn] + index_value<index>(cpu, insn), value)) [[unlikely]]
        return take_fault(cpu, insn);
    cpu.state.v[insn->rd] = extended(value);
    return next(cpu, insn);
}

template <typename M, IndexRegister index> Insn* store_register(Vcpu& cpu, Insn* insn) {
    const uint64_t address = cpu.state.x[insn->rn] + index_value<index>(cpu, insn);
    if (!store(cpu, address, low_part<M>(cpu.state.v[insn->rd]))) [[unlikely]]
        return take_fault(cpu, insn);
    return next(cpu, insn);
}

template <typename M> Insn* load_literal(Vcpu& cpu, Insn* insn) {
    M value;
    if (!load(cpu, pc_of(cpu, insn) + insn->imm, value)) [[unlikely]]
        return take_fault(cpu, insn);
    cpu.state.v[insn->rd] = extended(value);
    return next(cpu, insn);
}

// Each register of a pair is an access of its own.

template <typename M, Indexing indexing> Insn* load_pair(Vcpu& cpu, Insn* insn) {
    const uint64_t base = cpu.state.x[insn->rn], moved = base + insn->imm;
    const uint64_t address = indexing == Indexing::Post ? base : moved;
    M first, second;
    if (!load(cpu, address, first) || !load(cpu, address + sizeof(M), second)) [[unlikely]]
        return take_fault(cpu, insn);
    cpu.state.v[insn->rd] = extended(first);
    cpu.state.v[insn->ra] = extended(second);
    if constexpr (indexing != Indexing::Offset) cpu.state.x[insn->rn] = moved;
    return next(cpu, insn);
}

template <typename M, Indexing indexing> Insn* store_pair(Vcpu& cpu, Insn* insn) {
    const uint64_t base = cpu.state.x[insn->rn], moved = base + insn->imm;
    const uint64_t address = indexing == Indexing::Post ? base : moved;
    if (!store(cpu, address, low_part<M>(cpu.state.v[insn->rd])) ||
        !store(cpu, address + sizeof(M), low_part<M>(cpu.state.v[insn->ra]))) [[unlikely]]
        return take_fault(cpu, insn);
    if constexpr (indexing != Indexing::Offset) cpu.state.x[insn->rn] = moved;
    return next(cpu, insn);
}

// ---- binding -------------------------------------------------------------------------------------------------------

uint64_t signed_offset(const Fields& f) { return static_cast<uint64_t>(f.sign_extended('i')); }
template <typename M> uint64_t scaled_offset(const Fields& f) { return uint64_t{f('i')} * sizeof(M); }

template <typename M, Indexing indexing> Handler bind_load(Insn& insn, const Fields& f, uint64_t offset) {
    insn.rn = register_or_sp(f('n'));
    insn.imm = offset;
    return by_base<load_immediate<M, indexing>>(f);
}

template <typename M, Indexing indexing> Handler bind_store(Insn& insn, const Fields& f, uint64_t offset) {
    insn.rn = register_or_sp(f('n'));
    insn.imm = offset;
    return by_base<store_immediate<M, indexing>>(f);
}

template <typename M> Handler bind_load_register(Insn& insn, const Fields& f) {
    switch (set_index_register(insn, f, sizeof(M))) {
    case IndexRegister::Unsigned32: return by_base<load_register<M, IndexRegister::Unsigned32>>(f);
    case IndexRegister::Signed32: return by_base<load_register<M, IndexRegister::Signed32>>(f);
    case IndexRegister::Whole: break;
    }
    return by_base<load_register<M, IndexRegister::Whole>>(f);
}

template <typename M> Handler bind_store_register(Insn& insn, const Fields& f) {
    switch (set_index_register(insn, f, sizeof(M))) {
    case IndexRegister::Unsigned32: return by_base<store_register<M, IndexRegister::Unsigned32>>(f);
    case IndexRegister::Signed32: return by_base<store_register<M, IndexRegister::Signed32>>(f);
    case IndexRegister::Whole: break;
    }
    return by_base<store_register<M, IndexRegister::Whole>>(f);
}

template <typename M> Handler bind_literal(Insn& insn, const Fields& f) {
    insn.imm = signed_offset(f) * 4;
    return load_literal<M>;
}

template <typename M, Indexing indexing, bool is_load> Handler bind_pair(Insn& insn, const Fields& f) {
    insn.rn = register_or_sp(f('n'));
    insn.imm = signed_offset(f) * sizeof(M);
    if constexpr (is_load) return by_base<load_pair<M, indexing>>(f);
    return by_base<store_pair<M, indexing>>(f);
}

} // namespace

// Unscaled offset, post-index, pre-index
Handler bind_STUR_b(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDUR_b(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STUR_h(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDUR_h(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STUR_s(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDUR_s(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STUR_d(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDUR_d(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STUR_q(Insn& insn, const Fields& f) {
    return bind_store<VReg, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDUR_q(Insn& insn, const Fields& f) {
    return bind_load<VReg, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STR_b_post(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDR_b_post(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STR_h_post(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDR_h_post(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STR_s_post(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDR_s_post(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STR_d_post(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDR_d_post(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STR_q_post(Insn& insn, const Fields& f) {
    return bind_store<VReg, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDR_q_post(Insn& insn, const Fields& f) {
    return bind_load<VReg, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STR_b_pre(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDR_b_pre(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_STR_h_pre(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDR_h_pre(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_STR_s_pre(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDR_s_pre(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_STR_d_pre(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDR_d_pre(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_STR_q_pre(Insn& insn, const Fields& f) {
    return bind_store<VReg, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDR_q_pre(Insn& insn, const Fields& f) {
    return bind_load<VReg, Indexing::Pre>(insn, f, signed_offset(f));
}

// Unsigned offset
Handler bind_STR_b_unsigned(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Offset>(insn, f, scaled_offset<uint8_t>(f));
}
Handler bind_LDR_b_unsigned(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, Indexing::Offset>(insn, f, scaled_offset<uint8_t>(f));
}
Handler bind_STR_h_unsigned(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Offset>(insn, f, scaled_offset<uint16_t>(f));
}
Handler bind_LDR_h_unsigned(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, Indexing::Offset>(insn, f, scaled_offset<uint16_t>(f));
}
Handler bind_STR_s_unsigned(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Offset>(insn, f, scaled_offset<uint32_t>(f));
}
Handler bind_LDR_s_unsigned(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, Indexing::Offset>(insn, f, scaled_offset<uint32_t>(f));
}
Handler bind_STR_d_unsigned(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Offset>(insn, f, scaled_offset<uint64_t>(f));
}
Handler bind_LDR_d_unsigned(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, Indexing::Offset>(insn, f, scaled_offset<uint64_t>(f));
}
Handler bind_STR_q_unsigned(Insn& insn, const Fields& f) {
    return bind_store<VReg, Indexing::Offset>(insn, f, scaled_offset<VReg>(f));
}
Handler bind_LDR_q_unsigned(Insn& insn, const Fields& f) {
    return bind_load<VReg, Indexing::Offset>(insn, f, scaled_offset<VReg>(f));
}

// Register offset
Handler bind_STR_b_register(Insn& insn, const Fields& f) { return bind_store_register<uint8_t>(insn, f); }
Handler bind_LDR_b_register(Insn& insn, const Fields& f) { return bind_load_register<uint8_t>(insn, f); }
Handler bind_STR_h_register(Insn& insn, const Fields& f) { return bind_store_register<uint16_t>(insn, f); }
Handler bind_LDR_h_register(Insn& insn, const Fields& f) { return bind_load_register<uint16_t>(insn, f); }
Handler bind_STR_s_register(Insn& insn, const Fields& f) { return bind_store_register<uint32_t>(insn, f); }
Handler bind_LDR_s_register(Insn& insn, const Fields& f) { return bind_load_register<uint32_t>(insn, f); }
Handler bind_STR_d_register(Insn& insn, const Fields& f) { return bind_store_register<uint64_t>(insn, f); }
Handler bind_LDR_d_register(Insn& insn, const Fields& f) { return bind_load_register<uint64_t>(insn, f); }
Handler bind_STR_q_register(Insn& insn, const Fields& f) { return bind_store_register<VReg>(insn, f); }
Handler bind_LDR_q_register(Insn& insn, const Fields& f) { return bind_load_register<VReg>(insn, f); }

// Literal
Handler bind_LDR_literal_s(Insn& insn, const Fields& f) { return bind_literal<uint32_t>(insn, f); }
Handler bind_LDR_literal_d(Insn& insn, const Fields& f) { return bind_literal<uint64_t>(insn, f); }
Handler bind_LDR_literal_q(Insn& insn, const Fields& f) { return bind_literal<VReg>(insn, f); }

// Pairs
Handler bind_STNP_s(Insn& insn, const Fields& f) { return bind_pair<uint32_t, Indexing::Offset, false>(insn, f); }
Handler bind_STNP_d(Insn& insn, const Fields& f) { return bind_pair<uint64_t, Indexing::Offset, false>(insn, f); }
Handler bind_STNP_q(Insn& insn, const Fields& f) { return bind_pair<VReg, Indexing::Offset, false>(insn, f); }
Handler bind_LDNP_s(Insn& insn, const Fields& f) { return bind_pair<uint32_t, Indexing::Offset, true>(insn, f); }
Handler bind_LDNP_d(Insn& insn, const Fields& f) { return bind_pair<uint64_t, Indexing::Offset, true>(insn, f); }
Handler bind_LDNP_q(Insn& insn, const Fields& f) { return bind_pair<VReg, Indexing::Offset, true>(insn, f); }
Handler bind_STP_post_s(Insn& insn, const Fields& f) { return bind_pair<uint32_t, Indexing::Post, false>(insn, f); }
Handler bind_STP_post_d(Insn& insn, const Fields& f) { return bind_pair<uint64_t, Indexing::Post, false>(insn, f); }
Handler bind_STP_post_q(Insn& insn, const Fields& f) { return bind_pair<VReg, Indexing::Post, false>(insn, f); }
Handler bind_LDP_post_s(Insn& insn, const Fields& f) { return bind_pair<uint32_t, Indexing::Post, true>(insn, f); }
Handler bind_LDP_post_d(Insn& insn, const Fields& f) { return bind_pair<uint64_t, Indexing::Post, true>(insn, f); }
Handler bind_LDP_post_q(Insn& insn, const Fields& f) { return bind_pair<VReg, Indexing::Post, true>(insn, f); }
Handler bind_STP_offset_s(Insn& insn, const Fields& f) { return bind_pair<uint32_t, Indexing::Offset, false>(insn, f); }
Handler bind_STP_offset_d(Insn& insn, const Fields& f) { return bind_pair<uint64_t, Indexing::Offset, false>(insn, f); }
Handler bind_STP_offset_q(Insn& insn, const Fields& f) { return bind_pair<VReg, Indexing::Offset, false>(insn, f); }
Handler bind_LDP_offset_s(Insn& insn, const Fields& f) { return bind_pair<uint32_t, Indexing::Offset, true>(insn, f); }
Handler bind_LDP_offset_d(Insn& insn, const Fields& f) { return bind_pair<uint64_t, Indexing::Offset, true>(insn, f); }
Handler bind_LDP_offset_q(Insn& insn, const Fields& f) { return bind_pair<VReg, Indexing::Offset, true>(insn, f); }
Handler bind_STP_pre_s(Insn& insn, const Fields& f) { return bind_pair<uint32_t, Indexing::Pre, false>(insn, f); }
Handler bind_STP_pre_d(Insn& insn, const Fields& f) { return bind_pair<uint64_t, Indexing::Pre, false>(insn, f); }
Handler bind_STP_pre_q(Insn& insn, const Fields& f) { return bind_pair<VReg, Indexing::Pre, false>(insn, f); }
Handler bind_LDP_pre_s(Insn& insn, const Fields& f) { return bind_pair<uint32_t, Indexing::Pre, true>(insn, f); }
Handler bind_LDP_pre_d(Insn& insn, const Fields& f) { return bind_pair<uint64_t, Indexing::Pre, true>(insn, f); }
Handler bind_LDP_pre_q(Insn& insn, const Fields& f) { return bind_pair<VReg, Indexing::Pre, true>(insn, f); }

} // namespace beeline::arm64
