#include "translate/block_translator.h"

#include "arm64/execution_context.h"
#include "arm64/features.h"
#include "arm64/interpreter/dispatch.h"
#include "arm64/vcpu.h"
#include "translate/emit_data_processing.h"
#include "translate/state.h"
#include "translate/vector_emitter.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <optional>

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::kPageMask;
using arm64::kPageSize;
using arm64::Op;

namespace {

/// How far the look-ahead for dead flags goes outside the block.
constexpr unsigned kLookAheadInstructions = 12, kLookAheadBranches = 3;

/// Why translated code is left for an instruction that the interpreter's handlers execute.
SwitchCause helper_cause(const BlockTranslator::Instruction& instruction) {
    const uint32_t word = instruction.insn.word;
    if (instruction.insn.op >= arm64::kOpCount) return SwitchCause::Exception;
    if (arm64::uses_vector_registers(arm64::row(static_cast<Op>(instruction.insn.op)).feature))
        return SwitchCause::Vector;
    // C4.1.86: exception generation, and ERET among the unconditional branches; hints, barriers, SYS, MSR and MRS.
    if (word >> 24 == 0xD4 || word >> 21 == 0x6B4) return SwitchCause::Exception;
    if (word >> 24 == 0xD5) return SwitchCause::System;
    return SwitchCause::Instruction;
}

uint32_t word_at(const uint8_t* host_page, uint64_t offset) {
    uint32_t word;
    std::memcpy(&word, host_page + offset, sizeof word);
    return word;
}

} // namespace

BlockTranslator::BlockTranslator(host::Assembler& assembler, arm64::Vcpu& cpu, const Techniques& techniques,
                                 const host::CpuFlags& host)
    : a_(assembler), e_(assembler, cpu, techniques, host), v_(e_), cpu_(cpu) {
    TranslatedState& state = translated_state(cpu);
    for (unsigned n = 0; n <= kMaxInstructions; n++) state.counts[n] = {n, 0};
    state.vector_constants = kVectorConstantValues;
    state.triple_shuffles = kTripleShuffles;
    state.float_flags = kFloatFlags;
    for (uint32_t mode = 0; mode < 4; mode++) state.guest_mxcsr[mode] = mxcsr_of(mode);
}

void BlockTranslator::generate_runtime(const uint8_t* executable_base, const uint8_t* writable_base) {
    runtime_ = translate::generate_runtime(e_, executable_base, writable_base);
}

// ---- decoding ----

bool BlockTranslator::cut_at(uint64_t offset) const {
    const arm64::PageOffsets* cuts = cpu_.debugger_cuts();
    return cuts != nullptr && cuts->test(offset / 4);
}

void BlockTranslator::decode(arm64::GuestPa pa, uint8_t context, const uint8_t* host_page) {
    const arm64::ExecutionContext execution = arm64::unpack_context(context);
    const bool superblocks = e_.techniques.has(Technique::Superblocks);
    block_.clear();
    for (uint64_t offset = first_offset_; offset < kPageSize && block_.size() < kMaxInstructions; offset += 4) {
        if (offset != first_offset_ && cut_at(offset)) break;
        Instruction& instruction = block_.emplace_back();
        arm64::bind(instruction.insn, word_at(host_page, offset), execution, cpu_.features());
        instruction.insn.page_offset = static_cast<uint16_t>(offset);
        instruction.facts = facts_of(instruction.insn, execution.el);
        translation_->lines |= uint64_t{1} << (offset >> 6);
        if (instruction.facts.goes_on && goes_on_inline(instruction.insn)) instruction.facts.flow = Flow::Next;
        const Flow flow = instruction.facts.flow;
        if (flow == Flow::Next || (flow == Flow::Conditional && superblocks)) continue;
        break;
    }
    translation_->pa = pa;
    translation_->context = context;
    translation_->words.reserve(block_.size());
    size_t exits = 2; // Of a last instruction that branches, and of one that does not.
    for (const Instruction& instruction : block_) {
        translation_->words.push_back(instruction.insn.word);
        exits += instruction.facts.flow == Flow::Conditional ? 2 : 0; // Twice, where a loop has a copy of its own.
    }
    translation_->exits.reserve(exits);
    translation_->instructions = static_cast<uint16_t>(block_.size());
}

