#include "block/qcow2/qcow2_image.h"

#include "block/qcow2/compressed.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace beeline::block::qcow2 {

namespace {

constexpr uint64_t kCopied = uint64_t{1} << 63, kCompressed = uint64_t{1} << 62, kZero = 1;
constexpr uint64_t kOffsetMask = 0x00FF'FFFF'FFFF'FE00;

} // namespace

std::unique_ptr<Qcow2Image> Qcow2Image::open(File file, const Header& header, std::unique_ptr<Image> backing,
                                             const Options& options, OpenFailure& failure) {
    std::unique_ptr<Qcow2Image> image(new Qcow2Image(std::move(file), header, std::move(backing)));
    return image->load(options, failure) ? std::move(image) : nullptr;
}

Qcow2Image::~Qcow2Image() { settle(); }

int Qcow2Image::settle() {
    if (!changed_ || broken_) return 0;
    const int fd = file_.descriptor();
    if (fdatasync(fd) != 0) return errno;
    if (header_.version >= 3) {
        // Everything first, then the word that all is well.
        if (const int error = write_entry(fd, kIncompatibleField, header_.incompatible & ~kDirty); error != 0)
            return error;
        if (fdatasync(fd) != 0) return errno;
    }
    changed_ = false;
    return 0;
}

void Qcow2Image::append_files(std::vector<int>& descriptors) const {
    descriptors.push_back(file_.descriptor());
    if (backing_ != nullptr) backing_->append_files(descriptors);
}

bool Qcow2Image::load(const Options& options, OpenFailure& failure) {
    const auto refuse = [&](std::string detail, std::string remedy) {
        failure.kind = OpenFailure::Kind::Refused;
        failure.detail = std::move(detail);
        failure.remedy = std::move(remedy);
        return false;
    };
    uint64_t file_bytes = 0, snapshot_table_bytes = 0;
    if (!file_.size(file_bytes)) return refuse("its size cannot be told", "take another copy");
    std::vector<Snapshot> snapshots;
    if (!read_snapshots(file_.descriptor(), header_, snapshots, snapshot_table_bytes, failure)) return false;
    if (!options.snapshot.empty()) {
        const auto wanted = [&](const Snapshot& snapshot) {
            return snapshot.name == options.snapshot || snapshot.id == options.snapshot;
        };
        const auto found = std::find_if(snapshots.begin(), snapshots.end(), wanted);
        if (found == snapshots.end())
            return refuse(fmt::format("it has no snapshot {}", options.snapshot),
                          "qemu-img snapshot -l FILE lists them");
        if (options.writable) return refuse("its snapshots cannot be written to", "add ,readonly or ,snapshot");
        header_.l1_offset = found->l1_offset;
        header_.l1_entries = found->l1_entries;
        size_ = found->size;
    }
    if (options.writable && (header_.incompatible & kCorrupt) != 0)
        return refuse("it is marked as corrupt", "repair it: qemu-img check -r all FILE");
    constexpr const char* kRepair = "repair it: qemu-img check -r all FILE";
    if (refcounts_.open(file_bytes) != 0) return refuse("its refcount table contradicts itself", kRepair);
    if (!load_tables(failure)) return false;
    if (!options.writable) return true;
    metadata_.insert(0);
    for (uint64_t at = 0; at < snapshot_table_bytes; at += cluster())
        metadata_.insert((header_.snapshots_offset + at) >> header_.cluster_bits);
    for (const Snapshot& snapshot : snapshots)
        for (uint64_t at = 0; at < uint64_t{snapshot.l1_entries} * 8; at += cluster())
            metadata_.insert((snapshot.l1_offset + at) >> header_.cluster_bits);
    writable_ = true;
    if ((header_.incompatible & kDirty) != 0) return repair(snapshots, snapshot_table_bytes, failure);
    return true;
}

