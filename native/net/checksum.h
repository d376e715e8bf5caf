// The Internet checksum (RFC 1071).
#pragma once

#include "net/network.h"

#include <cstdint>
#include <span>

namespace beeline::net {

/// The ones' complement sum in the bytes' own order, not yet complemented.
uint16_t ones_complement_sum(std::span<const uint8_t> bytes);

/// Puts in the checksum that a frame's header leaves to be done. False: it would be beyond the frame.
[[nodiscard]] bool complete_checksum(const FrameHeader& header, std::span<uint8_t> frame);

} // namespace beeline::net
