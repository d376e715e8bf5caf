// Guest and host code of a block side by side.
#pragma once

#include "host/disassembler.h"
#include "translate/translation.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace beeline::translate {

struct ListedBlock {
    uint64_t pc = 0; ///< Guest address to be shown.
    std::span<const uint32_t> words;
    std::span<const uint8_t> code;
    uint64_t address = 0; ///< Where the host code runs.
    std::span<const CodeRange> layout;
};

/// Lines of two columns: each guest instruction beside the host code made of it, then the code out of line.
std::string list_block(const ListedBlock& block, const host::Symbols& symbols);

class BlockTranslator;
class PerfMap;
struct Runtime;

/// Names for what the code of all blocks refers to. `code_offset` leads from where code is written to where it runs.
host::Symbols common_symbols(const BlockTranslator& translator, int64_t code_offset);
/// Tells of the shared routines, the last of which ends at `end` (where code is written).
void name_runtime(PerfMap& map, const Runtime& runtime, int64_t code_offset, const uint8_t* end);
/// Names for what one block's code refers to besides.
std::vector<host::SymbolRange> block_symbols(const Translation& translation);

} // namespace beeline::translate
