// Deadlines in guest time, served by one thread that sleeps until the earliest of them. A CPU that sleeps takes over
// its own, which are most of those of an idle guest: each would wake the thread only for this to wake the CPU's.
#pragma once

#include "devices/virtual_clock.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace beeline::devices {

class TimerQueue {
public:
    static constexpr uint64_t kNever = ~uint64_t{0};
    using Id = size_t;
    /// Who may take over a timer: a CPU, by its number.
    static constexpr unsigned kNobody = ~0u;

    /// Every member function but serve() and stop() is called with `board_lock` held.
    TimerQueue(VirtualClock& clock, std::mutex& board_lock);
    ~TimerQueue();
    TimerQueue(const TimerQueue&) = delete;
    TimerQueue& operator=(const TimerQueue&) = delete;

    /// Adds a timer that is not armed. `expired` is called with the board lock held, the timer disarmed.
    Id add(std::function<void()> expired, unsigned owner = kNobody);
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

    /// Until take_back(), the timers of `owner`, who arms none meanwhile, are its own to wait for. The host's time of
    /// the first; VirtualClock::HostTime::max(): none.
    VirtualClock::HostTime hand_over(unsigned owner);
    /// Calls what is due of them.
    void take_back(unsigned owner);

    /// 0, or why the host refuses to serve deadlines (errno).
    int error() const { return error_; }
    /// The thread's body: serves deadlines until stop().
    void serve();
    void stop();

private:
    struct Timer {
        uint64_t deadline;
        std::function<void()> expired;
        unsigned owner;
        bool handed_over;
    };

    /// Times beyond what the host's clock can express are as good as never.
    static constexpr uint64_t kFar = uint64_t{1} << 62;

    void expire(Timer& timer);
    /// The next deadline that the thread is to serve.
    uint64_t earliest_served() const;
    void set_alarm(uint64_t deadline);

    VirtualClock& clock_;
    std::mutex& lock_;
    std::vector<Timer> timers_;
    /// A timerfd. Unlike a condition variable it takes a new deadline without the thread's waking up.
    const int alarm_;
    const int error_;
    uint64_t alarm_deadline_ = kNever; ///< What it is set to.
    uint64_t expiries_ = 0;
    bool stopping_ = false;
};

} // namespace beeline::devices
