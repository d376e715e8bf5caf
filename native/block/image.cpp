#include "block/image.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits.h>

namespace beeline::block {

namespace {

template <class Transfer> int whole(Buffers buffers, uint64_t offset, bool read, Transfer transfer) {
    std::vector<iovec> rest;
    uint64_t done = 0;
    const uint64_t total = length_of(buffers);
    while (done != total) {
        if (done != 0) {
            rest = slice(buffers, done, total - done);
        } else if (buffers.size() > IOV_MAX) {
            rest.assign(buffers.begin(), buffers.end());
        }
        const Buffers now = rest.empty() ? buffers : Buffers(rest);
        const ssize_t moved = transfer(now.data(), static_cast<int>(std::min<size_t>(now.size(), IOV_MAX)),
                                       static_cast<off_t>(offset + done));
        if (moved < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        if (moved == 0) {
            if (!read) return EIO;
            fill_zero(now);
            return 0;
        }
        done += static_cast<uint64_t>(moved);
    }
    return 0;
}

} // namespace

std::vector<iovec> slice(Buffers buffers, uint64_t offset, uint64_t length) {
    std::vector<iovec> part;
    for (const iovec& buffer : buffers) {
        if (length == 0) break;
        if (offset >= buffer.iov_len) {
            offset -= buffer.iov_len;
            continue;
        }
        const uint64_t count = std::min<uint64_t>(buffer.iov_len - offset, length);
        part.push_back({static_cast<uint8_t*>(buffer.iov_base) + offset, count});
        length -= count;
        offset = 0;
    }
    return part;
}

uint64_t length_of(Buffers buffers) {
    uint64_t total = 0;
    for (const iovec& buffer : buffers) total += buffer.iov_len;
    return total;
}

void fill_zero(Buffers buffers) {
    for (const iovec& buffer : buffers) std::memset(buffer.iov_base, 0, buffer.iov_len);
}

int read_file(int fd, uint64_t offset, Buffers buffers) {
    return whole(buffers, offset, true,
                 [fd](const iovec* vector, int count, off_t at) { return preadv(fd, vector, count, at); });
}

int read_file(int fd, uint64_t offset, void* bytes, size_t length) {
    const iovec buffer{bytes, length};
    return read_file(fd, offset, Buffers(&buffer, 1));
}

int write_file(int fd, uint64_t offset, Buffers buffers) {
    return whole(buffers, offset, false,
                 [fd](const iovec* vector, int count, off_t at) { return pwritev(fd, vector, count, at); });
}

int write_file(int fd, uint64_t offset, const void* bytes, size_t length) {
    const iovec buffer{const_cast<void*>(bytes), length};
    return write_file(fd, offset, Buffers(&buffer, 1));
}

int zero_file(int fd, uint64_t offset, uint64_t length, bool unmap) {
    const int how = unmap ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
    while (fallocate(fd, how, static_cast<off_t>(offset), static_cast<off_t>(length)) != 0) {
        if (errno == EINTR) continue;
        if (errno != EOPNOTSUPP) return errno;
        static constexpr size_t kStep = size_t{64} << 10;
        static const uint8_t zeroes[kStep] = {};
        for (uint64_t done = 0; done < length;) {
            const auto step = static_cast<size_t>(std::min<uint64_t>(kStep, length - done));
            if (const int error = write_file(fd, offset + done, zeroes, step); error != 0) return error;
            done += step;
        }
        return 0;
    }
    return 0;
}

} // namespace beeline::block
