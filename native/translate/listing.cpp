#include "translate/listing.h"

#include "arm64/disassembler.h"

#include <algorithm>
#include <fmt/format.h>

namespace beeline::translate {

namespace {

/// The disassembler puts a tab between mnemonic and operands.
std::string guest_text(uint32_t word, uint64_t address) {
    std::string text = arm64::disassemble(word, address);
    const size_t tab = text.find('\t');
    if (tab == std::string::npos) return text;
    return fmt::format("{:<6} {}", text.substr(0, tab), text.substr(tab + 1));
}

struct Row {
    std::string guest, host;
};

} // namespace

std::string list_block(const ListedBlock& block, const host::Symbols& symbols) {
    const std::vector<host::HostInstruction> host =
        host::disassemble(block.code.data(), block.code.size(), block.address, symbols);
    const auto guest = [&](size_t index) {
        const uint64_t pc = block.pc + index * sizeof(uint32_t);
        return fmt::format("{:x}  {}", pc, guest_text(block.words[index], pc));
    };

    std::vector<Row> rows;
    size_t next_guest = 0;
    auto range = block.layout.begin();
    bool cold = false;
    for (const host::HostInstruction& instruction : host) {
        std::string beside;
        for (; range != block.layout.end() && range->begin <= instruction.offset; ++range) {
            if (range->instruction >= block.words.size()) continue; // A dump may say anything.
            if (range->cold && !cold) {
                // Instructions that the one before them took along.
                for (; next_guest < block.words.size(); next_guest++) rows.push_back({guest(next_guest), {}});
                rows.push_back({"out of line:", {}});
                cold = true;
            }
            for (; !cold && next_guest < range->instruction; next_guest++) rows.push_back({guest(next_guest), {}});
            if (!cold) next_guest = range->instruction + size_t{1};
            beside = guest(range->instruction);
        }
        if (instruction.label != 0) {
            rows.push_back({std::move(beside), fmt::format(".{}:", instruction.label)});
            beside.clear();
        }
        rows.push_back({std::move(beside), "  " + instruction.text});
    }
    for (; next_guest < block.words.size(); next_guest++) rows.push_back({guest(next_guest), {}});

    size_t width = 0;
    for (const Row& row : rows) width = std::max(width, row.guest.size());
    std::string text;
    for (const Row& row : rows)
        text += row.host.empty() ? row.guest + "\n" : fmt::format("{:<{}}  {}\n", row.guest, width, row.host);
    return text;
}

} // namespace beeline::translate
