// Timers, real-time clock, GPIO, flash, fw_cfg, empty virtio-mmio slots.
#include "board_support.h"
#include "devices/cfi_flash.h"
#include "devices/fw_cfg.h"
#include "devices/generic_timer.h"
#include "devices/pl031.h"
#include "devices/pl061.h"
#include "devices/virtio/virtio_mmio.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <vector>

using namespace beeline;
using namespace beeline::test;

namespace {

void sleep_ms(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

void virtual_clock() {
    devices::VirtualClock clock;
    check_equal(clock.now(), 0, "a new clock stands at 0");
    clock.thaw();
    sleep_ms(5);
    const uint64_t running = clock.now();
    check(running >= 5'000'000 && running < 60'000'000'000, "it runs in nanoseconds");
    clock.freeze();
    const uint64_t frozen = clock.now();
    sleep_ms(5);
    check_equal(clock.now(), frozen, "frozen, it stands");
    const auto before = std::chrono::steady_clock::now();
    clock.thaw();
    const uint64_t since = clock.now() - frozen;
    const auto outside = std::chrono::steady_clock::now() - before;
    check(std::chrono::nanoseconds(since) <= outside, "thawed, it goes on where it stood");
}

void timer_thread() {
    Time time;
    int first = 0, second = 0;
    std::chrono::steady_clock::time_point when;
    devices::TimerQueue::Id a, b;
    {
        const std::lock_guard guard(time.lock);
        a = time.queue.add([&] { first++; });
        b = time.queue.add([&] {
            second++;
            when = std::chrono::steady_clock::now();
        });
    }
    std::thread thread([&] { time.queue.serve(); });
    sleep_ms(10);
    const auto begin = std::chrono::steady_clock::now();
    {
        const std::lock_guard guard(time.lock);
        time.queue.arm(a, time.clock.now() + 60'000'000'000);
        time.queue.arm(b, time.clock.now() + 20'000'000); // Earlier than what the thread sleeps for
    }
    const auto served = [&](int count) {
        for (unsigned i = 0; i < 4000; i++) {
            {
                const std::lock_guard guard(time.lock);
                if (second >= count) return;
            }
            sleep_ms(5);
        }
    };
    served(1);
    {
        const std::lock_guard guard(time.lock);
        check(second == 1 && first == 0, "the earlier deadline is served, the later is not");
        check(when - begin >= std::chrono::milliseconds(20), "not before its time");
        time.clock.freeze();
        time.queue.clock_changed();
        time.queue.arm(b, time.clock.now() + 1'000'000);
    }
    sleep_ms(20);
    {
        const std::lock_guard guard(time.lock);
        check_equal(static_cast<uint64_t>(second), 1, "a frozen clock serves nothing");
        time.clock.thaw();
        time.queue.clock_changed();
    }
    served(2);
    {
        const std::lock_guard guard(time.lock);
        check_equal(static_cast<uint64_t>(second), 2, "a thawed one does");
    }
    time.queue.stop();
    thread.join();
}

/// A CPU that sleeps waits for its own deadlines itself.
void timers_handed_over() {
    constexpr uint64_t kMillisecond = 1'000'000;
    Time time;
    int own = 0, other = 0;
    devices::TimerQueue::Id mine, theirs;
    const auto count = [&](int& which) {
        const std::lock_guard guard(time.lock);
        return which;
    };
    {
        const std::lock_guard guard(time.lock);
        mine = time.queue.add([&] { own++; }, 3);
        theirs = time.queue.add([&] { other++; }, 4);
    }
    std::thread thread([&] { time.queue.serve(); });
    const auto until = [&](int& which) {
        for (unsigned i = 0; i < 4000 && count(which) == 0; i++) sleep_ms(1);
    };
    {
        const std::lock_guard guard(time.lock);
        const uint64_t now = time.clock.now();
        time.queue.arm(mine, now + 2 * kMillisecond);
        time.queue.arm(theirs, now + 4 * kMillisecond);
        check(time.queue.hand_over(3) == time.clock.host_time(now + 2 * kMillisecond), "who sleeps is told when");
        check(time.queue.hand_over(5) == devices::VirtualClock::HostTime::max(),
              "or that there is nothing to wait for");
    }
    until(other);
    sleep_ms(2);
    {
        const std::lock_guard guard(time.lock);
        check(other == 1 && own == 0, "what was handed over is not served");
        time.queue.take_back(3);
        check_equal(static_cast<uint64_t>(own), 1, "what is due expires when it is taken back");
        own = 0;
        time.queue.arm(mine, time.clock.now() + 5 * kMillisecond);
        time.queue.hand_over(3);
        time.queue.take_back(3);
        check_equal(static_cast<uint64_t>(own), 0, "what is not due yet does not");
    }
    until(own);
    check_equal(static_cast<uint64_t>(count(own)), 1, "it is served again after that");
    time.queue.stop();
    thread.join();
}

void generic_timers() {
    using Which = devices::GenericTimers::Which;
    Time time;
    RecordingSink sink;
    devices::GenericTimers timers(2, time.clock, time.queue, sink);
    auto& level = sink.ppis[{1, 27}];
    timers.update(1, Which::Virtual, {1, time.clock.ticks() + 62'500'000});
    check(!level, "virtual timer: a second ahead");
    timers.update(1, Which::Virtual, {1, 0});
    check(level, "virtual timer: in the past");
    timers.update(1, Which::Virtual, {3, 0});
    check(!level, "virtual timer: masked");
    timers.update(1, Which::Virtual, {0, 0});
    check(!level, "virtual timer: disabled");
    timers.update(1, Which::Virtual, {1, ~uint64_t{0}});
    check(!level, "virtual timer: the end of time");
    const uint64_t deadline = time.clock.ticks() + 62'500; // 1 ms
    timers.update(1, Which::Virtual, {1, deadline});
    time.queue.run_due();
    const bool early = level && time.clock.ticks() < deadline;
    sleep_ms(3);
    time.queue.run_due();
    check(!early && level, "virtual timer: on time");
    timers.update(0, Which::Physical, {1, 0});
    check((sink.ppis[{0, 30}]), "physical timer: PPI 30");
    timers.reset();
    check(!level && !(sink.ppis[{0, 30}]), "reset lowers the lines");
}

uint64_t fake_wall_clock = 1'700'000'000ull * 1'000'000'000;

void real_time_clock() {
    Time time;
    RecordingSink sink;
    devices::Pl031 rtc({sink, 2}, time.queue, time.clock, [] { return fake_wall_clock; });
    const Registers r{rtc};
    check_equal(r.read(0), 1'700'000'000, "RTCDR is the host's time");
    check_equal(r.read(0x0C), 1, "RTCCR: running");
    r.write(0x08, 1'000);
    check_equal(r.read(0), 1'000, "RTCLR sets it");
    fake_wall_clock += 5'000'000'000;
    check_equal(r.read(0), 1'005, "and it goes on from there");
    r.write(0x10, 1);
    r.write(0x04, 1'005);
    check(sink.spis[2], "the alarm rings at its second");
    check_equal(r.read(0x18), 1, "RTCMIS");
    r.write(0x1C, 1);
    check(!sink.spis[2], "RTCICR silences it");
    r.write(0x04, 1'006);
    check(!sink.spis[2], "an alarm ahead is silent");
    check_equal(r.read(0xFE0), 0x31, "PrimeCell id");
    rtc.reset();
    check_equal(r.read(0), 1'005, "the time survives a reset");
}

void gpio() {
    RecordingSink sink;
    devices::Pl061 gpio({sink, 7});
    const Registers r{gpio};
    constexpr uint64_t kDir = 0x400, kIs = 0x404, kIbe = 0x408, kIev = 0x40C, kIe = 0x410, kRis = 0x414, kMis = 0x418,
                       kIc = 0x41C;
    r.write(kIbe, 8);
    r.write(kIe, 8);
    gpio.set_input(3, true);
    check(sink.spis[7], "pressing the button interrupts");
    check_equal(r.read(0x3FC), 8, "data");
    check_equal(r.read(8 << 2), 8, "the address selects the line");
    check_equal(r.read(4 << 2), 0, "and hides the others");
    r.write(kIc, 8);
    check(!sink.spis[7], "cleared");
    gpio.set_input(3, false);
    check(sink.spis[7], "letting go interrupts as well: both edges");
    r.write(kIc, 0xFF);
    r.write(kIbe, 0);
    r.write(kIev, 8);
    gpio.set_input(3, true);
    check_equal(r.read(kMis), 8, "rising edge only");
    r.write(kIc, 8);
    gpio.set_input(3, false);
    check_equal(r.read(kRis), 0, "not falling");
    r.write(kIs, 8);
    gpio.set_input(3, true);
    r.write(kIc, 8);
    check(sink.spis[7], "a level interrupt follows its line");
    gpio.set_input(3, false);
    check(!sink.spis[7], "down too");
    r.write(kDir, 0xF0);
    r.write(0x3FC, 0xFF);
    check_equal(r.read(0x3FC), 0xF0, "outputs hold what was written, inputs do not");
    check_equal(r.read(0xFE0), 0x61, "PrimeCell id");
}

void flash_store() {
    auto owned = std::make_unique<devices::CfiFlash>();
    devices::CfiFlash& flash = *owned;
    if (!check(flash.usable(), "flash memory")) return;
    const Registers r{flash};
    constexpr uint64_t kBlock = devices::CfiFlash::kBlockSize;
    std::vector<uint8_t> kept(4 * kBlock, 0xFF);
    unsigned changes = 0;
    flash.set_store([&](uint64_t offset, std::span<const uint8_t> bytes) {
        changes++;
        if (offset + bytes.size() > kept.size()) return false;
        std::copy(bytes.begin(), bytes.end(), kept.begin() + static_cast<std::ptrdiff_t>(offset));
        return true;
    });
    const auto equal = [&] { return std::memcmp(kept.data(), flash.data(), kept.size()) == 0; };

    r.write(kBlock + 8, 0x00400040);
    r.write(kBlock + 8, 0x12345678);
    check(changes == 1 && equal(), "a word is kept");
    r.write(kBlock, 0x00E800E8);
    r.write(kBlock, 0x00020002);
    for (const uint64_t offset : {uint64_t{0x20}, uint64_t{0x10}, uint64_t{0x100}}) r.write(kBlock + offset, offset);
    r.write(kBlock, 0x00D000D0);
    check(changes == 2 && equal(), "a buffer is kept at once");
    r.write(kBlock, 0x00200020);
    r.write(kBlock, 0x00D000D0);
    check(changes == 3 && equal(), "an erased block is kept");
    check_equal(r.read(0) & 0xFF, 0x80, "no error so far");

    r.write(4 * kBlock, 0x00400040);
    r.write(4 * kBlock, 0);
    check_equal(r.read(0) & 0xFF, 0x90, "what cannot be kept is a program error");
    r.write(0, 0x00500050);
    r.write(4 * kBlock, 0x00200020);
    r.write(4 * kBlock, 0x00D000D0);
    check_equal(r.read(0) & 0xFF, 0xA0, "... or an erase error");
}

void flash() {
    auto owned = std::make_unique<devices::CfiFlash>();
    devices::CfiFlash& flash = *owned;
    if (!check(flash.usable(), "flash memory")) return;
    const Registers r{flash};
    constexpr uint64_t kBlock = devices::CfiFlash::kBlockSize;
    check_equal(r.read(0), 0xFFFFFFFF, "erased");
    check(flash.array_mode(), "array mode after reset");

    r.write(0x55 * 4, 0x00980098);
    check(!flash.array_mode(), "query mode");
    check(r.read(0x10 * 4) == ('Q' | 'Q' << 16) && r.read(0x11 * 4) == ('R' | 'R' << 16) &&
              r.read(0x12 * 4) == ('Y' | 'Y' << 16),
          "QRY, from both devices");
    check_equal(r.read(0x27 * 4) & 0xFF, 25, "each device has 32 MiB");
    const uint64_t blocks = (r.read(0x2D * 4) & 0xFF) + ((r.read(0x2E * 4) & 0xFF) << 8) + 1;
    const uint64_t block = ((r.read(0x2F * 4) & 0xFF) | (r.read(0x30 * 4) & 0xFF) << 8) * 256;
    check_equal(blocks * block * 2, devices::CfiFlash::kSize, "the regions add up");
    r.write(0, 0x00900090);
    check_equal(r.read(0), 0x00890089, "manufacturer");
    check_equal(r.read(4), 0x00180018, "device");
    r.write(0, 0x00FF00FF);

    r.write(kBlock + 8, 0x00400040);
    r.write(kBlock + 8, 0x12345678);
    check_equal(r.read(kBlock + 8), 0x00800080, "status after programming: ready");
    r.write(0, 0x00FF00FF);
    check_equal(r.read(kBlock + 8), 0x12345678, "programmed");
    r.write(kBlock + 8, 0x00100010);
    r.write(kBlock + 8, 0xFFFF0000);
    r.write(0, 0x00FF00FF);
    check_equal(r.read(kBlock + 8), 0x12340000, "programming only clears bits");

    r.write(kBlock + 8, 0x00200020);
    r.write(kBlock + 8, 0x00D000D0);
    r.write(0, 0x00FF00FF);
    check_equal(r.read(kBlock + 8), 0xFFFFFFFF, "erased again");
    uint32_t direct = 0;
    std::memcpy(&direct, flash.data() + kBlock + 8, 4);
    check_equal(direct, 0xFFFFFFFF, "seen directly too");

    r.write(kBlock, 0x00E800E8);
    check_equal(r.read(kBlock) & 0x80, 0x80, "buffer available");
    r.write(kBlock, 0x00030003);
    for (uint64_t i = 0; i < 4; i++) r.write(kBlock + i * 4, 0xA0A0A000 + i);
    r.write(kBlock, 0x00D000D0);
    check_equal(r.read(kBlock), 0x00800080, "buffered program is done");
    r.write(0, 0x00FF00FF);
    check_equal(r.read(kBlock + 12), 0xA0A0A003, "buffered words");

    r.write(0, 0x00200020);
    r.write(0, 0x00000000);
    check(r.read(0) & 0x30, "a bad sequence shows in the status");
    r.write(0, 0x00500050);
    check(flash.array_mode(), "clearing the status returns to the array");

    uint64_t random = 1;
    for (unsigned i = 0; i < 300'000; i++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        const uint64_t size = 1ull << (random >> 60 & 1) << (random >> 59 & 1);
        const uint64_t offset = (random >> 20) % devices::CfiFlash::kSize & ~(size - 1);
        static constexpr uint64_t kCommands[] = {0xE800E8, 0xD000D0, 0x200020, 0x400040,
                                                 0xFF00FF, 0x900090, 0x980098, 0x70070};
        // Stay within one block, so that this costs little memory.
        r.write(offset % kBlock, random >> 33 & 1 ? kCommands[random >> 40 & 7] : random >> 8,
                static_cast<unsigned>(size));
        r.read(offset, static_cast<unsigned>(size));
    }
    check(true, "hostile flash commands");
}

struct Memory final : devices::GuestMemoryAccess {
    uint8_t* span(uint64_t address, uint64_t length) override {
        return address >= 0x1000 && length <= bytes.size() && address - 0x1000 <= bytes.size() - length
                   ? bytes.data() + (address - 0x1000)
                   : nullptr;
    }
    std::vector<uint8_t> bytes = std::vector<uint8_t>(0x1000);
};

void fw_cfg() {
    Memory memory;
    devices::FwCfg device(memory);
    device.set16(devices::FwCfg::Key::NbCpus, 4);
    device.add_file("opt/b", {'b', 'b'});
    device.add_file("etc/a", {'a'});
    const Registers r{device};
    const auto select = [&](uint16_t key) { r.write(8, __builtin_bswap16(key), 2); };
    select(0);
    check_equal(r.read(0, 4), 'Q' | 'E' << 8 | 'M' << 16 | 'U' << 24, "signature");
    check_equal(r.read(0, 1), 0, "zeros past the end");
    select(1);
    check_equal(r.read(0, 4), 3, "traditional and DMA interfaces");
    select(5);
    check_equal(r.read(0, 2), 4, "number of CPUs");
    check_equal(r.read(0x10, 8), __builtin_bswap64(0x51454D5520434647), "DMA signature");
    check_equal(r.read(0x10, 4), __builtin_bswap32(0x51454D55), "DMA signature, first half");

    const auto dma = [&](uint32_t control, uint32_t length, uint64_t address) {
        const uint32_t words[4] = {__builtin_bswap32(control), __builtin_bswap32(length),
                                   __builtin_bswap32(static_cast<uint32_t>(address >> 32)),
                                   __builtin_bswap32(static_cast<uint32_t>(address))};
        std::memcpy(memory.bytes.data(), words, sizeof words);
        r.write(0x10, 0);
        r.write(0x14, __builtin_bswap32(0x1000));
        uint32_t result;
        std::memcpy(&result, memory.bytes.data(), 4);
        return __builtin_bswap32(result);
    };
    check_equal(dma(0x19 << 16 | 8 | 2, 4 + 64 * 2, 0x1100), 0, "directory by DMA");
    check_equal(memory.bytes[0x103], 2, "two files");
    check(std::string(reinterpret_cast<char*>(&memory.bytes[0x104 + 8])) == "etc/a", "sorted by name");
    const uint16_t key = static_cast<uint16_t>(memory.bytes[0x104 + 64 + 4] << 8 | memory.bytes[0x104 + 64 + 5]);
    select(key);
    check_equal(r.read(0, 2), 'b' | 'b' << 8, "a file by its selector");
    check_equal(dma(static_cast<uint32_t>(key) << 16 | 8 | 4, 1, 0), 0, "skip");
    check_equal(r.read(0, 1), 'b', "the byte behind");
    check_equal(dma(2, 0xFFFFFFFF, 0x1100), 1, "a target outside of memory is an error");
    check_equal(dma(16, 4, 0x1100), 1, "nothing can be written");
    r.write(0x10, ~0ull, 8);
    r.write(0x10, __builtin_bswap64(0x1FF8), 8);
    check(true, "requests outside of memory are ignored");
}

void virtio_slots() {
    devices::virtio::VirtioMmioSlots slots;
    const Registers r{slots};
    check_equal(r.read(0x200 * 31), 0x74726976, "magic");
    check_equal(r.read(0x200 * 31 + 4), 2, "version");
    check_equal(r.read(0x200 * 31 + 8), 0, "no device");
}

} // namespace

int main() {
    virtual_clock();
    timer_thread();
    timers_handed_over();
    generic_timers();
    real_time_clock();
    gpio();
    flash();
    flash_store();
    fw_cfg();
    virtio_slots();
    return report("devices_peripherals");
}
