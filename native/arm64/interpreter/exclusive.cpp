// Load-exclusive and store-exclusive (Arm ARM B2.9, C4.1.88).
//
// A load-exclusive remembers the address and the bytes; a store-exclusive of that address and size is a
// compare-and-swap of them. It therefore also succeeds after the location was changed and changed back, which B2.9.5
// does not let software rely on to fail. One that fails by address or size does not access memory.
#include "arm64/interpreter/atomic_access.h"
#include "arm64/interpreter/control.h"
#include "arm64/interpreter/stack_alignment.h"

namespace beeline::arm64 {

namespace {

/// The bytes of two registers T, in memory order of each, as one value of twice the size.
template <typename T> struct Pair;
template <> struct Pair<uint32_t> {
    using Memory = uint64_t;
    static Memory join(uint32_t first, uint32_t second) { return first | uint64_t{second} << 32; }
    static Memory remembered(const ExclusiveMonitor& monitor) { return monitor.value[0]; }
};
template <> struct Pair<uint64_t> {
    using Memory = Doubleword2;
    static Memory join(uint64_t first, uint64_t second) { return {first, second}; }
    static Memory remembered(const ExclusiveMonitor& monitor) { return {monitor.value[0], monitor.value[1]}; }
};

void monitor_address(Vcpu& cpu, uint64_t va, uint8_t size) {
    cpu.state.exclusive.va = va;
    cpu.state.exclusive.size = size;
}

template <typename T> [[gnu::noinline]] bool load_one(Vcpu& cpu, const Insn* insn) {
    const uint64_t address = cpu.state.x[insn->rn];
    const uint8_t* location = cpu.atomic_pointer(address, sizeof(T), true);
    if (location == nullptr) return false;
    const T value = __atomic_load_n(reinterpret_cast<const T*>(location), __ATOMIC_ACQUIRE);
    monitor_address(cpu, address, sizeof(T));
    cpu.state.exclusive.value[0] = value;
    cpu.state.x[insn->rd] = in_memory_order(cpu, value);
    return true;
}

/// Two loads for a pair of doublewords: it is atomic only where the store-exclusive succeeds (B2.2.1), which compares
/// both.
template <typename T> [[gnu::noinline]] bool load_two(Vcpu& cpu, const Insn* insn) {
    const uint64_t address = cpu.state.x[insn->rn];
    const uint8_t* location = cpu.atomic_pointer(address, 2 * sizeof(T), true);
    if (location == nullptr) return false;
    T first, second;
    if constexpr (sizeof(T) == 4) {
        const uint64_t both = __atomic_load_n(reinterpret_cast<const uint64_t*>(location), __ATOMIC_ACQUIRE);
        first = static_cast<uint32_t>(both);
        second = static_cast<uint32_t>(both >> 32);
        cpu.state.exclusive.value[0] = both;
    } else {
        first = __atomic_load_n(reinterpret_cast<const uint64_t*>(location), __ATOMIC_ACQUIRE);
        second = __atomic_load_n(reinterpret_cast<const uint64_t*>(location) + 1, __ATOMIC_ACQUIRE);
        cpu.state.exclusive.value[0] = first;
        cpu.state.exclusive.value[1] = second;
    }
    monitor_address(cpu, address, 2 * sizeof(T));
    // Of one register named twice the second value stays (CONSTRAINED UNPREDICTABLE).
    cpu.state.x[insn->rd] = in_memory_order(cpu, first);
    cpu.state.x[insn->ra] = in_memory_order(cpu, second);
    return true;
}

template <typename Memory>
bool store_if_monitored(Vcpu& cpu, const Insn* insn, const Memory& remembered, const Memory& desired) {
    const uint64_t address = cpu.state.x[insn->rn];
    // AArch64.ExclusiveMonitorsPass() checks the alignment before the monitor (J1.1.3).
    if (address % sizeof(Memory) != 0) [[unlikely]] {
        cpu.fault = {.kind = Fault::Kind::Alignment, .access = Access::Write, .va = address};
        return false;
    }
    bool stored = false;
    // The monitor is about the location: an address tag, of which translation knows whether it is one, does not matter.
    if ((address ^ cpu.state.exclusive.va) << 8 == 0 && sizeof(Memory) == cpu.state.exclusive.size) {
        uint8_t* location = cpu.atomic_pointer(address, sizeof(Memory));
        if (location == nullptr) return false;
        stored = compare_and_swap(location, remembered, desired) == remembered;
    }
    cpu.state.exclusive.open();
    cpu.state.x[insn->rm] = stored ? 0 : 1;
    return true;
}

template <typename T> [[gnu::noinline]] bool store_one(Vcpu& cpu, const Insn* insn) {
    return store_if_monitored<T>(cpu, insn, static_cast<T>(cpu.state.exclusive.value[0]),
                                 in_memory_order(cpu, static_cast<T>(cpu.state.x[insn->rd])));
}

template <typename T> [[gnu::noinline]] bool store_two(Vcpu& cpu, const Insn* insn) {
    return store_if_monitored<typename Pair<T>::Memory>(
        cpu, insn, Pair<T>::remembered(cpu.state.exclusive),
        Pair<T>::join(in_memory_order(cpu, static_cast<T>(cpu.state.x[insn->rd])),
                      in_memory_order(cpu, static_cast<T>(cpu.state.x[insn->ra]))));
}

template <bool (*access)(Vcpu&, const Insn*)> Insn* exclusive(Vcpu& cpu, Insn* insn) {
    if (insn->rn == kStackPointer && stack_misaligned(cpu, cpu.state.x[insn->rn])) [[unlikely]]
        return take_stack_fault(cpu, insn);
    if (!access(cpu, insn)) [[unlikely]]
        return take_fault(cpu, insn);
    return next(cpu, insn);
}

template <typename T> Handler bind_load(Insn& insn, const Fields& f) {
    insn.rd = destination(f('t'));
    insn.rn = register_or_sp(f('n'));
    return exclusive<load_one<T>>;
}

template <typename T> Handler bind_store(Insn& insn, const Fields& f) {
    insn.rn = register_or_sp(f('n'));
    insn.rm = destination(f('s'));
    return exclusive<store_one<T>>;
}

Handler bind_load_pair(Insn& insn, const Fields& f) {
    insn.rd = destination(f('t'));
    insn.ra = destination(f('u'));
    insn.rn = register_or_sp(f('n'));
    return f('x') != 0 ? exclusive<load_two<uint64_t>> : exclusive<load_two<uint32_t>>;
}

Handler bind_store_pair(Insn& insn, const Fields& f) {
    insn.rn = register_or_sp(f('n'));
    insn.rm = destination(f('s'));
    return f('x') != 0 ? exclusive<store_two<uint64_t>> : exclusive<store_two<uint32_t>>;
}

} // namespace

Handler bind_LDXRB(Insn& insn, const Fields& f) { return bind_load<uint8_t>(insn, f); }
Handler bind_LDXRH(Insn& insn, const Fields& f) { return bind_load<uint16_t>(insn, f); }
Handler bind_LDXR_w(Insn& insn, const Fields& f) { return bind_load<uint32_t>(insn, f); }
Handler bind_LDXR_x(Insn& insn, const Fields& f) { return bind_load<uint64_t>(insn, f); }
Handler bind_LDXP(Insn& insn, const Fields& f) { return bind_load_pair(insn, f); }
Handler bind_STXRB(Insn& insn, const Fields& f) { return bind_store<uint8_t>(insn, f); }
Handler bind_STXRH(Insn& insn, const Fields& f) { return bind_store<uint16_t>(insn, f); }
Handler bind_STXR_w(Insn& insn, const Fields& f) { return bind_store<uint32_t>(insn, f); }
Handler bind_STXR_x(Insn& insn, const Fields& f) { return bind_store<uint64_t>(insn, f); }
Handler bind_STXP(Insn& insn, const Fields& f) { return bind_store_pair(insn, f); }

// With acquire and release: the accesses above are as strong already.
Handler bind_LDAXRB(Insn& insn, const Fields& f) { return bind_load<uint8_t>(insn, f); }
Handler bind_LDAXRH(Insn& insn, const Fields& f) { return bind_load<uint16_t>(insn, f); }
Handler bind_LDAXR_w(Insn& insn, const Fields& f) { return bind_load<uint32_t>(insn, f); }
Handler bind_LDAXR_x(Insn& insn, const Fields& f) { return bind_load<uint64_t>(insn, f); }
Handler bind_LDAXP(Insn& insn, const Fields& f) { return bind_load_pair(insn, f); }
Handler bind_STLXRB(Insn& insn, const Fields& f) { return bind_store<uint8_t>(insn, f); }
Handler bind_STLXRH(Insn& insn, const Fields& f) { return bind_store<uint16_t>(insn, f); }
Handler bind_STLXR_w(Insn& insn, const Fields& f) { return bind_store<uint32_t>(insn, f); }
Handler bind_STLXR_x(Insn& insn, const Fields& f) { return bind_store<uint64_t>(insn, f); }
Handler bind_STLXP(Insn& insn, const Fields& f) { return bind_store_pair(insn, f); }

} // namespace beeline::arm64
