// Fields of an encoding, addressed by the letter that the row's pattern gives them.
#pragma once

#include <array>
#include <cstdint>

namespace beeline::arm64 {

/// Where the bits of each letter of a pattern are: up to three runs, most significant first.
struct FieldLayout {
    struct Run {
        uint8_t low = 0;   ///< Least significant bit's position in the word.
        uint8_t width = 0;
    };
    struct Field {
        std::array<Run, 3> runs{};
        uint8_t run_count = 0;
        uint8_t width = 0; ///< Total bits; 0 when the pattern lacks the letter.
    };
    uint32_t mask = 0;  ///< Fixed bits.
    uint32_t value = 0; ///< Their values.
    std::array<Field, 58> fields{}; ///< Indexed by letter - 'A'.

    const Field& field(char letter) const { return fields[static_cast<unsigned>(letter - 'A')]; }
};

/// Parses a pattern as table.h describes it.
FieldLayout parse_pattern(const char* pattern);

class Fields {
public:
    Fields(uint32_t word, const FieldLayout& layout) : word_(word), layout_(&layout) {}

    uint32_t word() const { return word_; }
    bool has(char letter) const { return layout_->field(letter).width != 0; }
    unsigned width(char letter) const { return layout_->field(letter).width; }

    /// Value of the field, unsigned; 0 when the pattern lacks it.
    uint32_t operator()(char letter) const {
        const auto& field = layout_->field(letter);
        uint32_t result = 0;
        for (unsigned i = 0; i < field.run_count; i++) {
            const auto run = field.runs[i];
            result = result << run.width | (word_ >> run.low & ((uint32_t{1} << run.width) - 1));
        }
        return result;
    }

    /// Value of the field, sign-extended from its width.
    int64_t sign_extended(char letter) const {
        const unsigned shift = 64 - width(letter);
        return static_cast<int64_t>(static_cast<uint64_t>((*this)(letter)) << shift) >> shift;
    }

private:
    uint32_t word_;
    const FieldLayout* layout_;
};

} // namespace beeline::arm64
