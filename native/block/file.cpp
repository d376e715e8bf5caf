#include "block/file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace beeline::block {

namespace {

// QEMU's image locks: shared locks on single bytes say what an opener does (from kHeldBase) and what it does not let
// others do meanwhile (from kDeniedBase), by the number of the permission.
constexpr off_t kHeldBase = 100, kDeniedBase = 200;
constexpr unsigned kConsistentRead = 0, kWrite = 1, kResize = 3;

bool lock_byte(int fd, off_t byte) {
    struct flock lock {};
    lock.l_type = F_RDLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool byte_is_locked(int fd, off_t byte) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/// False: somebody else uses the file in a way that does not go together with ours.
bool lock_image(int fd, bool writable) {
    if (!lock_byte(fd, kHeldBase + kConsistentRead)) return errno != EAGAIN && errno != EACCES;
    if (writable) {
        lock_byte(fd, kHeldBase + kWrite);
        lock_byte(fd, kHeldBase + kResize);
    }
    lock_byte(fd, kDeniedBase + kWrite);
    lock_byte(fd, kDeniedBase + kResize);
    if (byte_is_locked(fd, kDeniedBase + kConsistentRead)) return false;
    if (writable && (byte_is_locked(fd, kDeniedBase + kWrite) || byte_is_locked(fd, kDeniedBase + kResize)))
        return false;
    return !byte_is_locked(fd, kHeldBase + kWrite) && !byte_is_locked(fd, kHeldBase + kResize);
}

} // namespace

File::~File() {
    if (descriptor_ >= 0) close(descriptor_);
}

bool File::open(const std::string& path, bool writable, OpenFailure& failure) {
    using Kind = OpenFailure::Kind;
    // Not blocking, so that a FIFO is refused rather than waited for.
    const int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
    *this = File(::open(path.c_str(), flags));
    if (descriptor_ < 0) {
        const int error = errno;
        if (error == ENOENT || error == ENOTDIR) {
            failure = {Kind::Missing, path, {}, {}};
        } else if (error == EISDIR) {
            failure = {Kind::Unreadable, path, "it is a folder", {}};
        } else {
            const bool reading_works = writable && access(path.c_str(), R_OK) == 0;
            failure = {reading_works ? Kind::Unwritable : Kind::Unreadable, path, std::strerror(error), {}};
        }
        return false;
    }
    struct stat status {};
    if (fstat(descriptor_, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISBLK(status.st_mode))) {
        const char* what =
            S_ISDIR(status.st_mode) ? "it is a folder" : "it is neither a regular file nor a block device";
        failure = {Kind::Unreadable, path, what, {}};
        return false;
    }
    if (!lock_image(descriptor_, writable)) {
        failure = {Kind::Refused, path, "another process uses it",
                   writable ? "end that one, or add ,snapshot or ,readonly" : "end the one that writes to it"};
        return false;
    }
    return true;
}

bool File::create_temporary(OpenFailure& failure) {
    const char* set = std::getenv("TMPDIR");
    const std::string folder = set != nullptr && *set != 0 ? set : "/var/tmp";
    *this = File(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (descriptor_ < 0) {
        // Not every file system knows O_TMPFILE.
        std::string name = folder + "/beeline-XXXXXX";
        *this = File(mkostemp(name.data(), O_CLOEXEC));
        if (descriptor_ >= 0) unlink(name.c_str());
    }
    if (descriptor_ >= 0) return true;
    failure = {OpenFailure::Kind::Refused, folder, "no temporary file can be made there",
               "point TMPDIR at a folder that can be written to"};
    return false;
}

bool File::size(uint64_t& bytes) const {
    struct stat status {};
    if (fstat(descriptor_, &status) != 0) return false;
    bytes = static_cast<uint64_t>(status.st_size);
    return !S_ISBLK(status.st_mode) || ioctl(descriptor_, BLKGETSIZE64, &bytes) == 0;
}

} // namespace beeline::block
