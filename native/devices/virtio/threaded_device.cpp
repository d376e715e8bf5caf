#include "devices/virtio/threaded_device.h"

#include <bit>
#include <cerrno>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace beeline::devices::virtio {

ThreadedDevice::ThreadedDevice(const char* name, unsigned queues, GuestMemoryAccess& memory)
    : name_(name), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), event_error_(errno),
      queues_(queues, Virtqueue(memory)) {}

ThreadedDevice::~ThreadedDevice() {
    if (event_ >= 0) close(event_);
}

bool ThreadedDevice::activate(uint64_t features, std::span<const QueueLayout> layouts) {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < layouts.size(); i++) {
        if (layouts[i].size == 0) continue;
        if (!queues_[i].enable(layouts[i], (features & kRingEventIndex) != 0)) return false;
    }
    active_ = true;
    activated(features);
    begun();
    // It may wait for more than before.
    wake();
    return true;
}

void ThreadedDevice::notify(unsigned queue) {
    if (const std::unique_lock lock(mutex_, std::try_to_lock); lock && active_) notified_at_once(queue);
    notify_thread(queue);
}

void ThreadedDevice::notify_thread(unsigned queue) {
    const uint64_t bit = uint64_t{1} << queue;
    // Who set it before has woken the thread, which has not taken it yet.
    if ((notified_.fetch_or(bit, std::memory_order_seq_cst) & bit) == 0) wake();
}

void ThreadedDevice::wake() {
    if (on_demand()) return want();
    const uint64_t one = 1;
    // Fails only where the counter is full, and then the thread is awake.
    [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof one);
}

void ThreadedDevice::reset() {
    const std::lock_guard lock(mutex_);
    active_ = broken_ = false;
    for (Virtqueue& queue : queues_) queue.disable();
    used_ = 0;
    deactivated();
    notified_.store(0, std::memory_order_seq_cst);
}

void ThreadedDevice::freeze() {
    std::unique_lock lock(mutex_);
    frozen_ = true;
    rests_.wait(lock, [this] { return resting_; });
    put_back();
}

void ThreadedDevice::thaw() {
    const std::lock_guard lock(mutex_);
    frozen_ = false;
    thawed_.notify_one();
    wake();
}

void ThreadedDevice::exchange(snapshot::Archive& archive, const Driving& driving) {
    const std::lock_guard lock(mutex_);
    if (archive.loading()) {
        active_ = broken_ = false;
        used_ = 0;
        deactivated();
    }
    exchange_queues(archive, driving, queues_);
    if (archive.loading()) {
        active_ = driving.active && !archive.failed();
        if (active_) activated(driving.features);
        // Whatever the driver may have told of.
        notified_.store(active_ ? (uint64_t{1} << queues_.size()) - 1 : 0, std::memory_order_seq_cst);
        wake();
    }
    exchange_own(archive);
}

bool ThreadedDevice::start() {
    if (event_ < 0) {
        errno = event_error_;
        return false;
    }
    return thread_.start(name_, [this] { main(); });
}

void ThreadedDevice::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_.store(true, std::memory_order_seq_cst);
        thawed_.notify_one();
    }
    wake();
    thread_.join();
}

void ThreadedDevice::main() {
    while (!stopping_.load(std::memory_order_seq_cst)) {
        polled_.assign(1, {event_, POLLIN, 0});
        int timeout = -1;
        {
            const std::lock_guard lock(mutex_);
            timeout = prepare(polled_);
            resting_ = true;
            rests_.notify_all();
        }
        poll(polled_.data(), polled_.size(), timeout);
        uint64_t count = 0;
        if ((polled_[0].revents & POLLIN) != 0) {
            [[maybe_unused]] const ssize_t taken = read(event_, &count, sizeof count);
        }
        if (!turn(std::span(polled_).subspan(1))) return;
    }
    const std::lock_guard lock(mutex_);
    ending();
}

ThreadedDevice::Taken ThreadedDevice::take(unsigned number, Chain& chain) {
    Virtqueue& chains = queues_[number];
    if (!chains.enabled()) return Taken::None;
    for (;;) {
        switch (chains.pop(chain)) {
        case Virtqueue::Pop::Chain: return Taken::Chain;
        case Virtqueue::Pop::Broken: fail(); return Taken::Failed;
        case Virtqueue::Pop::Empty:
            // Only what comes from now on would be told of.
            if (!chains.enable_notifications()) return Taken::None;
        }
    }
}

/// False: the device was stopped while it was frozen.
bool ThreadedDevice::turn(std::span<const pollfd> polled) {
    uint64_t signals = 0;
    bool broken = false;
    {
        std::unique_lock lock(mutex_);
        thawed_.wait(lock, [this] { return !frozen_ || stopping_.load(std::memory_order_seq_cst); });
        if (frozen_) return false;
        resting_ = false;
        const uint64_t notified = notified_.exchange(0, std::memory_order_seq_cst);
        work(polled, active_ ? notified : 0);
        for (uint64_t left = active_ ? used_ : 0; left != 0; left &= left - 1) {
            const auto queue = static_cast<unsigned>(std::countr_zero(left));
            if (queues_[queue].interrupt_wanted()) signals |= uint64_t{1} << queue;
        }
        used_ = 0;
        broken = std::exchange(broken_, false) && active_;
        if (broken) active_ = false;
    }
    if (signals != 0) interrupts().queues_used(signals);
    if (broken) interrupts().needs_reset();
    return true;
}

void ThreadedDevice::serve_all() {
    do turn({});
    while (notified_.load(std::memory_order_seq_cst) != 0);
    const std::lock_guard lock(mutex_);
    resting_ = true;
}

} // namespace beeline::devices::virtio
