// Loads and stores where user-mode programs cannot look: faults leave registers alone, SP alignment, privilege, byte
// order of exclusives and atomics, monitors across exceptions.
#include "fake_machine.h"

#include "arm64/exceptions.h"
#include "arm64/state.h"

using namespace beeline;
using namespace beeline::arm64;
using namespace beeline::test;

namespace {

constexpr uint64_t kCode = kRam, kData = kRam + 0x200000, kPrivate = kRam + 0x400000, kTables = kRam + 0x600000,
                   kVectors = kRam + 0x1000, kUnmapped = 0x80000000;
constexpr uint64_t kSctlrM = 1, kSctlrA = 2, kSctlrSa = 8, kSctlrSa0 = 16, kSctlrEe = 1u << 25;
constexpr uint32_t kExceptionUnknown = 0, kDataAbort = 0x25, kSpAlignment = 0x26;
constexpr uint64_t kPattern = 0x8877665544332211;

/// EL1 with the MMU on: code and tables for EL1 alone, data for EL0 as well, nothing at kUnmapped.
class Bench {
public:
    Bench() : cpu(make_cpu(machine)) {
        // Every vector ends the run.
        for (uint64_t vector = 0; vector < 0x800; vector += 0x80) machine.write_code(kVectors + vector, {kHvc});
    }

    /// Runs `words` to their end or to an exception.
    void run(std::initializer_list<uint32_t> words, uint64_t sctlr = 0) {
        write_tables((sctlr & kSctlrEe) != 0);
        auto& sys = cpu->state.sys;
        sys.ttbr0_el1 = kTables;
        sys.mair_el1 = 0xFF;
        sys.tcr_el1 = 25 | 1u << 23 | uint64_t{2} << 32;
        sys.vbar_el1 = kVectors;
        sys.sctlr_el1 = kSctlrM | sctlr;
        sys.esr_el1 = kNoException;
        sys.far_el1 = 0;
        cpu->state.pstate = Pstate{};
        cpu->state.pc = kCode;
        machine.write_code(kCode, words);
        machine.write_code(kCode + words.size() * 4, {kHvc});
        cpu->apply_maintenance({Maintenance::Kind::InstructionAll, 0});
        cpu->flush_tlb_all();
        cpu->update_execution_context();
        cpu->run();
    }

    void expect_exception(uint32_t exception_class, const char* what) {
        check_equal(cpu->state.sys.esr_el1 >> 26, exception_class, what);
    }
    void expect_none(const char* what) { check_equal(cpu->state.sys.esr_el1, kNoException, what); }
    uint64_t& x(unsigned n) { return cpu->state.x[n]; }

    FakeMachine machine;
    std::unique_ptr<Vcpu> cpu;

private:
    static constexpr uint64_t kNoException = ~uint64_t{0};

