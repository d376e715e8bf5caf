// How the guest gets at a virtio device.
#pragma once

#include <cstdint>

namespace beeline::board {

/// A slot of virtio-mmio's, or a PCI device.
enum class DeviceBus : uint8_t { Mmio, Pci };

} // namespace beeline::board
