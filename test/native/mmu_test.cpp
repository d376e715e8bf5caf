// Translation: granules and levels, permissions, hardware flags, faults, ASIDs and maintenance, accesses across pages.

#include "fake_machine.h"

#include "arm64/exceptions.h"
#include "arm64/mmu.h"

#include <algorithm>
#include <random>

using namespace beeline::arm64;
using namespace beeline::test;

namespace {

constexpr uint64_t kTables = kRam + (4u << 20); ///< Tables are allocated from here.
constexpr uint64_t kNormalAttr = 1, kDeviceAttr = 0;
constexpr uint64_t kMair = 0xFF00; // attribute 0 Device-nGnRnE, 1 Normal write-back
constexpr uint64_t kAf = 1u << 10, kNg = 1u << 11, kUxn = uint64_t{1} << 54, kPxn = uint64_t{1} << 53,
                   kDbm = uint64_t{1} << 51;
constexpr uint64_t kUser = 1u << 6, kReadOnly = 1u << 7;
constexpr uint64_t kHa = uint64_t{1} << 39, kHd = uint64_t{1} << 40, kTbi0 = uint64_t{1} << 37,
                   kAs16 = uint64_t{1} << 36, kIps48 = uint64_t{5} << 32;
constexpr uint64_t kM = 1, kWxn = 1u << 19;

struct Granule {
    const char* name;
    unsigned bits;
    unsigned tg0, tg1;
};
constexpr Granule k4K{"4K", 12, 0, 2}, k16K{"16K", 14, 2, 1}, k64K{"64K", 16, 1, 3};

/// Guest page tables written from the manual's description, level by level.
class Tables {
public:
    Tables(FakeMachine& machine, Granule granule, unsigned input_bits)
        : machine_(machine), granule_(granule), input_bits_(input_bits) {
        start_level_ = 3;
        unsigned covered = granule.bits + stride();
        while (covered < input_bits) {
            covered += stride();
            start_level_--;
        }
        root_ = allocate();
    }

    uint64_t root() const { return root_; }
    unsigned start_level() const { return start_level_; }
    unsigned stride() const { return granule_.bits - 3; }
    unsigned span(unsigned level) const { return granule_.bits + stride() * (3 - level); }

    /// Address of the descriptor of `va` at `level`; tables on the way are made, with `table_bits` on each.
    uint64_t slot(uint64_t va, unsigned level, uint64_t table_bits = 0) {
        uint64_t table = root_;
        for (unsigned l = start_level_;; l++) {
            const unsigned top = l == start_level_ ? input_bits_ : span(l) + stride();
            const uint64_t index = (va & ((uint64_t{1} << top) - 1)) >> span(l);
            const uint64_t address = table + index * 8;
            if (l == level) return address;
            if ((machine_.read64(address) & 1) == 0) machine_.write64(address, allocate() | 3 | table_bits);
            table = machine_.read64(address) & 0xFFFFFFFFF000 & ~((uint64_t{1} << granule_.bits) - 1);
        }
    }
    uint64_t map(uint64_t va, uint64_t pa, unsigned level, uint64_t bits, uint64_t table_bits = 0) {
        const uint64_t address = slot(va, level, table_bits);
        machine_.write64(address, pa | bits | (level == 3 ? 3 : 1));
        return address;
    }

    static inline uint64_t next = kTables;

private:
    uint64_t allocate() {
        const uint64_t size = uint64_t{1} << granule_.bits;
        next = (next + size - 1) & ~(size - 1);
        const uint64_t result = next;
        next += size;
        std::memset(machine_.ram.data() + (result - kRam), 0, size);
        return result;
    }

    FakeMachine& machine_;
    Granule granule_;
    unsigned input_bits_;
    unsigned start_level_;
    uint64_t root_;
};

struct Setup {
    FakeMachine machine;
    std::unique_ptr<Vcpu> cpu;
    explicit Setup(CpuModel model = CpuModel::N1) : cpu(make_cpu(machine, model)) { Tables::next = kTables; }

