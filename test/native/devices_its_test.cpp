// LPIs and the ITS: tables, commands, translation, and what a guest should not put there; GICv2m.
#include "arm64/environment.h"
#include "devices/gic/gic_v2m.h"
#include "devices/gic/its.h"
#include "virtio_driver.h"

#include <random>

using namespace beeline;
using namespace beeline::test;
using devices::gic::GicV3;
using devices::gic::Its;

namespace {

constexpr uint32_t icc(uint32_t crn, uint32_t crm, uint32_t op2) {
    return arm64::system_register_key(3, 0, crn, crm, op2);
}
constexpr uint32_t kPmr = icc(4, 6, 0), kIar1 = icc(12, 12, 0), kEoir1 = icc(12, 12, 1), kRpr = icc(12, 11, 3),
                   kIgrpen1 = icc(12, 12, 7);

// Where things lie in RAM.
constexpr uint64_t kProperties = 0x1'0000, kPending = 0x3'0000, kQueue = 0x5'0000, kDevices = 0x6'0000,
                   kCollections = 0x7'0000, kTranslations = 0x8'0000;
constexpr uint64_t kValid = uint64_t{1} << 63;
constexpr uint32_t kDevice = 8, kFirst = 8192;

struct Machine {
    RecordingCpus cpus;
    Ram ram;
    GicV3 gic{2, cpus, ram};
    Its its{gic, 2, ram};
    Registers registers{its};
    uint64_t written = 0;

