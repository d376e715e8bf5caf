// Stands between a vCPU and its machine while one piece of guest code is executed twice: what the machine answered the
// first time is answered again the second time, so that every effect on a device happens exactly once.
#pragma once

#include "arm64/environment.h"
#include "translate/write_log.h"

#include <cstdint>
#include <string>
#include <vector>

namespace beeline::translate {

class EnvironmentRecorder final : public arm64::Environment {
public:
    EnvironmentRecorder(arm64::Environment& machine, const WriteLog& writes) : machine_(machine), writes_(writes) {}

    arm64::Environment& machine() const { return machine_; }

    /// The first execution begins. What an earlier execution was recorded to do but did not get to comes first.
    void record();
    /// Another execution of the same code begins.
    void replay();
    /// Both are over: what has not been replayed is kept for whoever asks for it next.
    void finish();

    /// How the execution under way asked for something else than was recorded; empty when it did not.
    const std::string& mismatch() const { return mismatch_; }

    uint8_t* host_page(arm64::GuestPa page, bool write) override { return machine_.host_page(page, write); }
    bool device_read(arm64::Vcpu& cpu, arm64::GuestPa address, unsigned size, uint64_t& value) override;
    bool device_write(arm64::Vcpu& cpu, arm64::GuestPa address, unsigned size, uint64_t value) override;
    uint64_t counter() override;
    void timer_changed(arm64::Vcpu& cpu) override;
    bool icc_read(arm64::Vcpu& cpu, uint32_t encoding, uint64_t& value) override;
    bool icc_write(arm64::Vcpu& cpu, uint32_t encoding, uint64_t value) override;
    bool has_gic_system_registers() const override { return machine_.has_gic_system_registers(); }
    void hypervisor_call(arm64::Vcpu& cpu) override;
    void broadcast(arm64::Vcpu& from, const arm64::Maintenance& operation) override;
    void synchronize(arm64::Vcpu& from) override;
    void send_event() override;

private:
    enum class Kind : uint8_t {
        DeviceRead,
        DeviceWrite,
        Counter,
        TimerChanged,
        IccRead,
        IccWrite,
        HypervisorCall,
        Broadcast,
        SendEvent,
    };
    static const char* name_of(Kind kind);

    struct Request {
        Kind kind;
        uint64_t operands[4] = {};
        friend bool operator==(const Request&, const Request&) = default;
    };
    struct Event {
        Request request;
        bool done = true;
        uint64_t results[4] = {};
        std::vector<WriteLog::Patch> patches; ///< What it changed where the code had written before (DMA).
    };
    enum class Mode : uint8_t { Pass, Record, Replay };

    /// The recorded event, or nullptr: forward the request to the machine, unless this is a replay.
    const Event* recorded(const Request& request);
    /// Forgets the events before position_, also those that code outside of a check asked for.
    void drop_performed();
    template <typename Forward> const Event& perform(const Request& request, const Forward& forward);
    static std::string describe(const Request& request);

    arm64::Environment& machine_;
    const WriteLog& writes_;
    Mode mode_ = Mode::Pass;
    std::vector<Event> events_;
    size_t position_ = 0;
    Event scratch_;
    std::string mismatch_;
};

} // namespace beeline::translate