bool Qcow2Image::load_tables(OpenFailure& failure) {
    failure.kind = OpenFailure::Kind::Refused;
    failure.remedy = "repair it: qemu-img check -r all FILE";
    const uint64_t l1_bytes = uint64_t{header_.l1_entries} * 8;
    if (!in_file(header_.l1_offset + l1_bytes - 1)) {
        failure.detail = "its L1 table lies behind the file's end";
        return false;
    }
    if (const int error = read_table(file_.descriptor(), header_.l1_offset, header_.l1_entries, l1_); error != 0) {
        failure.detail = std::strerror(error);
        return false;
    }
    bool sound = true;
    for (uint64_t at = 0; at < l1_bytes; at += cluster())
        sound = sound && metadata_.insert((header_.l1_offset + at) >> header_.cluster_bits).second;
    for (const uint64_t entry : l1_) {
        const uint64_t offset = entry & kOffsetMask;
        if (offset == 0) continue;
        sound = sound && in_cluster(offset) == 0 && in_file(offset) &&
                metadata_.insert(offset >> header_.cluster_bits).second;
    }
    if (!sound) failure.detail = "its tables overlap, or lie behind the file's end";
    return sound;
}

Qcow2Image::Kind Qcow2Image::kind_of(uint64_t entry) const {
    if ((entry & kCompressed) != 0) return Kind::Compressed;
    if (header_.version >= 3 && (entry & kZero) != 0) return Kind::Zero;
    return (entry & kOffsetMask) == 0 ? Kind::Unallocated : Kind::Standard;
}

bool Qcow2Image::own(uint64_t entry) const {
    const uint64_t offset = entry & kOffsetMask;
    return (entry & kCopied) != 0 && offset != 0 && in_cluster(offset) == 0 && in_file(offset) &&
           !metadata_.contains(offset >> header_.cluster_bits);
}

// ---- Looking things up --------------------------------------------------------------------------------------------

int Qcow2Image::l2_table(uint64_t offset, Table*& table) {
    table = l2_.find(offset);
    if (table != nullptr) return 0;
    Table read;
    if (const int error = read_table(file_.descriptor(), offset, header_.l2_entries(), read); error != 0) return error;
    table = l2_.insert(offset, std::move(read));
    return 0;
}

int Qcow2Image::entry_of(uint64_t offset, uint64_t& entry) {
    const uint64_t number = offset >> header_.cluster_bits;
    const uint64_t l2 = l1_[number / header_.l2_entries()] & kOffsetMask;
    entry = 0;
    if (l2 == 0) return 0;
    Table* table = nullptr;
    if (const int error = l2_table(l2, table); error != 0) return error;
    entry = (*table)[number % header_.l2_entries()];
    return 0;
}

Extent Qcow2Image::map(uint64_t offset, uint64_t length, bool write) {
    const uint64_t wanted = length;
    length = std::min(length, cluster() - in_cluster(offset));
    const Extent by_image{.length = length};
    uint64_t entry = 0;
    if (entry_of(offset, entry) != 0) return by_image;
    const uint64_t host = entry & kOffsetMask;
    switch (kind_of(entry)) {
    case Kind::Compressed: return by_image;
    case Kind::Zero:
        if (write) return by_image;
        return {.kind = Extent::Kind::Zero, .length = length};
    case Kind::Unallocated: {
        if (write) return by_image;
        if (backing_ == nullptr || offset >= backing_->size()) return {.kind = Extent::Kind::Zero, .length = length};
        return backing_->map(offset, std::min(length, backing_->size() - offset), false);
    }
    case Kind::Standard: break;
    }
    const auto usable = [&](uint64_t entry) {
        const uint64_t place = entry & kOffsetMask;
        return write ? own(entry) && !broken_ && changed_ : in_cluster(place) == 0 && in_file(place);
    };
    if (!usable(entry)) return by_image;
    // The clusters behind, as far as they lie behind in the file too.
    uint64_t next = 0;
    while (length < wanted && entry_of(offset + length, next) == 0 && kind_of(next) == Kind::Standard && usable(next) &&
           (next & kOffsetMask) == host + in_cluster(offset) + length)
        length += std::min(wanted - length, cluster());
    return {Extent::Kind::File, file_.descriptor(), host + in_cluster(offset), length};
}

