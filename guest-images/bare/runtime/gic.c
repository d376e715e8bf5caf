#include "gic.h"

#include "cpu.h"
#include "fdt.h"

enum { GICD = 0x08000000, GICC = 0x08010000, GICR = 0x080A0000, GICR_STRIDE = 0x20000, GICR_SGI = 0x10000 };
enum {
    CTLR = 0x000,
    TYPER = 0x004,
    IGROUPR = 0x080,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    ICACTIVER = 0x380,
    IPRIORITYR = 0x400,
    ITARGETSR = 0x800,
    ICFGR = 0xC00,
    SGIR = 0xF00,
    IROUTER = 0x6000,
};
enum {
    GICC_CTLR = 0x00,
    GICC_PMR = 0x04,
    GICC_BPR = 0x08,
    GICC_IAR = 0x0C,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    GICC_HPPIR = 0x18,
    GICC_DIR = 0x1000
};
enum { GICD_CTLR_ARE = 1 << 4, GICC_CTLR_EOIMODE = 1 << 9, GICC_CTLR_FIQEN = 1 << 3 };
enum { GICR_WAKER = 0x14, WAKER_PROCESSOR_SLEEP = 1 << 1, WAKER_CHILDREN_ASLEEP = 1 << 2 };

static unsigned version;
static u32 cpu_control; // GICC_CTLR as last written

static volatile u32* word(u64 base, unsigned offset) { return (volatile u32*)(base + offset); }

static unsigned cpu_index(void) { return (unsigned)(this_cpu() - cpus); }

// The registers of SGIs and PPIs are banked in GICv2 and in the redistributor in GICv3.
static u64 base_of(unsigned id) {
    return version == 3 && id < 32 ? (u64)GICR + (u64)cpu_index() * GICR_STRIDE + GICR_SGI : GICD;
}

static void write_bit(unsigned id, unsigned offset) {
    *word(base_of(id), offset + id / 32 * 4) = 1u << id % 32;
    dsb_sy();
}

static bool read_bit(unsigned id, unsigned offset) { return *word(base_of(id), offset + id / 32 * 4) >> id % 32 & 1; }

unsigned gic_version(void) { return version; }
unsigned gic_interrupt_count(void) { return ((*word(GICD, TYPER) & 0x1F) + 1) * 32; }

// GICv3 distributor writes take effect when RWP reads as zero.
static void wait_for_distributor(void) {
    if (version == 3)
        while (*word(GICD, CTLR) & BIT(31)) {
        }
}

void gic_enable_distributor(bool group0, bool group1) {
    *word(GICD, CTLR) = (version == 3 ? GICD_CTLR_ARE : 0) | (group0 ? 1 : 0) | (group1 ? 2 : 0);
    wait_for_distributor();
}

void gic_init(u64 fdt) {
    version = fdt_has_compatible(fdt, "arm,gic-v3") ? 3 : 2;
    *word(GICD, CTLR) = 0;
    wait_for_distributor();
    gic_enable_distributor(false, false);
    for (unsigned id = 32; id < gic_interrupt_count(); id += 32) {
        *word(GICD, ICENABLER + id / 8) = ~0u;
        *word(GICD, ICPENDR + id / 8) = ~0u;
        *word(GICD, ICACTIVER + id / 8) = ~0u;
        *word(GICD, IGROUPR + id / 8) = version == 3 ? ~0u : 0;
        for (unsigned i = 0; i < 32; i += 4) *word(GICD, IPRIORITYR + id + i) = 0xA0A0A0A0;
    }
    gic_enable_distributor(true, true);
    gic_init_cpu();
}

void gic_init_cpu(void) {
    u64 base = base_of(0);
    if (version == 3) {
        volatile u32* waker = word(base - GICR_SGI, GICR_WAKER);
        *waker = 0;
        while (*waker & WAKER_CHILDREN_ASLEEP) {
        }
        WRITE_SYSREG(ICC_SRE_EL1, READ_SYSREG(ICC_SRE_EL1) | 1); // SRE
        isb();
    }
    *word(base, ICENABLER) = ~0u;
    *word(base, ICPENDR) = ~0u;
    *word(base, ICACTIVER) = ~0u;
    *word(base, IGROUPR) = version == 3 ? ~0u : 0;
    for (unsigned i = 0; i < 32; i += 4) *word(base, IPRIORITYR + i) = 0xA0A0A0A0;
    gic_set_mask(0xFF);
    gic_set_eoi_mode(false);
    gic_set_binary_point(0);
    gic_enable_groups(version == 2, true);
}

void gic_enable(unsigned id) { write_bit(id, ISENABLER); }
void gic_disable(unsigned id) {
    write_bit(id, ICENABLER);
    wait_for_distributor();
}
bool gic_is_enabled(unsigned id) { return read_bit(id, ISENABLER); }
void gic_set_pending(unsigned id) { write_bit(id, ISPENDR); }
void gic_clear_pending(unsigned id) { write_bit(id, ICPENDR); }
bool gic_is_pending(unsigned id) { return read_bit(id, ISPENDR); }
void gic_set_active(unsigned id) { write_bit(id, ISACTIVER); }
void gic_clear_active(unsigned id) { write_bit(id, ICACTIVER); }
bool gic_is_active(unsigned id) { return read_bit(id, ISACTIVER); }

void gic_set_priority(unsigned id, u8 priority) {
    *(volatile u8*)(base_of(id) + IPRIORITYR + id) = priority;
    dsb_sy();
}

u8 gic_priority(unsigned id) { return *(volatile u8*)(base_of(id) + IPRIORITYR + id); }

