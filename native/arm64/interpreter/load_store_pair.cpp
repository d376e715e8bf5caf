// Loads and stores of pairs of general registers (Arm ARM C4.1.88).
#include "arm64/interpreter/control.h"
#include "arm64/interpreter/memory.h"
#include "arm64/interpreter/stack_alignment.h"

namespace beeline::arm64 {

namespace {

enum class Indexing { Offset, Post, Pre };

/// Host address of a pair in one page of plain memory; 0 where the first-level TLB does not answer for all of it.
template <typename M, bool write> [[gnu::always_inline]] inline uint64_t pair_address(Vcpu& cpu, uint64_t va) {
    const TlbEntry& entry = cpu.data_tlb->entry(va);
    const uint64_t page = write ? entry.write_page : entry.read_page;
    return ((va + 2 * sizeof(M) - 1) & ~kPageMask) == page ? va + entry.addend : 0;
}

// Each register is an access of its own: it alone is single-copy atomic, and aligned by its own size.

template <typename M, typename D, Indexing indexing, bool from_sp> Insn* load_pair(Vcpu& cpu, Insn* insn) {
    const uint64_t base = cpu.state.x[insn->rn], moved = base + insn->imm;
    const uint64_t address = indexing == Indexing::Post ? base : moved;
    if (from_sp && stack_misaligned(cpu, base)) [[unlikely]]
        return take_stack_fault(cpu, insn);
    M first, second;
    if (const uint64_t host = pair_address<M, false>(cpu, address)) [[likely]] {
        std::memcpy(&first, reinterpret_cast<const void*>(host), sizeof(M));
        std::memcpy(&second, reinterpret_cast<const void*>(host + sizeof(M)), sizeof(M));
    } else if (!load(cpu, address, first) || !load(cpu, address + sizeof(M), second)) {
        return take_fault(cpu, insn);
    }
    cpu.state.x[insn->ra] = static_cast<D>(second);
    cpu.state.x[insn->rd] = static_cast<D>(first);
    if constexpr (indexing != Indexing::Offset) cpu.state.x[insn->rn] = moved;
    return next(cpu, insn);
}

template <typename M, Indexing indexing, bool from_sp> Insn* store_pair(Vcpu& cpu, Insn* insn) {
    const uint64_t base = cpu.state.x[insn->rn], moved = base + insn->imm;
    const uint64_t address = indexing == Indexing::Post ? base : moved;
    if (from_sp && stack_misaligned(cpu, base)) [[unlikely]]
        return take_stack_fault(cpu, insn);
    const M first = static_cast<M>(cpu.state.x[insn->rd]), second = static_cast<M>(cpu.state.x[insn->ra]);
    if (const uint64_t host = pair_address<M, true>(cpu, address)) [[likely]] {
        std::memcpy(reinterpret_cast<void*>(host), &first, sizeof(M));
        std::memcpy(reinterpret_cast<void*>(host + sizeof(M)), &second, sizeof(M));
    } else if (!store(cpu, address, first) || !store(cpu, address + sizeof(M), second)) {
        return take_fault(cpu, insn);
    }
    if constexpr (indexing != Indexing::Offset) cpu.state.x[insn->rn] = moved;
    return next(cpu, insn);
}

template <typename M, typename D, Indexing indexing> Handler bind_load_as(Insn& insn, const Fields& f) {
    insn.rd = destination(f('t'));
    insn.ra = destination(f('u'));
    insn.rn = register_or_sp(f('n'));
    insn.imm = static_cast<uint64_t>(f.sign_extended('i')) * sizeof(M);
    return f('n') == 31 ? load_pair<M, D, indexing, true> : load_pair<M, D, indexing, false>;
}

template <Indexing indexing> Handler bind_load(Insn& insn, const Fields& f) {
    return f('x') != 0 ? bind_load_as<uint64_t, uint64_t, indexing>(insn, f)
                       : bind_load_as<uint32_t, uint32_t, indexing>(insn, f);
}

template <typename M, Indexing indexing> Handler bind_store_as(Insn& insn, const Fields& f) {
    insn.rn = register_or_sp(f('n'));
    insn.imm = static_cast<uint64_t>(f.sign_extended('i')) * sizeof(M);
    return f('n') == 31 ? store_pair<M, indexing, true> : store_pair<M, indexing, false>;
}

template <Indexing indexing> Handler bind_store(Insn& insn, const Fields& f) {
    return f('x') != 0 ? bind_store_as<uint64_t, indexing>(insn, f) : bind_store_as<uint32_t, indexing>(insn, f);
}

} // namespace

Handler bind_LDP_offset(Insn& insn, const Fields& f) { return bind_load<Indexing::Offset>(insn, f); }
Handler bind_LDP_post(Insn& insn, const Fields& f) { return bind_load<Indexing::Post>(insn, f); }
Handler bind_LDP_pre(Insn& insn, const Fields& f) { return bind_load<Indexing::Pre>(insn, f); }
Handler bind_LDNP(Insn& insn, const Fields& f) { return bind_load<Indexing::Offset>(insn, f); }
Handler bind_STP_offset(Insn& insn, const Fields& f) { return bind_store<Indexing::Offset>(insn, f); }
Handler bind_STP_post(Insn& insn, const Fields& f) { return bind_store<Indexing::Post>(insn, f); }
Handler bind_STP_pre(Insn& insn, const Fields& f) { return bind_store<Indexing::Pre>(insn, f); }
Handler bind_STNP(Insn& insn, const Fields& f) { return bind_store<Indexing::Offset>(insn, f); }

Handler bind_LDPSW_offset(Insn& insn, const Fields& f) {
    return bind_load_as<int32_t, uint64_t, Indexing::Offset>(insn, f);
}
Handler bind_LDPSW_post(Insn& insn, const Fields& f) {
    return bind_load_as<int32_t, uint64_t, Indexing::Post>(insn, f);
}
Handler bind_LDPSW_pre(Insn& insn, const Fields& f) { return bind_load_as<int32_t, uint64_t, Indexing::Pre>(insn, f); }

} // namespace beeline::arm64
