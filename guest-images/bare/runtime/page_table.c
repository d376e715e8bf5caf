#include "page_table.h"

#include "fdt.h"
#include "main.h"
#include "print.h"

extern u8 image_start[], image_end[], data_start[], user_text_start[], user_text_end[], user_data_start[],
    user_data_end[];

enum { POOL_SIZE = 4 * 1024 * 1024, ALIAS_OFFSET_GIB = 32 };
static NO_INIT u8 pool[POOL_SIZE] __attribute__((aligned(65536)));
static u64 pool_used;
struct page_table runtime_table;

u64 tcr_tg0(enum granule granule) {
    return (granule == GRANULE_4K ? 0ull : granule == GRANULE_64K ? 1ull : 2ull) << 14;
}

u64 tcr_tg1(enum granule granule) {
    return (granule == GRANULE_4K ? 2ull : granule == GRANULE_64K ? 3ull : 1ull) << 30;
}

u64 tcr_ips(void) {
    u64 range = field(READ_SYSREG(id_aa64mmfr0_el1), 0, 4);
    return (range > 5 ? 5 : range) << 32;
}

bool granule_supported(enum granule granule) {
    u64 mmfr0 = READ_SYSREG(id_aa64mmfr0_el1);
    if (granule == GRANULE_4K) return field(mmfr0, 28, 4) != 0xF;
    if (granule == GRANULE_64K) return field(mmfr0, 24, 4) != 0xF;
    return field(mmfr0, 20, 4) != 0;
}

static unsigned bits_per_level(enum granule granule) { return (unsigned)granule - 3; }

u64 level_size(enum granule granule, unsigned level) {
    return BIT((unsigned)granule + bits_per_level(granule) * (3 - level));
}

static u64* new_table(enum granule granule) {
    u64 size = BIT(granule);
    pool_used = ALIGN_UP(pool_used, size);
    if (pool_used + size > POOL_SIZE) {
        print("FAIL page-table-pool: got exhausted want room\n");
        extern void give_up(void);
        give_up();
    }
    u64* table = (u64*)(pool + pool_used);
    for (u64 i = 0; i < size / 8; i++) table[i] = 0;
    pool_used += size;
    return table;
}

u64 page_table_pool_mark(void) { return pool_used; }
void page_table_pool_release(u64 mark) { pool_used = mark; }

struct page_table page_table_new(enum granule granule, unsigned va_bits) {
    unsigned bits = bits_per_level(granule);
    unsigned levels = (va_bits - (unsigned)granule + bits - 1) / bits;
    struct page_table table = {granule, va_bits, 4 - levels, new_table(granule)};
    return table;
}

u64* page_table_entry(const struct page_table* table, u64 va, unsigned level) {
    unsigned bits = bits_per_level(table->granule);
    u64* entries = table->root;
    va &= BIT(table->va_bits) - 1;
    for (unsigned l = table->start_level;; l++) {
        u64* entry = &entries[(va / level_size(table->granule, l)) & (BIT(bits) - 1)];
        if (l == level) return entry;
        if ((*entry & 3) != 3) *entry = (u64)new_table(table->granule) | 3;
        entries = (u64*)(*entry & 0x0000FFFFFFFFF000ull);
    }
}

u64 leaf_descriptor(u64 pa, u64 attributes, unsigned level) { return pa | attributes | (level == 3 ? 3 : 1); }

void page_table_map(const struct page_table* table, u64 va, u64 pa, u64 attributes, unsigned level) {
    *page_table_entry(table, va, level) = leaf_descriptor(pa, attributes, level);
}

void page_table_map_range(const struct page_table* table, u64 va, u64 pa, u64 size, u64 attributes) {
    unsigned first = table->granule == GRANULE_4K ? 1 : 2;
    while (size > 0) {
        unsigned level = first;
        while (level < 3 &&
               ((va | pa) % level_size(table->granule, level) != 0 || size < level_size(table->granule, level)))
            level++;
        page_table_map(table, va, pa, attributes, level);
        u64 step = level_size(table->granule, level);
        va += step;
        pa += step;
        size = size > step ? size - step : 0;
    }
}

void page_table_map_runtime(const struct page_table* table) {
    page_table_map_range(table, 0x08000000, 0x08000000, MIB(32), PTE_DEVICE);
    u64 start = (u64)image_start, end = (u64)image_end;
    u64 text = (u64)user_text_start, text_end = (u64)user_text_end;
    u64 data = (u64)user_data_start, data_end = (u64)user_data_end;
    u64 writable = (u64)data_start;
    page_table_map_range(table, start, start, writable - start, PTE_EL1_RX);
    page_table_map_range(table, writable, writable, text - writable, PTE_EL1_RW);
    page_table_map_range(table, text, text, text_end - text, PTE_ALL_RX);
    page_table_map_range(table, data, data, data_end - data, PTE_ALL_RW);
    page_table_map_range(table, data_end, data_end, end - data_end, PTE_EL1_RW);
    if (fdt_valid(device_tree)) {
        u64 first = device_tree & ~(u64)0xFFFF, last = ALIGN_UP(device_tree + fdt_total_size(device_tree), 65536);
        page_table_map_range(table, first, first, last - first, PTE_EL1_RO);
    }
    page_table_map_range(table, text + GIB(ALIAS_OFFSET_GIB), text, text_end - text, PTE_EL1_RW);
    page_table_sync();
}

u64 writable_alias(const void* address) { return (u64)address + GIB(ALIAS_OFFSET_GIB); }

u64 page_table_tcr(const struct page_table* table) {
    return TCR_T0SZ(table->va_bits) | TCR_T1SZ(table->va_bits) | TCR_WALK0 | TCR_WALK1 | TCR_EPD1 |
           tcr_tg0(table->granule) | tcr_tg1(table->granule) | tcr_ips() | TCR_AS;
}

void use_runtime_map(void) {
    if (runtime_table.root == 0) {
        runtime_table = page_table_new(GRANULE_4K, 39);
        page_table_map_runtime(&runtime_table);
    }
    mmu_switch((u64)runtime_table.root, 0, page_table_tcr(&runtime_table), MAIR_RUNTIME, SCTLR_DEFAULT);
}
