// What a guest is: a name and one function, run on the boot CPU at EL1 with the runtime's map in use and DAIF masked.
#pragma once
#include "types.h"

extern const char guest_name[];
void guest_main(void);

// The device tree: x0 at entry, or the start of RAM when the loader passed none (an ELF under QEMU).
extern u64 device_tree;
// x0 as the loader passed it.
extern u64 boot_x0;
