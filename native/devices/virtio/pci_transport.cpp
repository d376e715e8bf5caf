#include "devices/virtio/pci_transport.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace beeline::devices::virtio {

namespace {

constexpr uint16_t kVendor = 0x1AF4, kFirstDevice = 0x1040, kSubsystem = 0x1100;

// Capabilities (4.1.4)
constexpr uint8_t kVendorCapability = 0x09;
constexpr uint8_t kCommonType = 1, kNotifyType = 2, kIsrType = 3, kDeviceType = 4, kWindowType = 5;
// ... and where in them what is (struct virtio_pci_cap)
constexpr unsigned kCapabilityBar = 4, kCapabilityOffset = 8, kCapabilityLength = 12, kCapabilityData = 16;

// The structures' places in memory, a page each.
constexpr unsigned kMsixBar = 1, kBar = 4;
constexpr uint64_t kPage = 0x1000, kCommonPage = 0, kIsrPage = 1, kDevicePage = 2, kNotifyPage = 3,
                   kBarBytes = 4 * kPage;
constexpr uint32_t kNotifyMultiplier = 4, kCommonBytes = 0x38;

// struct virtio_pci_common_cfg (4.1.4.3)
constexpr uint64_t kDeviceFeatureSelect = 0x00, kDeviceFeature = 0x04, kDriverFeatureSelect = 0x08,
                   kDriverFeature = 0x0C, kConfigMsixVector = 0x10, kNumQueues = 0x12, kDeviceStatus = 0x14,
                   kConfigGeneration = 0x15, kQueueSelect = 0x16, kQueueSize = 0x18, kQueueMsixVector = 0x1A,
                   kQueueEnable = 0x1C, kQueueNotifyOff = 0x1E, kQueueDesc = 0x20, kQueueDriver = 0x28,
                   kQueueDevice = 0x30;

/// ISR status (4.1.4.5)
constexpr uint8_t kQueueInterrupt = 1, kConfigurationInterrupt = 2;

/// What kind of thing the device is, for those who look no further (PCI Code and ID Assignment Specification, 1).
uint32_t class_code(DeviceId id) {
    switch (id) {
    case DeviceId::Net: return 0x02'0000;
    case DeviceId::Block: return 0x01'0000;
    case DeviceId::Console: return 0x07'8000;
    default: return 0xFF'0000;
    }
}

pci::Identity identity(const VirtioDevice& device) {
    return {.vendor = kVendor,
            .device = static_cast<uint16_t>(kFirstDevice + static_cast<uint16_t>(device.id())),
            .revision = 1,
            .class_code = class_code(device.id()),
            .subsystem_vendor = kVendor,
            .subsystem = kSubsystem};
}

/// Drivers write 64-bit fields as two halves, in either order (4.1.3.1).
void set_half(uint64_t& address, bool high, uint32_t value) {
    address = high ? (address & 0xFFFF'FFFF) | uint64_t{value} << 32 : (address & ~uint64_t{0xFFFF'FFFF}) | value;
}

} // namespace

PciTransport::PciTransport(VirtioDevice& device, std::mutex& board_lock)
    : Function(identity(device)), negotiation_(device), board_lock_(board_lock),
      queue_vectors_(device.queues(), kNoVector) {
    device.attach(*this);
    add_interrupt_pin();
    add_bar(kBar, kBarBytes, BarKind::Prefetchable64);
    add_msix(device.queues() + 1, kMsixBar);
    add_structure(kCommonType, kCommonPage * kPage, kCommonBytes);
    add_structure(kIsrType, kIsrPage * kPage, 1);
    add_structure(kDeviceType, kDevicePage * kPage, kPage);
    add_structure(kNotifyType, kNotifyPage * kPage, device.queues() * kNotifyMultiplier);
    add_structure(kWindowType, 0, 0);
}

void PciTransport::add_structure(uint8_t type, uint32_t offset, uint32_t length) {
    const auto byte = [](uint32_t value, unsigned index) { return static_cast<uint8_t>(value >> index * 8); };
    const uint8_t bar = type == kWindowType ? 0 : kBar;
    // Two kinds have a word more; that of the others is nobody's.
    const uint8_t bytes = type == kNotifyType || type == kWindowType ? 20 : 16;
    const uint8_t last = type == kNotifyType ? kNotifyMultiplier : 0;
    const unsigned at =
        add_capability(kVendorCapability,
                       {bytes, type, bar, 0, 0, 0, byte(offset, 0), byte(offset, 1), byte(offset, 2), byte(offset, 3),
                        byte(length, 0), byte(length, 1), byte(length, 2), byte(length, 3), last, 0, 0, 0});
    if (type != kWindowType) return;
    window_ = at;
    make_writable(at + kCapabilityBar, 0xFF);
    for (unsigned i = 0; i < 12; i++) make_writable(at + kCapabilityOffset + i, 0xFF);
}

