// Split virtqueues (Virtio 1.2, 2.7), seen from the device. Everything in them is the guest's, and may be anything at
// any time: each value is read once, checked, and then used.
#pragma once

#include "devices/device.h"

#include <cstdint>
#include <span>
#include <sys/uio.h>
#include <vector>

namespace beeline::devices::virtio {

/// One descriptor chain in host addresses: what the driver wrote for the device, then what the device is to fill.
struct Chain {
    uint16_t head = 0;
    std::vector<iovec> readable;
    std::vector<iovec> writable;
};

/// One queue's place in guest memory, as the driver told it.
struct QueueLayout {
    uint16_t size = 0; ///< Entries; a power of two.
    uint64_t descriptors = 0, driver_area = 0, device_area = 0;
};

/// Not thread-safe: whoever serves the device uses it.
class Virtqueue {
public:
    /// Entries that a queue has at most here.
    static constexpr uint16_t kLargestSize = 256;
    /// Descriptors that a chain has at most, an indirect table's included. Drivers are not to exceed the queue's size
    /// (2.7.5.3.1); those that do anyway stay far below this.
    static constexpr unsigned kLongestChain = 1024;

    explicit Virtqueue(GuestMemoryAccess& memory) : memory_(memory) {}

    /// False: the areas are misaligned or not in RAM, or the size is none. The queue is unusable then.
    [[nodiscard]] bool enable(const QueueLayout& layout, bool event_index);
    void disable() { enabled_ = false; }
    bool enabled() const { return enabled_; }
    /// How far it has got, the layout apart.
    void exchange(snapshot::Archive& archive);
    /// The last `chains` that were taken are available again.
    void put_back(uint16_t chains) { next_available_ -= chains; }

    enum class Pop : uint8_t { Empty, Chain, Broken };
    /// Takes the next available chain. Broken: the driver broke the rules; the device needs a reset.
    Pop pop(Chain& chain);
    /// Returns a chain with the number of bytes written to its writable part.
    void push(uint16_t head, uint32_t written);
    /// The same in two steps, for chains that the driver is to see together.
    void put(uint16_t head, uint32_t written);
    void publish();
    /// Whether the driver wants an interrupt for what was pushed since the last call.
    bool interrupt_wanted();
    /// While the device looks at the queue anyway, the driver need not tell it of new chains.
    void suppress_notifications();
    /// Asks to be told again. True: something has become available meanwhile and must be looked at.
    bool enable_notifications();

private:
    struct Descriptor {
        uint64_t address;
        uint32_t length;
        uint16_t flags;
        uint16_t next;
    };
    static_assert(sizeof(Descriptor) == 16);

    uint16_t available_index() const;
    bool append(Chain& chain, const Descriptor& descriptor) const;
    bool collect(Chain& chain, uint16_t first) const;

    GuestMemoryAccess& memory_;
    bool enabled_ = false, event_index_ = false;
    uint16_t size_ = 0;
    const uint8_t* descriptors_ = nullptr;
    uint8_t* available_ = nullptr;
    uint8_t* used_ = nullptr;
    uint16_t next_available_ = 0, next_used_ = 0;
    uint16_t signalled_used_ = 0; ///< next_used_ when the driver was last asked whether it wants an interrupt.
};

/// Copies between a chain's scattered bytes and a buffer; return how many bytes there were to copy.
size_t copy_from(std::span<const iovec> from, size_t offset, void* to, size_t length);
size_t copy_to(std::span<const iovec> to, size_t offset, const void* from, size_t length);
uint64_t total_length(std::span<const iovec> buffers);

} // namespace beeline::devices::virtio
