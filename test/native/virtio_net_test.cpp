// The network card behind its registers, driven as Linux does and as nobody should.
#include "devices/virtio/virtio_net.h"
#include "virtio_driver.h"

#include <mutex>
#include <random>
#include <sys/eventfd.h>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using namespace beeline::devices::virtio;

namespace {

constexpr uint64_t kMergeable = 1 << 15, kGuestChecksum = 1 << 1, kGuestTso4 = 1 << 7;
constexpr unsigned kReceive = 0, kTransmit = 1;
constexpr uint64_t kHeader = 12;

using Frame = std::vector<uint8_t>;

/// Keeps what the guest sends, and sends to it what the test says.
class FakeNetwork final : public net::Network {
public:
    ~FakeNetwork() override { close(event_); }
    void set_offloads(net::Offloads) override {}
    int prepare(std::vector<pollfd>& descriptors, bool receiving) override {
        if (receiving) descriptors.push_back({event_, POLLIN, 0});
        return -1;
    }
    void serve(std::span<const pollfd> polled) override {
        if (polled.empty() || polled[0].revents == 0) return;
        uint64_t count = 0;
        if (read(event_, &count, sizeof count) < 0) return;
        std::vector<Frame> frames;
        {
            const std::lock_guard guard(lock_);
            frames.swap(outgoing_);
        }
        for (const Frame& frame : frames) receiver().receive({.flags = 2}, frame);
    }
    void send(const net::FrameHeader& header, std::span<uint8_t> frame) override {
        const std::lock_guard guard(lock_);
        headers_.push_back(header);
        sent_.emplace_back(frame.begin(), frame.end());
    }
    void finish() override {}

    void inject(std::vector<Frame> frames) {
        {
            const std::lock_guard guard(lock_);
            outgoing_ = std::move(frames);
        }
        const uint64_t one = 1;
        check(write(event_, &one, sizeof one) == sizeof one, "injected");
    }
    std::vector<Frame> sent() {
        const std::lock_guard guard(lock_);
        return sent_;
    }
    net::FrameHeader header(size_t number) {
        const std::lock_guard guard(lock_);
        return headers_[number];
    }

private:
    const int event_ = eventfd(0, EFD_NONBLOCK);
    std::mutex lock_;
    std::vector<Frame> outgoing_, sent_;
    std::vector<net::FrameHeader> headers_;
};

struct Machine : DriverSide {
    FakeNetwork* network = new FakeNetwork;
    VirtioNet device{std::unique_ptr<net::Network>(network), {0x52, 0x54, 0, 1, 2, 3}, ram};
    DriverQueue receive{ram, 16, 0x1000}, transmit{ram, 16, 0x2000};

