// The block device behind its registers, driven as Linux does and as nobody should.
#include "block/disk.h"
#include "devices/virtio/virtio_blk.h"
#include "virtio_driver.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <random>

using namespace beeline;
using namespace beeline::test;
using namespace beeline::devices::virtio;

namespace {

constexpr uint64_t kDiskBytes = 1 << 20;

/// A disk in memory that fails when told to.
class MemoryImage final : public block::Image {
public:
    uint64_t size() const override { return kDiskBytes; }
    block::Extent map(uint64_t, uint64_t length, bool) override { return {.length = length}; }
    int read(uint64_t offset, block::Buffers buffers) override {
        for (const iovec& part : buffers) {
            std::memcpy(part.iov_base, bytes.data() + offset, part.iov_len);
            offset += part.iov_len;
        }
        return 0;
    }
    int write(uint64_t offset, block::Buffers buffers) override {
        if (const int error = failure.load(); error != 0) return error;
        for (const iovec& part : buffers) {
            std::memcpy(bytes.data() + offset, part.iov_base, part.iov_len);
            offset += part.iov_len;
        }
        return 0;
    }
    int write_zeroes(uint64_t offset, uint64_t length, bool) override {
        std::memset(bytes.data() + offset, 0, length);
        return 0;
    }
    int discard(uint64_t offset, uint64_t length) override { return write_zeroes(offset, length, true); }
    int flush_descriptor() const override { return -1; }
    int settle() override { return 0; }
    void append_files(std::vector<int>&) const override {}

    std::vector<uint8_t> bytes = std::vector<uint8_t>(kDiskBytes);
    std::atomic<int> failure{0};
};

struct Machine : DriverSide {
    MemoryImage* image = new MemoryImage;
    std::atomic<unsigned> no_space{0};
    VirtioBlk device;
    DriverQueue queue{ram, 16, 0x1000};

    explicit Machine(bool read_only = false, unsigned queues = 1)
        : device(std::make_unique<block::Disk>(std::unique_ptr<block::Image>(image), block::make_thread_engine(),
                                               "disk", read_only),
                 "serial-7", queues, ram, [this] { no_space++; }) {
        plug(device);
    }
    ~Machine() { device.stop(); }

