// A machine for tests of the CPU: RAM, a page of ROM, a page of device registers that logs, nothing else.
#pragma once

#include "arm64/environment.h"
#include "arm64/vcpu.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace beeline::test {

inline unsigned passed = 0, failed = 0;

inline bool check(bool condition, const std::string& what) {
    if (condition) {
        passed++;
    } else {
        failed++;
        if (failed < 50) std::printf("FAIL %s\n", what.c_str());
    }
    return condition;
}

inline std::string hex(uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(value));
    return text;
}

inline bool check_equal(uint64_t actual, uint64_t expected, const std::string& what) {
    return check(actual == expected, what + ": " + hex(actual) + ", expected " + hex(expected));
}

inline int report(const char* name) {
    std::printf("%s: %u passed, %u failed\n", name, passed, failed);
    return failed == 0 ? 0 : 1;
}

constexpr uint64_t kRam = 0x40000000, kRamSize = 8u << 20, kRom = 0, kDevice = 0x09000000;

class FakeMachine : public arm64::Environment {
public:
    struct DeviceAccess {
        uint64_t address;
        unsigned size;
        bool write;
        uint64_t value;
        friend bool operator==(const DeviceAccess&, const DeviceAccess&) = default;
    };

    std::vector<uint8_t> ram = std::vector<uint8_t>(kRamSize);
    std::vector<uint8_t> rom = std::vector<uint8_t>(arm64::kPageSize);
    std::vector<DeviceAccess> device_log;
    std::vector<arm64::Maintenance> broadcasts;
    unsigned synchronizations = 0, events = 0, hypercalls = 0, timer_changes = 0;
    uint64_t ticks = 1000;
    bool gic = true;

    uint8_t* host_page(arm64::GuestPa page, bool write) override {
        if (page.value >= kRam && page.value - kRam < kRamSize) return ram.data() + (page.value - kRam);
        if (page.value == kRom && !write) return rom.data();
        return nullptr;
    }
    bool device_read(arm64::Vcpu&, arm64::GuestPa address, unsigned size, uint64_t& value) override {
        if (address.value - kDevice >= arm64::kPageSize) return false;
        value = 0x8877665544332211;
        if (size < 8) value &= (uint64_t{1} << size * 8) - 1;
        device_log.push_back({address.value, size, false, value});
        return true;
    }
    bool device_write(arm64::Vcpu&, arm64::GuestPa address, unsigned size, uint64_t value) override {
        if (address.value - kDevice >= arm64::kPageSize) return false;
        device_log.push_back({address.value, size, true, value});
        return true;
    }
    uint64_t counter() override { return ticks; }
    void timer_changed(arm64::Vcpu&) override { timer_changes++; }
    bool icc_read(arm64::Vcpu&, uint32_t, uint64_t& value) override {
        value = 0x1CC;
        return true;
    }
    bool icc_write(arm64::Vcpu&, uint32_t, uint64_t) override { return true; }
    bool has_gic_system_registers() const override { return gic; }
    /// Every test program ends in HVC.
    void hypervisor_call(arm64::Vcpu& cpu) override {
        hypercalls++;
        cpu.request_stop();
    }
    void broadcast(arm64::Vcpu&, const arm64::Maintenance& operation) override { broadcasts.push_back(operation); }
    void synchronize(arm64::Vcpu&) override { synchronizations++; }
    void send_event() override { events++; }

    uint64_t read64(uint64_t pa) const {
        uint64_t value;
        std::memcpy(&value, ram.data() + (pa - kRam), 8);
        return value;
    }
    void write64(uint64_t pa, uint64_t value) { std::memcpy(ram.data() + (pa - kRam), &value, 8); }
    void write_code(uint64_t pa, std::initializer_list<uint32_t> words) {
        for (const uint32_t word : words) {
            std::memcpy(ram.data() + (pa - kRam), &word, 4);
            pa += 4;
        }
    }
};

/// A CPU is large: tests keep it on the heap.
inline std::unique_ptr<arm64::Vcpu> make_cpu(FakeMachine& machine, arm64::CpuModel model = arm64::CpuModel::N1) {
    return std::make_unique<arm64::Vcpu>(model, 0, machine);
}

// ---- encodings
// -------------------------------------------------------------------------------------------------------

constexpr uint32_t mrs(uint32_t key, unsigned rt) { return 0xD5200000 | key << 5 | rt; }
constexpr uint32_t msr(uint32_t key, unsigned rt) { return 0xD5000000 | key << 5 | rt; }
constexpr uint32_t sys(unsigned op1, unsigned crn, unsigned crm, unsigned op2, unsigned rt) {
    return 0xD5080000 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5 | rt;
}
constexpr uint32_t kHvc = 0xD4000002, kEret = 0xD69F03E0, kNop = 0xD503201F, kIsb = 0xD5033FDF, kWfi = 0xD503207F,
                   kWfe = 0xD503205F;
constexpr uint32_t svc(unsigned imm) { return 0xD4000001 | imm << 5; }
constexpr uint32_t brk(unsigned imm) { return 0xD4200000 | imm << 5; }

} // namespace beeline::test
