// Which format an image is in, by its first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace beeline::block {

enum class Format : uint8_t { Raw, Qcow2 };

inline constexpr size_t kFormatMagicBytes = 4;
inline constexpr uint8_t kQcowMagic[kFormatMagicBytes] = {'Q', 'F', 'I', 0xFB};

inline Format format_of(std::span<const uint8_t, kFormatMagicBytes> head) {
    return std::memcmp(head.data(), kQcowMagic, kFormatMagicBytes) == 0 ? Format::Qcow2 : Format::Raw;
}

} // namespace beeline::block
