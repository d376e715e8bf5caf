// Operands of branches, data processing, and loads and stores of general registers.
#include "arm64/disassembler_formatters.h"
#include "arm64/table/immediates.h"

#include <fmt/core.h>

namespace beeline::arm64 {

namespace {

bool wide(const Fields& f) { return !f.has('x') || f('x') != 0; }

std::string general(uint32_t number, bool is_wide) {
    return number == 31 ? (is_wide ? "xzr" : "wzr") : fmt::format("{}{}", is_wide ? 'x' : 'w', number);
}

std::string base(const Fields& f) { return f('n') == 31 ? "sp" : fmt::format("x{}", f('n')); }

std::string condition(const Fields& f, uint64_t) {
    static constexpr const char* kNames[] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                             "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
    return kNames[f('c')];
}

// ---- addresses of code ---------------------------------------------------------------------------------------------

std::string label(const Fields& f, uint64_t address) {
    return fmt::format("{:#x}", address + static_cast<uint64_t>(f.sign_extended('i') * 4));
}

int64_t adr_offset(const Fields& f) { return f.sign_extended('i') * 4 + f('l'); }

std::string adr(const Fields& f, uint64_t address) {
    return fmt::format("{:#x}", address + static_cast<uint64_t>(adr_offset(f)));
}

std::string adrp(const Fields& f, uint64_t address) {
    return fmt::format("{:#x}", (address & ~uint64_t{0xFFF}) + static_cast<uint64_t>(adr_offset(f) * 4096));
}

std::string test_bit(const Fields& f, uint64_t) { return fmt::format("{}", f('x') << 5 | f('b')); }

std::string return_register(const Fields& f, uint64_t) { return f('n') == 30 ? "" : general(f('n'), true); }

// ---- data processing -----------------------------------------------------------------------------------------------

std::string imm12(const Fields& f, uint64_t) { return fmt::format("#{:#x}{}", f('i'), f('S') != 0 ? ", lsl #12" : ""); }

std::string imm16(const Fields& f, uint64_t) {
    return f('h') == 0 ? fmt::format("#{:#x}", f('i')) : fmt::format("#{:#x}, lsl #{}", f('i'), f('h') * 16);
}

std::string bitmask(const Fields& f, uint64_t) {
    const uint64_t mask = bitmask_immediate(f('N'), f('i'), f('r'));
    return fmt::format("#{:#x}", f('x') != 0 ? mask : mask & 0xFFFFFFFF);
}

/// Shift of the last operand, left out when it does nothing.
std::string shift(const Fields& f, uint64_t) {
    static constexpr const char* kNames[] = {"lsl", "lsr", "asr", "ror"};
    if (f('h') == 0 && f('i') == 0) return "";
    return fmt::format(", {} #{}", kNames[f('h')], f('i'));
}

constexpr const char* kExtensions[] = {"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"};

/// With SP among the operands, the extension that keeps the register's width is called LSL (C6.2.3).
std::string extended(const Fields& f, uint64_t) {
    const uint32_t option = f('o'), amount = f('i');
    const bool flags = (f.word() >> 29 & 1) != 0;
    const bool uses_sp = f('n') == 31 || (!flags && f('d') == 31);
    std::string result = general(f('m'), wide(f) && (option & 3) == 3);
    if (uses_sp && option == (wide(f) ? 3u : 2u)) {
        if (amount != 0) result += fmt::format(", lsl #{}", amount);
        return result;
    }
    result += fmt::format(", {}", kExtensions[option]);
    if (amount != 0) result += fmt::format(" #{}", amount);
    return result;
}

// ---- loads and stores ----------------------------------------------------------------------------------------------

std::string with_offset(const Fields& f, int64_t offset) {
    return offset == 0 ? fmt::format("[{}]", base(f)) : fmt::format("[{}, #{}]", base(f), offset);
}

/// log2 of the bytes that an instruction of C4.1.88's single-register forms transfers.
unsigned size_of(const Fields& f) { return f.word() >> 30; }

std::string offset9(const Fields& f, uint64_t) { return with_offset(f, f.sign_extended('i')); }
std::string offset12(const Fields& f, uint64_t) { return with_offset(f, int64_t{f('i')} << size_of(f)); }

int64_t pair_displacement(const Fields& f) {
    // opc 01 is LDPSW: words.
    const unsigned bytes = (f.word() >> 31) != 0 ? 8 : 4;
    return f.sign_extended('i') * bytes;
}

std::string pair_offset(const Fields& f, uint64_t) { return with_offset(f, pair_displacement(f)); }
std::string pair_post(const Fields& f, uint64_t) { return fmt::format("[{}], #{}", base(f), pair_displacement(f)); }
std::string pair_pre(const Fields& f, uint64_t) { return fmt::format("[{}, #{}]!", base(f), pair_displacement(f)); }

/// [base, index{, extend {#amount}}]; the size of FP/SIMD forms counts bit 23 as its top bit.
std::string register_offset(const Fields& f, uint64_t) {
    const uint32_t option = f('o');
    const bool vector = (f.word() >> 26 & 1) != 0;
    const unsigned amount = vector && (f.word() >> 23 & 1) != 0 ? 4 : size_of(f);
    std::string result = fmt::format("[{}, {}", base(f), general(f('m'), (option & 1) != 0));
    if (option == 3) {
        if (f('S') != 0) result += fmt::format(", lsl #{}", amount);
    } else {
        result += fmt::format(", {}", kExtensions[option]);
        if (f('S') != 0) result += fmt::format(" #{}", amount);
    }
    return result + "]";
}

std::string prefetch(const Fields& f, uint64_t) {
    static constexpr const char* kTypes[] = {"pld", "pli", "pst"};
    const uint32_t operation = f('t'), type = operation >> 3, level = operation >> 1 & 3;
    if (type == 3 || level == 3) return fmt::format("#0x{:02x}", operation);
    return fmt::format("{}l{}{}", kTypes[type], level + 1, (operation & 1) != 0 ? "strm" : "keep");
}

std::string acquire_release(bool acquire, bool release) {
    return fmt::format("{}{}", acquire ? "a" : "", release ? "l" : "");
}
std::string order(const Fields& f, uint64_t) { return acquire_release(f('A') != 0, f('R') != 0); }

std::string next_of_s(const Fields& f, uint64_t) { return general(f('s') + 1, wide(f)); }
std::string next_of_t(const Fields& f, uint64_t) { return general(f('t') + 1, wide(f)); }

constexpr Formatter kFormatters[] = {
    {"cond", condition},
    {"label", label},
    {"adr", adr},
    {"adrp", adrp},
    {"test_bit", test_bit},
    {"return_register", return_register},
    {"imm12", imm12},
    {"imm16", imm16},
    {"bitmask", bitmask},
    {"shift", shift},
    {"extended", extended},
    {"offset9", offset9},
    {"offset12", offset12},
    {"pair_offset", pair_offset},
    {"pair_post", pair_post},
    {"pair_pre", pair_pre},
    {"register_offset", register_offset},
    {"prefetch", prefetch},
    {"cas_order", order},
    {"lse_order", order},
    {"next_of_s", next_of_s},
    {"next_of_t", next_of_t},
};

} // namespace

std::span<const Formatter> base_formatters() { return kFormatters; }

} // namespace beeline::arm64
