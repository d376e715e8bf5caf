#include "arm64/disassembler.h"

#include "arm64/disassembler_formatters.h"
#include "arm64/table/table.h"

#include <charconv>
#include <fmt/core.h>

namespace beeline::arm64 {

namespace {

std::string general(uint32_t number, bool wide, bool stack_pointer) {
    if (number == 31) return stack_pointer ? (wide ? "sp" : "wsp") : (wide ? "xzr" : "wzr");
    return fmt::format("{}{}", wide ? 'x' : 'w', number);
}

std::string vector(uint32_t number, std::string_view arrangement) { return fmt::format("v{}.{}", number, arrangement); }

/// Arrangement of a register of 64 or 128 bits with elements of 8 << size bits.
std::string_view arrangement(uint32_t size, bool q) {
    static constexpr std::string_view kNames[] = {"8b", "16b", "4h", "8h", "2s", "4s", "1d", "2d"};
    return kNames[(size & 3) << 1 | q];
}

/// One token, split at its colons.
struct Token {
    std::string_view kind;
    char letter = 0;
    std::string_view argument;
};

Token parse_token(std::string_view text) {
    Token token;
    const size_t first = text.find(':');
    token.kind = text.substr(0, first);
    if (first == std::string_view::npos || first + 1 >= text.size()) return token;
    token.letter = text[first + 1];
    if (first + 3 < text.size()) token.argument = text.substr(first + 3);
    return token;
}

int64_t scale_of(std::string_view argument) {
    int64_t scale = 1;
    if (!argument.empty()) std::from_chars(argument.data(), argument.data() + argument.size(), scale);
    return scale;
}

std::string named(std::string_view name, const Fields& f, uint64_t address) {
    for (const auto formatters : {base_formatters(), fp_formatters(), simd_formatters(), system_formatters()})
        for (const Formatter& formatter : formatters)
            if (formatter.name == name) return formatter.format(f, address);
    return fmt::format("<@{}>", name);
}

std::string format_token(std::string_view text, const Fields& f, uint64_t address) {
    if (text.starts_with('@')) return named(text.substr(1), f, address);
    const Token token = parse_token(text);
    const std::string_view kind = token.kind;
    const uint32_t value = f(token.letter);
    // The argument is a field's letter, or a scale in digits.
    const bool names_field = token.argument.size() == 1 && token.argument[0] >= 'A';
    const uint32_t size = names_field ? f(token.argument[0]) : 0;
    const bool q = f('Q') != 0, wide = !f.has('x') || f('x') != 0;

    if (kind == "R") return general(value, wide, false);
    if (kind == "Rsp") return general(value, wide, true);
    if (kind == "W") return general(value, false, false);
    if (kind == "X") return general(value, true, false);
    if (kind == "Wsp") return general(value, false, true);
    if (kind == "Xsp") return general(value, true, true);
    if (kind == "B" || kind == "H" || kind == "S" || kind == "D" || kind == "Q")
        return fmt::format("{}{}", static_cast<char>(kind[0] - 'A' + 'a'), value);
    if (kind == "F") return fmt::format("{}{}", "sdqh"[f('y') & 3], value);
    if (kind == "N") return fmt::format("{}{}", "bhsd"[size & 3], value);
    if (kind == "V") return vector(value, token.argument);
    if (kind == "T") return vector(value, arrangement(size, q));
    if (kind == "Tw") return vector(value, arrangement(size + 1, true));
    if (kind == "Tf") return vector(value, arrangement(2 + (size & 1), q));
    if (kind == "Th") return vector(value, arrangement(1, q));
    if (kind == "T8") return vector(value, arrangement(0, q));
    if (kind == "u") return fmt::format("{}", value * scale_of(token.argument));
    if (kind == "s") return fmt::format("{}", f.sign_extended(token.letter) * scale_of(token.argument));
    if (kind == "x") return fmt::format("{:#x}", value);
    return fmt::format("<{}>", text);
}

std::string expand(std::string_view text, const Fields& f, uint64_t address) {
    std::string result;
    while (!text.empty()) {
        const size_t open = text.find('<');
        result += text.substr(0, open);
        if (open == std::string_view::npos) break;
        const size_t close = text.find('>', open);
        result += format_token(text.substr(open + 1, close - open - 1), f, address);
        text.remove_prefix(close == std::string_view::npos ? text.size() : close + 1);
    }
    return result;
}

} // namespace

std::string disassemble(uint32_t word, uint64_t address) {
    const Row* row = decode(word);
    if (row == nullptr) return fmt::format(".inst\t0x{:08x} ; undefined", word);
    const Fields f(word, row->layout);
    std::string result = expand(row->mnemonic, f, address);
    const std::string operands = expand(row->operands, f, address);
    if (!operands.empty()) {
        result += '\t';
        result += operands;
    }
    return result;
}

} // namespace beeline::arm64
