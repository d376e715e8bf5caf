// Boots a guest on the native core alone, without the control plane: for work on the core itself.
//
//     beeline_boot --kernel F [--initrd F] [--append S] [--dtb F] [--memory MIB] [--cpus N] [--cpu n1|a57] [--gic 2|3]
//                  [--firmware F] [--firmware-vars F] [--acpi on|off]
//                  [--load FILE@ADDRESS]... [--tier interpreter|direct] [--visits N] [--disable TECHNIQUE]...
//                  [--drive FILE[,qcow2|raw|ro|snapshot|threads|pci]...]... [--net user[,HOST-GUEST]|tap,NAME]...
//                  [--verify
//                  [--checks N]] [--no-reboot] [--icount LOG2]
//                  [--timeout SECONDS] [--until TEXT] [--dump-dtb FILE] [--snapshot-save F] [--snapshot-load F]
//
// The guest's serial port is on standard input and output; counters go to standard error at the end.
#include "board/machine.h"

#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fmt/format.h>
#include <mutex>
#include <poll.h>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace {

using namespace beeline;

class Console final : public board::MachineEvents {
public:
    /// done() once the guest has printed this.
    void wait_for(std::string_view text) { awaited_ = text; }

    void on_serial(const uint8_t* bytes, size_t count) override {
        if (!awaited_.empty()) {
            recent_.append(reinterpret_cast<const char*>(bytes), count);
            const std::lock_guard lock(mutex_);
            if (recent_.find(awaited_) != recent_.npos) seen_ = true;
            if (recent_.size() > awaited_.size()) recent_.erase(0, recent_.size() - awaited_.size());
        }
        while (count != 0) {
            const ssize_t written = write(STDOUT_FILENO, bytes, count);
            if (written <= 0) return;
            bytes += written;
            count -= static_cast<size_t>(written);
        }
    }
    void on_pause(std::string reason) override { fmt::print(stderr, "paused: {}\n", reason); }
    void on_exit(board::ExitCause cause, std::string detail) override {
        const std::lock_guard lock(mutex_);
        cause_ = cause;
        detail_ = std::move(detail);
        done_ = true;
        changed_.notify_all();
    }
    bool done() {
        const std::lock_guard lock(mutex_);
        return done_ || seen_;
    }
    bool seen() {
        const std::lock_guard lock(mutex_);
        return seen_;
    }
    board::ExitCause cause() const { return cause_; }
    const std::string& detail() const { return detail_; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false, seen_ = false;
    std::string awaited_, recent_;
    board::ExitCause cause_{};
    std::string detail_;
};

const char* name_of(board::ExitCause cause) {
    switch (cause) {
    case board::ExitCause::PowerOff: return "powered off";
    case board::ExitCause::Reset: return "reset";
    case board::ExitCause::Stopped: return "stopped";
    case board::ExitCause::InternalError: break;
    }
    return "internal error";
}

bool number(std::string_view text, uint64_t& value) {
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16) text.remove_prefix(2);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc() && end == text.data() + text.size();
}

board::Drive drive(std::string_view text) {
    board::Drive config;
    bool first = true;
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        const std::string_view part = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        if (std::exchange(first, false))
            config.path = part;
        else if (part == "qcow2")
            config.format = block::Format::Qcow2;
        else if (part == "raw")
            config.format = block::Format::Raw;
        else if (part == "ro")
            config.read_only = true;
        else if (part == "snapshot")
            config.snapshot = true;
        else if (part == "threads")
            config.engine = block::EngineKind::Threads;
        else if (part == "pci")
            config.bus = board::DeviceBus::Pci;
    }
    return config;
}

/// user, user,PORT-PORT (TCP, from this host's loopback), or tap,INTERFACE.
bool network(std::string_view text, net::NetworkConfig& config) {
    if (text.starts_with("tap,")) {
        config.kind = net::NetworkConfig::Kind::Tap;
        config.interface = text.substr(4);
        return true;
    }
    if (text == "user") return true;
    const size_t dash = text.find('-');
    uint64_t host = 0, guest = 0;
    if (!text.starts_with("user,") || dash == text.npos || !number(text.substr(5, dash - 5), host) ||
        !number(text.substr(dash + 1), guest))
        return false;
    config.forwards.push_back({.host_address = "127.0.0.1",
                               .host_port = static_cast<uint16_t>(host),
                               .guest_port = static_cast<uint16_t>(guest)});
    return true;
}

