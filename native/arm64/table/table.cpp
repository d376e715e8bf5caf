#include "arm64/table/table.h"

#include "arm64/table/immediates.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace beeline::arm64 {

FieldLayout parse_pattern(const char* pattern) {
    FieldLayout layout;
    int bit = 31;
    char previous = 0;
    for (const char* p = pattern; *p != 0 && bit >= 0; p++) {
        const char c = *p;
        if (c == ' ' || c == '_') continue;
        if (c == '0' || c == '1') {
            layout.mask |= uint32_t{1} << bit;
            if (c == '1') layout.value |= uint32_t{1} << bit;
        } else if (c != '-') {
            auto& field = layout.fields[static_cast<unsigned>(c - 'A')];
            if (c != previous) field.runs[field.run_count++] = {static_cast<uint8_t>(bit), 0};
            auto& run = field.runs[field.run_count - 1u];
            run.low = static_cast<uint8_t>(bit);
            run.width++;
            field.width++;
        }
        previous = c;
        bit--;
    }
    return layout;
}

std::string_view feature_name(Feature feature) {
    static constexpr std::string_view kNames[] = {
#define F(id, name) name,
#include "arm64/table/features.inc"
#undef F
    };
    return kNames[static_cast<unsigned>(feature)];
}

std::span<const Row> rows() {
    static const std::vector<Row> table = [] {
        std::vector<Row> result = {
#define I(id, mnemonic, pattern, operands, feature, constraint)                                                        \
    Row{Op::id, #id, mnemonic, pattern, operands, Feature::feature, [](const Fields& f) -> bool {                      \
            (void)f;                                                                                                   \
            return constraint;                                                                                         \
        }, {}},
#include "arm64/table/all.inc"
#undef I
        };
        for (Row& row : result) row.layout = parse_pattern(row.pattern);
        return result;
    }();
    return table;
}

namespace {

/// Rows that can match, for each value of bits 31..21, the most specific first.
class Decoder {
public:
    static constexpr unsigned kShift = 21;
    static constexpr unsigned kBuckets = 1u << (32 - kShift);

    Decoder() {
        std::vector<const Row*> ordered;
        for (const Row& row : rows()) ordered.push_back(&row);
        std::stable_sort(ordered.begin(), ordered.end(), [](const Row* a, const Row* b) {
            return std::popcount(a->layout.mask) > std::popcount(b->layout.mask);
        });
        for (const Row* row : ordered) {
            const uint32_t mask = row->layout.mask >> kShift, value = row->layout.value >> kShift;
            for (uint32_t bucket = 0; bucket < kBuckets; bucket++)
                if ((bucket & mask) == value) buckets_[bucket].push_back(row);
        }
    }

    const Row* find(uint32_t word) const {
        for (const Row* row : buckets_[word >> kShift])
            if ((word & row->layout.mask) == row->layout.value && row->constraint(Fields(word, row->layout))) return row;
        return nullptr;
    }

private:
    std::array<std::vector<const Row*>, kBuckets> buckets_;
};

} // namespace

const Row* decode(uint32_t word) {
    static const Decoder decoder;
    return decoder.find(word);
}

} // namespace beeline::arm64
