// The machine as the boot protocol leaves it: exception level, device tree, relocation, arithmetic, PSCI, identity
// registers.
#include "../runtime/check.h"
#include "../runtime/fdt.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/print.h"
#include "../runtime/probe.h"
#include "../runtime/psci.h"

const char guest_name[] = "hello";

static const char* const words[] = {"relocated", "pointer", "table"};
static u64 zeroed[64];

static u64 factorial(u64 n) { return n < 2 ? 1 : n * factorial(n - 1); }

static void check_boot_state(void) {
    check_equal(READ_SYSREG(currentel) >> 2, 1, "boots-at-el1");
    check_equal(READ_SYSREG(daif), PSR_DAIF, "interrupts-masked");
    check_equal(READ_SYSREG(spsel), 1, "spsel-1");
    check_equal(READ_SYSREG(mpidr_el1) & 0xFF00FFFFFFull, 0, "boot-cpu-affinity-0");
    check_true(fdt_valid(device_tree), "device-tree-magic");
    check_true(boot_x0 == device_tree || boot_x0 == 0, "x0-is-device-tree");
    check_true(fdt_has_compatible(device_tree, "linux,dummy-virt"), "device-tree-machine");
    check_true(fdt_has_compatible(device_tree, "arm,pl011"), "device-tree-pl011");
    check_true(fdt_has_compatible(device_tree, "arm,armv8-timer"), "device-tree-timer");
    check_true(fdt_has_compatible(device_tree, "arm,psci-1.0") || fdt_has_compatible(device_tree, "arm,psci-0.2"),
               "device-tree-psci");
    u64 mpidrs[MAX_CPUS];
    check_true(fdt_cpus(device_tree, mpidrs, MAX_CPUS) >= 1 && mpidrs[0] == 0, "device-tree-cpu-0");
}

static void check_language(void) {
    check_equal((u8)words[0][0], 'r', "relocated-pointers");
    u64 sum = 0;
    for (unsigned i = 0; i < ARRAY_LENGTH(zeroed); i++) sum |= zeroed[i];
    check_equal(sum, 0, "bss-zero");
    check_equal(factorial(20), 2432902008176640000ull, "factorial-20");
    volatile u64 dividend = 1000000007, divisor = 0;
    check_equal(dividend / 97, 10309278, "udiv");
    u64 quotient;
    __asm__("udiv %0, %1, %2" : "=r"(quotient) : "r"(dividend), "r"(divisor));
    check_equal(quotient, 0, "udiv-by-zero-is-zero");
    __asm__("sdiv %0, %1, %2" : "=r"(quotient) : "r"(BIT(63)), "r"(~0ull));
    check_equal(quotient, BIT(63), "sdiv-overflow-wraps");
    u64 high;
    __asm__("umulh %0, %1, %2" : "=r"(high) : "r"(~0ull), "r"(~0ull));
    check_equal(high, ~1ull, "umulh");
}

static void check_identity(void) {
    u64 pfr0 = READ_SYSREG(id_aa64pfr0_el1);
    check_true(field(pfr0, 0, 4) == 1 || field(pfr0, 0, 4) == 2, "pfr0-el0-aarch64");
    check_true(field(pfr0, 4, 4) == 1 || field(pfr0, 4, 4) == 2, "pfr0-el1-aarch64");
    u64 ctr = READ_SYSREG(ctr_el0);
    check_equal(field(ctr, 31, 1), 1, "ctr-res1");
    check_true(field(ctr, 14, 2) >= 1, "ctr-l1ip-not-reserved-or-aivivt");
    check_true(field(READ_SYSREG(dczid_el0), 0, 4) <= 9, "dczid-block-at-most-2k");
    check_true(READ_SYSREG(cntfrq_el0) >= 1000000 && READ_SYSREG(cntfrq_el0) <= 1000000000, "cntfrq-1mhz-to-1ghz");
    check_equal(READ_SYSREG(midr_el1) >> 16 & 0xF, 0xF, "midr-architecture-by-id-registers");
    print("NOTE midr=0x%lx isar0=0x%lx mmfr0=0x%lx mmfr1=0x%lx pfr0=0x%lx ctr=0x%lx cntfrq=%lu\n",
          READ_SYSREG(midr_el1), READ_SYSREG(id_aa64isar0_el1), READ_SYSREG(id_aa64mmfr0_el1),
          READ_SYSREG(id_aa64mmfr1_el1), pfr0, ctr, READ_SYSREG(cntfrq_el0));
}

static void check_psci(void) {
    s64 version = psci_call(PSCI_VERSION, 0, 0, 0);
    check_true(version >= 0x10000 || version == 2, "psci-version-0.2-or-later");
    if (version >= 0x10000) {
        check_equal((u64)psci_call(PSCI_FEATURES, PSCI_CPU_ON64, 0, 0), 0, "psci-features-cpu-on");
        check_equal((u64)psci_call(PSCI_FEATURES, PSCI_SYSTEM_OFF, 0, 0), 0, "psci-features-system-off");
        check_equal((u64)psci_call(PSCI_FEATURES, PSCI_SYSTEM_RESET, 0, 0), 0, "psci-features-system-reset");
        check_equal((u64)psci_call(PSCI_FEATURES, 0x840000FF, 0, 0), (u64)PSCI_NOT_SUPPORTED, "psci-features-unknown");
    }
    check_equal((u64)psci_call(0x840000FF, 0, 0, 0), (u64)PSCI_NOT_SUPPORTED, "psci-unknown-function");
    check_equal((u64)psci_call(PSCI_AFFINITY_INFO64, 0, 0, 0), 0, "psci-affinity-info-self-on");
}

PROBE(set_x0, "mov x0, #0x77")

void guest_main(void) {
    print("Hello from EL1\n");
    check_boot_state();
    check_language();
    check_identity();
    check_psci();
    struct frame el0 = run_el0(set_x0);
    check_returned(&el0, 0x77, "el0-round-trip");
    struct frame el1 = run_el1(set_x0);
    check_returned(&el1, 0x77, "el1-round-trip");
}