// ---- flags ----

bool BlockTranslator::flags_live_at(int64_t offset, unsigned depth) const {
    if (!e_.techniques.has(Technique::FlagLookAhead)) return true;
    unsigned read_ahead = 0;
    for (;; offset += 4) {
        if (offset < 0 || offset >= static_cast<int64_t>(kPageSize)) return true;
        if (cut_at(static_cast<uint64_t>(offset))) return true; // A debugger may look there.
        const uint32_t word = word_at(host_page_, static_cast<uint64_t>(offset));
        const auto index = static_cast<size_t>((offset - static_cast<int64_t>(first_offset_)) / 4);
        const bool known = offset >= static_cast<int64_t>(first_offset_) && index < block_.size();
        if (!known) {
            if (read_ahead++ == kLookAheadInstructions) return true;
            // The block depends on what follows it.
            translation_->lines |= uint64_t{1} << (offset >> 6);
        }
        const Facts facts =
            known ? block_[index].facts : facts_of(word, arm64::unpack_context(context_).el, cpu_.features());
        if (facts.flags.reads) return true;
        if (facts.flags.writes) return false;
        switch (facts.flow) {
        case Flow::Next: break;
        case Flow::Branch:
            if (depth == 0) return true;
            depth--;
            offset += branch_distance(word) - 4;
            break;
        case Flow::Conditional:
            if (depth == 0) return true;
            depth--;
            if (flags_live_at(offset + branch_distance(word), depth)) return true;
            break;
        case Flow::Indirect:
        case Flow::Leaves: return true;
        }
    }
}

void BlockTranslator::find_live_flags() {
    // Behind the last instruction.
    const Instruction& last = block_.back();
    const int64_t last_offset = last.insn.page_offset;
    bool live = true;
    switch (last.facts.flow) {
    case Flow::Next:
    case Flow::Conditional: live = flags_live_at(last_offset + 4, kLookAheadBranches); break;
    case Flow::Branch: live = flags_live_at(last_offset + branch_distance(last.insn), kLookAheadBranches); break;
    case Flow::Indirect:
    case Flow::Leaves: break;
    }
    for (size_t i = block_.size(); i-- != 0;) {
        Instruction& instruction = block_[i];
        if (instruction.facts.flow == Flow::Conditional && !live) // Both successors count.
            live = flags_live_at(instruction.insn.page_offset + branch_distance(instruction.insn), kLookAheadBranches);
        instruction.flags_live_after = live;
        const FlagUse use = instruction.facts.flags;
        if (use.writes) live = false;
        if (use.reads) live = true;
        instruction.flags_live_before = live;
    }
}

// ---- counting ----

void BlockTranslator::flush_count(unsigned index) {
    const unsigned pending = index + 1 - counted_;
    if (pending == 0) return;
    a_.paddq(xmm15, e_.state(&translated_state(cpu_).counts[pending], 128));
    counted_ = index + 1;
}

/// General registers' data processing that sets flags for a conditional branch behind it. Neither of them can fail:
/// what is counted before both stays out of the way of the host's fusion of compare and branch.
bool BlockTranslator::compares_for_branch(unsigned index) const {
    if (index + 1 >= block_.size() || static_cast<Op>(block_[index + 1].insn.op) != Op::B_cond) return false;
    return block_[index].facts.flags.writes != 0 && is_general_data_processing(block_[index].insn.word);
}

// ---- translation ----

