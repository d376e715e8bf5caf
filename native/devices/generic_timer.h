// The generic timers' interrupts (Arm ARM D11): one physical and one virtual EL1 timer a CPU.
#pragma once

#include "devices/device.h"
#include "devices/timer_queue.h"
#include "devices/virtual_clock.h"

#include <array>
#include <cstdint>
#include <vector>

namespace beeline::devices {

/// CNT{P,V}_CTL_EL0 and CNT{P,V}_CVAL_EL0, as the CPU holds them.
struct GenericTimerRegisters {
    uint64_t control = 0;
    uint64_t compare = 0;
};

/// Follows the timer registers of every CPU and drives the level of their private interrupts:
/// ENABLE && !IMASK && CNTPCT >= CVAL. Every call is made with the board lock held.
class GenericTimers {
public:
    enum class Which : uint8_t { Physical, Virtual };
    static constexpr unsigned kPhysicalIntid = 30, kVirtualIntid = 27;

    GenericTimers(unsigned cpus, VirtualClock& clock, TimerQueue& queue, InterruptSink& interrupts);

    void update(unsigned cpu, Which which, GenericTimerRegisters registers);
    void reset();
    void exchange(snapshot::Archive& archive);
    /// After exchange(), once interrupts and clock are in place: timers and interrupts as the registers say.
    void settle();

private:
    struct Channel {
        GenericTimerRegisters registers;
        TimerQueue::Id timer = 0;
    };
    void evaluate(unsigned cpu, Which which);

    VirtualClock& clock_;
    TimerQueue& queue_;
    InterruptSink& interrupts_;
    std::vector<std::array<Channel, 2>> channels_;
};

} // namespace beeline::devices
