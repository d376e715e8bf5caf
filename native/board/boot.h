// Puts the guest's images into RAM and says where the first CPU starts.
#pragma once

#include "board/error.h"
#include "board/guest_memory.h"
#include "board/machine.h"
#include "devices/fw_cfg.h"

#include <cstdint>
#include <vector>

namespace beeline::board {

struct Boot {
    uint64_t entry = 0;
    uint64_t device_tree_address = 0; ///< In x0 at the entry.
    std::vector<uint8_t> device_tree;
};

/// Loads kernel, initial RAM disk, raw files and the completed device tree.
///
///     kernel        Image: RAM base + text_offset, at least 2 MiB up; ELF: its physical addresses
///     initrd        half of RAM or 128 MiB up, or behind the kernel when that reaches further; page aligned
///     device tree   behind the initrd at the next 2 MiB; at the RAM base for an ELF that leaves it free
///
/// With firmware, which goes to flash, neither kernel nor initrd is loaded: offer_kernel() hands them over, and the
/// device tree is at the RAM base. Raw files may go to flash too. With neither kernel nor firmware the first of them is
/// started at its first byte. `board_tree` describes the board where the configuration names no tree of its own.
Result<Boot> load_images(const MachineConfig& config, GuestMemory& memory, devices::GuestMemoryAccess& flash,
                         const std::vector<uint8_t>& board_tree);

/// Puts kernel (decompressed), initial RAM disk, and command line where firmware looks for them (QEMU
/// docs/specs/fw_cfg).
Status offer_kernel(const MachineConfig& config, devices::FwCfg& fw_cfg);

} // namespace beeline::board