std::unique_ptr<Translation> BlockTranslator::translate(arm64::GuestPa pa, uint8_t context, const uint8_t* host_page) {
    auto translation = std::make_unique<Translation>();
    translation_ = translation.get();
    host_page_ = host_page;
    context_ = context;
    first_offset_ = pa.value & kPageMask;
    in_upper_half_ = (cpu_.state.pc >> 55 & 1) != 0;
    decode(pa, context, host_page);
    find_live_flags();
    counted_ = 0;
    group_ = {};
    same_addresses_.clear();
    stack_aligned_ = false;
    cold_.clear();
    labels_.clear();
    accesses_.clear();
    group_ends_.clear();
    vector_loops_.clear();
    cold_owners_.clear();
    v_.forget();

    uint8_t* const begin = translation_->writable = const_cast<uint8_t*>(a_.getCurr());
    e_.set_place(FlagPlace::Memory);
    if (counting_executions_) {
        e_.move_immediate(rax, reinterpret_cast<uint64_t>(&translation_->executions));
        a_.inc(qword[rax]);
    }
    if (cpu_.counts_exactly()) emit_limit_check();
    emit_instructions(static_cast<unsigned>(block_.size()) - 1, false);
    const Instruction& last = block_.back();
    if (last.facts.flow == Flow::Next || last.facts.flow == Flow::Conditional) {
        index_ = static_cast<unsigned>(block_.size()) - 1;
        v_.write_back();
        e_.set_needed(last.flags_live_after);
        emit_direct_exit(last.insn.page_offset + 4, false);
        own_cold(index_);
    }
    // Cold code may ask for more of itself.
    for (size_t i = 0; i < cold_.size(); i++) {
        const unsigned owner = recording_layout_ ? cold_owners_[i] : 0;
        note_layout(owner, true);
        cold_.emit(i);
        own_cold(owner);
    }
    translation_->size = static_cast<uint32_t>(a_.getCurr() - begin);
    translation_->accesses.assign(accesses_.begin(), accesses_.end());
    if (const int error = Xbyak::GetError(); error != 0) {
        // An emitter asked for an instruction that does not exist: our own mistake, never the guest's.
        fmt::print(stderr, "beeline: cannot encode the host code for the block at physical {:#x}: {}\n", pa.value,
                   Xbyak::ConvertErrorToString(error));
        std::abort();
    }
    return translation;
}

/// A block that the limit is in is not begun: run() goes on one by one.
void BlockTranslator::emit_limit_check() {
    host::Label* const out = new_label();
    a_.movq(rax, xmm15);
    a_.add(rax, static_cast<uint32_t>(block_.size()));
    a_.cmp(rax, e_.state(&cpu_.instruction_limit));
    a_.ja(*out, Xbyak::CodeGenerator::T_NEAR);
    cold_.add([this, out] {
        a_.L(*out);
        leave_at(static_cast<int64_t>(first_offset_), kPolled);
    });
}

/// Instructions from the block's first one to `last`.
void BlockTranslator::emit_instructions(unsigned last, bool cold) {
    for (index_ = 0; index_ <= last; index_++) {
        const unsigned begun = index_;
        note_layout(begun, cold);
        if (!group_.active) {
            group_ = find_group(index_);
            if (group_.active) emit_group_check(group_);
        }
        emit_instruction(index_);
        if (group_.active && index_ >= group_.last) {
            group_.active = false;
            e_.leave_float_form();
            a_.L(group_end_->done);
            group_end_->place = e_.place();
            group_end_->vectors = v_.contents();
        }
        own_cold(begun);
    }
}

void BlockTranslator::note_layout(unsigned index, bool cold) {
    if (!recording_layout_) return;
    const auto begin = static_cast<uint32_t>(a_.getCurr() - translation_->writable);
    translation_->layout.push_back({begin, static_cast<uint16_t>(index), cold});
}

void BlockTranslator::own_cold(unsigned index) {
    if (recording_layout_) cold_owners_.resize(cold_.size(), static_cast<uint16_t>(index));
}

