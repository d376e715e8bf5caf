// The A64 instruction table: one row an instruction. Decoder, disassembler, binders of the tiers, random generator and
// coverage report all read these rows.
//
// A row:   I(id, "mnemonic", "pattern", "operands", Feature, constraint)
//
//   id          identifier; also names the interpreter's binder, bind_<id>.
//   pattern     32 characters, most significant bit first: 0 and 1 are fixed, a letter is a bit of the field of that
//               letter (bits of one letter are concatenated, most significant first, even when they are apart),
//               '-' is ignored, ' ' and '_' are skipped so that patterns may be grouped.
//   operands    what follows the mnemonic, in the disassembler's token language (disassembler.h).
//   constraint  C++ expression over f('letter'); when false the word is not this instruction (rows that are more
//               specific win anyway; write a constraint only for what fixed bits cannot say). `true` where none.
//
// Letters by convention: d n m a Rd Rn Rm Ra; t u Rt Rt2; s Rs (status or compare register); x sf (1: 64-bit);
// i immediate; z size; Q vector Q bit; c condition; h shift type or hw; o option/opcode; S set-flags or scaled bit;
// y ftype of scalar FP (00 S, 01 D, 11 H). Others as a row needs.
//
// Where two rows match a word, the one with more fixed bits wins; equal counts never both match (a test checks).
// Everything that no row matches is UNDEFINED.
#pragma once

#include "arm64/table/fields.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace beeline::arm64 {

enum class Feature : uint8_t {
#define F(id, name) id,
#include "arm64/table/features.inc"
#undef F
};

/// Rows whose feature is one of these touch FP/SIMD registers, hence trap when CPACR_EL1.FPEN says so.
constexpr bool uses_vector_registers(Feature feature) { return feature >= Feature::Fp; }

std::string_view feature_name(Feature feature);

enum class Op : uint16_t {
#define I(id, mnemonic, pattern, operands, feature, constraint) id,
#include "arm64/table/all.inc"
#undef I
    kCount,
};
inline constexpr unsigned kOpCount = static_cast<unsigned>(Op::kCount);

struct Row {
    Op op;
    const char* id;
    const char* mnemonic;
    const char* pattern;
    const char* operands;
    Feature feature;
    bool (*constraint)(const Fields& f);
    FieldLayout layout; ///< From the pattern.
};

/// All rows, in table order: rows()[unsigned(op)].op == op.
std::span<const Row> rows();
inline const Row& row(Op op) { return rows()[static_cast<unsigned>(op)]; }

/// The row that `word` is an instance of, or nullptr when the encoding is unallocated in every model.
const Row* decode(uint32_t word);

} // namespace beeline::arm64
