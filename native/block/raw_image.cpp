#include "block/raw_image.h"

#include "block/format.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace beeline::block {

Extent RawImage::map(uint64_t offset, uint64_t length, bool write) {
    // The head is written by write(), which looks at what it is.
    if (write && guarded_ && offset < kFormatMagicBytes) return {.length = length};
    return {Extent::Kind::File, file_.descriptor(), offset, length};
}

int RawImage::write(uint64_t offset, Buffers buffers) {
    if (guarded_ && offset < kFormatMagicBytes) {
        uint8_t head[kFormatMagicBytes];
        if (const int error = read_file(file_.descriptor(), 0, head, sizeof head); error != 0) return error;
        uint64_t at = offset;
        for (const iovec& part : slice(buffers, 0, kFormatMagicBytes - offset)) {
            std::memcpy(head + at, part.iov_base, part.iov_len);
            at += part.iov_len;
        }
        if (format_of(head) != Format::Raw) return EPERM;
        // The guest could change its buffers behind the check: what was checked is written.
        const uint64_t checked = at - offset;
        if (const int error = write_file(file_.descriptor(), offset, head + offset, checked); error != 0) return error;
        const std::vector<iovec> rest = slice(buffers, checked, length_of(buffers) - checked);
        return write_file(file_.descriptor(), at, rest);
    }
    return write_file(file_.descriptor(), offset, buffers);
}

int RawImage::settle() {
    // What cannot be written has nothing to be.
    return fdatasync(file_.descriptor()) == 0 || errno == EROFS || errno == EINVAL ? 0 : errno;
}

int RawImage::discard(uint64_t offset, uint64_t length) {
    const int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (fallocate(file_.descriptor(), how, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0) return 0;
    return errno == EOPNOTSUPP ? 0 : errno;
}

} // namespace beeline::block
