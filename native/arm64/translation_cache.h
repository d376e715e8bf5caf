// Second level of address translation caching: ASID-tagged pages and blocks, walks cut short at the last-level table,
// and the first-level TLBs of the address spaces that were current lately.
#pragma once

#include "arm64/asid_filter.h"
#include "arm64/fetch_trace.h"
#include "arm64/tlb.h"
#include "arm64/types.h"

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <memory>

namespace beeline::arm64 {

/// The leaf descriptor that a walk found, with everything that depends on TCR, MAIR and SCTLR folded in.
struct Mapping {
    enum Flag : uint8_t {
        kUserRead = 1,
        kUserWrite = 2,
        kPrivilegedWrite = 4,
        kUserExecute = 8,
        kPrivilegedExecute = 16,
        kDevice = 32,
        kGlobal = 64,
    };
    uint64_t page = 0;    ///< VA[55:size_bits], at its place: the address of the mapping's first byte.
    uint64_t pa = 0;      ///< Of the mapping's first byte.
    uint32_t version = 0; ///< Must equal the cache's version of the ASID (or of global entries).
    uint16_t asid = 0;
    uint8_t flags = 0;
    uint8_t size_bits = 12; ///< log2 of the mapping's size in the page tables.

    bool has(Flag flag) const { return (flags & flag) != 0; }
    uint64_t translate(uint64_t va) const { return pa + (va & ((uint64_t{1} << size_bits) - 1)); }
};

/// What one pair of translation table base registers and ASID sees, one TLB for each regime.
struct AddressSpace {
    uint64_t ttbr0 = 0, ttbr1 = 0;
    uint16_t asid = 0;
    bool valid = false;
    uint8_t filled = 0;      ///< Bit n: tlb[n] holds something.
    bool unverified = false; ///< The translations behind the generation may have changed.
    uint8_t upper = 0;       ///< TranslationCache's record of what TTBR1 maps.
    uint8_t successor = 0;   ///< The space that was activated after this one the last time.
    uint64_t last_activated = 0;
    /// Of instruction lookups in the lower half: never used before when one of them may come out differently.
    uint64_t generation = 0;
    FetchTrace fetches; ///< What they rest on.
    /// Allocated when the regime is first used.
    std::array<std::unique_ptr<Tlb>, 3> tlb;
};

class TranslationCache {
public:
    TranslationCache();

    // ---- address spaces ----
    AddressSpace& current() { return spaces_[current_]; }
    /// Makes the address space of these registers current, from memory or empty.
    AddressSpace& activate(uint64_t ttbr0, uint64_t ttbr1, uint16_t asid);
    Tlb& tlb(AddressSpace& space, unsigned regime) {
        if (space.tlb[regime] == nullptr) space.tlb[regime] = std::make_unique<Tlb>();
        return *space.tlb[regime];
    }
    /// Generation of what the upper half of the current address space (TTBR1) maps, for instruction lookups. All
    /// address spaces with one TTBR1 table share it: one table means one mapping, whatever the ASID (D5.9.1).
    uint64_t upper_generation() const { return uppers_[spaces_[current_].upper].generation; }
    /// What the generation of the half that `va` is in stands for.
    FetchTrace& fetches(uint64_t va) {
        AddressSpace& space = spaces_[current_];
        return (va >> 55 & 1) != 0 ? uppers_[space.upper].fetches : space.fetches;
    }
    /// Makes sure that the generations of the current address space stand for translations as the tables have them,
    /// where maintenance called that into question. To be called before they are used.
    void verify_fetches() {
        AddressSpace& space = spaces_[current_];
        verify(space);
        verify(uppers_[space.upper]);
    }

    // ---- pages and blocks ----
    const Mapping* find(uint64_t va, uint16_t asid) const;
    void insert(Mapping mapping, uint64_t va);

    /// To be told before a global translation of the lower half is inserted. True: the tables must be walked again
    /// first, since nobody was to say until now that they changed.
    bool announce_lower_global() {
        return !lower_globals_.load(std::memory_order_relaxed) &&
               !lower_globals_.exchange(true, std::memory_order_seq_cst);
    }

