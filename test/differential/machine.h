// Something that runs batches of test cases: Beeline, or an oracle.
#pragma once

#include "test_case.h"

#include <span>
#include <string>

namespace beeline::differential {

/// DiffResult::signal of a case that did not end in a signal.
inline constexpr uint32_t kSignalHung = 1000;    ///< Nothing came back in time.
inline constexpr uint32_t kSignalDied = 1001;    ///< The oracle's process ended.
inline constexpr uint32_t kSignalStrange = 1002; ///< An exception that no user program can cause.

class Machine {
public:
    virtual ~Machine() = default;

    /// Puts the batch's code in place, all kDiffSlots of it: cases[n].slot() == n.
    virtual void load(std::span<const TestCase> cases) = 0;
    /// Replaces the code of one slot.
    virtual void replace(const TestCase& test) = 0;

    /// Starts the cases `order` names, from the states that they describe. finish() waits for the end; results are
    /// valid from then until the next start. False: the machine cannot run at all; `error` says why.
    virtual bool start(std::span<const TestCase> cases, std::span<const uint16_t> order, std::string& error) = 0;
    virtual bool finish(std::string& error) = 0;

    virtual const DiffResult& result(unsigned slot) const = 0;
    /// The slot's writable pages after the run, kSlotDataBytes.
    virtual const uint8_t* data(unsigned slot) const = 0;
    /// Whether the read-only page still is what it was.
    virtual bool read_only_intact() const = 0;
    /// False: the case ended at a fault where this machine need not know NZCV, because the code that follows the
    /// instruction overwrites it before reading it.
    virtual bool flags_known(unsigned) const { return true; }
};

} // namespace beeline::differential
