// Instruction-set extensions of the host that translated code may use.
#pragma once

#include <string>
#include <string_view>

namespace beeline::host {

struct CpuFlags {
    bool bmi1 = false, bmi2 = false, lzcnt = false, popcnt = false, movbe = false, avx = false, avx2 = false,
         avx512 = false, fma = false, f16c = false, aes = false, sha = false, sse42 = false, pclmul = false, fsgsbase = false;
};

/// What CPUID says, less what BEELINE_HOST_FEATURES takes away ("-bmi2,-avx512"). Read once.
const CpuFlags& cpu_flags();

/// Every name that such a list knows, separated by commas.
std::string cpu_flag_names();

/// Applies a list like "-bmi2,-avx512" to `flags`. Returns what is wrong with it, or an empty string.
std::string mask_cpu_flags(CpuFlags& flags, std::string_view list);

} // namespace beeline::host
