// Runs of scalar floating-point arithmetic: instructions, one or several, that follow each other, whose results are
// checked together behind the last of them. Where the check fails the interpreter's handlers do all of them over.
//
// A NaN goes on into whatever is computed from it, so that results which others in the run are computed from need no
// check for NaNs of their own. Products do, for tiny results; two of them, or four, are compared at once.
#pragma once

#include "translate/float_checks.h"

#include <array>

namespace beeline::translate {

class FloatRun {
public:
    explicit FloatRun(bool fused) : fused_(fused) {}

    /// Takes `insn` as the next instruction, if it can be.
    bool take(const arm64::Insn& insn);
    unsigned length() const { return length_; }
    /// Host registers that the run takes of those that are not dirty before it: one for each result, and some for the
    /// operands of one instruction at a time that are in none, or in none that is dirty.
    unsigned room(const VectorRegisters& v) const;
    uint32_t operands() const { return used_; } ///< What is read of before the run, as a mask.
    /// Before the first instruction: forgets what the run overwrites unread.
    void drop_overwritten(VectorRegisters& v) const;
    /// Behind the last instruction.
    void emit_checks(VectorEmitter& w) const;

private:
    static constexpr unsigned kMostResults = 4, kMost = 12;

    struct Result {
        uint8_t rd;
        bool product;
        bool last = true;      ///< Of those in rd.
        uint16_t used_by = 0;  ///< Results of the run, by number.
        uint32_t operands = 0; ///< Guest registers that are read of before the run, as a mask.
    };

    bool fused_; ///< The host has fused operations.
    Precision precision_ = Precision::Single;
    unsigned length_ = 0;
    uint32_t defined_ = 0, used_ = 0; ///< Guest registers; used_: for what they held before the run.
    std::array<Result, kMost> results_{};
};

} // namespace beeline::translate
