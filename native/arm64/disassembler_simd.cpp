// Operands that only Advanced SIMD instructions have.
#include "arm64/disassembler_formatters.h"

namespace beeline::arm64 {

std::span<const Formatter> simd_formatters() { return {}; }

} // namespace beeline::arm64
