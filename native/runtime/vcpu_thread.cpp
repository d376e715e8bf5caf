#include "runtime/vcpu_thread.h"

#include "snapshot/archive.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <sched.h>

namespace beeline::runtime {

namespace {

/// Sleeps in WFE grow from nothing to this while the guest does nothing else: as long as the event stream that kernels
/// set up (10 kHz). It is what a CPU that waits for another's plain store relies on.
constexpr uint64_t kLongestEventWait = 100'000;
constexpr uint64_t kFirstEventWait = 2'000;
/// More instructions than this between two WFEs mean that the guest has got on.
constexpr uint64_t kSpinInstructions = 200;

} // namespace

bool VcpuThread::start() {
    char name[16];
    std::snprintf(name, sizeof name, "beeline-cpu%u", cpu_.index());
    still_ = false;
    if (thread_.start(name, [this] { main(); })) return true;
    still_ = true;
    return false;
}

void VcpuThread::request_finish() {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    cpu_.request_stop();
    wake_.notify_one();
}

void VcpuThread::finish() {
    request_finish();
    thread_.join();
}

bool VcpuThread::power_on(uint64_t pc, uint64_t x0) {
    const std::lock_guard lock(mutex_);
    if (power() != Power::Off) return false;
    entry_pc_ = pc;
    entry_x0_ = x0;
    // Visible before the CPU's caches are dropped by its reset: maintenance broadcast from now on reaches it.
    power_.store(Power::OnPending, std::memory_order_seq_cst);
    wake_.notify_one();
    return true;
}

void VcpuThread::power_off() {
    const std::lock_guard lock(mutex_);
    power_.store(Power::Off, std::memory_order_seq_cst);
    cpu_.request_stop();
    wake_.notify_one();
}

void VcpuThread::hold(Hold reason) {
    const std::lock_guard lock(mutex_);
    holds_ |= static_cast<uint32_t>(reason);
    cpu_.request_stop();
    wake_.notify_one();
}

void VcpuThread::release(Hold reason) {
    const std::lock_guard lock(mutex_);
    holds_ &= ~static_cast<uint32_t>(reason);
    wake_.notify_one();
}

void VcpuThread::wait_until_still() {
    std::unique_lock lock(mutex_);
    stilled_.wait(lock, [this] { return still_ && (power() != Power::OnPending || finishing_); });
}

void VcpuThread::exchange(snapshot::Archive& archive) {
    const std::lock_guard lock(mutex_);
    Power power = power_.load(std::memory_order_seq_cst);
    archive.at_most(power, Power::Off);
    cpu_.exchange(archive);
    if (!archive.loading()) return;
    power_.store(power, std::memory_order_seq_cst);
    wake_.notify_one();
}

void VcpuThread::wake() {
    // Raising a line and setting the event register are locked operations: either sleep() sees their effect, or this
    // sees sleeping_.
    if (!sleeping_.load(std::memory_order_seq_cst)) return;
    const std::lock_guard lock(mutex_);
    wake_.notify_one();
}

bool VcpuThread::unmasked_interrupt() const {
    const uint32_t lines = cpu_.lines();
    const uint64_t masks = cpu_.state.pstate.daif;
    return ((lines & static_cast<uint32_t>(arm64::Line::Irq)) != 0 && (masks & arm64::spsr::kI) == 0) ||
           ((lines & static_cast<uint32_t>(arm64::Line::Fiq)) != 0 && (masks & arm64::spsr::kF) == 0);
}

/// What ends the sleep is never a matter of the host's time: a CPU that is held meanwhile goes on sleeping.
void VcpuThread::sleep_counted(Wait wait) {
    sleeps_.fetch_add(1, std::memory_order_relaxed);
    asleep_ = wait;
    const auto roused = [this, wait] {
        return wait == Wait::Interrupt ? cpu_.interrupt_pending() : cpu_.event_pending() || unmasked_interrupt();
    };
    const auto stopped = [this] { return finishing_ || !may_run(); };
    while (!roused()) {
        {
            const std::lock_guard lock(mutex_);
            if (stopped()) return;
        }
        const bool slept = keeper_->sleep(wait == Wait::Interrupt ? ~uint64_t{0} : kLongestEventWait);
        if (wait == Wait::Event) break;
        if (slept) continue;
        // Nothing will happen but from outside.
        std::unique_lock lock(mutex_);
        sleeping_.store(true, std::memory_order_seq_cst);
        wake_.wait(lock, [&] { return stopped() || roused(); });
        sleeping_.store(false, std::memory_order_seq_cst);
    }
    if (wait == Wait::Event) cpu_.consume_event();
    asleep_.reset();
}

void VcpuThread::trace(arm64::TraceKind kind, Wait wait) {
    cpu_.trace(kind, wait == Wait::Event ? arm64::kTraceEvent : 0);
}

void VcpuThread::sleep(Wait wait) {
    if (keeper_ != nullptr) {
        trace(arm64::TraceKind::Sleep, wait);
        sleep_counted(wait);
        return trace(arm64::TraceKind::Wake, wait);
    }
    wait == Wait::Interrupt ? sleep_in_wfi() : sleep_in_wfe();
}

void VcpuThread::sleep_in_wfi() {
    if (cpu_.interrupt_pending()) return;
    const SleepTimers::HostTime deadline = timers_.begin_sleep(cpu_.index());
    {
        std::unique_lock lock(mutex_);
        sleeping_.store(true, std::memory_order_seq_cst);
        const auto awake = [this] { return finishing_ || !may_run() || cpu_.interrupt_pending(); };
        if (!awake()) {
            sleeps_.fetch_add(1, std::memory_order_relaxed);
            trace(arm64::TraceKind::Sleep, Wait::Interrupt);
            if (deadline == SleepTimers::HostTime::max())
                wake_.wait(lock, awake);
            else
                wake_.wait_until(lock, deadline, awake);
            trace(arm64::TraceKind::Wake, Wait::Interrupt);
        }
        sleeping_.store(false, std::memory_order_seq_cst);
    }
    timers_.end_sleep(cpu_.index());
}

void VcpuThread::sleep_in_wfe() {
    std::unique_lock lock(mutex_);
    sleeping_.store(true, std::memory_order_seq_cst);
    // WFI ends with an interrupt even when PSTATE masks it, WFE does not (Arm ARM D1.16): a CPU that waits for a lock
    // with its interrupts masked must not keep the host core from the lock's owner.
    const auto awake = [this] { return finishing_ || !may_run() || cpu_.event_pending() || unmasked_interrupt(); };
    const uint64_t executed = cpu_.counters.instructions - instructions_at_event_;
    instructions_at_event_ = cpu_.counters.instructions;
    event_wait_ns_ =
        executed > kSpinInstructions ? 0 : std::clamp(event_wait_ns_ * 2, kFirstEventWait, kLongestEventWait);
    if (event_wait_ns_ == 0) {
        lock.unlock();
        sched_yield();
        lock.lock();
    } else if (!awake()) {
        sleeps_.fetch_add(1, std::memory_order_relaxed);
        trace(arm64::TraceKind::Sleep, Wait::Event);
        wake_.wait_for(lock, std::chrono::nanoseconds(event_wait_ns_), awake);
        trace(arm64::TraceKind::Wake, Wait::Event);
    }
    // Whether or not the event came in time, this WFE is over.
    cpu_.consume_event();
    sleeping_.store(false, std::memory_order_seq_cst);
}

void VcpuThread::main() {
    for (;;) {
        bool switched_on = false;
        uint64_t pc = 0, x0 = 0;
        {
            std::unique_lock lock(mutex_);
            // A CPU that is held is switched on all the same: a debugger looks at what it will begin with.
            const auto has_work = [this] { return finishing_ || may_run() || power() == Power::OnPending; };
            if (!has_work()) {
                still_ = true;
                stilled_.notify_all();
                wake_.wait(lock, has_work);
                still_ = false;
            }
            if (finishing_) {
                still_ = true;
                stilled_.notify_all();
                return;
            }
            if (power() == Power::OnPending) {
                power_.store(Power::On, std::memory_order_seq_cst);
                switched_on = true;
                pc = entry_pc_;
                x0 = entry_x0_;
            }
        }
        if (switched_on) {
            suspend_ = false;
            asleep_.reset();
            cpu_.reset(pc, x0);
            continue;
        }
        if (asleep_) {
            sleep(*asleep_);
            continue;
        }
        const arm64::ExitReason reason = cpu_.run();
        if (suspend_) {
            suspend_ = false;
            sleep(Wait::Interrupt);
            continue;
        }
        switch (reason) {
        case arm64::ExitReason::Stopped: break;
        case arm64::ExitReason::WaitForInterrupt: sleep(Wait::Interrupt); break;
        case arm64::ExitReason::WaitForEvent: sleep(Wait::Event); break;
        case arm64::ExitReason::Yield: sched_yield(); break;
        case arm64::ExitReason::InstructionLimit: keeper_->reach_limit(); break;
        case arm64::ExitReason::Debugger:
            hold(Hold::Debugger);
            debugger_listener_();
            break;
        }
    }
}

} // namespace beeline::runtime
