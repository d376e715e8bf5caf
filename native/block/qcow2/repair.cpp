// Counting references anew, for a file whose last user did not come to an orderly end.
#include "block/qcow2/compressed.h"
#include "block/qcow2/qcow2_image.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace beeline::block::qcow2 {

namespace {

constexpr uint64_t kOffsetMask = 0x00FF'FFFF'FFFF'FE00;

/// References to a range of bytes. False: it is not in the file.
bool refer(std::vector<uint32_t>& counts, const Header& header, uint64_t offset, uint64_t bytes) {
    if (bytes == 0) return true;
    const uint64_t first = offset >> header.cluster_bits, last = (offset + bytes - 1) >> header.cluster_bits;
    if (last >= counts.size()) return false;
    for (uint64_t number = first; number <= last; number++) counts[number]++;
    return true;
}

} // namespace

/// The second-level tables of a first-level table, and what they refer to.
int Qcow2Image::count_table(std::vector<uint32_t>& counts, const Table& l1) {
    for (const uint64_t l1_entry : l1) {
        const uint64_t offset = l1_entry & kOffsetMask;
        if (offset == 0) continue;
        if (in_cluster(offset) != 0 || !refer(counts, header_, offset, cluster())) return EUCLEAN;
        Table table;
        if (const int error = read_table(file_.descriptor(), offset, header_.l2_entries(), table); error != 0)
            return error;
        for (const uint64_t entry : table) {
            if (kind_of(entry) == Kind::Compressed) {
                const CompressedPlace place = compressed_place(header_, entry);
                if (!refer(counts, header_, place.offset, place.length)) return EUCLEAN;
            } else if ((entry & kOffsetMask) != 0) {
                if (!refer(counts, header_, entry & kOffsetMask, cluster())) return EUCLEAN;
            }
        }
    }
    return 0;
}

int Qcow2Image::count_references(std::vector<uint32_t>& counts, const std::vector<Snapshot>& snapshots) {
    counts.assign(refcounts_.file_clusters(), 0);
    bool sound = refer(counts, header_, 0, cluster());
    sound = sound && refer(counts, header_, header_.refcount_table_offset,
                           uint64_t{header_.refcount_table_clusters} << header_.cluster_bits);
    for (const uint64_t block : refcounts_.table())
        if (block != 0) sound = sound && refer(counts, header_, block, cluster());
    sound = sound && refer(counts, header_, header_.l1_offset, uint64_t{header_.l1_entries} * 8);
    if (!sound) return EUCLEAN;
    if (const int error = count_table(counts, l1_); error != 0) return error;
    for (const Snapshot& snapshot : snapshots) {
        Table l1;
        if (!refer(counts, header_, snapshot.l1_offset, uint64_t{snapshot.l1_entries} * 8)) return EUCLEAN;
        if (const int error = read_table(file_.descriptor(), snapshot.l1_offset, snapshot.l1_entries, l1); error != 0)
            return error;
        if (const int error = count_table(counts, l1); error != 0) return error;
    }
    return 0;
}

bool Qcow2Image::repair(const std::vector<Snapshot>& snapshots, uint64_t snapshot_table_bytes, OpenFailure& failure) {
    const auto refuse = [&](const char* detail) {
        failure.kind = OpenFailure::Kind::Refused;
        failure.detail = detail;
        failure.remedy = "repair it: qemu-img check -r all FILE";
        return false;
    };
    std::vector<uint32_t> counts;
    if (count_references(counts, snapshots) != 0 ||
        !refer(counts, header_, header_.snapshots_offset, snapshot_table_bytes))
        return refuse("it was not closed in order, and its tables contradict themselves");
    for (uint64_t number = 0; number < counts.size(); number++) {
        if (metadata_.contains(number) && counts[number] > 1 && snapshots.empty())
            return refuse("it was not closed in order, and data lies in its tables");
        uint64_t count = 0;
        int error = refcounts_.get(number, count);
        if (error == 0 && count == counts[number]) continue;
        // A block that is missing would be made in the first of its clusters.
        const uint64_t first = number & ~(refcounts_.clusters_a_block() - 1);
        const bool has_block = refcounts_.table()[number / refcounts_.clusters_a_block()] != 0;
        if (error == 0 && !has_block && counts[first] != 0) error = EUCLEAN;
        if (error == 0) error = refcounts_.set(number, counts[number]);
        if (error != 0) return refuse("it was not closed in order, and cannot be repaired");
    }
    // begin_changes() says "dirty" again when there is something to say it for.
    const int fd = file_.descriptor();
    header_.incompatible &= ~kDirty;
    if (fdatasync(fd) != 0 || write_entry(fd, kIncompatibleField, header_.incompatible) != 0 || fdatasync(fd) != 0)
        return refuse("it was not closed in order, and cannot be written to");
    return true;
}

} // namespace beeline::block::qcow2
