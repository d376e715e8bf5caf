// Stage 1 translation tables (D8.2, VMSAv8-64) for every granule, and the runtime's own identity map.
#pragma once
#include "cpu.h"

enum granule { GRANULE_4K = 12, GRANULE_16K = 14, GRANULE_64K = 16 };

struct page_table {
    enum granule granule;
    unsigned va_bits;
    unsigned start_level;
    u64* root;
};

// Descriptor fields (D8.3).
#define PTE_ATTR(index) ((u64)(index) << 2)
#define PTE_USER BIT(6)      // AP[1]
#define PTE_READ_ONLY BIT(7) // AP[2]
#define PTE_INNER_SHAREABLE (3ull << 8)
#define PTE_AF BIT(10)
#define PTE_nG BIT(11)
#define PTE_DBM BIT(51)
#define PTE_CONTIGUOUS BIT(52)
#define PTE_PXN BIT(53)
#define PTE_UXN BIT(54)
// MAIR_EL1 as the runtime sets it: 0 Normal write-back, 1 Device-nGnRE, 2 Normal non-cacheable.
#define MAIR_RUNTIME 0x4404FFull
#define PTE_NORMAL (PTE_ATTR(0) | PTE_INNER_SHAREABLE | PTE_AF)
#define PTE_DEVICE (PTE_ATTR(1) | PTE_AF | PTE_UXN | PTE_PXN)
#define PTE_EL1_RX (PTE_NORMAL | PTE_READ_ONLY | PTE_UXN)
#define PTE_EL1_RWX (PTE_NORMAL | PTE_UXN)
#define PTE_EL1_RW (PTE_NORMAL | PTE_UXN | PTE_PXN)
#define PTE_EL1_RO (PTE_NORMAL | PTE_READ_ONLY | PTE_UXN | PTE_PXN)
#define PTE_ALL_RW (PTE_NORMAL | PTE_USER | PTE_UXN | PTE_PXN)
#define PTE_ALL_RO (PTE_NORMAL | PTE_USER | PTE_READ_ONLY | PTE_UXN | PTE_PXN)
#define PTE_ALL_RX (PTE_NORMAL | PTE_USER | PTE_READ_ONLY)
// Table descriptor (hierarchical controls, D8.3.1).
#define TABLE_PXN BIT(59)
#define TABLE_UXN BIT(60)
#define TABLE_AP_NO_EL0 BIT(61)
#define TABLE_AP_READ_ONLY BIT(62)

// TCR_EL1.
#define TCR_T0SZ(bits) (64ull - (bits))
#define TCR_T1SZ(bits) ((64ull - (bits)) << 16)
#define TCR_EPD0 BIT(7)
#define TCR_A1 BIT(22)
#define TCR_EPD1 BIT(23)
#define TCR_AS BIT(36)
#define TCR_TBI0 BIT(37)
#define TCR_TBI1 BIT(38)
#define TCR_HA BIT(39)
#define TCR_HD BIT(40)
#define TCR_WALK0 ((1ull << 8) | (1ull << 10) | (3ull << 12)) // write-back, inner shareable
#define TCR_WALK1 (TCR_WALK0 << 16)
u64 tcr_tg0(enum granule granule);
u64 tcr_tg1(enum granule granule);
// IPS from ID_AA64MMFR0_EL1.PARange, at most 48 bits.
u64 tcr_ips(void);
bool granule_supported(enum granule granule);

// Tables come from one pool; releasing a mark gives back all made since.
u64 page_table_pool_mark(void);
void page_table_pool_release(u64 mark);
struct page_table page_table_new(enum granule granule, unsigned va_bits);
// The descriptor that maps va at the level, making the tables above it.
u64* page_table_entry(const struct page_table* table, u64 va, unsigned level);
// Maps one leaf at the level.
void page_table_map(const struct page_table* table, u64 va, u64 pa, u64 attributes, unsigned level);
// Maps a range by the largest leaves that fit.
void page_table_map_range(const struct page_table* table, u64 va, u64 pa, u64 size, u64 attributes);
// Bytes that a leaf at the level covers.
u64 level_size(enum granule granule, unsigned level);
u64 leaf_descriptor(u64 pa, u64 attributes, unsigned level);
// Makes earlier descriptor writes visible to walks.
static inline void page_table_sync(void) { __asm__ volatile("dsb ishst; isb" ::: "memory"); }
static inline void tlb_flush_all(void) { __asm__ volatile("dsb ishst; tlbi vmalle1; dsb ish; isb" ::: "memory"); }

// Everything the guest itself needs, identity mapped: devices, image, user sections.
void page_table_map_runtime(const struct page_table* table);
// TCR_EL1 for this table in the lower half, the upper half disabled.
u64 page_table_tcr(const struct page_table* table);
// Switches to the runtime's own map (4 KiB granule, 39 bits), its MAIR, TCR and SCTLR_DEFAULT.
void use_runtime_map(void);
extern struct page_table runtime_table;
// A second, EL1-writable mapping of an address inside the image.
u64 writable_alias(const void* address);
