#include "board/acpi.h"

#include "board/aml.h"
#include "board/memory_map.h"
#include "devices/fw_cfg.h"

#include <fmt/format.h>
#include <string>
#include <string_view>

namespace beeline::board {

namespace {

using aml::Bytes;
using aml::Writer;

// Files of fw_cfg.
constexpr std::string_view kTables = "etc/acpi/tables", kRsdp = "etc/acpi/rsdp", kLoader = "etc/table-loader";

constexpr std::string_view kOem = "BEELIN", kOemTable = "BEELINE ", kCreator = "BEEL";

// Header of a table (ACPI 6.3, 5.2.6).
constexpr size_t kChecksumAt = 9, kHeaderBytes = 36;

/// Interrupts by their number for all of the GIC: private ones count from 16, shared ones from 32.
constexpr uint32_t kFirstPpi = 16, kFirstSpi = 32;
constexpr uint32_t spi(unsigned number) { return kFirstSpi + number; }

/// Commands to the firmware, 128 bytes each.
class Loader {
public:
    static constexpr size_t kPointerBytes = 8;
    enum class Zone : uint8_t { High = 1, FirstMegabyte = 2 };

    void allocate(std::string_view file, uint32_t alignment, Zone zone) {
        command(kAllocate, Writer().bytes(padded(file)).u32(alignment).u8(static_cast<uint8_t>(zone)).take());
    }
    /// The number at `offset` of `file` is relative to `target`.
    void add_pointer(std::string_view file, std::string_view target, size_t offset) {
        command(kAddPointer, Writer().bytes(padded(file)).bytes(padded(target)).u32(offset).u8(kPointerBytes).take());
    }
    /// The byte at `at` makes the sum of these bytes zero.
    void add_checksum(std::string_view file, size_t at, size_t start, size_t length) {
        command(kAddChecksum, Writer().bytes(padded(file)).u32(at).u32(start).u32(length).take());
    }
    Bytes take() { return commands_.take(); }

private:
    static constexpr uint32_t kAllocate = 1, kAddPointer = 2, kAddChecksum = 3;
    static constexpr size_t kNameBytes = 56, kCommandBytes = 128;

