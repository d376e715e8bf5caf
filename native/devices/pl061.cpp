#include "devices/pl061.h"

#include <utility>

namespace beeline::devices {

namespace {

constexpr uint64_t kDataEnd = 0x400, kDir = 0x400, kIs = 0x404, kIbe = 0x408, kIev = 0x40C, kIe = 0x410, kRis = 0x414,
                   kMis = 0x418, kIc = 0x41C, kAfsel = 0x420;
constexpr uint8_t kIdentification[8] = {0x61, 0x10, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

} // namespace

Pl061::Pl061(InterruptLine line) : line_(std::move(line)) {}

void Pl061::reset() {
    output_ = direction_ = level_sense_ = both_edges_ = event_ = mask_ = latched_ = alternate_ = 0;
    update();
}

void Pl061::exchange(snapshot::Archive& archive) {
    line_.exchange(archive);
    for (uint8_t* value :
         {&inputs_, &output_, &direction_, &level_sense_, &both_edges_, &event_, &mask_, &latched_, &alternate_})
        archive.value(*value);
}

uint8_t Pl061::data() const { return static_cast<uint8_t>((output_ & direction_) | (inputs_ & ~direction_)); }

void Pl061::set_input(unsigned line, bool level) {
    const uint8_t before = data();
    const auto bit = static_cast<uint8_t>(1u << (line & 7));
    inputs_ = static_cast<uint8_t>(level ? inputs_ | bit : inputs_ & ~bit);
    inputs_changed(before);
}

/// Edges of lines that are inputs, by GPIOIBE and GPIOIEV (DDI 0190 2.3).
void Pl061::inputs_changed(uint8_t before) {
    const uint8_t now = data();
    const auto rising = static_cast<uint8_t>(~before & now), falling = static_cast<uint8_t>(before & ~now);
    const auto wanted = static_cast<uint8_t>((rising & (both_edges_ | event_)) | (falling & (both_edges_ | ~event_)));
    latched_ |= static_cast<uint8_t>(wanted & ~level_sense_ & ~direction_);
    update();
}

void Pl061::update() {
    // A level interrupt follows its line.
    const auto at_level = static_cast<uint8_t>(~(data() ^ event_) & level_sense_ & ~direction_);
    latched_ = static_cast<uint8_t>((latched_ & ~level_sense_) | at_level);
    line_.set((latched_ & mask_) != 0);
}

bool Pl061::read(const MmioAccess& access, uint64_t& value) {
    const uint64_t offset = access.offset & ~uint64_t{3};
    value = 0;
    if (offset < kDataEnd) {
        // The address masks the lines: bits 9..2.
        value = data() & (offset >> 2);
        return true;
    }
    switch (offset) {
    case kDir: value = direction_; break;
    case kIs: value = level_sense_; break;
    case kIbe: value = both_edges_; break;
    case kIev: value = event_; break;
    case kIe: value = mask_; break;
    case kRis: value = latched_; break;
    case kMis: value = latched_ & mask_; break;
    case kAfsel: value = alternate_; break;
    default: primecell_id(kIdentification, access.offset, value); break;
    }
    return true;
}

bool Pl061::write(const MmioAccess& access, uint64_t value) {
    const uint64_t offset = access.offset & ~uint64_t{3};
    const auto byte = static_cast<uint8_t>(value);
    if (offset < kDataEnd) {
        const auto lines = static_cast<uint8_t>((offset >> 2) & direction_);
        output_ = static_cast<uint8_t>((output_ & ~lines) | (byte & lines));
        return true;
    }
    switch (offset) {
    case kDir: direction_ = byte; break;
    case kIs: level_sense_ = byte; break;
    case kIbe: both_edges_ = byte; break;
    case kIev: event_ = byte; break;
    case kIe: mask_ = byte; break;
    case kIc: latched_ &= static_cast<uint8_t>(~byte); break;
    case kAfsel: alternate_ = byte; break;
    default: break;
    }
    update();
    return true;
}

} // namespace beeline::devices
