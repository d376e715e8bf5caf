#include "addon/event_bridge.h"

#include <chrono>
#include <utility>

namespace beeline::addon {

namespace {

constexpr std::chrono::milliseconds kLongestWait{50};

const char* name_of(board::ExitCause cause) {
    switch (cause) {
    case board::ExitCause::PowerOff: return "poweroff";
    case board::ExitCause::Reset: return "reset";
    case board::ExitCause::Stopped: return "stopped";
    case board::ExitCause::InternalError: break;
    }
    return "internal_error";
}

const char* name_of(const arm64::DebuggerStop& stop) {
    using Kind = arm64::DebuggerStop::Kind;
    switch (stop.kind) {
    case Kind::Breakpoint: return "breakpoint";
    case Kind::Watchpoint: return stop.access == arm64::Access::Write ? "write" : "read";
    case Kind::Step: break;
    }
    return "step";
}

} // namespace

void EventBridge::open(Napi::Env env, Napi::Object events, Napi::Object owner) {
    events_ = Napi::Persistent(events);
    owner_ = Napi::Persistent(owner);
    // The function itself is never called from JavaScript: deliver() calls the methods of `events`.
    Napi::Function unused = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
    function_ = Napi::ThreadSafeFunction::New(env, unused, "beeline machine", 0, 1);
    std::lock_guard lock(mutex_);
    open_ = true;
}

void EventBridge::close() {
    std::lock_guard lock(mutex_);
    open_ = false;
    drained_.notify_all();
}

// With mutex_ held.
void EventBridge::schedule() {
    if (scheduled_ || !open_) return;
    scheduled_ = true;
    napi_status status = function_.NonBlockingCall([this](Napi::Env env, Napi::Function) { deliver(env); });
    if (status != napi_ok) open_ = false; // The environment is going down.
}

void EventBridge::on_serial(const uint8_t* bytes, size_t count) {
    std::unique_lock lock(mutex_);
    output_.insert(output_.end(), bytes, bytes + count);
    schedule();
    if (output_.size() > kHighWater) {
        drained_.wait_for(lock, kLongestWait, [this] { return output_.size() <= kHighWater || !open_; });
    }
}

bool EventBridge::on_serial_exchange() {
    std::lock_guard lock(mutex_);
    exchange_ = true;
    schedule();
    return false;
}

void EventBridge::on_pause(std::string reason) {
    std::lock_guard lock(mutex_);
    pause_ = std::move(reason);
    schedule();
}

void EventBridge::on_debugger_stop(unsigned cpu, arm64::DebuggerStop stop) {
    std::lock_guard lock(mutex_);
    debugger_stop_ = DebuggerReport{cpu, stop};
    schedule();
}

void EventBridge::on_guest_reset() {
    std::lock_guard lock(mutex_);
    guest_resets_++;
    schedule();
}

void EventBridge::on_exit(board::ExitCause cause, std::string detail) {
    std::lock_guard lock(mutex_);
    exit_ = Exit{cause, std::move(detail)};
    schedule();
}

void EventBridge::deliver(Napi::Env env) {
    std::vector<uint8_t> output;
    std::optional<std::string> pause;
    std::optional<DebuggerReport> debugger_stop;
    unsigned guest_resets = 0;
    bool exchange = false;
    std::optional<Exit> exit;
    {
        std::lock_guard lock(mutex_);
        scheduled_ = false;
        if (!open_) return;
        output.swap(output_);
        exchange = std::exchange(exchange_, false);
        pause.swap(pause_);
        debugger_stop.swap(debugger_stop_);
        guest_resets = std::exchange(guest_resets_, 0);
        exit.swap(exit_);
        if (exit) open_ = false;
        drained_.notify_all();
    }
    Napi::Object events = events_.Value();
    if (!output.empty()) {
        Napi::Value data = Napi::Buffer<uint8_t>::Copy(env, output.data(), output.size());
        events.Get("onSerial").As<Napi::Function>().Call(events, {data});
    }
    if (exchange && !env.IsExceptionPending())
        events.Get("onSerialExchange").As<Napi::Function>().Call(events, {});
    // An exception of a callback stays pending for Node to report; no further call may be made then.
    if (guest_resets != 0 && !env.IsExceptionPending())
        events.Get("onGuestReset").As<Napi::Function>().Call(events, {Napi::Number::New(env, guest_resets)});
    if (pause && !env.IsExceptionPending())
        events.Get("onPause").As<Napi::Function>().Call(events, {Napi::String::New(env, *pause)});
    if (debugger_stop && !env.IsExceptionPending())
        events.Get("onDebuggerStop")
            .As<Napi::Function>()
            .Call(events,
                  {Napi::Number::New(env, debugger_stop->cpu), Napi::String::New(env, name_of(debugger_stop->stop)),
                   Napi::BigInt::New(env, debugger_stop->stop.va)});
    if (!exit) return;
    if (!env.IsExceptionPending()) {
        Napi::Value cause = Napi::String::New(env, name_of(exit->cause));
        Napi::Value detail = Napi::String::New(env, exit->detail);
        events.Get("onExit").As<Napi::Function>().Call(events, {cause, detail});
    }
    events_.Reset();
    owner_.Reset();
    function_.Release();
}

} // namespace beeline::addon
