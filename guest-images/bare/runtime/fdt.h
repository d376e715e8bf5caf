// The few questions the guests ask of the flattened device tree (Devicetree Specification 0.4, chapter 5).
#pragma once
#include "types.h"

// False when there is no device tree at the address.
bool fdt_valid(u64 address);
u32 fdt_total_size(u64 address);
// True when some node's "compatible" list has the string.
bool fdt_has_compatible(u64 address, const char* compatible);
// Stores the "reg" of each node with device_type "cpu" (the MPIDR), up to max; the count found.
unsigned fdt_cpus(u64 address, u64* mpidrs, unsigned max);
// The number behind "name=" in /chosen/bootargs, or the fallback.
u64 fdt_boot_argument(u64 address, const char* name, u64 fallback);
