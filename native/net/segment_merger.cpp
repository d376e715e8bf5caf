#include "net/segment_merger.h"

#include "net/checksum.h"

#include <cstring>

namespace beeline::net {

namespace {

// Offsets into a frame with IPv4 without options (RFC 791) and TCP (RFC 9293).
constexpr size_t kType = 12, kIp = kEthernetHeader, kIpLength = kIp + 2, kIpFragment = kIp + 6, kIpProtocol = kIp + 9,
                 kIpChecksum = kIp + 10, kIpAddresses = kIp + 12, kTcp = kIp + 20, kTcpSequence = kTcp + 4,
                 kTcpAcknowledgment = kTcp + 8, kTcpDataOffset = kTcp + 12, kTcpFlags = kTcp + 13,
                 kTcpWindow = kTcp + 14, kTcpChecksum = kTcp + 16, kTcpOptions = kTcp + 20;
constexpr uint8_t kPush = 0x08, kAcknowledge = 0x10;
constexpr uint8_t kTcpNumber = 6;
constexpr size_t kLargestPacket = 65535;

uint16_t load16(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]); }
uint32_t load32(const uint8_t* bytes) { return uint32_t{load16(bytes)} << 16 | load16(bytes + 2); }
void store16(uint8_t* bytes, size_t value) {
    bytes[0] = static_cast<uint8_t>(value >> 8);
    bytes[1] = static_cast<uint8_t>(value);
}

} // namespace

SegmentMerger::SegmentMerger(Emit emit) : emit_(std::move(emit)), joined_(std::make_unique<uint8_t[]>(kLargestFrame)) {}

void SegmentMerger::configure(bool merging, bool checksums) {
    length_ = 0;
    merging_ = merging && checksums;
    checksums_ = checksums;
}

/// Whether a frame is a segment that others can be joined to: data, and nothing out of the ordinary.
bool SegmentMerger::parse(std::span<const uint8_t> frame, Segment& segment) {
    if (frame.size() < kTcpOptions || load16(frame.data() + kType) != 0x0800 || frame[kIp] != 0x45) return false;
    if (frame[kIpProtocol] != kTcpNumber || (load16(frame.data() + kIpFragment) & 0x3FFF) != 0) return false;
    if (load16(frame.data() + kIpLength) != frame.size() - kIp) return false;
    segment.headers = kTcp + size_t{4} * (frame[kTcpDataOffset] >> 4);
    if (segment.headers < kTcpOptions || segment.headers >= frame.size()) return false;
    if ((frame[kTcpFlags] & ~kPush) != kAcknowledge) return false;
    segment.payload = frame.size() - segment.headers;
    segment.sequence = load32(frame.data() + kTcpSequence);
    segment.last = (frame[kTcpFlags] & kPush) != 0;
    return true;
}

bool SegmentMerger::continues(std::span<const uint8_t> frame, const Segment& segment) const {
    const auto equal = [&](size_t begin, size_t end) {
        return std::memcmp(joined_.get() + begin, frame.data() + begin, end - begin) == 0;
    };
    return segment.headers == first_.headers && segment.sequence == next_sequence_ &&
           segment.payload <= first_.payload && length_ - kIp + segment.payload <= kLargestPacket &&
           equal(0, kIp + 2) && equal(kIpFragment, kIpProtocol) && equal(kIpAddresses, kTcpSequence) &&
           equal(kTcpAcknowledgment, kTcpFlags) && equal(kTcpWindow, kTcpChecksum) &&
           equal(kTcpOptions, segment.headers);
}

void SegmentMerger::add(std::span<const uint8_t> frame) {
    Segment segment{};
    if (!merging_ || frame.size() > kLargestFrame || !parse(frame, segment)) {
        flush();
        emit_({.flags = checksums_ ? FrameHeader::kDataValid : uint8_t{0}}, frame);
        return;
    }
    if (length_ != 0 && !continues(frame, segment)) flush();
    if (length_ == 0) {
        std::memcpy(joined_.get(), frame.data(), frame.size());
        length_ = frame.size();
        first_ = segment;
        count_ = 1;
    } else {
        std::memcpy(joined_.get() + length_, frame.data() + segment.headers, segment.payload);
        length_ += segment.payload;
        joined_[kTcpFlags] |= frame[kTcpFlags];
        count_++;
    }
    next_sequence_ = segment.sequence + static_cast<uint32_t>(segment.payload);
    // Only the last of a frame's segments may be shorter.
    if (segment.last || segment.payload < first_.payload) flush();
}

void SegmentMerger::flush() {
    if (length_ == 0) return;
    const std::span frame(joined_.get(), length_);
    length_ = 0;
    if (count_ == 1) {
        emit_({.flags = FrameHeader::kDataValid}, frame);
        return;
    }
    store16(&frame[kIpLength], frame.size() - kIp);
    store16(&frame[kIpChecksum], 0);
    const auto header_sum = static_cast<uint16_t>(~ones_complement_sum(frame.subspan(kIp, kTcp - kIp)));
    std::memcpy(&frame[kIpChecksum], &header_sum, sizeof header_sum);
    // The TCP checksum is left to the guest, which expects the pseudo-header's part in its place (Virtio 1.2, 5.1.6.4).
    uint8_t pseudo_header[12] = {};
    std::memcpy(pseudo_header, &frame[kIpAddresses], 8);
    pseudo_header[9] = kTcpNumber;
    store16(pseudo_header + 10, frame.size() - kTcp);
    const uint16_t pseudo_sum = ones_complement_sum(pseudo_header);
    std::memcpy(&frame[kTcpChecksum], &pseudo_sum, sizeof pseudo_sum);
    emit_({.flags = FrameHeader::kNeedsChecksum,
           .segment_type = FrameHeader::kTcp4,
           .header_length = static_cast<uint16_t>(first_.headers),
           .segment_size = static_cast<uint16_t>(first_.payload),
           .checksum_start = kTcp,
           .checksum_offset = kTcpChecksum - kTcp},
          frame);
}

} // namespace beeline::net
