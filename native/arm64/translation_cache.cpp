#include "arm64/translation_cache.h"

#include <algorithm>

namespace beeline::arm64 {

namespace {

/// VA bits that take part in translation; the tag byte and what is above bit 55 do not.
constexpr uint64_t kVaMask = (uint64_t{1} << 56) - 1;

constexpr uint64_t align_down(uint64_t value, unsigned bits) { return value >> bits << bits; }

} // namespace

TranslationCache::TranslationCache() { clear_storage(); }

// ---- address spaces ----

AddressSpace& TranslationCache::activate(uint64_t ttbr0, uint64_t ttbr1, uint16_t asid) {
    const auto is_wanted = [=](const AddressSpace& space) {
        return space.valid && space.ttbr0 == ttbr0 && space.ttbr1 == ttbr1 && space.asid == asid;
    };
    asids_.add(asid);
    AddressSpace& left = spaces_[current_];
    unsigned chosen = left.successor;
    if (!is_wanted(spaces_[chosen])) {
        chosen = 0;
        while (chosen < kSpaces && !is_wanted(spaces_[chosen])) chosen++;
        if (chosen == kSpaces) {
            const auto oldest = std::ranges::min_element(spaces_, {}, &AddressSpace::last_activated);
            chosen = static_cast<unsigned>(oldest - spaces_.begin());
            empty(*oldest);
            oldest->ttbr0 = ttbr0;
            oldest->ttbr1 = ttbr1;
            oldest->asid = asid;
            oldest->upper = upper_of(ttbr1);
            oldest->valid = true;
            renew(*oldest);
        }
    }
    left.successor = static_cast<uint8_t>(chosen);
    current_ = chosen;
    spaces_[chosen].last_activated = ++activations_;
    return spaces_[chosen];
}

void TranslationCache::empty(AddressSpace& space) {
    for (unsigned i = 0; i < space.tlb.size(); i++)
        if ((space.filled >> i & 1) != 0) space.tlb[i]->clear();
    space.filled = 0;
}

void TranslationCache::flush_first_level() {
    for (AddressSpace& space : spaces_) empty(space);
}

uint8_t TranslationCache::upper_of(uint64_t ttbr1) {
    // Without ASID and CnP.
    constexpr uint64_t kTableMask = ((uint64_t{1} << 48) - 1) & ~uint64_t{1};
    const uint64_t table = ttbr1 & kTableMask;
    for (unsigned i = 0; i < kUppers; i++)
        if (uppers_[i].table == table) return static_cast<uint8_t>(i);
    const auto victim = static_cast<uint8_t>(upper_victim_++ % kUppers);
    // Spaces that went by the victim's record are found again when they are next activated.
    for (AddressSpace& space : spaces_)
        if (space.upper == victim) space.valid = false;
    uppers_[victim].table = table;
    renew(uppers_[victim]);
    return victim;
}

void TranslationCache::renew_generations() {
    for (AddressSpace& space : spaces_) renew(space);
    for (UpperHalf& upper : uppers_) renew(upper);
}

// ---- pages and blocks ----

bool TranslationCache::matches(const Mapping& entry, uint64_t page, uint16_t asid) const {
    const bool global = entry.has(Mapping::kGlobal);
    return entry.page == page && (global || entry.asid == asid) && entry.version == version_of(entry.asid, global);
}

const Mapping* TranslationCache::find(uint64_t va, uint16_t asid) const {
    va &= kVaMask;
    const uint64_t page = align_down(va, kPageBits);
    for (const Mapping& entry : pages_[page_set(va)])
        if (matches(entry, page, asid)) return &entry;
    if (block_regions_.test(filter_slot(va >> kBlockBits))) {
        const uint64_t region = align_down(va, kBlockBits);
        for (const Mapping& entry : blocks_[block_set(va)])
            if (matches(entry, region, asid)) return &entry;
    }
    return nullptr;
}

void TranslationCache::insert(Mapping mapping, uint64_t va) {
    va &= kVaMask;
    const bool block = mapping.size_bits >= kBlockBits;
    const unsigned bits = block ? kBlockBits : kPageBits;
    // Folded: the entry stands for the part of the mapping that `va` is in.
    const uint64_t page = align_down(va, bits);
    mapping.pa += page - mapping.page;
    mapping.page = page;
    if (block) {
        huge_seen_ |= mapping.size_bits > kBlockBits;
        block_regions_.set(filter_slot(va >> kBlockBits));
    } else if (mapping.size_bits > largest_page_bits_) {
        largest_page_bits_ = mapping.size_bits;
    }
    mapping.size_bits = static_cast<uint8_t>(bits);
    mapping.version = version_of(mapping.asid, mapping.has(Mapping::kGlobal));

    auto& set = block ? blocks_[block_set(va)] : pages_[page_set(va)];
    Mapping* slot = nullptr;
    for (Mapping& entry : set) {
        // The same page with other attributes is replaced, never doubled.
        if (entry.page == page &&
            (mapping.has(Mapping::kGlobal) || entry.has(Mapping::kGlobal) || entry.asid == mapping.asid)) {
            slot = &entry;
            break;
        }
        if (entry.version != version_of(entry.asid, entry.has(Mapping::kGlobal))) slot = &entry;
    }
    if (slot == nullptr) slot = &set[victim_++ % kWays];
    *slot = mapping;
}

// ---- walks ----

const TranslationCache::LastTable* TranslationCache::find_table(uint64_t key, uint64_t base) const {
    const LastTable& entry = tables_[(key ^ key >> 6) % kTables];
    return entry.key == key && entry.base == base && entry.version == table_version_ ? &entry : nullptr;
}

void TranslationCache::insert_table(LastTable table) {
    table.version = table_version_;
    tables_[(table.key ^ table.key >> 6) % kTables] = table;
}

// ---- maintenance ----

uint32_t TranslationCache::next_version() {
    // Entries of 4 billion flushes ago must not come back to life.
    if (version_counter_ >= ~uint32_t{0} - 2 * kVersions) clear_storage();
    return ++version_counter_;
}

void TranslationCache::clear_storage() {
    for (auto& set : pages_) set.fill(Mapping{});
    for (auto& set : blocks_) set.fill(Mapping{});
    tables_.fill(LastTable{});
    version_counter_ = 1; // Empty entries have version 0, which is never current.
    versions_.fill(1);
    table_version_ = 1;
}

void TranslationCache::flush_all() {
    const uint32_t version = next_version();
    versions_.fill(version);
    table_version_ = version;
    block_regions_.reset();
    huge_seen_ = false;
    largest_page_bits_ = kPageBits;
    flush_first_level();
    renew_generations();
    asids_.remove_all();
    asids_.add(spaces_[current_].asid);
    lower_globals_.store(false, std::memory_order_release);
}

void TranslationCache::flush_asid(uint16_t asid) {
    const uint32_t version = next_version();
    versions_[asid % kVersions] = version;
    table_version_ = version;
    for (AddressSpace& space : spaces_) {
        if (space.asid % kVersions != asid % kVersions) continue;
        empty(space);
        space.unverified = true;
    }
    for (UpperHalf& upper : uppers_) upper.unverified = true;
    if (asid != spaces_[current_].asid) asids_.remove(asid);
}

void TranslationCache::flush_va(uint64_t page, uint16_t asid, bool all_asids, bool last_level_only) {
    page &= kVaMask;
    if (!last_level_only) table_version_ = next_version();

    const auto kill = [&](auto& set, uint64_t address) {
        for (Mapping& entry : set)
            if (entry.page == address && (all_asids || entry.has(Mapping::kGlobal) || entry.asid == asid))
                entry = Mapping{};
    };
    const bool in_block = block_regions_.test(filter_slot(page >> kBlockBits));
    if (in_block || huge_seen_) {
        if (huge_seen_) {
            // Any 2 MiB part of a larger mapping stands for all of it.
            for (auto& set : blocks_) set.fill(Mapping{});
        } else {
            kill(blocks_[block_set(page)], align_down(page, kBlockBits));
        }
        flush_first_level();
        for (AddressSpace& space : spaces_) space.unverified = true;
        for (UpperHalf& upper : uppers_) upper.unverified = true;
    }
    // Granules of 16 and 64 KiB are folded into several 4 KiB entries.
    const uint64_t first = align_down(page, largest_page_bits_);
    for (uint64_t part = first; part < first + (uint64_t{1} << largest_page_bits_); part += kPageSize) {
        kill(pages_[page_set(part)], part);
        for (AddressSpace& space : spaces_) {
            for (unsigned i = 0; i < space.tlb.size(); i++)
                if ((space.filled >> i & 1) != 0) space.tlb[i]->drop(part);
            if (space.fetches.knows(part)) space.unverified = true;
        }
        for (UpperHalf& upper : uppers_)
            if (upper.fetches.knows(part)) upper.unverified = true;
    }
}

} // namespace beeline::arm64
