// Memory accesses that the first-level TLB does not answer, and maintenance of everything that caches translations.

#include "arm64/access_recorder.h"
#include "arm64/execution_context.h"
#include "arm64/features.h"
#include "arm64/interpreter/block_cache.h"
#include "arm64/mmu.h"

#include <algorithm>
#include <cstring>

namespace beeline::arm64 {

namespace {

constexpr uint64_t kSctlrA = 1u << 1;

/// One page's share of an access, translated and allowed.
struct Piece {
    uint64_t va;
    unsigned size;
    Translation translation;
    uint8_t* host; ///< Of the first byte; nullptr: a device.
};

bool misaligned(uint64_t va, unsigned size) { return (va & (size - 1)) != 0; }

bool fail_alignment(Vcpu& cpu, uint64_t va, Access access, AccessFlags flags) {
    cpu.fault = {
        .kind = Fault::Kind::Alignment, .access = access, .cache_maintenance = flags.cache_maintenance, .va = va};
    return false;
}

/// Enters a page of plain memory in the first-level TLB of the regime.
void fill_tlb(Vcpu& cpu, uint64_t va, Regime regime, const Translation& translation, uint8_t* host, Access access) {
    if (translation.device || cpu.recorder != nullptr || page_watched(cpu, va)) return;
    const uint64_t page = va & ~kPageMask;
    uint8_t* const host_page = host - (va & kPageMask);
    bool write = translation.writable;
    if (access == Access::Read && write)
        write = cpu.environment().host_page({translation.pa.value & ~kPageMask}, true) == host_page;
    AddressSpace& space = cpu.translations.current();
    const auto index = static_cast<unsigned>(regime);
    space.filled |= static_cast<uint8_t>(1u << index);
    // What can be written can be read, but for memory that only takes writes directly: there reads stay slow.
    bool read = translation.readable;
    if (access == Access::Write && read)
        read = cpu.environment().host_page({translation.pa.value & ~kPageMask}, false) == host_page;
    cpu.translations.tlb(space, index)
        .enter(va, read ? page : TlbEntry::kNoPage, write ? page : TlbEntry::kNoPage,
               reinterpret_cast<uint64_t>(host_page) - page);
}

bool prepare(Vcpu& cpu, Piece& piece, Access access, Regime regime, AccessFlags flags) {
    if (!translate_data(cpu, piece.va, access, regime, piece.translation, cpu.fault)) {
        cpu.fault.cache_maintenance = flags.cache_maintenance;
        return false;
    }
    const GuestPa pa = piece.translation.pa;
    uint8_t* page = cpu.environment().host_page({pa.value & ~kPageMask}, access == Access::Write);
    piece.host = page == nullptr ? nullptr : page + (pa.value & kPageMask);
    return true;
}

/// Largest naturally aligned power of two that a device access at `pa` with `left` bytes to go may have.
unsigned device_access_size(uint64_t pa, unsigned left) {
    unsigned size = 8;
    while (size > left || misaligned(pa, size)) size /= 2;
    return size;
}

bool fail_external(Vcpu& cpu, uint64_t va, Access access) {
    cpu.fault = {.kind = Fault::Kind::External, .access = access, .va = va};
    return false;
}

/// Where instructions are counted exactly, a device must find the count as it is between two of them.
bool defer(Vcpu& cpu) {
    if (!cpu.defers_devices) return false;
    cpu.fault = {.kind = Fault::Kind::Deferred};
    return true;
}

bool read_device(Vcpu& cpu, const Piece& piece, uint8_t* bytes) {
    if (defer(cpu)) return false;
    for (unsigned done = 0; done < piece.size;) {
        const uint64_t pa = piece.translation.pa.value + done;
        const unsigned size = device_access_size(pa, piece.size - done);
        uint64_t value = 0;
        cpu.counters.device_accesses++;
        if (!cpu.environment().device_read(cpu, {pa}, size, value))
            return fail_external(cpu, piece.va + done, Access::Read);
        std::memcpy(bytes + done, &value, size);
        done += size;
    }
    return true;
}

bool write_device(Vcpu& cpu, const Piece& piece, const uint8_t* bytes) {
    if (defer(cpu)) return false;
    for (unsigned done = 0; done < piece.size;) {
        const uint64_t pa = piece.translation.pa.value + done;
        const unsigned size = device_access_size(pa, piece.size - done);
        uint64_t value = 0;
        std::memcpy(&value, bytes + done, size);
        cpu.counters.device_accesses++;
        if (!cpu.environment().device_write(cpu, {pa}, size, value))
            return fail_external(cpu, piece.va + done, Access::Write);
        done += size;
    }
    return true;
}

/// Copies with one host access where the size allows, so that aligned guest accesses stay single-copy atomic.
void copy_atomically(void* to, const void* from, unsigned size) {
    switch (size) {
    case 1: std::memcpy(to, from, 1); break;
    case 2: std::memcpy(to, from, 2); break;
    case 4: std::memcpy(to, from, 4); break;
    case 8: std::memcpy(to, from, 8); break;
    case 16:
        std::memcpy(to, from, 8);
        std::memcpy(static_cast<uint8_t*>(to) + 8, static_cast<const uint8_t*>(from) + 8, 8);
        break;
    default: std::memcpy(to, from, size);
    }
}

/// Translates and checks all of an access before any of it is done. Fills one piece, or two across a page boundary.
unsigned prepare_access(Vcpu& cpu, uint64_t va, unsigned size, Access access, Regime regime, AccessFlags flags,
                        Piece (&pieces)[2]) {
    const bool unaligned = misaligned(va, size);
    if (unaligned && (flags.require_alignment || (cpu.state.sys.sctlr_el1 & kSctlrA) != 0)) {
        fail_alignment(cpu, va, access, flags);
        return 0;
    }
    const auto in_page = static_cast<unsigned>(std::min<uint64_t>(size, kPageSize - (va & kPageMask)));
    pieces[0] = {.va = va, .size = in_page, .translation = {}, .host = nullptr};
    pieces[1] = {.va = va + in_page, .size = size - in_page, .translation = {}, .host = nullptr};
    const unsigned count = in_page == size ? 1 : 2;
    for (unsigned i = 0; i < count; i++) {
        if (!prepare(cpu, pieces[i], access, regime, flags)) return 0;
        if (unaligned && pieces[i].translation.device) {
            fail_alignment(cpu, va, access, flags);
            return 0;
        }
    }
    if (cpu.debug.watchpoints) [[unlikely]] {
        if (cpu.debugger_watches(va, size, access)) {
            cpu.fault = {.kind = Fault::Kind::Debugger, .access = access, .va = va};
            return 0;
        }
    }
    if (cpu.debug.watchpoints && watchpoint_hit(cpu, va, size, access, regime)) {
        cpu.fault = {
            .kind = Fault::Kind::Watchpoint, .access = access, .cache_maintenance = flags.cache_maintenance, .va = va};
        return 0;
    }
    return count;
}

/// Where an access is in the host's memory: two places for one across a page boundary.
struct Places {
    uint8_t* first;
    uint8_t* second;
    unsigned in_first; ///< Bytes at `first`.
};

/// The first-level TLB's answer for all pages of an access, a frequent one for accesses that cross a page boundary:
/// their callers ask the TLB about a single page. What the TLB holds needs no further check (see fill_tlb,
/// Vcpu::data_tlb).
bool find_in_tlb(Vcpu& cpu, uint64_t va, unsigned size, Access access, Regime regime, AccessFlags flags,
                 Places& places) {
    if (flags.require_alignment || cpu.recorder != nullptr) return false;
    Tlb* const tlb = regime == cpu.data_regime()           ? cpu.data_tlb
                     : regime == cpu.unprivileged_regime() ? cpu.unprivileged_tlb
                                                           : nullptr;
    if (tlb == nullptr) return false;
    const auto host = [&](uint64_t address, uint8_t*& place) {
        const TlbEntry& entry = tlb->entry(address);
        if ((access == Access::Read ? entry.read_page : entry.write_page) != (address & ~kPageMask)) return false;
        place = reinterpret_cast<uint8_t*>(address + entry.addend);
        return true;
    };
    places.in_first = static_cast<unsigned>(std::min<uint64_t>(size, kPageSize - (va & kPageMask)));
    return host(va, places.first) && (places.in_first == size || host(va + places.in_first, places.second));
}

} // namespace

bool Vcpu::load_slow(uint64_t va, unsigned size, Regime regime, AccessFlags flags) {
    counters.slow_accesses++;
    auto* bytes = reinterpret_cast<uint8_t*>(transfer);
    if (Places places; find_in_tlb(*this, va, size, Access::Read, regime, flags, places)) {
        copy_atomically(bytes, places.first, places.in_first);
        if (places.in_first != size) copy_atomically(bytes + places.in_first, places.second, size - places.in_first);
        return true;
    }
    Piece pieces[2];
    const unsigned count = prepare_access(*this, va, size, Access::Read, regime, flags, pieces);
    if (count == 0) return false;
    for (unsigned i = 0; i < count; i++) {
        const Piece& piece = pieces[i];
        if (piece.host == nullptr) {
            if (!read_device(*this, piece, bytes)) return false;
        } else {
            copy_atomically(bytes, piece.host, piece.size);
            counters.tlb_misses++;
            fill_tlb(*this, piece.va, regime, piece.translation, piece.host, Access::Read);
        }
        bytes += piece.size;
    }
    if (big_endian_data(*this)) std::reverse(reinterpret_cast<uint8_t*>(transfer), bytes);
    return true;
}

bool Vcpu::store_slow(uint64_t va, unsigned size, Regime regime, AccessFlags flags) {
    counters.slow_accesses++;
    auto* bytes = reinterpret_cast<uint8_t*>(transfer);
    if (Places places; find_in_tlb(*this, va, size, Access::Write, regime, flags, places)) {
        copy_atomically(places.first, bytes, places.in_first);
        if (places.in_first != size) copy_atomically(places.second, bytes + places.in_first, size - places.in_first);
        return true;
    }
    Piece pieces[2];
    const unsigned count = prepare_access(*this, va, size, Access::Write, regime, flags, pieces);
    if (count == 0) return false;
    if (big_endian_data(*this)) std::reverse(bytes, bytes + size);
    for (unsigned i = 0; i < count; i++) {
        const Piece& piece = pieces[i];
        if (piece.host == nullptr) {
            if (!write_device(*this, piece, bytes)) return false;
        } else {
            if (recorder != nullptr) recorder->before_write(piece.host, piece.size);
            copy_atomically(piece.host, bytes, piece.size);
            counters.tlb_misses++;
            fill_tlb(*this, piece.va, regime, piece.translation, piece.host, Access::Write);
        }
        bytes += piece.size;
    }
    return true;
}

uint8_t* Vcpu::atomic_pointer(uint64_t va, unsigned size, bool read_only) {
    const TlbEntry& entry = data_tlb->entry(va);
    const uint64_t page = va & ~kPageMask;
    if (!misaligned(va, size) && entry.read_page == page && (read_only || entry.write_page == page))
        return reinterpret_cast<uint8_t*>(va + entry.addend);

    counters.slow_accesses++;
    // A location that cannot even be read is reported as a read, whatever the instruction (ISS.WnR, D13.2.37).
    const AccessFlags flags{.require_alignment = true};
    Piece pieces[2];
    if (prepare_access(*this, va, size, Access::Read, regime_, flags, pieces) == 0) return nullptr;
    if (!read_only && prepare_access(*this, va, size, Access::Write, regime_, flags, pieces) == 0) return nullptr;
    const Piece& piece = pieces[0];
    if (piece.host == nullptr) {
        fault = {
            .kind = Fault::Kind::UnsupportedExclusive, .access = read_only ? Access::Read : Access::Write, .va = va};
        return nullptr;
    }
    if (recorder != nullptr && !read_only) recorder->before_write(piece.host, size);
    counters.tlb_misses++;
    fill_tlb(*this, va, regime_, piece.translation, piece.host, read_only ? Access::Read : Access::Write);
    return piece.host;
}

void Vcpu::flush_tlb_all() {
    counters.tlb_flushes++;
    translations.flush_all();
    update_execution_context();
}

namespace {

/// Operand of TLBI by address or ASID (C5.5): ASID in 63..48, VA[55:12] in 43..0. Bit 44, RES0 in these models, carries
/// "last level only" from the TLBI *L* forms.
struct TlbiOperand {
    uint16_t asid;
    uint64_t page;
    bool last_level_only;