    SystemRegisters& sys() { return cpu->state.sys; }
    /// What MSR TCR_EL1 and SCTLR_EL1 would do.
    void enable(const Granule& granule, unsigned tsz, uint64_t ttbr0, uint64_t ttbr1, uint64_t tcr_bits = 0,
                uint64_t sctlr_bits = 0) {
        sys().tcr_el1 =
            tsz | tsz << 16 | uint64_t{granule.tg0} << 14 | uint64_t{granule.tg1} << 30 | kIps48 | kAs16 | tcr_bits;
        sys().mair_el1 = kMair;
        sys().ttbr0_el1 = ttbr0;
        sys().ttbr1_el1 = ttbr1;
        sys().sctlr_el1 |= kM | sctlr_bits;
        cpu->flush_tlb_all();
    }
    /// The physical address, or the fault's status code above bit 63.
    struct Result {
        bool ok;
        uint64_t pa;
        uint32_t status;
        bool device;
    };
    Result translate(uint64_t va, Access access = Access::Read, Regime regime = Regime::El1) {
        if (access == Access::Fetch) {
            cpu->state.pstate.el = regime == Regime::El0 ? 0 : 1;
            GuestPa pa;
            const bool ok = translate_fetch(*cpu, va, pa);
            cpu->state.pstate.el = 1;
            return {ok, pa.value, ok ? 0 : fault_status(cpu->fault), false};
        }
        Translation out;
        Fault fault;
        const bool ok = translate_data(*cpu, va, access, regime, out, fault);
        return {ok, out.pa.value, ok ? 0 : fault_status(fault), out.device};
    }
    void tlbi(Maintenance::Kind kind, uint64_t operand = 0) { cpu->apply_maintenance({kind, operand}); }
};

constexpr uint32_t kAddressSize = 0x00, kTranslation = 0x04, kAccessFlag = 0x08, kPermission = 0x0C,
                   kExternalOnWalk = 0x14;

void granules() {
    for (const Granule& granule : {k4K, k16K, k64K}) {
        for (unsigned tsz = 16; tsz <= 39; tsz++) {
            for (const bool upper : {false, true}) {
                Setup setup;
                const unsigned input_bits = 64 - tsz;
                Tables tables(setup.machine, granule, input_bits);
                const unsigned first_block = granule.bits == 12 ? 1 : 2;
                setup.enable(granule, tsz, tables.root(), tables.root());
                const std::string where =
                    std::string(granule.name) + " TnSZ " + std::to_string(tsz) + (upper ? " TTBR1" : " TTBR0");
                const uint64_t top = upper ? ~((uint64_t{1} << input_bits) - 1) : 0;
                for (unsigned level = tables.start_level(); level <= 3; level++) {
                    const unsigned span = tables.span(level);
                    // One address for each level, apart at the first level where there is room.
                    uint64_t va = (uint64_t{level} << (input_bits - 3)) & ((uint64_t{1} << input_bits) - 1);
                    va &= ~((uint64_t{1} << span) - 1);
                    const std::string what = where + " level " + std::to_string(level);
                    const uint64_t offset = 0x123456789AB & ((uint64_t{1} << span) - 1);
                    setup.machine.write64(tables.slot(va, level), 0);
                    check_equal(setup.translate(top | va).status, kTranslation | level, what + " invalid");
                    const uint64_t pa = (uint64_t{0x4000000000} << 1) & ~((uint64_t{1} << span) - 1);
                    setup.machine.write64(tables.slot(va, level), pa | kAf | kNormalAttr << 2 | (level == 3 ? 3 : 1));
                    const auto result = setup.translate(top | va | offset);
                    if (level < first_block) {
                        check_equal(result.status, kTranslation | level, what + " has no blocks");
                        check(!result.ok, what + " has no blocks");
                    } else {
                        check(result.ok, what + " maps");
                        check_equal(result.pa, pa | offset, what);
                    }
                    if (level == 3) {
                        setup.machine.write64(tables.slot(va, 3), pa | kAf | 1);
                        setup.tlbi(Maintenance::Kind::TlbAll);
                        check_equal(setup.translate(top | va).status, kTranslation | 3, what + " reserved descriptor");
                    }
                    setup.machine.write64(tables.slot(va, level), 0);
                    setup.tlbi(Maintenance::Kind::TlbAll);
                }
            }
        }
    }
}

void limits() {
    Setup setup;
    Tables tables(setup.machine, k4K, 39);
    tables.map(0x1000, kRam, 3, kAf | kNormalAttr << 2);
    setup.enable(k4K, 25, tables.root(), tables.root());
    check(setup.translate(0x1000).ok, "lower half");
    check(setup.translate(0xFFFFFF8000001000).ok, "upper half");
    check_equal(setup.translate(uint64_t{1} << 39).status, kTranslation, "above TTBR0's range");
    check_equal(setup.translate(0xFFFFFF0000001000).status, kTranslation, "below TTBR1's range");
    check_equal(setup.translate(0x5500000000001000).status, kTranslation, "tagged without TBI");
    setup.enable(k4K, 25, tables.root(), tables.root(), kTbi0);
    check_equal(setup.translate(0x5500000000001008).pa, kRam | 8, "tagged with TBI");
    check_equal(setup.translate(0x557FFF8000001008).status, kTranslation, "tagged, out of range");
    setup.enable(k4K, 25, tables.root(), tables.root(), 1u << 7);
    check_equal(setup.translate(0x1000).status, kTranslation, "EPD0");
    check(setup.translate(0xFFFFFF8000001000).ok, "EPD0 leaves TTBR1");
    setup.enable(k4K, 25, tables.root(), tables.root(), 1u << 23);
    check_equal(setup.translate(0xFFFFFF8000001000).status, kTranslation, "EPD1");

    // Output size: IPS 32 bits.
    setup.enable(k4K, 25, tables.root(), tables.root());
    setup.sys().tcr_el1 &= ~(uint64_t{7} << 32);
    tables.map(0x2000, uint64_t{1} << 32, 3, kAf);
    setup.tlbi(Maintenance::Kind::TlbAll);
    check_equal(setup.translate(0x2000).status, kAddressSize | 3, "page beyond IPS");
    setup.machine.write64(tables.slot(0x40000000, 1), (uint64_t{1} << 32) | 3);
    check_equal(setup.translate(0x40000000).status, kAddressSize | 1, "table beyond IPS");
    setup.sys().ttbr0_el1 = tables.root() | uint64_t{1} << 40;
    setup.tlbi(Maintenance::Kind::TlbAll);
    check_equal(setup.translate(0x1000).status, kAddressSize, "TTBR0 beyond IPS");

    // Tables outside memory, in devices, and referring to themselves.
    setup.enable(k4K, 16, 0x7000000000, kDevice);
    check_equal(setup.translate(0x1000).status, kExternalOnWalk, "table nowhere");
    check_equal(setup.translate(0xFFFF000000001000).status, kExternalOnWalk, "table in a device");
    Tables self(setup.machine, k4K, 48);
    setup.machine.write64(self.root(), self.root() | kAf | 3);
    setup.enable(k4K, 16, self.root(), self.root());
    check_equal(setup.translate(0x18).pa, self.root() | 0x18, "self-referencing table");

    // MMU off: flat, Device, size-checked.
    setup.sys().sctlr_el1 &= ~kM;
    setup.tlbi(Maintenance::Kind::TlbAll);
    check_equal(setup.translate(0x123456).pa, 0x123456, "flat");
    check(setup.translate(0x123456).device, "flat is Device");
    check_equal(setup.translate(uint64_t{1} << 48).status, kAddressSize, "flat beyond the PA size");
    check(!setup.translate(uint64_t{1} << 48).ok, "flat beyond the PA size");
    Setup a57(CpuModel::A57);
    check(!a57.translate(uint64_t{1} << 44).ok, "flat beyond 44 bits");

    // a57 has no 16 KiB granule: the encoding acts as 4 KiB.
    Tables small(a57.machine, k4K, 39);
    small.map(0x3000, kRam, 3, kAf | kNormalAttr << 2);
    a57.enable(k16K, 25, small.root(), small.root());
    check(a57.translate(0x3000).ok, "a57 without 16K");
    // TnSZ out of range acts as the nearest.
    Tables wide(setup.machine, k4K, 48);
    wide.map(0x3000, kRam, 3, kAf | kNormalAttr << 2);
    setup.enable(k4K, 3, wide.root(), wide.root());
    check(setup.translate(0x3000).ok, "TnSZ below 16");
}

/// D5.4.4's tables, row by row: AP[2:1], then rights of EL1 and EL0 for data.
struct DataRights {
    unsigned ap;
    bool el1_write, el0_read, el0_write;
};
constexpr DataRights kDataRights[] = {
    {0, true, false, false},
    {1, true, true, true},
    {2, false, false, false},
    {3, false, true, false},
};

void permissions() {
    Setup setup;
    for (const bool wxn : {false, true}) {
        for (unsigned table = 0; table < 16; table++) {
            Tables tables(setup.machine, k4K, 39);
            // PXNTable 59, UXNTable 60, APTable 62..61 on the last table only: attributes of upper levels are or-ed.
            const uint64_t table_bits = uint64_t{table} << 59;
            setup.sys().sctlr_el1 &= ~kWxn;
            setup.enable(k4K, 25, tables.root(), 0, 0, wxn ? kWxn : 0);
            for (const DataRights& rights : kDataRights) {
                for (unsigned xn = 0; xn < 4; xn++) {
                    const bool uxn = (xn & 1) != 0 || (table & 2) != 0, pxn = (xn & 2) != 0 || (table & 1) != 0;
                    // APTable[0] takes EL0's access away, APTable[1] takes writing away.
                    const bool no_user = (table & 4) != 0, no_write = (table & 8) != 0;
                    const bool el1_write = rights.el1_write && !no_write;
                    const bool el0_read = rights.el0_read && !no_user;
                    const bool el0_write = rights.el0_write && !no_user && !no_write;
                    const uint64_t va = uint64_t{0x200000} + (rights.ap * 4 + xn) * 0x1000;
                    tables.map(va, kRam, 3,
                               kAf | kNormalAttr << 2 | uint64_t{rights.ap} << 6 | ((xn & 1) != 0 ? kUxn : 0) |
                                   ((xn & 2) != 0 ? kPxn : 0),
                               table_bits);
                    struct Case {
                        Access access;
                        Regime regime;
                        bool allowed;
                        const char* name;
                    };
                    const Case cases[] = {
                        {Access::Read, Regime::El1, true, "EL1 read"},
                        {Access::Write, Regime::El1, el1_write, "EL1 write"},
                        {Access::Fetch, Regime::El1, !pxn && !el0_write && !(wxn && el1_write), "EL1 fetch"},
                        {Access::Read, Regime::El1Pan, !el0_read, "EL1 PAN read"},
                        {Access::Write, Regime::El1Pan, el1_write && !el0_read, "EL1 PAN write"},
                        {Access::Read, Regime::El0, el0_read, "EL0 read"},
                        {Access::Write, Regime::El0, el0_write, "EL0 write"},
                        {Access::Fetch, Regime::El0, !uxn && !(wxn && el0_write), "EL0 fetch"},
                    };
                    for (unsigned round = 0; round < 2; round++) { // from memory, then from the cache
                        for (const Case& c : cases) {
                            const auto result = setup.translate(va, c.access, c.regime);
                            const std::string what = std::string(c.name) + " AP " + std::to_string(rights.ap) + " xn " +
                                                     std::to_string(xn) + " table " + std::to_string(table) +
                                                     (wxn ? " WXN" : "");
                            check(result.ok == c.allowed, what);
                            if (!c.allowed) check_equal(result.status, kPermission | 3, what + " status");
                        }
                    }
                }
            }
            Tables::next = kTables;
        }
    }
    // HPD0 disables what tables say.
    Tables tables(setup.machine, k4K, 39);
    tables.map(0x1000, kRam, 3, kAf | kNormalAttr << 2 | kUser, uint64_t{0xF} << 59);
    setup.enable(k4K, 25, tables.root(), 0, uint64_t{1} << 41);
    setup.sys().sctlr_el1 &= ~kWxn;
    setup.tlbi(Maintenance::Kind::TlbAll);
    check(setup.translate(0x1000, Access::Write, Regime::El0).ok, "HPD0");
}

void hardware_flags() {
    Setup setup;
    Tables tables(setup.machine, k4K, 39);
    const uint64_t page = tables.map(0x1000, kRam, 3, kNormalAttr << 2);
    const uint64_t dirty = tables.map(0x2000, kRam, 3, kNormalAttr << 2 | kReadOnly | kUser | kDbm);
    const uint64_t block = tables.map(0x200000, kRam, 2, kNormalAttr << 2);
    setup.enable(k4K, 25, tables.root(), 0);
    check_equal(setup.translate(0x1000).status, kAccessFlag | 3, "access flag fault");
    check_equal(setup.translate(0x200000).status, kAccessFlag | 2, "access flag fault of a block");
    check_equal(setup.machine.read64(page) & kAf, 0, "software access flag");
    setup.enable(k4K, 25, tables.root(), 0, kHa);
    check(setup.translate(0x1000).ok && setup.translate(0x200000).ok, "HA");
    check_equal(setup.machine.read64(page) & kAf, kAf, "HA sets the flag");
    check_equal(setup.machine.read64(block) & kAf, kAf, "HA sets the flag of a block");
    check_equal(setup.translate(0x2000, Access::Write).status, kPermission | 3, "DBM without HD");
    setup.enable(k4K, 25, tables.root(), 0, kHa | kHd);
    check(setup.translate(0x2000, Access::Read, Regime::El0).ok, "read of a clean page");
    check_equal(setup.machine.read64(dirty) & kReadOnly, kReadOnly, "a read leaves it clean");
    uint64_t par = 0;
    Fault fault;
    check(translate_for_par(*setup.cpu, 0x2000, Access::Write, Regime::El1, par, fault) && (par & 1) == 0,
          "AT of a clean page");
    check_equal(setup.machine.read64(dirty) & kReadOnly, kReadOnly, "AT leaves it clean");
    check(setup.translate(0x2000, Access::Write, Regime::El0).ok, "write of a clean page");
    check_equal(setup.machine.read64(dirty) & kReadOnly, 0, "a write makes it dirty");
    // Descriptors in read-only memory cannot be updated.
    std::memset(setup.machine.rom.data(), 0, kPageSize);
    const uint64_t leaf = kRam | kNormalAttr << 2 | 3;
    std::memcpy(setup.machine.rom.data() + 8, &leaf, 8);
    setup.machine.write64(tables.slot(0x400000, 2), kRom | 3);
    check_equal(setup.translate(0x401000).status, kExternalOnWalk | 3, "access flag in ROM");
    // a57 has no hardware management, whatever TCR says.
    Setup a57(CpuModel::A57);
    Tables plain(a57.machine, k4K, 39);
    plain.map(0x1000, kRam, 3, kNormalAttr << 2);
    a57.enable(k4K, 25, plain.root(), 0, kHa | kHd);
    check_equal(a57.translate(0x1000).status, kAccessFlag | 3, "a57 has no HA");
}

uint64_t with_asid(uint64_t value, uint64_t asid) { return value | asid << 48; }

void maintenance() {
    Setup setup;
    Tables one(setup.machine, k4K, 39), two(setup.machine, k4K, 39);
    const uint64_t attributes = kAf | kNormalAttr << 2;
    const uint64_t page_a = kRam + 0x10000, page_b = kRam + 0x20000, page_c = kRam + 0x30000;
    const uint64_t local = one.map(0x1000, page_a, 3, attributes | kNg),
                   global = one.map(0x2000, page_b, 3, attributes);
    two.map(0x1000, page_c, 3, attributes | kNg);
    two.map(0x2000, page_c, 3, attributes);
    setup.enable(k4K, 25, with_asid(one.root(), 7), 0);
    const auto use = [&](uint64_t root, uint64_t asid) {
        setup.sys().ttbr0_el1 = with_asid(root, asid);
        setup.cpu->update_execution_context();
    };
    const auto pa = [&](uint64_t va) { return setup.translate(va).pa; };

    check_equal(pa(0x1000), page_a, "ASID 7, local");
    check_equal(pa(0x2000), page_b, "ASID 7, global");
    use(two.root(), 8);
    check_equal(pa(0x1000), page_c, "ASID 8, local");
    check_equal(pa(0x2000), page_b, "a global entry serves every ASID");
    use(one.root(), 7);
    setup.machine.write64(local, page_b | attributes | kNg | 3);
    setup.machine.write64(global, page_a | attributes | 3);
    check_equal(pa(0x1000), page_a, "cached until maintenance");

    // VAE1 of another ASID, then of this one; operand: VA[55:12], ASID in 63..48.
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(1, 9));
    check_equal(pa(0x1000), page_a, "TLBI VAE1 of another ASID");
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(1, 7));
    check_equal(pa(0x1000), page_b, "TLBI VAE1");
    use(two.root(), 8);
    check_equal(pa(0x1000), page_c, "TLBI VAE1 left ASID 8");
    use(one.root(), 7);
    setup.tlbi(Maintenance::Kind::TlbAsid, with_asid(0, 7));
    check_equal(pa(0x2000), page_b, "TLBI ASIDE1 leaves global entries");
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(2, 9));
    check_equal(pa(0x2000), page_a, "TLBI VAE1 takes a global entry by any ASID");
    setup.machine.write64(local, page_a | attributes | kNg | 3);
    setup.tlbi(Maintenance::Kind::TlbAsid, with_asid(0, 7));
    check_equal(pa(0x1000), page_a, "TLBI ASIDE1");
    setup.machine.write64(local, page_b | attributes | kNg | 3);
    setup.tlbi(Maintenance::Kind::TlbVaAllAsid, with_asid(1, 0));
    check_equal(pa(0x1000), page_b, "TLBI VAAE1");
    setup.machine.write64(local, page_a | attributes | kNg | 3);
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(1, 7) | Maintenance::kLastLevelOnly);
    check_equal(pa(0x1000), page_a, "TLBI VALE1");

    // A block is one entry: any address of it takes all of it away.
    const uint64_t block = one.map(0x400000, kRam, 2, attributes);
    check_equal(pa(0x400000), kRam, "block");
    check_equal(pa(0x5FF000), kRam + 0x1FF000, "block's end");
    uint64_t value = 0;
    check(setup.cpu->load_slow(0x410000, 8, Regime::El1), "block through the first level");
    setup.machine.write64(block, (kRam + 0x200000) | attributes | 1);
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(0x5FF, 7));
    check_equal(pa(0x400000), kRam + 0x200000, "TLBI by another address of the block");
    check(setup.cpu->data_tlb->entry(0x410000).read_page != 0x410000, "the first level forgot the block");
    (void)value;
    const uint64_t gigabyte = one.map(0x80000000, 0x40000000, 1, attributes);
    check_equal(pa(0x80001000), 0x40001000, "1 GiB block");
    check_equal(pa(0xBFFFF000), 0x7FFFF000, "1 GiB block's end");
    setup.machine.write64(gigabyte, 0xC0000000 | attributes | 1);
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(0x90000, 7));
    check_equal(pa(0xBFFFF000), 0xFFFFF000, "TLBI by another address of the 1 GiB block");

    // A table that is unlinked.
    check_equal(pa(0x1000), page_a, "before the table goes");
    setup.machine.write64(one.slot(0, 2), 0);
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(1, 7));
    check_equal(setup.translate(0x1000).status, kTranslation | 2, "the table is gone");

    // 64 KiB pages: any 4 KiB of them.
    Setup large;
    Tables tables(large.machine, k64K, 42);
    const uint64_t big = tables.map(0x10000, kRam, 3, attributes);
    large.enable(k64K, 22, tables.root(), 0);
    check_equal(large.translate(0x1F000).pa, kRam + 0xF000, "64 KiB page");
    check_equal(large.translate(0x11000).pa, kRam + 0x1000, "64 KiB page");
    large.machine.write64(big, (kRam + 0x100000) | attributes | 3);
    large.tlbi(Maintenance::Kind::TlbVa, 0x13);
    check_equal(large.translate(0x1F000).pa, kRam + 0x10F000, "TLBI by another address of the 64 KiB page");
}

