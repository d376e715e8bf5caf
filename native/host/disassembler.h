// Text of x86-64 code, for dumps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace beeline::host {

struct HostInstruction {
    size_t offset;    ///< From the beginning of the code.
    size_t length;    ///< Bytes.
    std::string text; ///< Intel syntax; relative targets as addresses. "db 0x.." where nothing decodes.
};

/// Decodes `size` bytes at `code`, which are to run at `address`.
std::vector<HostInstruction> disassemble(const uint8_t* code, size_t size, uint64_t address);

/// A line an instruction: offset, bytes, text.
std::string format_listing(const uint8_t* code, const std::vector<HostInstruction>& instructions);

} // namespace beeline::host
