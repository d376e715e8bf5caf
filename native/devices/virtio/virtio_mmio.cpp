#include "devices/virtio/virtio_mmio.h"

#include <cstring>
#include <string>

namespace beeline::devices::virtio {

namespace {

// Registers (4.2.2)
constexpr uint64_t kMagicValue = 0x000, kVersion = 0x004, kDeviceId = 0x008, kVendorId = 0x00C, kDeviceFeatures = 0x010,
                   kDeviceFeaturesSel = 0x014, kDriverFeatures = 0x020, kDriverFeaturesSel = 0x024, kQueueSel = 0x030,
                   kQueueNumMax = 0x034, kQueueNum = 0x038, kQueueReady = 0x044, kQueueNotify = 0x050,
                   kInterruptStatus = 0x060, kInterruptAck = 0x064, kStatus = 0x070, kQueueDescLow = 0x080,
                   kQueueDescHigh = 0x084, kQueueDriverLow = 0x090, kQueueDriverHigh = 0x094, kQueueDeviceLow = 0x0A0,
                   kQueueDeviceHigh = 0x0A4, kShmLenLow = 0x0B0, kShmBaseHigh = 0x0BC, kConfig = 0x100;
constexpr uint32_t kMagic = 0x7472'6976;  // "virt"
constexpr uint32_t kVendor = 0x4C45'4542; // "BEEL"
constexpr uint32_t kUsedBuffer = 1, kConfigurationChange = 2;

void set_low(uint64_t& address, uint32_t value) { address = (address & ~uint64_t{0xFFFF'FFFF}) | value; }
void set_high(uint64_t& address, uint32_t value) { address = (address & 0xFFFF'FFFF) | uint64_t{value} << 32; }

} // namespace

VirtioMmio::VirtioMmio(VirtioDevice& device, InterruptLine line, std::mutex& board_lock)
    : negotiation_(device), line_(line), board_lock_(board_lock) {
    device.attach(*this);
}

void VirtioMmio::reset() {
    negotiation_.reset(board_lock_);
    device_features_word_ = driver_features_word_ = selected_queue_ = 0;
    interrupt_status_ = 0;
    line_.set(false);
}

void VirtioMmio::exchange(snapshot::Archive& archive) {
    line_.exchange(archive);
    for (uint32_t* value : {&device_features_word_, &driver_features_word_, &selected_queue_, &interrupt_status_})
        archive.value(*value);
    negotiation_.exchange(archive);
}

void VirtioMmio::raise(uint32_t bits) {
    interrupt_status_ |= bits;
    line_.set(true);
}

void VirtioMmio::queues_used(uint64_t) {
    const std::lock_guard guard(board_lock_);
    if (negotiation_.driving()) raise(kUsedBuffer);
}

void VirtioMmio::needs_reset() {
    const std::lock_guard guard(board_lock_);
    if (negotiation_.fail()) raise(kConfigurationChange);
}

void VirtioMmio::configuration_changed() {
    if (negotiation_.driving()) raise(kConfigurationChange);
}

bool VirtioMmio::read(const MmioAccess& access, uint64_t& value) {
    value = 0;
    if (access.offset >= kConfig) {
        const std::span<const uint8_t> bytes = negotiation_.device().configuration();
        const uint64_t offset = access.offset - kConfig;
        for (unsigned i = 0; i < access.size && offset + i < bytes.size(); i++)
            value |= uint64_t{bytes[offset + i]} << i * 8;
    } else if (access.size == 4) {
        value = read_register(access.offset);
    }
    return true;
}

bool VirtioMmio::write(const MmioAccess& access, uint64_t value) {
    if (negotiation_.resetting()) return true;
    if (access.offset >= kConfig)
        negotiation_.device().write_configuration(access.offset - kConfig, access.size, static_cast<uint32_t>(value));
    else if (access.size == 4)
        write_register(access.offset, static_cast<uint32_t>(value));
    return true;
}

uint32_t VirtioMmio::read_register(uint64_t offset) {
    const Negotiation::Queue* queue = negotiation_.queue(selected_queue_);
    switch (offset) {
    case kMagicValue: return kMagic;
    case kVersion: return 2;
    case kDeviceId: return static_cast<uint32_t>(negotiation_.device().id());
    case kVendorId: return kVendor;
    case kDeviceFeatures: return negotiation_.device_features(device_features_word_);
    case kQueueNumMax: return queue == nullptr ? 0 : Virtqueue::kLargestSize;
    case kQueueReady: return queue != nullptr && queue->ready;
    case kInterruptStatus: return interrupt_status_;
    case kStatus: return negotiation_.status();
    default: break;
    }
    // There is no shared memory: lengths and addresses of all ones (4.2.2).
    return offset >= kShmLenLow && offset <= kShmBaseHigh ? ~uint32_t{0} : 0;
}

void VirtioMmio::write_register(uint64_t offset, uint32_t value) {
    switch (offset) {
    case kDeviceFeaturesSel: device_features_word_ = value; break;
    case kDriverFeaturesSel: driver_features_word_ = value; break;
    case kDriverFeatures: negotiation_.set_driver_features(driver_features_word_, value); break;
    case kQueueSel: selected_queue_ = value; break;
    case kQueueNotify: negotiation_.notify(value); break;
    case kInterruptAck:
        interrupt_status_ &= ~value;
        // The device tree says edge-triggered, as QEMU's does: what stays pending needs an edge of its own.
        line_.set(false);
        line_.set(interrupt_status_ != 0);
        break;
    case kStatus:
        if (value == 0) {
            reset();
        } else {
            const bool failed = (negotiation_.status() & Negotiation::kNeedsReset) != 0;
            negotiation_.set_status(static_cast<uint8_t>(value));
            if (!failed && (negotiation_.status() & Negotiation::kNeedsReset) != 0) raise(kConfigurationChange);
        }
        break;
    default: write_queue(offset, value); break;
    }
}

void VirtioMmio::write_queue(uint64_t offset, uint32_t value) {
    Negotiation::Queue* queue = negotiation_.queue(selected_queue_);
    if (queue == nullptr || !negotiation_.configurable()) return;
    QueueLayout& layout = queue->layout;
    switch (offset) {
    // A size that does not fit 16 bits is as wrong as 0.
    case kQueueNum: layout.size = value > 0xFFFF ? 0 : static_cast<uint16_t>(value); break;
    case kQueueReady: queue->ready = (value & 1) != 0; break;
    case kQueueDescLow: set_low(layout.descriptors, value); break;
    case kQueueDescHigh: set_high(layout.descriptors, value); break;
    case kQueueDriverLow: set_low(layout.driver_area, value); break;
    case kQueueDriverHigh: set_high(layout.driver_area, value); break;
    case kQueueDeviceLow: set_low(layout.device_area, value); break;
    case kQueueDeviceHigh: set_high(layout.device_area, value); break;
    default: break;
    }
}

bool VirtioMmioSlots::read(const MmioAccess& access, uint64_t& value) {
    const uint64_t offset = access.offset % VirtioMmio::kSize;
    if (VirtioMmio* slot = slots_[access.offset / VirtioMmio::kSize].get(); slot != nullptr)
        return slot->read({offset, access.size, access.cpu}, value);
    switch (offset) {
    case kMagicValue: value = kMagic; break;
    case kVersion: value = 2; break;
    case kVendorId: value = kVendor; break;
    default: value = 0; break; // Among them DeviceID: none
    }
    return true;
}

bool VirtioMmioSlots::write(const MmioAccess& access, uint64_t value) {
    VirtioMmio* slot = slots_[access.offset / VirtioMmio::kSize].get();
    return slot == nullptr || slot->write({access.offset % VirtioMmio::kSize, access.size, access.cpu}, value);
}

void VirtioMmioSlots::exchange(snapshot::Archive& archive) {
    for (unsigned slot = 0; slot < kSlots; slot++)
        if (slots_[slot] != nullptr)
            archive.section("slot" + std::to_string(slot), 1, [&] { slots_[slot]->exchange(archive); });
}

void VirtioMmioSlots::reset() {
    for (const auto& slot : slots_)
        if (slot != nullptr) slot->reset();
}

} // namespace beeline::devices::virtio
