#include "devices/pci/function.h"

#include <algorithm>
#include <cstring>

namespace beeline::devices::pci {

namespace {

// Header of type 0 (6.1)
constexpr unsigned kVendor = 0x00, kDevice = 0x02, kCommand = 0x04, kStatus = 0x06, kRevision = 0x08, kClassCode = 0x09,
                   kCacheLineSize = 0x0C, kBaseAddresses = 0x10, kSubsystemVendor = 0x2C, kSubsystem = 0x2E,
                   kInterruptLine = 0x3C, kInterruptPin = 0x3D;
constexpr uint16_t kMemorySpace = 1 << 1, kBusMaster = 1 << 2, kParityResponse = 1 << 6, kSystemError = 1 << 8,
                   kInterruptDisable = 1 << 10;
constexpr uint8_t kInterruptStatus = 1 << 3, kCapabilitiesList = 1 << 4;
constexpr uint8_t kMemory64 = 2 << 1, kPrefetchable = 1 << 3;
constexpr uint8_t kMsixCapability = 0x11;

} // namespace

Function::Function(const Identity& identity) {
    const auto put = [this](unsigned offset, unsigned size, uint32_t value) {
        std::memcpy(bytes_.data() + offset, &value, size);
    };
    put(kVendor, 2, identity.vendor);
    put(kDevice, 2, identity.device);
    put(kRevision, 1, identity.revision);
    put(kClassCode, 3, identity.class_code);
    put(kSubsystemVendor, 2, identity.subsystem_vendor);
    put(kSubsystem, 2, identity.subsystem);
    const uint16_t command = kMemorySpace | kBusMaster | kParityResponse | kSystemError | kInterruptDisable;
    make_writable(kCommand, command & 0xFF);
    make_writable(kCommand + 1, command >> 8);
    make_writable(kCacheLineSize, 0xFF);
    make_writable(kInterruptLine, 0xFF);
}

void Function::attach(Upstream& upstream, unsigned slot) {
    upstream_ = &upstream;
    slot_ = slot;
}

void Function::add_bar(unsigned bar, uint64_t size, BarKind kind) {
    bars_[bar] = {size, kind};
    const bool wide = kind == BarKind::Prefetchable64;
    const unsigned offset = kBaseAddresses + bar * 4;
    const uint64_t address_bits = ~(size - 1);
    for (unsigned i = 0; i < (wide ? 8u : 4u); i++)
        make_writable(offset + i, static_cast<uint8_t>(address_bits >> i * 8));
    if (wide) bytes_[offset] = kMemory64 | kPrefetchable;
}

unsigned Function::add_capability(uint8_t id, std::initializer_list<uint8_t> body) {
    const unsigned at = next_capability_;
    bytes_[kStatus] |= kCapabilitiesList;
    bytes_[last_link_] = static_cast<uint8_t>(at);
    bytes_[at] = id;
    std::copy(body.begin(), body.end(), bytes_.begin() + at + 2);
    last_link_ = at + 1;
    next_capability_ = (at + 2 + static_cast<unsigned>(body.size()) + 3) & ~3u;
    return at;
}

void Function::add_interrupt_pin() { bytes_[kInterruptPin] = 1; }

void Function::add_msix(unsigned vectors, unsigned bar) {
    msix_.emplace(std::min(vectors, Msix::kMostVectors));
    msix_bar_ = bar;
    add_bar(bar, Msix::kBytes, BarKind::Memory32);
    const auto last = static_cast<uint8_t>(msix_->vectors() - 1);
    const auto number = static_cast<uint8_t>(bar);
    constexpr uint8_t kPendingByte = Msix::kPendingOffset >> 8;
    msix_control_ = add_capability(kMsixCapability, {last, 0, number, 0, 0, 0, number, kPendingByte, 0, 0}) + 2;
    make_writable(msix_control_ + 1, (Msix::kEnable | Msix::kFunctionMask) >> 8);
}

uint32_t Function::stored(unsigned offset, unsigned size) const {
    uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + offset, size);
    return value;
}

