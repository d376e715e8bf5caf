#include "host/cpu.h"

#include <cpuid.h>
#include <cstdlib>

namespace beeline::host {

namespace {

struct NamedFlag {
    std::string_view name;
    bool CpuFlags::*member;
};

constexpr NamedFlag kNames[] = {
    {"bmi1", &CpuFlags::bmi1},     {"bmi2", &CpuFlags::bmi2},         {"lzcnt", &CpuFlags::lzcnt},
    {"popcnt", &CpuFlags::popcnt}, {"movbe", &CpuFlags::movbe},       {"avx", &CpuFlags::avx},
    {"avx2", &CpuFlags::avx2},     {"avx512", &CpuFlags::avx512},     {"sse4.2", &CpuFlags::sse42},
    {"pclmul", &CpuFlags::pclmul}, {"fsgsbase", &CpuFlags::fsgsbase}, {"fma", &CpuFlags::fma},
    {"aes", &CpuFlags::aes},       {"sha", &CpuFlags::sha},           {"f16c", &CpuFlags::f16c},
};

CpuFlags detect() {
    CpuFlags flags;
    flags.bmi1 = __builtin_cpu_supports("bmi");
    flags.bmi2 = __builtin_cpu_supports("bmi2");
    flags.lzcnt = __builtin_cpu_supports("lzcnt");
    flags.popcnt = __builtin_cpu_supports("popcnt");
    flags.movbe = __builtin_cpu_supports("movbe");
    flags.avx = __builtin_cpu_supports("avx");
    flags.avx2 = __builtin_cpu_supports("avx2");
    flags.avx512 =
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    flags.sse42 = __builtin_cpu_supports("sse4.2");
    flags.pclmul = __builtin_cpu_supports("pclmul");
    flags.f16c = __builtin_cpu_supports("f16c");
    flags.aes = __builtin_cpu_supports("aes");
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    flags.sha = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_SHA) != 0;
    flags.fma = __builtin_cpu_supports("fma");
    flags.fsgsbase = __builtin_cpu_supports("fsgsbase");
    return flags;
}

} // namespace

std::string cpu_flag_names() {
    std::string names;
    for (const NamedFlag& named : kNames) {
        if (!names.empty()) names += ", ";
        names += named.name;
    }
    return names;
}

std::string mask_cpu_flags(CpuFlags& flags, std::string_view list) {
    while (!list.empty()) {
        const size_t comma = list.find(',');
        const std::string_view entry = list.substr(0, comma);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
        bool known = false;
        for (const NamedFlag& named : kNames) {
            if (entry.size() < 2 || entry[0] != '-' || entry.substr(1) != named.name) continue;
            flags.*named.member = false;
            known = true;
        }
        if (!known) return "'" + std::string(entry) + "' does not take a host feature away";
    }
    return {};
}

const CpuFlags& cpu_flags() {
    static const CpuFlags flags = [] {
        CpuFlags detected = detect();
        // A list that is wrong is refused where a machine is made (Machine::create).
        if (const char* list = std::getenv("BEELINE_HOST_FEATURES")) mask_cpu_flags(detected, list);
        return detected;
    }();
    return flags;
}

} // namespace beeline::host
