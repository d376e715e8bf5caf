// The block device (Virtio 1.2, 5.2): several queues, flush, discard, write zeroes, a serial number.
#pragma once

#include "block/disk.h"
#include "devices/virtio/virtio_device.h"
#include "runtime/thread.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace beeline::devices::virtio {

class VirtioBlk final : public VirtioDevice {
public:
    static constexpr unsigned kMostQueues = 8;

    /// `no_space` is called from the device's thread when the host has no room for a write; that request waits for
    /// retry().
    VirtioBlk(std::unique_ptr<block::Disk> disk, std::string serial, unsigned queues, GuestMemoryAccess& memory,
              std::function<void()> no_space);
    ~VirtioBlk() override;

    DeviceId id() const override { return DeviceId::Block; }
    uint64_t features() const override;
    unsigned queues() const override { return static_cast<unsigned>(queues_.size()); }
    std::span<const uint8_t> configuration() const override { return configuration_; }
    bool activate(uint64_t features, std::span<const QueueLayout> layouts) override;
    void notify(unsigned queue) override;
    void reset() override;
    void freeze() override;
    void thaw() override;
    std::string obstacle() override;
    void exchange(snapshot::Archive& archive, const Driving& driving) override;
    void serve_all() override;
    bool start() override;
    void stop() override;

    /// From any thread: tries again what waits for room.
    void retry();
    block::Disk& disk() { return *disk_; }
    const block::Disk& disk() const { return *disk_; }

private:
    /// A chain on its way through the disk.
    struct Job : block::Request {
        uint64_t number = 0; ///< In the order of submission.
        Chain chain;
        unsigned queue = 0;
        uint8_t* status = nullptr; ///< In guest memory.
        uint32_t written = 0;      ///< Bytes of data that the driver gets, the status apart.
    };
    enum class Verdict : uint8_t { Submit, Answered, Broken };

    void main();
    void wake();
    void tell_driver();
    void finish_jobs();
    void serve_queues();
    void serve(unsigned queue);
    void retry_waiting();
    Verdict prepare(Job& job);
    Verdict prepare_transfer(Job& job, bool write, uint64_t sector);
    Verdict prepare_range(Job& job, bool zeroes);
    bool in_range(uint64_t sector, uint64_t sectors) const;
    void answer(Job& job, uint8_t status);
    void submit(Job* job);
    Job* take_job();
    void release(Job* job);

    std::unique_ptr<block::Disk> disk_;
    const std::string serial_;
    const std::function<void()> no_space_;
    std::array<uint8_t, 60> configuration_{};

    runtime::Thread thread_;
    std::atomic<bool> stopping_{false}, retry_{false};
    std::atomic<uint64_t> notified_{0}; ///< A bit a queue.

    std::mutex mutex_; ///< What follows. Held by the device's thread but for its sleep and its calls outwards.
    std::condition_variable idle_;
    std::vector<Virtqueue> queues_;
    std::vector<unsigned> queue_jobs_; ///< Jobs of each queue.
    std::vector<std::unique_ptr<Job>> jobs_;
    std::vector<Job*> free_jobs_;
    std::vector<Job*> waiting_; ///< For room on the host.
    unsigned submitted_ = 0;    ///< Jobs that the disk has.
    uint64_t submissions_ = 0;  ///< Ever.
    bool active_ = false, broken_ = false, no_space_seen_ = false;
    bool frozen_ = false, resting_ = true; ///< Frozen, nothing is taken from the queues; resting, nothing is under way.
    uint64_t used_ = 0;                    ///< Queues that something was returned to.

    std::vector<block::Request*> finished_; ///< The thread's own.
};

} // namespace beeline::devices::virtio
