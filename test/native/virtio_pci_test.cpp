// The host bridge and virtio-pci, driven as Linux does and as nobody should: configuration space, base addresses,
// INTx, MSI-X, and the block device behind the transport.
#include "block/disk.h"
#include "devices/pci/host_bridge.h"
#include "devices/virtio/pci_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "virtio_driver.h"

#include <chrono>
#include <random>
#include <thread>

using namespace beeline;
using namespace beeline::test;
using namespace beeline::devices;
using devices::pci::HostBridge;

namespace {

constexpr unsigned kSlot = 3, kFirstSpi = 3;
constexpr uint64_t kLow = 0x1000'0000, kHigh = 0x80'0000'0000;

class MemoryImage final : public block::Image {
public:
    uint64_t size() const override { return bytes.size(); }
    block::Extent map(uint64_t, uint64_t length, bool) override { return {.length = length}; }
    int read(uint64_t offset, block::Buffers buffers) override {
        for (const iovec& part : buffers) {
            std::memcpy(part.iov_base, bytes.data() + offset, part.iov_len);
            offset += part.iov_len;
        }
        return 0;
    }
    int write(uint64_t, block::Buffers) override { return 0; }
    int write_zeroes(uint64_t, uint64_t, bool) override { return 0; }
    int discard(uint64_t, uint64_t) override { return 0; }
    int flush_descriptor() const override { return -1; }
    int settle() override { return 0; }
    void append_files(std::vector<int>&) const override {}

    std::vector<uint8_t> bytes = std::vector<uint8_t>(1 << 20, 0x5A);
};

struct RecordingMessages final : pci::MessageSink {
    void write_message(uint32_t requester, const pci::Message& message) override {
        last = {requester, message};
        count++;
    }
    struct {
        uint32_t requester;
        pci::Message message;
    } last{};
    unsigned count = 0;
};

/// Places of the structures, from the capabilities.
struct Structure {
    unsigned bar = 0, at = 0;
    uint32_t offset = 0, length = 0, multiplier = 0;
};

struct Machine {
    std::mutex lock;
    Ram ram;
    RecordingSink sink;
    RecordingMessages messages;
    HostBridge bridge{sink, kFirstSpi, messages, {kLow, kHigh}};
    virtio::VirtioBlk device{
        std::make_unique<block::Disk>(std::make_unique<MemoryImage>(), block::make_thread_engine(), "disk", false),
        "serial-7", 2, ram, [] {}};
    DriverQueue queue{ram, 16, 0x1000};
    Structure structures[6];
    unsigned msix = 0;

    Machine() {
        bridge.insert(kSlot, std::make_unique<virtio::PciTransport>(device, lock));
        check(device.start(), "the device's thread");
        for (unsigned at = configuration(0x34, 1); at != 0; at = configuration(at + 1, 1)) {
            if (configuration(at, 1) == 0x11) msix = at;
            if (configuration(at, 1) != 0x09) continue;
            structures[configuration(at + 3, 1) % 6] = {configuration(at + 4, 1), at, configuration(at + 8),
                                                        configuration(at + 12), configuration(at + 16)};
        }
    }
    ~Machine() { device.stop(); }

