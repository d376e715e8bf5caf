// Arm PrimeCell real-time clock (PL031, DDI 0224): seconds since 1970, and an alarm.
#pragma once

#include "devices/device.h"
#include "devices/timer_queue.h"

#include <cstdint>
#include <functional>

namespace beeline::devices {

class Pl031 final : public Device {
public:
    /// Host wall-clock time in nanoseconds since 1970; replaceable for tests.
    using WallClock = std::function<uint64_t()>;
    static uint64_t host_wall_clock();

    Pl031(InterruptLine line, TimerQueue& queue, VirtualClock& clock, WallClock wall_clock = host_wall_clock);

    bool read(const MmioAccess& access, uint64_t& value) override;
    bool write(const MmioAccess& access, uint64_t value) override;
    void reset() override;
    void exchange(snapshot::Archive& archive) override;

private:
    uint32_t seconds() const;
    void set_alarm();
    void check_alarm();

    InterruptLine line_;
    TimerQueue& queue_;
    VirtualClock& clock_;
    WallClock wall_clock_;
    TimerQueue::Id alarm_;
    uint32_t offset_ = 0; ///< Guest's seconds minus the host's; survives a reset, as a battery-backed clock does.
    uint32_t load_ = 0, match_ = 0;
    bool raw_ = false, mask_ = false;
};

} // namespace beeline::devices
