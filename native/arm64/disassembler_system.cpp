// Operands of system instructions.

#include "arm64/disassembler_formatters.h"
#include "arm64/environment.h"
#include "arm64/system_registers.h"

#include <fmt/core.h>

namespace beeline::arm64 {

namespace {

uint32_t register_key(const Fields& f) { return system_register_key(2 + f('p'), f('o'), f('N'), f('M'), f('q')); }

std::string mrs_register(const Fields& f, uint64_t) { return system_register_text(register_key(f), false); }
std::string msr_register(const Fields& f, uint64_t) { return system_register_text(register_key(f), true); }

/// DCPS: the immediate is left out when zero.
std::string nonzero_hex(const Fields& f, uint64_t) { return f('i') == 0 ? "" : fmt::format("#{:#x}", f('i')); }

/// CLREX and ISB: left out when 15.
std::string not_fifteen(const Fields& f, uint64_t) { return f('i') == 15 ? "" : fmt::format("#{:#x}", f('i')); }

std::string barrier(const Fields& f, uint64_t) {
    static constexpr const char* kDomains[] = {"osh", "nsh", "ish", ""};
    static constexpr const char* kTypes[] = {"", "ld", "st", ""};
    const uint32_t option = f('i'), domain = option >> 2, type = option & 3;
    if (type == 0) return fmt::format("#0x{:02x}", option);
    if (option == 15) return "sy";
    return fmt::format("{}{}", kDomains[domain], kTypes[type]);
}

/// MSR of a one-bit PSTATE field; the other immediates have no name of their own.
std::string pstate_bit(const Fields& f, uint64_t) {
    const uint32_t op2 = f.word() >> 5 & 7;
    if (f('i') > 1) return fmt::format("s0_0_c4_c{}_{}, xzr", f('i'), op2);
    return fmt::format("{}, #{:#x}", op2 == 5 ? "spsel" : op2 == 4 ? "pan" : "uao", f('i'));
}

std::string sys_operand(const Fields& f, uint64_t) { return f('t') == 31 ? "" : fmt::format(", x{}", f('t')); }

constexpr Formatter kFormatters[] = {
    {"mrs_register", mrs_register}, {"msr_register", msr_register}, {"nonzero_hex", nonzero_hex},
    {"not_fifteen", not_fifteen},   {"barrier", barrier},           {"pstate_bit", pstate_bit},
    {"sys_operand", sys_operand},
};

} // namespace

std::span<const Formatter> system_formatters() { return kFormatters; }

} // namespace beeline::arm64