    explicit TlbiOperand(uint64_t operand)
        : asid(static_cast<uint16_t>(operand >> 48)), page((operand & ((uint64_t{1} << 44) - 1)) << kPageBits),
          last_level_only((operand & Maintenance::kLastLevelOnly) != 0) {}
};

} // namespace

void Vcpu::apply_maintenance(const Maintenance& operation) {
    const TlbiOperand of(operation.operand);
    trace(TraceKind::Maintenance, static_cast<unsigned>(operation.kind) | (serving_others_ ? kTraceRemote : 0),
          operation.operand);
    switch (operation.kind) {
    case Maintenance::Kind::TlbAll: flush_tlb_all(); return;
    case Maintenance::Kind::TlbAsid: translations.flush_asid(of.asid); break;
    case Maintenance::Kind::TlbVa: translations.flush_va(of.page, of.asid, false, of.last_level_only); break;
    case Maintenance::Kind::TlbVaAllAsid: translations.flush_va(of.page, of.asid, true, of.last_level_only); break;
    case Maintenance::Kind::InstructionAll: invalidate_all_code(); return;
    case Maintenance::Kind::InstructionLine: invalidate_code_line({operation.operand}); return;
    }
    counters.tlb_flushes++;
    update_execution_context();
}

bool Vcpu::concerned_by(const Maintenance& operation) const {
    const TlbiOperand of(operation.operand);
    switch (operation.kind) {
    case Maintenance::Kind::TlbAsid: return translations.may_hold(of.asid);
    case Maintenance::Kind::TlbVa: return translations.may_hold(of.page, of.asid);
    case Maintenance::Kind::InstructionLine: return blocks_->pages_seen().may_have({operation.operand});
    case Maintenance::Kind::TlbAll:
    case Maintenance::Kind::TlbVaAllAsid:
    case Maintenance::Kind::InstructionAll: return true;
    }
    return true;
}

bool Vcpu::post_maintenance(const Maintenance& operation) {
    // Most processes run on one CPU, and most lines are of pages that were just filled with code.
    if (!concerned_by(operation)) return false;
    maintenance_.post(operation);
    poll.fetch_or(kPollMaintenance, std::memory_order_seq_cst);
    return true;
}

void Vcpu::serve_maintenance() {
    serving_others_ = true;
    for (const Maintenance& operation : maintenance_.take()) apply_maintenance(operation);
    serving_others_ = false;
    maintenance_.done();
}

} // namespace beeline::arm64
