// Loops that are one block: V registers stay in host registers from one iteration to the next.
//
// The block's own code is the first iteration. Its branch back leads to a copy that expects V registers where that
// branch has them, dirty or not, and whose own branch back only moves what has changed places. What ends the loop, the
// poll word among it, finds CpuState up to date.
#include "arm64/vcpu.h"
#include "translate/block_translator.h"
#include "translate/state.h"

#include <algorithm>

namespace beeline::translate {

using namespace Xbyak::util;

namespace {

/// Loops with more instructions gain little.
constexpr unsigned kLongest = 48;

} // namespace

bool BlockTranslator::emit_vector_loop_branch(uint8_t condition) {
    if (vector_loop_ != nullptr) {
        VectorLoop& loop = *vector_loop_;
        if (index_ != loop.branch || !v_.can_become(loop.at_head)) return false;
        host::Label* const out = new_label();
        a_.jcc(condition ^ 1u, *out, Xbyak::CodeGenerator::T_NEAR);
        v_.become(loop.at_head);
        a_.cmp(e_.state(&cpu_.poll, 32), 0);
        a_.je(loop.head, Xbyak::CodeGenerator::T_NEAR);
        v_.spill(loop.at_head.contents);
        leave_at(static_cast<int64_t>(first_offset_), kPolled);
        a_.L(*out);
        return true;
    }
    const auto& held = v_.contents().guest;
    if (index_ >= kLongest || counting_executions_ || in_twin_ || cpu_.counts_exactly() ||
        !e_.techniques.has(Technique::VectorWriteBack) || !e_.techniques.has(Technique::BlockLinking) ||
        std::all_of(held.begin(), held.end(), [](int8_t guest) { return guest < 0; }))
        return false;
    VectorLoop& loop = vector_loops_.take();
    loop.branch = index_;
    loop.at_head = v_.knowledge();
    a_.jcc(condition, loop.head, Xbyak::CodeGenerator::T_NEAR);
    v_.write_back();
    e_.leave_float_form();
    a_.L(loop.resume);
    loop.at_resume = v_.contents();
    loop.place = e_.place();
    cold_.add([this, &loop] { emit_vector_loop(loop); });
    return true;
}

void BlockTranslator::emit_vector_loop(VectorLoop& loop) {
    vector_loop_ = &loop;
    v_.assume(loop.at_head);
    v_.prefer(loop.at_head.contents);
    // No flags are live at the head, or they are in memory.
    e_.set_place(FlagPlace::Memory);
    stack_aligned_ = false;
    counted_ = 0;
    group_ = {};
    a_.align(16);
    a_.L(loop.head);
    emit_instructions(loop.branch, true);
    vector_loop_ = nullptr;
    v_.prefer({});
    e_.leave_float_form();
    if (block_[loop.branch].flags_live_after) move_flags(loop.place);
    v_.become({loop.at_resume, loop.at_head.significant});
    a_.jmp(loop.resume, Xbyak::CodeGenerator::T_NEAR);
}

void BlockTranslator::move_flags(FlagPlace place) {
    if (e_.place() == place) return;
    if (e_.place() == FlagPlace::Memory) {
        e_.load_flags();
        if (place == FlagPlace::Add) a_.cmc();
    } else if (place == FlagPlace::Memory) {
        e_.store_flags(e_.place());
    } else {
        a_.cmc();
    }
}

} // namespace beeline::translate