/// What other CPUs ask for concerns a CPU only where it may hold something of it.
void asked_by_others() {
    using Kind = Maintenance::Kind;
    Setup setup;
    Tables one(setup.machine, k4K, 39), two(setup.machine, k4K, 39);
    one.map(0x1000, kRam, 3, kAf | kNg | kNormalAttr << 2);
    two.map(0x1000, kRam, 3, kAf | kNg | kNormalAttr << 2);
    two.map(0x2000, kRam, 3, kAf | kNormalAttr << 2);
    setup.enable(k4K, 25, with_asid(one.root(), 5), 0);
    const auto activate = [&](const Tables& tables, uint64_t asid) {
        setup.sys().ttbr0_el1 = with_asid(tables.root(), asid);
        setup.cpu->update_execution_context();
    };
    const auto asked = [&](Kind kind, uint64_t operand) { return setup.cpu->post_maintenance({kind, operand}); };
    const auto of_asid = [&](uint64_t asid) { return asked(Kind::TlbAsid, with_asid(0, asid)); };
    const auto of_page = [&](uint64_t page, uint64_t asid) { return asked(Kind::TlbVa, with_asid(page, asid)); };

    check(of_asid(5) && of_page(1, 5), "the current address space");
    check(!of_asid(6) && !of_page(1, 6), "an address space that was never current");
    activate(one, 6);
    check(of_asid(5) && of_asid(6) && of_page(1, 6), "both that were current");
    setup.tlbi(Kind::TlbAsid, with_asid(0, 5));
    setup.tlbi(Kind::TlbAsid, with_asid(0, 6));
    check(!of_asid(5), "of what was left nothing is held after a flush");
    check(of_asid(6), "of the current one there soon is");
    activate(one, 5);
    check(of_asid(5), "current once more");
    setup.tlbi(Kind::TlbAll);
    check(of_asid(5) && !of_asid(6), "everything was flushed");
    check(asked(Kind::TlbAll, 0) && asked(Kind::TlbVaAllAsid, 1), "what concerns every address space");
    check(of_page((uint64_t{1} << 43) | 1, 9), "what TTBR1 maps may be global");

    // A global translation is found under every ASID, so maintenance under any ASID is meant for it.
    activate(two, 6);
    check(!of_page(2, 9), "no global translation yet");
    check_equal(setup.translate(0x2000).pa, kRam, "global");
    check(of_page(2, 9), "global translations are held");
    check(!of_asid(9), "flushes of an ASID spare global translations");

    // Code: pages that blocks were made of.
    Setup code;
    code.machine.write_code(kRam, {kHvc});
    const auto line = [&](uint64_t address) { return code.cpu->post_maintenance({Kind::InstructionLine, address}); };
    check(!line(kRam) && !line(kRam + kPageSize), "nothing was executed");
    code.cpu->state.pc = kRam;
    code.cpu->run();
    check(line(kRam) && line(kRam + kPageSize - 64) && !line(kRam + kPageSize), "the page that was executed");
    check(code.cpu->maintenance_pending(), "waits");
    code.cpu->serve_maintenance();
    check(!code.cpu->maintenance_pending(), "served");
}

