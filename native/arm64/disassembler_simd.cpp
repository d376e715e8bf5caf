// Operands that only Advanced SIMD instructions, and loads and stores of FP/SIMD registers, have.
#include "arm64/disassembler_formatters.h"

#include <bit>
#include <fmt/core.h>

namespace beeline::arm64 {

namespace {

constexpr char kElements[] = {'b', 'h', 's', 'd', 'q'};

/// "4s": as many elements of 8 << size bits as 64 or 128 bits hold.
std::string arrangement(unsigned size, bool q) { return fmt::format("{}{}", (q ? 16u : 8u) >> size, kElements[size]); }

std::string vector(uint32_t number, unsigned size, bool q) {
    return fmt::format("v{}.{}", number, arrangement(size, q));
}
std::string scalar(uint32_t number, unsigned size) { return fmt::format("{}{}", kElements[size], number); }
std::string lane(uint32_t number, unsigned size, uint32_t index) {
    return fmt::format("v{}.{}[{}]", number, kElements[size], index);
}
bool full(const Fields& f) { return f('Q') != 0; }

/// Suffix of instructions that use the upper half of their narrow operand.
std::string two(const Fields& f, uint64_t) { return full(f) ? "2" : ""; }

std::string words_d(const Fields& f, uint64_t) { return vector(f('d'), 2, full(f)); }
std::string doublewords_n(const Fields& f, uint64_t) { return vector(f('n'), 3, full(f)); }
std::string doublewords_m(const Fields& f, uint64_t) { return vector(f('m'), 3, full(f)); }
/// Elements twice as wide as field z says, in a vector of the same size, or as a scalar.
std::string paired_d(const Fields& f, uint64_t) { return vector(f('d'), f('z') + 1, full(f)); }
std::string wide_scalar_d(const Fields& f, uint64_t) { return scalar(f('d'), f('z') + 1); }
std::string wide_scalar_n(const Fields& f, uint64_t) { return scalar(f('n'), f('z') + 1); }
std::string element_bits(const Fields& f, uint64_t) { return fmt::format("{}", 8u << f('z')); }

// ---- copy: imm5 has the size in its lowest set bit and the lane above -------------------------------------------

unsigned lane_size(const Fields& f) { return static_cast<unsigned>(std::countr_zero(f('i'))); }
uint32_t lane_index(const Fields& f) { return f('i') >> (lane_size(f) + 1); }

std::string lane_t_d(const Fields& f, uint64_t) { return vector(f('d'), lane_size(f), full(f)); }
std::string lane_d(const Fields& f, uint64_t) { return lane(f('d'), lane_size(f), lane_index(f)); }
std::string lane_n(const Fields& f, uint64_t) { return lane(f('n'), lane_size(f), lane_index(f)); }
std::string lane_source_n(const Fields& f, uint64_t) { return lane(f('n'), lane_size(f), f('j') >> lane_size(f)); }
std::string lane_scalar_d(const Fields& f, uint64_t) { return scalar(f('d'), lane_size(f)); }
std::string lane_general_n(const Fields& f, uint64_t) {
    const char view = lane_size(f) == 3 ? 'x' : 'w';
    return f('n') == 31 ? fmt::format("{}zr", view) : fmt::format("{}{}", view, f('n'));
}

// ---- modified immediate ------------------------------------------------------------------------------------------

std::string byte_shift(const Fields& f, uint64_t) { return f('h') == 0 ? "" : fmt::format(", lsl #{}", 8 * f('h')); }
std::string ones_shift(const Fields& f, uint64_t) { return f('h') == 0 ? "8" : "16"; }
std::string byte_mask(const Fields& f, uint64_t) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        if ((f('i') >> i & 1) != 0) value |= uint64_t{0xFF} << 8 * i;
    return fmt::format("{:#x}", value);
}

// ---- shift by immediate: immh:immb has the size in its highest set bit -----------------------------------------

unsigned shift_immediate(const Fields& f) { return f.width('i') == 6 ? 64 | f('i') : f('i'); }
unsigned shift_size(const Fields& f) { return static_cast<unsigned>(std::bit_width(shift_immediate(f))) - 4; }

std::string shift_t_d(const Fields& f, uint64_t) { return vector(f('d'), shift_size(f), full(f)); }
std::string shift_t_n(const Fields& f, uint64_t) { return vector(f('n'), shift_size(f), full(f)); }
std::string shift_w_d(const Fields& f, uint64_t) { return vector(f('d'), shift_size(f) + 1, true); }
std::string shift_w_n(const Fields& f, uint64_t) { return vector(f('n'), shift_size(f) + 1, true); }
std::string shift_s_d(const Fields& f, uint64_t) { return scalar(f('d'), shift_size(f)); }
std::string shift_s_n(const Fields& f, uint64_t) { return scalar(f('n'), shift_size(f)); }
std::string shift_sw_n(const Fields& f, uint64_t) { return scalar(f('n'), shift_size(f) + 1); }
std::string right_shift(const Fields& f, uint64_t) {
    return fmt::format("{}", (16u << shift_size(f)) - shift_immediate(f));
}
std::string left_shift(const Fields& f, uint64_t) {
    return fmt::format("{}", shift_immediate(f) - (8u << shift_size(f)));
}

// ---- by element --------------------------------------------------------------------------------------------------

std::string element(const Fields& f, uint64_t) {
    if (f('z') == 1) return lane(f('m'), 1, f('H') << 2 | f('L') << 1 | f('M'));
    return lane(f('M') << 4 | f('m'), 2, f('H') << 1 | f('L'));
}
std::string dot_element(const Fields& f, uint64_t) {
    return fmt::format("v{}.4b[{}]", f('M') << 4 | f('m'), f('H') << 1 | f('L'));
}

// ---- lists of registers ------------------------------------------------------------------------------------------

/// A range where three or more registers do not wrap around.
std::string list(uint32_t first, unsigned count, std::string_view suffix) {
    const uint32_t last = (first + count - 1) % 32;
    if (count > 2 && last > first) return fmt::format("{{v{}.{}-v{}.{}}}", first, suffix, last, suffix);
    std::string result = "{";
    for (unsigned i = 0; i < count; i++)
        result += fmt::format("{}v{}.{}", i == 0 ? "" : ", ", (first + i) % 32, suffix);
    return result + "}";
}

std::string table_n(const Fields& f, uint64_t) { return list(f('n'), f('l') + 1, "16b"); }

template <unsigned count> std::string structures(const Fields& f, uint64_t) {
    return list(f('t'), count, arrangement(f('z'), full(f)));
}

/// log2 of the element's bytes in the forms with one lane: bits 15 and 14, and size 1 where they say 2.
unsigned single_size(const Fields& f) {
    const unsigned scale = f.word() >> 14 & 3;
    return scale == 2 && (f.word() >> 10 & 1) != 0 ? 3 : scale;
}

template <unsigned count> std::string lane_structures(const Fields& f, uint64_t) {
    return list(f('t'), count, std::string_view(&kElements[single_size(f)], 1));
}

std::string lane_list_index(const Fields& f, uint64_t) {
    const uint32_t bits = f('Q') << 3 | (f.word() >> 10 & 7);
    return fmt::format("{}", bits >> single_size(f));
}

std::string post_index(const Fields& f, unsigned bytes) {
    return f('m') == 31 ? fmt::format(", #{}", bytes) : fmt::format(", x{}", f('m'));
}

std::string list_post(const Fields& f, uint64_t) {
    const unsigned opcode = f.word() >> 12 & 15;
    const unsigned registers = opcode == 7 ? 1 : opcode == 10 || opcode == 8 ? 2 : opcode == 6 || opcode == 4 ? 3 : 4;
    return post_index(f, registers * (full(f) ? 16 : 8));
}

/// Registers of the forms with one structure: opcode<0>:R plus one.
unsigned structure_registers(const Fields& f) { return ((f.word() >> 13 & 1) << 1 | (f.word() >> 21 & 1)) + 1; }

std::string lane_list_post(const Fields& f, uint64_t) {
    return post_index(f, structure_registers(f) << single_size(f));
}
std::string replicate_post(const Fields& f, uint64_t) { return post_index(f, structure_registers(f) << f('z')); }

// ---- offsets: left out when zero -----------------------------------------------------------------------------------

std::string offset(int64_t value) { return value == 0 ? "" : fmt::format(", #{}", value); }

std::string unscaled_offset(const Fields& f, uint64_t) { return offset(f.sign_extended('i')); }
/// The transfer's size has bit 23 above bits 31 and 30.
std::string scaled_offset(const Fields& f, uint64_t) {
    return offset(int64_t{f('i')} << ((f.word() >> 23 & 1) << 2 | f.word() >> 30));
}
std::string pair_offset(const Fields& f, uint64_t) {
    return offset(f.sign_extended('i') * (int64_t{4} << (f.word() >> 30)));
}

constexpr Formatter kFormatters[] = {
    {"simd_two", two},
    {"simd_words_d", words_d},
    {"simd_doublewords_n", doublewords_n},
    {"simd_doublewords_m", doublewords_m},
    {"simd_paired_d", paired_d},
    {"simd_wide_scalar_d", wide_scalar_d},
    {"simd_wide_scalar_n", wide_scalar_n},
    {"simd_element_bits", element_bits},
    {"simd_lane_t_d", lane_t_d},
    {"simd_lane_d", lane_d},
    {"simd_lane_n", lane_n},
    {"simd_lane_source_n", lane_source_n},
    {"simd_lane_scalar_d", lane_scalar_d},
    {"simd_lane_general_n", lane_general_n},
    {"simd_byte_shift", byte_shift},
    {"simd_ones_shift", ones_shift},
    {"simd_byte_mask", byte_mask},
    {"simd_shift_t_d", shift_t_d},
    {"simd_shift_t_n", shift_t_n},
    {"simd_shift_w_d", shift_w_d},
    {"simd_shift_w_n", shift_w_n},
    {"simd_shift_s_d", shift_s_d},
    {"simd_shift_s_n", shift_s_n},
    {"simd_shift_sw_n", shift_sw_n},
    {"simd_right_shift", right_shift},
    {"simd_left_shift", left_shift},
    {"simd_element", element},
    {"simd_dot_element", dot_element},
    {"simd_table_n", table_n},
    {"simd_list_1", structures<1>},
    {"simd_list_2", structures<2>},
    {"simd_list_3", structures<3>},
    {"simd_list_4", structures<4>},
    {"simd_lane_list_1", lane_structures<1>},
    {"simd_lane_list_2", lane_structures<2>},
    {"simd_lane_list_3", lane_structures<3>},
    {"simd_lane_list_4", lane_structures<4>},
    {"simd_lane_list_index", lane_list_index},
    {"simd_list_post", list_post},
    {"simd_lane_list_post", lane_list_post},
    {"simd_replicate_post", replicate_post},
    {"simd_unscaled_offset", unscaled_offset},
    {"simd_scaled_offset", scaled_offset},
    {"simd_pair_offset", pair_offset},
};

} // namespace

std::span<const Formatter> simd_formatters() { return kFormatters; }

} // namespace beeline::arm64