void BlockTranslator::emit_instruction(unsigned index) {
    const Instruction& instruction = block_[index];
    const Insn& insn = instruction.insn;
    const FlagUse use = instruction.facts.flags;
    // Before it: needed by itself or by later ones. Its own: needed after it.
    e_.begin_instruction(use.writes ? use.reads : instruction.flags_live_before, instruction.flags_live_after);
    const VectorEntry vector = find_vector_function(insn.op);
    const FloatRun run = vector.guarded ? find_float_run(index) : FloatRun(false);
    run.drop_overwritten(v_);
    if (run.length() != 0)
        v_.begin_guarded(run.room(v_), run.operands());
    else if (vector.guarded)
        v_.begin_guarded(VectorRegisters::kMostRoom);
    else
        v_.begin_instruction();
    if (instruction.facts.flow != Flow::Next && instruction.facts.flow != Flow::Conditional) v_.write_back();
    if (insn.op < arm64::kOpCount) {
        if (emit_control(instruction, index)) return;
        if (instruction.facts.flow == Flow::Leaves && emit_level_change(insn)) return;
        if (instruction.facts.flow == Flow::Next) {
            if (const unsigned last = emit_idiom(index); last != index) {
                index_ = last;
                return;
            }
            if (run.length() != 0) {
                emit_float_run(run, index);
                return;
            }
            if (compares_for_branch(index)) flush_count(index + 1);
            if (emit_data_processing(e_, insn)) {
                note_stack_change(insn);
                return;
            }
            if (emit_memory(instruction) || emit_atomic(instruction) || emit_vector_memory(instruction) ||
                emit_vector(insn, vector))
                return;
            // What follows may call functions of the host.
            v_.write_back();
            v_.forget();
            if (emit_system(instruction)) return;
        }
    }
    index_ = emit_helper_run(index);
}

/// Emits instructions from `index` on as one, where the host has one for them; returns the last of them, or `index`.
/// None of them touches the flags or SP.
unsigned BlockTranslator::emit_idiom(unsigned index) {
    const auto next = [this](unsigned at) {
        return at + 1 < block_.size() && block_[at + 1].facts.flow == Flow::Next &&
                       block_[at + 1].insn.op < arm64::kOpCount
                   ? &block_[at + 1].insn
                   : nullptr;
    };
    const Insn& first = block_[index].insn;
    const Insn* second = next(index);
    if (second == nullptr) return index;
    if (uint64_t value; begins_constant(first, value)) {
        unsigned last = index;
        for (; second != nullptr && continues_constant(*second, first.rd, value); second = next(last)) last++;
        if (last != index) e_.set_immediate(first.rd, value);
        return last;
    }
    return emit_data_processing_pair(e_, first, *second) ? index + 1 : index;
}

bool BlockTranslator::emit_vector(const Insn& insn, const VectorEntry& entry) {
    if (entry.function == nullptr) return false;
    VectorEmitter w(e_, v_, arm64::unpack_context(context_).fp_flushes);
    if (!entry.function(w, insn)) return false;
    if (w.fix_up_label() != nullptr) {
        if (!entry.guarded) {
            // What the fix-up starts from would be lost. Our own mistake, never the guest's.
            fmt::print(stderr, "beeline: {} has a fix-up, but is not in the table as guarded\n",
                       arm64::row(static_cast<Op>(insn.op)).mnemonic);
            std::abort();
        }
        emit_fix_up(w.fix_up_label(), index_, 1);
    }
    return true;
}

/// The longest from `index` on; none: of length 0.
FloatRun BlockTranslator::find_float_run(unsigned index) const {
    FloatRun run(e_.host.fma);
    if (arm64::unpack_context(context_).fp_flushes) return run;
    while (index + run.length() < block_.size() && run.take(block_[index + run.length()].insn)) {
    }
    return run;
}

void BlockTranslator::emit_float_run(const FloatRun& run, unsigned index) {
    VectorEmitter w(e_, v_, false);
    for (unsigned i = index; i < index + run.length(); i++) {
        const Insn& insn = block_[i].insn;
        v_.go_on_guarded();
        find_vector_function(insn.op).function(w, insn);
    }
    v_.go_on_guarded();
    run.emit_checks(w);
    index_ = index + run.length() - 1;
    emit_fix_up(w.fix_up_label(), index, run.length());
}