/// What waits for a CPU that does not run is bounded, and a burst of one kind leaves the other as it was asked for.
void bursts() {
    using Kind = Maintenance::Kind;
    MaintenanceQueue queue;
    queue.post({Kind::InstructionLine, kRam});
    for (size_t i = 0; i < 2 * MaintenanceQueue::kMostTranslations; i++) queue.post({Kind::TlbVa, i});
    std::vector<Maintenance> taken = queue.take();
    check(taken.size() == 2 && taken[0].kind == Kind::TlbAll && taken[1].kind == Kind::InstructionLine &&
              taken[1].operand == kRam,
          "a burst of TLB maintenance");
    check(queue.pending(), "pending until it is done");
    queue.post({Kind::TlbVa, 1});
    queue.done();
    check(queue.pending(), "more came meanwhile");
    for (size_t i = 0; i < 2 * MaintenanceQueue::kMostLines; i++) queue.post({Kind::InstructionLine, i * 64});
    taken = queue.take();
    check(taken.size() == 2 && taken[0].kind == Kind::TlbVa && taken[1].kind == Kind::InstructionAll,
          "a burst of lines");
    queue.post({Kind::TlbVa, 1});
    queue.post({Kind::TlbAll, 0});
    queue.post({Kind::TlbVa, 2});
    taken = queue.take();
    check(taken.size() == 1 && taken[0].kind == Kind::TlbAll, "all is all");
    queue.done();
    check(!queue.pending() && queue.take().empty(), "nothing is left");
}

