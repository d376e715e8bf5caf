#include "main.h"

#include "check.h"
#include "fdt.h"
#include "page_table.h"
#include "print.h"
#include "psci.h"
#include "uart.h"

u64 device_tree, boot_x0;

// The end of a guest that cannot go on: the summary still comes, and the machine still powers off.
void give_up(void) {
    check_true(false, "%s-ran-to-its-end", guest_name);
    finish();
}

void runtime_main(u64 x0) {
    boot_x0 = x0;
    device_tree = fdt_valid(x0) ? x0 : 0x40000000;
    uart_init();
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        cpus[i].stack_top = (u64)cpu_stacks[i + 1];
        cpus[i].mpidr = i;
    }
    use_runtime_map();
    print("GUEST %s\n", guest_name);
    guest_main();
    finish();
}
