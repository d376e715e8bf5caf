// The board's 32 virtio-mmio transports (Virtio 1.2, 4.2.2), all of them without a device behind.
#pragma once

#include "devices/device.h"

namespace beeline::devices {

/// A slot answers its probe with device id 0, which drivers take as "nothing here" and pass over silently.
class VirtioMmioSlots final : public Device {
public:
    static constexpr unsigned kSlots = 32;
    static constexpr uint64_t kSlotSize = 0x200;

    bool read(const MmioAccess& access, uint64_t& value) override {
        switch (access.offset % kSlotSize) {
        case 0x000: value = 0x7472'6976; break; // MagicValue: "virt"
        case 0x004: value = 2; break;           // Version: not legacy
        case 0x008: value = 0; break;           // DeviceID: none
        case 0x00C: value = 0x4C45'4542; break; // VendorID: "BEEL"
        default: value = 0; break;
        }
        return true;
    }
    bool write(const MmioAccess&, uint64_t) override { return true; }
    void reset() override {}
};

} // namespace beeline::devices