    uint32_t access(Device& target, uint64_t offset, unsigned size, bool write, uint32_t value) {
        const std::lock_guard guard(lock);
        uint64_t read = 0;
        if (write)
            target.write({offset, size, 0}, value);
        else
            target.read({offset, size, 0}, read);
        return static_cast<uint32_t>(read);
    }
    static uint64_t ecam(unsigned slot, unsigned offset) { return uint64_t{slot} << 15 | offset; }
    uint32_t configuration(unsigned offset, unsigned size = 4) {
        return access(bridge.configuration_space(), ecam(kSlot, offset), size, false, 0);
    }
    void configure(unsigned offset, uint32_t value, unsigned size = 4) {
        access(bridge.configuration_space(), ecam(kSlot, offset), size, true, value);
    }
    uint32_t low(uint64_t address, unsigned size = 4) {
        return access(bridge.low_memory(), address - kLow, size, false, 0);
    }
    void set_low(uint64_t address, uint32_t value, unsigned size = 4) {
        access(bridge.low_memory(), address - kLow, size, true, value);
    }
    uint32_t high(uint64_t address, unsigned size = 4) {
        return access(bridge.high_memory(), address - kHigh, size, false, 0);
    }
    void set_high(uint64_t address, uint32_t value, unsigned size = 4) {
        access(bridge.high_memory(), address - kHigh, size, true, value);
    }
    uint32_t common(unsigned offset, unsigned size) { return high(kHigh + structures[1].offset + offset, size); }
    void set_common(unsigned offset, uint32_t value, unsigned size) {
        set_high(kHigh + structures[1].offset + offset, value, size);
    }

