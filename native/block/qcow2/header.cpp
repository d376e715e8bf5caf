#include "block/qcow2/header.h"

#include "block/image.h"

#include <bit>
#include <cstring>
#include <fmt/format.h>

namespace beeline::block::qcow2 {

namespace {

constexpr uint32_t kLengthV2 = 72, kLengthV3 = 104;
constexpr uint32_t kEndOfExtensions = 0, kBackingFormat = 0xE279'2ACA;
constexpr uint64_t kBitmapsAutoclear = 1;
/// Bounds that QEMU has too.
constexpr uint64_t kLargestL1 = (uint64_t{32} << 20) / 8, kLargestRefcountTable = uint64_t{8} << 20;
constexpr uint32_t kMostSnapshots = 65536, kLongestPath = 1023;
constexpr uint64_t kLargestSnapshotTable = uint64_t{64} << 20;
constexpr uint64_t kHighestOffset = uint64_t{1} << 56;

template <class T> T big_endian(const uint8_t* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    if constexpr (sizeof value == 8) return __builtin_bswap64(value);
    if constexpr (sizeof value == 4) return __builtin_bswap32(value);
    return __builtin_bswap16(value);
}
uint32_t be32(const uint8_t* bytes) { return big_endian<uint32_t>(bytes); }
uint64_t be64(const uint8_t* bytes) { return big_endian<uint64_t>(bytes); }

bool refuse(OpenFailure& failure, std::string detail,
            std::string remedy = "repair it with qemu-img check, or take another copy") {
    failure.kind = OpenFailure::Kind::Refused;
    failure.detail = std::move(detail);
    failure.remedy = std::move(remedy);
    return false;
}

bool unreadable(OpenFailure& failure, int error) {
    failure.kind = OpenFailure::Kind::Unreadable;
    failure.detail = std::strerror(error);
    return false;
}

/// A table lies at a cluster, below the highest offset that entries can hold.
bool well_placed(const Header& header, uint64_t offset, uint64_t bytes) {
    return offset != 0 && offset % header.cluster() == 0 && offset < kHighestOffset && bytes < kHighestOffset;
}

bool read_extensions(const std::vector<uint8_t>& bytes, uint64_t begin, uint64_t end, Header& header,
                     OpenFailure& failure) {
    for (uint64_t at = begin; at + 8 <= end;) {
        const uint32_t type = be32(&bytes[at]), length = be32(&bytes[at + 4]);
        at += 8;
        if (type == kEndOfExtensions) return true;
        if (length > end - at) return refuse(failure, "a header extension is longer than the header");
        if (type == kBackingFormat) header.backing_format.assign(reinterpret_cast<const char*>(&bytes[at]), length);
        at += (uint64_t{length} + 7) & ~uint64_t{7};
    }
    return true;
}

bool check_features(const Header& header, OpenFailure& failure) {
    constexpr uint64_t kKnown = kDirty | kCorrupt | kCompressionType;
    const char* convert = "convert it: qemu-img convert -O qcow2 FILE NEW";
    if ((header.incompatible & kExternalData) != 0) return refuse(failure, "its data is in another file", convert);
    if ((header.incompatible & kExtendedL2) != 0) return refuse(failure, "it has extended L2 entries", convert);
    if ((header.incompatible & ~kKnown) != 0)
        return refuse(failure, fmt::format("it has unknown features ({:#x})", header.incompatible & ~kKnown), convert);
    if ((header.autoclear & kBitmapsAutoclear) != 0)
        return refuse(failure, "it has persistent bitmaps", "remove them with qemu-img bitmap --remove");
    return true;
}

} // namespace

uint64_t l1_entries_for(const Header& header, uint64_t size) {
    const unsigned covered_bits = header.cluster_bits + header.cluster_bits - 3;
    return (size >> covered_bits) + ((size & ((uint64_t{1} << covered_bits) - 1)) != 0);
}

bool read_header(int fd, Header& header, OpenFailure& failure) {
    uint8_t head[kLengthV3 + 8] = {};
    if (const int error = read_file(fd, 0, head, sizeof head); error != 0) return unreadable(failure, error);
    header.version = be32(head + 4);
    if (header.version != 2 && header.version != 3)
        return refuse(failure, fmt::format("it is qcow2 of version {}", header.version), "convert it to version 3");
    const uint64_t backing_offset = be64(head + 8);
    const uint32_t backing_length = be32(head + 16);
    header.cluster_bits = be32(head + 20);
    if (header.cluster_bits < 9 || header.cluster_bits > 21)
        return refuse(failure, fmt::format("clusters of 2^{} bytes are not allowed", header.cluster_bits));
    header.size = be64(head + 24);
    if (be32(head + 32) != 0)
        return refuse(failure, "it is encrypted", "decrypt it: qemu-img convert -O qcow2 FILE NEW");
    header.l1_entries = be32(head + 36);
    header.l1_offset = be64(head + 40);
    header.refcount_table_offset = be64(head + kRefcountTableField);
    header.refcount_table_clusters = be32(head + kRefcountTableField + 8);
    header.snapshots = be32(head + 60);
    header.snapshots_offset = be64(head + 64);
    uint64_t length = kLengthV2;
    if (header.version == 3) {
        header.incompatible = be64(head + kIncompatibleField);
        header.compatible = be64(head + 80);
        header.autoclear = be64(head + kAutoclearField);
        header.refcount_order = be32(head + 96);
        length = be32(head + 100);
        if (length < kLengthV3 || length > header.cluster()) return refuse(failure, "its header has a wrong length");
        if (!check_features(header, failure)) return false;
        if ((header.incompatible & kCompressionType) != 0 && length > kLengthV3) {
            if (head[kLengthV3] > static_cast<uint8_t>(Compression::Zstd))
                return refuse(failure, "it is compressed in an unknown way", "convert it");
            header.compression = static_cast<Compression>(head[kLengthV3]);
        }
    }
    if (header.refcount_order > 6) return refuse(failure, "its reference counts are too wide");
    if (header.size == 0 || header.size % 512 != 0 || header.size >= uint64_t{1} << 62)
        return refuse(failure, fmt::format("it claims a size of {} bytes", header.size));
    if (header.l1_entries > kLargestL1 || l1_entries_for(header, header.size) > header.l1_entries)
        return refuse(failure, fmt::format("its L1 table has {} entries, which does not go with its size of {} bytes",
                                           header.l1_entries, header.size));
    if (!well_placed(header, header.l1_offset, uint64_t{header.l1_entries} * 8))
        return refuse(failure, "its L1 table is misplaced");
    const uint64_t refcount_bytes = uint64_t{header.refcount_table_clusters} << header.cluster_bits;
    if (refcount_bytes == 0 || refcount_bytes > kLargestRefcountTable ||
        !well_placed(header, header.refcount_table_offset, refcount_bytes))
        return refuse(failure, "its refcount table is misplaced");
    if (header.snapshots > kMostSnapshots ||
        (header.snapshots != 0 && !well_placed(header, header.snapshots_offset, kLargestSnapshotTable)))
        return refuse(failure, "its snapshot table is misplaced");

    const uint64_t extensions_end = backing_offset != 0 ? backing_offset : header.cluster();
    if (extensions_end > header.cluster() || extensions_end < length)
        return refuse(failure, "the name of its backing file is misplaced");
    std::vector<uint8_t> bytes(header.cluster());
    if (const int error = read_file(fd, 0, bytes.data(), bytes.size()); error != 0) return unreadable(failure, error);
    if (!read_extensions(bytes, length, extensions_end, header, failure)) return false;
    if (backing_offset == 0) return true;
    if (backing_length > kLongestPath || backing_length > header.cluster() - backing_offset)
        return refuse(failure, "the name of its backing file is too long");
    header.backing_path.assign(reinterpret_cast<const char*>(&bytes[backing_offset]), backing_length);
    if (header.backing_path.find('\0') != std::string::npos)
        return refuse(failure, "the name of its backing file is no name");
    return true;
}

bool read_snapshots(int fd, const Header& header, std::vector<Snapshot>& snapshots, uint64_t& table_bytes,
                    OpenFailure& failure) {
    constexpr size_t kFixed = 40;
    uint64_t at = header.snapshots_offset;
    for (uint32_t i = 0; i < header.snapshots; i++) {
        uint8_t entry[kFixed];
        if (const int error = read_file(fd, at, entry, sizeof entry); error != 0) return unreadable(failure, error);
        const uint32_t extra = be32(entry + 36);
        const unsigned id_length = big_endian<uint16_t>(entry + 12), name_length = big_endian<uint16_t>(entry + 14);
        if (extra > 1024) return refuse(failure, "its snapshot table is malformed");
        std::vector<uint8_t> rest(extra + id_length + name_length + 1);
        if (const int error = read_file(fd, at + kFixed, rest.data(), rest.size() - 1); error != 0)
            return unreadable(failure, error);
        const char* text = reinterpret_cast<const char*>(rest.data()) + extra;
        Snapshot snapshot{.id = {text, id_length},
                          .name = {text + id_length, name_length},
                          .l1_offset = be64(entry),
                          .l1_entries = be32(entry + 8),
                          .size = extra >= 16 ? be64(rest.data() + 8) : header.size};
        if (snapshot.l1_entries > kLargestL1 || snapshot.size == 0 || snapshot.size % 512 != 0 ||
            snapshot.size >= uint64_t{1} << 62 || l1_entries_for(header, snapshot.size) > snapshot.l1_entries ||
            !well_placed(header, snapshot.l1_offset, uint64_t{snapshot.l1_entries} * 8))
            return refuse(failure, fmt::format("its snapshot {} is malformed", i + 1));
        snapshots.push_back(std::move(snapshot));
        at = (at + kFixed + extra + id_length + name_length + 7) & ~uint64_t{7};
        if (at - header.snapshots_offset > kLargestSnapshotTable)
            return refuse(failure, "its snapshot table is too large");
    }
    table_bytes = header.snapshots == 0 ? 0 : at - header.snapshots_offset;
    return true;
}

int read_table(int fd, uint64_t offset, size_t entries, std::vector<uint64_t>& table) {
    table.resize(entries);
    if (const int error = read_file(fd, offset, table.data(), entries * 8); error != 0) return error;
    for (uint64_t& entry : table) entry = __builtin_bswap64(entry);
    return 0;
}

int write_table(int fd, uint64_t offset, const std::vector<uint64_t>& table) {
    std::vector<uint64_t> swapped(table);
    for (uint64_t& entry : swapped) entry = __builtin_bswap64(entry);
    return write_file(fd, offset, swapped.data(), swapped.size() * 8);
}

int write_entry(int fd, uint64_t offset, uint64_t value) {
    value = __builtin_bswap64(value);
    return write_file(fd, offset, &value, sizeof value);
}

} // namespace beeline::block::qcow2
