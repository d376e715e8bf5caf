// CRC-32C (RFC 3720, 12.1), as x86 has an instruction for it.
#pragma once

#include <cstdint>
#include <span>

namespace beeline::snapshot {

/// Of `bytes`, going on from the checksum of what came before them.
uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t before = 0);

} // namespace beeline::snapshot