/// The instruction lookups that carry lookup_tag must fail after maintenance of a page that was fetched from, where the
/// tables have something else for it now; where they have not, they go on.
void lookup_tags() {
    Setup setup;
    Tables tables(setup.machine, k4K, 39);
    tables.map(0x1000, kRam, 3, kAf | kNg | kNormalAttr << 2);
    tables.map(0x2000, kRam, 3, kAf | kNormalAttr << 2);
    setup.enable(k4K, 25, with_asid(tables.root(), 1), 0);
    GuestPa pa;
    check(translate_fetch(*setup.cpu, 0x1000, pa), "fetch");
    const uint64_t tag = setup.cpu->lookup_tag;
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(2, 1));
    check_equal(setup.cpu->lookup_tag, tag, "data page's maintenance keeps the tag");
    setup.sys().ttbr0_el1 = with_asid(tables.root(), 2);
    setup.cpu->update_execution_context();
    check(setup.cpu->lookup_tag != tag, "another ASID, another tag");
    setup.sys().ttbr0_el1 = with_asid(tables.root(), 1);
    setup.cpu->update_execution_context();
    check_equal(setup.cpu->lookup_tag, tag, "back to the ASID, back to the tag");
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(1, 1));
    check_equal(setup.cpu->lookup_tag, tag, "maintenance of an unchanged code page keeps the tag");
    setup.tlbi(Maintenance::Kind::TlbAsid, with_asid(0, 1));
    check_equal(setup.cpu->lookup_tag, tag, "maintenance of an unchanged address space keeps the tag");
    tables.map(0x1000, kRam + 0x1000, 3, kAf | kNg | kNormalAttr << 2);
    check_equal(setup.cpu->lookup_tag, tag, "no maintenance, no change");
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(2, 1));
    check_equal(setup.cpu->lookup_tag, tag, "maintenance of another page keeps the tag");
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(1, 1));
    check(setup.cpu->lookup_tag != tag, "maintenance of a changed code page changes the tag");
    check(translate_fetch(*setup.cpu, 0x1000, pa) && pa.value == kRam + 0x1000, "fetch from the other page");
    const uint64_t second_tag = setup.cpu->lookup_tag;
    tables.map(0x1000, kRam, 3, kAf | kNg | kNormalAttr << 2 | kPxn);
    setup.tlbi(Maintenance::Kind::TlbAsid, with_asid(0, 1));
    check(setup.cpu->lookup_tag != second_tag, "maintenance of a changed address space changes the tag");
    check(!translate_fetch(*setup.cpu, 0x1000, pa), "execute never");
    tables.map(0x200000, kRam, 2, kAf | kNormalAttr << 2);
    check(translate_fetch(*setup.cpu, 0x200000, pa), "fetch from a block");
    const uint64_t block_tag = setup.cpu->lookup_tag;
    setup.machine.write64(tables.slot(0x200000, 2), 0);
    setup.tlbi(Maintenance::Kind::TlbVa, with_asid(0x234, 1));
    check(setup.cpu->lookup_tag != block_tag, "maintenance of a block by another address changes the tag");
    check(!translate_fetch(*setup.cpu, 0x200000, pa), "the block is gone");

    // What TTBR1 maps belongs to every ASID.
    Tables upper(setup.machine, k4K, 39);
    upper.map(0x3000, kRam, 3, kAf | kNg | kNormalAttr << 2);
    setup.sys().ttbr1_el1 = upper.root();
    setup.cpu->update_execution_context();
    constexpr uint64_t kUpperPage = ~uint64_t{0} << 39 | 0x3000;
    check(translate_fetch(*setup.cpu, kUpperPage, pa), "fetch from the upper half");
    const uint64_t upper_tag = setup.cpu->lookup_tag_at(kUpperPage);
    setup.sys().ttbr0_el1 = with_asid(tables.root(), 3);
    setup.cpu->update_execution_context();
    check_equal(setup.cpu->lookup_tag_at(kUpperPage), upper_tag, "another ASID, the same tag of the upper half");
    setup.tlbi(Maintenance::Kind::TlbAsid, with_asid(0, 3));
    check_equal(setup.cpu->lookup_tag_at(kUpperPage), upper_tag, "an unchanged upper half keeps its tag");
    upper.map(0x3000, kRam + 0x1000, 3, kAf | kNg | kNormalAttr << 2);
    setup.tlbi(Maintenance::Kind::TlbAsid, with_asid(0, 3));
    check(setup.cpu->lookup_tag_at(kUpperPage) != upper_tag, "a changed upper half changes its tag");
    setup.sys().ttbr0_el1 = with_asid(tables.root(), 1);
    setup.cpu->update_execution_context();

    setup.sys().sctlr_el1 |= 1u << 24;
    const uint64_t before = setup.cpu->lookup_tag;
    setup.cpu->state.pstate.el = 0;
    setup.cpu->update_execution_context();
    check(setup.cpu->lookup_tag != before, "EL0 big-endian");
}

