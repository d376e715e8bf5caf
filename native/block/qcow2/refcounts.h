// Which clusters of a qcow2 file are in use, and how often: the two-level table of reference counts, and allocation
// from it. Changes are in the file when a call returns.
#pragma once

#include "block/qcow2/header.h"
#include "block/qcow2/table_cache.h"

#include <cstdint>
#include <unordered_set>
#include <vector>

namespace beeline::block::qcow2 {

/// Clusters are told by their number. Results are 0 or an errno, EUCLEAN where the file contradicts itself.
class Refcounts {
public:
    /// `metadata`: clusters that hold tables, which must never be given out; kept up to date with our own.
    Refcounts(int fd, Header& header, std::unordered_set<uint64_t>& metadata)
        : fd_(fd), header_(header), metadata_(metadata), block_bits_(header.cluster_bits + 3 - header.refcount_order) {}

    /// Reads the table and adds our clusters to the metadata. EUCLEAN: it is malformed.
    int open(uint64_t file_bytes);

    int get(uint64_t cluster, uint64_t& count);
    int set(uint64_t cluster, uint64_t count);
    int increase(uint64_t cluster);
    /// `count` is what is left.
    int decrease(uint64_t cluster, uint64_t& count);
    /// A free cluster, from now on used once. `fresh`: the file has never reached so far, it reads as 0.
    int allocate(uint64_t& cluster, bool& fresh);
    uint64_t largest_count() const {
        return header_.refcount_order == 6 ? ~uint64_t{0} : (uint64_t{1} << (1u << header_.refcount_order)) - 1;
    }
    /// Clusters that the file reaches over.
    uint64_t file_clusters() const { return file_clusters_; }
    const std::vector<uint64_t>& table() const { return table_; }
    uint64_t clusters_a_block() const { return uint64_t{1} << block_bits_; }

private:
    using Block = std::vector<uint8_t>;
    int block_of(uint64_t cluster, Block*& block);
    /// Makes the file reach over `cluster`.
    int extend(uint64_t cluster);
    int add_block(uint64_t index);
    int grow_table(uint64_t index);
    static uint64_t read(const Block& block, unsigned order, uint64_t index);
    static void write(Block& block, unsigned order, uint64_t index, uint64_t count);

    int fd_;
    Header& header_;
    std::unordered_set<uint64_t>& metadata_;
    const unsigned block_bits_; ///< Counts of a block, as a power of two.
    std::vector<uint64_t> table_;
    TableCache<Block> blocks_{64};
    uint64_t first_free_ = 0; ///< No cluster below is free.
    uint64_t file_clusters_ = 0;
};

} // namespace beeline::block::qcow2
