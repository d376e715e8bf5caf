#include "net/checksum.h"

#include <cstring>

namespace beeline::net {

uint16_t ones_complement_sum(std::span<const uint8_t> bytes) {
    // Sums of 32-bit words are sums of 16-bit ones once folded; two lanes keep the additions apart.
    uint64_t sums[2] = {0, 0};
    size_t at = 0;
    for (; at + 16 <= bytes.size(); at += 16) {
        uint32_t words[4];
        std::memcpy(words, bytes.data() + at, sizeof words);
        sums[0] += uint64_t{words[0]} + words[1];
        sums[1] += uint64_t{words[2]} + words[3];
    }
    uint64_t sum = sums[0] + sums[1];
    for (; at + 2 <= bytes.size(); at += 2) {
        uint16_t word;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        sum += word;
    }
    if (at < bytes.size()) sum += bytes[at];
    while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<uint16_t>(sum);
}

bool complete_checksum(const FrameHeader& header, std::span<uint8_t> frame) {
    const size_t start = header.checksum_start, field = start + header.checksum_offset;
    if (start > frame.size() || field + 2 > frame.size()) return false;
    // The field holds the pseudo-header's part already (Virtio 1.2, 5.1.6.2).
    const auto sum = static_cast<uint16_t>(~ones_complement_sum(frame.subspan(start)));
    std::memcpy(frame.data() + field, &sum, sizeof sum);
    return true;
}

} // namespace beeline::net
