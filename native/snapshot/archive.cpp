#include "snapshot/archive.h"

#include <cstring>
#include <utility>

namespace beeline::snapshot {

namespace {

constexpr size_t kLongestName = 63;

} // namespace

void Archive::fail(std::string_view why) {
    if (std::exchange(failed_, true)) return;
    failure_ = path_.empty() ? std::string(why) : path_ + ": " + std::string(why);
}

/// Nothing changes when there are not as many bytes.
void Archive::raw(void* bytes, size_t count) {
    if (failed_ || count == 0) return;
    if (!loading_) {
        const auto* first = static_cast<const uint8_t*>(bytes);
        saved_.insert(saved_.end(), first, first + count);
        return;
    }
    if (count > end_ - at_) return fail("it ends too early");
    std::memcpy(bytes, from_.data() + at_, count);
    at_ += count;
}

Archive::Frame Archive::enter(std::string_view name, uint32_t version) {
    const Frame outer{end_, path_.size(), 0};
    if (failed_) return outer;
    std::string found(name);
    text(found, kLongestName);
    if (found != name) fail("it has \"" + found + "\" where this machine has \"" + std::string(name) + "\"");
    if (!path_.empty()) path_ += '/';
    path_ += name;
    uint32_t length = 0;
    same(version, "it is of another version");
    const size_t length_at = saved_.size();
    raw(&length, sizeof length);
    if (loading_ && !failed_) {
        if (length > end_ - at_)
            fail("it ends too early");
        else
            end_ = at_ + length;
    }
    return {outer.end, outer.path, length_at};
}

void Archive::leave(const Frame& outer) {
    if (!failed_ && loading_ && at_ != end_) fail("it has more than is known");
    if (!failed_ && !loading_) {
        const auto length = static_cast<uint32_t>(saved_.size() - outer.length_at - sizeof(uint32_t));
        std::memcpy(saved_.data() + outer.length_at, &length, sizeof length);
    }
    end_ = outer.end;
    path_.resize(outer.path);
}

} // namespace beeline::snapshot
