// Guest time: the host's monotonic clock since the machine started, standing still while the machine is paused.
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
        const int64_t frozen = frozen_at_.load(std::memory_order_acquire);
        if (frozen >= 0) return static_cast<uint64_t>(frozen);
        return static_cast<uint64_t>(host_now() - offset_.load(std::memory_order_acquire));
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

    std::atomic<int64_t> offset_{0};
    std::atomic<int64_t> frozen_at_{0}; ///< Negative: running. A new clock stands at 0.
};

} // namespace beeline::devices
