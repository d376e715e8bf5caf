#include "translate/verifier.h"

#include "arm64/execution_context.h"
#include "arm64/features.h"
#include "arm64/interpreter/block.h"
#include "arm64/interpreter/dispatch.h"
#include "translate/difference_report.h"
#include "translate/flag_liveness.h"
#include "translate/instruction_facts.h"
#include "translate/runtime.h"
#include "translate/state.h"

#include <array>
#include <cstring>
#include <fmt/format.h>
#include <utility>

namespace beeline::translate {

using arm64::Insn;
using arm64::kPageMask;
using arm64::kPageSize;
using arm64::Vcpu;
namespace nzcv = arm64::nzcv;

namespace {

/// No block has this tag: nothing that the interpreter finds by itself is executed behind the block.
constexpr uint64_t kNoTag = ~uint64_t{0};

/// Stands for the interpreter's block: one instruction long, of a context that no block has.
arm64::Block single_block = [] {
    arm64::Block block{};
    block.count = 1;
    block.context = 0xFF;
    return block;
}();

/// The exceptions taken differ in nothing but the flags that SPSR_EL1 got.
bool only_flags_saved_differ(const arm64::CpuState& one, const arm64::CpuState& other) {
    const uint64_t difference = one.sys.spsr_el1 ^ other.sys.spsr_el1;
    return difference != 0 && (difference & ~uint64_t{nzcv::kMask}) == 0 && one.sys.elr_el1 == other.sys.elr_el1;
}

} // namespace

Verifier::Verifier(Vcpu& cpu, bool exact_flags, uint32_t checks_a_block, Report report)
    : cpu_(cpu), exact_flags_(exact_flags), checks_a_block_(checks_a_block), report_(std::move(report)),
      environment_(cpu.environment(), writes_) {
    cpu.set_environment(environment_);
}

Verifier::~Verifier() { cpu_.set_environment(environment_.machine()); }

Verifier::Snapshot Verifier::save() const {
    return {.state = cpu_.state,
            .debug = cpu_.debug,
            .counters = cpu_.counters,
            .fault = cpu_.fault,
            .pending_link = cpu_.pending_link,
            .page_va = cpu_.page_va,
            .block = cpu_.block,
            .event = cpu_.event_pending(),
            .exit_pending = cpu_.exit_pending};
}

void Verifier::restore(const Snapshot& snapshot) {
    cpu_.state = snapshot.state;
    cpu_.debug = snapshot.debug;
    cpu_.counters = snapshot.counters;
    cpu_.fault = snapshot.fault;
    cpu_.pending_link = snapshot.pending_link;
    cpu_.page_va = snapshot.page_va;
    cpu_.block = snapshot.block;
    cpu_.exit_pending = snapshot.exit_pending;
    if (snapshot.event)
        cpu_.set_event();
    else
        cpu_.consume_event();
    cpu_.update_execution_context();
}

Verifier::Progress Verifier::progress_since(const Snapshot& snapshot) const {
    return {cpu_.counters.instructions - snapshot.counters.instructions,
            cpu_.counters.exceptions - snapshot.counters.exceptions};
}

/// Executes the instruction at state.pc. False: it was the last one in the block, or left it.
bool Verifier::step(const Translation& translation) {
    const uint64_t pc = cpu_.state.pc;
    const uint64_t exceptions = cpu_.counters.exceptions;
    Insn chain[2];
    arm64::bind(chain[0], translation.words[((pc & kPageMask) - (translation.pa.value & kPageMask)) / 4],
                arm64::unpack_context(translation.context), cpu_.features());
    chain[0].page_offset = static_cast<uint16_t>(pc & kPageMask);
    chain[0].index = 1;
    chain[1] = Insn{.handler = stop_handler};
    cpu_.page_va = pc & ~kPageMask;
    cpu_.block = &single_block;
    cpu_.lookup_tag = kNoTag;
    cpu_.data_tlb = cpu_.unprivileged_tlb = &Vcpu::never_hitting_tlb();
    cpu_.counters.instructions++;
    Insn* insn = &chain[0];
    while (insn != nullptr && insn != &chain[1]) insn = insn->handler(cpu_, insn);
    if (insn != nullptr) {
        cpu_.state.pc = pc + 4;
        return true;
    }
    // Blocks go on past branches that are not taken, and past changes of the context that change nothing for them.
    const Facts facts = facts_of(chain[0], arm64::unpack_context(translation.context).el);
    return (facts.flow == Flow::Conditional || facts.goes_on) && cpu_.state.pc == pc + 4 &&
           cpu_.counters.exceptions == exceptions;
}

/// At most `steps` instructions along the block.
void Verifier::interpret(const Translation& translation, unsigned steps) {
    const Snapshot begin = save();
    const uint64_t first = cpu_.state.pc;
    steps_.clear();
    bool goes_on = true;
    for (unsigned i = 0; goes_on && i < steps && cpu_.state.pc == first + uint64_t{i} * 4; i++) {
        goes_on = step(translation);
        steps_.push_back(progress_since(begin));
    }
}

void Verifier::check(const Translation& translation, const std::function<void()>& execute) {
    if (failed_ || (checks_a_block_ != 0 && translation.checks++ >= checks_a_block_)) {
        flags_dropped_ = false;
        execute();
        return;
    }
    blocks_checked_++;
    const bool dropped = std::exchange(flags_dropped_, false) && dropped_pc_ == cpu_.state.pc &&
                         dropped_instructions_ == cpu_.counters.instructions;
    const uint32_t dropped_before = dropped_flags_;
    Snapshot before = save();
    cpu_.held_lines = cpu_.lines();

    writes_.clear();
    cpu_.recorder = &writes_;
    environment_.record();
    interpret(translation, static_cast<unsigned>(translation.words.size()));
    cpu_.recorder = nullptr;
    writes_.note_after();
    writes_.undo();
    Snapshot expected = save();
    restore(before);

    if (dropped) cpu_.state.nzcv = dropped_flags_;
    environment_.replay();
    execute();
    differences_.clear();
    if (!environment_.mismatch().empty()) differences_.push_back(environment_.mismatch());
    const Snapshot actual = save();
    const std::vector<WriteLog::Patch> memory = writes_.contents();

    // Where did the block leave?
    const Progress progress = progress_since(before);
    size_t steps = 0;
    while (steps < steps_.size() && (steps == 0 ? Progress{} : steps_[steps - 1]) != progress) steps++;
    const bool reached = (steps == 0 ? Progress{} : steps_[steps - 1]) == progress;
    if (!reached) {
        differences_.push_back(fmt::format("it retired {} instructions with {} exceptions, the interpreter {} with {}",
                                           progress.instructions, progress.exceptions, steps_.back().instructions,
                                           steps_.back().exceptions));
    } else if (steps != steps_.size()) {
        writes_.undo();
        restore(before);
        environment_.replay();
        // The log stays as it is: the same writes in the same order, but fewer.
        WriteLog again;
        cpu_.recorder = &again;
        interpret(translation, static_cast<unsigned>(steps));
        cpu_.recorder = nullptr;
        writes_.note_after();
        expected = save();
    }
    cpu_.held_lines = Vcpu::kLinesNotHeld;
    restore(actual);
    compare_memory(memory);
    compare(translation, before, expected, actual);
    if (!differences_.empty() && dropped)
        differences_.push_back(
            fmt::format("the flags on entry were {:#x}, where the block before should have left {:#x}", dropped_before,
                        before.state.nzcv));
    for (const WriteLog::Patch& patch : memory) std::memcpy(patch.host, patch.bytes, patch.size);
    environment_.finish();
    if (!differences_.empty()) fail(translation, before, expected, actual);
}

void Verifier::compare_memory(const std::vector<WriteLog::Patch>& actual) {
    for (size_t i = 0; i < actual.size(); i++) {
        const WriteLog::Entry& entry = writes_.entries()[i];
        if (std::memcmp(entry.after, actual[i].bytes, entry.size) == 0) continue;
        std::string bytes[3];
        for (unsigned n = 0; n < entry.size; n++) {
            bytes[0] += fmt::format("{:02x}", entry.before[n]);
            bytes[1] += fmt::format("{:02x}", entry.after[n]);
            bytes[2] += fmt::format("{:02x}", actual[i].bytes[n]);
        }
        differences_.push_back(fmt::format("write {} of {} bytes: before {}, interpreter {}, translated {}", i,
                                           entry.size, bytes[0], bytes[1], bytes[2]));
    }
}

/// Of a block whose instruction at the page offset `offset` took an exception.
bool Verifier::flags_dead_behind(const Translation& translation, uint64_t offset) const {
    constexpr unsigned kBranches = 6;
    const uint8_t* const memory = environment_.machine().host_page({translation.pa.value & ~kPageMask}, false);
    if (memory == nullptr) return false;
    // Memory may have changed since the block was translated.
    std::array<uint8_t, kPageSize> page;
    std::memcpy(page.data(), memory, page.size());
    std::memcpy(page.data() + (translation.pa.value & kPageMask), translation.words.data(),
                translation.words.size() * sizeof(uint32_t));
    return flags_dead_at(page.data(), static_cast<int64_t>(offset), arm64::unpack_context(translation.context),
                         cpu_.features(), kBranches);
}

void Verifier::compare(const Translation& translation, const Snapshot& before, const Snapshot& expected,
                       const Snapshot& actual) {
    const arm64::CpuState& right = expected.state;
    // Flags that differ are judged by what becomes of them; those that an exception saved, at once.
    if (actual.counters.exceptions != before.counters.exceptions && only_flags_saved_differ(right, actual.state) &&
        flags_dead_behind(translation, right.sys.elr_el1 - (before.state.pc & ~kPageMask))) {
        cpu_.state.sys.spsr_el1 = right.sys.spsr_el1;
        cpu_.state.nzcv = right.nzcv;
    }
    // Leaving in the middle, for the interpreter, is no end of a block either.
    const uint64_t offset = actual.state.pc - (before.state.pc & ~kPageMask);
    const bool in_the_middle = offset >= (translation.pa.value & kPageMask) &&
                               offset < (translation.pa.value & kPageMask) + translation.words.size() * 4;
    if (right.nzcv != cpu_.state.nzcv && (!exact_flags_ || (in_the_middle && flags_dead_behind(translation, offset)))) {
        flags_dropped_ = true;
        dropped_flags_ = actual.state.nzcv;
        dropped_pc_ = actual.state.pc;
        dropped_instructions_ = actual.counters.instructions;
        cpu_.state.nzcv = right.nzcv;
    }
    describe_differences(right, cpu_.state, differences_);
    if (expected.event != actual.event) differences_.push_back("the event register");
    if (expected.debug.stepped != actual.debug.stepped) differences_.push_back("the software step state");
}

void Verifier::fail(const Translation& translation, const Snapshot& before, const Snapshot& expected,
                    const Snapshot& actual) {
    failed_ = true;
    report_(difference_report(translation, differences_, {before.state, expected.state, actual.state}, symbols_));
}

} // namespace beeline::translate
