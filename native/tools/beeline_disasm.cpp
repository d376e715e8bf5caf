// Disassembles words of A64, or lists the instruction table.
//
//   beeline_disasm WORD...      words in hexadecimal; ADDRESS:WORD gives the word's address
//   beeline_disasm < FILE       the same, from standard input, separated by blanks
//   beeline_disasm --rows       the table: id, feature, pattern, mnemonic, operands
#include "arm64/disassembler.h"
#include "arm64/table/table.h"

#include <charconv>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

using namespace beeline::arm64;

namespace {

bool parse_hex(std::string_view text, uint64_t& value) {
    if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool print(std::string_view item, uint64_t& address) {
    const size_t colon = item.find(':');
    uint64_t word;
    if (colon != std::string_view::npos && !parse_hex(item.substr(0, colon), address)) return false;
    if (!parse_hex(colon == std::string_view::npos ? item : item.substr(colon + 1), word) || word > UINT32_MAX)
        return false;
    std::printf("%8llx:\t%08x\t%s\n", static_cast<unsigned long long>(address), static_cast<uint32_t>(word),
                disassemble(static_cast<uint32_t>(word), address).c_str());
    address += 4;
    return true;
}

int refuse(std::string_view item) {
    std::fprintf(stderr, "beeline_disasm: '%.*s' is not WORD or ADDRESS:WORD in hexadecimal\n",
                 static_cast<int>(item.size()), item.data());
    return 2;
}

int list_rows() {
    for (const Row& row : rows())
        std::printf("%-28s %-8s %-40s %s %s\n", row.id, feature_name(row.feature).data(), row.pattern, row.mnemonic,
                    row.operands);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    uint64_t address = 0;
    if (argc > 1 && std::string_view(argv[1]) == "--rows") return list_rows();
    for (int i = 1; i < argc; i++)
        if (!print(argv[i], address)) return refuse(argv[i]);
    if (argc > 1) return 0;
    std::string item;
    while (std::cin >> item)
        if (!print(item, address)) return refuse(item);
    return 0;
}
