#include "devices/pl031.h"

#include <chrono>
#include <utility>

namespace beeline::devices {

namespace {

constexpr uint64_t kDr = 0x00, kMr = 0x04, kLr = 0x08, kCr = 0x0C, kImsc = 0x10, kRis = 0x14, kMis = 0x18, kIcr = 0x1C;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint8_t kIdentification[8] = {0x31, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

} // namespace

uint64_t Pl031::host_wall_clock() {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
}

Pl031::Pl031(InterruptLine line, TimerQueue& queue, VirtualClock& clock, WallClock wall_clock)
    : line_(std::move(line)), queue_(queue), clock_(clock), wall_clock_(std::move(wall_clock)),
      alarm_(queue.add([this] { check_alarm(); })) {}

void Pl031::reset() {
    load_ = match_ = 0;
    raw_ = mask_ = false;
    queue_.disarm(alarm_);
    line_.set(false);
}

void Pl031::exchange(snapshot::Archive& archive) {
    line_.exchange(archive);
    bool waiting = queue_.armed(alarm_);
    for (uint32_t* value : {&offset_, &load_, &match_}) archive.value(*value);
    for (bool* value : {&raw_, &mask_, &waiting}) archive.value(*value);
    // The wall clock has gone on meanwhile: to be looked at as soon as the machine runs.
    if (archive.loading()) queue_.arm(alarm_, waiting ? clock_.now() : TimerQueue::kNever);
}

uint32_t Pl031::seconds() const { return static_cast<uint32_t>(wall_clock_() / kSecond) + offset_; }

/// The alarm rings when the count becomes equal to the match register, in up to 2^32 seconds.
void Pl031::set_alarm() {
    const uint32_t left = match_ - seconds();
    const uint64_t into_second = wall_clock_() % kSecond;
    if (left == 0) {
        check_alarm();
    } else {
        queue_.arm(alarm_, clock_.now() + uint64_t{left} * kSecond - into_second);
    }
}

void Pl031::check_alarm() {
    // The wall clock and the machine's drift apart, for instance over a pause: look again at the second's turn.
    if (const auto late = static_cast<int32_t>(seconds() - match_); late < 0) {
        set_alarm();
        return;
    }
    raw_ = true;
    line_.set(mask_);
}

bool Pl031::read(const MmioAccess& access, uint64_t& value) {
    value = 0;
    switch (access.offset & ~uint64_t{3}) {
    case kDr: value = seconds(); break;
    case kMr: value = match_; break;
    case kLr: value = load_; break;
    case kCr: value = 1; break; // Always running
    case kImsc: value = mask_; break;
    case kRis: value = raw_; break;
    case kMis: value = raw_ && mask_; break;
    default: primecell_id(kIdentification, access.offset, value); break;
    }
    return true;
}

bool Pl031::write(const MmioAccess& access, uint64_t value) {
    const auto word = static_cast<uint32_t>(value);
    switch (access.offset & ~uint64_t{3}) {
    case kMr:
        match_ = word;
        set_alarm();
        break;
    case kLr:
        load_ = word;
        offset_ += word - seconds();
        set_alarm();
        break;
    case kImsc:
        mask_ = (word & 1) != 0;
        line_.set(raw_ && mask_);
        break;
    case kIcr:
        if ((word & 1) != 0) raw_ = false;
        line_.set(raw_ && mask_);
        break;
    default: break;
    }
    return true;
}

} // namespace beeline::devices
