// The board's devices as QEMU's `virt` machine has them: serial port, clock, GPIO, fw_cfg, flash, virtio slots.
#include "../runtime/check.h"
#include "../runtime/fdt.h"
#include "../runtime/gic.h"
#include "../runtime/main.h"
#include "../runtime/page_table.h"
#include "../runtime/print.h"

const char guest_name[] = "devices";

enum { UART = 0x09000000, RTC = 0x09010000, FW_CFG = 0x09020000, GPIO = 0x09030000, VIRTIO = 0x0A000000 };
enum { UART_INTERRUPT = 33, RTC_INTERRUPT = 34 };

static u32 read32(u64 address) {
    u32 value = *(volatile u32*)address;
    dsb_sy();
    return value;
}
static void write32(u64 address, u32 value) {
    *(volatile u32*)address = value;
    dsb_sy();
}
static u8 read8(u64 address) { return *(volatile u8*)address; }

/// The eight identification registers of a PrimeCell, low byte first.
static u64 primecell_id(u64 base) {
    u64 id = 0;
    for (unsigned i = 0; i < 8; i++) id |= (u64)(read32(base + 0xFE0 + i * 4) & 0xFF) << (i * 8);
    return id;
}

// ---- PL011 (DDI 0183) -----------------------------------------------------------------------------------------------

static void check_uart(void) {
    const u64 revision = 0xFull << 20;
    check_equal(primecell_id(UART) & ~revision, 0xB105F00D00041011 & ~revision, "pl011-identification");
    check_equal(read32(UART + 0x18) & (1 << 4 | 1 << 7), 1 << 4 | 1 << 7, "pl011-both-fifos-empty");
    write32(UART + 0x24, 0x1234);
    write32(UART + 0x28, 0x2A);
    check_true(read32(UART + 0x24) == 0x1234 && read32(UART + 0x28) == 0x2A, "pl011-baud-divisors-read-back");
    write32(UART + 0x34, 0x12);
    check_equal(read32(UART + 0x34), 0x12, "pl011-fifo-levels-read-back");
    // Transmitting raises TXRIS; the mask decides about the line, UARTICR clears it.
    write32(UART + 0x38, 0);
    write32(UART + 0x44, 0x7FF);
    print("NOTE transmit interrupt\n");
    check_true(read32(UART + 0x3C) & 1 << 5, "pl011-transmit-raises-txris");
    check_equal(read32(UART + 0x40), 0, "pl011-masked");
    check_true(!gic_is_pending(UART_INTERRUPT), "pl011-masked-line-low");
    write32(UART + 0x38, 1 << 5);
    check_equal(read32(UART + 0x38), 1 << 5, "pl011-mask-reads-back");
    check_true(read32(UART + 0x40) == 1 << 5 && gic_is_pending(UART_INTERRUPT), "pl011-line-high");
    write32(UART + 0x44, 1 << 5);
    bool low = (read32(UART + 0x3C) & 1 << 5) == 0 && !gic_is_pending(UART_INTERRUPT);
    write32(UART + 0x38, 0);
    check_true(low, "pl011-icr-lowers-the-line");
    check_equal(read32(UART + 0x40), 0, "pl011-mis-clear");
    // Bytes and halfwords reach the data register too.
    *(volatile u8*)(u64)UART = '#';
    *(volatile u16*)(u64)UART = '#';
    print("\n");
}

// ---- PL031 (DDI 0224) -----------------------------------------------------------------------------------------------

static void check_clock(void) {
    check_equal(primecell_id(RTC) & ~(0xFull << 20), 0xB105F00D00041031, "pl031-identification");
    u32 now = read32(RTC);
    // From 2020 on, and not beyond 32 bits minus a little.
    check_true(now > 1577836800, "pl031-tells-the-date");
    write32(RTC + 0x08, 1000000000);
    u32 set = read32(RTC);
    check_true(set >= 1000000000 && set < 1000000000 + 600, "pl031-can-be-set");
    check_equal(read32(RTC + 0x08), 1000000000, "pl031-load-register-reads-back");
    write32(RTC + 0x10, 0);
    write32(RTC + 0x1C, 1);
    write32(RTC + 0x04, 1000000000 + 5000);
    check_equal(read32(RTC + 0x04), 1000000000 + 5000, "pl031-match-reads-back");
    check_true((read32(RTC + 0x14) & 1) == 0 && !gic_is_pending(RTC_INTERRUPT), "pl031-no-match-yet");
    // The alarm: a match one second ahead, whatever that takes.
    write32(RTC + 0x10, 1);
    write32(RTC + 0x04, read32(RTC) + 1);
    u64 limit = READ_SYSREG(cntvct_el0) + 20 * READ_SYSREG(cntfrq_el0);
    while ((read32(RTC + 0x14) & 1) == 0 && READ_SYSREG(cntvct_el0) < limit) {
    }
    check_true(read32(RTC + 0x14) == 1 && read32(RTC + 0x18) == 1, "pl031-alarm");
    check_true(gic_is_pending(RTC_INTERRUPT), "pl031-alarm-line-high");
    write32(RTC + 0x1C, 1);
    check_true(read32(RTC + 0x14) == 0 && !gic_is_pending(RTC_INTERRUPT), "pl031-alarm-cleared");
    write32(RTC + 0x08, now);
}

// ---- PL061 (DDI 0190) -----------------------------------------------------------------------------------------------

