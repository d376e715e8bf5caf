// The state of every CPU and device goes into an archive and out of it again, whatever guests have made of it; and an
// archive that is not what was saved is refused or loaded, but never more than that.
#include "block/open.h"
#include "board/board.h"
#include "board_support.h"

#include <cstring>
#include <random>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;

namespace {

constexpr uint64_t kMemoryBytes = uint64_t{4} << 20;

struct NoSystem final : board::SystemControl {
    void guest_power_off() override {}
    void guest_reset() override {}
    void no_space(const std::string&) override {}
    void debugger_stopped() override {}
    void internal_error(std::string) override {}
    void exchange_serial() override {}
};

struct NoNetwork final : net::Network {
    void set_offloads(net::Offloads) override {}
    int prepare(std::vector<pollfd>&, bool) override { return -1; }
    void serve(std::span<const pollfd>) override {}
    void send(const net::FrameHeader&, std::span<uint8_t>) override {}
    void finish() override {}
};

std::unique_ptr<block::Disk> make_disk() {
    static const std::string path = fmt::format("/tmp/snapshot_state_test.{}", getpid());
    FILE* file = fopen(path.c_str(), "wb");
    if (file != nullptr) {
        [[maybe_unused]] const int result = ftruncate(fileno(file), 1 << 20);
        fclose(file);
    }
    block::OpenFailure failure;
    auto disk = block::open_disk({.path = path, .format = block::Format::Raw, .snapshot = true}, failure);
    unlink(path.c_str());
    return disk;
}

/// A board whose guest does what the test wants; no thread runs.
struct Subject {
    Subject(unsigned cpus, unsigned gic) : board({arm64::CpuModel::N1, cpus, gic, nullptr}, *memory, serial, system) {
        for (const board::DeviceBus bus : {board::DeviceBus::Mmio, board::DeviceBus::Pci}) {
            board.add_drive(make_disk(), "serial", bus);
            board.add_network(std::make_unique<NoNetwork>(), {2, 0, 0, 0, 0, 1}, bus);
        }
    }

    std::vector<uint8_t> save() {
        snapshot::Archive archive;
        board.exchange(archive);
        check(!archive.failed(), "saving: " + archive.failure());
        return archive.take();
    }
    /// False: it was refused.
    bool load(std::span<const uint8_t> bytes, std::string* why = nullptr) {
        snapshot::Archive archive(bytes);
        board.exchange(archive);
        if (why != nullptr) *why = archive.failure();
        return archive.complete();
    }