    static Bytes padded(std::string_view name) { return Writer().text(name).zeros(kNameBytes - name.size()).take(); }
    void command(uint32_t kind, const Bytes& body) {
        commands_.u32(kind).bytes(body).zeros(kCommandBytes - sizeof kind - body.size());
    }
    Writer commands_;
};

/// A table of a signature and a revision; its checksum is the firmware's business.
Bytes table(std::string_view signature, unsigned revision, const Bytes& body) {
    Writer bytes;
    bytes.text(signature).u32(kHeaderBytes + body.size()).u8(revision).u8(0);
    bytes.text(kOem).text(kOemTable).u32(1).text(kCreator).u32(1).bytes(body);
    return bytes.take();
}

/// Generic address structure (5.2.3.2) of a register of 32 bits in memory; access size 3 is 32 bits.
Bytes memory_register(uint64_t address) { return Writer().u8(0).u8(32).u8(0).u8(3).u64(address).take(); }

// ---- DSDT -----------------------------------------------------------------------------------------------------

Bytes identified(std::string_view hid, uint64_t uid) {
    return aml::join({aml::name("_HID", aml::string(hid)), aml::name("_UID", aml::integer(uid))});
}

/// What it reads and writes of memory the caches know of.
Bytes coherent() { return aml::name("_CCA", aml::integer(1)); }

Bytes on_board(const Region& region, uint32_t interrupt) {
    return aml::name("_CRS", aml::resources({aml::memory32(region.base, region.size), aml::interrupt(interrupt)}));
}

Bytes virtio_slots() {
    using devices::virtio::VirtioMmio, devices::virtio::VirtioMmioSlots;
    Writer slots;
    for (unsigned slot = 0; slot < VirtioMmioSlots::kSlots; slot++) {
        const Region region{kVirtioMmio.base + slot * VirtioMmio::kSize, VirtioMmio::kSize};
        slots.bytes(aml::device(
            fmt::format("VR{:02X}", slot),
            aml::join({identified("LNRO0005", slot), coherent(), on_board(region, spi(kVirtioMmioSpi + slot))})));
    }
    return slots.take();
}

/// The power button: a line of the GPIO controller, which calls _Exx when the line xx rises (5.6.5.3).
Bytes power_button() {
    const Bytes events = aml::resources({aml::gpio_interrupt(kPowerButtonLine, "\\_SB.GPO0")});
    constexpr uint64_t kPressed = 0x80;
    return aml::join({
        aml::device("PWRB", identified("PNP0C0C", 0)),
        aml::device(
            "GPO0",
            aml::join({identified("ARMH0061", 0), on_board(kGpio, spi(kGpioSpi)), aml::name("_AEI", events),
                       aml::method(fmt::format("_E{:02X}", kPowerButtonLine), 0, aml::notify("PWRB", kPressed))})),
    });
}

std::string link(unsigned interrupt) { return fmt::format("L{:03X}", interrupt); }

/// The host bridge's four interrupts, as links that cannot be set: only so can they be said to be active high.
Bytes interrupt_links() {
    Writer links;
    for (unsigned i = 0; i < devices::pci::HostBridge::kInterrupts; i++) {
        const Bytes fixed = aml::resources({aml::interrupt(spi(kPcieSpi + i))});
        links.bytes(aml::device(link(i), aml::join({identified("PNP0C0F", i), aml::name("_PRS", fixed),
                                                    aml::name("_CRS", fixed), aml::method("_SRS", 1, {})})));
    }
    return links.take();
}

/// Where INTA# to INTD# of each slot go (6.2.13).
Bytes interrupt_routing() {
    using devices::pci::HostBridge;
    constexpr uint64_t kAnyFunction = 0xFFFF;
    std::vector<Bytes> routes;
    for (unsigned slot = 0; slot < HostBridge::kSlots; slot++)
        for (unsigned pin = 0; pin < HostBridge::kInterrupts; pin++) {
            const unsigned interrupt = (HostBridge::interrupt_of(slot) + pin) % HostBridge::kInterrupts;
            const Bytes route[] = {aml::integer(uint64_t{slot} << 16 | kAnyFunction), aml::integer(pin),
                                   aml::path(link(interrupt)), aml::integer(0)};
            routes.push_back(aml::package(route));
        }
    return aml::package(routes);
}

/// What the operating system may control of PCIe itself: everything (PCI Firmware Specification 3.2, 4.5.1).
Bytes capabilities_method() {
    constexpr uint64_t kUnknownUuid = 4, kUnknownRevision = 8, kMasked = 16, kEverything = 0x1F;
    const Bytes status = aml::path("CDW1"), control = aml::path("CDW3"), capabilities = aml::argument(3);
    const Bytes known = aml::join({
        aml::dword_field(capabilities, 8, "CDW3"),
        aml::mask(control, aml::integer(kEverything), aml::local(0)),
        aml::when(aml::negate(aml::equal(aml::argument(1), aml::integer(1))),
                  aml::set_bits(status, aml::integer(kUnknownRevision))),
        aml::when(aml::negate(aml::equal(control, aml::local(0))), aml::set_bits(status, aml::integer(kMasked))),
        aml::store(aml::local(0), control),
    });
    const Bytes host_bridge = aml::equal(aml::argument(0), aml::uuid("33db4d5b-1ff7-401c-9657-7441c03dd766"));
    return aml::method(
        "_OSC", 4,
        aml::join({aml::dword_field(capabilities, 0, "CDW1"), aml::when(host_bridge, known),
                   aml::otherwise(aml::set_bits(status, aml::integer(kUnknownUuid))), aml::give(capabilities)}));
}

Bytes host_bridge(const BoardDescription& board) {
    const Bytes high =
        board.high_pcie_window ? aml::memory64_window(kPcieHighMemory.base, kPcieHighMemory.size) : Bytes();
    const Bytes windows = aml::resources({
        aml::bus_numbers(kPcieBuses),
        aml::memory32_window(kPcieLowMemory.base, kPcieLowMemory.size),
        aml::port_window(0, kPciePorts.size, kPciePorts.base),
        high,
    });
    // That configuration space takes addresses has to be said outside the bridge's own resources
    // (PCI Firmware Specification 3.2, 4.1.2).
    const Bytes configuration_space = aml::device(
        "RES0", aml::join({aml::name("_HID", aml::string("PNP0C02")),
                           aml::name("_CRS", aml::resources({aml::memory64_window(kPcieEcam.base, kPcieEcam.size)}))}));
    return aml::device("PCI0", aml::join({
                                   identified("PNP0A08", 0),
                                   aml::name("_CID", aml::string("PNP0A03")),
                                   aml::name("_SEG", aml::integer(0)),
                                   aml::name("_BBN", aml::integer(0)),
                                   coherent(),
                                   aml::name("_PRT", interrupt_routing()),
                                   aml::method("_CBA", 0, aml::give(aml::integer(kPcieEcam.base))),
                                   aml::name("_CRS", windows),
                                   capabilities_method(),
                                   configuration_space,
                               }));
}

Bytes dsdt(const BoardDescription& board) {
    Writer cpus;
    for (size_t i = 0; i < board.cpu_affinities.size(); i++)
        cpus.bytes(aml::device(fmt::format("C{:03X}", i), identified("ACPI0007", i)));
    constexpr uint64_t kPresent = 0x0B; // And functioning, but not for the user to see (6.3.7)
    const Bytes fw_cfg =
        aml::join({aml::name("_HID", aml::string("QEMU0002")), aml::name("_STA", aml::integer(kPresent)), coherent(),
                   aml::name("_CRS", aml::resources({aml::memory32(kFwCfg.base, kFwCfg.size)}))});
    const Bytes uart = aml::join({identified("ARMH0011", 0), on_board(kUart, spi(kUartSpi))});
    return table(
        "DSDT", 2,
        aml::scope("\\_SB", aml::join({cpus.take(), aml::device("COM0", uart), aml::device("FWCF", fw_cfg),
                                       virtio_slots(), interrupt_links(), host_bridge(board), power_button()})));
}

// ---- Tables of fixed form -------------------------------------------------------------------------------------

constexpr size_t kFadtDsdtAt = 140; ///< X_DSDT

/// 5.2.9, of ACPI 6.3, with the DSDT's place: hardware-reduced, PSCI by HVC, and nothing else.
Bytes fadt(size_t dsdt) {
    constexpr uint32_t kHardwareReduced = 1 << 20;
    constexpr uint16_t kPsci = 1, kPsciByHvc = 2;
    constexpr size_t kFlagsAt = 112, kArmFlagsAt = 129, kVendorAt = 268;
    Writer body;
    body.zeros(kFlagsAt - kHeaderBytes).u32(kHardwareReduced);
    body.zeros(kArmFlagsAt - kFlagsAt - 4).u16(kPsci | kPsciByHvc).u8(3);
    body.zeros(kFadtDsdtAt - kArmFlagsAt - 3).u64(dsdt);
    body.zeros(kVendorAt - kFadtDsdtAt - 8).text(kOemTable);
    return table("FACP", 6, body.take());
}

/// The interrupt controllers (5.2.12).
Bytes madt(const BoardDescription& board) {
    const bool v2 = board.gic_version == 2;
    Writer body;
    body.zeros(8);
    body.u8(0x0C).u8(24).u16(0).u32(0).u64(kGicDistributor.base).u32(0).u8(board.gic_version).zeros(3);
    for (size_t i = 0; i < board.cpu_affinities.size(); i++) {
        constexpr uint32_t kEnabled = 1;
        body.u8(0x0B).u8(80).u16(0).u32(i).u32(i).u32(kEnabled).u32(0).u32(0).u64(0);
        body.u64(v2 ? kGicV2CpuInterface.base : 0).u64(0).u64(0).u32(0).u64(0).u64(board.cpu_affinities[i]).zeros(4);
    }
    if (v2) {
        constexpr uint32_t kInterruptsGiven = 1;
        body.u8(0x0D).u8(24).u16(0).u32(0).u64(kGicV2m.base).u32(kInterruptsGiven);
        body.u16(kMessageSpis).u16(spi(kMessageSpi));
    } else {
        const uint64_t frames = board.cpu_affinities.size() * devices::gic::GicV3::kRedistributorStride;
        body.u8(0x0E).u8(16).u16(0).u64(kGicRedistributors).u32(frames);
        body.u8(0x0F).u8(20).u16(0).u32(0).u64(kGicIts.base).u32(0);
    }
    return table("APIC", 4, body.take());
}

/// The generic timers (5.2.24): level-triggered, active high.
Bytes gtdt() {
    constexpr uint64_t kNoFrame = UINT64_MAX;
    constexpr uint32_t kAlwaysOn = 4;
    Writer body;
    body.u64(kNoFrame).u32(0);
    // Secure EL1, non-secure EL1, virtual, EL2.
    for (const uint32_t ppi : {13, 14, 11, 10}) body.u32(kFirstPpi + ppi).u32(kAlwaysOn);
    body.u64(kNoFrame).u32(0).u32(0).u32(0).u32(0);
    return table("GTDT", 3, body.take());
}

/// PCIe's configuration space (PCI Firmware Specification 3.2, 4.1.2).
Bytes mcfg() {
    return table("MCFG", 1, Writer().zeros(8).u64(kPcieEcam.base).u16(0).u8(0).u8(kPcieBuses - 1).u32(0).take());
}

/// The console (Serial Port Console Redirection Table, revision 2).
Bytes spcr() {
    constexpr uint8_t kPl011 = 3, kByGic = 8, k9600 = 3, kOneStopBit = 1, kHardwareFlowControl = 2;
    constexpr uint16_t kNoPciDevice = 0xFFFF;
    Writer body;
    body.u8(kPl011).zeros(3).bytes(memory_register(kUart.base)).u8(kByGic).u8(0).u32(spi(kUartSpi));
    body.u8(k9600).u8(0).u8(kOneStopBit).u8(kHardwareFlowControl).u8(0).u8(0);
    body.u16(kNoPciDevice).u16(kNoPciDevice).zeros(3).u32(0).u8(0).u32(0);
    return table("SPCR", 2, body.take());
}

/// The same port for debuggers (Debug Port Table 2).
Bytes dbg2() {
    constexpr uint16_t kSerial = 0x8000, kPl011 = 3, kRegisterAt = 22, kSizeAt = 34, kNameAt = 38;
    constexpr std::string_view kName = "COM0";
    Writer device;
    device.u8(0).u16(kNameAt + kName.size() + 1).u8(1).u16(kName.size() + 1).u16(kNameAt).u16(0).u16(0);
    device.u16(kSerial).u16(kPl011).u16(0).u16(kRegisterAt).u16(kSizeAt);
    device.bytes(memory_register(kUart.base)).u32(kUart.size).text(kName).u8(0);
    return table("DBG2", 0, Writer().u32(kHeaderBytes + 8).u32(1).bytes(device.take()).take());
}

/// PCIe's requesters are the ITS's devices of the same numbers (IO Remapping Table, DEN0049).
Bytes iort() {
    constexpr size_t kFirstNode = 48, kRootComplexBytes = 36, kMappingBytes = 20;
    constexpr uint8_t kItsGroup = 0, kRootComplex = 2, kCoherent = 3, kAddressBits = 64;
    Writer body;
    body.u32(2).u32(kFirstNode).u32(0);
    body.u8(kItsGroup).u16(24).u8(0).u32(0).u32(0).u32(0).u32(1).u32(0);
    body.u8(kRootComplex).u16(kRootComplexBytes + kMappingBytes).u8(1).u32(0).u32(1).u32(kRootComplexBytes);
    body.u32(1).u8(0).u16(0).u8(kCoherent).u32(0).u32(0).u8(kAddressBits).zeros(3);
    body.u32(0).u32((kPcieBuses << 8) - 1).u32(0).u32(kFirstNode).u32(0);
    return table("IORT", 0, body.take());
}

/// One package with all CPUs (5.2.29).
Bytes pptt(const BoardDescription& board) {
    constexpr uint32_t kPackage = 1, kIdValid = 2, kLeaf = 8;
    Writer body;
    const auto node = [&body](uint32_t flags, uint32_t parent, uint32_t id) {
        body.u8(0).u8(20).u16(0).u32(flags).u32(parent).u32(id).u32(0);
    };
    node(kPackage, 0, 0);
    for (uint32_t i = 0; i < board.cpu_affinities.size(); i++) node(kIdValid | kLeaf, kHeaderBytes, i);
    return table("PPTT", 2, body.take());
}

/// Root pointer (5.2.5.3) to the XSDT.
constexpr size_t kRsdpOldChecksumAt = 8, kRsdpOldBytes = 20, kRsdpXsdtAt = 24, kRsdpChecksumAt = 32, kRsdpBytes = 36;
Bytes rsdp(size_t xsdt) {
    Writer bytes;
    bytes.text("RSD PTR ").u8(0).text(kOem).u8(2).u32(0).u32(kRsdpBytes).u64(xsdt).zeros(4);
    return bytes.take();
}

} // namespace

AcpiTables build_acpi_tables(const BoardDescription& board) {
    Writer tables;
    struct Place {
        size_t at, length;
    };
    std::vector<Place> places;
    const auto add = [&](const Bytes& table) {
        places.push_back({tables.size(), table.size()});
        tables.bytes(table);
        return places.back().at;
    };
    const size_t dsdt_at = add(dsdt(board));
    const size_t fadt_at = add(fadt(dsdt_at));
    for (const Bytes& table : {madt(board), pptt(board), gtdt(), mcfg(), spcr(), dbg2()}) add(table);
    if (board.gic_version != 2) add(iort());
    // All but the DSDT, which the FADT points to.
    Writer pointers;
    for (size_t i = 1; i < places.size(); i++) pointers.u64(places[i].at);
    const size_t listed = pointers.size();
    const size_t xsdt_at = add(table("XSDT", 1, pointers.take()));

    Loader loader;
    loader.allocate(kRsdp, 16, Loader::Zone::FirstMegabyte);
    loader.allocate(kTables, 64, Loader::Zone::High);
    loader.add_pointer(kTables, kTables, fadt_at + kFadtDsdtAt);
    for (size_t at = 0; at < listed; at += Loader::kPointerBytes)
        loader.add_pointer(kTables, kTables, xsdt_at + kHeaderBytes + at);
    loader.add_pointer(kRsdp, kTables, kRsdpXsdtAt);
    for (const Place& place : places) loader.add_checksum(kTables, place.at + kChecksumAt, place.at, place.length);
    loader.add_checksum(kRsdp, kRsdpOldChecksumAt, 0, kRsdpOldBytes);
    loader.add_checksum(kRsdp, kRsdpChecksumAt, 0, kRsdpBytes);
    return {tables.take(), rsdp(xsdt_at), loader.take()};
}

void offer_acpi_tables(const BoardDescription& board, devices::FwCfg& fw_cfg) {
    AcpiTables acpi = build_acpi_tables(board);
    fw_cfg.add_file(std::string(kTables), std::move(acpi.tables));
    fw_cfg.add_file(std::string(kRsdp), std::move(acpi.rsdp));
    fw_cfg.add_file(std::string(kLoader), std::move(acpi.loader));
}

} // namespace beeline::board