void accesses() {
    Setup setup;
    FakeMachine& machine = setup.machine;
    Vcpu& cpu = *setup.cpu;
    Tables tables(machine, k4K, 39);
    const uint64_t normal = kAf | kNormalAttr << 2, device = kAf | kDeviceAttr << 2;
    tables.map(0x1000, kRam + 0x5000, 3, normal);
    tables.map(0x2000, kRam + 0x1000, 3, normal);
    tables.map(0x3000, kRam, 3, normal | kReadOnly);
    tables.map(0x5000, kDevice, 3, device);
    tables.map(0x6000, kDevice, 3, normal); // device registers through a Normal mapping
    tables.map(0x7000, kRom, 3, normal);
    tables.map(0x8000, 0x30000000, 3, device); // nothing there
    setup.enable(k4K, 25, tables.root(), 0);
    const auto store = [&](uint64_t va, uint64_t value, unsigned size) {
        cpu.transfer[0] = value;
        cpu.transfer[1] = ~value;
        return cpu.store_slow(va, size, Regime::El1);
    };
    const auto status = [&] { return fault_status(cpu.fault); };

    check(store(0x1FFC, 0x1122334455667788, 8), "store across pages");
    check_equal(machine.read64(kRam + 0x5FF8) >> 32, 0x55667788, "first page's part");
    check_equal(machine.read64(kRam + 0x1000) & 0xFFFFFFFF, 0x11223344, "second page's part");
    check(cpu.load_slow(0x1FFC, 8, Regime::El1) && cpu.transfer[0] == 0x1122334455667788, "load across pages");
    const uint64_t before = machine.read64(kRam + 0x1FF8);
    check(!store(0x2FFC, ~before, 8), "store into a read-only page");
    check_equal(machine.read64(kRam + 0x1FF8), before, "nothing was stored");
    check_equal(cpu.fault.va, 0x3000, "FAR is in the page that faults");
    check_equal(status(), kPermission | 3, "permission");
    check(!cpu.load_slow(0x3FFE, 4, Regime::El1) && cpu.fault.va == 0x4000, "load across into nothing");
    check(store(0x1FF8, 0x0123456789ABCDEF, 16), "16 bytes across pages");
    check(cpu.load_slow(0x1FF8, 16, Regime::El1) && cpu.transfer[0] == 0x0123456789ABCDEF &&
              cpu.transfer[1] == ~uint64_t{0x0123456789ABCDEF},
          "16 bytes across pages, read back");

    check(cpu.load_slow(0x5004, 4, Regime::El1) && cpu.transfer[0] << 32 == uint64_t{0x44332211} << 32, "device read");
    check(!cpu.load_slow(0x5002, 4, Regime::El1) && status() == 0x21, "unaligned device access");
    machine.device_log.clear();
    check(store(0x6003, 0x1122334455667788, 8), "unaligned access of a Normal mapping of a device");
    const std::vector<FakeMachine::DeviceAccess> expected = {{kDevice + 3, 1, true, 0x88},
                                                             {kDevice + 4, 4, true, 0x44556677},
                                                             {kDevice + 8, 2, true, 0x2233},
                                                             {kDevice + 10, 1, true, 0x11}};
    check(machine.device_log == expected, "split into aligned accesses");
    check(!cpu.load_slow(0x8000, 4, Regime::El1) && status() == 0x10, "external abort");
    check(!store(0x7000, 1, 4) && status() == 0x10, "store to ROM");
    check(cpu.load_slow(0x7000, 4, Regime::El1), "load from ROM");
    check(cpu.atomic_pointer(0x7000, 8, true) != nullptr, "exclusive load from ROM");

    // What entered the first-level TLB.
    check_equal(cpu.data_tlb->entry(0x1000).write_page, 0x1000, "plain memory enters the TLB");
    check(cpu.load_slow(0x3000, 8, Regime::El1), "read-only page");
    check(cpu.data_tlb->entry(0x3000).read_page == 0x3000 && cpu.data_tlb->entry(0x3000).write_page != 0x3000,
          "read-only enters for reads");
    check(cpu.data_tlb->entry(0x5000).read_page != 0x5000 && cpu.data_tlb->entry(0x6000).read_page != 0x6000,
          "devices do not");

    // Atomics.
    check(cpu.atomic_pointer(0x1008, 8) == machine.ram.data() + 0x5008, "atomic");
    check(cpu.atomic_pointer(0x1004, 8) == nullptr && status() == 0x21 && cpu.fault.access == Access::Read,
          "unaligned atomic");
    check(cpu.atomic_pointer(0x3000, 4) == nullptr && status() == (kPermission | 3) &&
              cpu.fault.access == Access::Write,
          "atomic on a read-only page faults as a write");
    check(cpu.atomic_pointer(0x4000, 4) == nullptr && cpu.fault.access == Access::Read,
          "atomic on nothing faults as a read");
    check(cpu.atomic_pointer(0x5000, 4) == nullptr && status() == 0x35, "atomic on a device");
    check(cpu.atomic_pointer(0x3000, 4, true) != nullptr, "exclusive load of a read-only page");

    // SCTLR_EL1.A
    setup.sys().sctlr_el1 |= 2;
    cpu.update_execution_context();
    check(cpu.data_tlb->entry(0x1000).read_page != 0x1000, "alignment checks take the slow path");
    check(!cpu.load_slow(0x1001, 2, Regime::El1) && status() == 0x21 && cpu.fault.va == 0x1001, "alignment check");
    check(cpu.load_slow(0x1002, 2, Regime::El1), "aligned");
    setup.sys().sctlr_el1 &= ~uint64_t{2};

    // Big-endian data.
    setup.sys().sctlr_el1 |= 1u << 25;
    cpu.flush_tlb_all();
    // Tables are big-endian with it: the walk finds nothing sensible any more.
    check(!cpu.load_slow(0x1000, 4, Regime::El1), "EE turns the tables around");
    setup.sys().sctlr_el1 &= ~(uint64_t{1} << 25);
    setup.sys().sctlr_el1 |= 1u << 24;
    cpu.flush_tlb_all();
    tables.map(0x9000, kRam + 0x5000, 3, normal | kUser);
    cpu.state.pstate.el = 0;
    cpu.update_execution_context();
    machine.write64(kRam + 0x5000, 0x1122334455667788);
    check(cpu.load_slow(0x9000, 4, Regime::El0) && static_cast<uint32_t>(cpu.transfer[0]) == 0x88776655, "E0E load");
    cpu.transfer[0] = 0xAABBCCDD;
    check(cpu.store_slow(0x9000, 4, Regime::El0), "E0E store");
    check_equal(machine.read64(kRam + 0x5000) & 0xFFFFFFFF, 0xDDCCBBAA, "E0E store");
}