int Qcow2Image::read_compressed(uint64_t entry) {
    if (decompressed_entry_ == entry) return 0;
    decompressed_entry_ = 0;
    const CompressedPlace place = compressed_place(header_, entry);
    if (!in_file(place.offset)) return EIO;
    std::vector<uint8_t> data(place.length);
    if (const int error = read_file(file_.descriptor(), place.offset, data.data(), data.size()); error != 0)
        return error;
    decompressed_.resize(cluster());
    if (!decompress(header_.compression, data, decompressed_)) return EIO;
    decompressed_entry_ = entry;
    return 0;
}

/// Part of one cluster.
int Qcow2Image::read_cluster_part(uint64_t entry, uint64_t offset, Buffers buffers) {
    switch (kind_of(entry)) {
    case Kind::Zero: fill_zero(buffers); return 0;
    case Kind::Unallocated: {
        const uint64_t there = backing_ == nullptr || offset >= backing_->size() ? 0 : backing_->size() - offset;
        const uint64_t length = length_of(buffers), known = std::min(there, length);
        fill_zero(slice(buffers, known, length - known));
        return known == 0 ? 0 : backing_->read(offset, slice(buffers, 0, known));
    }
    case Kind::Compressed: {
        if (const int error = read_compressed(entry); error != 0) return error;
        const uint8_t* from = decompressed_.data() + in_cluster(offset);
        for (const iovec& part : buffers) {
            std::memcpy(part.iov_base, from, part.iov_len);
            from += part.iov_len;
        }
        return 0;
    }
    case Kind::Standard: break;
    }
    const uint64_t host = entry & kOffsetMask;
    if (in_cluster(host) != 0 || !in_file(host)) return EIO;
    return read_file(file_.descriptor(), host + in_cluster(offset), buffers);
}

int Qcow2Image::read(uint64_t offset, Buffers buffers) {
    const uint64_t length = length_of(buffers);
    for (uint64_t done = 0; done < length;) {
        const uint64_t step = std::min(length - done, cluster() - in_cluster(offset + done));
        uint64_t entry = 0;
        if (const int error = entry_of(offset + done, entry); error != 0) return error;
        if (const int error = read_cluster_part(entry, offset + done, slice(buffers, done, step)); error != 0)
            return error;
        done += step;
    }
    return 0;
}

// ---- Changing things ----------------------------------------------------------------------------------------------

/// Says "dirty" before the first change.
int Qcow2Image::begin_changes() {
    if (broken_ || !writable_) return EUCLEAN;
    if (changed_) return 0;
    if (header_.version >= 3) {
        const int fd = file_.descriptor();
        // Extensions whose bits these are have not been kept up to date from now on.
        if (const int error = write_entry(fd, kAutoclearField, 0); error != 0) return error;
        if (const int error = write_entry(fd, kIncompatibleField, header_.incompatible | kDirty); error != 0)
            return error;
        if (fdatasync(fd) != 0) return errno;
    }
    changed_ = true;
    return 0;
}

/// The place of the L2 table for `offset`, which is ours alone afterwards.
int Qcow2Image::writable_l2(uint64_t offset, uint64_t& table_offset) {
    const uint64_t index = (offset >> header_.cluster_bits) / header_.l2_entries();
    const uint64_t before = l1_[index] & kOffsetMask;
    table_offset = before;
    if (before != 0 && (l1_[index] & kCopied) != 0) return 0;
    Table contents(header_.l2_entries());
    if (before != 0) {
        uint64_t references = 0;
        if (const int error = refcounts_.get(before >> header_.cluster_bits, references); error != 0) return error;
        Table* shared = nullptr;
        if (const int error = l2_table(before, shared); error != 0) return error;
        if (references <= 1) return references == 1 ? 0 : EUCLEAN;
        contents = *shared;
    }
    uint64_t fresh_cluster = 0;
    bool fresh = false;
    if (const int error = refcounts_.allocate(fresh_cluster, fresh); error != 0) return error;
    table_offset = fresh_cluster << header_.cluster_bits;
    const int fd = file_.descriptor();
    int error = write_table(fd, table_offset, contents);
    // The L1 table must never lead to a table that is not there.
    if (error == 0 && fdatasync(fd) != 0) error = errno;
    if (error == 0) error = write_entry(fd, header_.l1_offset + index * 8, table_offset | kCopied);
    uint64_t left = 0;
    if (error != 0) {
        refcounts_.decrease(fresh_cluster, left);
        return error;
    }
    l1_[index] = table_offset | kCopied;
    metadata_.insert(fresh_cluster);
    l2_.insert(table_offset, std::move(contents));
    // A snapshot still has the old one.
    return before == 0 ? 0 : refcounts_.decrease(before >> header_.cluster_bits, left);
}

