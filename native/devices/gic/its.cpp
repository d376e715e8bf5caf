#include "devices/gic/its.h"

#include <algorithm>
#include <cstring>

namespace beeline::devices::gic {

namespace {

// Registers (12.19)
constexpr uint64_t kCtlr = 0x0000, kTyper = 0x0008, kCbaser = 0x0080, kCwriter = 0x0088, kCreadr = 0x0090,
                   kBaser0 = 0x0100, kBaser1 = 0x0108, kIdentificationBase = 0xFFD0, kControlFrame = 0x1'0000;
constexpr uint64_t kEnabled = 1, kQuiescent = uint64_t{1} << 31;
constexpr uint64_t kImplementer = uint64_t{0x43B} << 32; // GITS_IIDR, above GITS_CTLR
constexpr uint64_t kEntryBytes = 8;
/// Physical LPIs; collections by processor number, all of them in memory.
constexpr uint64_t kTyperValue = 1 | (kEntryBytes - 1) << 4 | uint64_t{Lpis::kIdBits - 1} << 8 |
                                 uint64_t{Its::kDeviceBits - 1} << 13 | uint64_t{Its::kCollectionBits - 1} << 32 |
                                 uint64_t{1} << 36;
constexpr uint8_t kIdentification[12] = {0x44, 0x00, 0x00, 0x00, 0x94, 0xB4, 0x3B, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

constexpr uint64_t kValid = uint64_t{1} << 63, kIndirect = uint64_t{1} << 62;
// GITS_BASER: type and entry size are fixed.
constexpr uint64_t kBaserWritable = 0xF8E0'FFFF'FFFF'FFFF;
constexpr uint64_t kDeviceTable = uint64_t{1} << 56 | (kEntryBytes - 1) << 48;
constexpr uint64_t kCollectionTable = uint64_t{4} << 56 | (kEntryBytes - 1) << 48;
// GITS_CBASER
constexpr uint64_t kQueueAddress = 0x000F'FFFF'FFFF'F000, kQueueWritable = 0xF8EF'FFFF'FFFF'FCFF;
constexpr uint64_t kOffsetMask = 0xF'FFE0, kRetry = 1, kStalled = 1, kCommandBytes = 32;

// Entries of our tables. Device: valid, event bits less one, and the table's address. Collection: valid, and the
// processor's number. Interrupt: valid, INTID, and collection.
constexpr uint64_t kEntryValid = 1, kTableAddress = 0x000F'FFFF'FFFF'FF00;
constexpr unsigned kEventBitsShift = 1, kProcessorShift = 16, kIntidShift = 8, kCollectionShift = 40;

enum class Opcode : uint8_t {
    Movi = 0x01,
    Int = 0x03,
    Clear = 0x04,
    Sync = 0x05,
    Mapd = 0x08,
    Mapc = 0x09,
    Mapti = 0x0A,
    Mapi = 0x0B,
    Inv = 0x0C,
    Invall = 0x0D,
    Movall = 0x0E,
    Discard = 0x0F,
};

/// RDbase of a command: a processor's number, since GITS_TYPER.PTA is 0.
uint64_t processor(uint64_t word) { return word >> kProcessorShift & 0x7'FFFF'FFFF; }
uint64_t queue_bytes(uint64_t base) { return ((base & 0xFF) + 1) * 4096; }

/// The guest may change tables while we read them: every entry is read once.
uint64_t load(const uint64_t* entry) { return __atomic_load_n(entry, __ATOMIC_RELAXED); }
void store(uint64_t* entry, uint64_t value) { __atomic_store_n(entry, value, __ATOMIC_RELAXED); }

} // namespace

void Its::reset() {
    enabled_ = stalled_ = false;
    queue_base_ = write_offset_ = read_offset_ = 0;
    device_base_ = kDeviceTable;
    collection_base_ = kCollectionTable;
}

void Its::exchange(snapshot::Archive& archive) {
    archive.value(enabled_);
    archive.value(stalled_);
    archive.bits(queue_base_, kQueueWritable);
    archive.bits(write_offset_, kOffsetMask);
    archive.at_most(read_offset_, queue_bytes(queue_base_) - kCommandBytes);
    archive.require(read_offset_ % kCommandBytes == 0, "a value is out of range");
    archive.bits(device_base_, kBaserWritable | kDeviceTable);
    archive.bits(collection_base_, (kBaserWritable & ~kIndirect) | kCollectionTable);
    archive.require((device_base_ & kDeviceTable) == kDeviceTable &&
                        (collection_base_ & kCollectionTable) == kCollectionTable,
                    "a value is out of range");
}

// ---- Registers --------------------------------------------------------------------------------------------------

uint64_t Its::read_register(uint64_t offset) const {
    if (offset >= kIdentificationBase && offset < kControlFrame) {
        const uint64_t index = (offset - kIdentificationBase) / 4;
        return kIdentification[index] | uint64_t{kIdentification[index + 1]} << 32;
    }
    switch (offset) {
    case kCtlr: return kImplementer | kQuiescent | (enabled_ ? kEnabled : 0);
    case kTyper: return kTyperValue;
    case kCbaser: return queue_base_;
    case kCwriter: return write_offset_;
    case kCreadr: return read_offset_ | (stalled_ ? kStalled : 0);
    case kBaser0: return device_base_;
    case kBaser1: return collection_base_;
    default: return 0;
    }
}

void Its::write_register(uint64_t offset, uint64_t value) {
    switch (offset) {
    case kCtlr:
        enabled_ = (value & kEnabled) != 0;
        run_commands();
        break;
    case kCbaser:
        if (enabled_) break;
        queue_base_ = value & kQueueWritable;
        read_offset_ = 0;
        stalled_ = false;
        break;
    case kCwriter:
        write_offset_ = value & kOffsetMask;
        if ((value & kRetry) != 0) stalled_ = false;
        run_commands();
        break;
    case kBaser0:
        if (!enabled_) device_base_ = (value & kBaserWritable) | kDeviceTable;
        break;
    case kBaser1:
        // Collections are few: their table has one level.
        if (!enabled_) collection_base_ = (value & kBaserWritable & ~kIndirect) | kCollectionTable;
        break;
    default: break;
    }
}

bool Its::read(const MmioAccess& access, uint64_t& value) {
    value = access.offset < kControlFrame ? read_register(access.offset & ~uint64_t{7}) >> access.offset % 8 * 8 : 0;
    if (access.size < 8) value &= (uint64_t{1} << access.size * 8) - 1;
    return true;
}

bool Its::write(const MmioAccess& access, uint64_t value) {
    // A CPU is no device: what it writes to the translation frame has no identifier to look up.
    if (access.size < 4 || access.offset >= kControlFrame) return true;
    const uint64_t offset = access.offset & ~uint64_t{7};
    if (access.size == 4) {
        const unsigned shift = access.offset % 8 * 8;
        value = (read_register(offset) & ~(uint64_t{0xFFFF'FFFF} << shift)) | value << shift;
    }
    write_register(offset, value);
    return true;
}

// ---- Tables -----------------------------------------------------------------------------------------------------

uint64_t* Its::entry(uint64_t base, uint64_t index) const {
    if ((base & kValid) == 0) return nullptr;
    const unsigned page_shift = 12 + 2 * static_cast<unsigned>(std::min<uint64_t>(base >> 8 & 3, 2));
    const uint64_t page = uint64_t{1} << page_shift;
    uint64_t address = base & 0x0000'FFFF'FFFF'F000 & ~(page - 1);
    // With pages of 64 KiB bits 15..12 are the address's bits 51..48 (12.19.1).
    if (page_shift == 16) address |= (base >> 12 & 0xF) << 48;
    uint64_t bytes = ((base & 0xFF) + 1) << page_shift;
    if ((base & kIndirect) != 0) {
        const uint64_t entries = page / kEntryBytes;
        if (index / entries >= bytes / kEntryBytes) return nullptr;
        const uint8_t* first = memory_.span(address + index / entries * kEntryBytes, kEntryBytes);
        if (first == nullptr) return nullptr;
        const uint64_t level1 = load(reinterpret_cast<const uint64_t*>(first));
        if ((level1 & kValid) == 0) return nullptr;
        address = level1 & 0x000F'FFFF'FFFF'F000 & ~(page - 1);
        bytes = page;
        index %= entries;
    }
    if (index >= bytes / kEntryBytes) return nullptr;
    return reinterpret_cast<uint64_t*>(memory_.span(address + index * kEntryBytes, kEntryBytes));
}

std::optional<Its::DeviceEntry> Its::device(uint32_t id) const {
    if (id >> kDeviceBits != 0) return std::nullopt;
    const uint64_t* found = entry(device_base_, id);
    const uint64_t value = found == nullptr ? 0 : load(found);
    if ((value & kEntryValid) == 0) return std::nullopt;
    return DeviceEntry{value & kTableAddress, static_cast<unsigned>(value >> kEventBitsShift & 0x1F) + 1};
}

uint64_t* Its::interrupt_entry(uint32_t id, uint32_t event) const {
    const std::optional<DeviceEntry> found = device(id);
    if (!found || uint64_t{event} >> found->event_bits != 0) return nullptr;
    return reinterpret_cast<uint64_t*>(memory_.span(found->table + event * kEntryBytes, kEntryBytes));
}

std::optional<Its::Interrupt> Its::interrupt(uint32_t id, uint32_t event) const {
    const uint64_t* found = interrupt_entry(id, event);
    const uint64_t value = found == nullptr ? 0 : load(found);
    if ((value & kEntryValid) == 0) return std::nullopt;
    return Interrupt{static_cast<uint32_t>(value >> kIntidShift & 0xFFFF'FFFF),
                     static_cast<uint32_t>(value >> kCollectionShift) & 0xFFFF};
}

std::optional<unsigned> Its::cpu_of(uint32_t collection) const {
    const uint64_t* found = entry(collection_base_, collection);
    const uint64_t value = found == nullptr ? 0 : load(found);
    const uint64_t cpu = value >> kProcessorShift;
    if ((value & kEntryValid) == 0 || cpu >= cpus_) return std::nullopt;
    return static_cast<unsigned>(cpu);
}

void Its::translate(uint32_t id, uint32_t event) {
    if (!enabled_) return;
    const std::optional<Interrupt> found = interrupt(id, event);
    if (!found) return;
    if (const std::optional<unsigned> cpu = cpu_of(found->collection)) gic_.raise_lpi(*cpu, found->intid);
}

// ---- Commands (5.3) ---------------------------------------------------------------------------------------------

/// At most one round of the queue, which the guest cannot make longer meanwhile: it needs another write for that.
void Its::run_commands() {
    if (!enabled_ || stalled_ || (queue_base_ & kValid) == 0) return;
    const uint64_t bytes = queue_bytes(queue_base_);
    if (write_offset_ >= bytes || read_offset_ == write_offset_) return;
    while (read_offset_ != write_offset_) {
        const uint8_t* at = memory_.span((queue_base_ & kQueueAddress) + read_offset_, kCommandBytes);
        if (at == nullptr) {
            stalled_ = true;
            break;
        }
        Command command;
        std::memcpy(command.data(), at, sizeof command);
        execute(command);
        read_offset_ = (read_offset_ + kCommandBytes) % bytes;
    }
    gic_.lpis_changed();
}

/// A command that makes no sense is passed over, as an ITS without error reports may (GITS_TYPER.SEIS is 0).
void Its::execute(const Command& command) {
    const auto id = static_cast<uint32_t>(command[0] >> 32), event = static_cast<uint32_t>(command[1]);
    const auto collection = static_cast<uint32_t>(command[2] & 0xFFFF);
    const auto on_target = [&](auto action) {
        const std::optional<Interrupt> found = interrupt(id, event);
        if (!found) return;
        if (const std::optional<unsigned> cpu = cpu_of(found->collection)) action(gic_.lpis(*cpu), found->intid);
    };
    switch (static_cast<Opcode>(command[0] & 0xFF)) {
    case Opcode::Mapd: map_device(command); break;
    case Opcode::Mapc: map_collection(command); break;
    case Opcode::Mapti: map_interrupt(command, static_cast<uint32_t>(command[1] >> 32)); break;
    case Opcode::Mapi: map_interrupt(command, event); break;
    case Opcode::Int: on_target([](Lpis& lpis, uint32_t intid) { lpis.set_pending(intid, true); }); break;
    case Opcode::Clear: on_target([](Lpis& lpis, uint32_t intid) { lpis.set_pending(intid, false); }); break;
    case Opcode::Inv: on_target([](Lpis& lpis, uint32_t) { lpis.properties_changed(); }); break;
    case Opcode::Invall:
        if (const std::optional<unsigned> cpu = cpu_of(collection)) gic_.lpis(*cpu).properties_changed();
        break;
    case Opcode::Discard:
        on_target([](Lpis& lpis, uint32_t intid) { lpis.set_pending(intid, false); });
        if (uint64_t* found = interrupt_entry(id, event); found != nullptr) store(found, 0);
        break;
    case Opcode::Movi: {
        const std::optional<unsigned> to = cpu_of(collection);
        if (!to) break;
        on_target([&](Lpis& from, uint32_t intid) {
            if (!from.pending(intid)) return;
            from.set_pending(intid, false);
            gic_.lpis(*to).set_pending(intid, true);
        });
        uint64_t* found = interrupt_entry(id, event);
        constexpr uint64_t kCollection = uint64_t{0xFFFF} << kCollectionShift;
        if (const uint64_t value = found == nullptr ? 0 : load(found); (value & kEntryValid) != 0)
            store(found, (value & ~kCollection) | uint64_t{collection} << kCollectionShift);
        break;
    }
    case Opcode::Movall: {
        const uint64_t from = processor(command[2]), to = processor(command[3]);
        if (from < cpus_ && to < cpus_)
            gic_.lpis(static_cast<unsigned>(from)).move_all_to(gic_.lpis(static_cast<unsigned>(to)));
        break;
    }
    // Everything before it is done.
    case Opcode::Sync: break;
    }
}

void Its::map_device(const Command& command) {
    const auto id = static_cast<uint32_t>(command[0] >> 32);
    const uint64_t event_bits = command[1] & 0x1F;
    if (id >> kDeviceBits != 0 || event_bits >= Lpis::kIdBits) return;
    uint64_t* found = entry(device_base_, id);
    if (found == nullptr) return;
    const bool valid = (command[2] & kValid) != 0;
    store(found, valid ? kEntryValid | event_bits << kEventBitsShift | (command[2] & kTableAddress) : 0);
}

void Its::map_collection(const Command& command) {
    const uint64_t cpu = processor(command[2]);
    const bool valid = (command[2] & kValid) != 0;
    uint64_t* found = entry(collection_base_, command[2] & 0xFFFF);
    if (found == nullptr || (valid && cpu >= cpus_)) return;
    store(found, valid ? kEntryValid | cpu << kProcessorShift : 0);
}

void Its::map_interrupt(const Command& command, uint32_t intid) {
    if (intid < Lpis::kFirst || intid >= Lpis::kEnd) return;
    uint64_t* found = interrupt_entry(static_cast<uint32_t>(command[0] >> 32), static_cast<uint32_t>(command[1]));
    if (found != nullptr)
        store(found, kEntryValid | uint64_t{intid} << kIntidShift | (command[2] & 0xFFFF) << kCollectionShift);
}

} // namespace beeline::devices::gic