void BlockTranslator::emit_fix_up(std::shared_ptr<host::Label> fix_up, unsigned first, unsigned count) {
    auto after = std::make_shared<host::Label>();
    a_.L(*after);
    const bool general = block_[first].facts.helper == Helper::Full;
    Insn* const chain = helper_chain(first, count);
    // What the instructions have computed, and nothing else, is to be loaded again.
    VectorRegisters::Contents results;
    if (!general)
        for (unsigned i = 0; i < results.guest.size(); i++)
            for (unsigned n = first; n < first + count; n++)
                if (const int8_t guest = v_.contents().guest[i]; guest == static_cast<int>(block_[n].insn.rd))
                    results.guest[i] = guest;
    cold_.add([=, this, before = v_.contents_before()] {
        a_.L(*fix_up);
        v_.spill(before);
        e_.move_immediate(rax, reinterpret_cast<uint64_t>(chain));
        a_.call(general ? runtime_.fix_up_full : runtime_.fix_up_light);
        v_.restore(results);
        a_.jmp(*after, Xbyak::CodeGenerator::T_NEAR);
    });
}

/// Executes instructions from `index` on by the interpreter's handlers; returns the last of them.
unsigned BlockTranslator::emit_helper_run(unsigned index) {
    const bool light = block_[index].facts.helper == Helper::Light;
    unsigned last = index;
    const auto joins = [&](const Instruction& next) {
        if (next.facts.flow != Flow::Next || next.insn.op >= arm64::kOpCount) return false;
        const arm64::Feature feature = arm64::row(static_cast<Op>(next.insn.op)).feature;
        VectorTransfer transfer;
        if (describe_vector_transfer(next.insn.word, transfer) ||
            find_vector_function(next.insn.op).function != nullptr)
            return false;
        return arm64::uses_vector_registers(feature) && (next.facts.helper == Helper::Light) == light;
    };
    const bool alone = !light && cpu_.counts_exactly();
    if (block_[index].facts.flow == Flow::Next && !alone)
        while (last + 1 < block_.size() && joins(block_[last + 1])) last++;

    v_.write_back();
    bool needed_after = block_[last].flags_live_after;
    if (light) {
        e_.set_needed(needed_after || block_[index].flags_live_before);
        e_.clobber_flags();
    } else {
        // Exceptions and MRS see the flags: they go to memory whatever comes later.
        if (e_.place() != FlagPlace::Memory) {
            e_.store_flags(e_.place());
            e_.set_place(FlagPlace::Memory);
        }
        flush_count(last);
    }
    count_switch(helper_cause(block_[index]));
    e_.move_immediate(rax, reinterpret_cast<uint64_t>(helper_chain(index, last - index + 1)));
    a_.call(light ? runtime_.interpret_light : runtime_.interpret_full);
    e_.set_place(FlagPlace::Memory);
    stack_aligned_ = false;
    v_.forget();
    if (block_[last].facts.flow == Flow::Leaves || alone) leave_at(block_[last].insn.page_offset + 4, kContinue);
    return last;
}

/// Changes EFLAGS.
void BlockTranslator::count_switch(SwitchCause cause) {
    a_.inc(e_.state(&translated_state(cpu_).switches[static_cast<unsigned>(cause)]));
}

Insn* BlockTranslator::helper_chain(unsigned index, unsigned count) {
    Insn* const chain = translation_->helper_chains.emplace_back(std::make_unique<Insn[]>(count + 1)).get();
    for (unsigned i = 0; i < count; i++) {
        chain[i] = block_[index + i].insn;
        // The handlers take what does not retire off the count, as if the block were kMaxInstructions long.
        chain[i].index = static_cast<uint8_t>(kMaxInstructions - count + i + 1);
    }
    chain[count] = Insn{.handler = stop_handler};
    return chain;
}

// ---- stack alignment ----

