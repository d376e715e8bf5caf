// The head of a qcow2 file (QEMU docs/interop/qcow2.txt), read and checked: what comes from here can be relied upon to
// be within bounds.
#pragma once

#include "block/file.h"

#include <cstdint>
#include <string>
#include <vector>

namespace beeline::block::qcow2 {

enum class Compression : uint8_t { Zlib = 0, Zstd = 1 };

/// Bits of incompatible_features.
inline constexpr uint64_t kDirty = 1, kCorrupt = 2, kExternalData = 4, kCompressionType = 8, kExtendedL2 = 16;

/// Where fields lie that are written.
inline constexpr uint64_t kRefcountTableField = 48, kIncompatibleField = 72, kAutoclearField = 88;

struct Header {
    uint32_t version = 0;
    unsigned cluster_bits = 0;
    uint64_t size = 0; ///< Of the disk, in bytes.
    uint32_t l1_entries = 0;
    uint64_t l1_offset = 0;
    uint64_t refcount_table_offset = 0;
    uint32_t refcount_table_clusters = 0;
    unsigned refcount_order = 4;
    uint32_t snapshots = 0;
    uint64_t snapshots_offset = 0;
    uint64_t incompatible = 0, compatible = 0, autoclear = 0;
    Compression compression = Compression::Zlib;
    std::string backing_path;   ///< As written there; empty: none.
    std::string backing_format; ///< Empty: not said.

    uint64_t cluster() const { return uint64_t{1} << cluster_bits; }
    uint64_t clusters_for(uint64_t bytes) const { return (bytes + cluster() - 1) >> cluster_bits; }
    uint64_t l2_entries() const { return cluster() / 8; }
};

/// One of the states of the disk that the file keeps.
struct Snapshot {
    std::string id, name;
    uint64_t l1_offset = 0;
    uint32_t l1_entries = 0;
    uint64_t size = 0; ///< Of the disk then.
};

/// False: `failure` says why, its path aside.
[[nodiscard]] bool read_header(int fd, Header& header, OpenFailure& failure);
[[nodiscard]] bool read_snapshots(int fd, const Header& header, std::vector<Snapshot>& snapshots, uint64_t& table_bytes,
                                  OpenFailure& failure);
/// Entries that a first-level table needs for `size` bytes.
uint64_t l1_entries_for(const Header& header, uint64_t size);

/// Tables of big-endian words, read whole. 0 or an errno.
int read_table(int fd, uint64_t offset, size_t entries, std::vector<uint64_t>& table);
int write_table(int fd, uint64_t offset, const std::vector<uint64_t>& table);
int write_entry(int fd, uint64_t offset, uint64_t value);

} // namespace beeline::block::qcow2