void Function::store(unsigned offset, unsigned size, uint32_t value) {
    for (unsigned i = 0; i < size; i++) {
        const uint8_t writable = writable_[offset + i];
        uint8_t& byte = bytes_[offset + i];
        byte = static_cast<uint8_t>((byte & ~writable) | (value >> i * 8 & writable));
    }
}

uint32_t Function::read_configuration(unsigned offset, unsigned size) { return stored(offset, size); }

void Function::write_configuration(unsigned offset, unsigned size, uint32_t value) {
    store(offset, size, value);
    if (msix_) msix_->set_control(static_cast<uint16_t>(stored(msix_control_, 2)));
    if (offset < kBaseAddresses + kBars * 4) upstream_->decoding_changed();
    settle_interrupts();
}

uint32_t Function::read_memory(unsigned bar, uint64_t offset, unsigned size) {
    return msix_ && bar == msix_bar_ ? msix_->read(offset, size) : read_bar(bar, offset, size);
}

void Function::write_memory(unsigned bar, uint64_t offset, unsigned size, uint32_t value) {
    if (!msix_ || bar != msix_bar_) return write_bar(bar, offset, size, value);
    msix_->write(offset, size, value);
    settle_interrupts();
}

void Function::reset() {
    for (unsigned i = 0; i < kConfigurationBytes; i++) bytes_[i] &= static_cast<uint8_t>(~writable_[i]);
    if (msix_) msix_->reset();
    set_interrupt(false);
    upstream_->decoding_changed();
}

void Function::exchange(snapshot::Archive& archive) {
    std::array<uint8_t, kConfigurationBytes> bytes = bytes_;
    archive.values(bytes);
    for (unsigned i = 0; i < kConfigurationBytes; i++) {
        const uint8_t free = i == kStatus ? kInterruptStatus : writable_[i];
        archive.require(((bytes[i] ^ bytes_[i]) & ~free) == 0, "it is of another function");
    }
    if (!archive.failed()) bytes_ = bytes;
    archive.value(interrupt_);
    if (!msix_) return;
    msix_->set_control(static_cast<uint16_t>(stored(msix_control_, 2)));
    msix_->exchange(archive);
}

void Function::append_ranges(std::vector<DecodedRange>& ranges) {
    if ((command() & kMemorySpace) == 0) return;
    for (unsigned bar = 0; bar < kBars; bar++) {
        if (bars_[bar].size == 0) continue;
        const unsigned offset = kBaseAddresses + bar * 4;
        uint64_t base = stored(offset, 4);
        if (bars_[bar].kind == BarKind::Prefetchable64) base |= uint64_t{stored(offset + 4, 4)} << 32;
        ranges.push_back({base & ~(bars_[bar].size - 1), bars_[bar].size, this, bar});
    }
}

bool Function::bus_master() const { return (command() & kBusMaster) != 0; }

void Function::set_interrupt(bool level) {
    interrupt_ = level;
    settle_interrupts();
}

void Function::raise_message(unsigned vector) {
    if (!msix_ || vector >= msix_->vectors()) return;
    msix_->set_pending(vector, true);
    settle_interrupts();
}

/// Brings the wire and the messages that wait in line with what the guest allows now.
void Function::settle_interrupts() {
    bytes_[kStatus] =
        static_cast<uint8_t>(interrupt_ ? bytes_[kStatus] | kInterruptStatus : bytes_[kStatus] & ~kInterruptStatus);
    upstream_->set_interrupt(slot_, interrupt_ && !msix_enabled() && (command() & kInterruptDisable) == 0);
    if (!msix_ || !msix_->any_pending() || !msix_->enabled() || !bus_master()) return;
    for (unsigned vector = 0; vector < msix_->vectors(); vector++) {
        if (!msix_->pending(vector) || msix_->masked(vector)) continue;
        msix_->set_pending(vector, false);
        upstream_->send_message(slot_, msix_->message(vector));
    }
}

} // namespace beeline::devices::pci
