#include "devices/virtio/virtqueue.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

namespace beeline::devices::virtio {

namespace {

// Descriptor flags (2.7.5), avail ring flags (2.7.6), used ring flags (2.7.8)
constexpr uint16_t kNext = 1, kWrite = 2, kIndirect = 4;
constexpr uint16_t kNoInterrupt = 1;
constexpr uint16_t kNoNotify = 1;
constexpr uint64_t kDescriptorSize = 16, kUsedElementSize = 8, kRingHeader = 4, kEventSize = 2;

uint16_t load(const uint8_t* bytes) {
    return std::atomic_ref<uint16_t>(*reinterpret_cast<uint16_t*>(const_cast<uint8_t*>(bytes)))
        .load(std::memory_order_acquire);
}
void store(uint8_t* bytes, uint16_t value) {
    std::atomic_ref<uint16_t>(*reinterpret_cast<uint16_t*>(bytes)).store(value, std::memory_order_release);
}

/// Whether an event index lies in what happened since `before` (2.7.10.1), in the ring's arithmetic.
constexpr bool passed(uint16_t event, uint16_t now, uint16_t before) {
    return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - before);
}

template <class Move> size_t walk(std::span<const iovec> buffers, size_t offset, size_t length, Move move) {
    size_t done = 0;
    for (const iovec& buffer : buffers) {
        if (offset >= buffer.iov_len) {
            offset -= buffer.iov_len;
            continue;
        }
        const size_t step = std::min(buffer.iov_len - offset, length - done);
        move(static_cast<uint8_t*>(buffer.iov_base) + offset, done, step);
        done += step;
        offset = 0;
        if (done == length) break;
    }
    return done;
}

} // namespace

bool Virtqueue::enable(const QueueLayout& layout, bool event_index) {
    enabled_ = false;
    if (layout.size == 0 || layout.size > kLargestSize || !std::has_single_bit(layout.size)) return false;
    if (layout.descriptors % 16 != 0 || layout.driver_area % 2 != 0 || layout.device_area % 4 != 0) return false;
    descriptors_ = memory_.span(layout.descriptors, layout.size * kDescriptorSize);
    available_ = memory_.span(layout.driver_area, kRingHeader + layout.size * 2 + kEventSize);
    used_ = memory_.span(layout.device_area, kRingHeader + layout.size * kUsedElementSize + kEventSize);
    if (descriptors_ == nullptr || available_ == nullptr || used_ == nullptr) return false;
    size_ = layout.size;
    event_index_ = event_index;
    next_available_ = next_used_ = signalled_used_ = 0;
    return enabled_ = true;
}

void Virtqueue::exchange(snapshot::Archive& archive) {
    for (uint16_t* value : {&next_available_, &next_used_, &signalled_used_}) archive.value(*value);
}

uint16_t Virtqueue::available_index() const { return load(available_ + 2); }

Virtqueue::Pop Virtqueue::pop(Chain& chain) {
    chain.readable.clear();
    chain.writable.clear();
    const auto waiting = static_cast<uint16_t>(available_index() - next_available_);
    if (waiting == 0) return Pop::Empty;
    if (waiting > size_) return Pop::Broken;
    chain.head = load(available_ + kRingHeader + next_available_ % size_ * 2);
    if (chain.head >= size_ || !collect(chain, chain.head)) return Pop::Broken;
    next_available_++;
    return Pop::Chain;
}

/// Adds one buffer; those that the device writes come last (2.7.4.2).
bool Virtqueue::append(Chain& chain, const Descriptor& descriptor) const {
    const bool writable = (descriptor.flags & kWrite) != 0;
    if (!writable && !chain.writable.empty()) return false;
    if (chain.readable.size() + chain.writable.size() == kLongestChain) return false;
    uint8_t* bytes = memory_.span(descriptor.address, descriptor.length);
    if (bytes == nullptr || descriptor.length == 0) return false;
    (writable ? chain.writable : chain.readable).push_back({bytes, descriptor.length});
    return true;
}

/// Follows a chain. Each table is left after as many steps as it has entries: a loop ends there.
bool Virtqueue::collect(Chain& chain, uint16_t first) const {
    const uint8_t* table = descriptors_;
    uint32_t entries = size_, index = first;
    bool indirect = false;
    for (uint32_t steps = 0; steps < entries; steps++) {
        Descriptor descriptor;
        std::memcpy(&descriptor, table + index * kDescriptorSize, sizeof descriptor);
        // The compiler may not fetch it again after the checks.
        std::atomic_signal_fence(std::memory_order_acq_rel);
        if ((descriptor.flags & kIndirect) != 0) {
            // Neither inside another indirect table nor followed by more (2.7.5.3.1).
            if (indirect || (descriptor.flags & kNext) != 0) return false;
            if (descriptor.length == 0 || descriptor.length % kDescriptorSize != 0) return false;
            entries = static_cast<uint32_t>(descriptor.length / kDescriptorSize);
            table = memory_.span(descriptor.address, descriptor.length);
            if (table == nullptr || entries > kLongestChain) return false;
            indirect = true;
            index = 0;
            steps = ~uint32_t{0}; // The loop counts on to 0
            continue;
        }
        if (!append(chain, descriptor)) return false;
        if ((descriptor.flags & kNext) == 0) return true;
        index = descriptor.next;
        if (index >= entries) return false;
    }
    return false;
}

void Virtqueue::put(uint16_t head, uint32_t written) {
    const uint32_t element[2] = {head, written};
    std::memcpy(used_ + kRingHeader + next_used_ % size_ * kUsedElementSize, element, sizeof element);
    next_used_++;
}

void Virtqueue::publish() { store(used_ + 2, next_used_); }

void Virtqueue::push(uint16_t head, uint32_t written) {
    put(head, written);
    publish();
}

bool Virtqueue::interrupt_wanted() {
    // What was pushed must be seen before the driver's wish is read.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const uint16_t before = std::exchange(signalled_used_, next_used_);
    if (before == next_used_) return false;
    if (!event_index_) return (load(available_) & kNoInterrupt) == 0;
    return passed(load(available_ + kRingHeader + size_ * 2), next_used_, before);
}

void Virtqueue::suppress_notifications() {
    // With event indices an index that lies behind does.
    if (!event_index_) store(used_, kNoNotify);
}

bool Virtqueue::enable_notifications() {
    if (event_index_)
        store(used_ + kRingHeader + size_ * kUsedElementSize, next_available_);
    else
        store(used_, 0);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return available_index() != next_available_;
}

size_t copy_from(std::span<const iovec> from, size_t offset, void* to, size_t length) {
    return walk(from, offset, length, [to](const uint8_t* bytes, size_t done, size_t count) {
        std::memcpy(static_cast<uint8_t*>(to) + done, bytes, count);
    });
}

size_t copy_to(std::span<const iovec> to, size_t offset, const void* from, size_t length) {
    return walk(to, offset, length, [from](uint8_t* bytes, size_t done, size_t count) {
        std::memcpy(bytes, static_cast<const uint8_t*>(from) + done, count);
    });
}

uint64_t total_length(std::span<const iovec> buffers) {
    uint64_t total = 0;
    for (const iovec& buffer : buffers) total += buffer.iov_len;
    return total;
}

} // namespace beeline::devices::virtio
