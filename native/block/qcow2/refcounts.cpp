#include "block/qcow2/refcounts.h"

#include "block/image.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace beeline::block::qcow2 {

namespace {

constexpr uint64_t kOffsetMask = ~uint64_t{0x1FF};
constexpr uint64_t kHighestOffset = uint64_t{1} << 56;
/// Of a refcount table, as QEMU bounds it.
constexpr uint64_t kMostEntries = (uint64_t{8} << 20) / 8;

} // namespace

uint64_t Refcounts::read(const Block& block, unsigned order, uint64_t index) {
    if (order < 3) {
        const unsigned bits = 1u << order, each = 8 / bits;
        return block[index / each] >> index % each * bits & ((1u << bits) - 1);
    }
    uint64_t count = 0;
    const size_t bytes = size_t{1} << (order - 3);
    for (size_t i = 0; i < bytes; i++) count = count << 8 | block[index * bytes + i];
    return count;
}

void Refcounts::write(Block& block, unsigned order, uint64_t index, uint64_t count) {
    if (order < 3) {
        const unsigned bits = 1u << order, each = 8 / bits;
        const auto shift = static_cast<unsigned>(index % each * bits);
        uint8_t& byte = block[index / each];
        byte = static_cast<uint8_t>((byte & ~(((1u << bits) - 1) << shift)) | count << shift);
        return;
    }
    const size_t bytes = size_t{1} << (order - 3);
    for (size_t i = bytes; i-- != 0; count >>= 8) block[index * bytes + i] = static_cast<uint8_t>(count);
}

int Refcounts::open(uint64_t file_bytes) {
    file_clusters_ = header_.clusters_for(file_bytes);
    const size_t entries = size_t{header_.refcount_table_clusters} << (header_.cluster_bits - 3);
    if (const int error = read_table(fd_, header_.refcount_table_offset, entries, table_); error != 0) return error;
    const uint64_t first = header_.refcount_table_offset >> header_.cluster_bits;
    for (uint32_t i = 0; i < header_.refcount_table_clusters; i++) metadata_.insert(first + i);
    for (uint64_t& entry : table_) {
        entry &= kOffsetMask;
        if (entry % header_.cluster() != 0 || entry >= file_bytes) return EUCLEAN;
        if (entry != 0 && !metadata_.insert(entry >> header_.cluster_bits).second) return EUCLEAN;
    }
    return 0;
}

/// The block that counts `cluster`; nullptr when there is none, which means 0 for all that it would count.
int Refcounts::block_of(uint64_t cluster, Block*& block) {
    const uint64_t index = cluster >> block_bits_;
    block = nullptr;
    if (index >= table_.size() || table_[index] == 0) return 0;
    block = blocks_.find(table_[index]);
    if (block != nullptr) return 0;
    Block bytes(header_.cluster());
    if (const int error = read_file(fd_, table_[index], bytes.data(), bytes.size()); error != 0) return error;
    block = blocks_.insert(table_[index], std::move(bytes));
    return 0;
}

int Refcounts::get(uint64_t cluster, uint64_t& count) {
    Block* block = nullptr;
    count = 0;
    if (const int error = block_of(cluster, block); error != 0 || block == nullptr) return error;
    count = read(*block, header_.refcount_order, cluster & (clusters_a_block() - 1));
    return 0;
}

int Refcounts::set(uint64_t cluster, uint64_t count) {
    if (count > largest_count()) return EUCLEAN;
    Block* block = nullptr;
    if (const int error = block_of(cluster, block); error != 0) return error;
    if (block == nullptr) {
        if (const int error = add_block(cluster >> block_bits_); error != 0) return error;
        if (const int error = block_of(cluster, block); error != 0) return error;
    }
    const uint64_t index = cluster & (clusters_a_block() - 1);
    const uint64_t before = read(*block, header_.refcount_order, index);
    write(*block, header_.refcount_order, index, count);
    const uint64_t first = (index << header_.refcount_order) / 8;
    const size_t bytes = std::max<size_t>(1, (size_t{1} << header_.refcount_order) / 8);
    const uint64_t place = table_[cluster >> block_bits_] + first;
    const int error = write_file(fd_, place, block->data() + first, bytes);
    if (error != 0)
        write(*block, header_.refcount_order, index, before);
    else if (count == 0)
        first_free_ = std::min(first_free_, cluster);
    return error;
}

int Refcounts::increase(uint64_t cluster) {
    uint64_t count = 0;
    if (const int error = get(cluster, count); error != 0) return error;
    return set(cluster, count + 1);
}

int Refcounts::decrease(uint64_t cluster, uint64_t& count) {
    if (const int error = get(cluster, count); error != 0) return error;
    if (count == 0) return EUCLEAN;
    return set(cluster, --count);
}

int Refcounts::extend(uint64_t cluster) {
    if (cluster < file_clusters_) return 0;
    const uint64_t bytes = (cluster + 1) << header_.cluster_bits;
    if (bytes >= kHighestOffset) return EFBIG;
    if (ftruncate(fd_, static_cast<off_t>(bytes)) != 0) return errno;
    file_clusters_ = cluster + 1;
    return 0;
}

