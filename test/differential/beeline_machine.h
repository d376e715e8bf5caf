// Beeline's side: a CPU of the core with enough of a machine around it to run EL0 code behind page tables.
#pragma once

#include "machine.h"

#include "arm64/environment.h"
#include "arm64/vcpu.h"
#include "translate/direct_tier.h"

#include <atomic>
#include <memory>
#include <vector>

namespace beeline::differential {

class BeelineMachine final : public Machine, private arm64::Environment {
public:
    /// `direct`: every sequence is translated before it is executed. nullptr: the interpreter.
    BeelineMachine(arm64::CpuModel model, const translate::DirectOptions* direct);
    /// False: the host gave no memory for translated code.
    bool usable() const { return usable_; }

    void load(std::span<const TestCase> cases) override;
    void replace(const TestCase& test) override;
    bool start(std::span<const TestCase> cases, std::span<const uint16_t> order, std::string& error) override;
    bool finish(std::string& error) override;
    const DiffResult& result(unsigned slot) const override { return results_[slot]; }
    const uint8_t* data(unsigned slot) const override;
    bool read_only_intact() const override;
    bool flags_known(unsigned slot) const override { return flags_known_[slot]; }

    /// Counts cases. When it stands still for long, interrupt() ends the one under way; from any thread.
    uint64_t progress() const { return progress_.load(std::memory_order_relaxed); }
    void interrupt();

private:
    void build_page_tables();
    void map_page(uint64_t va, uint64_t pa, uint64_t attributes);
    void prepare_cpu();
    void run_case(const TestCase& test);
    void report(DiffResult& out);
    bool flags_were_live() const;
    uint8_t* at(uint64_t pa) { return &memory_[pa]; }

    uint8_t* host_page(arm64::GuestPa page, bool write) override;
    bool device_read(arm64::Vcpu&, arm64::GuestPa, unsigned, uint64_t&) override { return false; }
    bool device_write(arm64::Vcpu&, arm64::GuestPa, unsigned, uint64_t) override { return false; }
    uint64_t counter() override { return 0; }
    void timer_changed(arm64::Vcpu&) override {}
    bool icc_read(arm64::Vcpu&, uint32_t, uint64_t&) override { return false; }
    bool icc_write(arm64::Vcpu&, uint32_t, uint64_t) override { return false; }
    bool has_gic_system_registers() const override { return false; }
    void hypervisor_call(arm64::Vcpu&) override {}
    void broadcast(arm64::Vcpu&, const arm64::Maintenance&) override {}
    void synchronize(arm64::Vcpu&) override {}
    void send_event() override {}

    std::vector<uint8_t> memory_;
    uint64_t tables_used_ = 0;
    std::unique_ptr<arm64::Vcpu> cpu_;
    std::vector<DiffResult> results_;
    std::vector<uint8_t> flags_known_;
    bool usable_ = true;
    std::atomic<uint64_t> progress_{0};
    std::atomic<bool> interrupted_{false};
};

} // namespace beeline::differential