int Qcow2Image::set_entry(uint64_t offset, uint64_t entry) {
    uint64_t place = 0;
    if (const int error = writable_l2(offset, place); error != 0) return error;
    Table* table = nullptr;
    if (const int error = l2_table(place, table); error != 0) return error;
    const uint64_t index = (offset >> header_.cluster_bits) % header_.l2_entries();
    if (const int error = write_entry(file_.descriptor(), place + index * 8, entry); error != 0) return error;
    (*table)[index] = entry;
    return 0;
}

/// One reference less to each cluster of a range; what is free is given back to the host.
int Qcow2Image::release_clusters(uint64_t first, uint64_t last) {
    for (uint64_t number = first; number <= last; number++) {
        uint64_t left = 0;
        if (metadata_.contains(number)) return EUCLEAN;
        if (const int error = refcounts_.decrease(number, left); error != 0) return error;
        if (left != 0) continue;
        fallocate(file_.descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(number << header_.cluster_bits), static_cast<off_t>(cluster()));
    }
    return 0;
}

/// What an entry that has been replaced referred to.
int Qcow2Image::release_entry(uint64_t entry) {
    if (kind_of(entry) == Kind::Compressed) {
        const CompressedPlace place = compressed_place(header_, entry);
        if (decompressed_entry_ == entry) decompressed_entry_ = 0;
        return release_clusters(place.offset >> header_.cluster_bits,
                                (place.offset + place.length - 1) >> header_.cluster_bits);
    }
    const uint64_t number = (entry & kOffsetMask) >> header_.cluster_bits;
    return number == 0 ? 0 : release_clusters(number, number);
}

/// Part of one cluster, or all of it.
int Qcow2Image::write_in_cluster(uint64_t offset, Buffers buffers) {
    const uint64_t begin = offset - in_cluster(offset), length = length_of(buffers);
    const int fd = file_.descriptor();
    uint64_t entry = 0;
    if (const int error = entry_of(offset, entry); error != 0) return error;
    const Kind kind = kind_of(entry);
    const uint64_t host = entry & kOffsetMask;
    bool keeps_place = kind != Kind::Compressed && own(entry);
    if (!keeps_place && (kind == Kind::Standard || (kind == Kind::Zero && host != 0))) {
        if (in_cluster(host) != 0 || !in_file(host) || metadata_.contains(host >> header_.cluster_bits)) return EUCLEAN;
        uint64_t references = 0;
        if (const int error = refcounts_.get(host >> header_.cluster_bits, references); error != 0) return error;
        if (references == 0) return EUCLEAN;
        keeps_place = references == 1;
    }
    if (keeps_place && kind == Kind::Standard) {
        if (const int error = write_file(fd, host + in_cluster(offset), buffers); error != 0) return error;
        return (entry & kCopied) != 0 ? 0 : set_entry(offset, entry | kCopied);
    }
    // The table first: afterwards nothing but the entry is missing.
    uint64_t table_place = 0;
    if (const int error = writable_l2(offset, table_place); error != 0) return error;
    uint64_t number = host >> header_.cluster_bits, left = 0;
    bool fresh = false;
    if (!keeps_place)
        if (const int error = refcounts_.allocate(number, fresh); error != 0) return error;
    const uint64_t target = number << header_.cluster_bits;
    const bool was_zero =
        kind == Kind::Zero || (kind == Kind::Unallocated && (backing_ == nullptr || begin >= backing_->size()));
    int error = 0;
    if (length == cluster() || (fresh && was_zero)) {
        error = write_file(fd, target + in_cluster(offset), buffers);
    } else {
        std::vector<uint8_t> whole(cluster());
        // The disk may end within its last cluster.
        const iovec all{whole.data(), std::min(cluster(), size_ - begin)};
        error = read_cluster_part(entry, begin, Buffers(&all, 1));
        uint64_t at = in_cluster(offset);
        for (const iovec& part : buffers) {
            std::memcpy(whole.data() + at, part.iov_base, part.iov_len);
            at += part.iov_len;
        }
        if (error == 0) error = write_file(fd, target, whole.data(), whole.size());
    }
    if (error == 0) error = set_entry(offset, target | kCopied);
    if (error != 0) {
        if (!keeps_place) refcounts_.decrease(number, left);
        return error;
    }
    return keeps_place ? 0 : release_entry(entry);
}

