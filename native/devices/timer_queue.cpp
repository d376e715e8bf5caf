#include "devices/timer_queue.h"

#include <algorithm>
#include <cerrno>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>

namespace beeline::devices {

TimerQueue::TimerQueue(VirtualClock& clock, std::mutex& board_lock)
    : clock_(clock), lock_(board_lock), alarm_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)),
      error_(alarm_ < 0 ? errno : 0) {}

TimerQueue::~TimerQueue() {
    if (alarm_ >= 0) close(alarm_);
}

TimerQueue::Id TimerQueue::add(std::function<void()> expired, unsigned owner) {
    timers_.push_back({kNever, std::move(expired), owner, false});
    return timers_.size() - 1;
}

void TimerQueue::set_alarm(uint64_t deadline) {
    if (deadline == alarm_deadline_ || stopping_) return;
    alarm_deadline_ = deadline;
    // All zeros would disarm it, which is what kNever is for.
    itimerspec when{};
    if (deadline < kFar) {
        const int64_t host = std::max<int64_t>(clock_.host_time(deadline).time_since_epoch().count(), 1);
        when.it_value = {host / 1'000'000'000, host % 1'000'000'000};
    }
    timerfd_settime(alarm_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void TimerQueue::arm(Id timer, uint64_t deadline) {
    timers_[timer].deadline = deadline;
    // A later one than before is found when the thread wakes.
    if (deadline < alarm_deadline_ && !clock_.counts() && !clock_.frozen()) set_alarm(deadline);
}

void TimerQueue::exchange(snapshot::Archive& archive, Id timer) {
    uint64_t deadline = timers_[timer].deadline;
    archive.value(deadline);
    arm(timer, deadline);
}

void TimerQueue::disarm_all() {
    for (Timer& timer : timers_) timer.deadline = kNever;
}

void TimerQueue::clock_changed() {
    set_alarm(kNever);
    if (!clock_.frozen()) set_alarm(earliest_served());
}

uint64_t TimerQueue::earliest() const {
    uint64_t earliest = kNever;
    for (const Timer& timer : timers_) earliest = std::min(earliest, timer.deadline);
    return earliest;
}

uint64_t TimerQueue::earliest_served() const {
    uint64_t earliest = kNever;
    for (const Timer& timer : timers_)
        if (!timer.handed_over) earliest = std::min(earliest, timer.deadline);
    return earliest;
}

void TimerQueue::expire(Timer& timer) {
    timer.deadline = kNever;
    expiries_++;
    timer.expired();
}

void TimerQueue::run_due() {
    const uint64_t now = clock_.now();
    // One pass: a callback that arms its timer in the past again is served in the next round, so this always ends.
    for (Timer& timer : timers_)
        if (!timer.handed_over && timer.deadline <= now) expire(timer);
}

VirtualClock::HostTime TimerQueue::hand_over(unsigned owner) {
    uint64_t first = kNever;
    for (Timer& timer : timers_) {
        if (timer.owner != owner) continue;
        timer.handed_over = true;
        first = std::min(first, timer.deadline);
    }
    if (!clock_.frozen()) set_alarm(earliest_served());
    return first >= kFar || clock_.frozen() ? VirtualClock::HostTime::max() : clock_.host_time(first);
}

void TimerQueue::take_back(unsigned owner) {
    const uint64_t now = clock_.now();
    for (Timer& timer : timers_) {
        if (timer.owner != owner || !timer.handed_over) continue;
        timer.handed_over = false;
        if (clock_.frozen()) continue;
        if (timer.deadline <= now)
            expire(timer);
        else if (timer.deadline < alarm_deadline_)
            set_alarm(timer.deadline);
    }
}

void TimerQueue::stop() {
    const std::lock_guard guard(lock_);
    stopping_ = true;
    const itimerspec at_once{{}, {0, 1}};
    timerfd_settime(alarm_, TFD_TIMER_ABSTIME, &at_once, nullptr);
}

void TimerQueue::serve() {
    for (;;) {
        {
            const std::lock_guard guard(lock_);
            if (stopping_) return;
            if (!clock_.frozen()) {
                run_due();
                alarm_deadline_ = kNever;
                set_alarm(earliest_served());
            }
        }
        uint64_t expirations = 0;
        while (read(alarm_, &expirations, sizeof(expirations)) < 0 && errno == EINTR) {
        }
    }
}

} // namespace beeline::devices
