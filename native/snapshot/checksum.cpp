#include "snapshot/checksum.h"

#include <array>
#include <cstring>
#include <nmmintrin.h>

namespace beeline::snapshot {

namespace {

constexpr std::array<uint32_t, 256> kTable = [] {
    constexpr uint32_t kPolynomial = 0x82F6'3B78;
    std::array<uint32_t, 256> table{};
    for (uint32_t byte = 0; byte < table.size(); byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ ((value & 1) != 0 ? kPolynomial : 0);
        table[byte] = value;
    }
    return table;
}();

uint32_t by_table(const uint8_t* bytes, size_t count, uint32_t crc) {
    for (size_t i = 0; i < count; i++) crc = crc >> 8 ^ kTable[(crc ^ bytes[i]) & 0xFF];
    return crc;
}

__attribute__((target("sse4.2"))) uint32_t by_instruction(const uint8_t* bytes, size_t count, uint32_t crc) {
    uint64_t wide = crc;
    for (; count >= sizeof wide; bytes += sizeof wide, count -= sizeof wide) {
        uint64_t word = 0;
        std::memcpy(&word, bytes, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = static_cast<uint32_t>(wide);
    for (; count != 0; bytes++, count--) crc = _mm_crc32_u8(crc, *bytes);
    return crc;
}

} // namespace

uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t before) {
    static const bool instruction = __builtin_cpu_supports("sse4.2");
    return ~(instruction ? by_instruction : by_table)(bytes.data(), bytes.size(), ~before);
}

} // namespace beeline::snapshot
