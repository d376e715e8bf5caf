#include "board/flash_file.h"

#include "devices/cfi_flash.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace beeline::board {

namespace {

constexpr uint64_t kSize = devices::CfiFlash::kSize;

bool write_all(int file, uint64_t offset, std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t done = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        bytes = bytes.subspan(static_cast<size_t>(done));
        offset += static_cast<uint64_t>(done);
    }
    return true;
}

/// Makes an erased flash of a file that is not there. It gets its name when it is complete; errno says what failed.
bool create_erased(const std::string& path) {
    const std::string unfinished = fmt::format("{}.{}", path, getpid());
    const int file = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) return false;
    const std::vector<uint8_t> erased(devices::CfiFlash::kBlockSize, 0xFF);
    bool complete = true;
    for (uint64_t offset = 0; complete && offset < kSize; offset += erased.size())
        complete = write_all(file, offset, erased);
    // Not over a file that somebody else has made in the meantime.
    complete = complete && (link(unfinished.c_str(), path.c_str()) == 0 || errno == EEXIST);
    const int reason = errno;
    close(file);
    unlink(unfinished.c_str());
    errno = reason;
    return complete;
}

} // namespace

Result<std::unique_ptr<FlashFile>> FlashFile::open(const std::string& option, const std::string& path) {
    if (access(path.c_str(), F_OK) != 0 && errno == ENOENT && !create_erased(path))
        return unwritable_file(option, path, std::strerror(errno));
    block::File file;
    if (block::OpenFailure failure; !file.open(path, true, failure)) {
        if (failure.kind != block::OpenFailure::Kind::Refused) return open_error(option, failure);
        return value_error(option, fmt::format("another machine uses {}", path), "give each machine a file of its own");
    }
    uint64_t size = 0;
    if (!file.size(size)) return unreadable_file(option, path, std::strerror(errno));
    if (size != kSize)
        return wrong_kind(option, path, fmt::format("a flash of {} bytes", kSize),
                          fmt::format("it has {} bytes", size));
    return std::unique_ptr<FlashFile>(new FlashFile(option, path, std::move(file)));
}

Status FlashFile::read(uint8_t* destination) const {
    for (uint64_t offset = 0; offset < kSize;) {
        const ssize_t got = pread(file_.descriptor(), destination + offset, kSize - offset, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable_file(option_, path_, std::strerror(errno));
        if (got == 0) return unreadable_file(option_, path_, "it became shorter while it was read");
        offset += static_cast<uint64_t>(got);
    }
    return success();
}

bool FlashFile::write(uint64_t offset, std::span<const uint8_t> bytes) {
    return write_all(file_.descriptor(), offset, bytes);
}

} // namespace beeline::board
