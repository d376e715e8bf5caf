// Event counts of one vCPU's direct tier. As those of the interpreter, plain integers of the vCPU's own thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace beeline::translate {

/// What translated code was left for, be it to come back behind a call or not. Each switch has one cause.
enum class SwitchCause : uint8_t {
    SlowLoad,     ///< A load that the TLB does not answer: a miss, a device, two pages.
    SlowStore,    ///< The same of a store.
    System,       ///< A system instruction that the interpreter's handler executes.
    Vector,       ///< A run of FP and SIMD instructions, likewise.
    FixUp,        ///< An FP instruction with operands that its host code is not for, likewise.
    Instruction,  ///< Any other instruction, likewise.
    Exception,    ///< A load or store that faults; an instruction that raises an exception or returns from one.
    Interrupt,    ///< The poll word: interrupt lines, stopping, maintenance of other CPUs.
    Miss,         ///< A direct branch that is not linked.
    IndirectMiss, ///< An indirect branch whose target is not in the table.
    Alignment,    ///< SP is not aligned where it is used as a base: the interpreter decides.
    SiteReview,   ///< An access site has missed so often that the tier looks at it.
};
inline constexpr unsigned kSwitchCauses = 12;

struct SwitchCauseName {
    SwitchCause cause;
    std::string_view name; ///< As the control plane knows it.
};
inline constexpr std::array<SwitchCauseName, kSwitchCauses> kSwitchCauseNames{{
    {SwitchCause::SlowLoad, "slowLoad"},
    {SwitchCause::SlowStore, "slowStore"},
    {SwitchCause::System, "system"},
    {SwitchCause::Vector, "vector"},
    {SwitchCause::FixUp, "fixUp"},
    {SwitchCause::Instruction, "instruction"},
    {SwitchCause::Exception, "exception"},
    {SwitchCause::Interrupt, "interrupt"},
    {SwitchCause::Miss, "miss"},
    {SwitchCause::IndirectMiss, "indirectMiss"},
    {SwitchCause::Alignment, "alignment"},
    {SwitchCause::SiteReview, "siteReview"},
}};

struct DirectCounters {
    uint64_t blocks = 0;       ///< Translated.
    uint64_t instructions = 0; ///< Guest instructions translated.
    uint64_t bytes = 0;        ///< Host code.
    uint64_t nanoseconds = 0;  ///< Spent translating.
    uint64_t executed = 0;     ///< Guest instructions retired by translated code and what it calls.
    uint64_t entries = 0;      ///< Times that translated code was entered from the run loop.
    uint64_t links = 0;
    uint64_t invalidated = 0;
    uint64_t evicted = 0;
    uint64_t site_misses = 0; ///< Accesses that their site does not answer.
    std::array<uint64_t, kSwitchCauses> switches{};
};

} // namespace beeline::translate
