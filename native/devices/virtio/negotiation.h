// Device initialization as the driver drives it (Virtio 1.2, 2.1 and 3.1): status, features, queues. The transports
// turn their registers into these calls.
#pragma once

#include "devices/virtio/virtio_device.h"

#include <cstdint>
#include <mutex>
#include <vector>

namespace beeline::devices::virtio {

class Negotiation {
public:
    /// Device status bits.
    static constexpr uint8_t kAcknowledge = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8, kNeedsReset = 64,
                             kFailed = 128;

    explicit Negotiation(VirtioDevice& device) : device_(device), layouts_(device.queues()) { clear(); }

    VirtioDevice& device() { return device_; }

    uint8_t status() const { return status_; }
    /// A write of the device status other than 0.
    void set_status(uint8_t value);
    /// Resets the device and forgets everything. Lets go of the board lock, which is held, while the device comes to
    /// rest; until then the driver's writes are to be ignored, as resetting() tells.
    void reset(std::mutex& board_lock);
    bool resetting() const { return resetting_; }
    /// With the device's.
    void exchange(snapshot::Archive& archive);
    /// The driver has to reset the device. False: it knows, or is not driving.
    bool fail();
    bool driving() const { return !resetting_ && (status_ & (kDriverOk | kNeedsReset)) == kDriverOk; }

    /// Features in words of 32.
    uint32_t device_features(uint32_t word) const {
        return word < 2 ? static_cast<uint32_t>(offered() >> word * 32) : 0;
    }
    uint32_t driver_features(uint32_t word) const {
        return word < 2 ? static_cast<uint32_t>(accepted_ >> word * 32) : 0;
    }
    void set_driver_features(uint32_t word, uint32_t value);

    struct Queue {
        QueueLayout layout;
        bool ready = false;
    };
    /// nullptr: there is no such queue.
    Queue* queue(uint32_t number) { return number < layouts_.size() ? &layouts_[number] : nullptr; }
    unsigned queues() const { return static_cast<unsigned>(layouts_.size()); }
    /// Queues may be changed while the driver is setting the device up only.
    bool configurable() const { return (status_ & kDriverOk) == 0; }
    void notify(uint32_t number);

private:
    uint64_t offered() const { return device_.features() | kRingIndirectDescriptors | kRingEventIndex | kVersion1; }
    void clear();
    /// Of the queues that are ready; sizes of 0 for the others.
    std::vector<QueueLayout> ready_layouts() const;

    VirtioDevice& device_;
    bool resetting_ = false;
    uint8_t status_ = 0;
    uint64_t accepted_ = 0;
    std::vector<Queue> layouts_;
};

} // namespace beeline::devices::virtio