void PciTransport::reset() {
    reset_device();
    Function::reset();
}

void PciTransport::exchange(snapshot::Archive& archive) {
    Function::exchange(archive);
    archive.value(device_features_word_);
    archive.value(driver_features_word_);
    archive.value(selected_queue_);
    archive.value(isr_);
    archive.value(configuration_vector_);
    archive.values(queue_vectors_);
    negotiation_.exchange(archive);
}

void PciTransport::reset_device() {
    negotiation_.reset(board_lock_);
    device_features_word_ = driver_features_word_ = 0;
    selected_queue_ = 0;
    isr_ = 0;
    configuration_vector_ = kNoVector;
    std::fill(queue_vectors_.begin(), queue_vectors_.end(), kNoVector);
    set_interrupt(false);
}

// ---- Interrupts -------------------------------------------------------------------------------------------------

void PciTransport::raise(uint8_t bits) {
    isr_ |= bits;
    set_interrupt(true);
}

void PciTransport::raise_configuration_change() {
    raise(kConfigurationInterrupt);
    if (msix_enabled()) raise_message(configuration_vector_);
}

void PciTransport::queues_used(uint64_t queues) {
    const std::lock_guard guard(board_lock_);
    if (!negotiation_.driving()) return;
    if (!msix_enabled()) return raise(kQueueInterrupt);
    for (; queues != 0; queues &= queues - 1) raise_message(queue_vectors_[std::countr_zero(queues)]);
}

void PciTransport::needs_reset() {
    const std::lock_guard guard(board_lock_);
    if (negotiation_.fail()) raise_configuration_change();
}

void PciTransport::configuration_changed() {
    if (negotiation_.driving()) raise_configuration_change();
}

uint32_t PciTransport::read_and_clear_isr() {
    const uint8_t isr = isr_;
    isr_ = 0;
    set_interrupt(false);
    return isr;
}

/// What the driver reads back tells it whether there is such a vector (4.1.5.1.2.1).
uint16_t PciTransport::valid_vector(uint32_t vector) const {
    return vector < vectors() ? static_cast<uint16_t>(vector) : kNoVector;
}

// ---- Registers --------------------------------------------------------------------------------------------------

uint32_t PciTransport::read_bar(unsigned, uint64_t offset, unsigned size) {
    const uint64_t inside = offset % kPage;
    switch (offset / kPage) {
    case kCommonPage: return read_common(inside);
    case kIsrPage: return inside == 0 ? read_and_clear_isr() : 0;
    case kDevicePage: {
        const std::span<const uint8_t> bytes = negotiation_.device().configuration();
        uint32_t value = 0;
        for (unsigned i = 0; i < size && inside + i < bytes.size(); i++) value |= uint32_t{bytes[inside + i]} << i * 8;
        return value;
    }
    default: return 0;
    }
}

void PciTransport::write_bar(unsigned, uint64_t offset, unsigned size, uint32_t value) {
    if (negotiation_.resetting()) return;
    const uint64_t inside = offset % kPage;
    switch (offset / kPage) {
    case kCommonPage: write_common(inside, value); break;
    case kDevicePage: negotiation_.device().write_configuration(inside, size, value); break;
    // A function that must not read memory cannot look into its queues.
    case kNotifyPage:
        if (bus_master()) negotiation_.notify(static_cast<uint32_t>(inside / kNotifyMultiplier));
        break;
    default: break;
    }
}

