// The predecoded form of one guest instruction, and how rows of the table are bound to it.
#pragma once

#include "arm64/table/table.h"

#include <cstdint>

namespace beeline::arm64 {

class Vcpu;
struct Insn;

/// Executes one instruction and continues: every handler ends in `return next(...)` or one of the functions of
/// control.h. With optimisation these are tail calls, so that a block runs without returning (threaded dispatch).
/// The returned pointer is the instruction to execute next where tail calls are off; nullptr leaves the interpreter.
using Handler = Insn* (*)(Vcpu& cpu, Insn* insn);

struct Insn {
    Handler handler;
    uint64_t imm;         ///< Immediate, fully computed (shifted, sign-extended, bitmask expanded).
    uint32_t word;        ///< The encoding.
    uint16_t page_offset; ///< Of the instruction in its page.
    uint8_t rd;           ///< Index into CpuState::x (with kDiscard, kStackPointer) or CpuState::v.
    uint8_t rn;
    uint8_t rm;
    uint8_t ra;           ///< Ra, Rt2 or Rs.
    uint8_t aux[2];       ///< Whatever else the handler needs: shift amount, condition, lane, ...
    uint8_t index;        ///< Position in the block, for counting.
    bool ends_block;      ///< Set by the binder: no instruction of the block follows this one.
    uint16_t op;          ///< Op, for coverage and dumps.
};
static_assert(sizeof(Insn) == 40 || sizeof(Insn) == 32);

/// Fills `insn` from the fields of `f` and returns the handler. When called, rd, rn, rm, ra hold the raw fields
/// 'd' (else 't'), 'n', 'm', 'a' (else 'u', else 's'), imm holds the raw field 'i', aux and ends_block are zero.
/// nullptr: the encoding is UNDEFINED (prefer constraints of the table).
using Binder = Handler (*)(Insn& insn, const Fields& f);

#define I(id, mnemonic, pattern, operands, feature, constraint) Handler bind_##id(Insn& insn, const Fields& f);
#include "arm64/table/all.inc"
#undef I

/// Register-number helpers for binders. Sources map 31 to the zero register by nature.
constexpr uint8_t destination(uint32_t number) { return static_cast<uint8_t>(number == 31 ? 33 : number); }
constexpr uint8_t register_or_sp(uint32_t number) { return static_cast<uint8_t>(number == 31 ? 32 : number); }

} // namespace beeline::arm64
