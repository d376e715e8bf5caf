// The device tree that the guest is given: what the board has, in the form of QEMU's `virt`; and what booting adds to
// it.
#pragma once

#include "arm64/types.h"
#include "board/error.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace beeline::board {

struct BoardDescription {
    arm64::CpuModel cpu_model = arm64::CpuModel::N1;
    unsigned gic_version = 3;
    std::vector<uint64_t> cpu_affinities; ///< MPIDR_EL1's affinity fields, a CPU each
    bool high_pcie_window = true;         ///< PCIe's 64-bit memory window
};

/// What goes into /chosen and /memory.
struct BootDescription {
    struct Range {
        uint64_t start, end;
    };
    uint64_t memory_bytes = 0;
    std::string command_line;
    std::optional<Range> initrd;
    std::array<uint8_t, 32> rng_seed{};
    uint64_t kaslr_seed = 0;
};

/// The largest tree that Linux's boot protocol allows.
inline constexpr uint64_t kLargestDeviceTree = uint64_t{2} << 20;

/// The board without /chosen's contents and memory.
Result<std::vector<uint8_t>> build_device_tree(const BoardDescription& board);
/// A tree from a file. Errors: _FILE_MISSING, _FILE_UNREADABLE, _FILE_KIND.
Result<std::vector<uint8_t>> read_device_tree(const std::string& path);
/// Fills in /memory and /chosen, replacing what was there. `origin` names the tree's file for messages; may be empty.
Result<std::vector<uint8_t>> complete_device_tree(const std::vector<uint8_t>& tree, const BootDescription& boot,
                                                  const std::string& origin);

} // namespace beeline::board
