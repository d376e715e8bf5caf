#include "devices/timer_queue.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace beeline::devices {

TimerQueue::Id TimerQueue::add(std::function<void()> expired) {
    timers_.push_back({kNever, std::move(expired)});
    return timers_.size() - 1;
}

void TimerQueue::arm(Id timer, uint64_t deadline) {
    timers_[timer].deadline = deadline;
    if (deadline < sleeping_until_) {
        sleeping_until_ = deadline;
        wake_.notify_one();
    }
}

void TimerQueue::exchange(snapshot::Archive& archive, Id timer) {
    uint64_t deadline = timers_[timer].deadline;
    archive.value(deadline);
    arm(timer, deadline);
}

void TimerQueue::disarm_all() {
    for (Timer& timer : timers_) timer.deadline = kNever;
}

void TimerQueue::clock_changed() { wake_.notify_one(); }

uint64_t TimerQueue::earliest() const {
    uint64_t earliest = kNever;
    for (const Timer& timer : timers_) earliest = std::min(earliest, timer.deadline);
    return earliest;
}

void TimerQueue::run_due() {
    const uint64_t now = clock_.now();
    // One pass: a callback that arms its timer in the past again is served in the next round, so this always ends.
    for (Timer& timer : timers_) {
        if (timer.deadline > now) continue;
        timer.deadline = kNever;
        expiries_++;
        timer.expired();
    }
}

void TimerQueue::stop() {
    const std::lock_guard guard(lock_);
    stopping_ = true;
    wake_.notify_one();
}

void TimerQueue::serve() {
    std::unique_lock lock(lock_);
    while (!stopping_) {
        if (!clock_.frozen()) run_due();
        sleeping_until_ = clock_.frozen() ? kNever : earliest();
        // Times beyond what the host's clock can express are as good as never.
        constexpr uint64_t kFar = uint64_t{1} << 62;
        if (clock_.frozen() || sleeping_until_ >= kFar) {
            wake_.wait(lock);
        } else if (sleeping_until_ > clock_.now()) {
            wake_.wait_until(lock, clock_.host_time(sleeping_until_));
        } else {
            // Due already: let others have the lock between rounds.
            lock.unlock();
            std::this_thread::yield();
            lock.lock();
        }
    }
}

} // namespace beeline::devices
