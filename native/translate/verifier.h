// Lockstep: every execution of a translated block is checked against the interpreter.
//
// The interpreter goes first, one instruction at a time along the block, with every access on the slow path, where what
// it writes is logged. Then memory and CPU are put back and the translated block is executed, while the machine answers
// what it answered before. Afterwards CPU, memory and requests to the machine must be the same. Where the block left
// earlier than the interpreter stopped, the interpreter repeats as many instructions as the block retired.
//
// Flags: the translator may drop NZCV that nothing reads. The interpreter always has the architecture's flags; what the
// block left behind goes on into the next block, whose results tell whether dropping them was right.
#pragma once

#include "arm64/interpreter/insn.h"
#include "arm64/vcpu.h"
#include "host/disassembler.h"
#include "translate/environment_recorder.h"
#include "translate/translation.h"
#include "translate/write_log.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace beeline::translate {

class Verifier {
public:
    /// Called once, on the CPU's thread, with the whole story; the CPU should stop soon after.
    using Report = std::function<void(std::string)>;

    /// `exact_flags`: the translator drops no flags at the end of a block. `checks_a_block`: after so many a block is
    /// trusted; 0: never.
    Verifier(arm64::Vcpu& cpu, bool exact_flags, uint32_t checks_a_block, Report report);
    ~Verifier();
    Verifier(const Verifier&) = delete;
    Verifier& operator=(const Verifier&) = delete;

    /// Executes the block at state.pc by way of `execute`, which leaves all state up to date. Once a difference has
    /// been found nothing is checked any more.
    void check(const Translation& translation, const std::function<void()>& execute);

    /// What reports call the places that host code refers to.
    void set_symbols(host::Symbols symbols) { symbols_ = std::move(symbols); }

    uint64_t blocks_checked() const { return blocks_checked_; }

private:
    /// Everything about a CPU that executing an instruction may change, caches apart.
    struct Snapshot {
        arm64::CpuState state;
        arm64::DebugState debug;
        arm64::Counters counters;
        arm64::Fault fault;
        arm64::Vcpu::PendingLink pending_link;
        uint64_t page_va;
        arm64::Block* block;
        bool event;
        bool exit_pending;
    };
    /// How far an execution has come.
    struct Progress {
        uint64_t instructions; ///< Retired.
        uint64_t exceptions;
        friend bool operator==(const Progress&, const Progress&) = default;
    };

    Snapshot save() const;
    void restore(const Snapshot& snapshot);
    Progress progress_since(const Snapshot& snapshot) const;
    void interpret(const Translation& translation, unsigned steps);
    bool step(const Translation& translation);
    void compare(const Translation& translation, const Snapshot& before, const Snapshot& expected,
                 const Snapshot& actual);
    bool flags_dead_behind(const Translation& translation, uint64_t offset) const;
    void compare_memory(const std::vector<WriteLog::Patch>& actual);
    void fail(const Translation& translation, const Snapshot& before, const Snapshot& expected, const Snapshot& actual);

    arm64::Vcpu& cpu_;
    const bool exact_flags_;
    const uint32_t checks_a_block_;
    Report report_;
    WriteLog writes_;
    EnvironmentRecorder environment_;
    std::vector<Progress> steps_; ///< After each instruction of the interpreter's.
    std::vector<std::string> differences_;
    host::Symbols symbols_;
    uint64_t blocks_checked_ = 0;
    bool failed_ = false;

    // Flags that the last block left in place of the right ones, for the block that follows it directly.
    bool flags_dropped_ = false;
    uint32_t dropped_flags_ = 0;
    uint64_t dropped_pc_ = 0;
    uint64_t dropped_instructions_ = 0;
};

} // namespace beeline::translate
