#include "stream/file_stream.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace beeline::stream {

namespace {

/// How soon output is tried again that the host had no room for, in milliseconds.
constexpr int kRetry = 1000;

} // namespace

std::unique_ptr<FileStream> FileStream::open(const std::string& path, bool truncate, StreamFailure& failure) {
    // Not waiting for the reader of a FIFO, which is refused.
    const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    struct stat status {};
    if (fd < 0 || fstat(fd, &status) != 0) {
        failure = {fmt::format("{} cannot be written ({})", path, std::strerror(errno)),
                   "choose a path in a folder that you may write to"};
    } else if (!S_ISREG(status.st_mode)) {
        failure = {fmt::format("{} is not a regular file", path), "give another path, or a socket"};
    } else if (truncate && ftruncate(fd, 0) != 0) {
        failure = {fmt::format("{} cannot be emptied ({})", path, std::strerror(errno)), "choose another path"};
    } else {
        return std::unique_ptr<FileStream>(new FileStream(fd));
    }
    if (fd >= 0) close(fd);
    return nullptr;
}

FileStream::~FileStream() { close(fd_); }

int FileStream::prepare(std::vector<pollfd>&, bool, bool writing) { return writing ? kRetry : -1; }

size_t FileStream::write(std::span<const iovec> buffers) {
    const ssize_t written = writev(fd_, buffers.data(), static_cast<int>(buffers.size()));
    return written > 0 ? static_cast<size_t>(written) : 0;
}

} // namespace beeline::stream
