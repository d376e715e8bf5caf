// A device whose queues are served by one thread of its own, which sleeps in poll(2): until the driver notifies, or a
// descriptor of the host's is ready.
#pragma once

#include "devices/virtio/virtio_device.h"
#include "runtime/thread.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <poll.h>
#include <span>
#include <utility>
#include <vector>

namespace beeline::devices::virtio {

class ThreadedDevice : public VirtioDevice {
public:
    ~ThreadedDevice() override;

    unsigned queues() const final { return static_cast<unsigned>(queues_.size()); }
    bool activate(uint64_t features, std::span<const QueueLayout> layouts) final;
    void notify(unsigned queue) final;
    void reset() final;
    void freeze() final;
    void thaw() final;
    void exchange(snapshot::Archive& archive, const Driving& driving) final;
    void serve_all() final;
    bool start() final;
    void stop() final;

protected:
    /// `name` is the thread's, of up to 15 characters. Devices end their thread with stop() before their parts go.
    ThreadedDevice(const char* name, unsigned queues, GuestMemoryAccess& memory);

    // ---- for the device to fill in; called with the device's lock held ------------------------------------------
    /// Before the thread sleeps: adds descriptors to wait for; returns milliseconds to sleep at most, or -1.
    virtual int prepare(std::vector<pollfd>&) { return -1; }
    /// After it: `polled` are those descriptors, `notified` the queues that may have something new, a bit each. Nothing
    /// is notified while the driver does not drive.
    virtual void work(std::span<const pollfd> polled, uint64_t notified) = 0;
    /// The driver drives the device with these features.
    virtual void activated(uint64_t) {}
    /// It has just begun to, which is not so when a snapshot is loaded; with the board lock held too.
    virtual void begun() {}
    /// Before a snapshot: what was taken from the queues and not returned goes back (Virtqueue::put_back()).
    virtual void put_back() {}
    /// The device's own state, but queues and features; behind activated() or deactivated() when it is loaded.
    virtual void exchange_own(snapshot::Archive& archive) = 0;
    /// The thread ends, the machine with it: what the guest said last is to be handed on.
    virtual void ending() {}
    /// On the driver's CPU, before the thread is woken, unless that is working: for what takes no time and no host.
    virtual void notified_at_once(unsigned) {}
    /// It does not any more: what was taken from the queues is to be forgotten.
    virtual void deactivated() {}

    // ---- for the device to call from these ----------------------------------------------------------------------
    bool active() const { return active_; }
    Virtqueue& queue(unsigned number) { return queues_[number]; }
    enum class Taken : uint8_t { Chain, None, Failed };
    /// Takes the next chain of a queue. None: the driver will tell of the next one; or it does not drive this queue.
    Taken take(unsigned number, Chain& chain);
    /// Returns it, with the number of bytes written to it: the driver is told after work() if it wants to be.
    void give_back(unsigned number, const Chain& chain, uint32_t written) {
        queues_[number].push(chain.head, written);
        used(number);
    }
    /// Hands the chains of a queue to `answer`, up to `most` before others have their turn. That returns the number of
    /// bytes written, with which the chain goes back; or nothing, where the driver broke the rules.
    template <class Answer> void serve(unsigned number, unsigned most, Answer answer) {
        if (queues_[number].enabled()) queues_[number].suppress_notifications();
        for (unsigned taken = 0; taken < most; taken++) {
            if (take(number, served_) != Taken::Chain) return;
            const std::optional<uint32_t> written = answer(std::as_const(served_));
            if (!written) return fail();
            give_back(number, served_, *written);
        }
        notify_thread(number);
    }
    /// Something was returned to a queue in another way.
    void used(unsigned number) { used_ |= uint64_t{1} << number; }
    /// The driver broke the rules.
    void fail() { broken_ = true; }

    /// From any thread: makes it work() soon.
    void wake();
    /// The same, and tells it of this queue.
    void notify_thread(unsigned queue);

private:
    void main();
    bool turn(std::span<const pollfd> polled);

    const char* const name_;
    runtime::Thread thread_;
    const int event_; ///< An eventfd; -1: the host refused it, as start() says.
    int event_error_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<uint64_t> notified_{0}; ///< A bit a queue.

    std::mutex
        mutex_; ///< What follows, and what the device has. Held by the thread but for its sleep and its interrupts.
    std::vector<Virtqueue> queues_;
    bool active_ = false, broken_ = false;
    bool frozen_ = false, resting_ = true; ///< The thread is outside of work() and what follows it.
    std::condition_variable rests_, thawed_;
    uint64_t used_ = 0; ///< Queues that something was returned to.
    Chain served_;      ///< The one that serve() has taken.

    std::vector<pollfd> polled_; ///< The thread's own.
};

} // namespace beeline::devices::virtio
