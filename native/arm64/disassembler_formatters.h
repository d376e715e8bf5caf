// Named operand formatters, <@name> in the table. Each group of instructions has its own file of them.
#pragma once

#include "arm64/table/fields.h"

#include <span>
#include <string>
#include <string_view>

namespace beeline::arm64 {

struct Formatter {
    std::string_view name;
    std::string (*format)(const Fields& f, uint64_t address);
};

std::span<const Formatter> base_formatters(); ///< disassembler_base.cpp
std::span<const Formatter> fp_formatters();   ///< disassembler_fp.cpp
std::span<const Formatter> simd_formatters(); ///< disassembler_simd.cpp
std::span<const Formatter> system_formatters(); ///< disassembler_system.cpp

} // namespace beeline::arm64
