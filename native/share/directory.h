// A directory of the host's that a guest may use, and the objects in it. Whoever asks is hostile: names are one
// component each and looked up from a descriptor of their folder, so that nothing outside is ever reached.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <utility>

namespace beeline::share {

/// Owns a descriptor of the host's.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor();
    explicit operator bool() const { return fd_ >= 0; }
    int get() const { return fd_; }

private:
    int fd_ = -1;
};

/// Why there is no such directory.
struct ShareFailure {
    std::string detail, remedy;
};

/// Objects are descriptors of O_PATH: they name a file, a folder or a symbolic link, and stay what they are whatever is
/// renamed. Functions return 0 or an error number.
class Directory {
public:
    static std::unique_ptr<Directory> open(const std::string& path, bool read_only, ShareFailure& failure);

    bool read_only() const { return read_only_; }
    const Descriptor& root() const { return root_; }

    /// Whether a guest may use it as the name of something.
    static bool valid_name(const std::string& name);
    /// What `name` is in `folder`: never behind a symbolic link, nor on another file system that is mounted there.
    int look_up(int folder, const std::string& name, Descriptor& found) const;
    int duplicate(int object, Descriptor& copy) const;
    /// Opens a regular file or a folder for reading or writing; nothing else.
    int open_object(int object, int flags, Descriptor& opened) const;
    /// Makes a regular file, or opens the one that is there when `flags` lack O_EXCL.
    int create(int folder, const std::string& name, int flags, mode_t mode, Descriptor& opened) const;
    int make_folder(int folder, const std::string& name, mode_t mode) const;
    int link(int object, int folder, const std::string& name) const;
    int change_mode(int object, mode_t mode) const;
    int change_times(int object, const timespec (&times)[2]) const;

private:
    Directory(Descriptor root, Descriptor descriptors, bool read_only, bool confined)
        : root_(std::move(root)), descriptors_(std::move(descriptors)), read_only_(read_only), confined_(confined) {}
    int look_up_plainly(int folder, const std::string& name, Descriptor& found) const;

    const Descriptor root_;
    const Descriptor descriptors_; ///< /proc/self/fd, by which an object is opened.
    const bool read_only_;
    const bool confined_; ///< The host has openat2(2).
};

} // namespace beeline::share
