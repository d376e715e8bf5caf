#include "translate/environment_recorder.h"

#include "arm64/vcpu.h"

#include <cstring>
#include <fmt/format.h>

namespace beeline::translate {

using arm64::GuestPa;
using arm64::Vcpu;

const char* EnvironmentRecorder::name_of(Kind kind) {
    switch (kind) {
    case Kind::DeviceRead: return "device read";
    case Kind::DeviceWrite: return "device write";
    case Kind::Counter: return "read of the counter";
    case Kind::TimerChanged: return "change of a timer";
    case Kind::IccRead: return "read of an interrupt controller register";
    case Kind::IccWrite: return "write of an interrupt controller register";
    case Kind::HypervisorCall: return "hypervisor call";
    case Kind::Broadcast: return "broadcast";
    case Kind::SendEvent: return "event";
    }
    return "";
}

std::string EnvironmentRecorder::describe(const Request& request) {
    return fmt::format("{} ({:#x}, {:#x}, {:#x}, {:#x})", name_of(request.kind), request.operands[0],
                       request.operands[1], request.operands[2], request.operands[3]);
}

void EnvironmentRecorder::record() {
    drop_performed();
    mode_ = Mode::Record;
    mismatch_.clear();
}

void EnvironmentRecorder::replay() {
    mode_ = Mode::Replay;
    position_ = 0;
    mismatch_.clear();
}

void EnvironmentRecorder::finish() {
    mode_ = Mode::Pass;
    drop_performed();
}

void EnvironmentRecorder::drop_performed() {
    events_.erase(events_.begin(), events_.begin() + static_cast<ptrdiff_t>(position_));
    position_ = 0;
}

const EnvironmentRecorder::Event* EnvironmentRecorder::recorded(const Request& request) {
    if (position_ < events_.size()) {
        const Event& event = events_[position_];
        if (event.request == request) {
            position_++;
            for (const WriteLog::Patch& patch : event.patches) std::memcpy(patch.host, patch.bytes, patch.size);
            return &event;
        }
        if (mode_ != Mode::Replay) {
            // Something came in between: what had been recorded ahead is not going to happen as it was.
            events_.resize(position_);
            return nullptr;
        }
    }
    if (mode_ != Mode::Replay) return nullptr;
    if (mismatch_.empty())
        mismatch_ =
            fmt::format("it asks for a {}, where the interpreter {}", describe(request),
                        position_ < events_.size() ? fmt::format("asked for a {}", describe(events_[position_].request))
                                                   : "asked for nothing more");
    scratch_ = {.request = request, .done = false, .results = {}, .patches = {}};
    return &scratch_;
}

template <typename Forward>
const EnvironmentRecorder::Event& EnvironmentRecorder::perform(const Request& request, const Forward& forward) {
    if (const Event* event = recorded(request)) return *event;
    Event event{.request = request, .done = true, .results = {}, .patches = {}};
    if (mode_ == Mode::Pass) {
        forward(event);
        scratch_ = std::move(event);
        return scratch_;
    }
    const bool writes = request.kind == Kind::DeviceWrite || request.kind == Kind::HypervisorCall;
    const std::vector<WriteLog::Patch> before = writes ? writes_.contents() : std::vector<WriteLog::Patch>();
    forward(event);
    for (const WriteLog::Patch& old : before) {
        if (std::memcmp(old.host, old.bytes, old.size) == 0) continue;
        WriteLog::Patch& patch = event.patches.emplace_back(old);
        std::memcpy(patch.bytes, patch.host, patch.size);
    }
    events_.push_back(std::move(event));
    position_ = events_.size();
    return events_.back();
}

bool EnvironmentRecorder::device_read(Vcpu& cpu, GuestPa address, unsigned size, uint64_t& value) {
    const Event& event = perform({Kind::DeviceRead, {address.value, size}}, [&](Event& e) {
        e.results[0] = value;
        e.done = machine_.device_read(cpu, address, size, e.results[0]);
    });
    value = event.results[0];
    return event.done;
}

bool EnvironmentRecorder::device_write(Vcpu& cpu, GuestPa address, unsigned size, uint64_t value) {
    return perform({Kind::DeviceWrite, {address.value, size, value}},
                   [&](Event& e) { e.done = machine_.device_write(cpu, address, size, value); })
        .done;
}

uint64_t EnvironmentRecorder::counter() {
    return perform({Kind::Counter}, [&](Event& e) { e.results[0] = machine_.counter(); }).results[0];
}

void EnvironmentRecorder::timer_changed(Vcpu& cpu) {
    const arm64::SystemRegisters& sys = cpu.state.sys;
    perform({Kind::TimerChanged, {sys.cntp_ctl_el0, sys.cntp_cval_el0, sys.cntv_ctl_el0, sys.cntv_cval_el0}},
            [&](Event&) { machine_.timer_changed(cpu); });
}

bool EnvironmentRecorder::icc_read(Vcpu& cpu, uint32_t encoding, uint64_t& value) {
    const Event& event = perform({Kind::IccRead, {encoding}}, [&](Event& e) {
        e.results[0] = value;
        e.done = machine_.icc_read(cpu, encoding, e.results[0]);
    });
    value = event.results[0];
    return event.done;
}

bool EnvironmentRecorder::icc_write(Vcpu& cpu, uint32_t encoding, uint64_t value) {
    return perform({Kind::IccWrite, {encoding, value}},
                   [&](Event& e) { e.done = machine_.icc_write(cpu, encoding, value); })
        .done;
}

void EnvironmentRecorder::hypervisor_call(Vcpu& cpu) {
    uint64_t* const x = cpu.state.x;
    const Event& event = perform({Kind::HypervisorCall, {x[0], x[1], x[2], x[3]}}, [&](Event& e) {
        machine_.hypervisor_call(cpu);
        for (unsigned i = 0; i < 4; i++) e.results[i] = x[i];
    });
    if (!event.done) return;
    for (unsigned i = 0; i < 4; i++) x[i] = event.results[i];
}

void EnvironmentRecorder::broadcast(Vcpu& from, const arm64::Maintenance& operation) {
    perform({Kind::Broadcast, {static_cast<uint64_t>(operation.kind), operation.operand}},
            [&](Event&) { machine_.broadcast(from, operation); });
}

/// Not recorded: translated code of a single CPU need not ask for it, and asking twice does no harm.
void EnvironmentRecorder::synchronize(Vcpu& from) { machine_.synchronize(from); }

void EnvironmentRecorder::send_event() {
    perform({Kind::SendEvent}, [&](Event&) { machine_.send_event(); });
}

} // namespace beeline::translate
