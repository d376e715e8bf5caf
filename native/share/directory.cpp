#include "share/directory.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace beeline::share {

namespace {

constexpr int kObject = O_PATH | O_NOFOLLOW | O_CLOEXEC;
/// Nobody on the host is to run with the rights of whoever runs the guest.
constexpr mode_t kModeBits = 01777;
/// Those of a guest's open flags that mean something here.
constexpr int kOpenFlags = O_ACCMODE | O_TRUNC | O_APPEND | O_SYNC | O_DIRECTORY;
/// Nothing that is opened waits, or becomes a terminal.
constexpr int kAlwaysOpenFlags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

int open_beneath(int folder, const char* name) {
    open_how how{};
    how.flags = kObject;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    return static_cast<int>(syscall(SYS_openat2, folder, name, &how, sizeof how));
}

/// Where the kernel shows itself, files are more than files.
bool is_kernels_own(int fd) {
    struct statfs status {};
    if (fstatfs(fd, &status) != 0) return true;
    return status.f_type == PROC_SUPER_MAGIC || status.f_type == SYSFS_MAGIC;
}

std::string entry(int fd) { return fmt::format("{}", fd); }

} // namespace

Descriptor::~Descriptor() {
    if (fd_ >= 0) close(fd_);
}

std::unique_ptr<Directory> Directory::open(const std::string& path, bool read_only, ShareFailure& failure) {
    Descriptor root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) {
        failure = {fmt::format("{} cannot be shared ({})", path, std::strerror(errno)), "give a folder that exists"};
        return nullptr;
    }
    if (is_kernels_own(root.get())) {
        failure = {fmt::format("{} shows the host's kernel, which no guest may touch", path), "share another folder"};
        return nullptr;
    }
    Descriptor descriptors(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!descriptors) {
        failure = {fmt::format("/proc/self/fd cannot be opened ({})", std::strerror(errno)), "mount /proc"};
        return nullptr;
    }
    const Descriptor trial(open_beneath(root.get(), "."));
    const bool confined = static_cast<bool>(trial);
    return std::unique_ptr<Directory>(new Directory(std::move(root), std::move(descriptors), read_only, confined));
}

bool Directory::valid_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string("/\0", 2)) == name.npos;
}

int Directory::look_up(int folder, const std::string& name, Descriptor& found) const {
    if (!valid_name(name)) return EINVAL;
    if (!confined_) return look_up_plainly(folder, name, found);
    // It is tried again while something else is renamed on the host.
    for (unsigned attempt = 0; attempt < 16; attempt++) {
        found = Descriptor(open_beneath(folder, name.c_str()));
        if (found) return 0;
        if (errno != EAGAIN && errno != EINTR) break;
    }
    return errno;
}

/// One component that is not followed cannot lead outside; another file system tells itself by its device.
int Directory::look_up_plainly(int folder, const std::string& name, Descriptor& found) const {
    struct stat inside {
    }, outside{};
    Descriptor object(openat(folder, name.c_str(), kObject));
    if (!object || fstat(object.get(), &inside) != 0 || fstat(root_.get(), &outside) != 0) return errno;
    if (inside.st_dev != outside.st_dev) return EXDEV;
    found = std::move(object);
    return 0;
}

int Directory::duplicate(int object, Descriptor& copy) const {
    copy = Descriptor(fcntl(object, F_DUPFD_CLOEXEC, 0));
    return copy ? 0 : errno;
}

int Directory::open_object(int object, int flags, Descriptor& opened) const {
    struct stat status {};
    if (fstat(object, &status) != 0) return errno;
    if (S_ISLNK(status.st_mode)) return ELOOP;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return EPERM;
    // What a descriptor names is what it named when it was looked at: no name is looked up here.
    opened = Descriptor(openat(descriptors_.get(), entry(object).c_str(), (flags & kOpenFlags) | kAlwaysOpenFlags));
    if (!opened) return errno;
    // As the kernel does for those who write without privileges: other contents, other rights.
    if ((flags & O_ACCMODE) != O_RDONLY && S_ISREG(status.st_mode) && (status.st_mode & (S_ISUID | S_ISGID)) != 0)
        fchmod(opened.get(), status.st_mode & kModeBits);
    return 0;
}

int Directory::create(int folder, const std::string& name, int flags, mode_t mode, Descriptor& opened) const {
    if (!valid_name(name)) return EINVAL;
    const int kept = (flags & kOpenFlags & ~O_DIRECTORY) | kAlwaysOpenFlags | O_NOFOLLOW;
    opened = Descriptor(openat(folder, name.c_str(), kept | O_CREAT | O_EXCL, mode & 0777));
    if (opened) {
        // As asked for, whatever the host's own mask.
        fchmod(opened.get(), mode & kModeBits);
        return 0;
    }
    if (errno != EEXIST || (flags & O_EXCL) != 0) return errno;
    // A symbolic link, a device or a FIFO is nothing to open.
    Descriptor object;
    if (const int error = look_up(folder, name, object); error != 0) return error;
    return open_object(object.get(), flags, opened);
}

int Directory::make_folder(int folder, const std::string& name, mode_t mode) const {
    if (!valid_name(name)) return EINVAL;
    if (mkdirat(folder, name.c_str(), mode & 0777) != 0) return errno;
    Descriptor object;
    if (const int error = look_up(folder, name, object); error != 0) return error;
    return change_mode(object.get(), mode);
}

int Directory::link(int object, int folder, const std::string& name) const {
    if (!valid_name(name)) return EINVAL;
    // Follows the entry of /proc to the object, and nothing beyond.
    return linkat(descriptors_.get(), entry(object).c_str(), folder, name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

int Directory::change_mode(int object, mode_t mode) const {
    struct stat status {};
    if (fstat(object, &status) != 0) return errno;
    if (S_ISLNK(status.st_mode)) return EOPNOTSUPP;
    return fchmodat(descriptors_.get(), entry(object).c_str(), mode & kModeBits, 0) == 0 ? 0 : errno;
}

int Directory::change_times(int object, const timespec (&times)[2]) const {
    return utimensat(descriptors_.get(), entry(object).c_str(), times, 0) == 0 ? 0 : errno;
}

} // namespace beeline::share
