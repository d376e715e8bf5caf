#include "arm64/mmu.h"

#include "arm64/exceptions.h"
#include "arm64/features.h"

#include <algorithm>

namespace beeline::arm64 {

namespace {

constexpr uint64_t bit(unsigned n) { return uint64_t{1} << n; }
constexpr uint64_t low_bits(unsigned n) { return (uint64_t{1} << n) - 1; }
constexpr uint64_t bits(uint64_t value, unsigned high, unsigned low) { return value >> low & low_bits(high - low + 1); }

constexpr uint64_t kVaMask = low_bits(56);
constexpr unsigned kDescriptorPaBits = 48;

// Descriptor bits (D5.3.1, D5.3.3).
constexpr uint64_t kValid = bit(0), kTableOrPage = bit(1), kAp1 = bit(6), kAp2 = bit(7), kAf = bit(10),
                   kNotGlobal = bit(11), kDbm = bit(51), kPxn = bit(53), kUxn = bit(54);

// Attributes that tables hand down to what is below them; bits 63..59 of a table descriptor, shifted right by 59.
constexpr uint8_t kPxnTable = 1, kUxnTable = 2, kApTableNoUser = 4, kApTableNoWrite = 8;

struct Granule {
    unsigned page_bits;         ///< 12, 14, 16
    unsigned first_block_level; ///< Levels above hold tables only.
    unsigned stride() const { return page_bits - 3; }
    /// log2 of what one descriptor of `level` spans.
    unsigned span_bits(unsigned level) const { return page_bits + stride() * (3 - level); }
};
constexpr Granule k4K{12, 1}, k16K{14, 2}, k64K{16, 2};

/// What TCR_EL1 and TTBRn_EL1 say about one half of the address space.
struct Half {
    Granule granule;
    unsigned input_bits;           ///< 64 - TnSZ
    bool disabled;                 ///< EPDn
    bool ignore_top_byte;          ///< TBIn
    bool ignore_table_permissions; ///< HPDn
    uint64_t ttbr;
};

bool upper_half(uint64_t va) { return (va >> 55 & 1) != 0; }

bool top_byte_ignored(uint64_t tcr, uint64_t va) { return (tcr >> (upper_half(va) ? 38 : 37) & 1) != 0; }

/// The encodings of TG0 and TG1 differ. Reserved and unimplemented sizes act as 4 KiB, one of the choices D13.2.131
/// gives.
Granule granule_of(uint64_t tcr, bool upper, const CpuFeatures& features) {
    const unsigned tg = static_cast<unsigned>(upper ? bits(tcr, 31, 30) : bits(tcr, 15, 14));
    const bool is_64k = upper ? tg == 3 : tg == 1;
    const bool is_16k = upper ? tg == 1 : tg == 2;
    if (is_64k) return k64K;
    if (is_16k && features.granule_16k) return k16K;
    return k4K;
}

Half half_of(const Vcpu& cpu, uint64_t va) {
    const uint64_t tcr = cpu.state.sys.tcr_el1;
    const bool upper = upper_half(va);
    // TnSZ outside 16..39 acts as the nearest valid value (D5.2.4 permits it).
    const unsigned size = static_cast<unsigned>(upper ? bits(tcr, 21, 16) : bits(tcr, 5, 0));
    return {.granule = granule_of(tcr, upper, cpu.features()),
            .input_bits = 64 - std::clamp(size, 16u, 39u),
            .disabled = (tcr >> (upper ? 23 : 7) & 1) != 0,
            .ignore_top_byte = top_byte_ignored(tcr, va),
            .ignore_table_permissions = cpu.features().hierarchical_disable && (tcr >> (upper ? 42 : 41) & 1) != 0,
            .ttbr = upper ? cpu.state.sys.ttbr1_el1 : cpu.state.sys.ttbr0_el1};
}

/// TCR_EL1.IPS, capped by the model's physical address size. Reserved values act as the largest.
unsigned output_bits(const Vcpu& cpu) {
    static constexpr unsigned kSizes[8] = {32, 36, 40, 42, 44, 48, 48, 48};
    return std::min(kSizes[bits(cpu.state.sys.tcr_el1, 34, 32)], cpu.features().pa_bits);
}

/// A leaf as found in memory.
struct Leaf {
    uint64_t descriptor = 0;
    uint64_t address = 0; ///< Physical address of the descriptor.
    uint64_t pa = 0;      ///< Of the first byte of the page or block.
    uint8_t level = 0;
    uint8_t size_bits = 0;
    uint8_t table_attributes = 0;
};

bool big_endian_tables(const Vcpu& cpu) { return (cpu.state.sys.sctlr_el1 & bit(25)) != 0; }

uint64_t* descriptor_pointer(Vcpu& cpu, uint64_t address, bool write) {
    uint8_t* page = cpu.environment().host_page({address & ~kPageMask}, write);
    return page == nullptr ? nullptr : reinterpret_cast<uint64_t*>(page + (address & kPageMask & ~uint64_t{7}));
}

/// The descriptors that a walk read.
struct WalkTrace {
    FetchTrace::Descriptor read[4];
    unsigned count = 0;
};

bool read_descriptor(Vcpu& cpu, uint64_t address, uint64_t& descriptor, WalkTrace* trace) {
    const uint64_t* pointer = descriptor_pointer(cpu, address, false);
    if (pointer == nullptr) return false;
    descriptor = __atomic_load_n(pointer, __ATOMIC_ACQUIRE);
    if (trace != nullptr) trace->read[trace->count++] = {pointer, descriptor};
    if (big_endian_tables(cpu)) descriptor = __builtin_bswap64(descriptor);
    return true;
}

enum class Update : uint8_t { Done, Changed, NotWritable };

/// Hardware update of a descriptor, unless somebody else changed it meanwhile.
Update update_descriptor(Vcpu& cpu, const Leaf& leaf, uint64_t changed) {
    uint64_t* pointer = descriptor_pointer(cpu, leaf.address, true);
    if (pointer == nullptr) return Update::NotWritable;
    uint64_t expected = leaf.descriptor;
    if (big_endian_tables(cpu)) {
        expected = __builtin_bswap64(expected);
        changed = __builtin_bswap64(changed);
    }
    const bool done =
        __atomic_compare_exchange_n(pointer, &expected, changed, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return done ? Update::Done : Update::Changed;
}

bool fail(Fault& fault, Fault::Kind kind, unsigned level) {
    fault.kind = kind;
    fault.level = static_cast<uint8_t>(level);
    return false;
}

/// AArch64.TranslationTableWalk: up to four lookups. `use_cache`: may start at a remembered last-level table.
bool walk(Vcpu& cpu, uint64_t va, bool use_cache, Leaf& leaf, Fault& fault, WalkTrace* trace = nullptr) {
    cpu.counters.table_walks++;
    const Half half = half_of(cpu, va);
    const Granule granule = half.granule;
    // Every bit from the input size up to the tag must be a copy of bit 55.
    const unsigned top = half.ignore_top_byte ? 56 : 64;
    const uint64_t above = (va & (top == 64 ? ~uint64_t{0} : low_bits(top))) >> half.input_bits;
    if (above != (upper_half(va) ? low_bits(top - half.input_bits) : 0) || half.disabled)
        return fail(fault, Fault::Kind::Translation, 0);

    const unsigned output = output_bits(cpu);
    const auto exceeds_output = [&](uint64_t pa) { return output < kDescriptorPaBits && pa >> output != 0; };

    const unsigned resolved = half.input_bits - granule.page_bits;
    const unsigned start_level = 4 - (resolved + granule.stride() - 1) / granule.stride();
    // Bits that the first table resolves decide its alignment. Bit 0 of TTBRn is CnP.
    const unsigned base_low = std::max(half.input_bits - granule.span_bits(start_level) + 3, 1u);
    uint64_t table = bits(half.ttbr, 47, 0) & ~low_bits(base_low);
    if (exceeds_output(table)) return fail(fault, Fault::Kind::AddressSize, 0);

    const uint64_t base = table;
    const uint64_t key = (va & kVaMask) >> granule.span_bits(2);
    unsigned level = start_level;
    uint8_t table_attributes = 0;
    if (use_cache && start_level < 3) {
        if (const auto* cached = cpu.translations.find_table(key, base)) {
            table = cached->table;
            table_attributes = cached->attributes;
            level = 3;
        }
    }

    for (;; level++) {
        const unsigned span = granule.span_bits(level);
        const unsigned index_bits = level == start_level ? half.input_bits - span : granule.stride();
        const uint64_t address = table | bits(va, span + index_bits - 1, span) << 3;
        uint64_t descriptor;
        if (!read_descriptor(cpu, address, descriptor, trace)) return fail(fault, Fault::Kind::ExternalOnWalk, level);
        const bool table_or_page = (descriptor & kTableOrPage) != 0;
        if ((descriptor & kValid) == 0 || (level == 3 && !table_or_page) ||
            (level < granule.first_block_level && !table_or_page))
            return fail(fault, Fault::Kind::Translation, level);

        if (level < 3 && table_or_page) {
            table = bits(descriptor, 47, 0) & ~low_bits(granule.page_bits);
            if (exceeds_output(table)) return fail(fault, Fault::Kind::AddressSize, level);
            if (!half.ignore_table_permissions) table_attributes |= bits(descriptor, 62, 59);
            if (level == 2)
                cpu.translations.insert_table(
                    {.key = key, .base = base, .table = table, .attributes = table_attributes});
            continue;
        }

        leaf = {.descriptor = descriptor,
                .address = address,
                .pa = bits(descriptor, 47, 0) & ~low_bits(span),
                .level = static_cast<uint8_t>(level),
                .size_bits = static_cast<uint8_t>(span),
                .table_attributes = table_attributes};
        if (exceeds_output(leaf.pa)) return fail(fault, Fault::Kind::AddressSize, level);
        return true;
    }
}

uint8_t memory_attributes(const Vcpu& cpu, uint64_t descriptor) {
    return static_cast<uint8_t>(cpu.state.sys.mair_el1 >> bits(descriptor, 4, 2) * 8);
}

bool is_device(uint8_t attributes) { return (attributes & 0xF0) == 0; }

/// Permissions and type of a leaf (D5.4). `writable_clean`: a write may set the dirty state, so AP[2] does not count.
uint8_t mapping_flags(const Vcpu& cpu, const Leaf& leaf, bool writable_clean) {
    const uint64_t descriptor = leaf.descriptor;
    const bool wxn = (cpu.state.sys.sctlr_el1 & bit(19)) != 0;
    const bool user = (descriptor & kAp1) != 0 && (leaf.table_attributes & kApTableNoUser) == 0;
    const bool table_allows_write = (leaf.table_attributes & kApTableNoWrite) == 0;
    const bool write = table_allows_write && ((descriptor & kAp2) == 0 || writable_clean);
    // Execute-never by WXN looks at what may become writable without software.
    const bool dirty_managed = (descriptor & kDbm) != 0 && table_allows_write && cpu.features().hardware_access_flag &&
                               (cpu.state.sys.tcr_el1 & bit(40)) != 0;
    const bool write_for_wxn = write || dirty_managed;
    const bool uxn = (descriptor & kUxn) != 0 || (leaf.table_attributes & kUxnTable) != 0;
    const bool pxn = (descriptor & kPxn) != 0 || (leaf.table_attributes & kPxnTable) != 0;
    //  AP[2:1]   EL1    EL0     EL1 execute            EL0 execute
    //  00        RW     -       !PXN && !WXN           !UXN
    //  01        RW     RW      never                  !UXN && !WXN
    //  10        R      -       !PXN                   !UXN
    //  11        R      R       !PXN                   !UXN
    const bool user_write = user && write;
    unsigned flags = 0;
    if (user) flags |= Mapping::kUserRead;
    if (user_write) flags |= Mapping::kUserWrite;
    if (write) flags |= Mapping::kPrivilegedWrite;
    if (!uxn && !(user && write_for_wxn && wxn)) flags |= Mapping::kUserExecute;
    if (!pxn && !(user && write_for_wxn) && !(write_for_wxn && wxn)) flags |= Mapping::kPrivilegedExecute;
    if (is_device(memory_attributes(cpu, descriptor))) flags |= Mapping::kDevice;
    if ((descriptor & kNotGlobal) == 0) flags |= Mapping::kGlobal;
    return static_cast<uint8_t>(flags);
}

bool readable(uint8_t flags, Regime regime) {
    switch (regime) {
    case Regime::El0: return (flags & Mapping::kUserRead) != 0;
    case Regime::El1: return true;
    case Regime::El1Pan: return (flags & Mapping::kUserRead) == 0;
    }
    return false;
}

bool writable(uint8_t flags, Regime regime) {
    switch (regime) {
    case Regime::El0: return (flags & Mapping::kUserWrite) != 0;
    case Regime::El1: return (flags & Mapping::kPrivilegedWrite) != 0;
    case Regime::El1Pan: return (flags & (Mapping::kPrivilegedWrite | Mapping::kUserRead)) == Mapping::kPrivilegedWrite;
    }
    return false;
}

bool permitted(uint8_t flags, Access access, Regime regime) {
    switch (access) {
    case Access::Read: return readable(flags, regime);
    case Access::Write: return writable(flags, regime);
    case Access::Fetch:
        return (flags & (regime == Regime::El0 ? Mapping::kUserExecute : Mapping::kPrivilegedExecute)) != 0;
    }
    return false;
}

/// A walk with permission check and hardware updates of the descriptor (not where `probe` is set).
bool walk_for_access(Vcpu& cpu, uint64_t va, Access access, Regime regime, bool probe, Leaf& leaf, uint8_t& flags,
                     Fault& fault) {
    const uint64_t tcr = cpu.state.sys.tcr_el1;
    const bool hardware = cpu.features().hardware_access_flag;
    const bool manages_access = hardware && (tcr & bit(39)) != 0;
    const bool manages_dirty = manages_access && (tcr & bit(40)) != 0;
    // Another CPU may change the descriptor between our read and our update. It cannot win forever by accident.
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        if (!walk(cpu, va, attempt == 0, leaf, fault) &&
            (fault.kind != Fault::Kind::Translation || attempt > 0 || !walk(cpu, va, false, leaf, fault)))
            return false;

        uint64_t updated = leaf.descriptor;
        if ((updated & kAf) == 0) {
            if (!manages_access) return fail(fault, Fault::Kind::AccessFlag, leaf.level);
            updated |= kAf;
        }
        flags = mapping_flags(cpu, leaf, false);
        if (!permitted(flags, access, regime)) {
            const bool writable_clean = access == Access::Write && manages_dirty && (updated & kDbm) != 0;
            if (writable_clean) flags = mapping_flags(cpu, leaf, true);
            if (!permitted(flags, access, regime)) return fail(fault, Fault::Kind::Permission, leaf.level);
            updated &= ~kAp2;
        }
        if (updated == leaf.descriptor || probe) return true;
        switch (update_descriptor(cpu, leaf, updated)) {
        case Update::Done: return true;
        case Update::NotWritable: return fail(fault, Fault::Kind::ExternalOnWalk, leaf.level);
        case Update::Changed: break;
        }
    }
    return fail(fault, Fault::Kind::ExternalOnWalk, leaf.level);
}

bool mmu_enabled(const Vcpu& cpu) { return (cpu.state.sys.sctlr_el1 & 1) != 0; }

/// With the MMU off the address is the physical one (D5.2.9).
bool translate_flat(const Vcpu& cpu, uint64_t va, uint64_t& pa, Fault& fault) {
    pa = top_byte_ignored(cpu.state.sys.tcr_el1, va) ? va & kVaMask : va;
    if (pa >> cpu.features().pa_bits != 0) return fail(fault, Fault::Kind::AddressSize, 0);
    return true;
}

struct Outcome {
    uint64_t pa;
    uint8_t flags;
};

/// MMU on: by the cache, else by a walk, which is then remembered. A cached entry that forbids the access is not
/// trusted: permissions may have been widened without maintenance, and dirty state is set by a walk.
bool translate_cached(Vcpu& cpu, uint64_t va, Access access, Regime regime, Outcome& out, Fault& fault) {
    const uint64_t tcr = cpu.state.sys.tcr_el1;
    if (!top_byte_ignored(tcr, va) && static_cast<uint64_t>(static_cast<int64_t>(va << 8) >> 8) != va)
        return fail(fault, Fault::Kind::Translation, 0);
    const uint16_t asid = current_asid(cpu);
    if (const Mapping* cached = cpu.translations.find(va, asid);
        cached != nullptr && permitted(cached->flags, access, regime)) {
        out = {cached->translate(va), cached->flags};
        return true;
    }
    Leaf leaf;
    uint8_t flags;
    do {
        if (!walk_for_access(cpu, va, access, regime, false, leaf, flags, fault)) return false;
    } while ((flags & Mapping::kGlobal) != 0 && !upper_half(va) && cpu.translations.announce_lower_global());
    const uint64_t offset = va & low_bits(leaf.size_bits);
    out = {leaf.pa | offset, flags};
    cpu.translations.insert(
        {.page = (va & kVaMask) - offset, .pa = leaf.pa, .asid = asid, .flags = flags, .size_bits = leaf.size_bits},
        va);
    return true;
}

/// Notes what the translation of an instruction address rests on, for generations of lookups.
void trace_fetch(Vcpu& cpu, uint64_t va, Regime regime, uint64_t pa) {
    FetchTrace& fetches = cpu.translations.fetches(va);
    const uint64_t page = va & kVaMask & ~kPageMask;
    if (fetches.knows(page)) return;
    WalkTrace trace;
    Leaf leaf;
    Fault ignored;
    // The tables may say something else by now than what the cache has.
    if (walk(cpu, va, false, leaf, ignored, &trace) && (leaf.pa | (va & low_bits(leaf.size_bits))) == pa &&
        permitted(mapping_flags(cpu, leaf, false), Access::Fetch, regime))
        fetches.add(page, {trace.read, trace.count});
    else
        fetches.add_untraced();
}

} // namespace

uint16_t current_asid(const Vcpu& cpu) {
    const auto& sys = cpu.state.sys;
    const uint64_t asid = ((sys.tcr_el1 & bit(22)) != 0 ? sys.ttbr1_el1 : sys.ttbr0_el1) >> 48;
    // TCR_EL1.AS clear: 8-bit ASIDs.
    return static_cast<uint16_t>((sys.tcr_el1 & bit(36)) != 0 ? asid : asid & 0xFF);
}

bool translate_data(Vcpu& cpu, uint64_t va, Access access, Regime regime, Translation& out, Fault& fault) {
    fault = {.access = access, .va = va};
    if (!mmu_enabled(cpu)) {
        uint64_t pa;
        if (!translate_flat(cpu, va, pa, fault)) return false;
        out = {.pa = {pa}, .device = true, .readable = true, .writable = true};
        return true;
    }
    Outcome outcome;
    if (!translate_cached(cpu, va, access, regime, outcome, fault)) return false;
    out = {.pa = {outcome.pa},
           .device = (outcome.flags & Mapping::kDevice) != 0,
           .readable = readable(outcome.flags, regime),
           .writable = writable(outcome.flags, regime)};
    return true;
}

bool translate_fetch(Vcpu& cpu, uint64_t va, GuestPa& pa) {
    Fault& fault = cpu.fault;
    fault = {.access = Access::Fetch, .va = va};
    if (!mmu_enabled(cpu)) return translate_flat(cpu, va, pa.value, fault);
    Outcome outcome;
    const Regime regime = cpu.state.pstate.el == 0 ? Regime::El0 : Regime::El1;
    if (!translate_cached(cpu, va, Access::Fetch, regime, outcome, fault)) return false;
    pa = {outcome.pa};
    trace_fetch(cpu, va, regime, outcome.pa);
    return true;
}

bool find_fetch(Vcpu& cpu, uint64_t va, GuestPa& pa) {
    const bool canonical = static_cast<uint64_t>(static_cast<int64_t>(va << 8) >> 8) == va;
    if (!mmu_enabled(cpu) || !canonical || va % 4 != 0) return false;
    const Mapping* const cached = cpu.translations.find(va, current_asid(cpu));
    const Regime regime = cpu.state.pstate.el == 0 ? Regime::El0 : Regime::El1;
    if (cached == nullptr || !permitted(cached->flags, Access::Fetch, regime) ||
        !cpu.translations.fetches(va).knows(va & kVaMask & ~kPageMask))
        return false;
    pa = {cached->translate(va)};
    return true;
}

bool translate_for_par(Vcpu& cpu, uint64_t va, Access access, Regime regime, uint64_t& par, Fault& fault) {
    constexpr uint64_t kRes1 = bit(11), kNonSecure = bit(9);
    constexpr unsigned kShareabilityShift = 7, kAttributesShift = 56;
    constexpr uint64_t kOuterShareable = 2;
    fault = {.access = access, .cache_maintenance = true, .va = va};
    const auto failed = [&] {
        par = 1 | uint64_t{fault_status(fault)} << 1 | kRes1;
        return fault.kind != Fault::Kind::ExternalOnWalk;
    };
    if (!mmu_enabled(cpu)) {
        uint64_t pa;
        if (!translate_flat(cpu, va, pa, fault)) return failed();
        par = (pa & ~kPageMask) | kOuterShareable << kShareabilityShift | kNonSecure | kRes1;
        return true;
    }
    Leaf leaf;
    uint8_t flags;
    if (!walk_for_access(cpu, va, access, regime, true, leaf, flags, fault)) return failed();
    const uint64_t pa = leaf.pa | (va & low_bits(leaf.size_bits));
    const uint8_t attributes = memory_attributes(cpu, leaf.descriptor);
    // Device and Normal Inner and Outer Non-cacheable memory is Outer Shareable whatever the descriptor says (D5.5.2).
    const bool outer = is_device(attributes) || attributes == 0x44;
    const uint64_t shareability = outer ? kOuterShareable : bits(leaf.descriptor, 9, 8);
    par = (pa & ~kPageMask) | uint64_t{attributes} << kAttributesShift | shareability << kShareabilityShift |
          kNonSecure | kRes1;
    return true;
}

} // namespace beeline::arm64
