#include "board/psci.h"

namespace beeline::board {

namespace {

// Function identifiers. Bit 30 marks the 64-bit calling convention, whose arguments are whole registers.
constexpr uint32_t kSmc64 = 0x4000'0000;
constexpr uint32_t kSmcccVersion = 0x8000'0000, kSmcccArchFeatures = 0x8000'0001, kArchWorkaround1 = 0x8000'8000,
                   kArchWorkaround2 = 0x8000'7FFF, kArchWorkaround3 = 0x8000'3FFF;
constexpr uint32_t kPsciVersion = 0x8400'0000, kCpuSuspend = 0x8400'0001, kCpuOff = 0x8400'0002, kCpuOn = 0x8400'0003,
                   kAffinityInfo = 0x8400'0004, kMigrateInfoType = 0x8400'0006, kSystemOff = 0x8400'0008,
                   kSystemReset = 0x8400'0009, kPsciFeatures = 0x8400'000A, kSystemReset2 = 0x8400'0012;

constexpr int64_t kSuccess = 0, kNotSupported = -1, kInvalidParameters = -2, kAlreadyOn = -4, kOnPending = -5,
                  kInvalidAddress = -9;

constexpr int64_t kPsci11 = 0x1'0001;
constexpr int64_t kSmccc11 = 0x1'0001;
constexpr int64_t kNoTrustedOs = 2;
/// ARCH_FEATURES of a workaround: this CPU is not affected.
constexpr int64_t kNotAffected = 1, kNotRequired = -2;
/// SYSTEM_RESET2: the architectural warm reset.
constexpr uint64_t kWarmReset = 0;

/// Whether a function is there, and in which conventions. A row for each call of this interface.
struct Function {
    uint32_t id;
    bool has_64_bit;
};
constexpr Function kFunctions[] = {
    {kPsciVersion, false},  {kCpuSuspend, true},   {kCpuOff, false},          {kCpuOn, true},
    {kAffinityInfo, true},  {kSystemOff, false},   {kMigrateInfoType, false}, {kSystemReset, false},
    {kPsciFeatures, false}, {kSystemReset2, true},
};

bool implemented(uint32_t id) {
    for (const Function& function : kFunctions)
        if (id == function.id || (function.has_64_bit && id == (function.id | kSmc64))) return true;
    return false;
}

int64_t cpu_on(PowerControl& control, uint64_t affinity, uint64_t entry, uint64_t context) {
    const unsigned target = control.cpu_with_affinity(affinity);
    if (target == PowerControl::kNoCpu) return kInvalidParameters;
    if (entry % 4 != 0 || !control.executable(entry)) return kInvalidAddress;
    if (control.cpu_on(target, entry, context)) return kSuccess;
    return control.cpu_power(target) == PowerControl::CpuPower::OnPending ? kOnPending : kAlreadyOn;
}

int64_t affinity_info(PowerControl& control, uint64_t affinity, uint64_t lowest_level) {
    // Only single CPUs have a power state of their own.
    const unsigned target = control.cpu_with_affinity(affinity);
    if (target == PowerControl::kNoCpu || lowest_level != 0) return kInvalidParameters;
    return static_cast<int64_t>(control.cpu_power(target));
}

int64_t arch_features(uint64_t id) {
    switch (id) {
    case kSmcccVersion:
    case kSmcccArchFeatures: return kSuccess;
    case kArchWorkaround1:
    case kArchWorkaround3: return kNotAffected;
    case kArchWorkaround2: return kNotRequired;
    default: return kNotSupported;
    }
}

int64_t perform(PowerControl& control, unsigned cpu, uint32_t id, const uint64_t (&arguments)[3]) {
    switch (id & ~kSmc64) {
    case kPsciVersion: return kPsci11;
    case kPsciFeatures: {
        const auto asked = static_cast<uint32_t>(arguments[0]);
        return implemented(asked) || asked == kSmcccVersion ? kSuccess : kNotSupported;
    }
    case kCpuOn: return cpu_on(control, arguments[0], arguments[1], arguments[2]);
    case kCpuOff: control.cpu_off(cpu); return kSuccess;
    case kCpuSuspend:
        // A power-down request may be served by standby: to the caller it looks like an early wake-up (5.4.5).
        control.cpu_standby(cpu);
        return kSuccess;
    case kAffinityInfo: return affinity_info(control, arguments[0], arguments[1]);
    case kMigrateInfoType: return kNoTrustedOs;
    case kSystemOff: control.system_off(); return kSuccess;
    case kSystemReset: control.system_reset(); return kSuccess;
    case kSystemReset2:
        if (arguments[0] != kWarmReset) return kInvalidParameters;
        control.system_reset();
        return kSuccess;
    default: return kNotSupported;
    }
}

} // namespace

void psci_call(PowerControl& control, unsigned cpu, uint64_t (&x)[4]) {
    const auto id = static_cast<uint32_t>(x[0]);
    int64_t result = kNotSupported;
    if (implemented(id)) {
        const uint64_t mask = (id & kSmc64) != 0 ? ~uint64_t{0} : 0xFFFF'FFFF;
        result = perform(control, cpu, id, {x[1] & mask, x[2] & mask, x[3] & mask});
    } else if (id == kSmcccVersion) {
        result = kSmccc11;
    } else if (id == kSmcccArchFeatures) {
        result = arch_features(x[1] & 0xFFFF'FFFF);
    }
    x[0] = static_cast<uint64_t>(result);
}

} // namespace beeline::board
