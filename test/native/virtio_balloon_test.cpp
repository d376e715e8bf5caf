// The memory balloon behind its registers: pages that go back to the host, and numbers of pages that are none.
#include "devices/virtio/virtio_balloon.h"
#include "virtio_driver.h"

#include <algorithm>
#include <random>
#include <sys/mman.h>

using namespace beeline;
using namespace beeline::test;
using namespace beeline::devices::virtio;

namespace {

constexpr uint64_t kStatistics = 1 << 1, kDeflateOnOom = 1 << 2, kReporting = 1 << 5;
constexpr uint64_t kAll = kVersion1 | kStatistics | kDeflateOnOom | kReporting;
constexpr unsigned kInflate = 0, kDeflate = 1, kStatisticsQueue = 2, kReportingQueue = 3;

/// RAM as a machine has it, in which what was given back is zero. A gibibyte of addresses, of which a mebibyte is
/// there.
struct MappedRam final : devices::GuestMemoryAccess {
    uint8_t* bytes =
        static_cast<uint8_t*>(mmap(nullptr, Ram::kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ~MappedRam() override { munmap(bytes, Ram::kBytes); }
    uint8_t* span(uint64_t address, uint64_t length) override {
        if (address < Ram::kBase || length > Ram::kBytes || address - Ram::kBase > Ram::kBytes - length) return nullptr;
        return bytes + (address - Ram::kBase);
    }
};

/// Queues are in the driver's own RAM; the device sees that below, and mapped memory behind it.
struct Machine : DriverSide {
    struct Both final : devices::GuestMemoryAccess {
        Ram& queues;
        MappedRam pages;
        explicit Both(Ram& ram) : queues(ram) {}
        uint8_t* span(uint64_t address, uint64_t length) override {
            if (uint8_t* bytes = queues.span(address, length); bytes != nullptr) return bytes;
            return address < Ram::kBytes * 2 ? nullptr : pages.span(address - Ram::kBytes, length);
        }
    } both{ram};
    VirtioBalloon device{both};
    DriverQueue inflate{ram, 16, 0x1000}, deflate{ram, 16, 0x2000}, statistics{ram, 16, 0x3000},
        reporting{ram, 16, 0x4000};
    Machine() {
        plug(device);
        std::fill_n(both.pages.bytes, Ram::kBytes, uint8_t{0x55});
    }
    ~Machine() { device.stop(); }
    static uint32_t page(uint32_t number) {
        return static_cast<uint32_t>((Ram::kBase + Ram::kBytes) / VirtioBalloon::kPageBytes) + number;
    }
    void set_up(uint64_t features = kAll) {
        DriverSide::set_up(features, {&inflate, &deflate, &statistics, &reporting});
    }
    void offer(DriverQueue& queue, unsigned index, const std::vector<uint32_t>& words, uint16_t flags = 0) {
        std::memcpy(ram.bytes(0x10000), words.data(), words.size() * 4);
        queue.describe(0, Ram::address(0x10000), static_cast<uint32_t>(words.size() * 4), flags);
        const uint16_t before = queue.used_index();
        queue.offer(0);
        notify(index);
        check(wait([&] { return queue.used_index() != before; }), "taken");
    }
    bool zero(uint32_t number) {
        const uint8_t* first = both.pages.bytes + number * VirtioBalloon::kPageBytes;
        return std::all_of(first, first + VirtioBalloon::kPageBytes, [](uint8_t byte) { return byte == 0; });
    }
};

void pages() {
    Machine m;
    check_equal(m.read(8), 5, "a balloon");
    check_equal(m.features() & kAll, kAll, "features");
    m.set_up();
    {
        const std::lock_guard guard(m.lock);
        m.device.set_target(300);
    }
    check(m.read(0x100) == 300 && (m.read(0x60) & 2) != 0, "a target, and word of it");
    m.write(0x104, 7);
    {
        const std::lock_guard guard(m.lock);
        check_equal(m.device.actual(), 7, "what the driver says");
    }
    m.write(0x100, 1);
    check_equal(m.read(0x100), 300, "the target is not the driver's");
    m.offer(m.inflate, kInflate,
            {m.page(3), m.page(1), m.page(2), m.page(9), 0, ~0u, m.page(255), m.page(256), 0xFFFFF});
    for (const uint32_t number : {1u, 2u, 3u, 9u, 255u}) check(m.zero(number), "given up");
    for (const uint32_t number : {0u, 4u, 8u, 10u, 254u}) check(!m.zero(number), "kept");
    m.offer(m.deflate, kDeflate, {m.page(1)});
    check(!m.needs_reset(), "pages that are none mean nothing");

    m.reporting.describe(0, (Ram::kBase + Ram::kBytes) + 0x20000, 0x10000, DriverQueue::kWrite);
    m.reporting.offer(0);
    m.notify(kReportingQueue);
    check(m.wait([&] { return m.reporting.used_index() == 1; }) && m.zero(0x20) && m.zero(0x2F) && !m.zero(0x30),
          "free pages are given back");
}

void statistics() {
    Machine m;
    m.set_up();
    check(m.device.statistics().empty(), "nothing is known");
    // tag[2] value[8], twice: free and total memory
    const uint8_t bytes[] = {4, 0, 100, 0, 0, 0, 0, 0, 0, 0, 5, 0, 200, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1};
    std::memcpy(m.ram.bytes(0x10000), bytes, sizeof bytes);
    m.statistics.describe(0, Ram::address(0x10000), sizeof bytes, 0);
    m.statistics.offer(0);
    m.notify(kStatisticsQueue);
    check(m.wait([&] { return m.device.statistics().size() == 2; }), "told");
    check(m.device.statistics()[4] == 100 && m.device.statistics()[5] == 200, "as they are");
    check(m.wait([&] { return m.statistics.used_index() == 1; }), "the buffer comes back when they are wanted anew");
}

void fuzz() {
    std::mt19937_64 random(3);
    Machine m;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    unsigned rounds = 0;
    for (; std::chrono::steady_clock::now() < until; rounds++) {
        m.set_up(rounds % 2 == 0 ? kAll : kVersion1 | kReporting);
        for (unsigned i = 0; i < 40; i++) {
            DriverQueue* const queues[] = {&m.inflate, &m.deflate, &m.statistics, &m.reporting};
            const auto index = static_cast<unsigned>(random() % 4);
            const uint64_t where = random() % 4 == 0 ? random() : (Ram::kBase + Ram::kBytes) + random() % Ram::kBytes;
            queues[index]->describe(static_cast<uint16_t>(random() % 16), where,
                                    static_cast<uint32_t>(random() % 200000), static_cast<uint16_t>(random() % 4),
                                    static_cast<uint16_t>(random() % 20));
            queues[index]->offer(static_cast<uint16_t>(random() % 17));
            m.notify(static_cast<uint32_t>(random() % 5));
            if (random() % 8 == 0) m.device.statistics();
        }
    }
    m.set_up();
    m.offer(m.deflate, kDeflate, {0});
    fmt::print("{} rounds of nonsense\n", rounds);
}

} // namespace

int main() {
    pages();
    statistics();
    fuzz();
    return report("virtio_balloon");
}
