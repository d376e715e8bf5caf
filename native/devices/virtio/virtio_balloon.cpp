#include "devices/virtio/virtio_balloon.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace beeline::devices::virtio {

namespace {

// Feature bits (5.5.3)
constexpr uint64_t kStatistics = 1 << 1, kDeflateOnOom = 1 << 2, kReporting = 1 << 5;
constexpr unsigned kInflate = 0, kDeflate = 1, kStatisticsQueue = 2;
constexpr unsigned kTargetField = 0, kActualField = 4;
/// Page numbers of a chain, and statistics, at most; what is beyond is passed over.
constexpr size_t kMostPages = 16384, kMostStatistics = 64;
constexpr unsigned kChainsATurn = 32;

/// Gives whole pages of the host's back; their contents are zero from now on.
void release(uint8_t* begin, uint64_t length) {
    constexpr uintptr_t kMask = VirtioBalloon::kPageBytes - 1;
    const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + kMask) & ~kMask;
    const uintptr_t end = (reinterpret_cast<uintptr_t>(begin) + length) & ~kMask;
    // A host that refuses keeps the memory, and the guest loses nothing.
    if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

} // namespace

VirtioBalloon::VirtioBalloon(GuestMemoryAccess& memory)
    : ThreadedDevice("beeline-balloon", 4, memory), memory_(memory) {}

uint64_t VirtioBalloon::features() const { return kStatistics | kDeflateOnOom | kReporting; }

void VirtioBalloon::set_target(uint32_t pages) {
    std::memcpy(&configuration_[kTargetField], &pages, sizeof pages);
    interrupts().configuration_changed();
}

uint32_t VirtioBalloon::actual() const {
    uint32_t pages = 0;
    std::memcpy(&pages, &configuration_[kActualField], sizeof pages);
    return pages;
}

void VirtioBalloon::write_configuration(uint64_t offset, unsigned size, uint32_t value) {
    if (offset == kActualField && size == sizeof value)
        std::memcpy(&configuration_[kActualField], &value, sizeof value);
}

std::map<uint16_t, uint64_t> VirtioBalloon::statistics() {
    const std::lock_guard guard(statistics_lock_);
    wanted_ = true;
    wake();
    return statistics_;
}

/// A driver that begins has given up nothing. And drivers number the queues that they use: that of reporting comes
/// after the others (5.5.2).
void VirtioBalloon::activated(uint64_t features) {
    std::memset(&configuration_[kActualField], 0, sizeof(uint32_t));
    has_statistics_ = (features & kStatistics) != 0;
    reporting_queue_ = (features & kReporting) == 0 ? 0 : has_statistics_ ? 3 : 2;
}

void VirtioBalloon::deactivated() {
    has_chain_ = false;
    const std::lock_guard guard(statistics_lock_);
    statistics_.clear();
}

void VirtioBalloon::put_back() {
    if (std::exchange(has_chain_, false)) queue(kStatisticsQueue).put_back(1);
}

void VirtioBalloon::exchange_own(snapshot::Archive& archive) { archive.values(configuration_); }

void VirtioBalloon::work(std::span<const pollfd>, uint64_t notified) {
    const auto has_news = [notified](unsigned number) { return (notified & uint64_t{1} << number) != 0; };
    if (has_news(kInflate)) serve(kInflate, kChainsATurn, [this](const Chain& chain) { return give_up(chain); });
    // Pages come back when they are touched.
    if (has_news(kDeflate)) serve(kDeflate, kChainsATurn, [](const Chain&) { return 0; });
    if (reporting_queue_ != 0 && has_news(reporting_queue_))
        serve(reporting_queue_, kChainsATurn, [](const Chain& chain) {
            for (const iovec& range : chain.writable) release(static_cast<uint8_t*>(range.iov_base), range.iov_len);
            return 0;
        });
    if (active() && has_statistics_) exchange_statistics();
}

/// Page numbers, of which neighbours go together. Those that are no page of RAM mean nothing.
uint32_t VirtioBalloon::give_up(const Chain& chain) {
    pages_.resize(std::min<uint64_t>(total_length(chain.readable) / sizeof(uint32_t), kMostPages));
    copy_from(chain.readable, 0, pages_.data(), pages_.size() * sizeof(uint32_t));
    std::ranges::sort(pages_);
    for (size_t i = 0; i < pages_.size();) {
        size_t count = 1;
        while (i + count < pages_.size() && pages_[i + count] == pages_[i] + count) count++;
        const uint64_t address = pages_[i] * kPageBytes, length = count * kPageBytes;
        if (uint8_t* bytes = memory_.span(address, length); bytes != nullptr)
            release(bytes, length);
        else if (count > 1)
            for (size_t page = 0; page < count; page++)
                if (uint8_t* single = memory_.span(address + page * kPageBytes, kPageBytes); single != nullptr)
                    release(single, kPageBytes);
        i += count;
    }
    return 0;
}

/// The driver leaves a chain here, and fills in another one when it gets that back (5.5.6.3).
void VirtioBalloon::exchange_statistics() {
    if (!has_chain_) {
        if (take(kStatisticsQueue, statistics_chain_) != Taken::Chain) return;
        has_chain_ = true;
        return take_statistics();
    }
    {
        const std::lock_guard guard(statistics_lock_);
        if (!std::exchange(wanted_, false)) return;
    }
    has_chain_ = false;
    give_back(kStatisticsQueue, statistics_chain_, 0);
}

void VirtioBalloon::take_statistics() {
    struct Statistic {
        uint16_t tag;
        uint64_t value;
    } __attribute__((packed));
    static_assert(sizeof(Statistic) == 10);
    const std::lock_guard guard(statistics_lock_);
    for (size_t i = 0; i < kMostStatistics; i++) {
        Statistic statistic;
        if (copy_from(statistics_chain_.readable, i * sizeof statistic, &statistic, sizeof statistic) !=
            sizeof statistic)
            return;
        // No more than the latest specification has; others are not kept.
        if (statistic.tag < kMostStatistics) statistics_[statistic.tag] = statistic.value;
    }
}

} // namespace beeline::devices::virtio
