#include "board/image_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <zlib.h>

namespace beeline::board {

Result<ImageFile> ImageFile::open(const std::string& option, const std::string& path) {
    ImageFile image(option, path);
    // Non-blocking: a FIFO must not hold us up before we have seen what it is.
    image.file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (image.file_ < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return missing_file(option, path);
        return unreadable_file(option, path, std::strerror(errno));
    }
    struct stat status {};
    if (fstat(image.file_, &status) != 0) return unreadable_file(option, path, std::strerror(errno));
    if (S_ISDIR(status.st_mode)) return unreadable_file(option, path, "it is a folder");
    if (!S_ISREG(status.st_mode)) return unreadable_file(option, path, "it is not a regular file");
    image.size_ = static_cast<uint64_t>(status.st_size);
    return image;
}

ImageFile::ImageFile(ImageFile&& other) noexcept
    : option_(std::move(other.option_)), path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)),
      size_(other.size_), contents_(std::move(other.contents_)) {}

ImageFile::~ImageFile() {
    if (file_ >= 0) close(file_);
}

Status ImageFile::read(uint64_t offset, uint64_t length, uint8_t* destination) const {
    if (offset > size_ || length > size_ - offset) return unreadable_file(option_, path_, "it ends early");
    if (file_ < 0) {
        if (length != 0) std::memcpy(destination, contents_.data() + offset, length);
        return success();
    }
    while (length != 0) {
        const ssize_t got = pread(file_, destination, length, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable_file(option_, path_, std::strerror(errno));
        if (got == 0) return unreadable_file(option_, path_, "it became shorter while it was read");
        destination += got;
        offset += static_cast<uint64_t>(got);
        length -= static_cast<uint64_t>(got);
    }
    return success();
}

Result<std::vector<uint8_t>> ImageFile::peek(uint64_t length) const {
    std::vector<uint8_t> bytes(length);
    if (Status done = read(0, std::min(length, size_), bytes.data()); !done) return std::move(done.error());
    return bytes;
}

Result<ImageFile> ImageFile::gunzip(uint64_t offset, uint64_t length, uint64_t limit) const {
    constexpr size_t kChunk = size_t{1} << 18;
    constexpr int kGzipOnly = 15 + 16;
    struct Stream {
        z_stream z{};
        bool ready = inflateInit2(&z, kGzipOnly) == Z_OK;
        ~Stream() {
            if (ready) inflateEnd(&z);
        }
    } stream;
    if (!stream.ready) return unreadable_file(option_, path_, "there is no memory to decompress it");

    ImageFile result(option_, path_);
    std::vector<uint8_t> input(kChunk), output(kChunk);
    int state = Z_OK;
    while (state != Z_STREAM_END) {
        if (stream.z.avail_in == 0 && length != 0) {
            const uint64_t part = std::min<uint64_t>(length, kChunk);
            if (Status done = read(offset, part, input.data()); !done) return std::move(done.error());
            stream.z.next_in = input.data();
            stream.z.avail_in = static_cast<uInt>(part);
            offset += part;
            length -= part;
        }
        stream.z.next_out = output.data();
        stream.z.avail_out = kChunk;
        state = inflate(&stream.z, Z_NO_FLUSH);
        if (state == Z_BUF_ERROR) return wrong_kind(option_, path_, "a complete gzip file", "its end is missing");
        if (state != Z_OK && state != Z_STREAM_END)
            return wrong_kind(option_, path_, "an intact gzip file",
                              stream.z.msg != nullptr ? stream.z.msg : "its data are broken");
        const size_t produced = kChunk - stream.z.avail_out;
        if (result.contents_.size() + produced > limit)
            return too_big(option_, path_, result.contents_.size() + produced, limit, "decompressed");
        result.contents_.insert(result.contents_.end(), output.begin(),
                                output.begin() + static_cast<std::ptrdiff_t>(produced));
    }
    result.size_ = result.contents_.size();
    return result;
}

} // namespace beeline::board
