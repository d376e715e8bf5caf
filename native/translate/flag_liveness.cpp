#include "translate/flag_liveness.h"

#include "arm64/interpreter/dispatch.h"
#include "translate/instruction_facts.h"
#include "translate/state.h"

#include <cstring>

namespace beeline::translate {

bool flags_dead_at(const uint8_t* page, int64_t offset, arm64::ExecutionContext context,
                   const arm64::CpuFeatures& features, unsigned branches) {
    constexpr unsigned kInstructions = kMaxInstructions + 32;
    for (unsigned i = 0; i < kInstructions; i++, offset += 4) {
        if (offset < 0 || offset >= static_cast<int64_t>(arm64::kPageSize)) return false;
        uint32_t word;
        std::memcpy(&word, page + offset, sizeof word);
        arm64::Insn insn;
        arm64::bind(insn, word, context, features);
        const Facts facts = facts_of(insn, context.el);
        if (facts.flags.reads) return false;
        if (facts.flags.writes) return true;
        switch (facts.flow) {
        case Flow::Next: break;
        case Flow::Branch:
            if (branches == 0) return false;
            branches--;
            offset += branch_distance(insn) - 4;
            break;
        case Flow::Conditional:
            if (branches == 0) return false;
            branches--;
            if (!flags_dead_at(page, offset + branch_distance(insn), context, features, branches)) return false;
            break;
        case Flow::Leaves:
            if (facts.goes_on) break;
            return false;
        case Flow::Indirect: return false;
        }
    }
    return false;
}

} // namespace beeline::translate
