// A machine's state as bytes. Every part of the machine names its state in one function, exchange(Archive&), for both
// directions: saving, the archive takes the values down; loading, it puts others in their place.
//
// What is loaded may be anything: each value is checked before it takes effect. After the first that is wrong the
// archive has failed, leaves everything as it is, and says so.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace beeline::snapshot {

template <class T>
concept Scalar = std::unsigned_integral<T> || std::is_enum_v<T>;

class Archive {
public:
    /// Saves.
    Archive() = default;
    /// Loads.
    explicit Archive(std::span<const uint8_t> bytes) : from_(bytes), end_(bytes.size()), loading_(true) {}

    bool loading() const { return loading_; }
    bool failed() const { return failed_; }
    /// Where the first failure was and what it was: "pl011: a value is out of range"
    const std::string& failure() const { return failure_; }
    void fail(std::string_view why);
    /// Fails unless `condition`; for what more than one value must be together.
    void require(bool condition, std::string_view why) {
        if (!condition) fail(why);
    }

    /// What has been saved.
    std::vector<uint8_t> take() { return std::move(saved_); }
    /// Loading: everything has been read, and nothing was wrong.
    bool complete() const { return !failed_ && at_ == from_.size(); }

    /// Any value of the type will do. Of an enumeration, see at_most().
    void value(std::unsigned_integral auto& value) {
        at_most(value, std::numeric_limits<std::remove_cvref_t<decltype(value)>>::max());
    }
    void value(bool& value) {
        uint8_t byte = value;
        at_most(byte, uint8_t{1});
        value = byte != 0;
    }
    /// Values up to `most`: of a number, or of an enumeration up to its last one.
    template <Scalar T> void at_most(T& value, T most) {
        T read = value;
        raw(&read, sizeof read);
        if (!loading_ || failed_) return;
        if (read > most) return fail("a value is out of range");
        value = read;
    }
    /// Values with no bits but these.
    template <std::unsigned_integral T> void bits(T& value, T allowed) {
        T read = value;
        raw(&read, sizeof read);
        if (!loading_ || failed_) return;
        if ((read & ~allowed) != 0) return fail("a value has bits that it cannot have");
        value = read;
    }
    /// As many as there are.
    template <std::unsigned_integral T, size_t N> void values(std::span<T, N> values) {
        raw(values.data(), values.size_bytes());
    }
    template <class Container> void values(Container& container) { values(std::span(container)); }
    /// What no machine changes: the other one must have the same.
    template <Scalar T> void same(T value, std::string_view why) {
        T read = value;
        raw(&read, sizeof read);
        require(read == value, why);
    }
    void text(std::string& text, size_t longest) { list(text, longest); }
    void bytes(std::vector<uint8_t>& bytes, size_t most) { list(bytes, most); }

    /// What `body` exchanges, under a name and a version of its own; `body` has to use all of it.
    template <class Body> void section(std::string_view name, uint32_t version, Body body) {
        const Frame outer = enter(name, version);
        if (!failed_) body();
        leave(outer);
    }

private:
    struct Frame {
        size_t end, path, length_at;
    };
    Frame enter(std::string_view name, uint32_t version);
    void leave(const Frame& outer);
    void raw(void* bytes, size_t count);
    /// A number of bytes, then these.
    template <class Bytes> void list(Bytes& bytes, size_t most) {
        auto length = static_cast<uint32_t>(bytes.size());
        at_most(length, static_cast<uint32_t>(most));
        if (loading_ && length > end_ - at_) fail("it ends too early");
        if (failed_) return;
        bytes.resize(length);
        raw(bytes.data(), length);
    }

    std::vector<uint8_t> saved_;
    std::span<const uint8_t> from_;
    size_t at_ = 0, end_ = 0; ///< Loading: where it is, and where the section ends.
    bool loading_ = false, failed_ = false;
    std::string path_; ///< Names of the sections that it is in.
    std::string failure_;
};

} // namespace beeline::snapshot