static void check_gpio(void) {
    check_equal(primecell_id(GPIO), 0xB105F00D00041061, "pl061-identification");
    // Pins 0, 1 and 7 are nobody's. Address bits 9:2 choose the pins that an access reaches.
    write32(GPIO + 0x400, 0x83);
    check_equal(read32(GPIO + 0x400), 0x83, "pl061-direction-reads-back");
    write32(GPIO + (0x83 << 2), 0x83);
    check_equal(read32(GPIO + (0x83 << 2)), 0x83, "pl061-outputs");
    write32(GPIO + (0x01 << 2), 0);
    check_equal(read32(GPIO + (0x83 << 2)), 0x82, "pl061-address-masks-writes");
    check_equal(read32(GPIO + (0x80 << 2)), 0x80, "pl061-address-masks-reads");
    write32(GPIO + (0x83 << 2), 0);
    write32(GPIO + 0x400, 0);
    write32(GPIO + 0x404, 0x10);
    write32(GPIO + 0x408, 0x20);
    write32(GPIO + 0x40C, 0x40);
    check_true(read32(GPIO + 0x404) == 0x10 && read32(GPIO + 0x408) == 0x20 && read32(GPIO + 0x40C) == 0x40,
               "pl061-sense-registers-read-back");
    write32(GPIO + 0x404, 0);
    write32(GPIO + 0x408, 0);
    write32(GPIO + 0x40C, 0);
    write32(GPIO + 0x41C, 0xFF);
    check_equal(read32(GPIO + 0x418), 0, "pl061-no-interrupt");
}

// ---- fw_cfg ---------------------------------------------------------------------------------------------------------

static void fw_cfg_select(u16 key) {
    *(volatile u16*)(u64)(FW_CFG + 8) = (u16)(key << 8 | key >> 8);
    dsb_sy();
}

static volatile struct {
    u32 control, length;
    u64 address;
} dma __attribute__((aligned(64)));
static volatile u8 dma_data[16] __attribute__((aligned(64)));

/// The control word when the device is done with it.
static u32 fw_cfg_transfer(u32 control, u32 length, u64 address) {
    dma.control = __builtin_bswap32(control);
    dma.length = __builtin_bswap32(length);
    dma.address = __builtin_bswap64(address);
    dsb_sy();
    *(volatile u64*)(u64)(FW_CFG + 16) = __builtin_bswap64((u64)&dma);
    dsb_sy();
    while (__builtin_bswap32(dma.control) & ~1u) {
    }
    return __builtin_bswap32(dma.control);
}

static void check_fw_cfg(void) {
    fw_cfg_select(0);
    u32 signature = 0;
    for (unsigned i = 0; i < 4; i++) signature = signature << 8 | read8(FW_CFG);
    check_equal(signature, 0x51454D55, "fw-cfg-signature");
    fw_cfg_select(1);
    u32 id = 0;
    for (unsigned i = 0; i < 4; i++) id |= (u32)read8(FW_CFG) << (8 * i);
    check_equal(id & 3, 3, "fw-cfg-has-dma");
    check_equal(*(volatile u64*)(u64)(FW_CFG + 16), __builtin_bswap64(0x51454D5520434647), "fw-cfg-dma-signature");
    u32 status = fw_cfg_transfer(1 << 3 | 1 << 1, 4, (u64)dma_data); // select key 0, read
    check_true(status == 0 && dma_data[0] == 'Q' && dma_data[3] == 'U', "fw-cfg-dma-read");
    // A transfer to where there is no memory ends with the error bit, and nothing worse.
    check_equal(fw_cfg_transfer(1 << 3 | 1 << 1, 64, 0x0000FFFF00000000), 1, "fw-cfg-dma-error");
    fw_cfg_select(0x7FFF);
    check_equal(read8(FW_CFG), 0, "fw-cfg-unknown-key-reads-zero");
}

// ---- Flash and virtio -----------------------------------------------------------------------------------------------

static void check_flash(void) {
    for (u64 base = 0; base < 0x08000000; base += 0x04000000) {
        unsigned bank = (unsigned)(base >> 26);
        // Two 16-bit chips side by side: every command and answer comes twice (JESD68.01).
        write32(base + 0x55 * 4, 0x00980098);
        u32 q = read32(base + 0x10 * 4), r = read32(base + 0x11 * 4), y = read32(base + 0x12 * 4);
        check_true((q & 0xFF) == 'Q' && (r & 0xFF) == 'R' && (y & 0xFF) == 'Y', "flash-%u-cfi-query", bank);
        check_equal(q >> 16, q & 0xFFFF, "flash-%u-two-chips", bank);
        write32(base, 0x00FF00FF);
        check_true((read32(base + 0x10 * 4) & 0xFF) != 'Q', "flash-%u-read-array", bank);
    }
}

static void check_virtio(void) {
    enum { NONE = 0, ENTROPY = 4 };
    u64 wrong = 0;
    for (unsigned slot = 0; slot < 32; slot++) {
        u64 base = VIRTIO + slot * 0x200ull;
        u32 version = read32(base + 4), device = read32(base + 8);
        wrong += read32(base) != 0x74726976 || (version != 1 && version != 2);
        // The last one may have the entropy device, which QEMU's board lacks unless asked for it.
        wrong += device != NONE && (slot != 31 || device != ENTROPY);
    }
    check_equal(wrong, 0, "virtio-32-slots");
    check_true(fdt_has_compatible(device_tree, "virtio,mmio"), "virtio-in-device-tree");
}

void guest_main(void) {
    gic_init(device_tree);
    page_table_map_range(&runtime_table, 0, 0, 0x08000000, PTE_DEVICE);
    page_table_map_range(&runtime_table, VIRTIO, VIRTIO, 0x4000, PTE_DEVICE);
    page_table_sync();
    check_uart();
    check_clock();
    check_gpio();
    check_fw_cfg();
    check_flash();
    check_virtio();
}
