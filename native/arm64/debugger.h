// An external debugger's hold on a CPU: breakpoints, watchpoints and steps that the guest does not see.
#pragma once

#include "arm64/types.h"

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace beeline::arm64 {

/// Places of instructions within a page, by offset / 4. Blocks are found by physical address, and a page may be mapped
/// at many virtual ones: so a breakpoint cuts blocks at its page offset, in every page, and only there is the virtual
/// address compared.
using PageOffsets = std::bitset<kPageSize / 4>;

/// What a debugger watches for, on all CPUs alike. Addresses are virtual, of whatever address space.
struct DebuggerPoints {
    struct Watch {
        uint64_t first, last; ///< Bytes, both included.
        bool reads, writes;
    };
    std::vector<uint64_t> breakpoints; ///< Sorted.
    std::vector<Watch> watches;

    bool breaks_at(uint64_t pc) const;
    bool watches_page(uint64_t va) const;
    /// The first watched byte that the access touches.
    std::optional<uint64_t> watched_byte(uint64_t va, unsigned size, Access access) const;
};

/// Why a CPU stopped for the debugger.
struct DebuggerStop {
    enum class Kind : uint8_t { Breakpoint, Watchpoint, Step };
    Kind kind = Kind::Step;
    Access access = Access::Read; ///< Of a watchpoint.
    uint64_t va = 0;              ///< Likewise: the first watched byte that would have been accessed.
};

/// How a CPU goes on.
enum class DebuggerMode : uint8_t {
    Run,
    Pass, ///< As Run, but nothing stops the first instruction: it is what the CPU stopped at.
    Step, ///< One instruction, or the exception that it takes, with interrupts held back.
};

struct DebuggerState {
    std::shared_ptr<const DebuggerPoints> points;
    PageOffsets cuts; ///< Of all breakpoints since the debugger came: setting one again cuts nothing anew.
    DebuggerMode mode = DebuggerMode::Run;
    bool begun = false; ///< The instruction of Pass or Step is under way or done.
    std::optional<DebuggerStop> stop;
};

} // namespace beeline::arm64
