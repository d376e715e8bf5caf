// Whole machines in files: what was saved goes on, in the same machine or a new one; files that are damaged, cut short,
// of another version or another machine are refused, and the machine that was to load them has not noticed.
#include "block/open.h"
#include "board/machine.h"
#include "board/snapshot.h"
#include "board_support.h"
#include "snapshot/checksum.h"
#include "snapshot/file.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <thread>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using std::chrono::milliseconds;

namespace {

std::filesystem::path folder;

struct NoEvents final : board::MachineEvents {
    void on_serial(const uint8_t*, size_t) override {}
    void on_pause(std::string) override {}
    void on_exit(board::ExitCause, std::string) override {}
};

constexpr uint64_t kCounter = 0x4010'0000;

/// 1: ldr x2, [x1]; add x2, x2, #1; str x2, [x1]; b 1b, with x1 = kCounter
std::string spin_guest() {
    const uint32_t code[] = {0x580000c1, 0xf9400022, 0x91000442, 0xf9000022, 0x17fffffd, 0x00000000, kCounter, 0};
    const std::filesystem::path path = folder / "guest";
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(code), sizeof code);
    return path;
}

board::MachineConfig config() {
    board::MachineConfig config;
    config.memory_bytes = 4 << 20;
    config.cpus = 2;
    config.raw_loads = {{spin_guest(), 0x4008'0000}};
    return config;
}

struct Running {
    explicit Running(const board::MachineConfig& config) {
        auto made = board::Machine::create(config, events);
        if (check(static_cast<bool>(made), made ? "" : made.error().message)) {
            machine = std::move(*made);
            machine->start();
        }
    }
    uint64_t counter() const {
        uint64_t value = 0;
        machine->read_physical(kCounter, {reinterpret_cast<uint8_t*>(&value), sizeof value});
        return value;
    }
    bool counts() const {
        const uint64_t before = counter();
        for (int i = 0; i < 2000; i++) {
            if (counter() != before) return true;
            std::this_thread::sleep_for(milliseconds(1));
        }
        return false;
    }
    NoEvents events;
    std::unique_ptr<board::Machine> machine;
};

std::vector<uint8_t> contents(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
void put(const std::filesystem::path& path, std::span<const uint8_t> bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::string error_of(const board::Status& status) { return status ? std::string() : status.error().message; }

void test_goes_on() {
    const std::string path = folder / "snapshot";
    Running first(config());
    check(first.counts(), "the guest counts");
    check(error_of(first.machine->save_snapshot(path, "a description")).empty(), "it is saved");
    check(first.counts(), "it goes on after that");
    const auto description = board::snapshot_description(path);
    check(description && *description == "a description", "its description");

    board::MachineConfig again = config();
    again.snapshot_path = path;
    again.raw_loads.clear();
    Running second(again);
    check(second.counter() >= 1, "the counter is there");
    check(second.counts(), "a new machine goes on");

    // In its own past: paused, so that nothing counts on.
    first.machine->pause();
    check(error_of(first.machine->save_snapshot(path, {})).empty(), "a paused machine is saved");
    const uint64_t then = first.counter();
    const auto state = first.machine->cpu_state(0);
    first.machine->resume();
    check(first.counts(), "it counts on");
    first.machine->pause();
    check(error_of(first.machine->load_snapshot(path)).empty(), "the same machine loads it");
    check_equal(first.counter(), then, "memory is as it was");
    const auto now = first.machine->cpu_state(0);
    check(state && now && std::memcmp(state->x, now->x, sizeof now->x) == 0 && state->pc == now->pc, "and registers");
    first.machine->resume();
    check(first.counts(), "and it goes on");
}

/// Every byte of a file changed, one at a time, and every few lengths of it.
void test_damage() {
    const std::string path = folder / "whole", bad = folder / "bad";
    Running running(config());
    check(running.counts(), "the guest counts");
    check(error_of(running.machine->save_snapshot(path, "{}")).empty(), "it is saved");
    const std::vector<uint8_t> whole = contents(path);
    std::mt19937 random(3);
    unsigned loaded = 0, unexplained = 0;
    const auto refuses = [&](std::span<const uint8_t> bytes) {
        put(bad, bytes);
        const board::Status status = running.machine->load_snapshot(bad);
        if (status) loaded++;
        if (!status && (status.error().code != "BEELINE_E_SNAPSHOT" || status.error().remedy.empty())) unexplained++;
    };
    for (size_t i = 0; i < whole.size(); i++) {
        std::vector<uint8_t> bytes = whole;
        bytes[i] ^= static_cast<uint8_t>(1 + random() % 255);
        refuses(bytes);
    }
    for (size_t length = 0; length < whole.size(); length += 1 + random() % 32) refuses(std::span(whole).first(length));
    std::vector<uint8_t> longer = whole;
    longer.push_back(0);
    refuses(longer);
    check_equal(loaded, 0, fmt::format("of {} bytes each one counts", whole.size()));
    check_equal(unexplained, 0, "every refusal has a cause and a remedy");
    check(running.counts(), "the machine goes on");
    check(error_of(running.machine->load_snapshot(path)).empty(), "and loads what is whole");
    check(running.counts(), "and goes on");

    board::MachineConfig fresh = config();
    fresh.snapshot_path = bad;
    NoEvents events;
    check(!board::Machine::create(fresh, events), "no new machine comes of a damaged file");
}

void test_other_version() {
    const std::string path = folder / "version";
    Running running(config());
    check(error_of(running.machine->save_snapshot(path, {})).empty(), "it is saved");
    std::vector<uint8_t> bytes = contents(path);
    constexpr size_t kVersion = 8, kChecksum = 60;
    bytes[kVersion] = snapshot::kFormatVersion + 1;
    const uint32_t checksum = snapshot::crc32c(std::span(bytes).first(kChecksum));
    std::memcpy(bytes.data() + kChecksum, &checksum, sizeof checksum);
    put(path, bytes);
    check(error_of(running.machine->load_snapshot(path)).find("version 2") != std::string::npos, "another version");
    put(path, {});
    check(!error_of(running.machine->load_snapshot(path)).empty(), "an empty file");
    std::filesystem::remove(path);
    const board::Status missing = running.machine->load_snapshot(path);
    check(!missing && missing.error().code == "BEELINE_E_FILE_MISSING", "no file");
    const board::Status unwritable = running.machine->save_snapshot(folder / "nowhere" / "file", {});
    check(!unwritable && unwritable.error().code == "BEELINE_E_FILE_UNWRITABLE", "no folder");
    check(running.counts(), "the machine goes on");
}

void test_other_machine() {
    const std::string path = folder / "other";
    {
        Running running(config());
        check(error_of(running.machine->save_snapshot(path, {})).empty(), "it is saved");
    }
    NoEvents events;
    const auto code_of = [&](const std::function<void(board::MachineConfig&)>& change) {
        board::MachineConfig other = config();
        other.snapshot_path = path;
        change(other);
        const auto made = board::Machine::create(other, events);
        return made ? std::string() : made.error().code + " " + made.error().option;
    };
    check(code_of([](auto& other) { other.memory_bytes *= 2; }) == "BEELINE_E_MEMORY --memory", "other memory");
    check(code_of([](auto& other) { other.cpus = 1; }) == "BEELINE_E_CPUS --cpus", "other CPUs");
    check(code_of([](auto& other) { other.gic_version = 2; }) == "BEELINE_E_OPTION_VALUE --gic", "another GIC");
    check(code_of([](auto& other) { other.cpu_model = arm64::CpuModel::A57; }) == "BEELINE_E_OPTION_VALUE --cpu",
          "another model");
    check(code_of([](auto& other) { other.networks.emplace_back(); }) == "BEELINE_E_SNAPSHOT ", "another card");
    check(code_of([](auto&) {}).empty(), "the same machine");
}

/// A file that says of itself that it is right, and is not.
void test_liars() {
    const std::string path = folder / "honest", liar = folder / "liar";
    Running running(config());
    check(error_of(running.machine->save_snapshot(path, {})).empty(), "it is saved");
    snapshot::Failure failure;
    std::vector<uint8_t> state;
    constexpr snapshot::Part kState = 1;
    auto honest = snapshot::FileReader::open(path, failure);
    check(honest != nullptr && honest->read(kState, state, failure), "its state");
    constexpr snapshot::Part kDescription = 0;
    std::mt19937 random(11);
    for (int round = 0; round < 300; round++) {
        std::vector<uint8_t> bytes = state;
        for (unsigned changes = 1 + random() % 3; changes != 0; changes--)
            bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
        auto file = snapshot::FileWriter::create(liar, failure);
        check(file != nullptr && file->add(kDescription, {}, failure) && file->add(kState, bytes, failure) &&
                  file->commit(failure),
              "a file of lies");
        [[maybe_unused]] const board::Status any = running.machine->load_snapshot(liar);
    }
    check(error_of(running.machine->load_snapshot(path)).empty(), "what is right is loaded still");
    running.machine->pause();
    check(running.machine->cpu_state(0).has_value(), "and the machine answers");
}

void test_drives() {
    const std::string path = folder / "drives", disk = folder / "disk", base = folder / "base";
    for (const std::string& file : {disk, base}) put(file, std::vector<uint8_t>(1 << 20));
    board::MachineConfig with = config();
    with.drives.emplace_back().path = disk;
    with.drives.emplace_back().path = base;
    for (board::Drive& drive : with.drives) drive.format = block::Format::Raw;
    with.drives[1].snapshot = true;
    {
        Running running(with);
        check(error_of(running.machine->save_snapshot(path, {})).empty(), "it is saved");
    }
    with.snapshot_path = path;
    { check(Running(with).machine != nullptr, "the disks are as they were"); }
    std::this_thread::sleep_for(milliseconds(20));
    const int descriptor = open(disk.c_str(), O_WRONLY | O_CLOEXEC);
    check(pwrite(descriptor, "x", 1, 5000) == 1, "somebody writes to a disk");
    close(descriptor);
    NoEvents events;
    const auto made = board::Machine::create(with, events);
    check(!made && made.error().message.find("has changed since") != std::string::npos, "which is said");
}

} // namespace

int main() {
    folder = std::filesystem::temp_directory_path() / fmt::format("snapshot_file_test.{}", getpid());
    std::filesystem::create_directories(folder);
    test_goes_on();
    test_damage();
    test_other_version();
    test_other_machine();
    test_liars();
    test_drives();
    std::filesystem::remove_all(folder);
    return report("snapshot file");
}
