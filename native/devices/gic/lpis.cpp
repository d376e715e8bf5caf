#include "devices/gic/lpis.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace beeline::devices::gic {

namespace {

constexpr uint64_t kPropertyAddress = 0x000F'FFFF'FFFF'F000, kPropertyIdBits = 0x1F,
                   kPropertyWritable = 0x070F'FFFF'FFFF'FF9F;
constexpr uint64_t kPendingAddress = 0x000F'FFFF'FFFF'0000, kPendingZero = uint64_t{1} << 62,
                   kPendingWritable = 0x470F'FFFF'FFFF'0F80;
constexpr uint8_t kPropertyEnable = 1;

} // namespace

unsigned Lpis::end() const { return 1u << std::min<unsigned>((property_base_ & kPropertyIdBits) + 1, kIdBits); }

const uint8_t* Lpis::properties() const {
    return end() <= kFirst ? nullptr : memory_.span(property_base_ & kPropertyAddress, end() - kFirst);
}

void Lpis::set_property_base(uint64_t value) {
    if (!enabled_) property_base_ = value & kPropertyWritable;
}

void Lpis::set_pending_base(uint64_t value) {
    if (!enabled_) pending_base_ = value & kPendingWritable;
}

void Lpis::enable(bool enabled) {
    if (enabled == enabled_) return;
    enabled_ = enabled;
    // A bit an INTID, from INTID 0 on. The first KiB is for other use.
    uint8_t* table =
        end() <= kFirst ? nullptr : memory_.span((pending_base_ & kPendingAddress) + kFirst / 8, (end() - kFirst) / 8);
    auto* own = reinterpret_cast<uint8_t*>(pending_.data()) + kFirst / 8;
    if (!enabled) {
        if (table != nullptr) std::memcpy(table, own, (end() - kFirst) / 8);
        pending_.fill(0);
    } else if (table != nullptr && (pending_base_ & kPendingZero) == 0) {
        std::memcpy(own, table, (end() - kFirst) / 8);
    }
    summarize();
}

void Lpis::summarize() {
    words_.fill(0);
    for (unsigned word = 0; word < kWords; word++)
        if (pending_[word] != 0) words_[word / 64] |= uint64_t{1} << word % 64;
    stale_ = true;
}

void Lpis::exchange(snapshot::Archive& archive) {
    archive.bits(property_base_, kPropertyWritable);
    archive.bits(pending_base_, kPendingWritable);
    archive.value(enabled_);
    archive.values(pending_);
    if (!archive.loading()) return;
    // INTIDs below are no LPIs.
    std::fill_n(pending_.begin(), kFirst / 64, 0);
    summarize();
}

void Lpis::offer(uint32_t intid, uint8_t property) {
    const uint8_t priority = property & kPriorityMask;
    if ((property & kPropertyEnable) != 0 && priority < best_.priority) best_ = {intid, priority, true};
}

void Lpis::set_pending(uint32_t intid, bool pending) {
    if (!enabled_ || intid < kFirst || intid >= end() || this->pending(intid) == pending) return;
    uint64_t& word = pending_[intid / 64];
    word ^= uint64_t{1} << intid % 64;
    const uint64_t bit = uint64_t{1} << intid / 64 % 64;
    uint64_t& summary = words_[intid / 64 / 64];
    summary = word != 0 ? summary | bit : summary & ~bit;
    if (!pending)
        stale_ = stale_ || best_.intid == intid;
    else if (const uint8_t* table = properties(); table != nullptr && !stale_)
        offer(intid, table[intid - kFirst]);
}

void Lpis::move_all_to(Lpis& other) {
    if (&other == this || !enabled_ || !other.enabled_) return;
    for (unsigned word = 0; word < kWords; word++) {
        other.pending_[word] |= pending_[word];
        pending_[word] = 0;
    }
    for (unsigned i = 0; i < words_.size(); i++) {
        other.words_[i] |= words_[i];
        words_[i] = 0;
    }
    stale_ = other.stale_ = true;
}

void Lpis::reset() {
    property_base_ = pending_base_ = 0;
    enabled_ = stale_ = false;
    best_ = {};
    pending_.fill(0);
    words_.fill(0);
}

const Candidate& Lpis::best() {
    if (!stale_) return best_;
    stale_ = false;
    best_ = {};
    const uint8_t* table = enabled_ ? properties() : nullptr;
    if (table == nullptr) return best_;
    for (unsigned i = 0; i < words_.size(); i++)
        for (uint64_t words = words_[i]; words != 0; words &= words - 1) {
            const unsigned word = i * 64 + static_cast<unsigned>(std::countr_zero(words));
            for (uint64_t bits = pending_[word]; bits != 0; bits &= bits - 1) {
                const unsigned intid = word * 64 + static_cast<unsigned>(std::countr_zero(bits));
                if (intid < end()) offer(intid, table[intid - kFirst]);
            }
        }
    return best_;
}

} // namespace beeline::devices::gic