    void set_up(uint64_t features) { DriverSide::set_up(features, {&queue}); }
    /// Header at 0x8000, data at 0x10000, status at 0x8100.
    void offer(uint32_t type, uint64_t sector, uint32_t out, uint32_t in) {
        const uint64_t header[2] = {type, sector};
        std::memcpy(ram.bytes(0x8000), header, 16);
        *ram.bytes(0x8100) = 0xEE;
        queue.describe(0, Ram::address(0x8000), 16, DriverQueue::kNext, 1);
        uint16_t last = 1;
        if (out != 0) queue.describe(last++, Ram::address(0x10000), out, DriverQueue::kNext, 2);
        if (in != 0) queue.describe(last++, Ram::address(0x10000), in, DriverQueue::kNext | DriverQueue::kWrite, 2);
        queue.describe(last, Ram::address(0x8100), 1, DriverQueue::kWrite);
        queue.offer(0);
        write(0x50, 0);
    }
    /// The status byte.
    unsigned request(uint32_t type, uint64_t sector, uint32_t out, uint32_t in) {
        const uint16_t before = queue.used_index();
        offer(type, sector, out, in);
        check(wait([&] { return queue.used_index() != before; }), "an answer");
        return *ram.bytes(0x8100);
    }
};

void registers() {
    Machine m(false, 3);
    check_equal(m.read(0), 0x74726976, "magic");
    check_equal(m.read(4), 2, "version");
    check_equal(m.read(8), 2, "a block device");
    check_equal(m.features() & (kVersion1 | 1 << 9 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 5),
                kVersion1 | 1 << 9 | 1 << 12 | 1 << 13 | 1 << 14, "features");
    check_equal(m.read(0x100), kDiskBytes / 512, "capacity");
    check_equal(m.read(0x122, 2), 3, "queues");
    check_equal(m.read(0x100 + 60), 0, "behind the configuration");
    check_equal(m.read(0x34), 256, "largest queue");
    m.write(0x30, 3);
    check_equal(m.read(0x34), 0, "no fourth queue");
    // A driver that takes what was not offered, or none of version 1
    m.write(0x70, 3);
    m.write(0x24, 0);
    m.write(0x20, 1 << 30);
    m.write(0x70, 11);
    check_equal(m.read(0x70), 3, "features refused");
    m.write(0x70, 0);
    m.write(0x70, 11);
    check_equal(m.read(0x70), 3, "a legacy driver refused");
    Machine read_only(true);
    check_equal(read_only.features() & (1 << 5 | 1 << 13 | 1 << 14), 1 << 5, "read-only");
}

void requests() {
    Machine m;
    m.set_up(kVersion1);
    check_equal(m.read(0x70), 15, "driving");
    std::memset(m.ram.bytes(0x10000), 'a', 4096);
    check_equal(m.request(1, 8, 4096, 0), 0, "write");
    check(m.wait([&] { return m.read(0x60) == 1; }) && m.sink.spis[5], "its interrupt");
    m.write(0x64, 1);
    check(m.read(0x60) == 0 && !m.sink.spis[5], "acknowledged");
    check(m.image->bytes[4096] == 'a' && m.image->bytes[8191] == 'a' && m.image->bytes[8192] == 0, "what was written");
    std::memset(m.ram.bytes(0x10000), 0, 4096);
    check_equal(m.request(0, 8, 0, 4096), 0, "read");
    check(*m.ram.bytes(0x10FFF) == 'a', "what was read");
    check_equal(m.queue.used_length(1), 4097, "length");
    check_equal(m.request(4, 0, 0, 0), 0, "flush");
    check_equal(m.request(8, 0, 0, 20), 0, "serial number");
    check(std::memcmp(m.ram.bytes(0x10000), "serial-7\0", 9) == 0, "which");
    const uint32_t range[4] = {9, 0, 1, 1};
    std::memcpy(m.ram.bytes(0x10000), range, 16);
    check_equal(m.request(13, 0, 16, 0), 0, "write zeroes");
    check(m.image->bytes[9 * 512] == 0 && m.image->bytes[8 * 512] == 'a', "which");
    check_equal(m.request(11, 0, 16, 0), 2, "discard with a flag that it does not have");
    *m.ram.bytes(0x1000C) = 0;
    check_equal(m.request(11, 0, 16, 0), 0, "discard");

    check_equal(m.request(99, 0, 0, 0), 2, "an unknown request");
    check_equal(m.request(0, kDiskBytes / 512 - 7, 0, 4096), 1, "across the end");
    check_equal(m.request(0, ~uint64_t{0}, 0, 512), 1, "far behind the end");
    check_equal(m.request(1, 0, 511, 0), 1, "part of a sector");
    const uint32_t far[4] = {kDiskBytes / 512, 0, 1, 0};
    std::memcpy(m.ram.bytes(0x10000), far, 16);
    check_equal(m.request(13, 0, 16, 0), 1, "zeroes behind the end");
    check_equal(m.request(13, 0, 8, 0), 1, "half a range");
    check_equal(m.read(0x70), 15, "still driving");
    Machine read_only(true);
    read_only.set_up(kVersion1);
    check_equal(read_only.request(1, 0, 512, 0), 1, "a write to a read-only disk");
}

void host_errors() {
    Machine m;
    m.set_up(kVersion1);
    m.image->failure = EIO;
    check_equal(m.request(1, 0, 512, 0), 1, "a host error is an I/O error");
    m.image->failure = ENOSPC;
    std::memset(m.ram.bytes(0x10000), 'n', 512);
    const uint16_t before = m.queue.used_index();
    m.offer(1, 0, 512, 0);
    check(m.wait([&] { return m.no_space == 1; }), "no space is told");
    check(m.queue.used_index() == before && *m.ram.bytes(0x8100) == 0xEE, "the request waits");
    m.device.retry();
    check(m.wait([&] { return m.no_space == 2; }), "still none");
    m.image->failure = 0;
    m.device.retry();
    check(m.wait([&] { return m.queue.used_index() != before; }) && *m.ram.bytes(0x8100) == 0, "done when there is");
    check(m.image->bytes[511] == 'n', "what was written");
    m.image->failure = ENOSPC;
    m.offer(1, 0, 512, 0);
    check(m.wait([&] { return m.no_space == 3; }), "no space again");
    m.set_up(kVersion1);
    m.image->failure = 0;
    check_equal(m.request(0, 0, 0, 512), 0, "a reset forgets what waits");
}

void breaches() {
    const auto breach = [](const char* what, auto prepare) {
        Machine m;
        m.set_up(kVersion1);
        prepare(m);
        m.write(0x50, 0);
        check(m.wait([&] { return (m.read(0x70) & 64) != 0 && m.read(0x60) == 2; }), what);
        m.write(0x50, 0);
        m.set_up(kVersion1);
        check_equal(m.request(4, 0, 0, 0), 0, "in order after a reset");
    };
    breach("a short header", [](Machine& m) {
        m.queue.describe(0, Ram::kBase, 15, DriverQueue::kNext, 1);
        m.queue.describe(1, Ram::kBase, 1, DriverQueue::kWrite);
        m.queue.offer(0);
    });
    breach("no room for the status", [](Machine& m) {
        m.queue.describe(0, Ram::kBase, 16, 0);
        m.queue.offer(0);
    });
    breach("a loop", [](Machine& m) {
        m.queue.describe(0, Ram::kBase, 16, DriverQueue::kNext, 0);
        m.queue.offer(0);
    });
    Machine m;
    m.set_up(0);
    check_equal(m.read(0x70) & 72, 64, "DRIVER_OK without features needs a reset");
}

/// Whatever is written wherever, the device answers and can be reset.
void fuzz() {
    std::mt19937_64 random(7);
    Machine m(false, 2);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    unsigned rounds = 0;
    while (std::chrono::steady_clock::now() < until) {
        rounds++;
        m.set_up(kVersion1 | (random() % 2) << 29 | (random() % 2) << 28);
        for (unsigned i = 0; i < 40; i++) {
            const uint64_t bits = random();
            switch (bits & 15) {
            case 0: m.write(bits >> 8 & 0x1FC, static_cast<uint32_t>(random())); break;
            case 1: m.write(bits >> 8 & 0x1FF, static_cast<uint32_t>(random()), 1 << (bits >> 20 & 3)); break;
            case 2: m.queue.set_available_index(static_cast<uint16_t>(bits >> 8)); break;
            case 3:
                for (unsigned at = 0; at < 0x400; at++)
                    *m.ram.bytes(0x1000 + random() % 0x400) = static_cast<uint8_t>(random());
                break;
            case 4: m.queue.offer(static_cast<uint16_t>(bits >> 8 & 31)); break;
            default: {
                const uint64_t header[2] = {bits >> 8 & 15, random() % 2200};
                std::memcpy(m.ram.bytes(0x8000), header, 16);
                m.queue.describe(0, Ram::address(0x8000), 16, DriverQueue::kNext, 1);
                m.queue.describe(1, Ram::address(bits >> 16 & 0xFFFFF), static_cast<uint32_t>(bits >> 36 & 0xFFFF),
                                 static_cast<uint16_t>(bits >> 52 & 7), static_cast<uint16_t>(bits >> 56 & 3));
                m.queue.describe(2, Ram::address(0x8100), 1, DriverQueue::kWrite);
                m.queue.offer(0);
            }
            }
            m.write(0x50, static_cast<uint32_t>(bits >> 60 & 1));
        }
    }
    m.set_up(kVersion1);
    check_equal(m.request(4, 0, 0, 0), 0, fmt::format("in order after {} rounds of nonsense", rounds));
}

} // namespace

int main() {
    registers();
    requests();
    host_errors();
    breaches();
    fuzz();
    return report("virtio_blk");
}
