// An external debugger's breakpoints, watchpoints, steps and writes, on a guest of a few instructions, in both tiers.
#include "board/machine.h"
#include "board_support.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using arm64::DebuggerPoints;
using arm64::DebuggerStop;
using Kind = DebuggerStop::Kind;
using Action = board::Machine::DebuggerAction;
using std::chrono::milliseconds;

namespace {

constexpr uint64_t kEntry = 0x40080000, kAdd = kEntry + 8, kStore = kEntry + 12, kBranch = kEntry + 16,
                   kData = 0x40100000;
//     mov x1, #0x40100000; mov x0, #0
//  1: add x0, x0, #1; str x0, [x1]; b 1b
const uint32_t kCounting[] = {0xd2a80201, 0xd2800000, 0x91000400, 0xf9000020, 0x17fffffe};
constexpr uint32_t kAddTwo = 0x91000800;

std::filesystem::path folder;

class Observer final : public board::MachineEvents {
public:
    void on_serial(const uint8_t*, size_t) override {}
    void on_pause(std::string) override {}
    void on_exit(board::ExitCause, std::string) override {}
    void on_debugger_stop(unsigned cpu, DebuggerStop stop) override {
        const std::lock_guard lock(mutex_);
        cpu_ = cpu;
        stop_ = stop;
        changed_.notify_all();
    }
    std::optional<DebuggerStop> wait_stop(milliseconds limit = milliseconds(10'000)) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, limit, [this] { return stop_.has_value(); });
        return std::exchange(stop_, std::nullopt);
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned cpu_ = 0;
    std::optional<DebuggerStop> stop_;
};

struct Run {
    Observer observer;
    std::unique_ptr<board::Machine> machine;

    explicit Run(bool direct) {
        const std::filesystem::path path = folder / "counting";
        std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(kCounting), sizeof kCounting);
        board::MachineConfig config;
        config.memory_bytes = 64 << 20;
        config.raw_loads = {{path.string(), kEntry}};
        config.direct = direct;
        auto made = board::Machine::create(config, observer);
        if (check(static_cast<bool>(made), "machine: " + (made ? std::string() : made.error().message)))
            machine = std::move(*made);
    }

    void set(std::vector<uint64_t> breakpoints, std::vector<DebuggerPoints::Watch> watches = {}) {
        machine->set_debugger_points(
            std::make_shared<DebuggerPoints>(DebuggerPoints{std::move(breakpoints), std::move(watches)}));
    }
    bool stops(Kind kind, uint64_t pc, const std::string& what) {
        const std::optional<DebuggerStop> stop = observer.wait_stop();
        if (!check(stop && stop->kind == kind, what + ": it stops for the reason")) return false;
        return check_equal(machine->cpu_state(0)->pc, pc, what + ": pc");
    }
    uint64_t counted() { return machine->cpu_state(0)->x[0]; }
    uint64_t stored() {
        uint64_t value = 0;
        machine->read_physical(kData, {reinterpret_cast<uint8_t*>(&value), sizeof value});
        return value;
    }
};

void breakpoints(bool direct) {
    Run run(direct);
    run.machine->pause();
    run.machine->start();
    check_equal(run.machine->cpu_state(0)->pc, kEntry, "a machine started paused shows its first instruction");
    run.set({kAdd});
    run.machine->resume();
    run.stops(Kind::Breakpoint, kAdd, "breakpoint");
    check_equal(run.counted(), 0, "nothing was counted");
    for (uint64_t round = 1; round < 4; round++) {
        run.machine->resume();
        run.stops(Kind::Breakpoint, kAdd, "the next time round");
        check_equal(run.counted(), round, "once round each");
    }
    // While it runs, long after everything was translated.
    run.set({});
    run.machine->resume();
    std::this_thread::sleep_for(milliseconds(50));
    run.set({kStore});
    run.stops(Kind::Breakpoint, kStore, "a breakpoint set while it runs");
    const uint64_t before = run.counted();
    check(before > 1000, "it ran");
    check_equal(run.stored(), before - 1, "the store is still to come");
    run.machine->set_debugger_points(nullptr);
    run.machine->resume();
    std::this_thread::sleep_for(milliseconds(20));
    run.machine->pause();
    check(run.counted() > before + 1000, "it runs freely without the debugger");
}

void steps(bool direct) {
    Run run(direct);
    run.machine->pause();
    run.machine->start();
    run.set({kStore});
    const Action step[] = {Action::Step};
    for (const uint64_t pc : {kEntry + 4, kAdd, kStore, kBranch, kAdd}) {
        run.machine->debugger_resume(step);
        run.stops(Kind::Step, pc, "step");
    }
    check_equal(run.counted(), 1, "one round");
    run.machine->resume();
    run.stops(Kind::Breakpoint, kStore, "on from a step to the breakpoint");
    run.machine->debugger_resume(step);
    run.stops(Kind::Step, kBranch, "a step from a breakpoint");
}

void watchpoints(bool direct) {
    Run run(direct);
    run.machine->pause();
    run.machine->start();
    run.set({}, {{kData + 4, kData + 4, false, true}});
    run.machine->resume();
    const std::optional<DebuggerStop> stop = run.observer.wait_stop();
    check(stop && stop->kind == Kind::Watchpoint && stop->access == arm64::Access::Write, "a store is seen");
    check_equal(stop ? stop->va : 0, kData + 4, "at its first watched byte");
    check_equal(run.machine->cpu_state(0)->pc, kStore, "before it is done");
    check_equal(run.stored(), 0, "nothing is stored");
    run.machine->resume();
    run.stops(Kind::Watchpoint, kStore, "the next store");
    check_equal(run.stored(), 1, "the one before was done");
    run.set({}, {{kData, kData + 7, true, false}});
    run.machine->resume();
    check(!run.observer.wait_stop(milliseconds(100)), "stores do not count where loads are watched");
    run.set({}, {{kData, kData, false, true}});
    run.stops(Kind::Watchpoint, kStore, "watched while it runs");
}

void writes(bool direct) {
    Run run(direct);
    run.machine->pause();
    run.machine->start();
    run.machine->resume();
    std::this_thread::sleep_for(milliseconds(30));
    run.set({kAdd});
    run.stops(Kind::Breakpoint, kAdd, "running");
    check(run.machine->write_register(0, "x0", {{100, 0}}), "a register is written");
    const auto* patch = reinterpret_cast<const uint8_t*>(&kAddTwo);
    check_equal(run.machine->write_virtual(0, kAdd, {patch, 4}), 4, "so is code");
    run.machine->resume();
    run.stops(Kind::Breakpoint, kAdd, "once round");
    check_equal(run.counted(), 102, "what was written counts");
    check_equal(run.stored(), 102, "also in memory");
    check(run.machine->write_register(0, "pc", {{kBranch, 0}}), "the pc is written");
    run.machine->resume();
    run.stops(Kind::Breakpoint, kAdd, "from where it was set to");
    check_equal(run.counted(), 102, "nothing in between");
    check(run.machine->write_register(0, "v31", {{1, 2}}) && run.machine->cpu_state(0)->v[31].d[1] == 2, "v31");
    check(run.machine->write_register(0, "cpsr", {{0x600003C4, 0}}) && run.machine->cpu_state(0)->pstate.sp_sel == 0,
          "cpsr");
    check(!run.machine->write_register(0, "cpsr", {{0x9, 0}}), "no EL2");
    check(!run.machine->write_register(0, "x31", {{0, 0}}) && !run.machine->write_register(1, "x0", {{0, 0}}) &&
              !run.machine->write_register(0, "", {{0, 0}}),
          "nor registers that do not exist");
    check_equal(run.machine->write_physical(0x09000000, {patch, 4}), 0, "devices are not written");
}

} // namespace

int main() {
    folder = std::filesystem::temp_directory_path() / fmt::format("beeline-debugger-test-{}", getpid());
    std::filesystem::create_directories(folder);
    for (const bool direct : {false, true}) {
        breakpoints(direct);
        steps(direct);
        watchpoints(direct);
        writes(direct);
    }
    std::filesystem::remove_all(folder);
    return report("debugger");
}