void address_translation() {
    Setup setup;
    Tables tables(setup.machine, k4K, 39);
    tables.map(0x1000, kRam + 0x5000, 3, kAf | kNormalAttr << 2 | 3u << 8 | kUser);
    tables.map(0x2000, kDevice, 3, kAf | kDeviceAttr << 2);
    setup.enable(k4K, 25, tables.root(), 0x7000000000);
    const auto par = [&](uint64_t va, Access access, Regime regime) {
        uint64_t result = 0;
        Fault fault;
        check(translate_for_par(*setup.cpu, va, access, regime, result, fault), "AT");
        return result;
    };
    constexpr uint64_t kFixed = 1u << 11 | 1u << 9;
    check_equal(par(0x1234, Access::Read, Regime::El1), uint64_t{0xFF} << 56 | (kRam + 0x5000) | 3u << 7 | kFixed,
                "AT S1E1R");
    check_equal(par(0x2234, Access::Write, Regime::El1), kDevice | 2u << 7 | kFixed, "AT of device memory");
    check_equal(par(0x2234, Access::Read, Regime::El0), (kPermission | 3) << 1 | 1 | 1u << 11, "AT S1E0R");
    check_equal(par(0x1234, Access::Read, Regime::El1Pan), (kPermission | 3) << 1 | 1 | 1u << 11, "AT S1E1RP");
    check_equal(par(0x4000, Access::Read, Regime::El1), (kTranslation | 3) << 1 | 1 | 1u << 11, "AT of nothing");
    uint64_t ignored = 0;
    Fault fault;
    check(!translate_for_par(*setup.cpu, 0xFFFFFF8000000000, Access::Read, Regime::El1, ignored, fault) &&
              fault.cache_maintenance && fault_status(fault) == (kExternalOnWalk | 1),
          "AT with an external abort on the walk");
}