void BlockTranslator::check_stack_alignment(const Insn& insn) {
    if (insn.rn != arm64::kStackPointer || stack_aligned_) return;
    e_.clobber_flags();
    if (e_.has_home(arm64::kStackPointer))
        a_.test(Xbyak::Reg8(e_.home(arm64::kStackPointer).getIdx(), true), 15);
    else
        a_.test(e_.slot(arm64::kStackPointer, 8), 15);
    host::Label* const misaligned = new_label();
    a_.jnz(*misaligned, Xbyak::CodeGenerator::T_NEAR);
    const int64_t offset = insn.page_offset;
    const unsigned counted = counted_, index = index_;
    cold_.add([this, misaligned, offset, counted, index, vectors = v_.contents()] {
        a_.L(*misaligned);
        v_.spill(vectors);
        counted_ = counted;
        if (index != 0) flush_count(index - 1);
        leave_at(offset, kInterpret);
    });
    stack_aligned_ = true;
}

void BlockTranslator::note_stack_change(const Insn& insn) {
    if (insn.rd != arm64::kStackPointer) return;
    const auto op = static_cast<Op>(insn.op);
    const bool by_multiple =
        (op == Op::ADD_immediate || op == Op::SUB_immediate) && insn.rn == arm64::kStackPointer && insn.imm % 16 == 0;
    if (!by_multiple) stack_aligned_ = false;
}

// ---- leaving ----

void BlockTranslator::leave_at(int64_t offset, uint64_t code) {
    a_.mov(rax, e_.state(&cpu_.page_va));
    a_.lea(rax, ptr[rax + static_cast<int>(offset)]);
    a_.mov(e_.state(&cpu_.state.pc), rax);
    e_.move_immediate(rax, code);
    a_.jmp(runtime_.leave, Xbyak::CodeGenerator::T_NEAR);
}

Exit& BlockTranslator::new_exit(int64_t offset) {
    Exit& exit = translation_->exits.emplace_back();
    exit.owner = translation_;
    exit.offset = offset;
    if (offset < 0 || offset >= static_cast<int64_t>(kPageSize))
        exit.page_link = &translation_->page_links.emplace_back();
    return exit;
}

void BlockTranslator::store_live_flags(bool live) {
    if (!live || e_.place() == FlagPlace::Memory) return;
    e_.store_flags(e_.place());
    e_.set_place(FlagPlace::Memory);
}

/// A patchable jump; its stub comes behind the block.
void BlockTranslator::emit_jump_to_exit(Exit& exit) {
    host::Label* const stub = new_label();
    if (PageLink* const link = exit.page_link; link != nullptr && e_.techniques.has(Technique::CrossPageLinking)) {
        e_.move_immediate(rcx, reinterpret_cast<uint64_t>(link));
        a_.mov(rax, e_.state(&cpu_.page_va));
        a_.cmp(rax, ptr[rcx + static_cast<int>(offsetof(PageLink, source_page))]);
        a_.jne(*stub, Xbyak::CodeGenerator::T_NEAR);
        a_.mov(rax, e_.state(&cpu_.lookup_tag));
        a_.cmp(rax, ptr[rcx + static_cast<int>(offsetof(PageLink, tag))]);
        a_.jne(*stub, Xbyak::CodeGenerator::T_NEAR);
        a_.mov(rax, ptr[rcx + static_cast<int>(offsetof(PageLink, target_page))]);
        a_.mov(e_.state(&cpu_.page_va), rax);
    }
    a_.jmp(*stub, Xbyak::CodeGenerator::T_NEAR);
    exit.displacement = const_cast<uint8_t*>(a_.getCurr()) - 4;
    cold_.add([this, stub, &exit] {
        a_.align(4);
        exit.stub = a_.getCurr();
        a_.L(*stub);
        e_.move_immediate(rax, reinterpret_cast<uint64_t>(&exit));
        a_.jmp(runtime_.leave, Xbyak::CodeGenerator::T_NEAR);
    });
}

