// A disk in a qcow2 file, of version 2 or 3.
//
// Metadata is written at once, in an order that leaves nothing but unused clusters when the process is killed in
// between. Against a host that loses power, which may keep later writes and lose earlier ones, the file says "dirty"
// from the first change to the orderly end: whoever opens it next counts references anew.
#pragma once

#include "block/file.h"
#include "block/image.h"
#include "block/qcow2/refcounts.h"
#include "block/qcow2/table_cache.h"

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

namespace beeline::block::qcow2 {

class Qcow2Image final : public Image {
public:
    struct Options {
        bool writable = false;
        std::string snapshot; ///< The state of the disk to show, by name or id; empty: the present one.
    };
    /// nullptr: `failure` says why. `backing` is used when the header names one; it must be given then.
    static std::unique_ptr<Qcow2Image> open(File file, const Header& header, std::unique_ptr<Image> backing,
                                            const Options& options, OpenFailure& failure);
    ~Qcow2Image() override;

    uint64_t size() const override { return size_; }
    Format format() const override { return Format::Qcow2; }
    Extent map(uint64_t offset, uint64_t length, bool write) override;
    int read(uint64_t offset, Buffers buffers) override;
    int write(uint64_t offset, Buffers buffers) override;
    int write_zeroes(uint64_t offset, uint64_t length, bool unmap) override;
    int discard(uint64_t offset, uint64_t length) override;
    int settle() override;
    void append_files(std::vector<int>& descriptors) const override;
    int flush_descriptor() const override { return file_.descriptor(); }

private:
    using Table = std::vector<uint64_t>;
    enum class Kind : uint8_t { Unallocated, Zero, Standard, Compressed };

    Qcow2Image(File file, const Header& header, std::unique_ptr<Image> backing)
        : file_(std::move(file)), header_(header), backing_(std::move(backing)), size_(header.size),
          refcounts_(file_.descriptor(), header_, metadata_) {}

    bool load(const Options& options, OpenFailure& failure);
    bool load_tables(OpenFailure& failure);

    // Repair (repair.cpp): reference counts as the tables say.
    int count_references(std::vector<uint32_t>& counts, const std::vector<Snapshot>& snapshots);
    int count_table(std::vector<uint32_t>& counts, const Table& l1);
    bool repair(const std::vector<Snapshot>& snapshots, uint64_t snapshot_table_bytes, OpenFailure& failure);

    Kind kind_of(uint64_t entry) const;
    uint64_t cluster() const { return header_.cluster(); }
    uint64_t in_cluster(uint64_t offset) const { return offset & (cluster() - 1); }
    bool in_file(uint64_t offset) const { return offset >> header_.cluster_bits < refcounts_.file_clusters(); }
    /// A cluster that may be overwritten in place: referred to once, in the file, and none of the tables.
    bool own(uint64_t entry) const;

    int l2_table(uint64_t offset, Table*& table);
    int entry_of(uint64_t offset, uint64_t& entry);
    int writable_l2(uint64_t offset, uint64_t& table_offset);
    int set_entry(uint64_t offset, uint64_t entry);
    int begin_changes();
    int release_entry(uint64_t entry);
    int release_clusters(uint64_t first, uint64_t last);
    int read_cluster_part(uint64_t entry, uint64_t offset, Buffers buffers);
    int read_compressed(uint64_t entry);
    int write_in_cluster(uint64_t offset, Buffers buffers);
    int zero_cluster(uint64_t offset, bool unmap);
    int zero_part(uint64_t offset, uint64_t length);

    File file_;
    Header header_;
    std::unique_ptr<Image> backing_;
    uint64_t size_;
    std::unordered_set<uint64_t> metadata_; ///< Clusters with tables.
    Refcounts refcounts_;
    Table l1_;
    TableCache<Table> l2_{64};
    bool writable_ = false;
    bool changed_ = false;            ///< The file says "dirty".
    bool broken_ = false;             ///< The file contradicted itself: nothing is written any more.
    uint64_t decompressed_entry_ = 0; ///< What is in decompressed_; 0: nothing.
    std::vector<uint8_t> decompressed_;
};

} // namespace beeline::block::qcow2
