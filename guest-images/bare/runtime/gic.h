// One interface to GICv2 (IHI 0048B) and GICv3 (IHI 0069) as the board has them: one security state, affinity routing
// on v3.
#pragma once
#include "types.h"

enum { SPURIOUS = 1023 };
enum { PPI_VIRTUAL_TIMER = 27, PPI_PHYSICAL_TIMER = 30 };

// Finds the version in the device tree and initialises the distributor: everything disabled, group 1 on v3 and 0 on v2,
// priority 0xA0. Then initialises the interface of the calling CPU, which every other CPU does for itself.
void gic_init(u64 fdt);
void gic_init_cpu(void);
unsigned gic_version(void); // 2 or 3, after gic_init
unsigned gic_interrupt_count(void);

// Distributor or redistributor, by INTID.
void gic_enable(unsigned id);
void gic_disable(unsigned id);
bool gic_is_enabled(unsigned id);
void gic_set_pending(unsigned id);
void gic_clear_pending(unsigned id);
bool gic_is_pending(unsigned id);
void gic_set_active(unsigned id);
void gic_clear_active(unsigned id);
bool gic_is_active(unsigned id);
void gic_set_priority(unsigned id, u8 priority);
u8 gic_priority(unsigned id);
void gic_set_edge(unsigned id, bool edge);
bool gic_is_edge(unsigned id);
void gic_set_group(unsigned id, unsigned group);
unsigned gic_group(unsigned id);
// Sends an SPI to the CPU with this index.
void gic_route(unsigned id, unsigned cpu);
void gic_enable_distributor(bool group0, bool group1);

// CPU interface.
void gic_set_mask(u8 priority); // PMR
u8 gic_mask(void);
u8 gic_running_priority(void);
unsigned gic_highest_pending(void);
// Group 1 on v3; on v2 whichever group is signalled. The value is what EOI wants (v2 has the sender of an SGI in it).
u32 gic_acknowledge(void);
u32 gic_acknowledge_group0(void); // v3 only
void gic_end(u32 acknowledged);
void gic_end_group0(u32 acknowledged); // v3 only
void gic_deactivate(u32 acknowledged);
void gic_set_eoi_mode(bool drop_only);
void gic_set_binary_point(unsigned value);
void gic_enable_groups(bool group0, bool group1);
void gic_set_fiq_enable(bool enable);    // v2 only: GICC_CTLR.FIQEn
u32 gic_interface_read(unsigned offset); // v2 only
void gic_interface_write(unsigned offset, u32 value);
static inline unsigned gic_id(u32 acknowledged) { return acknowledged & 0x3FF; }
// An SGI to the CPUs in the mask, by index (v3: Aff0).
void gic_send_sgi(unsigned id, unsigned cpu_mask);
void gic_send_sgi_to_others(unsigned id);
// Register access for checks of the identification registers.
u32 gic_distributor_read(unsigned offset);
void gic_distributor_write(unsigned offset, u32 value);
u32 gic_redistributor_read(unsigned cpu, unsigned offset);