void BlockTranslator::emit_direct_exit(int64_t offset, bool poll) {
    flush_count(index_);
    store_live_flags(block_[index_].flags_live_after);
    Exit& exit = new_exit(offset);
    if (!poll) {
        emit_jump_to_exit(exit);
        return;
    }
    a_.cmp(e_.state(&cpu_.poll, 32), 0);
    host::Label* const polled = new_label();
    a_.jne(*polled, Xbyak::CodeGenerator::T_NEAR);
    emit_jump_to_exit(exit);
    cold_.add([this, polled, offset] {
        a_.L(*polled);
        leave_at(offset, kPolled);
    });
}

/// Target in rax.
void BlockTranslator::emit_indirect_exit() {
    if (!e_.techniques.has(Technique::IndirectTable)) {
        a_.jmp(runtime_.leave_to_rax, Xbyak::CodeGenerator::T_NEAR);
        return;
    }
    const auto refuse = [this] { a_.jne(runtime_.leave_to_rax); };
    a_.cmp(e_.state(&cpu_.poll, 32), 0);
    refuse();
    jump_through_table(e_, refuse);
}

/// Leaves for `offset` where the x86 condition holds; the flags stay as they are where it does not.
void BlockTranslator::emit_conditional_exit(uint8_t condition, int64_t offset, bool live, bool backward) {
    if (backward && !live && offset == static_cast<int64_t>(first_offset_) && emit_vector_loop_branch(condition))
        return;
    v_.write_back();
    const bool near = offset >= 0 && offset < static_cast<int64_t>(kPageSize);
    const bool store = live && e_.place() != FlagPlace::Memory;
    Exit& exit = new_exit(offset);
    host::Label* const label = new_label();
    if (near && !store && !backward) {
        // The jcc itself is patched.
        a_.jcc(condition, *label, host::Assembler::T_NEAR);
        exit.displacement = const_cast<uint8_t*>(a_.getCurr()) - 4;
        cold_.add([this, label, &exit] {
            a_.align(4);
            exit.stub = a_.getCurr();
            a_.L(*label);
            e_.move_immediate(rax, reinterpret_cast<uint64_t>(&exit));
            a_.jmp(runtime_.leave, Xbyak::CodeGenerator::T_NEAR);
        });
        return;
    }
    const FlagPlace place = e_.place();
    if (near && backward && !store) {
        // A loop: its test of the poll word is fused with the link.
        a_.jcc(condition ^ 1u, *label, host::Assembler::T_NEAR);
        a_.cmp(e_.state(&cpu_.poll, 32), 0);
        host::Label* const out = new_label();
        a_.je(*out, host::Assembler::T_NEAR);
        exit.displacement = const_cast<uint8_t*>(a_.getCurr()) - 4;
        leave_at(offset, kPolled);
        a_.L(*label);
        cold_.add([this, out, &exit] {
            a_.align(4);
            exit.stub = a_.getCurr();
            a_.L(*out);
            e_.move_immediate(rax, reinterpret_cast<uint64_t>(&exit));
            a_.jmp(runtime_.leave, Xbyak::CodeGenerator::T_NEAR);
        });
        return;
    }
    a_.jcc(condition, *label, host::Assembler::T_NEAR);
    cold_.add([this, label, &exit, place, store, backward, offset] {
        a_.L(*label);
        if (store) e_.store_flags(place);
        if (backward) {
            a_.cmp(e_.state(&cpu_.poll, 32), 0);
            host::Label* const polled = new_label();
            a_.jne(*polled, Xbyak::CodeGenerator::T_NEAR);
            cold_.add([this, polled, offset] {
                a_.L(*polled);
                leave_at(offset, kPolled);
            });
        }
        emit_jump_to_exit(exit);
    });
}

// ---- branches ----