    /// Table walks have the byte order of EL1's data.
    void write_tables(bool big_endian) {
        const auto write = [&](uint64_t address, uint64_t descriptor) {
            machine.write64(address, big_endian ? __builtin_bswap64(descriptor) : descriptor);
        };
        write(kTables + 8, kTables + 0x1000 + 3);
        for (uint64_t block = 0; block < 4; block++) {
            const uint64_t address = kRam + (block << 21);
            write(kTables + 0x1000 + block * 8, address | 0x701 | (address == kData ? 0x40 : 0));
        }
    }
};

void faults_change_nothing() {
    Bench bench;
    bench.x(0) = 5, bench.x(1) = kUnmapped, bench.x(2) = 6;
    bench.run({0xF8408420}); // ldr x0, [x1], #8
    bench.expect_exception(kDataAbort, "post-index load of nothing");
    check_equal(bench.x(1), kUnmapped, "no write-back");
    check_equal(bench.x(0), 5, "no load");
    check_equal(bench.cpu->state.sys.far_el1, kUnmapped, "FAR");
    check_equal(bench.cpu->state.sys.elr_el1, kCode, "ELR");

    bench.run({0xF81F8C20}); // str x0, [x1, #-8]!
    bench.expect_exception(kDataAbort, "pre-index store");
    check_equal(bench.cpu->state.sys.esr_el1 >> 6 & 1, 1, "ISS.WnR");
    check_equal(bench.x(1), kUnmapped, "no write-back");

    // A pair whose second half is on the unmapped side.
    const uint64_t edge = kRam + kRamSize - 8;
    bench.machine.write64(edge, kPattern);
    bench.x(1) = edge;
    bench.run({0xA8C10820}); // ldp x0, x2, [x1], #16
    bench.expect_exception(kDataAbort, "pair across the edge");
    check_equal(bench.x(0), 5, "first register as it was");
    check_equal(bench.x(2), 6, "second register as it was");
    check_equal(bench.x(1), edge, "no write-back");
    check_equal(bench.cpu->state.sys.far_el1, edge + 8, "FAR is of the second register");

    bench.x(1) = kUnmapped;
    bench.run({0xF8A08020}); // swpa x0, x0, [x1]
    bench.expect_exception(kDataAbort, "atomic on nothing");
    check_equal(bench.cpu->state.sys.esr_el1 >> 6 & 1, 0, "an atomic that cannot read reports a read");
    bench.run({0xF9800020 | 0x1}); // prfm pldl1strm, [x1]
    bench.expect_none("a prefetch never faults");
}

void stack_alignment() {
    Bench bench;
    const auto sp = [&bench]() -> uint64_t& { return bench.x(kStackPointer); };
    for (const uint32_t word :
         {0xF94003E0u /* ldr x0, [sp] */, 0xF81F8FE0u /* str x0, [sp, #-8]! */, 0xA9400BE0u /* ldp x0, x2, [sp] */,
          0xF8626BE0u /* ldr x0, [sp, x2] */, 0x885F7FE0u /* ldxr w0, [sp] */, 0xB86003E0u /* ldadd w0, w0, [sp] */,
          0xC8DFFFE0u /* ldar x0, [sp] */}) {
        sp() = kData + 8;
        bench.x(2) = 0;
        bench.run({word}, kSctlrSa);
        bench.expect_exception(kSpAlignment, "SP checked");
        check_equal(sp(), kData + 8, "SP unchanged");
        bench.run({word}, kSctlrSa0);
        bench.expect_none("SA0 is not for EL1");
        sp() = kData + 16;
        bench.run({word}, kSctlrSa);
        bench.expect_none("aligned SP");
    }
}

void alignment() {
    Bench bench;
    bench.x(1) = kData + 1;
    for (const uint32_t word :
         {0x885F7C20u /* ldxr w0, [x1] */, 0x88DFFC20u /* ldar w0, [x1] */, 0x889FFC20u /* stlr w0, [x1] */,
          0xB8600020u /* ldadd w0, w0, [x1] */, 0x88A07C20u /* cas w0, w0, [x1] */, 0xB8BFC020u /* ldapr w0, [x1] */}) {
        bench.run({word});
        bench.expect_exception(kDataAbort, "exclusives, atomics and ordered accesses are aligned");
        check_equal(bench.cpu->state.sys.esr_el1 & 0x3F, 0x21, "alignment fault");
        check_equal(bench.cpu->state.sys.far_el1, kData + 1, "FAR");
    }
    bench.run({0xB9400020}); // ldr w0, [x1]
    bench.expect_none("unaligned plain load");
    bench.run({0xB9400020}, kSctlrA);
    bench.expect_exception(kDataAbort, "SCTLR_EL1.A");
    // A pair is aligned by its registers' size.
    bench.x(1) = kData + 8;
    bench.run({0xA9400820}, kSctlrA); // ldp x0, x2, [x1]
    bench.expect_none("pair of doublewords at 8");
    bench.run({0xC87F0820}); // ldxp x0, x2, [x1]
    bench.expect_exception(kDataAbort, "exclusive pair of doublewords at 8");
}

void unprivileged() {
    Bench bench;
    bench.x(1) = kPrivate;
    bench.run({0xF8400820}); // ldtr x0, [x1]
    bench.expect_exception(kDataAbort, "LDTR of EL1's memory");
    check_equal(bench.cpu->state.sys.esr_el1 & 0x3F, 0x0E, "permission fault, level 2");
    bench.run({0xF8000820}); // sttr x0, [x1]
    bench.expect_exception(kDataAbort, "STTR to EL1's memory");
    bench.run({0xF8400020}); // ldur x0, [x1]
    bench.expect_none("LDUR of EL1's memory");
    bench.x(1) = kData;
    bench.run({0xF8400820});
    bench.expect_none("LDTR of EL0's memory");
}

void monitor() {
    Bench bench;
    bench.machine.write64(kData, kPattern);
    bench.x(1) = kData, bench.x(2) = 7, bench.x(3) = 99;
    bench.run({0xC8037C22}); // stxr w3, x2, [x1]
    check_equal(bench.x(3), 1, "no monitor, no store");
    bench.run({0xC85F7C20, 0xC8037C22}); // ldxr x0, [x1]; stxr w3, x2, [x1]
    check_equal(bench.x(3), 0, "stored");
    check_equal(bench.x(0), kPattern, "loaded");
    check_equal(bench.machine.read64(kData), 7, "in memory");
    bench.run({0xC8037C22});
    check_equal(bench.x(3), 1, "the monitor is open afterwards");
    bench.run({0xC85F7C20, 0xD5033F5F, 0xC8037C22}); // ... clrex ...
    check_equal(bench.x(3), 1, "CLREX");
    bench.run({0xC85F7C20, 0x88037C22}); // ... stxr w3, w2, [x1]
    check_equal(bench.x(3), 1, "another size");
    bench.x(4) = 8;
    bench.run({0xC85F7C20, 0xF9000024, 0xC8037C22}); // ... str x4, [x1] ...
    check_equal(bench.x(3), 1, "changed meanwhile");
    check_equal(bench.machine.read64(kData), 8, "the other store stands");
    for (unsigned bit = 0; bit < 64; bit++) {
        bench.x(1) = uint64_t{1} << bit & ~uint64_t{7}, bench.x(3) = 99;
        bench.run({0xC8037C22});
        bench.expect_none("no address is looked at while the monitor is open");
        check_equal(bench.x(3), 1, "no store");
    }
}

void big_endian() {
    Bench bench;
    bench.machine.write64(kData, kPattern);
    bench.machine.write64(kData + 8, 1);
    bench.x(1) = kData;
    bench.run({0xF9400020}, kSctlrEe); // ldr x0, [x1]
    check_equal(bench.x(0), 0x1122334455667788, "load");
    bench.run({0x88DFFC20}, kSctlrEe); // ldar w0, [x1]
    check_equal(bench.x(0), 0x11223344, "load-acquire");
    bench.x(0) = 1;
    bench.run({0xF8200022}, kSctlrEe); // ldadd x0, x2, [x1]
    check_equal(bench.x(2), 0x1122334455667788, "atomic add returns the old value");
    check_equal(bench.machine.read64(kData), 0x8977665544332211, "atomic add carries towards the first byte");
    bench.run({0xC87F0C22, 0xC8240C22}, kSctlrEe); // ldxp x2, x3, [x1]; stxp w4, x2, x3, [x1]
    check_equal(bench.x(2), 0x1122334455667789, "first of an exclusive pair");
    check_equal(bench.x(3), uint64_t{1} << 56, "second");
    check_equal(bench.x(4), 0, "stored back");
    check_equal(bench.machine.read64(kData), 0x8977665544332211, "as it was");
    bench.x(5) = 0x11223344, bench.x(6) = 0xAABBCCDD;
    bench.run({0x88A57C26}, kSctlrEe); // cas w5, w6, [x1]
    check_equal(bench.x(5), 0x11223344, "compared equal");
    check_equal(bench.machine.read64(kData) & 0xFFFFFFFF, 0xDDCCBBAA, "swapped in");
}

void absent_features() {
    FakeMachine machine;
    const auto cpu = make_cpu(machine, CpuModel::A57);
    for (const uint32_t word :
         {0xB8600020u /* ldadd */, 0x88A07C20u /* cas */, 0xB8BFC020u /* ldapr */, 0x88DF7C20u /* ldlar */}) {
        cpu->reset(kCode, 0);
        cpu->state.sys.vbar_el1 = kVectors;
        machine.write_code(kCode, {word});
        machine.write_code(kVectors + 0x200, {kHvc});
        cpu->state.x[1] = kData;
        cpu->run();
        check_equal(cpu->state.sys.esr_el1 >> 26, kExceptionUnknown, "undefined on a57");
        check_equal(cpu->state.sys.elr_el1, kCode, "at the instruction");
    }
}

} // namespace

int main() {
    faults_change_nothing();
    stack_alignment();
    alignment();
    unprivileged();
    monitor();
    big_endian();
    absent_features();
    return report("load_store");
}
