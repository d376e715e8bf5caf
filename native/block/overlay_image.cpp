#include "block/overlay_image.h"

#include <algorithm>

namespace beeline::block {

Extent OverlayImage::map(uint64_t offset, uint64_t length, bool write) {
    uint64_t cluster = offset / kCluster;
    const bool own = present_[cluster];
    const uint64_t end = offset + length;
    while (++cluster * kCluster < end && present_[cluster] == own) {
    }
    length = std::min(end, cluster * kCluster) - offset;
    if (own) return {Extent::Kind::File, file_.descriptor(), offset, length};
    return write ? Extent{.length = length} : base_->map(offset, length, false);
}

int OverlayImage::read(uint64_t offset, Buffers buffers) {
    const uint64_t length = length_of(buffers);
    for (uint64_t done = 0; done < length;) {
        const Extent extent = map(offset + done, length - done, false);
        const std::vector<iovec> part = slice(buffers, done, extent.length);
        int error = 0;
        if (extent.kind == Extent::Kind::File)
            error = read_file(extent.fd, extent.offset, part);
        else if (extent.kind == Extent::Kind::Zero)
            fill_zero(part);
        else
            error = base_->read(offset + done, part);
        if (error != 0) return error;
        done += extent.length;
    }
    return 0;
}

/// Copies a cluster from the base.
int OverlayImage::take(uint64_t cluster) {
    if (present_[cluster]) return 0;
    const uint64_t begin = cluster * kCluster;
    std::vector<uint8_t> bytes(std::min(kCluster, size() - begin));
    const iovec buffer{bytes.data(), bytes.size()};
    if (const int error = base_->read(begin, Buffers(&buffer, 1)); error != 0) return error;
    if (const int error = write_file(file_.descriptor(), begin, bytes.data(), bytes.size()); error != 0) return error;
    present_[cluster] = true;
    return 0;
}

int OverlayImage::write(uint64_t offset, Buffers buffers) {
    const uint64_t end = offset + length_of(buffers);
    if (end == offset) return 0;
    const uint64_t first = offset / kCluster, last = (end - 1) / kCluster;
    // Clusters that are written in part only.
    if (offset % kCluster != 0)
        if (const int error = take(first); error != 0) return error;
    if (end % kCluster != 0 && end != size())
        if (const int error = take(last); error != 0) return error;
    if (const int error = write_file(file_.descriptor(), offset, buffers); error != 0) return error;
    std::fill(present_.begin() + static_cast<std::ptrdiff_t>(first),
              present_.begin() + static_cast<std::ptrdiff_t>(last) + 1, true);
    return 0;
}

int OverlayImage::write_zeroes(uint64_t offset, uint64_t length, bool) {
    const uint64_t end = offset + length;
    if (length == 0) return 0;
    const uint64_t first = offset / kCluster, last = (end - 1) / kCluster;
    if (offset % kCluster != 0)
        if (const int error = take(first); error != 0) return error;
    if (end % kCluster != 0 && end != size())
        if (const int error = take(last); error != 0) return error;
    if (const int error = zero_file(file_.descriptor(), offset, length, true); error != 0) return error;
    std::fill(present_.begin() + static_cast<std::ptrdiff_t>(first),
              present_.begin() + static_cast<std::ptrdiff_t>(last) + 1, true);
    return 0;
}

} // namespace beeline::block
