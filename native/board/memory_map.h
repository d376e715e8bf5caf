// Where things are: the memory map and interrupt numbers of QEMU's `virt` board.
#pragma once

#include "devices/cfi_flash.h"
#include "devices/fw_cfg.h"
#include "devices/gic/gic_v2m.h"
#include "devices/gic/gic_v3.h"
#include "devices/gic/its.h"
#include "devices/pci/host_bridge.h"
#include "devices/virtio/virtio_mmio.h"

#include <cstdint>

namespace beeline::board {

struct Region {
    uint64_t base;
    uint64_t size;
    constexpr uint64_t end() const { return base + size; }
};

inline constexpr Region kFlash0{0x0000'0000, devices::CfiFlash::kSize};
inline constexpr Region kFlash1{0x0400'0000, devices::CfiFlash::kSize};
inline constexpr Region kGicDistributor{0x0800'0000, 0x1'0000};
inline constexpr Region kGicV2CpuInterface{0x0801'0000, 0x1'0000};
inline constexpr Region kGicV2m{0x0802'0000, devices::gic::GicV2m::kSize};
inline constexpr Region kGicIts{0x0808'0000, devices::gic::Its::kSize};
inline constexpr uint64_t kGicRedistributors = 0x080A'0000; ///< kRedistributorStride a CPU
inline constexpr Region kUart{0x0900'0000, 0x1000};
inline constexpr Region kRtc{0x0901'0000, 0x1000};
inline constexpr Region kFwCfg{0x0902'0000, devices::FwCfg::kSize};
inline constexpr Region kGpio{0x0903'0000, 0x1000};
inline constexpr Region kVirtioMmio{0x0A00'0000,
                                    devices::virtio::VirtioMmioSlots::kSlots* devices::virtio::VirtioMmio::kSize};
inline constexpr Region kPcieLowMemory{0x1000'0000, 0x2EFF'0000};
inline constexpr Region kPciePorts{0x3EFF'0000, 0x1'0000};
inline constexpr unsigned kPcieBuses = 16;
inline constexpr Region kPcieEcam{0x3F00'0000, kPcieBuses* devices::pci::HostBridge::kBusBytes};
inline constexpr uint64_t kRamBase = 0x4000'0000;
/// Above all RAM but that of a machine of more than 511 GiB, which goes without.
inline constexpr Region kPcieHighMemory{0x80'0000'0000, 0x80'0000'0000};

/// Shared peripheral interrupts, from 0.
inline constexpr unsigned kUartSpi = 1, kRtcSpi = 2, kPcieSpi = 3, kGpioSpi = 7, kVirtioMmioSpi = 16, kMessageSpi = 48;
inline constexpr unsigned kMessageSpis = 64;    ///< That GICv2m has.
inline constexpr unsigned kPowerButtonLine = 3; ///< Of the GPIO

} // namespace beeline::board
