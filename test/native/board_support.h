// What the tests of devices and board share: checks that count, and stand-ins for a device's surroundings.
#pragma once

#include "devices/device.h"
#include "devices/timer_queue.h"
#include "devices/virtual_clock.h"

#include <cstdint>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace beeline::test {

inline unsigned passed = 0, failed = 0;

inline bool check(bool condition, std::string_view what) {
    (condition ? passed : failed)++;
    if (!condition) fmt::print("FAIL {}\n", what);
    return condition;
}

inline bool check_equal(uint64_t actual, uint64_t expected, std::string_view what) {
    return check(actual == expected, fmt::format("{}: {:#x}, expected {:#x}", what, actual, expected));
}

inline int report(std::string_view name) {
    fmt::print("{}: {} passed, {} failed\n", name, passed, failed);
    return failed == 0 ? 0 : 1;
}

/// Register accesses as a driver writes them.
struct Registers {
    devices::Device& device;
    unsigned cpu = 0;

    uint64_t read(uint64_t offset, unsigned size = 4) const {
        uint64_t value = 0;
        device.read({offset, size, cpu}, value);
        return value;
    }
    void write(uint64_t offset, uint64_t value, unsigned size = 4) const { device.write({offset, size, cpu}, value); }
};

/// Remembers the levels of interrupt inputs.
struct RecordingSink final : devices::InterruptSink {
    void set_spi(unsigned number, bool level) override { spis[number] = level; }
    void set_ppi(unsigned cpu, unsigned intid, bool level) override { ppis[{cpu, intid}] = level; }
    std::map<unsigned, bool> spis;
    std::map<std::pair<unsigned, unsigned>, bool> ppis;
};

/// Remembers the levels of the CPUs' inputs.
struct RecordingCpus final : devices::CpuInterruptSink {
    void set_irq(unsigned cpu, bool level) override { irq[cpu] = level; }
    void set_fiq(unsigned cpu, bool level) override { fiq[cpu] = level; }
    std::map<unsigned, bool> irq, fiq;
};

/// A clock that runs, and a queue whose deadlines the test serves itself.
struct Time {
    std::mutex lock;
    devices::VirtualClock clock;
    devices::TimerQueue queue{clock, lock};
    Time() { clock.thaw(); }
};

} // namespace beeline::test