    // ---- walks ----
    struct LastTable {
        uint64_t key = ~uint64_t{0}; ///< VA above what the last-level table resolves.
        uint64_t base = 0;           ///< Of the TTBR that led here.
        uint64_t table = 0;          ///< Physical address of the table.
        uint32_t version = 0;
        uint8_t attributes = 0; ///< APTable, UXNTable, PXNTable accumulated.
    };
    const LastTable* find_table(uint64_t key, uint64_t base) const;
    void insert_table(LastTable table);

    // ---- maintenance ----
    void flush_all();
    void flush_asid(uint16_t asid);
    /// `page` is VA[55:12] << 12. `last_level_only` keeps the cached walks.
    void flush_va(uint64_t page, uint16_t asid, bool all_asids, bool last_level_only);
    /// First-level TLBs only (watchpoints changed).
    void flush_first_level();

    // ---- from any thread, after the tables were changed: may flush_asid() or flush_va() find anything? ----
    bool may_hold(uint16_t asid) const { return asids_.may_have(asid); }
    bool may_hold(uint64_t page, uint16_t asid) const {
        return may_hold(asid) || (page >> 55 & 1) != 0 || lower_globals_.load(std::memory_order_relaxed);
    }

private:
    static constexpr unsigned kWays = 4;
    static constexpr unsigned kPageSets = 1024, kBlockSets = 64;
    static constexpr unsigned kBlockBits = 21; ///< Mappings at least this large are kept apart, folded to this size.
    static constexpr unsigned kVersions = 256, kGlobalVersion = kVersions;
    static constexpr unsigned kSpaces = 16, kUppers = 4;
    static constexpr unsigned kTables = 64;
    static constexpr unsigned kFilterBits = 4096;

    static unsigned filter_slot(uint64_t number) {
        return static_cast<unsigned>((number ^ number >> 12) % kFilterBits);
    }
    static unsigned page_set(uint64_t va) { return static_cast<unsigned>((va >> 12 ^ va >> 22) % kPageSets); }
    static unsigned block_set(uint64_t va) { return static_cast<unsigned>((va >> 21 ^ va >> 27) % kBlockSets); }
    uint32_t version_of(uint16_t asid, bool global) const {
        return versions_[global ? kGlobalVersion : asid % kVersions];
    }
    bool matches(const Mapping& entry, uint64_t page, uint16_t asid) const;
    uint32_t next_version();
    void clear_storage();
    void empty(AddressSpace& space);
    void renew_generations();
    uint8_t upper_of(uint64_t ttbr1);
    template <typename Lookups> void renew(Lookups& lookups) {
        lookups.generation = ++generation_counter_;
        lookups.fetches.clear();
        lookups.unverified = false;
    }
    template <typename Lookups> void verify(Lookups& lookups) {
        if (!lookups.unverified) return;
        if (lookups.fetches.unchanged())
            lookups.unverified = false;
        else
            renew(lookups);
    }

    std::array<std::array<Mapping, kWays>, kPageSets> pages_{};
    std::array<std::array<Mapping, kWays>, kBlockSets> blocks_{};
    std::array<LastTable, kTables> tables_{};
    std::array<AddressSpace, kSpaces> spaces_{};
    std::array<uint32_t, kVersions + 1> versions_{};
    uint32_t version_counter_ = 0;
    uint32_t table_version_ = 0;
    uint32_t victim_ = 0;
    unsigned current_ = 0;
    uint64_t activations_ = 0;
    uint64_t generation_counter_ = 1;
    struct UpperHalf {
        uint64_t table = ~uint64_t{0};
        uint64_t generation = 0;
        FetchTrace fetches;
        bool unverified = false;
    };
    std::array<UpperHalf, kUppers> uppers_{};
    unsigned upper_victim_ = 0;
    AsidFilter asids_;                       ///< Of what pages_, blocks_, tables_ and spaces_ hold.
    std::atomic<bool> lower_globals_{false}; ///< pages_ or blocks_ may hold global mappings of the lower half.
    /// 2 MiB regions that a block mapping was cached for since the last full flush.
    std::bitset<kFilterBits> block_regions_;
    /// Some mapping was larger than 2 MiB, or folded into several 4 KiB entries.
    bool huge_seen_ = false;
    uint8_t largest_page_bits_ = 12;
};

} // namespace beeline::arm64
