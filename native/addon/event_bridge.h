// Carries a machine's events from its threads to the JavaScript thread.
#pragma once

#include "board/machine.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <napi.h>

namespace beeline::addon {

/// Serial output gathers in a buffer; one call a turn of the event loop delivers all of it. A guest that writes faster
/// than JavaScript reads is slowed down, never blocked without bound, and nothing is lost.
class EventBridge final : public board::MachineEvents {
public:
    /// On the JavaScript thread: opens the way. The callbacks are the methods of `events`; `owner`
    /// (the object that has this bridge) is kept alive until onExit has been called.
    void open(Napi::Env env, Napi::Object events, Napi::Object owner);
    /// On the JavaScript thread, when the environment goes down: nothing is delivered any more.
    void close();

    void on_serial(const uint8_t* bytes, size_t count) override;
    bool on_serial_exchange() override;
    void on_pause(std::string reason) override;
    void on_debugger_stop(unsigned cpu, arm64::DebuggerStop stop) override;
    void on_guest_reset() override;
    void on_exit(board::ExitCause cause, std::string detail) override;

private:
    struct Exit {
        board::ExitCause cause;
        std::string detail;
    };

    struct DebuggerReport {
        unsigned cpu;
        arm64::DebuggerStop stop;
    };

    static constexpr size_t kHighWater = size_t{1} << 20;

    void schedule();
    void deliver(Napi::Env env);

    std::mutex mutex_;
    std::condition_variable drained_;
    std::vector<uint8_t> output_;
    bool exchange_ = false;
    std::optional<std::string> pause_; ///< The reason.
    std::optional<DebuggerReport> debugger_stop_;
    unsigned guest_resets_ = 0; ///< Not told of yet.
    std::optional<Exit> exit_;
    bool scheduled_ = false;
    bool open_ = false;
    Napi::ThreadSafeFunction function_;
    Napi::ObjectReference events_;
    Napi::ObjectReference owner_;
};

} // namespace beeline::addon
