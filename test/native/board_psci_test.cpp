// PSCI and SMCCC calls against a board that remembers what it was asked.
#include "board/psci.h"
#include "board_support.h"

#include <array>

using namespace beeline;
using namespace beeline::test;

namespace {

struct Board final : board::PowerControl {
    unsigned cpu_with_affinity(uint64_t affinity) override {
        return affinity < 4 ? static_cast<unsigned>(affinity) : kNoCpu;
    }
    CpuPower cpu_power(unsigned cpu) override { return power[cpu]; }
    bool cpu_on(unsigned cpu, uint64_t entry, uint64_t context) override {
        if (power[cpu] != CpuPower::Off) return false;
        power[cpu] = CpuPower::OnPending;
        last_entry = entry;
        last_context = context;
        return true;
    }
    void cpu_off(unsigned cpu) override { power[cpu] = CpuPower::Off; }
    void cpu_standby(unsigned) override { standbys++; }
    bool executable(uint64_t address) override { return address >= 0x4000'0000 && address < 0x8000'0000; }
    void system_off() override { offs++; }
    void system_reset() override { resets++; }

    int64_t call(uint64_t id, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
        uint64_t x[4] = {id, a, b, c};
        board::psci_call(*this, 0, x);
        return static_cast<int64_t>(x[0]);
    }

    std::array<CpuPower, 4> power{CpuPower::On, CpuPower::Off, CpuPower::Off, CpuPower::Off};
    uint64_t last_entry = 0, last_context = 0;
    unsigned standbys = 0, offs = 0, resets = 0;
};

void expect(int64_t actual, int64_t expected, std::string_view what) {
    check(actual == expected, fmt::format("{}: {}, expected {}", what, actual, expected));
}

} // namespace

int main() {
    Board b;
    expect(b.call(0x84000000), 0x10001, "PSCI_VERSION");
    expect(b.call(0x80000000), 0x10001, "SMCCC_VERSION");
    expect(b.call(0x84000006), 2, "MIGRATE_INFO_TYPE");
    expect(b.call(0x8400000A, 0xC4000003), 0, "FEATURES of CPU_ON");
    expect(b.call(0x8400000A, 0x84000003), 0, "FEATURES of CPU_ON, 32 bit");
    expect(b.call(0x8400000A, 0x80000000), 0, "FEATURES of SMCCC_VERSION");
    expect(b.call(0x8400000A, 0xC4000008), -1, "FEATURES: SYSTEM_OFF has no 64-bit form");
    expect(b.call(0x8400000A, 0x8400000E), -1, "FEATURES of SYSTEM_SUSPEND");
    expect(b.call(0xC4000000), -1, "PSCI_VERSION has no 64-bit form");
    expect(b.call(0x84000007), -1, "MIGRATE_INFO_UP_CPU");
    expect(b.call(0), -1, "function 0");
    expect(b.call(0xFFFFFFFF), -1, "function ~0");
    expect(b.call(0x80000001, 0x80008000), 1, "ARCH_FEATURES of WORKAROUND_1: not affected");
    expect(b.call(0x80000001, 0x80007FFF), -2, "ARCH_FEATURES of WORKAROUND_2: not required");
    expect(b.call(0x80000001, 0x84000050), -1, "ARCH_FEATURES of something else");

    expect(b.call(0xC4000003, 1, 0x40080000, 0x123456789ABCDEF0), 0, "CPU_ON");
    check_equal(b.last_entry, 0x40080000, "entry");
    check_equal(b.last_context, 0x123456789ABCDEF0, "context");
    expect(b.call(0xC4000004, 1), 2, "AFFINITY_INFO: pending");
    expect(b.call(0xC4000003, 1, 0x40080000), -5, "CPU_ON while pending");
    expect(b.call(0xC4000003, 0, 0x40080000), -4, "CPU_ON of the caller");
    expect(b.call(0xC4000003, 4, 0x40080000), -2, "CPU_ON of no CPU");
    expect(b.call(0xC4000003, 2, 0x40080002), -9, "CPU_ON at an odd address");
    expect(b.call(0xC4000003, 2, 0x09000000), -9, "CPU_ON at a device");
    expect(b.call(0xFFFFFFFF84000003, 0xFFFFFFFF00000002, 0xFFFFFFFF40080000, 0xFFFFFFFF00000007), 0, "CPU_ON, 32 bit");
    check_equal(b.last_context, 7, "32-bit arguments");
    expect(b.call(0xC4000004, 0), 0, "AFFINITY_INFO: on");
    expect(b.call(0xC4000004, 3), 1, "AFFINITY_INFO: off");
    expect(b.call(0xC4000004, 3, 1), -2, "AFFINITY_INFO of a cluster");
    expect(b.call(0xC4000004, 9), -2, "AFFINITY_INFO of no CPU");
    expect(b.call(0xC4000001, 0), 0, "CPU_SUSPEND");
    check_equal(b.standbys, 1, "standby");
    b.call(0x84000002);
    check(b.power[0] == Board::CpuPower::Off, "CPU_OFF");
    b.call(0x84000008);
    check_equal(b.offs, 1, "SYSTEM_OFF");
    b.call(0x84000009);
    expect(b.call(0xC4000012, 0), 0, "SYSTEM_RESET2");
    check_equal(b.resets, 2, "resets");
    expect(b.call(0xC4000012, 0x80000000), -2, "SYSTEM_RESET2 of a vendor's kind");
    return report("board_psci");
}