int usage(const char* what) {
    fmt::print(stderr, "beeline_boot: {}; the head of its source tells the options\n", what);
    return 2;
}

void print_stats(const board::MachineStats& stats) {
    uint64_t instructions = 0;
    for (const arm64::Counters& cpu : stats.cpus) instructions += cpu.instructions;
    fmt::print(
        stderr,
        "\n{:.3f} s ({:.3f} s to create), first output after {:.3f} s, {} instructions, {:.1f} million a second\n",
        stats.elapsed_seconds, stats.create_seconds, stats.first_output_seconds, instructions,
        static_cast<double>(instructions) / stats.elapsed_seconds / 1e6);
    fmt::print(stderr,
               "serial out {} in {}, timer expiries {}, interrupts acknowledged {}, SGIs {}, sleeps {}, broadcasts {}, "
               "resets {}\n",
               stats.serial_bytes_out, stats.serial_bytes_in, stats.timer_expiries, stats.gic_acknowledges,
               stats.gic_sgis, stats.sleeps, stats.broadcasts, stats.guest_resets);
    for (size_t i = 0; i < stats.cpus.size(); i++) {
        const arm64::Counters& cpu = stats.cpus[i];
        fmt::print(stderr,
                   "cpu{}: instructions {} blocks {} (invalidated {}) jump misses {} TLB misses {} walks {} flushes {} "
                   "slow {} "
                   "device {} exceptions {} interrupts {} waits {}\n",
                   i, cpu.instructions, cpu.blocks_decoded, cpu.blocks_invalidated, cpu.jump_cache_misses,
                   cpu.tlb_misses, cpu.table_walks, cpu.tlb_flushes, cpu.slow_accesses, cpu.device_accesses,
                   cpu.exceptions, cpu.interrupts, cpu.waits);
        if (i >= stats.direct.size()) continue;
        const translate::DirectCounters& direct = stats.direct[i];
        fmt::print(
            stderr,
            "cpu{}: translated {} blocks, {} instructions to {} bytes in {:.3f} s; executed {}; entries {}, links "
            "{}, invalidated {}, evicted {}, site misses {}\ncpu{}: switches",
            i, direct.blocks, direct.instructions, direct.bytes, static_cast<double>(direct.nanoseconds) / 1e9,
            direct.executed, direct.entries, direct.links, direct.invalidated, direct.evicted, direct.site_misses, i);
        for (const auto& [cause, name] : translate::kSwitchCauseNames)
            fmt::print(stderr, " {} {}", name, direct.switches[static_cast<unsigned>(cause)]);
        fmt::print(stderr, "\n");
    }
}

} // namespace