int Qcow2Image::write(uint64_t offset, Buffers buffers) {
    if (const int error = begin_changes(); error != 0) return error;
    const uint64_t length = length_of(buffers);
    for (uint64_t done = 0; done < length;) {
        const uint64_t step = std::min(length - done, cluster() - in_cluster(offset + done));
        if (const int error = write_in_cluster(offset + done, slice(buffers, done, step)); error != 0) {
            if (error == EUCLEAN) broken_ = true;
            return error;
        }
        done += step;
    }
    return 0;
}

int Qcow2Image::zero_part(uint64_t offset, uint64_t length) {
    uint64_t entry = 0;
    if (const int error = entry_of(offset, entry); error != 0) return error;
    const bool is_zero = kind_of(entry) == Kind::Zero || (kind_of(entry) == Kind::Unallocated && backing_ == nullptr);
    if (is_zero) return 0;
    std::vector<uint8_t> zeroes(length);
    const iovec all{zeroes.data(), zeroes.size()};
    return write_in_cluster(offset, Buffers(&all, 1));
}

/// A whole cluster reads as 0 from now on.
int Qcow2Image::zero_cluster(uint64_t offset, bool unmap) {
    uint64_t entry = 0;
    if (const int error = entry_of(offset, entry); error != 0) return error;
    const Kind kind = kind_of(entry);
    const bool keeps_place = !unmap && kind != Kind::Compressed && own(entry);
    if (kind == Kind::Unallocated && backing_ == nullptr) return 0;
    if (kind == Kind::Zero && (keeps_place || (entry & kOffsetMask) == 0)) return 0;
    if (header_.version < 3) {
        // No zero clusters there: without a backing file an entry that is gone does.
        if (backing_ != nullptr) return zero_part(offset, std::min(cluster(), size_ - offset));
        if (const int error = set_entry(offset, 0); error != 0) return error;
        return release_entry(entry);
    }
    if (const int error = set_entry(offset, keeps_place ? entry | kZero : kZero); error != 0) return error;
    return keeps_place ? 0 : release_entry(entry);
}

int Qcow2Image::write_zeroes(uint64_t offset, uint64_t length, bool unmap) {
    if (const int error = begin_changes(); error != 0) return error;
    const uint64_t end = offset + length;
    for (uint64_t at = offset; at < end;) {
        const uint64_t step = std::min(end - at, cluster() - in_cluster(at));
        const bool whole = in_cluster(at) == 0 && (step == cluster() || at + step == size_);
        if (const int error = whole ? zero_cluster(at, unmap) : zero_part(at, step); error != 0) return error;
        at += step;
    }
    return 0;
}

/// Whole clusters, which read as 0 afterwards; others stay as they are.
int Qcow2Image::discard(uint64_t offset, uint64_t length) {
    const uint64_t end = offset + length == size_ ? size_ + cluster() - 1 : offset + length;
    const uint64_t first = (offset + cluster() - 1) & ~(cluster() - 1), last = end & ~(cluster() - 1);
    // Without zero clusters what the backing file has would come to light.
    if (first >= last || (header_.version < 3 && backing_ != nullptr)) return 0;
    if (const int error = begin_changes(); error != 0) return error;
    for (uint64_t at = first; at < last; at += cluster())
        if (const int error = zero_cluster(at, true); error != 0) return error;
    return 0;
}

} // namespace beeline::block::qcow2
