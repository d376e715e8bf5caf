// Messages of 9P2000.L: little-endian numbers and counted strings, read from what a guest sent and put into what it
// gets.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace beeline::share {

/// size[4] type[1] tag[2]
inline constexpr size_t kMessageHeader = 7;

/// What cannot be read because the message ends reads as 0, and ok() tells.
class MessageReader {
public:
    explicit MessageReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

    uint8_t u8() { return number<uint8_t>(); }
    uint16_t u16() { return number<uint16_t>(); }
    uint32_t u32() { return number<uint32_t>(); }
    uint64_t u64() { return number<uint64_t>(); }
    std::string string() {
        const std::span<const uint8_t> text = take(u16());
        return {reinterpret_cast<const char*>(text.data()), text.size()};
    }
    std::span<const uint8_t> take(size_t count) {
        if (count > bytes_.size()) {
            ok_ = false;
            return {};
        }
        const std::span<const uint8_t> taken = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return taken;
    }
    bool ok() const { return ok_; }

private:
    template <class T> T number() {
        T value = 0;
        const std::span<const uint8_t> bytes = take(sizeof value);
        if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }

    std::span<const uint8_t> bytes_;
    bool ok_ = true;
};

/// The size of the whole message is put in at the end.
class MessageWriter {
public:
    void begin(uint8_t type, uint16_t tag) {
        bytes_.clear();
        u32(0);
        u8(type);
        u16(tag);
    }
    std::span<const uint8_t> finish() {
        const auto size = static_cast<uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &size, sizeof size);
        return bytes_;
    }

    void u8(uint8_t value) { number(value); }
    void u16(uint16_t value) { number(value); }
    void u32(uint32_t value) { number(value); }
    void u64(uint64_t value) { number(value); }
    void string(const std::string& text) {
        u16(static_cast<uint16_t>(text.size()));
        bytes_.insert(bytes_.end(), text.begin(), text.end());
    }
    /// Room for bytes to be filled in; shorten() takes back what is not used of it.
    uint8_t* room(size_t count) {
        bytes_.resize(bytes_.size() + count);
        return bytes_.data() + bytes_.size() - count;
    }
    void shorten(size_t size) { bytes_.resize(size); }
    /// What was written before is put right.
    template <class T> void put(size_t at, T value) { std::memcpy(bytes_.data() + at, &value, sizeof value); }
    size_t size() const { return bytes_.size(); }

private:
    template <class T> void number(T value) { std::memcpy(room(sizeof value), &value, sizeof value); }
    std::vector<uint8_t> bytes_;
};

} // namespace beeline::share
