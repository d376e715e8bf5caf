// Operands that only floating-point instructions have.
#include "arm64/disassembler_formatters.h"
#include "arm64/fp/convert.h"

#include <bit>
#include <fmt/core.h>

namespace beeline::arm64 {

namespace {

/// Nineteen significant digits, as objdump prints FMOV's immediates whatever their precision.
std::string immediate(const Fields& f, uint64_t) {
    return fmt::format("{:.18e}", std::bit_cast<double>(fp::expand_immediate<uint64_t>(f('i'))));
}

/// Element operand of the by-element forms: vM.T[index].
std::string element(const Fields& f, uint64_t) {
    if (f.has('M')) return fmt::format("v{}.h[{}]", f('m'), f('H') << 2 | f('L') << 1 | f('M'));
    if (f.has('L')) return fmt::format("v{}.s[{}]", f('m'), f('H') << 1 | f('L'));
    return fmt::format("v{}.d[{}]", f('m'), f('H'));
}

/// Number of fraction bits of the fixed-point forms; the field counts down from its range.
std::string fraction_bits(const Fields& f, uint64_t) { return fmt::format("{}", (1u << f.width('i')) - f('i')); }

/// Suffix of narrowing and lengthening forms that use the upper half.
std::string two(const Fields& f, uint64_t) { return f('Q') != 0 ? "2" : ""; }

constexpr Formatter kFormatters[] = {
    {"fp_immediate", immediate},
    {"fp_element", element},
    {"fp_fraction_bits", fraction_bits},
    {"fp_two", two},
};

} // namespace

std::span<const Formatter> fp_formatters() { return kFormatters; }

} // namespace beeline::arm64
