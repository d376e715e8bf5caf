// Where guest general registers live in translated code: host registers at every block boundary ("homes"), or CpuState.
#pragma once

#include "arm64/state.h"
#include "host/assembler.h"

#include <array>
#include <cstdint>

namespace beeline::translate {

/// rbp addresses the middle of CpuState::x, so that each of its registers is within reach of a one-byte displacement.
inline constexpr unsigned kBaseRegister = 16;

struct Home {
    uint8_t guest; ///< Index into CpuState::x.
    uint8_t host;  ///< Number of the host register.
    bool saved;    ///< Callee-saved by the host's calling convention: survives helper calls.
};

/// Guest registers in the order of their dynamic use over kernel boots and the workload suite (bench/results/). Those
/// that survive most helper calls of the guest's own convention have callee-saved host registers.
inline constexpr std::array<Home, 11> kHomes{{
    {0, Xbyak::Operand::RSI, false},
    {1, Xbyak::Operand::RDI, false},
    {2, Xbyak::Operand::R8, false},
    {3, Xbyak::Operand::R9, false},
    {4, Xbyak::Operand::R10, false},
    {5, Xbyak::Operand::R11, false},
    {6, Xbyak::Operand::R12, true},
    {7, Xbyak::Operand::R13, true},
    {19, Xbyak::Operand::RBX, true},
    {20, Xbyak::Operand::R14, true},
    {arm64::kStackPointer, Xbyak::Operand::R15, true},
}};

} // namespace beeline::translate