    std::unique_ptr<board::GuestMemory> memory = std::move(*board::GuestMemory::create(kMemoryBytes, 40));
    board::SerialPort serial{1 << 20, [] {}, [](unsigned) {}};
    NoSystem system;
    board::Board board;
};

using Random = std::mt19937_64;

uint64_t any_address(Random& random, unsigned gic) {
    const board::Region regions[] = {board::kFlash0,
                                     board::kFlash1,
                                     board::kGicDistributor,
                                     gic == 2 ? board::kGicV2CpuInterface : board::kGicIts,
                                     {board::kGicRedistributors, 0x4'0000},
                                     board::kUart,
                                     board::kRtc,
                                     board::kGpio,
                                     board::kFwCfg,
                                     board::kVirtioMmio,
                                     board::kVirtioMmio,
                                     {board::kPcieEcam.base, 5 << 15},
                                     {board::kPcieEcam.base, 5 << 15}};
    const board::Region& region = regions[random() % std::size(regions)];
    // Most of what a device has is at the beginning of a page.
    const uint64_t offset = random() % 4 == 0 ? random() : (random() & 0x1F000) | (random() & 0x3FF);
    return region.base + offset % region.size;
}

uint64_t any_value(Random& random) {
    switch (random() % 4) {
    case 0: return random() % 16;
    case 1: return uint64_t{1} << random() % 64;
    case 2: return board::kRamBase + (random() & (kMemoryBytes - 1) & ~uint64_t{0xFFF});
    default: return random();
    }
}

void disturb(Subject& subject, Random& random, unsigned gic) {
    const auto& cpus = subject.board.cpus();
    for (int i = 0; i < 4000; i++) {
        arm64::Vcpu& cpu = *cpus[random() % cpus.size()];
        const unsigned size = 1u << random() % 4;
        const uint64_t address = any_address(random, gic) & ~uint64_t{size - 1};
        uint64_t value = 0;
        if (random() % 8 == 0)
            subject.board.device_read(cpu, {address}, size, value);
        else if (random() % 8 == 0)
            subject.board.icc_write(cpu, static_cast<uint32_t>(0xC000 | random() % 0x1000), any_value(random));
        else
            subject.board.device_write(cpu, {address}, size, any_value(random));
    }
    for (const auto& cpu : cpus) {
        for (unsigned i = 0; i < arm64::kZeroRegister; i++) cpu->state.x[i] = random();
        cpu->state.x[arm64::kStackPointer] = random();
        cpu->state.pc = random();
        cpu->state.nzcv = static_cast<uint32_t>(random()) & arm64::nzcv::kMask;
        for (arm64::VReg& reg : cpu->state.v) reg.d[0] = random(), reg.d[1] = random();
        cpu->state.sys.tpidr_el0 = random();
        cpu->state.sys.cntv_ctl_el0 = random() % 4;
        cpu->state.sys.cntv_cval_el0 = random();
        subject.board.timer_changed(*cpu);
        if (random() % 2 != 0) cpu->set_event();
    }
    subject.board.press_power_button();
    subject.board.thaw_clock();
    usleep(1000);
    subject.board.freeze_clock();
}

/// What a guest finds at every place where reading changes little.
std::string readings(Subject& subject, unsigned gic) {
    Random random(7);
    std::string text;
    for (int i = 0; i < 3000; i++) {
        const uint64_t address = any_address(random, gic) & ~uint64_t{3};
        if (address >= board::kRtc.base && address < board::kRtc.end()) continue;
        uint64_t value = 0;
        subject.board.device_read(*subject.board.cpus()[0], {address}, 4, value);
        text += fmt::format("{:x}:{:x} ", address, value);
    }
    for (const auto& cpu : subject.board.cpus()) text += fmt::format("lines {} ", cpu->lines());
    return text;
}

void test_round_trip(unsigned gic, unsigned seed) {
    Random random(seed);
    Subject first(2, gic), second(2, gic);
    disturb(first, random, gic);
    disturb(second, random, gic);
    const std::vector<uint8_t> saved = first.save();
    std::string why;
    const bool loaded = second.load(saved, &why);
    if (!check(loaded, fmt::format("GICv{} seed {}: loading: {}", gic, seed, why))) return;
    check(second.save() == saved, fmt::format("GICv{} seed {}: the state is the same", gic, seed));

    std::memcpy(second.memory->span(board::kRamBase, kMemoryBytes), first.memory->span(board::kRamBase, kMemoryBytes),
                kMemoryBytes);
    first.board.settle();
    second.board.settle();
    for (const uint64_t base : {board::kFlash0.base, board::kFlash1.base})
        std::memcpy(second.board.flash().span(base, devices::CfiFlash::kSize),
                    first.board.flash().span(base, devices::CfiFlash::kSize), 1 << 20);
    check(readings(first, gic) == readings(second, gic), fmt::format("GICv{} seed {}: guests see the same", gic, seed));
}

/// Archives with bytes that were not saved so: whatever comes of it, the machine can load what is right.
void test_hostile(unsigned gic, unsigned seed) {
    Random random(seed);
    Subject subject(2, gic);
    disturb(subject, random, gic);
    const std::vector<uint8_t> saved = subject.save();
    unsigned refused = 0;
    constexpr unsigned kRounds = 3000;
    for (unsigned round = 0; round < kRounds; round++) {
        std::vector<uint8_t> bytes = saved;
        for (uint64_t changes = 1 + random() % 4; changes != 0; changes--)
            bytes[random() % bytes.size()] = static_cast<uint8_t>(random() % 2 == 0 ? random() : random() % 4);
        if (random() % 4 == 0) bytes.resize(random() % bytes.size());
        if (!subject.load(bytes)) refused++;
        subject.board.settle();
        if (round % 50 == 0) {
            disturb(subject, random, gic);
            readings(subject, gic);
        }
    }
    check(refused > kRounds / 4, fmt::format("GICv{}: {} of {} were refused", gic, refused, kRounds));
    check(subject.load(saved), "what is right is loaded still");
    check(subject.save() == saved, "and is as it was");
}

void test_other_machine() {
    Subject two(2, 3), one(1, 3), old(2, 2);
    const std::vector<uint8_t> saved = two.save();
    std::string why;
    check(!one.load(saved, &why) && !why.empty(), "another number of CPUs: " + why);
    check(!old.load(saved, &why) && !why.empty(), "another interrupt controller: " + why);
    for (size_t length = 0; length < saved.size(); length += 1 + length / 8)
        check(!two.load(std::span(saved).first(length)), "cut short");
}

} // namespace

int main() {
    for (const unsigned gic : {2u, 3u})
        for (unsigned seed = 1; seed <= 4; seed++) test_round_trip(gic, seed);
    for (const unsigned gic : {2u, 3u}) test_hostile(gic, 5);
    test_other_machine();
    return report("snapshot state");
}
