// The host thread of one virtual CPU: runs it, lets it sleep, holds it, and switches it on and off.
#pragma once

#include "arm64/vcpu.h"
#include "runtime/thread.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

namespace beeline::runtime {

/// Where instructions are counted exactly, guest time is the CPU's own business. Called on its thread.
class TimeKeeper {
public:
    virtual ~TimeKeeper() = default;
    /// The CPU's instruction limit is reached: what is due happens, and the next limit is set.
    virtual void reach_limit() = 0;
    /// The CPU sleeps until the next deadline, which is reached when this returns; `at_most` nanoseconds, though.
    /// False: there is no deadline, and nothing has happened.
    virtual bool sleep(uint64_t at_most) = 0;
};

/// The timers of a CPU that sleeps, which wake nobody but it. Called on its thread.
class SleepTimers {
public:
    using HostTime = std::chrono::steady_clock::time_point;
    virtual ~SleepTimers() = default;
    /// The CPU `index` begins to sleep. When its first timer expires; HostTime::max(): never.
    virtual HostTime begin_sleep(unsigned index) = 0;
    /// It sleeps no more. What is due of its timers has expired when this returns.
    virtual void end_sleep(unsigned index) = 0;
};

class VcpuThread {
public:
    /// As PSCI's AFFINITY_INFO has it.
    enum class Power : uint8_t { On = 0, Off = 1, OnPending = 2 };
    /// Reasons, a bit each, for which a CPU does not run although it is on.
    enum class Hold : uint32_t { Pause = 1, Reset = 2, Serial = 4, Debugger = 8, Change = 16 };

    /// The CPU is off until power_on().
    VcpuThread(arm64::Vcpu& cpu, SleepTimers& timers) : cpu_(cpu), timers_(timers) {}
    /// Before start(). Called on the CPU's thread when a debugger's stop has made it hold itself (Hold::Debugger).
    void set_debugger_listener(std::function<void()> listener) { debugger_listener_ = std::move(listener); }
    /// Before start(). The only CPU, which counts exactly.
    void set_time_keeper(TimeKeeper& keeper) { keeper_ = &keeper; }
    ~VcpuThread() { finish(); }

    [[nodiscard]] bool start();
    /// Asks the thread to end; it does so between two blocks of guest code.
    void request_finish();
    /// request_finish(), and waits.
    void finish();

    // ---- from any thread -------------------------------------------------------------------------------------
    Power power() const { return power_.load(std::memory_order_seq_cst); }
    /// Resets the CPU to execute at `pc` with `x0`. False: it is not off.
    bool power_on(uint64_t pc, uint64_t x0);
    /// The CPU executes nothing more once it has returned from the instruction it is in.
    void power_off();
    void hold(Hold reason);
    void release(Hold reason);
    /// Until the CPU executes no guest code, because it is held, off, or its thread has ended. One that was switched on
    /// has been reset then.
    void wait_until_still();
    /// On or off, with the CPU's state. While it is still.
    void exchange(snapshot::Archive& archive);
    /// To be called after an interrupt line has risen or the event register was set.
    void wake();
    uint64_t sleeps() const { return sleeps_.load(std::memory_order_relaxed); }

    // ---- from the CPU's own thread, inside Environment -----------------------------------------------------------
    /// The CPU sleeps as if in WFI once the current instruction is done (PSCI CPU_SUSPEND in standby).
    void suspend() {
        suspend_ = true;
        cpu_.request_stop();
    }

    arm64::Vcpu& cpu() { return cpu_; }

private:
    enum class Wait : uint8_t { Interrupt, Event };
    void main();
    void sleep(Wait wait);
    void sleep_in_wfi();
    void sleep_in_wfe();
    void sleep_counted(Wait wait);
    void trace(arm64::TraceKind kind, Wait wait);
    bool unmasked_interrupt() const;
    bool may_run() const { return holds_ == 0 && power() != Power::Off; }

    arm64::Vcpu& cpu_;
    SleepTimers& timers_;
    std::function<void()> debugger_listener_;
    TimeKeeper* keeper_ = nullptr; ///< nullptr: time is the host's.
    Thread thread_;
    std::mutex mutex_;
    std::condition_variable wake_;    ///< Signalled to the CPU's thread.
    std::condition_variable stilled_; ///< Signalled by it.
    std::atomic<Power> power_{Power::Off};
    std::atomic<bool> sleeping_{false};
    std::atomic<uint64_t> sleeps_{0};
    // Guarded by mutex_.
    uint32_t holds_ = 0;
    uint64_t entry_pc_ = 0, entry_x0_ = 0;
    bool still_ = true;
    bool finishing_ = false;
    // The CPU's thread's own.
    bool suspend_ = false;
    std::optional<Wait> asleep_; ///< Was held while it slept, in counted time.
    uint64_t event_wait_ns_ = 0;
    uint64_t instructions_at_event_ = 0;
};

} // namespace beeline::runtime