    Machine() {
        Registers{gic.distributor()}.write(0, 3);
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            frame(cpu, 0x70, Ram::address(kProperties) | 13); // 14 bits of INTID
            frame(cpu, 0x78, Ram::address(kPending + cpu * 0x1'0000));
            gic.write_system_register(cpu, kPmr, 0xF8);
            gic.write_system_register(cpu, kIgrpen1, 1);
            Registers{gic.cpu_frames()}.write(cpu * GicV3::kRedistributorStride, 1);
        }
        for (unsigned i = 0; i < 8192; i++) *ram.bytes(kProperties + i) = 0xA1;
        registers.write(0x80, kValid | Ram::address(kQueue) | 0, 8);
        registers.write(0x100, kValid | Ram::address(kDevices) | 7, 8);
        registers.write(0x108, kValid | Ram::address(kCollections) | 0, 8);
        registers.write(0, 1);
    }
    void frame(unsigned cpu, uint64_t offset, uint64_t value) {
        Registers{gic.cpu_frames()}.write(cpu * GicV3::kRedistributorStride + offset, value, 8);
    }
    void command(uint64_t a, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0) {
        const uint64_t words[] = {a, b, c, d};
        std::memcpy(ram.bytes(kQueue + written), words, sizeof words);
        written = (written + sizeof words) % 4096;
        registers.write(0x88, written, 8);
    }
    void map_device(unsigned event_bits = 5) {
        command(0x08 | uint64_t{kDevice} << 32, event_bits - 1, kValid | Ram::address(kTranslations));
    }
    void map_collection(uint16_t collection, unsigned cpu) {
        command(0x09, 0, kValid | uint64_t{cpu} << 16 | collection);
    }
    void map(uint32_t event, uint32_t intid, uint16_t collection) {
        command(0x0A | uint64_t{kDevice} << 32, uint64_t{intid} << 32 | event, collection);
    }
    void on_event(uint8_t opcode, uint32_t event, uint16_t collection = 0) {
        command(opcode | uint64_t{kDevice} << 32, event, collection);
    }
    void usual() {
        map_device();
        map_collection(0, 0);
        map_collection(1, 1);
        for (uint32_t event = 0; event < 4; event++) map(event, kFirst + event, 0);
    }
    uint64_t acknowledge(unsigned cpu = 0) {
        uint64_t value = 0;
        gic.read_system_register(cpu, kIar1, value);
        return value;
    }
    void end(uint64_t intid, unsigned cpu = 0) { gic.write_system_register(cpu, kEoir1, intid); }
};

void delivery() {
    Machine m;
    m.usual();
    check_equal(m.registers.read(0x90, 8), m.written, "all commands are done");
    m.its.translate(kDevice, 2);
    check(m.cpus.irq[0], "a message raises IRQ");
    check_equal(m.acknowledge(), kFirst + 2, "its LPI");
    check(!m.cpus.irq[0], "acknowledged");
    uint64_t running = 0;
    m.gic.read_system_register(0, kRpr, running);
    check_equal(running, 0xA0, "running at its priority");
    m.its.translate(kDevice, 2);
    check(!m.cpus.irq[0], "the same priority does not preempt");
    m.end(kFirst + 2);
    check_equal(m.acknowledge(), kFirst + 2, "an LPI that came meanwhile");
    m.end(kFirst + 2);
    check_equal(m.acknowledge(), 1023, "no more");

    for (const auto& [device, event] : {std::pair{kDevice, 4u}, {kDevice, 32u}, {kDevice + 1, 0u}, {1u << 20, 0u}})
        m.its.translate(device, event);
    check_equal(m.acknowledge(), 1023, "what is not mapped is dropped");

    *m.ram.bytes(kProperties + 1) = 0x21;
    m.its.translate(kDevice, 0);
    m.its.translate(kDevice, 1);
    check_equal(m.acknowledge(), kFirst + 1, "the more urgent one first");
    m.end(kFirst + 1);
    check_equal(m.acknowledge(), kFirst, "then the other");
    m.end(kFirst);
}

void commands() {
    Machine m;
    m.usual();
    m.on_event(0x03, 0); // INT
    check(m.cpus.irq[0], "INT");
    m.on_event(0x04, 0); // CLEAR
    check(!m.cpus.irq[0], "CLEAR");
    *m.ram.bytes(kProperties) = 0xA0;
    m.its.translate(kDevice, 0);
    check(!m.cpus.irq[0], "a disabled LPI waits");
    *m.ram.bytes(kProperties) = 0xA1;
    m.on_event(0x0C, 0); // INV
    check(m.cpus.irq[0], "INV");
    *m.ram.bytes(kProperties) = 0xA0;
    m.command(0x0D, 0, 0); // INVALL
    check(!m.cpus.irq[0], "INVALL");
    *m.ram.bytes(kProperties) = 0xA1;
    m.command(0x0D, 0, 0);
    m.on_event(0x01, 0, 1); // MOVI
    check(!m.cpus.irq[0] && m.cpus.irq[1], "MOVI takes what is pending along");
    m.its.translate(kDevice, 0);
    check_equal(m.acknowledge(1), kFirst, "and later messages");
    m.end(kFirst, 1);
    m.its.translate(kDevice, 1);
    m.command(0x0E, 0, 0, uint64_t{1} << 16); // MOVALL
    check(!m.cpus.irq[0] && m.cpus.irq[1], "MOVALL");
    m.acknowledge(1);
    m.end(kFirst + 1, 1);
    m.its.translate(kDevice, 2);
    m.on_event(0x0F, 2); // DISCARD
    check(!m.cpus.irq[0], "DISCARD forgets what is pending");
    m.its.translate(kDevice, 2);
    check(!m.cpus.irq[0], "and the mapping");
    m.command(0x08 | uint64_t{kDevice} << 32, 0, 0); // MAPD, not valid
    m.its.translate(kDevice, 1);
    check(!m.cpus.irq[0], "a device that is gone");
}

void pending_table() {
    Machine m;
    m.usual();
    m.its.translate(kDevice, 3);
    Registers redistributor{m.gic.cpu_frames()};
    redistributor.write(0, 0);
    check(!m.cpus.irq[0], "LPIs disabled");
    check_equal(*m.ram.bytes(kPending + kFirst / 8), 8, "what was pending is in the table");
    redistributor.write(0, 1);
    check_equal(m.acknowledge(), kFirst + 3, "and comes from there");
}

void hostile() {
    Machine m;
    std::mt19937_64 random(11);
    for (unsigned round = 0; round < 100'000; round++) {
        const uint64_t wild = random() >> random() % 64;
        const uint64_t address = random() % 3 == 0 ? wild : Ram::address(random() % Ram::kBytes & ~uint64_t{0xFF});
        switch (random() % 12) {
        case 0: m.registers.write(random() % 64 * 8, wild, 8); break;
        case 1: m.registers.write(random() % 0x200 * 4, static_cast<uint32_t>(wild)); break;
        case 2: m.registers.write(0, random() % 4 != 0); break;
        case 3: m.registers.write(0x80, kValid | (address & ~uint64_t{0xFFF}) | (random() & 0xFF), 8); break;
        case 4:
            m.registers.write(0x100, (random() & 3) << 62 | (address & ~uint64_t{0xFFF}) | (random() & 0x3FF), 8);
            break;
        case 5: m.registers.write(0x108, kValid | (address & ~uint64_t{0xFFF}) | (random() & 0x3FF), 8); break;
        case 6: m.frame(random() % 2, random() % 2 != 0 ? 0x70 : 0x78, address | (random() & 0x1F)); break;
        case 7: Registers{m.gic.cpu_frames()}.write(random() % 2 * GicV3::kRedistributorStride, random() % 2); break;
        case 8: m.its.translate(static_cast<uint32_t>(random() % 16), static_cast<uint32_t>(random() % 64)); break;
        case 9: m.end(m.acknowledge(random() % 2), random() % 2); break;
        default: {
            const uint64_t words[] = {
                random() % 16 | random() % 16 << 32, random() % 64 | (kFirst + random() % 64) << 32,
                (random() & 1) << 63 | (address & ~uint64_t{0xFF}) | random() % 4, random() % 4 << 16};
            std::memcpy(m.ram.bytes(kQueue + m.written), words, sizeof words);
            m.written = (m.written + sizeof words) % 4096;
            m.registers.write(0x88, m.written, 8);
        }
        }
    }
    check(true, "came through");
}

void frame_of_v2m() {
    struct Edges final : devices::InterruptSink {
        void set_spi(unsigned number, bool level) override { (level ? rises : falls)[number]++; }
        void set_ppi(unsigned, unsigned, bool) override {}
        std::map<unsigned, unsigned> rises, falls;
    } edges;
    devices::gic::GicV2m v2m(edges, 48, 64);
    Registers registers{v2m};
    check_equal(registers.read(8), 80 << 16 | 64, "MSI_TYPER");
    registers.write(0x40, 80);
    registers.write(0x40, 143);
    for (const uint32_t wrong : {0u, 79u, 144u, ~0u}) registers.write(0x40, wrong);
    check_equal(edges.rises.size(), 2, "two interrupts");
    check(edges.rises[48] == 1 && edges.falls[48] == 1 && edges.rises[111] == 1, "an edge each");
}

} // namespace

int main() {
    delivery();
    commands();
    pending_table();
    hostile();
    frame_of_v2m();
    return report("devices_its");
}