void gic_set_edge(unsigned id, bool edge) {
    volatile u32* config = word(base_of(id), ICFGR + id / 16 * 4);
    u32 bit = 2u << id % 16 * 2;
    *config = edge ? *config | bit : *config & ~bit;
}

bool gic_is_edge(unsigned id) { return *word(base_of(id), ICFGR + id / 16 * 4) >> (id % 16 * 2 + 1) & 1; }

void gic_set_group(unsigned id, unsigned group) {
    volatile u32* groups = word(base_of(id), IGROUPR + id / 32 * 4);
    u32 bit = 1u << id % 32;
    *groups = group ? *groups | bit : *groups & ~bit;
}

unsigned gic_group(unsigned id) { return read_bit(id, IGROUPR); }

void gic_route(unsigned id, unsigned cpu) {
    if (version == 3)
        *(volatile u64*)((u64)GICD + IROUTER + 8ull * id) = cpus[cpu].mpidr & 0xFF00FFFFFF;
    else
        *(volatile u8*)((u64)GICD + ITARGETSR + id) = (u8)(1u << cpu);
}

void gic_set_mask(u8 priority) {
    if (version == 3)
        WRITE_SYSREG(ICC_PMR_EL1, priority);
    else
        *word(GICC, GICC_PMR) = priority;
    dsb_sy();
    isb();
}

u8 gic_mask(void) { return version == 3 ? (u8)READ_SYSREG(ICC_PMR_EL1) : (u8)*word(GICC, GICC_PMR); }
u8 gic_running_priority(void) { return version == 3 ? (u8)READ_SYSREG(ICC_RPR_EL1) : (u8)*word(GICC, GICC_RPR); }

unsigned gic_highest_pending(void) {
    return version == 3 ? (unsigned)READ_SYSREG(ICC_HPPIR1_EL1) & 0xFFFFFF : *word(GICC, GICC_HPPIR) & 0x3FF;
}

u32 gic_acknowledge(void) {
    u32 value = version == 3 ? (u32)READ_SYSREG(ICC_IAR1_EL1) : *word(GICC, GICC_IAR);
    dsb_sy();
    return value;
}

u32 gic_acknowledge_group0(void) {
    u32 value = (u32)READ_SYSREG(ICC_IAR0_EL1);
    dsb_sy();
    return value;
}

void gic_end(u32 acknowledged) {
    if (version == 3)
        WRITE_SYSREG(ICC_EOIR1_EL1, acknowledged);
    else
        *word(GICC, GICC_EOIR) = acknowledged;
    dsb_sy();
    isb();
}

void gic_end_group0(u32 acknowledged) {
    WRITE_SYSREG(ICC_EOIR0_EL1, acknowledged);
    isb();
}

void gic_deactivate(u32 acknowledged) {
    if (version == 3)
        WRITE_SYSREG(ICC_DIR_EL1, acknowledged);
    else
        *word(GICC, GICC_DIR) = acknowledged;
    dsb_sy();
    isb();
}

void gic_set_eoi_mode(bool drop_only) {
    if (version == 3) {
        u64 control = READ_SYSREG(ICC_CTLR_EL1) & ~2ull;
        WRITE_SYSREG(ICC_CTLR_EL1, control | (drop_only ? 2 : 0));
        isb();
    } else {
        cpu_control = (cpu_control & ~(u32)GICC_CTLR_EOIMODE) | (drop_only ? GICC_CTLR_EOIMODE : 0);
        *word(GICC, GICC_CTLR) = cpu_control;
    }
}

void gic_set_binary_point(unsigned value) {
    if (version == 3) {
        WRITE_SYSREG(ICC_BPR1_EL1, value);
        isb();
    } else {
        *word(GICC, GICC_BPR) = value;
    }
}

void gic_enable_groups(bool group0, bool group1) {
    if (version == 3) {
        WRITE_SYSREG(ICC_IGRPEN0_EL1, group0);
        WRITE_SYSREG(ICC_IGRPEN1_EL1, group1);
        isb();
    } else {
        cpu_control = (cpu_control & ~3u) | (group0 ? 1 : 0) | (group1 ? 2 : 0);
        *word(GICC, GICC_CTLR) = cpu_control;
    }
}

void gic_send_sgi(unsigned id, unsigned cpu_mask) {
    dsb_sy();
    if (version == 3) {
        WRITE_SYSREG(ICC_SGI1R_EL1, (u64)id << 24 | cpu_mask);
        isb();
    } else {
        *word(GICD, SGIR) = cpu_mask << 16 | id;
    }
}

void gic_send_sgi_to_others(unsigned id) {
    dsb_sy();
    if (version == 3) {
        WRITE_SYSREG(ICC_SGI1R_EL1, BIT(40) | (u64)id << 24);
        isb();
    } else {
        *word(GICD, SGIR) = 1u << 24 | id;
    }
}

void gic_set_fiq_enable(bool enable) {
    cpu_control = (cpu_control & ~(u32)GICC_CTLR_FIQEN) | (enable ? GICC_CTLR_FIQEN : 0);
    *word(GICC, GICC_CTLR) = cpu_control;
}

u32 gic_interface_read(unsigned offset) {
    u32 value = *word(GICC, offset);
    dsb_sy();
    return value;
}

void gic_interface_write(unsigned offset, u32 value) {
    *word(GICC, offset) = value;
    dsb_sy();
}

u32 gic_distributor_read(unsigned offset) { return *word(GICD, offset); }
void gic_distributor_write(unsigned offset, u32 value) { *word(GICD, offset) = value; }
u32 gic_redistributor_read(unsigned cpu, unsigned offset) { return *word((u64)GICR + (u64)cpu * GICR_STRIDE, offset); }
