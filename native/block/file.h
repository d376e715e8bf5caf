// An image's file on the host, locked as QEMU locks its own.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace beeline::block {

/// What opening an image can meet.
struct OpenFailure {
    enum class Kind : uint8_t {
        Missing,    ///< There is no such file.
        Unreadable, ///< `detail` says why.
        Unwritable, ///< Likewise, for a drive that is not read-only.
        WrongKind,  ///< It is not `detail`.
        Refused,    ///< It is one, and cannot be used: `detail` says why, `remedy` what to do.
    };
    Kind kind = Kind::Refused;
    std::string path;
    std::string detail;
    std::string remedy;
};

class File {
public:
    File() = default;
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~File();

    /// Opens and locks a regular file or a block device. False: `failure` says why.
    [[nodiscard]] bool open(const std::string& path, bool writable, OpenFailure& failure);
    /// A file without a name, gone with its descriptor, in the folder for temporary files.
    [[nodiscard]] bool create_temporary(OpenFailure& failure);
    /// Of a file or a block device.
    bool size(uint64_t& bytes) const;
    int descriptor() const { return descriptor_; }

private:
    int descriptor_ = -1;
};

} // namespace beeline::block
