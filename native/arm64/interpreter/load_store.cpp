// Loads and stores of one general register: immediate, register offset, literal, unprivileged; prefetch (C4.1.88).
#include "arm64/interpreter/load_store.h"
#include "arm64/interpreter/stack_alignment.h"

namespace beeline::arm64 {

namespace {

/// Where the immediate goes: into the address, into the base register afterwards, or both.
enum class Indexing { Offset, Post, Pre };

enum class Privilege { Current, Unprivileged };

template <typename M, Privilege privilege>
[[gnu::always_inline]] inline bool load_as(Vcpu& cpu, uint64_t address, M& value) {
    if constexpr (privilege == Privilege::Current) return load(cpu, address, value);
    return load_unprivileged(cpu, address, value);
}

template <typename M, Privilege privilege>
[[gnu::always_inline]] inline bool store_as(Vcpu& cpu, uint64_t address, M value) {
    if constexpr (privilege == Privilege::Current) return store(cpu, address, value);
    return store_unprivileged(cpu, address, value);
}

// M is the memory type, its signedness the extension to D, the register's width.

/// Write-back comes last, so that a base that is also the destination holds the address (CONSTRAINED UNPREDICTABLE).
template <typename M, typename D, Indexing indexing, bool from_sp, Privilege privilege = Privilege::Current>
Insn* load_immediate(Vcpu& cpu, Insn* insn) {
    const uint64_t base = cpu.state.x[insn->rn], moved = base + insn->imm;
    if (from_sp && stack_misaligned(cpu, base)) [[unlikely]]
        return take_stack_fault(cpu, insn);
    M value;
    if (!load_as<M, privilege>(cpu, indexing == Indexing::Post ? base : moved, value)) [[unlikely]]
        return take_fault(cpu, insn);
    cpu.state.x[insn->rd] = static_cast<D>(value);
    if constexpr (indexing != Indexing::Offset) cpu.state.x[insn->rn] = moved;
    return next(cpu, insn);
}

template <typename M, Indexing indexing, bool from_sp, Privilege privilege = Privilege::Current>
Insn* store_immediate(Vcpu& cpu, Insn* insn) {
    const uint64_t base = cpu.state.x[insn->rn], moved = base + insn->imm;
    if (from_sp && stack_misaligned(cpu, base)) [[unlikely]]
        return take_stack_fault(cpu, insn);
    if (!store_as<M, privilege>(cpu, indexing == Indexing::Post ? base : moved, static_cast<M>(cpu.state.x[insn->rd])))
        [[unlikely]]
        return take_fault(cpu, insn);
    if constexpr (indexing != Indexing::Offset) cpu.state.x[insn->rn] = moved;
    return next(cpu, insn);
}

template <typename M, typename D, IndexRegister index, bool from_sp> Insn* load_register(Vcpu& cpu, Insn* insn) {
    if (from_sp && stack_misaligned(cpu, cpu.state.x[insn->rn])) [[unlikely]]
        return take_stack_fault(cpu, insn);
    M value;
    if (!load(cpu, cpu.state.x[insn->rn] + index_value<index>(cpu, insn), value)) [[unlikely]]
        return take_fault(cpu, insn);
    cpu.state.x[insn->rd] = static_cast<D>(value);
    return next(cpu, insn);
}

template <typename M, IndexRegister index, bool from_sp> Insn* store_register(Vcpu& cpu, Insn* insn) {
    if (from_sp && stack_misaligned(cpu, cpu.state.x[insn->rn])) [[unlikely]]
        return take_stack_fault(cpu, insn);
    if (!store(cpu, cpu.state.x[insn->rn] + index_value<index>(cpu, insn), static_cast<M>(cpu.state.x[insn->rd])))
        [[unlikely]]
        return take_fault(cpu, insn);
    return next(cpu, insn);
}

template <typename M, typename D> Insn* load_literal(Vcpu& cpu, Insn* insn) {
    M value;
    if (!load(cpu, pc_of(cpu, insn) + insn->imm, value)) [[unlikely]]
        return take_fault(cpu, insn);
    cpu.state.x[insn->rd] = static_cast<D>(value);
    return next(cpu, insn);
}

/// Prefetches are hints; they neither fault nor check SP.
Insn* prefetch(Vcpu& cpu, Insn* insn) { return next(cpu, insn); }

// ---- binding -------------------------------------------------------------------------------------------------------

template <typename M, typename D, Indexing indexing, Privilege privilege = Privilege::Current>
Handler bind_load(Insn& insn, const Fields& f, uint64_t offset) {
    insn.rd = destination(f('t'));
    insn.rn = register_or_sp(f('n'));
    insn.imm = offset;
    return f('n') == 31 ? load_immediate<M, D, indexing, true, privilege>
                        : load_immediate<M, D, indexing, false, privilege>;
}

template <typename M, Indexing indexing, Privilege privilege = Privilege::Current>
Handler bind_store(Insn& insn, const Fields& f, uint64_t offset) {
    insn.rn = register_or_sp(f('n'));
    insn.imm = offset;
    return f('n') == 31 ? store_immediate<M, indexing, true, privilege>
                        : store_immediate<M, indexing, false, privilege>;
}

uint64_t signed_offset(const Fields& f) { return static_cast<uint64_t>(f.sign_extended('i')); }
template <typename M> uint64_t scaled_offset(const Fields& f) { return uint64_t{f('i')} * sizeof(M); }

template <typename M, typename D> Handler bind_load_literal(Insn& insn, const Fields& f) {
    insn.rd = destination(f('t'));
    insn.imm = signed_offset(f) * 4;
    return load_literal<M, D>;
}

template <typename M, typename D> Handler bind_load_register(Insn& insn, const Fields& f) {
    insn.rd = destination(f('t'));
    const bool sp = f('n') == 31;
    switch (set_index_register(insn, f, sizeof(M))) {
    case IndexRegister::Unsigned32:
        return sp ? load_register<M, D, IndexRegister::Unsigned32, true>
                  : load_register<M, D, IndexRegister::Unsigned32, false>;
    case IndexRegister::Signed32:
        return sp ? load_register<M, D, IndexRegister::Signed32, true>
                  : load_register<M, D, IndexRegister::Signed32, false>;
    case IndexRegister::Whole: break;
    }
    return sp ? load_register<M, D, IndexRegister::Whole, true> : load_register<M, D, IndexRegister::Whole, false>;
}

template <typename M> Handler bind_store_register(Insn& insn, const Fields& f) {
    const bool sp = f('n') == 31;
    switch (set_index_register(insn, f, sizeof(M))) {
    case IndexRegister::Unsigned32:
        return sp ? store_register<M, IndexRegister::Unsigned32, true>
                  : store_register<M, IndexRegister::Unsigned32, false>;
    case IndexRegister::Signed32:
        return sp ? store_register<M, IndexRegister::Signed32, true>
                  : store_register<M, IndexRegister::Signed32, false>;
    case IndexRegister::Whole: break;
    }
    return sp ? store_register<M, IndexRegister::Whole, true> : store_register<M, IndexRegister::Whole, false>;
}

} // namespace

// Unsigned offset
Handler bind_LDRB_unsigned(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, uint32_t, Indexing::Offset>(insn, f, scaled_offset<uint8_t>(f));
}
Handler bind_LDRSB_x_unsigned(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint64_t, Indexing::Offset>(insn, f, scaled_offset<int8_t>(f));
}
Handler bind_LDRSB_w_unsigned(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint32_t, Indexing::Offset>(insn, f, scaled_offset<int8_t>(f));
}
Handler bind_LDRH_unsigned(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, uint32_t, Indexing::Offset>(insn, f, scaled_offset<uint16_t>(f));
}
Handler bind_LDRSH_x_unsigned(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint64_t, Indexing::Offset>(insn, f, scaled_offset<int16_t>(f));
}
Handler bind_LDRSH_w_unsigned(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint32_t, Indexing::Offset>(insn, f, scaled_offset<int16_t>(f));
}
Handler bind_LDR_w_unsigned(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, uint32_t, Indexing::Offset>(insn, f, scaled_offset<uint32_t>(f));
}
Handler bind_LDRSW_unsigned(Insn& insn, const Fields& f) {
    return bind_load<int32_t, uint64_t, Indexing::Offset>(insn, f, scaled_offset<int32_t>(f));
}
Handler bind_LDR_x_unsigned(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, uint64_t, Indexing::Offset>(insn, f, scaled_offset<uint64_t>(f));
}
Handler bind_STRB_unsigned(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Offset>(insn, f, scaled_offset<uint8_t>(f));
}
Handler bind_STRH_unsigned(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Offset>(insn, f, scaled_offset<uint16_t>(f));
}
Handler bind_STR_w_unsigned(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Offset>(insn, f, scaled_offset<uint32_t>(f));
}
Handler bind_STR_x_unsigned(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Offset>(insn, f, scaled_offset<uint64_t>(f));
}

// Unscaled offset
Handler bind_LDURB(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, uint32_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDURSB_x(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint64_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDURSB_w(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint32_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDURH(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, uint32_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDURSH_x(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint64_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDURSH_w(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint32_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDUR_w(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, uint32_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDURSW(Insn& insn, const Fields& f) {
    return bind_load<int32_t, uint64_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_LDUR_x(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, uint64_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STURB(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STURH(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STUR_w(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Offset>(insn, f, signed_offset(f));
}
Handler bind_STUR_x(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Offset>(insn, f, signed_offset(f));
}

// Post-index
Handler bind_LDRB_post(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, uint32_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDRSB_x_post(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint64_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDRSB_w_post(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint32_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDRH_post(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, uint32_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDRSH_x_post(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint64_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDRSH_w_post(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint32_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDR_w_post(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, uint32_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDRSW_post(Insn& insn, const Fields& f) {
    return bind_load<int32_t, uint64_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_LDR_x_post(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, uint64_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STRB_post(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STRH_post(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STR_w_post(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Post>(insn, f, signed_offset(f));
}
Handler bind_STR_x_post(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Post>(insn, f, signed_offset(f));
}

// Pre-index
Handler bind_LDRB_pre(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, uint32_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDRSB_x_pre(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint64_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDRSB_w_pre(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint32_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDRH_pre(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, uint32_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDRSH_x_pre(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint64_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDRSH_w_pre(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint32_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDR_w_pre(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, uint32_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDRSW_pre(Insn& insn, const Fields& f) {
    return bind_load<int32_t, uint64_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_LDR_x_pre(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, uint64_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_STRB_pre(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_STRH_pre(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_STR_w_pre(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Pre>(insn, f, signed_offset(f));
}
Handler bind_STR_x_pre(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Pre>(insn, f, signed_offset(f));
}

// Unprivileged
Handler bind_LDTRB(Insn& insn, const Fields& f) {
    return bind_load<uint8_t, uint32_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_LDTRSB_x(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint64_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_LDTRSB_w(Insn& insn, const Fields& f) {
    return bind_load<int8_t, uint32_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_LDTRH(Insn& insn, const Fields& f) {
    return bind_load<uint16_t, uint32_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_LDTRSH_x(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint64_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_LDTRSH_w(Insn& insn, const Fields& f) {
    return bind_load<int16_t, uint32_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_LDTR_w(Insn& insn, const Fields& f) {
    return bind_load<uint32_t, uint32_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_LDTRSW(Insn& insn, const Fields& f) {
    return bind_load<int32_t, uint64_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_LDTR_x(Insn& insn, const Fields& f) {
    return bind_load<uint64_t, uint64_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_STTRB(Insn& insn, const Fields& f) {
    return bind_store<uint8_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_STTRH(Insn& insn, const Fields& f) {
    return bind_store<uint16_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_STTR_w(Insn& insn, const Fields& f) {
    return bind_store<uint32_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}
Handler bind_STTR_x(Insn& insn, const Fields& f) {
    return bind_store<uint64_t, Indexing::Offset, Privilege::Unprivileged>(insn, f, signed_offset(f));
}

// Register offset
Handler bind_LDRB_register(Insn& insn, const Fields& f) { return bind_load_register<uint8_t, uint32_t>(insn, f); }
Handler bind_LDRSB_x_register(Insn& insn, const Fields& f) { return bind_load_register<int8_t, uint64_t>(insn, f); }
Handler bind_LDRSB_w_register(Insn& insn, const Fields& f) { return bind_load_register<int8_t, uint32_t>(insn, f); }
Handler bind_LDRH_register(Insn& insn, const Fields& f) { return bind_load_register<uint16_t, uint32_t>(insn, f); }
Handler bind_LDRSH_x_register(Insn& insn, const Fields& f) { return bind_load_register<int16_t, uint64_t>(insn, f); }
Handler bind_LDRSH_w_register(Insn& insn, const Fields& f) { return bind_load_register<int16_t, uint32_t>(insn, f); }
Handler bind_LDR_w_register(Insn& insn, const Fields& f) { return bind_load_register<uint32_t, uint32_t>(insn, f); }
Handler bind_LDRSW_register(Insn& insn, const Fields& f) { return bind_load_register<int32_t, uint64_t>(insn, f); }
Handler bind_LDR_x_register(Insn& insn, const Fields& f) { return bind_load_register<uint64_t, uint64_t>(insn, f); }
Handler bind_STRB_register(Insn& insn, const Fields& f) { return bind_store_register<uint8_t>(insn, f); }
Handler bind_STRH_register(Insn& insn, const Fields& f) { return bind_store_register<uint16_t>(insn, f); }
Handler bind_STR_w_register(Insn& insn, const Fields& f) { return bind_store_register<uint32_t>(insn, f); }
Handler bind_STR_x_register(Insn& insn, const Fields& f) { return bind_store_register<uint64_t>(insn, f); }

// Literal and prefetch
Handler bind_LDR_literal_w(Insn& insn, const Fields& f) { return bind_load_literal<uint32_t, uint32_t>(insn, f); }
Handler bind_LDR_literal_x(Insn& insn, const Fields& f) { return bind_load_literal<uint64_t, uint64_t>(insn, f); }
Handler bind_LDRSW_literal(Insn& insn, const Fields& f) { return bind_load_literal<int32_t, uint64_t>(insn, f); }

Handler bind_PRFM_literal(Insn&, const Fields&) { return prefetch; }
Handler bind_PRFM_unsigned(Insn&, const Fields&) { return prefetch; }
Handler bind_PRFM_register(Insn&, const Fields&) { return prefetch; }
Handler bind_PRFUM(Insn&, const Fields&) { return prefetch; }

} // namespace beeline::arm64