    /// Base addresses 1 and 4 at the start of the windows, and decoding on.
    void place() {
        configure(0x14, kLow);
        configure(0x20, kHigh & 0xFFFF'FFFF);
        configure(0x24, kHigh >> 32);
        configure(4, 6, 2);
    }
    void drive_device(uint16_t vector = 0xFFFF) {
        set_common(0x14, 0, 1);
        set_common(0x14, 3, 1);
        set_common(0x08, 1, 4);
        set_common(0x0C, 1, 4); // VERSION_1
        set_common(0x14, 11, 1);
        queue.clear();
        const virtio::QueueLayout layout = queue.layout();
        set_common(0x16, 0, 2);
        set_common(0x18, layout.size, 2);
        set_common(0x1A, vector, 2);
        const uint64_t areas[] = {layout.descriptors, layout.driver_area, layout.device_area};
        for (unsigned i = 0; i < 3; i++) {
            set_common(0x20 + i * 8, static_cast<uint32_t>(areas[i]), 4);
            set_common(0x24 + i * 8, static_cast<uint32_t>(areas[i] >> 32), 4);
        }
        set_common(0x1C, 1, 2);
        set_common(0x14, 15, 1);
    }
    void read_sector() {
        std::memset(ram.bytes(0x8000), 0, 16);
        queue.describe(0, Ram::address(0x8000), 16, DriverQueue::kNext, 1);
        queue.describe(1, Ram::address(0x9000), 512, DriverQueue::kNext | DriverQueue::kWrite, 2);
        queue.describe(2, Ram::address(0xA000), 1, DriverQueue::kWrite);
        queue.offer(0);
        set_high(kHigh + structures[2].offset, 0, 2);
    }
    template <typename Condition> bool eventually(Condition condition) {
        for (unsigned i = 0; i < 2000; i++) {
            {
                const std::lock_guard guard(lock);
                if (condition()) return true;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return false;
    }
    bool interrupt() { return sink.spis[kFirstSpi + kSlot % 4]; }
};

void bus() {
    Machine m;
    Device& ecam = m.bridge.configuration_space();
    check_equal(m.access(ecam, 0, 4, false, 0), 0x0008'1B36, "the bridge is in slot 0");
    check_equal(m.access(ecam, 0x08, 4, false, 0), 0x0600'0000, "and is a host bridge");
    check_equal(m.access(ecam, Machine::ecam(1, 0), 4, false, 0), 0xFFFF'FFFF, "an empty slot");
    check_equal(m.access(ecam, Machine::ecam(kSlot, 0) | 1 << 12, 2, false, 0), 0xFFFF, "a function that is not there");
    check_equal(m.access(ecam, 1 << 20, 4, false, 0), 0xFFFF'FFFF, "a bus that is not there");
    check_equal(m.configuration(0), 0x1042'1AF4, "the block device");
    check_equal(m.configuration(0x08), 0x0100'0001, "its class and revision");
    check_equal(m.configuration(0x100), 0, "no extended capabilities");
    check_equal(m.configuration(0xE, 1), 0, "header type 0, one function");
    m.configure(0, 0);
    m.configure(8, 0);
    check_equal(m.configuration(0), 0x1042'1AF4, "identity is read-only");
    check_equal(m.access(m.bridge.ports(), 0, 2, false, 0), 0xFFFF, "no ports");
}

void base_addresses() {
    Machine m;
    for (const auto& [offset, size] : {std::pair{0x14u, 0xFFFF'F000u}, std::pair{0x20u, 0xFFFF'C00Cu}}) {
        m.configure(offset, 0xFFFF'FFFF);
        check_equal(m.configuration(offset), size, "a base address tells its size");
    }
    m.configure(0x24, 0xFFFF'FFFF);
    check_equal(m.configuration(0x24), 0xFFFF'FFFF, "the upper half of a 64-bit one");
    for (const unsigned offset : {0x10u, 0x18u, 0x1Cu, 0x30u}) {
        m.configure(offset, 0xFFFF'FFFF);
        check_equal(m.configuration(offset), 0, "no other base address");
    }
    m.configure(4, 2, 2); // Decoding at nonsense
    check_equal(m.high(kHigh), 0xFFFF'FFFF, "nobody answers");
    m.place();
    check_equal(m.common(0x12, 2), 2, "two queues");
    m.configure(0x20, 0x20'0000);
    check_equal(m.high(kHigh), 0xFFFF'FFFF, "moved away");
    check_equal(m.high(kHigh + 0x20'0012, 2), 2, "moved here");
    m.configure(0x20, 0x1000'4000);
    m.configure(0x24, 0);
    check_equal(m.low(0x1000'4012, 2), 2, "a 64-bit base address below 4 GiB");
    m.configure(4, 0, 2);
    check_equal(m.low(0x1000'4012, 2), 0xFFFF, "decoding off");
    check_equal(m.structures[1].length, 0x38, "common configuration");
    check_equal(m.structures[2].multiplier, 4, "notifications of queues apart");
}

void by_pin() {
    Machine m;
    m.place();
    m.drive_device();
    check_equal(m.common(0x14, 1), 15, "the driver drives");
    m.read_sector();
    check(m.eventually([&] { return m.interrupt(); }), "INTx rises");
    check_equal(*m.ram.bytes(0x9000), 0x5A, "what the disk holds");
    check_equal(m.configuration(6, 2) & 8, 8, "the status register shows it");
    m.configure(4, 0x406, 2);
    check(!m.interrupt(), "INTx disabled");
    m.configure(4, 6, 2);
    check(m.interrupt(), "and enabled again");
    check_equal(m.high(kHigh + m.structures[3].offset, 1), 1, "ISR: a queue");
    check(!m.interrupt(), "reading ISR lowers it");
    check_equal(m.high(kHigh + m.structures[3].offset, 1), 0, "and clears it");
    check_equal(m.messages.count, 0, "no message");

    m.configure(4, 2, 2); // Not a bus master
    m.read_sector();
    check(!m.eventually([&] { return m.queue.used_index() == 2; }), "no access to memory without bus mastering");
    m.configure(4, 6, 2);
    m.set_high(kHigh + m.structures[2].offset, 0, 2);
    check(m.eventually([&] { return m.queue.used_index() == 2; }), "with it there is");
    m.set_common(0x14, 0, 1);
    check_equal(m.common(0x14, 1), 0, "reset");
    check(!m.interrupt(), "lowers the pin");
}

void by_message() {
    Machine m;
    m.place();
    check_equal(m.configuration(m.msix + 2, 2), 2, "three vectors");
    check_equal(m.low(kLow + 12), 1, "masked at first");
    const auto vector = [&](unsigned n, uint64_t address, uint32_t data, uint32_t control) {
        m.set_low(kLow + n * 16, static_cast<uint32_t>(address));
        m.set_low(kLow + n * 16 + 4, static_cast<uint32_t>(address >> 32));
        m.set_low(kLow + n * 16 + 8, data);
        m.set_low(kLow + n * 16 + 12, control);
    };
    vector(1, 0x1'0809'0040, 77, 0);
    m.configure(m.msix + 2, 0xC000, 2); // Enabled, all masked
    m.set_common(0x10, 3, 2);
    check_equal(m.common(0x10, 2), 0xFFFF, "there is no vector 3");
    m.set_common(0x10, 2, 2);
    check_equal(m.common(0x10, 2), 2, "there is a vector 2");
    m.drive_device(1);
    m.read_sector();
    check(m.eventually([&] { return m.queue.used_index() == 1; }), "served");
    const auto pending = [&] {
        uint64_t bits = 0;
        m.bridge.low_memory().read({0x800, 4, 0}, bits);
        return bits == 2;
    };
    check(m.eventually(pending), "pending under the function's mask");
    m.configure(m.msix + 2, 0x8000, 2);
    check_equal(m.messages.count, 1, "the mask lifted, the message goes");
    check_equal(m.messages.last.requester, kSlot << 3, "its sender");
    check_equal(m.messages.last.message.address, 0x1'0809'0040, "its address");
    check_equal(m.messages.last.message.data, 77, "its data");
    check(!m.interrupt(), "no INTx beside");
    m.set_low(kLow + 16 + 12, 1);
    m.read_sector();
    check(m.eventually(pending), "pending under the vector's mask");
    m.configure(4, 2, 2);
    m.set_low(kLow + 16 + 12, 0);
    check_equal(m.messages.count, 1, "no message without bus mastering");
    m.configure(4, 6, 2);
    check_equal(m.messages.count, 2, "with it there is");
}

void through_configuration_space() {
    Machine m;
    const unsigned at = m.structures[5].at;
    const auto point = [&](unsigned bar, uint32_t offset, uint32_t length) {
        m.configure(at + 4, bar, 1);
        m.configure(at + 8, offset);
        m.configure(at + 12, length);
    };
    point(4, 0x12, 2);
    check_equal(m.configuration(at + 16, 2), 2, "the number of queues");
    point(4, 0x16, 2);
    m.configure(at + 16, 1, 2);
    point(4, 0x1E, 2);
    check_equal(m.configuration(at + 16), 1, "the selected queue's notification");
    for (const auto& [bar, offset, length] :
         {std::array<uint32_t, 3>{0, 0, 4}, {9, 0, 4}, {4, 0x4000, 4}, {4, 0xFFFF'FFFC, 4}, {4, 1, 2}, {4, 0, 3}}) {
        point(bar, offset, length);
        m.configure(at + 16, 0xAB);
        check_equal(m.configuration(at + 16), 0xAB, "an access that cannot be made");
    }
}

/// Whatever the guest writes anywhere, nothing but the guest suffers.
void hostile() {
    Machine m;
    std::mt19937_64 random(7);
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < std::chrono::seconds(2)) {
        const unsigned size = 1u << random() % 3;
        const auto value = static_cast<uint32_t>(random() % 4 == 0 ? ~uint64_t{0} : random() >> random() % 32);
        const uint64_t offset = (random() % 0x4800) & ~uint64_t{size - 1};
        const bool write = random() % 4 != 0;
        switch (random() % 6) {
        case 0: m.access(m.bridge.configuration_space(), Machine::ecam(kSlot, offset % 256), size, write, value); break;
        case 1: m.access(m.bridge.configuration_space(), random() % (1 << 24) & ~3, 4, write, value); break;
        case 2: m.place(); break;
        case 3: m.access(m.bridge.low_memory(), offset, size, write, value); break;
        case 4: m.access(m.bridge.high_memory(), offset, size, write, value); break;
        case 5:
            m.place();
            if (random() % 64 == 0) m.drive_device(static_cast<uint16_t>(random() % 4));
            break;
        }
    }
    const std::lock_guard guard(m.lock);
    m.bridge.configuration_space().reset();
}

} // namespace

int main() {
    bus();
    base_addresses();
    by_pin();
    by_message();
    through_configuration_space();
    hostile();
    return report("virtio_pci");
}