    Machine() { plug(device); }
    ~Machine() { device.stop(); }
    void set_up(uint64_t features = kVersion1 | kMergeable) { DriverSide::set_up(features, {&receive, &transmit}); }
    /// A receive buffer number N of `length` bytes, at 0x20000 + N * 0x1000.
    void give(uint16_t number, uint32_t length) {
        receive.describe(number, Ram::address(buffer(number)), length, DriverQueue::kWrite);
        receive.offer(number);
    }
    static uint64_t buffer(uint16_t number) { return 0x20000 + number * 0x1000; }
    uint16_t buffers(uint16_t number) {
        uint16_t count = 0;
        std::memcpy(&count, ram.bytes(buffer(number) + 10), 2);
        return count;
    }
};

Frame pattern(size_t length) {
    Frame frame(length);
    for (size_t i = 0; i < length; i++) frame[i] = static_cast<uint8_t>(i * 7 + length);
    return frame;
}

void registers() {
    Machine m;
    check_equal(m.read(8), 1, "a network card");
    check_equal(m.features() & (kVersion1 | kMergeable | kGuestChecksum | kGuestTso4 | 1 << 5),
                kVersion1 | kMergeable | kGuestChecksum | kGuestTso4 | 1 << 5, "features");
    check(m.read(0x100) == 0x01005452 && m.read(0x104, 2) == 0x0302, "its address");
    check_equal(m.read(0x106, 2), 1, "the link is up");
    check(m.device.mac() == net::MacAddress{0x52, 0x54, 0, 1, 2, 3} && m.device.link_up(), "and as the host sees it");
}

void link() {
    Machine m;
    m.set_up();
    const Frame frame = pattern(100);
    const auto send = [&](uint16_t number) {
        std::memset(m.ram.bytes(0x8000), 0, kHeader);
        std::memcpy(m.ram.bytes(0x8000 + kHeader), frame.data(), frame.size());
        m.transmit.describe(number, Ram::address(0x8000), kHeader + 100, 0);
        m.transmit.offer(number);
        m.notify(kTransmit);
        check(Machine::wait([&] { return m.transmit.used_index() == number + 1; }), "the buffer comes back");
    };
    const auto set_link = [&](bool up) {
        const std::lock_guard guard(m.lock);
        m.device.set_link(up);
    };
    set_link(false);
    check_equal(m.read(0x106, 2), 0, "the driver reads that it is down");
    check_equal(m.read(0x60) & 2, 2, "and is told by an interrupt");
    m.give(0, 1000);
    m.notify(kReceive);
    m.network->inject({frame});
    // Two turns of the device's thread: what was injected has come by then.
    send(0);
    send(1);
    set_link(true);
    check_equal(m.read(0x106, 2), 1, "it is up again");
    m.network->inject({pattern(200)});
    check(Machine::wait([&] { return m.receive.used_index() == 1; }), "a frame comes");
    check_equal(m.receive.used_length(0), kHeader + 200, "those of before are lost");
    send(2);
    check_equal(m.network->sent().size(), 1, "in the other direction too");
}

void sending() {
    Machine m;
    m.set_up();
    const Frame frame = pattern(1000);
    const net::FrameHeader header{.flags = 1, .checksum_start = 34, .checksum_offset = 16};
    std::memcpy(m.ram.bytes(0x8000), &header, sizeof header);
    std::memcpy(m.ram.bytes(0x8000 + kHeader), frame.data(), 100);
    std::memcpy(m.ram.bytes(0x9000), frame.data() + 100, 900);
    m.transmit.describe(0, Ram::address(0x8000), kHeader + 100, DriverQueue::kNext, 1);
    m.transmit.describe(1, Ram::address(0x9000), 900, 0);
    m.transmit.offer(0);
    m.notify(kTransmit);
    check(m.wait([&] { return m.network->sent().size() == 1 && m.transmit.used_index() == 1; }), "sent");
    check(m.network->sent()[0] == frame, "as it was");
    check(m.network->header(0).flags == 1 && m.network->header(0).checksum_start == 34, "and its header");
    // Neither a frame: too short, too long
    m.transmit.describe(0, Ram::address(0x8000), kHeader + 13, 0);
    m.transmit.offer(0);
    m.transmit.describe(1, Ram::address(0x8000), kHeader + net::kLargestFrame + 1, 0);
    m.transmit.offer(1);
    m.transmit.describe(2, Ram::address(0x8000), kHeader + net::kLargestFrame, 0);
    m.transmit.offer(2);
    m.notify(kTransmit);
    check(m.wait([&] { return m.transmit.used_index() == 4; }), "buffers come back");
    check(m.network->sent().size() == 2 && m.network->sent()[1].size() == net::kLargestFrame, "the last of them went");
}

void receiving() {
    Machine m;
    m.set_up();
    for (uint16_t i = 0; i < 4; i++) m.give(i, 500);
    m.notify(kReceive);
    const Frame frame = pattern(1200);
    m.network->inject({frame, pattern(60)});
    check(m.wait([&] { return m.receive.used_index() == 4; }), "a frame in three buffers, another in one");
    check_equal(m.buffers(0), 3, "buffers of the first");
    check_equal(m.buffers(3), 1, "of the second");
    check(std::memcmp(m.ram.bytes(Machine::buffer(0) + kHeader), frame.data(), 488) == 0 &&
              std::memcmp(m.ram.bytes(Machine::buffer(1)), frame.data() + 488, 500) == 0 &&
              std::memcmp(m.ram.bytes(Machine::buffer(2)), frame.data() + 988, 212) == 0,
          "its bytes");
    check(m.receive.used_length(0) == 500 && m.receive.used_length(2) == 212, "lengths");
    check(m.wait([&] { return m.read(0x60) == 1; }), "an interrupt");
    // No room: it waits, and what comes later waits behind it.
    m.network->inject({frame});
    m.network->inject({frame, pattern(61)});
    m.give(0, 500);
    m.give(1, 500);
    m.notify(kReceive);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    check_equal(m.receive.used_index(), 4, "too little room yet");
    m.give(2, 500);
    m.give(3, 500);
    m.notify(kReceive);
    check(m.wait([&] { return m.receive.used_index() >= 7; }) && m.buffers(0) == 3, "delivered when there is");

    m.set_up(kVersion1);
    m.give(0, 100);
    m.give(1, 1600);
    m.notify(kReceive);
    m.network->inject({frame, frame});
    check(m.wait([&] { return m.receive.used_index() == 2; }), "without mergeable buffers");
    check(m.receive.used_length(0) == 0 && m.receive.used_length(1) == kHeader + 1200 && m.buffers(1) == 1,
          "a frame has one or none");
}

void breaches() {
    const auto breach = [](const char* what, unsigned queue, auto prepare) {
        Machine m;
        m.set_up();
        prepare(m);
        m.notify(queue);
        check(m.wait([&] { return m.needs_reset(); }), what);
        m.set_up();
        m.give(0, 1600);
        m.network->inject({pattern(100)});
        check(m.wait([&] { return m.receive.used_index() == 1; }), "in order after a reset");
    };
    breach("a frame that is to be written", kTransmit, [](Machine& m) {
        m.transmit.describe(0, Ram::kBase, 100, DriverQueue::kWrite);
        m.transmit.offer(0);
    });
    breach("half a header", kTransmit, [](Machine& m) {
        m.transmit.describe(0, Ram::kBase, 11, 0);
        m.transmit.offer(0);
    });
    breach("room that is to be read", kReceive, [](Machine& m) {
        m.receive.describe(0, Ram::kBase, 100, 0);
        m.receive.offer(0);
        m.network->inject({pattern(100)});
    });
    breach("room without any for a header", kReceive, [](Machine& m) {
        m.receive.describe(0, Ram::kBase, 11, DriverQueue::kWrite);
        m.receive.offer(0);
        m.network->inject({pattern(100)});
    });
}

/// Whatever is written wherever, the card answers and can be reset; the network behind it is the real one.
void fuzz() {
    std::mt19937_64 random(11);
    struct Fuzzed : DriverSide {
        net::NetworkFailure failure;
        VirtioNet device{net::open_network({}, failure), {0x52, 0x54, 0, 1, 2, 3}, ram};
        DriverQueue receive{ram, 16, 0x1000}, transmit{ram, 16, 0x2000};
        Fuzzed() { plug(device); }
        ~Fuzzed() { device.stop(); }
    } m;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    unsigned rounds = 0;
    // What libslirp looks at: Ethernet, ARP, IP, UDP and TCP headers with something wrong in them.
    const uint8_t start[] = {0x52, 0x55, 10, 0, 2,  2, 0x52, 0x54, 0,  1, 2, 3,  8,  0, 0x45, 0, 0,  40,
                             0,    1,    0,  0, 64, 6, 0,    0,    10, 0, 2, 15, 10, 0, 2,    2, 10, 0};
    while (std::chrono::steady_clock::now() < until) {
        rounds++;
        m.set_up(kVersion1 | (random() % 2) << 29 | (random() % 2) << 28 | (random() % 2) << 15 |
                     (random() % 2 ? kGuestChecksum | kGuestTso4 : 0),
                 {&m.receive, &m.transmit});
        for (unsigned i = 0; i < 60; i++) {
            const uint64_t bits = random();
            switch (bits & 15) {
            case 0: m.write(bits >> 8 & 0x1FC, static_cast<uint32_t>(random())); break;
            case 1: m.transmit.set_available_index(static_cast<uint16_t>(bits >> 8)); break;
            case 2: *m.ram.bytes(0x1000 + random() % 0x2000) = static_cast<uint8_t>(random()); break;
            case 3:
            case 4:
                m.receive.describe(bits >> 8 & 15, Ram::address(0x10000 + (bits >> 12 & 0xFFFF)), bits >> 30 & 0xFFF,
                                   DriverQueue::kWrite);
                m.receive.offer(bits >> 8 & 15);
                break;
            default: {
                uint8_t* header = m.ram.bytes(0x8000);
                for (unsigned at = 0; at < 0x600; at += 8) {
                    const uint64_t word = random();
                    std::memcpy(header + at, &word, 8);
                }
                if ((bits >> 8 & 3) != 0) std::memset(header, 0, kHeader);
                std::memcpy(header + kHeader, start, sizeof start);
                const uint16_t types[] = {0x0008, 0x0608, 0xDD86, 0x0008};
                std::memcpy(header + kHeader + 12, &types[bits >> 10 & 3], 2);
                header[kHeader + 23] = (bits >> 12 & 3) == 0 ? 6 : (bits >> 12 & 3) == 1 ? 17 : 1;
                for (unsigned changes = bits >> 16 & 3; changes != 0; changes--)
                    header[kHeader + random() % 60] = static_cast<uint8_t>(random());
                m.transmit.describe(0, Ram::address(0x8000), static_cast<uint32_t>(bits >> 20 & 0x7FF), 0);
                m.transmit.offer(0);
            }
            }
            m.notify(static_cast<uint32_t>(bits >> 60 & 1));
        }
    }
    m.set_up(kVersion1 | kMergeable, {&m.receive, &m.transmit});
    check_equal(m.read(0x70), 15, fmt::format("in order after {} rounds of nonsense", rounds));
}

} // namespace

int main() {
    registers();
    link();
    sending();
    receiving();
    breaches();
    fuzz();
    return report("virtio_net");
}
