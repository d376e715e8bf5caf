// What a CPU has been through, as records in a ring that its own thread fills and anybody reads meanwhile. There is one
// only while somebody traces; else each place that has something to tell tests one pointer. All of these places are in
// C++ and take long anyway: translated code is the same whether or not its CPU is traced.
#pragma once

#include "arm64/types.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace beeline::arm64 {

enum class TraceKind : uint8_t {
    Exception,   ///< detail: from EL; ESR, ELR, FAR (old where the class sets none), the vector's address
    Interrupt,   ///< detail: from EL, kTraceFiq; ELR, the vector's address
    Acknowledge, ///< INTID
    Return,      ///< detail: to EL; pc, SPSR
    Call,        ///< HVC: function identifier, x1, x2, result
    Sleep,       ///< detail: kTraceEvent: WFE, else WFI or PSCI's standby
    Wake,        ///< Likewise
    DeviceRead,  ///< detail: kTraceRefused; physical address, bytes, value
    DeviceWrite, ///< Likewise
    Maintenance, ///< detail: Maintenance::Kind, kTraceRemote; operand
    Register,    ///< MSR: system_register_key(), value
};
inline constexpr unsigned kTraceKinds = 11;

/// Bits of TraceRecord::detail beside what it says above.
inline constexpr uint16_t kTraceFiq = 0x100, kTraceEvent = 0x100, kTraceRefused = 0x100, kTraceRemote = 0x100;

constexpr uint32_t trace_bit(TraceKind kind) { return uint32_t{1} << static_cast<unsigned>(kind); }

struct TraceRecord {
    uint64_t time; ///< Of the guest, in nanoseconds.
    TraceKind kind;
    uint8_t reserved;
    uint16_t detail;
    uint32_t cpu;
    std::array<uint64_t, 4> arguments;
};
static_assert(sizeof(TraceRecord) == 48);

class TraceRing {
public:
    /// Keeps the latest `capacity` records, a power of two, of the kinds that have a bit in `kinds`.
    TraceRing(size_t capacity, uint32_t kinds)
        : kinds_(kinds), mask_(capacity - 1), slots_(std::make_unique<Slot[]>(capacity)) {}

    bool wants(TraceKind kind) const { return (kinds_ & trace_bit(kind)) != 0; }

    /// From one thread. Never waits.
    void write(const TraceRecord& record) {
        const uint64_t number = written_.load(std::memory_order_relaxed);
        // Who sees any of what follows sees that the record before is there, hence that this place is being reused.
        std::atomic_thread_fence(std::memory_order_release);
        const auto words = std::bit_cast<Words>(record);
        Slot& slot = slots_[number & mask_];
        for (size_t i = 0; i < words.size(); i++) slot[i].store(words[i], std::memory_order_relaxed);
        written_.store(number + 1, std::memory_order_release);
    }

    /// From any thread. Records have numbers from 0 on: how many there have been.
    uint64_t written() const { return written_.load(std::memory_order_acquire); }
    /// The first that is certainly kept when `written` have been: one more may be on its way to where the last kept
    /// was.
    uint64_t first_kept(uint64_t written) const { return written > mask_ ? written - mask_ : 0; }
    /// False: it is not kept any more. It has been written.
    bool read(uint64_t number, TraceRecord& record) const {
        Words words;
        const Slot& slot = slots_[number & mask_];
        for (size_t i = 0; i < words.size(); i++) words[i] = slot[i].load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        if (number < first_kept(written_.load(std::memory_order_relaxed))) return false;
        record = std::bit_cast<TraceRecord>(words);
        return true;
    }

private:
    static constexpr size_t kWords = sizeof(TraceRecord) / sizeof(uint64_t);
    using Words = std::array<uint64_t, kWords>;
    using Slot = std::array<std::atomic<uint64_t>, kWords>;

    const uint32_t kinds_;
    const uint64_t mask_;
    const std::unique_ptr<Slot[]> slots_;
    std::atomic<uint64_t> written_{0};
};

} // namespace beeline::arm64