int Refcounts::allocate(uint64_t& cluster, bool& fresh) {
    for (cluster = first_free_;; cluster++) {
        uint64_t count = 0;
        if (const int error = get(cluster, count); error != 0) return error;
        if (count != 0) continue;
        // A new block counts itself, and may have taken this very cluster.
        if (Block* block = nullptr; block_of(cluster, block) == 0 && block == nullptr) {
            if (const int error = add_block(cluster >> block_bits_); error != 0) return error;
            if (const int error = get(cluster, count); error != 0) return error;
            if (count != 0) continue;
        }
        if (metadata_.contains(cluster)) return EUCLEAN;
        fresh = cluster >= file_clusters_;
        if (const int error = extend(cluster); error != 0) return error;
        if (const int error = set(cluster, 1); error != 0) return error;
        first_free_ = cluster + 1;
        return 0;
    }
}

/// A block for clusters that none counts yet. It takes the first of them.
int Refcounts::add_block(uint64_t index) {
    if (index >= table_.size()) return grow_table(index);
    const uint64_t cluster = index << block_bits_, offset = cluster << header_.cluster_bits;
    if (metadata_.contains(cluster)) return EUCLEAN;
    Block block(header_.cluster());
    write(block, header_.refcount_order, 0, 1);
    if (const int error = extend(cluster); error != 0) return error;
    if (const int error = write_file(fd_, offset, block.data(), block.size()); error != 0) return error;
    // The table must never lead to a block that is not there.
    if (fdatasync(fd_) != 0) return errno;
    if (const int error = write_entry(fd_, header_.refcount_table_offset + index * 8, offset); error != 0) return error;
    table_[index] = offset;
    metadata_.insert(cluster);
    blocks_.insert(offset, std::move(block));
    return 0;
}

/// A larger table that has a block for `index` too: blocks and table lie behind everything and count themselves.
int Refcounts::grow_table(uint64_t index) {
    const uint64_t a_block = clusters_a_block(), a_cluster = header_.cluster() / 8;
    const uint64_t first_index = std::max((file_clusters_ + a_block - 1) >> block_bits_, uint64_t{table_.size()});
    uint64_t blocks = 1, table_clusters = 0;
    for (;;) {
        const uint64_t entries = std::max({first_index + blocks, index + 1, uint64_t{table_.size()} * 3 / 2});
        table_clusters = (entries + a_cluster - 1) / a_cluster;
        const uint64_t needed = (blocks + table_clusters + a_block - 1) >> block_bits_;
        if (needed <= blocks) break;
        blocks = needed;
    }
    if (table_clusters * a_cluster > kMostEntries) return EFBIG;
    const uint64_t first = first_index << block_bits_;
    if (const int error = extend(first + blocks + table_clusters - 1); error != 0) return error;
    std::vector<uint64_t> table(table_);
    table.resize(table_clusters * a_cluster);
    for (uint64_t i = 0; i < blocks; i++) {
        Block block(header_.cluster());
        const uint64_t begin = i << block_bits_;
        for (uint64_t k = 0; k < a_block && begin + k < blocks + table_clusters; k++)
            write(block, header_.refcount_order, k, 1);
        table[first_index + i] = (first + i) << header_.cluster_bits;
        if (const int error = write_file(fd_, table[first_index + i], block.data(), block.size()); error != 0)
            return error;
    }
    const uint64_t place = (first + blocks) << header_.cluster_bits;
    if (const int error = write_table(fd_, place, table); error != 0) return error;
    if (fdatasync(fd_) != 0) return errno;
    uint8_t fields[12];
    const uint64_t offset = __builtin_bswap64(place);
    const uint32_t count = __builtin_bswap32(static_cast<uint32_t>(table_clusters));
    std::copy_n(reinterpret_cast<const uint8_t*>(&offset), 8, fields);
    std::copy_n(reinterpret_cast<const uint8_t*>(&count), 4, fields + 8);
    if (const int error = write_file(fd_, kRefcountTableField, fields, sizeof fields); error != 0) return error;
    if (fdatasync(fd_) != 0) return errno;
    const uint64_t old = header_.refcount_table_offset >> header_.cluster_bits;
    const uint32_t old_clusters = header_.refcount_table_clusters;
    header_.refcount_table_offset = place;
    header_.refcount_table_clusters = static_cast<uint32_t>(table_clusters);
    table_ = std::move(table);
    for (uint64_t i = 0; i < blocks + table_clusters; i++) metadata_.insert(first + i);
    for (uint32_t i = 0; i < old_clusters; i++) {
        metadata_.erase(old + i);
        uint64_t left = 0;
        if (const int error = decrease(old + i, left); error != 0) return error;
    }
    return table_[index] != 0 ? 0 : add_block(index);
}

} // namespace beeline::block::qcow2
