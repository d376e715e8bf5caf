// Memory for generated code: one shared memory object, mapped once to write and once to execute, so that no page is
// ever writable and executable at once. Filled as a ring of segments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace beeline::host {

class CodeCache {
public:
    /// nullptr: the host gave no memory for it.
    static std::unique_ptr<CodeCache> create(size_t fixed_bytes, size_t segment_bytes, unsigned segments);
    ~CodeCache();
    CodeCache(const CodeCache&) = delete;
    CodeCache& operator=(const CodeCache&) = delete;

    uint8_t* writable() const { return writable_; }
    const uint8_t* executable() const { return executable_; }
    size_t size() const { return fixed_ + segment_ * segments_; }
    const uint8_t* to_executable(const uint8_t* writable) const { return executable_ + (writable - writable_); }
    bool contains(const void* executable) const {
        const auto* p = static_cast<const uint8_t*>(executable);
        return p >= executable_ && p < executable_ + size();
    }

    /// The segment that holds the code; that of the fixed part is the first.
    unsigned segment_of(const void* executable) const {
        const auto offset = static_cast<size_t>(static_cast<const uint8_t*>(executable) - executable_);
        return offset < fixed_ ? 0 : static_cast<unsigned>((offset - fixed_) / segment_);
    }

    /// Offsets of the segment being filled: [position, end).
    size_t position() const { return position_; }
    size_t segment_end() const { return fixed_ + segment_ * (current_ + 1); }
    unsigned segment() const { return current_; }
    /// Bytes up to `offset` are in use from here on.
    void advance(size_t offset) { position_ = offset; }
    /// Begins with the next segment of the ring; what it held must be out of use.
    void next_segment() {
        current_ = (current_ + 1) % segments_;
        position_ = fixed_ + segment_ * current_;
    }

private:
    CodeCache(uint8_t* writable, const uint8_t* executable, size_t fixed, size_t segment, unsigned segments)
        : writable_(writable), executable_(executable), fixed_(fixed), segment_(segment), segments_(segments),
          position_(fixed) {}

    uint8_t* writable_;
    const uint8_t* executable_;
    size_t fixed_, segment_;
    unsigned segments_;
    unsigned current_ = 0;
    size_t position_;
};

} // namespace beeline::host
