#include "arm64/random_instruction.h"

namespace beeline::arm64 {

namespace {

constexpr std::string_view kRegisterLetters = "dnmatus";

bool names_register(const FieldLayout::Field& field, char letter) {
    return field.width == 5 && kRegisterLetters.find(letter) != std::string_view::npos;
}

uint32_t random_register(Rng& rng, uint32_t previous) {
    if (rng.one_in(8)) return 31;
    if (previous < 32 && rng.one_in(4)) return previous;
    return rng.below(32);
}

uint32_t random_bits(Rng& rng, unsigned width) {
    const uint32_t all = static_cast<uint32_t>((uint64_t{1} << width) - 1);
    if (width < 3) return static_cast<uint32_t>(rng.next()) & all;
    switch (rng.below(8)) {
    case 0: return 0;
    case 1: return all;
    case 2: return 1u << rng.below(width);
    case 3: return all ^ 1u << rng.below(width);
    case 4: return rng.below(8) & all;
    default: return static_cast<uint32_t>(rng.next()) & all;
    }
}

bool keeps_options(uint32_t word, const Row& row, const RandomOptions& options) {
    if (options.avoid_registers == 0) return true;
    const Fields f(word, row.layout);
    for (const char letter : kRegisterLetters)
        if (names_register(row.layout.field(letter), letter) && (options.avoid_registers >> f(letter) & 1) != 0)
            return false;
    return true;
}

uint32_t leaning_instance(const Row& row, Rng& rng) {
    // Bits that the pattern ignores are random, too.
    uint32_t word = (static_cast<uint32_t>(rng.next()) & ~row.layout.mask) | row.layout.value;
    uint32_t previous = 32;
    for (unsigned i = 0; i < row.layout.fields.size(); i++) {
        const auto& field = row.layout.fields[i];
        if (field.width == 0) continue;
        const char letter = static_cast<char>('A' + i);
        uint32_t value;
        if (names_register(field, letter)) {
            value = random_register(rng, previous);
            previous = value;
        } else {
            value = random_bits(rng, field.width);
        }
        word = with_field(word, row.layout, letter, value);
    }
    return word;
}

} // namespace

uint32_t with_field(uint32_t word, const FieldLayout& layout, char letter, uint32_t value) {
    const auto& field = layout.field(letter);
    for (unsigned i = field.run_count; i-- > 0;) {
        const auto run = field.runs[i];
        const uint32_t mask = (uint32_t{1} << run.width) - 1;
        word = (word & ~(mask << run.low)) | (value & mask) << run.low;
        value >>= run.width;
    }
    return word;
}

uint32_t random_instance(const Row& row, Rng& rng, const RandomOptions& options) {
    // Constraints are as lax as one instance in a few; the bounds only keep a mistake in the table from hanging us.
    constexpr unsigned kLeaning = 200, kUniform = 100'000;
    uint32_t word = row.layout.value;
    for (unsigned attempt = 0; attempt < kLeaning; attempt++) {
        word = leaning_instance(row, rng);
        if (keeps_options(word, row, options) && decode(word) == &row) return word;
    }
    uint32_t last_instance = word;
    for (unsigned attempt = 0; attempt < kUniform; attempt++) {
        word = (static_cast<uint32_t>(rng.next()) & ~row.layout.mask) | row.layout.value;
        if (decode(word) != &row) continue;
        if (keeps_options(word, row, options)) return word;
        last_instance = word;
    }
    return last_instance;
}

} // namespace beeline::arm64
