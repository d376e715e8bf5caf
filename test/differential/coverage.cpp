#include "coverage.h"

#include "encodings.h"

#include <algorithm>

namespace beeline::differential {

using namespace beeline::arm64;

namespace {

/// The first instruction that is certain to run when the branch at `index` does not fall through.
unsigned behind_branch(const TestCase& test, unsigned index) {
    const uint32_t word = test.words[index];
    const Branch control = branch(word);
    int64_t words = 1;
    switch (control.form) {
    case Branch::Form::None: return index + 1;
    case Branch::Form::Direct26: words = signed_bits(word, 0, 26); break;
    case Branch::Form::Direct19: words = signed_bits(word, 5, 19); break;
    case Branch::Form::Direct14: words = signed_bits(word, 5, 14); break;
    case Branch::Form::Register:
        if (control.target == 31) return test.count;
        words = static_cast<int64_t>((test.initial.x[control.target] & 0xFFFFFFFFFFFFFF) - test.initial.pc) / 4 -
                static_cast<int64_t>(index);
        break;
    }
    if (words < 1 || words > static_cast<int64_t>(test.count - index)) return test.count;
    return index + static_cast<unsigned>(words);
}

} // namespace

void Coverage::count(const TestCase& test, uint64_t pc, const CpuFeatures& features) {
    const uint64_t end = (pc - test.initial.pc) / 4;
    unsigned skipped_to = 0;
    for (unsigned i = 0; i < test.count && i <= end; i++) {
        const bool certain = i >= skipped_to;
        skipped_to = std::max(skipped_to, behind_branch(test, i));
        if (!certain) continue;
        const Row* row = decode(test.words[i]);
        if (row == nullptr || !features.has(row->feature)) {
            if (i == end) undefined++;
            continue;
        }
        // A branch to an address between two instructions ends at neither.
        if (i < end)
            completed[static_cast<unsigned>(row->op)]++;
        else if (pc % 4 == 0)
            ended[static_cast<unsigned>(row->op)]++;
    }
}

void Coverage::add(const Coverage& other) {
    for (unsigned i = 0; i < kOpCount; i++) {
        completed[i] += other.completed[i];
        ended[i] += other.ended[i];
    }
    undefined += other.undefined;
}

} // namespace beeline::differential