bool BlockTranslator::emit_control(const Instruction& instruction, unsigned index) {
    const Insn& insn = instruction.insn;
    const int64_t offset = insn.page_offset;
    const bool wide = (insn.word >> 31) != 0;
    switch (static_cast<Op>(insn.op)) {
    case Op::ADR:
    case Op::ADRP: {
        const Reg64 to = e_.target(insn.rd, rax);
        const uint64_t distance = insn.imm + (static_cast<Op>(insn.op) == Op::ADR ? insn.page_offset : 0);
        a_.mov(to, e_.state(&cpu_.page_va));
        const auto signed_distance = static_cast<int64_t>(distance);
        if (signed_distance == static_cast<int32_t>(signed_distance)) {
            if (signed_distance != 0) a_.lea(to, ptr[to + static_cast<int32_t>(signed_distance)]);
        } else {
            e_.move_immediate(rcx, distance);
            a_.lea(to, ptr[to + rcx]);
        }
        e_.commit(insn.rd, to);
        if (insn.rd == arm64::kStackPointer) stack_aligned_ = false;
        return true;
    }
    case Op::BL: {
        const Reg64 to = e_.target(30, rcx);
        a_.mov(to, e_.state(&cpu_.page_va));
        // Before rax is needed: storing flags changes it.
        a_.lea(to, ptr[to + static_cast<int>(offset + 4)]);
        e_.commit(30, to);
        [[fallthrough]];
    }
    case Op::B: emit_direct_exit(offset + branch_distance(insn), branch_distance(insn) <= 0); return true;
    case Op::B_cond: {
        const unsigned condition = insn.aux[0];
        if (condition >= 14) {
            v_.write_back();
            emit_direct_exit(offset + branch_distance(insn), branch_distance(insn) <= 0);
            // What follows is not reached.
            if (index + 1 != block_.size()) index_ = static_cast<unsigned>(block_.size());
            return true;
        }
        flush_count(index);
        const uint8_t code = emit_condition(e_, condition);
        e_.set_needed(instruction.flags_live_after);
        const int64_t target = offset + branch_distance(insn);
        emit_conditional_exit(code, target, flags_live_at(target, kLookAheadBranches), branch_distance(insn) <= 0);
        return true;
    }
    case Op::CBZ:
    case Op::CBNZ:
    case Op::TBZ:
    case Op::TBNZ: {
        flush_count(index);
        const auto op = static_cast<Op>(insn.op);
        const bool on_zero = op == Op::CBZ || op == Op::TBZ;
        e_.clobber_flags();
        uint8_t code = on_zero ? 4 : 5;
        if (insn.rn == arm64::kZeroRegister) {
            a_.xor_(eax, eax);
        } else if (op == Op::CBZ || op == Op::CBNZ) {
            if (e_.has_home(insn.rn))
                a_.test(Emitter::sized(e_.home(insn.rn), wide), Emitter::sized(e_.home(insn.rn), wide));
            else
                a_.cmp(e_.slot(insn.rn, wide ? 64 : 32), 0);
        } else {
            const unsigned bit = insn.aux[0];
            if (e_.has_home(insn.rn)) {
                const Reg64 r = e_.home(insn.rn);
                if (bit < 8) {
                    a_.test(Xbyak::Reg8(r.getIdx(), true), 1 << bit);
                } else if (bit < 31) {
                    a_.test(r.cvt32(), 1u << bit);
                } else {
                    a_.bt(r, static_cast<uint8_t>(bit));
                    code = on_zero ? 3 : 2;
                }
            } else {
                a_.test(byte[rbp + e_.state_offset(&cpu_.state.x[insn.rn]) + static_cast<int>(bit / 8)], 1 << bit % 8);
            }
        }
        const int64_t target = offset + branch_distance(insn);
        emit_conditional_exit(code, target, false, branch_distance(insn) <= 0);
        return true;
    }
    case Op::BR:
    case Op::BLR:
    case Op::RET: {
        flush_count(index);
        store_live_flags(true);
        e_.load(insn.rn, rax);
        if (static_cast<Op>(insn.op) == Op::BLR) {
            const Reg64 to = e_.target(30, rcx);
            a_.mov(to, e_.state(&cpu_.page_va));
            a_.lea(to, ptr[to + static_cast<int>(offset + 4)]);
            e_.commit(30, to);
        }
        emit_indirect_exit();
        return true;
    }
    default: return false;
    }
}

} // namespace beeline::translate
