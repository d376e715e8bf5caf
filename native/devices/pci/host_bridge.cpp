#include "devices/pci/host_bridge.h"

#include <algorithm>
#include <string>
#include <utility>

namespace beeline::devices::pci {

namespace {

/// What a read returns that nobody answers.
constexpr uint64_t all_ones(unsigned size) { return ~uint64_t{0} >> (64 - size * 8); }

/// The generic PCI Express host bridge of QEMU, which firmware knows.
constexpr Identity kBridge{
    .vendor = 0x1B36, .device = 0x0008, .class_code = 0x06'0000, .subsystem_vendor = 0x1AF4, .subsystem = 0x1100};

} // namespace

HostBridge::HostBridge(InterruptSink& interrupts, unsigned first_spi, MessageSink& messages, const Windows& windows)
    : sink_(interrupts), first_spi_(first_spi), messages_(messages), configuration_(*this),
      low_memory_(*this, windows.low), high_memory_(*this, windows.high) {
    insert(0, std::make_unique<Function>(kBridge));
}

void HostBridge::insert(unsigned slot, std::unique_ptr<Function> function) {
    function->attach(*this, slot);
    functions_[slot] = std::move(function);
}

Function* HostBridge::at_configuration(uint64_t offset) const {
    const uint64_t device_and_function = offset >> 12;
    return device_and_function % 8 == 0 && device_and_function / 8 < kSlots ? functions_[device_and_function / 8].get()
                                                                            : nullptr;
}

/// Ranges that overlap are the guest's mistake; the one with the highest base answers.
const DecodedRange* HostBridge::at_address(uint64_t address) const {
    const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                        [](uint64_t wanted, const DecodedRange& range) { return wanted < range.base; });
    if (after == ranges_.begin()) return nullptr;
    const DecodedRange& range = *(after - 1);
    return address - range.base < range.size ? &range : nullptr;
}

void HostBridge::decoding_changed() {
    ranges_.clear();
    for (const auto& function : functions_)
        if (function != nullptr) function->append_ranges(ranges_);
    std::stable_sort(ranges_.begin(), ranges_.end(),
                     [](const DecodedRange& a, const DecodedRange& b) { return a.base < b.base; });
}

void HostBridge::exchange(snapshot::Archive& archive) {
    for (unsigned slot = 0; slot < kSlots; slot++)
        if (functions_[slot] != nullptr)
            archive.section("slot" + std::to_string(slot), 1, [&] { functions_[slot]->exchange(archive); });
    archive.values(asserting_);
    if (archive.loading()) decoding_changed();
}

void HostBridge::set_interrupt(unsigned slot, bool level) {
    uint32_t& asserting = asserting_[interrupt_of(slot)];
    const uint32_t before = std::exchange(asserting, level ? asserting | 1u << slot : asserting & ~(1u << slot));
    if ((before != 0) != (asserting != 0)) sink_.set_spi(first_spi_ + interrupt_of(slot), asserting != 0);
}

void HostBridge::send_message(unsigned slot, const Message& message) { messages_.write_message(slot << 3, message); }

bool HostBridge::ConfigurationSpace::read(const MmioAccess& access, uint64_t& value) {
    Function* function = bridge.at_configuration(access.offset);
    const auto offset = static_cast<unsigned>(access.offset % 4096);
    if (function == nullptr)
        value = all_ones(access.size);
    else
        // There are no extended capabilities, which is said by a first register of 0.
        value = offset < Function::kConfigurationBytes ? function->read_configuration(offset, access.size) : 0;
    return true;
}

bool HostBridge::ConfigurationSpace::write(const MmioAccess& access, uint64_t value) {
    Function* function = bridge.at_configuration(access.offset);
    const auto offset = static_cast<unsigned>(access.offset % 4096);
    if (function != nullptr && offset < Function::kConfigurationBytes)
        function->write_configuration(offset, access.size, static_cast<uint32_t>(value));
    return true;
}

void HostBridge::ConfigurationSpace::reset() {
    for (const auto& function : bridge.functions_)
        if (function != nullptr) function->reset();
}

bool HostBridge::MemoryWindow::read(const MmioAccess& access, uint64_t& value) {
    const uint64_t address = base + access.offset;
    const DecodedRange* range = bridge.at_address(address);
    value = range == nullptr ? all_ones(access.size)
                             : range->function->read_memory(range->bar, address - range->base, access.size);
    return true;
}

bool HostBridge::MemoryWindow::write(const MmioAccess& access, uint64_t value) {
    const uint64_t address = base + access.offset;
    if (const DecodedRange* range = bridge.at_address(address); range != nullptr)
        range->function->write_memory(range->bar, address - range->base, access.size, static_cast<uint32_t>(value));
    return true;
}

bool HostBridge::PortWindow::read(const MmioAccess& access, uint64_t& value) {
    value = all_ones(access.size);
    return true;
}

} // namespace beeline::devices::pci
