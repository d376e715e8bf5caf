// The entropy device behind its registers.
#include "devices/virtio/virtio_rng.h"
#include "virtio_driver.h"

#include <algorithm>
#include <random>

using namespace beeline;
using namespace beeline::test;
using namespace beeline::devices::virtio;

namespace {

struct Machine : DriverSide {
    VirtioRng device{ram};
    DriverQueue queue{ram, 16, 0x1000};

    Machine() { plug(device); }
    ~Machine() { device.stop(); }
    void set_up() { DriverSide::set_up(kVersion1, {&queue}); }
};

void bytes() {
    Machine m;
    check_equal(m.read(8), 4, "an entropy device");
    m.set_up();
    m.queue.describe(0, Ram::address(0x8000), 64, DriverQueue::kWrite | DriverQueue::kNext, 1);
    m.queue.describe(1, Ram::address(0x9000), 0x20000, DriverQueue::kWrite);
    m.queue.offer(0);
    m.notify(0);
    check(m.wait([&] { return m.queue.used_index() == 1; }), "an answer");
    check_equal(m.queue.used_length(0), 64 * 1024, "as much as there is at a time");
    check(m.wait([&] { return m.read(0x60) == 1; }), "an interrupt");
    const auto different = [&](uint64_t at) {
        return std::count_if(m.ram.bytes(at), m.ram.bytes(at) + 64, [](uint8_t byte) { return byte != 0; }) > 32;
    };
    check(different(0x8000) && different(0x9000) && different(0x9000 + 64 * 1024 - 128), "random bytes");
    check(!different(0x9000 + 64 * 1024), "and none behind them");
}

void breaches() {
    Machine m;
    m.set_up();
    m.queue.describe(0, Ram::address(0x8000), 64, 0);
    m.queue.offer(0);
    m.notify(0);
    check(m.wait([&] { return m.needs_reset() && m.read(0x60) == 2; }), "a buffer that cannot be written");
    m.set_up();
    m.queue.describe(0, Ram::address(0x8000), 16, DriverQueue::kWrite);
    // More than a turn's worth
    for (unsigned i = 0; i < 16; i++) m.queue.offer(0);
    m.notify(0);
    check(m.wait([&] { return m.queue.used_index() == 16; }), "in order after a reset");
    m.queue.set_available_index(100);
    m.notify(0);
    check(m.wait([&] { return m.needs_reset(); }), "more than the queue holds");
}

} // namespace

int main() {
    bytes();
    breaches();
    return report("virtio_rng");
}
