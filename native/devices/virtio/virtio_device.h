// What every virtio device is, whatever transport it is behind (Virtio 1.2, chapters 2 and 3).
#pragma once

#include "devices/virtio/virtqueue.h"
#include "snapshot/archive.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace beeline::devices::virtio {

enum class DeviceId : uint32_t { None = 0, Net = 1, Block = 2, Console = 3, Entropy = 4, Balloon = 5, NineP = 9 };

/// Feature bits of all devices (6).
inline constexpr uint64_t kRingIndirectDescriptors = uint64_t{1} << 28, kRingEventIndex = uint64_t{1} << 29,
                          kVersion1 = uint64_t{1} << 32;

/// The way from a device to its driver. Called from the device's threads with none of its locks held, since it takes
/// the board's.
class DriverInterrupts {
public:
    virtual ~DriverInterrupts() = default;
    /// The device has returned buffers of these queues (a bit each), and the driver wants to know.
    virtual void queues_used(uint64_t queues) = 0;
    /// The driver broke the rules: DEVICE_NEEDS_RESET (2.1).
    virtual void needs_reset() = 0;
    /// The configuration space has changed. This one comes with the board lock held, which guards that.
    virtual void configuration_changed() = 0;
};

/// Calls come with the board lock held but where it says otherwise; a device must not wait there for anything that
/// needs that lock.
class VirtioDevice {
public:
    virtual ~VirtioDevice() = default;

    void attach(DriverInterrupts& interrupts) { interrupts_ = &interrupts; }

    virtual DeviceId id() const = 0;
    /// Those of the device's kind; the transport adds what the queues can do.
    virtual uint64_t features() const = 0;
    virtual unsigned queues() const = 0;
    /// The configuration space; bytes beyond it read as 0.
    virtual std::span<const uint8_t> configuration() const = 0;
    /// The driver writes there; most devices have nothing that it may change.
    virtual void write_configuration([[maybe_unused]] uint64_t offset, [[maybe_unused]] unsigned size,
                                     [[maybe_unused]] uint32_t value) {}

    /// DRIVER_OK: the queues that the driver made ready, by number, sizes of 0 for the others. False: a queue cannot be
    /// where the driver says.
    [[nodiscard]] virtual bool activate(uint64_t features, std::span<const QueueLayout> layouts) = 0;
    /// There may be something new in a queue.
    virtual void notify(unsigned queue) = 0;
    /// Without the lock, since the device may be waiting for it to raise an interrupt. Returns when guest memory is not
    /// touched any more. No other call comes meanwhile.
    virtual void reset() = 0;

    // ---- snapshots --------------------------------------------------------------------------------------------
    /// Without the lock. Between these two the device touches no guest memory and raises no interrupt; what it has
    /// begun is done or as if it had not been begun. Drivers notify it and nothing comes of it before thaw().
    virtual void freeze() = 0;
    virtual void thaw() = 0;
    /// Frozen: why the device cannot be in a snapshot now, as a sentence's end ("a file of it is open"); empty: it can.
    virtual std::string obstacle() { return {}; }
    /// How far the driver has got with it.
    struct Driving {
        bool active; ///< As after activate(), with what follows.
        uint64_t features;
        std::span<const QueueLayout> layouts;
    };
    /// Frozen, or before start(). What is neither in guest memory nor in Driving. Loading, the device is then as after
    /// activate() or reset(), but for what it has been through since.
    virtual void exchange(snapshot::Archive& archive, const Driving& driving) = 0;
    /// Where instructions are counted exactly, devices have no threads of their own: instead of start(), and before
    /// anything else. `wanted` is called when there may be something to do for serve_all().
    void serve_on_demand(std::function<void()> wanted) { wanted_ = std::move(wanted); }
    /// Does all that the driver has asked for. On the caller's thread and without the lock.
    virtual void serve_all() = 0;

    /// Starts the device's thread, once and without the lock. False: errno says why.
    [[nodiscard]] virtual bool start() = 0;
    /// Ends it, without the lock.
    virtual void stop() = 0;

protected:
    DriverInterrupts& interrupts() { return *interrupts_; }
    bool on_demand() const { return wanted_ != nullptr; }
    void want() { wanted_(); }

private:
    std::function<void()> wanted_;
    DriverInterrupts* interrupts_ = nullptr;
};

/// For VirtioDevice::exchange(): enables the queues as the driver made them, and exchanges how far they have got.
void exchange_queues(snapshot::Archive& archive, const VirtioDevice::Driving& driving, std::span<Virtqueue> queues);

} // namespace beeline::devices::virtio
