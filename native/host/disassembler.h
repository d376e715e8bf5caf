// Text of x86-64 code, for dumps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace beeline::host {

/// A name for places: `count` of them, `stride` bytes apart, each of `size` bytes. "{}" in it stands for the index.
struct SymbolRange {
    uint64_t begin = 0;
    uint32_t size = 1;
    uint32_t count = 1;
    uint32_t stride = 1;
    std::string name;
};

/// Names for what code refers to; of several that fit, the first is taken.
struct Symbols {
    std::vector<SymbolRange> frame;     ///< By displacement from rbp.
    std::vector<SymbolRange> segment;   ///< By displacement from gs.
    std::vector<SymbolRange> addresses; ///< Of code and data.
};

struct HostInstruction {
    size_t offset;      ///< From the beginning of the code.
    size_t length;      ///< Bytes.
    std::string text;   ///< Intel syntax; relative targets as addresses. "db 0x.." where nothing decodes.
    unsigned label = 0; ///< Jumps of the same code lead here: they name it ".1", ".2" ...
};

/// Decodes `size` bytes at `code`, which are to run at `address`.
std::vector<HostInstruction> disassemble(const uint8_t* code, size_t size, uint64_t address, const Symbols& symbols);

} // namespace beeline::host
