// The ACPI tables that firmware takes from fw_cfg and gives to the guest's operating system: what the device tree says,
// in the form of QEMU's `virt`.
#pragma once

#include "board/device_tree.h"

#include <cstdint>
#include <vector>

namespace beeline::devices {
class FwCfg;
}

namespace beeline::board {

/// Files of fw_cfg (QEMU docs/specs/acpi, bios-linker-loader): tables one after the other, the pointer to them, and
/// what the firmware has to do to them once it knows where they are.
struct AcpiTables {
    std::vector<uint8_t> tables, rsdp, loader;
};

AcpiTables build_acpi_tables(const BoardDescription& board);
void offer_acpi_tables(const BoardDescription& board, devices::FwCfg& fw_cfg);

} // namespace beeline::board
