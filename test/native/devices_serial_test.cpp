// PL011: FIFOs, trigger levels, timeouts, loopback, back-pressure, identification.
#include "board_support.h"
#include "devices/pl011.h"

#include <deque>
#include <thread>

using namespace beeline;
using namespace beeline::test;

namespace {

constexpr uint64_t kDr = 0x00, kRsr = 0x04, kFr = 0x18, kLcrH = 0x2C, kCr = 0x30, kIfls = 0x34, kImsc = 0x38,
                   kRis = 0x3C, kMis = 0x40, kIcr = 0x44;
constexpr uint32_t kRxfe = 1 << 4, kTxff = 1 << 5, kRxff = 1 << 6, kTxfe = 1 << 7;
constexpr uint32_t kRx = 1 << 4, kTx = 1 << 5, kRt = 1 << 6, kOe = 1 << 10;
constexpr uint32_t kEnabled = 0x301, kFifos = 0x70;

struct Backend final : devices::SerialBackend {
    void transmit(uint8_t byte, unsigned) override { sent.push_back(byte); }
    bool can_transmit() override { return room; }
    bool can_receive() override { return !typed.empty(); }
    uint8_t receive() override {
        const uint8_t byte = typed.front();
        typed.pop_front();
        return byte;
    }
    std::string sent;
    std::deque<uint8_t> typed;
    bool room = true;
};

struct Uart {
    Time time;
    RecordingSink sink;
    Backend backend;
    devices::Pl011 device{{sink, 1}, backend, time.queue, time.clock};
    Registers r{device};

    void type(std::string_view text) {
        backend.typed.insert(backend.typed.end(), text.begin(), text.end());
        device.receive_ready();
    }
    void enable() {
        r.write(kLcrH, kFifos);
        r.write(kCr, kEnabled);
        r.write(kImsc, kRx | kRt);
    }
};

void transmit() {
    Uart u;
    check_equal(u.r.read(kFr), kTxfe | kRxfe, "flags after reset");
    u.r.write(kDr, 'x', 1);
    check(u.backend.sent == "x", "output does not need UARTEN");
    check(!u.sink.spis[1], "interrupts are masked after reset");
    u.r.write(kImsc, kTx);
    check(u.sink.spis[1], "transmit interrupt after a character");
    u.r.write(kIcr, kTx);
    check(!u.sink.spis[1], "ICR clears it");
    u.backend.room = false;
    check_equal(u.r.read(kFr) & (kTxff | kTxfe), kTxff, "a full backend reads as a full FIFO");
    u.r.write(kDr, 'y');
    check(u.backend.sent == "xy" && !u.sink.spis[1], "a character too many is taken, without an interrupt");
    u.backend.room = true;
    u.device.transmit_ready();
    check(u.sink.spis[1], "room again interrupts");
}

void receive() {
    Uart u;
    u.enable();
    u.type("a");
    check(u.sink.spis[1], "one character interrupts");
    check_equal(u.r.read(kMis), kRt, "as a timeout, below the trigger level");
    check_equal(u.r.read(kDr), 'a', "the character");
    check(!u.sink.spis[1] && u.r.read(kFr) & kRxfe, "reading it clears the interrupt");
    u.type("01234567");
    check_equal(u.r.read(kRis) & kRx, kRx, "trigger level at one half");
    u.r.read(kDr);
    check_equal(u.r.read(kRis) & kRx, 0, "reading below the level clears it");
    u.r.write(kIfls, 0);
    check_equal(u.r.read(kRis) & kRx, kRx, "a lower level is reached already");
    for (const char expected : std::string_view("1234567"))
        check_equal(u.r.read(kDr), static_cast<uint8_t>(expected), "in order");

    std::string flood;
    for (int i = 0; i < 1000; i++) flood.push_back(static_cast<char>('A' + i % 26));
    u.type(flood);
    check(u.r.read(kFr) & kRxff, "the FIFO is full");
    std::string got;
    while ((u.r.read(kFr) & kRxfe) == 0) got.push_back(static_cast<char>(u.r.read(kDr)));
    check(got == flood, "nothing is lost beyond the FIFO's depth");
    check_equal(u.r.read(kRis) & kOe, 0, "and nothing overruns");

    u.type("z");
    u.r.write(kIcr, 0x7FF);
    check(!u.sink.spis[1], "ICR clears the timeout");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    u.time.queue.run_due();
    check(u.sink.spis[1], "it comes again while characters wait");
}

void polling() {
    Uart u;
    u.type("hi");
    check(!(u.r.read(kFr) & kRxfe), "a disabled receiver shows what waits");
    check_equal(u.r.read(kDr), 'h', "to one who polls");
    check_equal(u.r.read(kDr), 'i', "character by character");
    check(u.r.read(kFr) & kRxfe, "and then is empty");
    u.type("kept");
    check_equal(u.backend.typed.size(), 4, "input stays with the host until the guest takes it");
    u.enable();
    check_equal(u.backend.typed.size(), 0, "enabling the receiver takes it");
}

void without_fifos() {
    Uart u;
    u.r.write(kCr, kEnabled);
    u.r.write(kImsc, kRx);
    u.type("ab");
    check(u.sink.spis[1] && (u.r.read(kFr) & kRxff), "one character fills the holding register");
    check_equal(u.r.read(kDr), 'a', "first");
    check(u.sink.spis[1], "the second follows");
    check_equal(u.r.read(kDr), 'b', "second");
}

void loopback() {
    Uart u;
    u.enable();
    u.r.write(kCr, kEnabled | 1 << 7 | 1 << 11 | 1 << 10);
    check_equal(u.r.read(kFr) & 7, 3, "modem outputs feed the inputs");
    check_equal(u.r.read(kRis) & 0xF, 2 | 8, "and their changes interrupt");
    u.r.write(kDr, 'l');
    check(u.backend.sent.empty(), "nothing leaves");
    check_equal(u.r.read(kDr), 'l', "it comes back");
    for (int i = 0; i < 17; i++) u.r.write(kDr, static_cast<uint64_t>('a' + i));
    check_equal(u.r.read(kRis) & kOe, kOe, "the 17th overruns");
    u.r.read(kDr);
    u.r.write(kLcrH, 0);
    check(u.r.read(kFr) & kRxfe, "switching the FIFOs off empties them");
    check_equal(u.r.read(kRsr), 8, "the overrun stays on record");
    u.r.write(kRsr, 0);
    check_equal(u.r.read(kRsr), 0, "until it is cleared");
}

void identification() {
    Uart u;
    const uint8_t expected[8] = {0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};
    for (unsigned i = 0; i < 8; i++) check_equal(u.r.read(0xFE0 + i * 4), expected[i], "PrimeCell id");
    u.enable();
    u.type("x");
    u.device.reset();
    check(!u.sink.spis[1], "reset is quiet");
    check_equal(u.r.read(kCr), 0x300, "UARTCR after reset");
    check_equal(u.r.read(kIfls), 0x12, "UARTIFLS after reset");
}

} // namespace

int main() {
    transmit();
    receive();
    polling();
    without_fifos();
    loopback();
    identification();
    return report("devices_serial");
}
