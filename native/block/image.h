// A disk image of any format: a row of bytes that can be read and written, and whose place in a file can be asked for.
#pragma once

#include "block/format.h"

#include <cstdint>
#include <span>
#include <sys/uio.h>
#include <vector>

namespace beeline::block {

using Buffers = std::span<const iovec>;

class OverlayImage;

/// Where a run of an image's bytes lies.
struct Extent {
    enum class Kind : uint8_t {
        File,  ///< In `fd` at `offset`: whoever asked may read or write it there himself.
        Zero,  ///< Nowhere: the bytes are 0. Never for writing.
        Image, ///< The image has to do it: read(), write().
    };
    Kind kind = Kind::Image;
    int fd = -1;
    uint64_t offset = 0;
    uint64_t length = 0; ///< At least 1, at most what was asked for.
};

/// Ranges lie within size(). Not thread-safe: one thread uses an image. Results are 0 or an errno.
class Image {
public:
    virtual ~Image() = default;

    virtual uint64_t size() const = 0;
    virtual Format format() const { return Format::Raw; }
    virtual Extent map(uint64_t offset, uint64_t length, bool write) = 0;
    virtual int read(uint64_t offset, Buffers buffers) = 0;
    virtual int write(uint64_t offset, Buffers buffers) = 0;
    /// The range reads as 0 from now on; `unmap` gives its space back where that is possible.
    virtual int write_zeroes(uint64_t offset, uint64_t length, bool unmap) = 0;
    /// The range's contents are not needed any more.
    virtual int discard(uint64_t offset, uint64_t length) = 0;
    /// What has to reach the disk with fdatasync for the guest's writes to last; -1: nothing.
    virtual int flush_descriptor() const = 0;
    /// Nothing is left to be written, and the files on the host say so.
    virtual int settle() = 0;
    /// The files whose contents the image shows, by their descriptors.
    virtual void append_files(std::vector<int>& descriptors) const = 0;
    /// nullptr: it is no overlay.
    virtual OverlayImage* overlay() { return nullptr; }
};

/// Buffers from `offset` on, `length` bytes of them.
std::vector<iovec> slice(Buffers buffers, uint64_t offset, uint64_t length);
uint64_t length_of(Buffers buffers);
void fill_zero(Buffers buffers);

// Whole transfers: partial ones are continued. What lies beyond the file's end reads as 0. 0 or an errno.
int read_file(int fd, uint64_t offset, Buffers buffers);
int read_file(int fd, uint64_t offset, void* bytes, size_t length);
int write_file(int fd, uint64_t offset, Buffers buffers);
int write_file(int fd, uint64_t offset, const void* bytes, size_t length);
/// By a hole where the file system has them, else by writing.
int zero_file(int fd, uint64_t offset, uint64_t length, bool unmap);

} // namespace beeline::block