int main(int argc, char** argv) {
    board::MachineConfig config;
    Console console;
    double timeout = 0;
    std::string dump, snapshot;
    for (int i = 1; i < argc; i++) {
        const std::string_view option = argv[i];
        if (option == "--no-reboot") {
            config.no_reboot = true;
            continue;
        }
        if (option == "--verify") {
            config.direct_options.verify = true;
            continue;
        }
        if (i + 1 == argc) return usage("an option lacks its value");
        const std::string_view value = argv[++i];
        uint64_t parsed = 0;
        if (option == "--kernel") {
            config.kernel_path = value;
        } else if (option == "--initrd") {
            config.initrd_path = value;
        } else if (option == "--append") {
            config.append = value;
        } else if (option == "--dtb") {
            config.dtb_path = value;
        } else if (option == "--firmware") {
            config.firmware_path = value;
        } else if (option == "--firmware-vars") {
            config.firmware_vars_path = value;
        } else if (option == "--acpi") {
            config.acpi = value != "off";
        } else if (option == "--dump-dtb") {
            dump = value;
        } else if (option == "--cpu") {
            config.cpu_model = value == "a57" ? arm64::CpuModel::A57 : arm64::CpuModel::N1;
        } else if (option == "--tier") {
            config.direct = value == "direct";
        } else if (option == "--icount") {
            if (!number(value, parsed)) return usage("a number is malformed");
            config.icount = static_cast<unsigned>(parsed);
        } else if (option == "--visits") {
            if (!number(value, parsed)) return usage("a number is malformed");
            config.direct_options.visits_before_translation = static_cast<uint32_t>(parsed);
        } else if (option == "--checks") {
            if (!number(value, parsed)) return usage("a number is malformed");
            config.direct_options.checks_a_block = static_cast<uint32_t>(parsed);
        } else if (option == "--disable") {
            const auto technique = translate::find_technique(value);
            if (!technique) return usage("--disable takes the name of a technique");
            config.direct_options.techniques.disable(*technique);
        } else if (option == "--snapshot-save") {
            snapshot = value;
        } else if (option == "--snapshot-load") {
            config.snapshot_path = value;
        } else if (option == "--until") {
            console.wait_for(value);
        } else if (option == "--drive") {
            config.drives.push_back(drive(value));
        } else if (option == "--net") {
            if (!network(value, config.networks.emplace_back()))
                return usage("--net takes user[,HOST-GUEST] or tap,NAME");
        } else if (option == "--load") {
            const size_t at = value.rfind('@');
            if (at == value.npos || !number(value.substr(at + 1), parsed)) return usage("--load takes FILE@ADDRESS");
            config.raw_loads.push_back({std::string(value.substr(0, at)), parsed});
        } else if (!number(value, parsed)) {
            return usage("a number is malformed, or an option is unknown");
        } else if (option == "--memory") {
            config.memory_bytes = parsed << 20;
        } else if (option == "--cpus") {
            config.cpus = static_cast<unsigned>(parsed);
        } else if (option == "--gic") {
            config.gic_version = static_cast<unsigned>(parsed);
        } else if (option == "--timeout") {
            timeout = static_cast<double>(parsed);
        } else {
            return usage("an option is unknown");
        }
    }

    auto machine = board::Machine::create(config, console);
    if (!machine) {
        fmt::print(stderr, "beeline_boot: {}: {}\n", machine.error().code, machine.error().message);
        return 2;
    }
    if (!dump.empty()) {
        const std::vector<uint8_t> tree = (*machine)->dtb();
        FILE* file = fopen(dump.c_str(), "wb");
        if (file == nullptr) return usage("--dump-dtb cannot be written");
        fwrite(tree.data(), 1, tree.size(), file);
        fclose(file);
        return 0;
    }
    (*machine)->start();
    const auto begin = std::chrono::steady_clock::now();
    bool timed_out = false, input_open = true;
    while (!console.done()) {
        pollfd input{STDIN_FILENO, POLLIN, 0};
        const int ready = poll(&input, input_open ? 1 : 0, 20);
        if (ready > 0) {
            uint8_t bytes[512];
            const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
            if (got <= 0) {
                input_open = false;
            } else {
                (*machine)->serial_write({bytes, static_cast<size_t>(got)});
            }
        }
        if (timeout > 0 && std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > timeout) {
            timed_out = true;
            break;
        }
    }
    const bool seen = console.seen();
    if (!snapshot.empty()) {
        const auto start = std::chrono::steady_clock::now();
        if (board::Status saved = (*machine)->save_snapshot(snapshot, {}); !saved) {
            fmt::print(stderr, "beeline_boot: {}: {}\n", saved.error().code, saved.error().message);
            return 2;
        }
        fmt::print(stderr, "snapshot saved in {:.3f} s\n",
                   std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    (*machine)->stop();
    print_stats((*machine)->stats());
    fmt::print(stderr, "{}{}{}\n",
               timed_out ? "timeout"
               : seen    ? "seen"
                         : name_of(console.cause()),
               console.detail().empty() ? "" : ": ", console.detail());
    return timed_out ? 4 : seen ? 0 : console.cause() == board::ExitCause::InternalError ? 1 : 0;
}
