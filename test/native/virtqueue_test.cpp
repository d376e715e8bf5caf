// Virtqueues as a well-behaved driver fills them, and as hostile ones do.
#include "devices/virtio/virtqueue.h"
#include "virtio_driver.h"

#include <cstring>
#include <random>

using namespace beeline;
using namespace beeline::test;
using devices::virtio::Chain;
using devices::virtio::Virtqueue;
using Pop = Virtqueue::Pop;

namespace {

struct Fixture {
    Ram ram;
    DriverQueue driver{ram, 8, 0x1000};
    Virtqueue queue{ram};
    explicit Fixture(bool event_index = false) { check(queue.enable(driver.layout(), event_index), "a queue in RAM"); }
    Pop pop() { return queue.pop(chain); }
    Chain chain;
};

void layouts() {
    Ram ram;
    DriverQueue driver{ram, 8, 0x1000};
    Virtqueue queue(ram);
    const devices::virtio::QueueLayout good = driver.layout();
    auto with = [&](auto change) {
        devices::virtio::QueueLayout layout = good;
        change(layout);
        return queue.enable(layout, false);
    };
    check(queue.enable(good, false), "the good layout");
    check(!with([](auto& l) { l.size = 0; }), "no entries");
    check(!with([](auto& l) { l.size = 7; }), "a size that is no power of two");
    check(!with([](auto& l) { l.size = 512; }), "a size that is too large");
    check(!with([](auto& l) { l.descriptors += 8; }), "misaligned descriptors");
    check(!with([](auto& l) { l.driver_area += 1; }), "a misaligned avail ring");
    check(!with([](auto& l) { l.device_area += 2; }), "a misaligned used ring");
    check(!with([](auto& l) { l.descriptors = Ram::kBase + Ram::kBytes - 16; }), "descriptors that leave RAM");
    check(!with([](auto& l) { l.driver_area = 0; }), "an avail ring outside of RAM");
    check(!with([](auto& l) { l.device_area = ~uint64_t{3}; }), "a used ring at the end of everything");
    check(!queue.enabled(), "unusable after a refusal");
}

void chains() {
    Fixture f;
    check(f.pop() == Pop::Empty, "nothing there");
    f.driver.describe(0, f.ram.address(0x8000), 16, DriverQueue::kNext, 3);
    f.driver.describe(3, f.ram.address(0x9000), 32, DriverQueue::kNext | DriverQueue::kWrite, 1);
    f.driver.describe(1, f.ram.address(0xA000), 1, DriverQueue::kWrite);
    f.driver.offer(0);
    check(f.pop() == Pop::Chain && f.chain.head == 0, "a chain");
    check(f.chain.readable.size() == 1 && f.chain.writable.size() == 2 && f.chain.writable[0].iov_len == 32 &&
              f.chain.writable[1].iov_base == f.ram.bytes(0xA000),
          "its buffers");
    check(f.pop() == Pop::Empty, "once");
    f.queue.push(0, 33);
    check_equal(f.driver.used_index(), 1, "used");
    check_equal(f.driver.used_length(0), 33, "length used");

    // An indirect table, its entries in another order
    f.driver.describe_at(0xB000, 0, f.ram.address(0x8000), 8, DriverQueue::kNext, 2);
    f.driver.describe_at(0xB000, 2, f.ram.address(0x9000), 8, DriverQueue::kWrite);
    f.driver.describe(5, f.ram.address(0xB000), 48, DriverQueue::kIndirect);
    f.driver.offer(5);
    check(f.pop() == Pop::Chain && f.chain.head == 5 && f.chain.readable.size() == 1 && f.chain.writable.size() == 1,
          "an indirect chain");
}

void hostile_chains() {
    const auto broken = [](const char* what, auto prepare) {
        Fixture f;
        prepare(f);
        f.driver.offer(0);
        check(f.pop() == Pop::Broken, what);
    };
    using Q = DriverQueue;
    const uint64_t at = Ram::kBase + 0x8000, end = Ram::kBase + Ram::kBytes;
    broken("a loop", [=](Fixture& f) {
        f.driver.describe(0, at, 8, Q::kNext, 1);
        f.driver.describe(1, at, 8, Q::kNext, 0);
    });
    broken("a loop of one", [=](Fixture& f) { f.driver.describe(0, at, 8, Q::kNext, 0); });
    broken("a next beyond the table", [=](Fixture& f) { f.driver.describe(0, at, 8, Q::kNext, 8); });
    broken("outside of RAM", [=](Fixture& f) { f.driver.describe(0, 0x9000000, 8, 0); });
    broken("across the end of RAM", [=](Fixture& f) { f.driver.describe(0, end - 8, 16, 0); });
    broken("around the end of addresses", [=](Fixture& f) { f.driver.describe(0, ~uint64_t{0} - 7, 16, 0); });
    broken("no length", [=](Fixture& f) { f.driver.describe(0, at, 0, 0); });
    broken("readable behind writable", [=](Fixture& f) {
        f.driver.describe(0, at, 8, Q::kNext | Q::kWrite, 1);
        f.driver.describe(1, at, 8, 0);
    });
    broken("an indirect table with more behind",
           [=](Fixture& f) { f.driver.describe(0, at, 16, Q::kIndirect | Q::kNext, 1); });
    broken("an indirect table of half an entry", [=](Fixture& f) { f.driver.describe(0, at, 24, Q::kIndirect); });
    broken("an indirect table of nothing", [=](Fixture& f) { f.driver.describe(0, at, 0, Q::kIndirect); });
    broken("an indirect table outside of RAM", [=](Fixture& f) { f.driver.describe(0, 64, 16, Q::kIndirect); });
    broken("a huge indirect table", [=](Fixture& f) { f.driver.describe(0, Ram::kBase, 16 * 2048, Q::kIndirect); });
    broken("indirect within indirect", [=](Fixture& f) {
        f.driver.describe_at(0x8000, 0, at, 16, Q::kIndirect);
        f.driver.describe(0, at, 16, Q::kIndirect);
    });
    broken("a loop in an indirect table", [=](Fixture& f) {
        f.driver.describe_at(0x8000, 0, at, 8, Q::kNext, 1);
        f.driver.describe_at(0x8000, 1, at, 8, Q::kNext, 0);
        f.driver.describe(0, at, 32, Q::kIndirect);
    });
    {
        Fixture f;
        f.driver.offer(8);
        check(f.pop() == Pop::Broken, "a head beyond the table");
    }
    {
        Fixture f;
        f.driver.set_available_index(9);
        check(f.pop() == Pop::Broken, "more available than there are");
    }
}

void notifications() {
    Fixture plain;
    plain.queue.suppress_notifications();
    check_equal(plain.driver.used_flags(), 1, "not to be told");
    check(!plain.queue.enable_notifications() && plain.driver.used_flags() == 0, "to be told");
    check(!plain.queue.interrupt_wanted(), "nothing was used");
    plain.queue.push(0, 0);
    check(plain.queue.interrupt_wanted() && !plain.queue.interrupt_wanted(), "one interrupt");
    plain.driver.set_available_flags(1);
    plain.queue.push(0, 0);
    check(!plain.queue.interrupt_wanted(), "no interrupt when not wanted");

    Fixture event(true);
    event.driver.set_used_event(1);
    event.queue.push(0, 0);
    check(!event.queue.interrupt_wanted(), "before the event");
    event.queue.push(0, 0);
    check(event.queue.interrupt_wanted(), "at the event");
    event.queue.push(0, 0);
    check(!event.queue.interrupt_wanted(), "behind the event");
    event.driver.describe(0, Ram::kBase, 8, 0);
    event.driver.offer(0);
    check(event.queue.enable_notifications(), "something came meanwhile");
    check(event.pop() == Pop::Chain && !event.queue.enable_notifications(), "and was taken");
    check_equal(event.driver.avail_event(), 1, "told from the next one on");
    // Around the end of the index
    event.driver.set_used_event(0xFFFF);
    for (unsigned i = 3; i < 0xFFFF; i++) event.queue.push(0, 0);
    check(!event.queue.interrupt_wanted(), "before the event at the end");
    event.queue.push(0, 0);
    check(event.queue.interrupt_wanted(), "at the end");
}

/// Whatever is in memory, each chain that comes out lies in RAM, and each call returns.
void fuzz() {
    std::mt19937_64 random(1);
    Fixture f;
    uint64_t taken = 0, broken = 0;
    for (unsigned round = 0; round < 200'000; round++) {
        for (unsigned i = 0; i < 8; i++) {
            const uint64_t bits = random();
            const uint64_t address = (bits & 7) == 0 ? random() : Ram::kBase + random() % (Ram::kBytes + 0x100);
            const auto length = static_cast<uint32_t>((bits & 0x70) == 0 ? random() : random() % 64);
            f.driver.describe(static_cast<uint16_t>(i), address, length, static_cast<uint16_t>(bits >> 8 & 7),
                              static_cast<uint16_t>(bits >> 16 & 15));
        }
        if (round % 16 == 0)
            f.driver.set_available_index(static_cast<uint16_t>(random()));
        else
            f.driver.offer(static_cast<uint16_t>(random() % 9));
        const Pop popped = f.pop();
        if (popped == Pop::Broken) {
            broken++;
            f.driver.clear();
            if (!f.queue.enable(f.driver.layout(), false)) check(false, "enabled again");
            continue;
        }
        if (popped == Pop::Empty) continue;
        taken++;
        for (const auto* list : {&f.chain.readable, &f.chain.writable})
            for (const iovec& buffer : *list)
                if (!f.ram.holds(buffer.iov_base, buffer.iov_len)) check(false, "a buffer outside of RAM");
        f.queue.push(f.chain.head, 0);
        f.queue.interrupt_wanted();
    }
    check(taken > 1000 && broken > 1000, "the fuzz finds both kinds");
}

} // namespace

int main() {
    layouts();
    chains();
    hostile_chains();
    notifications();
    fuzz();
    return report("virtqueue");
}
