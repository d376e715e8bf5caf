// What exclusives and LSE atomics share: byte order of values in memory, and compare-and-swap of 1 to 16 bytes.
#pragma once

#include "arm64/execution_context.h"
#include "arm64/vcpu.h"

#include <type_traits>

namespace beeline::arm64 {

template <typename T> constexpr T byte_swapped(T value) {
    if constexpr (sizeof(T) == 1)
        return value;
    else if constexpr (sizeof(T) == 2)
        return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
    else if constexpr (sizeof(T) == 4)
        return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
    else
        return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

/// Between a register's value and memory as the host reads it; its own inverse.
template <typename T> T in_memory_order(const Vcpu& cpu, T value) {
    return big_endian_data(cpu) ? byte_swapped(value) : value;
}

/// Sixteen bytes, in ascending address.
struct Doubleword2 {
    uint64_t low, high;
    friend bool operator==(const Doubleword2&, const Doubleword2&) = default;
};

/// Stores `desired` where memory holds `expected`; returns what memory held. A full barrier either way. The location is
/// writable, and naturally aligned.
template <typename T> T compare_and_swap(void* location, T expected, T desired) {
    __atomic_compare_exchange_n(static_cast<T*>(location), &expected, desired, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return expected;
}

inline Doubleword2 compare_and_swap(void* location, Doubleword2 expected, Doubleword2 desired) {
    // The builtin calls libatomic unless the whole program requires CMPXCHG16B, which every x86-64 host here has.
    asm volatile("lock cmpxchg16b %[memory]"
                 : [memory] "+m"(*static_cast<Doubleword2*>(location)), "+a"(expected.low), "+d"(expected.high)
                 : "b"(desired.low), "c"(desired.high)
                 : "cc", "memory");
    return expected;
}

} // namespace beeline::arm64
