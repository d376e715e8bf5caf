// Load-acquire and store-release, LORegion and RCpc forms among them (Arm ARM C4.1.88, B2.3).
//
// The host is x86-TSO: a load is an acquire and a store a release as it stands. What is left is that a load-acquire may
// not overtake an earlier store-release, which TSO's store buffer allows; the fence behind STLR sees to it. LORegions
// are a permission to order less, which is not used.
#include "arm64/interpreter/control.h"
#include "arm64/interpreter/memory.h"
#include "arm64/interpreter/stack_alignment.h"

#include <atomic>

namespace beeline::arm64 {

namespace {

template <typename M> Insn* load_acquire(Vcpu& cpu, Insn* insn) {
    const uint64_t address = cpu.state.x[insn->rn];
    if (insn->rn == kStackPointer && stack_misaligned(cpu, address)) [[unlikely]]
        return take_stack_fault(cpu, insn);
    M value{};
    if (!load_aligned(cpu, address, value)) [[unlikely]]
        return take_fault(cpu, insn);
    cpu.state.x[insn->rd] = value;
    return next(cpu, insn);
}

template <typename M> Insn* store_release(Vcpu& cpu, Insn* insn) {
    const uint64_t address = cpu.state.x[insn->rn];
    if (insn->rn == kStackPointer && stack_misaligned(cpu, address)) [[unlikely]]
        return take_stack_fault(cpu, insn);
    if (!store_aligned(cpu, address, static_cast<M>(cpu.state.x[insn->rd]))) [[unlikely]]
        return take_fault(cpu, insn);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return next(cpu, insn);
}

template <typename M> Handler bind_load(Insn& insn, const Fields& f) {
    insn.rd = destination(f('t'));
    insn.rn = register_or_sp(f('n'));
    return load_acquire<M>;
}

template <typename M> Handler bind_store(Insn& insn, const Fields& f) {
    insn.rn = register_or_sp(f('n'));
    return store_release<M>;
}

} // namespace

Handler bind_LDARB(Insn& insn, const Fields& f) { return bind_load<uint8_t>(insn, f); }
Handler bind_LDARH(Insn& insn, const Fields& f) { return bind_load<uint16_t>(insn, f); }
Handler bind_LDAR_w(Insn& insn, const Fields& f) { return bind_load<uint32_t>(insn, f); }
Handler bind_LDAR_x(Insn& insn, const Fields& f) { return bind_load<uint64_t>(insn, f); }
Handler bind_STLRB(Insn& insn, const Fields& f) { return bind_store<uint8_t>(insn, f); }
Handler bind_STLRH(Insn& insn, const Fields& f) { return bind_store<uint16_t>(insn, f); }
Handler bind_STLR_w(Insn& insn, const Fields& f) { return bind_store<uint32_t>(insn, f); }
Handler bind_STLR_x(Insn& insn, const Fields& f) { return bind_store<uint64_t>(insn, f); }

Handler bind_LDLARB(Insn& insn, const Fields& f) { return bind_load<uint8_t>(insn, f); }
Handler bind_LDLARH(Insn& insn, const Fields& f) { return bind_load<uint16_t>(insn, f); }
Handler bind_LDLAR_w(Insn& insn, const Fields& f) { return bind_load<uint32_t>(insn, f); }
Handler bind_LDLAR_x(Insn& insn, const Fields& f) { return bind_load<uint64_t>(insn, f); }
Handler bind_STLLRB(Insn& insn, const Fields& f) { return bind_store<uint8_t>(insn, f); }
Handler bind_STLLRH(Insn& insn, const Fields& f) { return bind_store<uint16_t>(insn, f); }
Handler bind_STLLR_w(Insn& insn, const Fields& f) { return bind_store<uint32_t>(insn, f); }
Handler bind_STLLR_x(Insn& insn, const Fields& f) { return bind_store<uint64_t>(insn, f); }

Handler bind_LDAPRB(Insn& insn, const Fields& f) { return bind_load<uint8_t>(insn, f); }
Handler bind_LDAPRH(Insn& insn, const Fields& f) { return bind_load<uint16_t>(insn, f); }
Handler bind_LDAPR_w(Insn& insn, const Fields& f) { return bind_load<uint32_t>(insn, f); }
Handler bind_LDAPR_x(Insn& insn, const Fields& f) { return bind_load<uint64_t>(insn, f); }

} // namespace beeline::arm64
