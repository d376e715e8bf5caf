// Whole machines with guests of a few instructions: output and its back-pressure, input, resets, power, several CPUs,
// pause.
#include "board/machine.h"
#include "board_support.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using std::chrono::milliseconds;

namespace {

/// Guests as machine code, loaded and entered at 0x40080000. Each ends with PSCI SYSTEM_OFF, if at all.
struct Guest {
    const char* name;
    std::vector<uint32_t> code;
};

//  ldr x1, =0x09000000; mov w2, #'O'; strb w2, [x1]; mov w2, #'K'; strb w2, [x1]; mov w0, #0x84000008; hvc #0; b .
const Guest kHello{"hello",
                   {0x58000141, 0x528009e2, 0x39000022, 0x52800962, 0x39000022, 0x52b08000, 0x11002000, 0xd4000002,
                    0x14000000, 0x00000000, 0x09000000, 0}};
//  200000 characters a..z over and over, without a look at UARTFR
const Guest kFlood{"flood",
                   {0x58000201, 0x180001a3, 0x52800004, 0x11018482, 0xb9000022, 0x11000484, 0x7100689f, 0x1a8403e4,
                    0x71000463, 0x54ffff41, 0x52b08000, 0x11002000, 0xd4000002, 0x14000000, 0x00030d40, 0x00000000,
                    0x09000000, 0}};
//  1: ldr x2, [x1]; add x2, x2, #1; str x2, [x1]; b 1b
const Guest kSpin{"spin", {0x580000c1, 0xf9400022, 0x91000442, 0xf9000022, 0x17fffffd, 0x00000000, 0x40100000, 0}};
//  prints 'r'; counts at 0x40100000; SYSTEM_RESET twice, then SYSTEM_OFF
const Guest kReset{"reset",
                   {0x580001c1, 0x52800e42, 0xb9000022, 0x580001a1, 0xf9400022, 0x91000442, 0xf9000022, 0x52b08000,
                    0x11002003, 0x11002400, 0xf1000c5f, 0x1a800060, 0xd4000002, 0x14000000, 0x09000000, 0x00000000,
                    0x40100000, 0}};
//  polls the UART; answers each character with the next one; 'q' powers off
const Guest kEcho{"echo",
                  {0x580001c1, 0xb9401822, 0x3727ffe2, 0xb9400022, 0x12001c42, 0x7101c45f, 0x54000080, 0x11000442,
                   0xb9000022, 0x17fffff8, 0x52b08000, 0x11002000, 0xd4000002, 0x14000000, 0x09000000, 0}};
//  starts every other CPU; each adds 1 to a counter and goes off; the first prints '0' + counter
const Guest kSmp{"smp", {0x58000453, 0xf900027f, 0xd2800034, 0x52b08000, 0x11000c00, 0xb2620000, 0x92400e81, 0xd344fe83,
                         0xaa032021, 0x10000222, 0xaa1303e3, 0xd4000002, 0xb5000060, 0x91000694, 0x17fffff5, 0xd1000694,
                         0xf9400262, 0xeb14005f, 0x54ffffc1, 0x58000221, 0x1100c042, 0xb9000022, 0x52b08000, 0x11002000,
                         0xd4000002, 0x14000000, 0xc85f7c01, 0x91000421, 0xc802fc01, 0x35ffffa2, 0x52b08000, 0x11000800,
                         0xd4000002, 0x14000000, 0x40100000, 0x00000000, 0x09000000, 0}};
//  1: wfi; b 1b
const Guest kIdle{"idle", {0xd503207f, 0x17ffffff}};

std::filesystem::path folder;

class Observer final : public board::MachineEvents {
public:
    void on_serial(const uint8_t* bytes, size_t count) override {
        if (delay_.count() != 0) std::this_thread::sleep_for(delay_);
        const std::lock_guard lock(mutex_);
        if (exits_ != 0) late_ = true;
        output_.append(reinterpret_cast<const char*>(bytes), count);
        changed_.notify_all();
    }
    void on_pause(std::string) override {}
    void on_exit(board::ExitCause cause, std::string) override {
        const std::lock_guard lock(mutex_);
        cause_ = cause;
        exits_++;
        changed_.notify_all();
    }
    bool wait_exit(milliseconds limit = milliseconds(20'000)) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [this] { return exits_ != 0; });
    }
    bool wait_output(const std::string& text, milliseconds limit = milliseconds(20'000)) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] { return output_.find(text) != std::string::npos; });
    }
    std::string output() {
        const std::lock_guard lock(mutex_);
        return output_;
    }
    board::ExitCause cause() {
        const std::lock_guard lock(mutex_);
        return cause_;
    }
    unsigned exits() {
        const std::lock_guard lock(mutex_);
        return exits_;
    }
    bool late() const { return late_; }
    void slow_down(milliseconds delay) { delay_ = delay; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string output_;
    board::ExitCause cause_{};
    unsigned exits_ = 0;
    bool late_ = false;
    milliseconds delay_{0};
};

board::MachineConfig config_for(const Guest& guest, unsigned cpus = 1, unsigned gic = 3) {
    const std::filesystem::path path = folder / guest.name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(guest.code.data()), static_cast<std::streamsize>(guest.code.size() * 4));
    board::MachineConfig config;
    config.memory_bytes = 64 << 20;
    config.cpus = cpus;
    config.gic_version = gic;
    config.raw_loads = {{path.string(), 0x40080000}};
    return config;
}

struct Run {
    Observer observer;
    std::unique_ptr<board::Machine> machine;

    explicit Run(const board::MachineConfig& config) {
        auto made = board::Machine::create(config, observer);
        if (check(static_cast<bool>(made), "machine: " + (made ? std::string() : made.error().message)))
            machine = std::move(*made);
    }
};

void output_and_power_off() {
    Run run(config_for(kHello));
    run.machine->start();
    check(run.observer.wait_exit(), "hello ends");
    check(run.observer.output() == "OK" && run.observer.cause() == board::ExitCause::PowerOff,
          "hello prints and powers off");
    const board::MachineStats stats = run.machine->stats();
    check(stats.serial_bytes_out == 2 && stats.first_output_seconds >= 0 && stats.cpus[0].instructions > 5,
          "hello's counts");
    run.machine->stop();
    run.machine->stop();
    run.machine->pause();
    run.machine->resume();
    run.machine->reset();
    check_equal(run.observer.exits(), 1, "one exit, whatever is asked afterwards");
    check(run.machine->exited(), "exited");
}

void back_pressure() {
    Run run(config_for(kFlood));
    run.observer.slow_down(milliseconds(5));
    run.machine->start();
    check(run.observer.wait_exit(milliseconds(60'000)), "flood ends");
    const std::string output = run.observer.output();
    bool intact = output.size() == 200'000;
    for (size_t i = 0; i < output.size() && intact; i++) intact = output[i] == static_cast<char>('a' + i % 26);
    check(intact, fmt::format("every byte arrives at a slow consumer, in order ({} bytes)", output.size()));
    check(!run.observer.late(), "nothing after the exit");

    Run stopped(config_for(kFlood));
    stopped.observer.slow_down(milliseconds(100));
    stopped.machine->start();
    std::this_thread::sleep_for(milliseconds(50));
    stopped.machine->pause();
    check(stopped.machine->paused(), "a CPU that waits for the consumer can be paused");
    stopped.machine->stop();
    check(stopped.observer.exits() == 1, "and stopped");
}

void resets() {
    Run run(config_for(kReset));
    run.machine->start();
    check(run.observer.wait_exit(), "reset ends");
    check(run.observer.output() == "rrr" && run.observer.cause() == board::ExitCause::PowerOff, "two resets in place");
    check_equal(run.machine->stats().guest_resets, 2, "counted");

    board::MachineConfig config = config_for(kReset);
    config.no_reboot = true;
    Run once(config);
    once.machine->start();
    check(once.observer.wait_exit(), "no_reboot ends");
    check(once.observer.output() == "r" && once.observer.cause() == board::ExitCause::Reset,
          "a reset ends the run with no_reboot");

    Run vanished(config_for(kReset));
    std::filesystem::remove(folder / "reset");
    vanished.machine->start();
    check(vanished.observer.wait_exit() && vanished.observer.cause() == board::ExitCause::InternalError,
          "a file that is gone at the reset ends the run");
}

void input() {
    Run run(config_for(kEcho));
    run.machine->start();
    const std::string typed = "HAL";
    check_equal(run.machine->serial_write({reinterpret_cast<const uint8_t*>(typed.data()), typed.size()}), 3,
                "input is accepted");
    check(run.observer.wait_output("IBM"), "and answered");
    std::vector<uint8_t> bulk(5'000, 'a');
    run.machine->serial_write(bulk);
    check(run.observer.wait_output(std::string(5'000, 'b')), "bulk input arrives whole");
    const uint8_t quit = 'q';
    run.machine->serial_write({&quit, 1});
    check(run.observer.wait_exit(), "echo ends");
    std::vector<uint8_t> flood(board::Machine::kSerialQueueBytes + 10);
    check_equal(run.machine->serial_write(flood), board::Machine::kSerialQueueBytes, "the queue is bounded");
}

void several_cpus() {
    for (const auto& [cpus, gic] : {std::pair{2u, 3u}, {8u, 2u}, {24u, 3u}}) {
        Run run(config_for(kSmp, cpus, gic));
        run.machine->start();
        check(run.observer.wait_exit(), fmt::format("{} CPUs end", cpus));
        check(run.observer.output() == std::string(1, static_cast<char>('0' + cpus - 1)),
              fmt::format("{} CPUs all ran", cpus));
    }
}

/// Waits for a condition that a busy host may delay.
bool eventually(const std::function<bool()>& condition) {
    for (unsigned i = 0; i < 4000; i++) {
        if (condition()) return true;
        std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
}

void pause_and_stop() {
    Run run(config_for(kSpin));
    run.machine->pause();
    run.machine->start();
    std::this_thread::sleep_for(milliseconds(30));
    check_equal(run.machine->stats().cpus[0].instructions, 0,
                "paused before its start, it waits at its first instruction");
    run.machine->resume();
    check(eventually([&] { return run.machine->stats().cpus[0].instructions > 0; }), "the guest runs");
    run.machine->pause();
    const uint64_t paused = run.machine->stats().cpus[0].instructions;
    std::this_thread::sleep_for(milliseconds(20));
    check_equal(run.machine->stats().cpus[0].instructions, paused, "paused, it executes nothing");
    run.machine->reset();
    check_equal(run.machine->stats().cpus[0].instructions, paused, "a reset does not resume it");
    run.machine->resume();
    check(eventually([&] { return run.machine->stats().cpus[0].instructions > paused; }), "resumed, it goes on");
    run.machine->reset();
    run.machine->stop();
    check(run.observer.cause() == board::ExitCause::Stopped && run.observer.exits() == 1, "stopped");

    for (unsigned i = 0; i < 20; i++) {
        Run short_lived(config_for(kSpin, 3));
        short_lived.machine->start();
        if (i % 2 != 0) short_lived.machine->pause();
        short_lived.machine->stop();
        check_equal(short_lived.observer.exits(), 1, "started and stopped at once");
    }
    Run never(config_for(kSpin));
    never.machine->stop();
    check_equal(never.observer.exits(), 0, "a machine that was never started has no exit");
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void idle() {
    Run run(config_for(kIdle, 1));
    run.machine->start();
    std::this_thread::sleep_for(milliseconds(50));
    const double before = cpu_seconds();
    std::this_thread::sleep_for(milliseconds(500));
    check(cpu_seconds() - before < 0.05, "an idle guest costs no CPU");
    run.machine->powerdown();
    run.machine->stop();
}

void bad_configurations() {
    Observer observer;
    const auto refused = [&observer](const board::MachineConfig& config, std::string_view code,
                                     std::string_view option) {
        const auto made = board::Machine::create(config, observer);
        check(!made && made.error().code == code && made.error().option == option, fmt::format("{} {}", code, option));
    };
    board::MachineConfig config = config_for(kHello);
    config.cpus = 0;
    refused(config, "BEELINE_E_CPUS", "--cpus");
    config.cpus = 65;
    refused(config, "BEELINE_E_CPUS", "--cpus");
    config.gic_version = 2;
    config.cpus = 9;
    refused(config, "BEELINE_E_CPUS", "--cpus");
    config.gic_version = 4;
    refused(config, "BEELINE_E_OPTION_VALUE", "--gic");
    config = config_for(kHello);
    config.direct_options.verify = true;
    refused(config, "BEELINE_E_OPTION_VALUE", "--verify");
    config.direct = true;
    config.cpus = 2;
    refused(config, "BEELINE_E_OPTION_VALUE", "--verify");
    config = config_for(kHello);
    config.memory_bytes = 0;
    refused(config, "BEELINE_E_MEMORY", "--memory");
    config.memory_bytes = uint64_t{1} << 46;
    refused(config, "BEELINE_E_MEMORY", "--memory");
    config = config_for(kHello);
    config.append = std::string("a\0b", 3);
    refused(config, "BEELINE_E_OPTION_VALUE", "--append");
    config.append = std::string(3 << 20, 'x');
    refused(config, "BEELINE_E_OPTION_VALUE", "--append");
}

} // namespace

int main() {
    char name[] = "/tmp/beeline-machine-XXXXXX";
    if (mkdtemp(name) == nullptr) return 1;
    folder = name;
    output_and_power_off();
    back_pressure();
    resets();
    input();
    several_cpus();
    pause_and_stop();
    idle();
    bad_configurations();
    std::filesystem::remove_all(folder);
    return report("board_machine");
}
