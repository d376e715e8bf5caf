// A file to be loaded, opened once and read where it is needed; or its decompressed contents.
#pragma once

#include "board/error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace beeline::board {

class ImageFile {
public:
    /// Errors: BEELINE_E_FILE_MISSING, _FILE_UNREADABLE. `option` is for messages.
    static Result<ImageFile> open(const std::string& option, const std::string& path);
    ImageFile(ImageFile&& other) noexcept;
    ImageFile& operator=(ImageFile&&) = delete;
    ~ImageFile();

    const std::string& option() const { return option_; }
    const std::string& path() const { return path_; }
    uint64_t size() const { return size_; }

    /// Exactly `length` bytes from `offset`, which must lie within the file.
    Status read(uint64_t offset, uint64_t length, uint8_t* destination) const;
    /// The first bytes, up to `length` of them; the rest of the result is zero.
    Result<std::vector<uint8_t>> peek(uint64_t length) const;

    /// What the gzip stream at `offset` of `length` bytes expands to. Errors: _FILE_KIND for broken data, _FILE_TOO_BIG
    /// beyond `limit` bytes.
    Result<ImageFile> gunzip(uint64_t offset, uint64_t length, uint64_t limit) const;

private:
    ImageFile(std::string option, std::string path) : option_(std::move(option)), path_(std::move(path)) {}

    std::string option_, path_;
    int file_ = -1;
    uint64_t size_ = 0;
    std::vector<uint8_t> contents_; ///< When there is no file behind it.
};

} // namespace beeline::board
