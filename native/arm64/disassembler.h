// Text of an instruction, as `aarch64-linux-gnu-objdump -d -M no-aliases` prints it.
//
// Operand strings of the table mix plain text with tokens in angle brackets, <kind:letter[:argument]>. `letter` is a
// field of the row; where the kind takes the width from the row, `x` (sf) decides.
//
//   R:n   Rsp:n     general register, W or X by field x (X when the row has no x); 31 is zr, or sp
//   W:n X:n Wsp:n Xsp:n   general register of fixed width
//   B:n H:n S:n D:n Q:n   scalar FP/SIMD register
//   F:n             scalar FP register sized by field y (00 s, 01 d, 11 h)
//   N:n:z           scalar SIMD register sized by field z (0 b, 1 h, 2 s, 3 d)
//   V:n:ARR         vector register with a literal arrangement (16b, 4s, 2d ...)
//   T:n:z           vector register, arrangement from size field z and Q (0: 8b/16b, 1: 4h/8h, 2: 2s/4s, 3: 1d/2d)
//   Tw:n:z          the arrangement of double-width elements: 8h, 4s, 2d for z = 0, 1, 2 (Q does not matter)
//   Tf:n:z          floating-point arrangement from the one-bit field z and Q (0: 2s/4s, 1: -/2d)
//   Th:n            half-precision arrangement by Q (4h/8h);   T8:n  byte arrangement by Q (8b/16b)
//   u:i[:scale]     field as unsigned decimal, times scale;   s:i[:scale]  signed decimal, times scale
//   x:i             field as hexadecimal with 0x
//   @name           formatter of that name (disassembler_formatters.h): anything else
//
// The mnemonic may hold tokens too, for instance "b.<@cond>".
#pragma once

#include <cstdint>
#include <string>

namespace beeline::arm64 {

/// `address` is the instruction's own virtual address, for labels. Unallocated words give ".inst\t0x%08x ; undefined".
/// Mnemonic and operands are separated by a tab.
std::string disassemble(uint32_t word, uint64_t address);

} // namespace beeline::arm64
