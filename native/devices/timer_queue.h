// Deadlines in guest time, served by one thread that sleeps until the earliest of them.
#pragma once

#include "devices/virtual_clock.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace beeline::devices {

class TimerQueue {
public:
    static constexpr uint64_t kNever = ~uint64_t{0};
    using Id = size_t;

    /// Every member function but serve() and stop() is called with `board_lock` held.
    TimerQueue(VirtualClock& clock, std::mutex& board_lock) : clock_(clock), lock_(board_lock) {}
    TimerQueue(const TimerQueue&) = delete;
    TimerQueue& operator=(const TimerQueue&) = delete;

    /// Adds a timer that is not armed. `expired` is called with the board lock held, the timer disarmed.
    Id add(std::function<void()> expired);
    /// Arms `timer` for a time of the clock in nanoseconds, kNever to disarm.
    void arm(Id timer, uint64_t deadline);
    void disarm(Id timer) { timers_[timer].deadline = kNever; }
    bool armed(Id timer) const { return timers_[timer].deadline != kNever; }
    /// The deadline. Nothing expires before the clock is thawed.
    void exchange(snapshot::Archive& archive, Id timer);
    void disarm_all();
    /// The clock was frozen or thawed.
    void clock_changed();
    uint64_t expiries() const { return expiries_; }

    /// Calls what is due at the clock's time.
    void run_due();
    /// The next deadline; kNever: none.
    uint64_t earliest() const;

    /// The thread's body: serves deadlines until stop().
    void serve();
    void stop();

private:
    struct Timer {
        uint64_t deadline = kNever;
        std::function<void()> expired;
    };

    VirtualClock& clock_;
    std::mutex& lock_;
    std::condition_variable wake_;
    std::vector<Timer> timers_;
    uint64_t sleeping_until_ = 0; ///< What the thread waits for; an earlier deadline must wake it.
    uint64_t expiries_ = 0;
    bool stopping_ = false;
};

} // namespace beeline::devices
