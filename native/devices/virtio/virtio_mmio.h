// The MMIO transport (Virtio 1.2, 4.2), version 2: one slot of 512 bytes, with a device behind it or without.
#pragma once

#include "devices/device.h"
#include "devices/virtio/negotiation.h"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace beeline::devices::virtio {

class VirtioMmio final : public Device, private DriverInterrupts {
public:
    static constexpr uint64_t kSize = 0x200;

    VirtioMmio(VirtioDevice& device, InterruptLine line, std::mutex& board_lock);

    bool read(const MmioAccess& access, uint64_t& value) override;
    bool write(const MmioAccess& access, uint64_t value) override;
    void reset() override;
    void exchange(snapshot::Archive& archive) override;

private:
    void queues_used(uint64_t queues) override;
    void needs_reset() override;
    void configuration_changed() override;

    uint32_t read_register(uint64_t offset);
    void write_register(uint64_t offset, uint32_t value);
    void write_queue(uint64_t offset, uint32_t value);
    void raise(uint32_t bits);

    Negotiation negotiation_;
    InterruptLine line_;
    std::mutex& board_lock_;
    uint32_t device_features_word_ = 0, driver_features_word_ = 0, selected_queue_ = 0;
    uint32_t interrupt_status_ = 0;
};

/// The board's 32 slots. One without a device answers its probe with device id 0, which drivers take as "nothing here".
class VirtioMmioSlots final : public Device {
public:
    static constexpr unsigned kSlots = 32;

    void insert(unsigned slot, std::unique_ptr<VirtioMmio> device) { slots_[slot] = std::move(device); }

    bool read(const MmioAccess& access, uint64_t& value) override;
    bool write(const MmioAccess& access, uint64_t value) override;
    void reset() override;
    void exchange(snapshot::Archive& archive) override;

private:
    std::array<std::unique_ptr<VirtioMmio>, kSlots> slots_;
};

} // namespace beeline::devices::virtio