uint32_t PciTransport::read_common(uint64_t offset) {
    switch (offset) {
    case kDeviceFeatureSelect: return device_features_word_;
    case kDeviceFeature: return negotiation_.device_features(device_features_word_);
    case kDriverFeatureSelect: return driver_features_word_;
    case kDriverFeature: return negotiation_.driver_features(driver_features_word_);
    case kConfigMsixVector: return configuration_vector_;
    case kNumQueues: return negotiation_.queues();
    case kDeviceStatus: return negotiation_.status();
    case kConfigGeneration: return 0;
    case kQueueSelect: return selected_queue_;
    default: break;
    }
    const Negotiation::Queue* queue = negotiation_.queue(selected_queue_);
    if (queue == nullptr) return 0;
    const QueueLayout& layout = queue->layout;
    const auto half = [offset](uint64_t address) { return static_cast<uint32_t>(address >> offset % 8 * 8); };
    switch (offset) {
    case kQueueSize: return layout.size;
    case kQueueMsixVector: return queue_vectors_[selected_queue_];
    case kQueueEnable: return queue->ready;
    case kQueueNotifyOff: return selected_queue_;
    case kQueueDesc:
    case kQueueDesc + 4: return half(layout.descriptors);
    case kQueueDriver:
    case kQueueDriver + 4: return half(layout.driver_area);
    case kQueueDevice:
    case kQueueDevice + 4: return half(layout.device_area);
    default: return 0;
    }
}

void PciTransport::write_common(uint64_t offset, uint32_t value) {
    switch (offset) {
    case kDeviceFeatureSelect: device_features_word_ = value; break;
    case kDriverFeatureSelect: driver_features_word_ = value; break;
    case kDriverFeature: negotiation_.set_driver_features(driver_features_word_, value); break;
    case kConfigMsixVector: configuration_vector_ = valid_vector(value); break;
    case kDeviceStatus: write_status(static_cast<uint8_t>(value)); break;
    case kQueueSelect: selected_queue_ = static_cast<uint16_t>(value); break;
    default: write_queue(offset, value); break;
    }
}

void PciTransport::write_status(uint8_t value) {
    if (value == 0) return reset_device();
    const bool failed = (negotiation_.status() & Negotiation::kNeedsReset) != 0;
    negotiation_.set_status(value);
    if (!failed && (negotiation_.status() & Negotiation::kNeedsReset) != 0) raise_configuration_change();
}

void PciTransport::write_queue(uint64_t offset, uint32_t value) {
    Negotiation::Queue* queue = negotiation_.queue(selected_queue_);
    if (queue == nullptr) return;
    if (offset == kQueueMsixVector) {
        queue_vectors_[selected_queue_] = valid_vector(value);
        return;
    }
    if (!negotiation_.configurable()) return;
    QueueLayout& layout = queue->layout;
    const bool high = offset % 8 != 0;
    switch (offset) {
    case kQueueSize: layout.size = static_cast<uint16_t>(value); break;
    // The driver writes no 0 (4.1.4.3.2): only a reset disables a queue.
    case kQueueEnable: queue->ready = queue->ready || value == 1; break;
    case kQueueDesc:
    case kQueueDesc + 4: set_half(layout.descriptors, high, value); break;
    case kQueueDriver:
    case kQueueDriver + 4: set_half(layout.driver_area, high, value); break;
    case kQueueDevice:
    case kQueueDevice + 4: set_half(layout.device_area, high, value); break;
    default: break;
    }
}

// ---- Access through the configuration space ---------------------------------------------------------------------

bool PciTransport::window(Window& window) const {
    window = {stored(window_ + kCapabilityBar, 1), stored(window_ + kCapabilityOffset, 4),
              stored(window_ + kCapabilityLength, 4)};
    return (window.bar == kBar || window.bar == kMsixBar) &&
           (window.length == 1 || window.length == 2 || window.length == 4) && window.offset % window.length == 0 &&
           window.offset < bar_size(window.bar);
}

uint32_t PciTransport::read_configuration(unsigned offset, unsigned size) {
    Window access;
    if (offset / 4 == (window_ + kCapabilityData) / 4 && window(access))
        Function::write_configuration(window_ + kCapabilityData, 4,
                                      read_memory(access.bar, access.offset, access.length));
    return Function::read_configuration(offset, size);
}

void PciTransport::write_configuration(unsigned offset, unsigned size, uint32_t value) {
    Function::write_configuration(offset, size, value);
    Window access;
    if (offset / 4 != (window_ + kCapabilityData) / 4 || !window(access)) return;
    const uint32_t data = stored(window_ + kCapabilityData, 4);
    write_memory(access.bar, access.offset, access.length,
                 access.length == 4 ? data : data & ((1u << access.length * 8) - 1));
}

} // namespace beeline::devices::virtio
