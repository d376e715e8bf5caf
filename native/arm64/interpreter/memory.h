// Loads and stores of the interpreter: inline TLB probe, everything else in Vcpu::load_slow / store_slow.
//
// Use in a handler:
//     uint32_t value;
//     if (!load(cpu, address, value)) return take_fault(cpu, insn);
// A load or store that fails has changed nothing. Handlers must write back base registers only after the last access
// succeeded. Multi-register stores (STP, ST1-4) may have written some bytes when a later access faults (the
// architecture allows it).
#pragma once

#include "arm64/vcpu.h"

#include <cstring>

namespace beeline::arm64 {

template <typename T> [[gnu::always_inline]] inline bool load_from(Vcpu& cpu, Tlb& tlb, Regime regime, uint64_t va, T& value) {
    const TlbEntry& entry = tlb.entry(va);
    // One comparison catches a miss and a page crossing: the last byte must be in the page that the entry holds.
    if (((va + sizeof(T) - 1) & ~kPageMask) == entry.read_page) [[likely]] {
        std::memcpy(&value, reinterpret_cast<const void*>(va + entry.addend), sizeof(T));
        return true;
    }
    if (!cpu.load_slow(va, sizeof(T), regime)) return false;
    std::memcpy(&value, cpu.transfer, sizeof(T));
    return true;
}

template <typename T> [[gnu::always_inline]] inline bool store_to(Vcpu& cpu, Tlb& tlb, Regime regime, uint64_t va, const T& value) {
    const TlbEntry& entry = tlb.entry(va);
    if (((va + sizeof(T) - 1) & ~kPageMask) == entry.write_page) [[likely]] {
        std::memcpy(reinterpret_cast<void*>(va + entry.addend), &value, sizeof(T));
        return true;
    }
    std::memcpy(cpu.transfer, &value, sizeof(T));
    return cpu.store_slow(va, sizeof(T), regime);
}

/// Plain access at the current exception level. T is uint8_t to uint64_t, or VReg.
template <typename T> [[gnu::always_inline]] inline bool load(Vcpu& cpu, uint64_t va, T& value) {
    return load_from(cpu, *cpu.data_tlb, cpu.data_regime(), va, value);
}
template <typename T> [[gnu::always_inline]] inline bool store(Vcpu& cpu, uint64_t va, const T& value) {
    return store_to(cpu, *cpu.data_tlb, cpu.data_regime(), va, value);
}

/// LDTR/STTR family.
template <typename T> [[gnu::always_inline]] inline bool load_unprivileged(Vcpu& cpu, uint64_t va, T& value) {
    return load_from(cpu, *cpu.unprivileged_tlb, cpu.unprivileged_regime(), va, value);
}
template <typename T> [[gnu::always_inline]] inline bool store_unprivileged(Vcpu& cpu, uint64_t va, const T& value) {
    return store_to(cpu, *cpu.unprivileged_tlb, cpu.unprivileged_regime(), va, value);
}

/// Load-acquire, store-release, and other accesses that must be aligned. Ordering: the host is x86-TSO, so plain
/// loads and stores already have acquire and release semantics; STLR then LDAR ordering is the handler's business.
template <typename T> [[gnu::always_inline]] inline bool load_aligned(Vcpu& cpu, uint64_t va, T& value) {
    if (va % sizeof(T) == 0) [[likely]]
        return load(cpu, va, value);
    return cpu.load_slow(va, sizeof(T), cpu.data_regime(), {.require_alignment = true});
}
template <typename T> [[gnu::always_inline]] inline bool store_aligned(Vcpu& cpu, uint64_t va, const T& value) {
    if (va % sizeof(T) == 0) [[likely]]
        return store(cpu, va, value);
    return cpu.store_slow(va, sizeof(T), cpu.data_regime(), {.require_alignment = true});
}

} // namespace beeline::arm64
