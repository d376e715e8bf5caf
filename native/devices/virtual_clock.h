// Guest time. Either the host's monotonic clock since the machine started, standing still while the machine is paused;
// or, where instructions are counted exactly, what was executed and what was slept.
#pragma once

#include "snapshot/archive.h"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace beeline::devices {

class VirtualClock {
public:
    using HostTime = std::chrono::steady_clock::time_point;
    static constexpr uint64_t kNanosecondsPerTick = 16; ///< 62.5 MHz

    /// Nanoseconds since the first thaw().
    uint64_t now() const {
        if (instructions_ != nullptr)
            return slept_.load(std::memory_order_relaxed) +
                   (__atomic_load_n(instructions_, __ATOMIC_RELAXED) << nanoseconds_log2_);
        const int64_t frozen = frozen_at_.load(std::memory_order_acquire);
        if (frozen >= 0) return static_cast<uint64_t>(frozen);
        return static_cast<uint64_t>(host_now() - offset_.load(std::memory_order_acquire));
    }
    // ---- counted time: before the machine starts, and from the CPU's thread --------------------------------------
    /// Every one of `instructions` takes 2^nanoseconds_log2 nanoseconds.
    void count(const uint64_t& instructions, unsigned nanoseconds_log2) {
        instructions_ = &instructions;
        nanoseconds_log2_ = nanoseconds_log2;
    }
    bool counts() const { return instructions_ != nullptr; }
    /// Nothing is executed up to this time.
    void sleep_until(uint64_t nanoseconds) {
        if (const uint64_t from = now(); nanoseconds > from) slept_.fetch_add(nanoseconds - from);
    }
    /// How many instructions will have been executed at this time, if nothing is slept.
    uint64_t instructions_at(uint64_t nanoseconds) const {
        const uint64_t from = now(), left = nanoseconds > from ? nanoseconds - from : 0;
        const uint64_t rounded = (left >> nanoseconds_log2_) + ((left & ((uint64_t{1} << nanoseconds_log2_) - 1)) != 0);
        return __atomic_load_n(instructions_, __ATOMIC_RELAXED) + rounded;
    }

    /// CNTPCT_EL0.
    uint64_t ticks() const { return now() / kNanosecondsPerTick; }

    /// Host time at which now() will have reached `nanoseconds`, provided the clock runs.
    HostTime host_time(uint64_t nanoseconds) const {
        return HostTime(
            std::chrono::nanoseconds(static_cast<int64_t>(nanoseconds) + offset_.load(std::memory_order_acquire)));
    }

    bool frozen() const { return frozen_at_.load(std::memory_order_acquire) >= 0; }
    /// Only while no guest code executes.
    void freeze() {
        if (!frozen()) frozen_at_.store(static_cast<int64_t>(now()), std::memory_order_release);
    }
    void thaw() {
        if (!frozen()) return;
        offset_.store(host_now() - frozen_at_.load(std::memory_order_acquire), std::memory_order_release);
        frozen_at_.store(-1, std::memory_order_release);
    }
    /// Only while it is frozen.
    void exchange(snapshot::Archive& archive) {
        auto now = static_cast<uint64_t>(frozen_at_.load(std::memory_order_acquire));
        archive.at_most(now, kLatest);
        frozen_at_.store(static_cast<int64_t>(now), std::memory_order_release);
    }

private:
    /// Some 146 years.
    static constexpr uint64_t kLatest = uint64_t{1} << 62;

    static int64_t host_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
    static_assert(std::chrono::steady_clock::period::den == 1'000'000'000);

    const uint64_t* instructions_ = nullptr;
    unsigned nanoseconds_log2_ = 0;
    std::atomic<uint64_t> slept_{0}; ///< Nanoseconds.

    std::atomic<int64_t> offset_{0};
    std::atomic<int64_t> frozen_at_{0}; ///< Negative: running. A new clock stands at 0.
};

} // namespace beeline::devices