/// Tables, registers and addresses at random: the emulator must survive, and caching must not change results.
void hostile() {
    std::mt19937_64 random(7);
    Setup setup;
    for (unsigned round = 0; round < 400; round++) {
        for (unsigned i = 0; i < kRamSize / 8; i += 1 + random() % 64) {
            // Plausible descriptors: tables and pages in RAM, sometimes anywhere.
            uint64_t value = random();
            if (round % 2 != 0)
                value = (value & 0xFFF0000000000FFF) | ((kRam + random() % kRamSize) & ~uint64_t{0xFFF}) | 1;
            setup.machine.write64(kRam + i * 8, value);
        }
        setup.sys().tcr_el1 = random();
        setup.sys().mair_el1 = random();
        setup.sys().ttbr0_el1 = (kRam + random() % kRamSize) | random() << 48;
        setup.sys().ttbr1_el1 = random() % 2 != 0 ? random() : kRam + random() % kRamSize;
        setup.sys().sctlr_el1 = random() | 1;
        setup.cpu->flush_tlb_all();
        for (unsigned i = 0; i < 300; i++) {
            uint64_t va = random() >> random() % 64;
            if (random() % 2 != 0) va = ~va;
            const auto access = static_cast<Access>(random() % 3);
            const auto regime = static_cast<Regime>(random() % 3);
            const auto first = setup.translate(va, access, regime);
            const auto second = setup.translate(va, access, regime);
            if (first.ok) check(second.ok && second.pa == first.pa, "a cached translation differs");
            setup.cpu->transfer[0] = random();
            const unsigned size = 1u << random() % 5;
            if (random() % 2 != 0)
                setup.cpu->load_slow(va, size, regime);
            else
                setup.cpu->store_slow(va, size, regime);
            setup.cpu->atomic_pointer(va, size);
            if (random() % 16 == 0) setup.tlbi(static_cast<Maintenance::Kind>(random() % 6), random());
        }
    }
}

} // namespace

int main() {
    granules();
    limits();
    permissions();
    hardware_flags();
    maintenance();
    asked_by_others();
    bursts();
    lookup_tags();
    accesses();
    address_translation();
    hostile();
    return report("mmu");
}
