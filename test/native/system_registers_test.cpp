// The table of system registers: names, rights, masks, traps; and every encoding of the system space executed.

#include "fake_machine.h"

#include "arm64/exceptions.h"
#include "arm64/features.h"
#include "arm64/interpreter/block_cache.h"
#include "arm64/system_registers.h"

#include <set>

using namespace beeline::arm64;
using namespace beeline::test;

namespace {

constexpr uint64_t kVectors = kRam + 0x10000, kCode = kRam + 0x20000;

struct Machine {
    FakeMachine fake;
    std::unique_ptr<Vcpu> cpu;

    explicit Machine(CpuModel model = CpuModel::N1, bool gic = true) {
        fake.gic = gic;
        cpu = make_cpu(fake, model);
        for (unsigned offset = 0; offset < 0x800; offset += 0x80) fake.write_code(kVectors + offset, {kHvc});
    }
    CpuState& state() { return cpu->state; }

    /// Executes one instruction; the EC of the exception it took, or -1.
    int execute(uint32_t word, unsigned el) {
        fake.write_code(kCode, {word, el == 0 ? svc(0x99) : kHvc});
        cpu->blocks().clear();
        state().sys.vbar_el1 = kVectors;
        const unsigned old = state().pstate.el;
        state().pstate.el = static_cast<uint8_t>(el);
        select_stack_pointer(*cpu, old, state().pstate.sp_sel);
        state().pc = kCode;
        cpu->update_execution_context();
        while (cpu->run() != ExitReason::Stopped) {
        }
        if (state().pc - kVectors >= 0x800) return -1;
        const uint32_t esr = static_cast<uint32_t>(state().sys.esr_el1);
        return (esr & 0x1FFFFFF) == 0x99 && esr >> 26 == 0x15 ? -1 : static_cast<int>(esr >> 26);
    }
    int read(uint32_t key, unsigned el, uint64_t& value) {
        const int result = execute(mrs(key, 1), el);
        value = state().x[1];
        return result;
    }
    uint64_t read(uint32_t key) {
        uint64_t value = 0;
        check_equal(static_cast<uint64_t>(read(key, 1, value)), ~uint64_t{0}, "read of " + system_register_text(key));
        return value;
    }
    int write(uint32_t key, uint64_t value, unsigned el = 1) {
        state().x[1] = value;
        return execute(msr(key, 1), el);
    }
};

constexpr uint32_t k(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
    return system_register_key(op0, op1, crn, crm, op2);
}
constexpr uint32_t kSctlr = k(3, 0, 1, 0, 0), kCpacr = k(3, 0, 1, 0, 2);

void table() {
    std::set<unsigned> keys;
    for (const SystemRegister& reg : system_registers()) {
        check(keys.insert(reg.key).second, std::string(reg.name) + " is there twice");
        const char* name = system_register_name(reg.key);
        check(std::string(name != nullptr ? name : "") == reg.name, std::string(reg.name) + " is named otherwise");
        check((static_cast<unsigned>(reg.el0) & ~static_cast<unsigned>(reg.el1)) == 0,
              std::string(reg.name) + ": EL0 may do more than EL1");
        check(find_system_register(reg.key) == &reg, reg.name);
    }
    check(system_register_text(k(3, 3, 15, 2, 0)) == "s3_3_c15_c2_0", "generic name");
    check(system_register_text(k(2, 3, 0, 5, 0), true) == "dbgdtrtx_el0", "name as MSR's operand");
    check(system_register_text(k(3, 4, 1, 0, 0)) == "sctlr_el2", "name of another level's register");
}

void rights() {
    Machine machine;
    // EL0 with everything opened: UCT UMA, counters and timers, FPEN.
    machine.state().sys.sctlr_el1 |= 1u << 15 | 1u << 9;
    machine.state().sys.cntkctl_el1 = 0x303;
    machine.state().sys.cpacr_el1 = 3u << 20;
    for (const SystemRegister& reg : system_registers()) {
        for (unsigned el = 0; el < 2; el++) {
            const auto allowed = static_cast<unsigned>(el == 0 ? reg.el0 : reg.el1);
            const std::string what = std::string(reg.name) + " at EL" + std::to_string(el);
            uint64_t value = 0;
            check_equal(static_cast<uint64_t>(machine.read(reg.key, el, value)), (allowed & 1) != 0 ? ~uint64_t{0} : 0,
                        "read of " + what);
            if (el == 1 && reg.key == kSctlr) continue;
            // Writing back what was read changes nothing.
            const CpuState before = machine.state();
            const int result = machine.write(reg.key, (allowed & 1) != 0 ? value : 0, el);
            check_equal(static_cast<uint64_t>(result), (allowed & 2) != 0 ? ~uint64_t{0} : 0, "write of " + what);
            const unsigned now_el = machine.state().pstate.el;
            machine.state() = before;
            machine.state().pstate.el = static_cast<uint8_t>(now_el);
        }
    }
}

void traps() {
    struct Case {
        const char* name;
        uint32_t key;
        uint64_t sctlr, cntkctl, mdscr; ///< Bits that open it (MDSCR: that close it).
    };
    const Case cases[] = {
        {"ctr_el0", k(3, 3, 0, 0, 1), 1u << 15, 0, 0},      {"daif", k(3, 3, 4, 2, 1), 1u << 9, 0, 0},
        {"cntpct_el0", k(3, 3, 14, 0, 1), 0, 1, 0},         {"cntvct_el0", k(3, 3, 14, 0, 2), 0, 2, 0},
        {"cntfrq_el0", k(3, 3, 14, 0, 0), 0, 1, 0},         {"cntfrq_el0", k(3, 3, 14, 0, 0), 0, 2, 0},
        {"cntp_ctl_el0", k(3, 3, 14, 2, 1), 0, 1u << 9, 0}, {"cntv_tval_el0", k(3, 3, 14, 3, 0), 0, 1u << 8, 0},
        {"mdccsr_el0", k(2, 3, 0, 1, 0), 0, 0, 1u << 12},
    };
    for (const Case& c : cases) {
        for (const bool open : {false, true}) {
            Machine machine;
            machine.state().sys.sctlr_el1 |= open ? c.sctlr : 0;
            machine.state().sys.cntkctl_el1 = open ? c.cntkctl : 0;
            machine.state().sys.mdscr_el1 = open ? 0 : c.mdscr;
            uint64_t value = 0;
            check_equal(static_cast<uint64_t>(machine.read(c.key, 0, value)), open ? ~uint64_t{0} : 0x18,
                        std::string(c.name) + (open ? " open" : " trapped"));
            check_equal(static_cast<uint64_t>(machine.read(c.key, 1, value)), ~uint64_t{0},
                        std::string(c.name) + " at EL1");
        }
    }
    // FPCR and FPSR by CPACR_EL1.FPEN.
    for (unsigned fpen = 0; fpen < 4; fpen++) {
        for (unsigned el = 0; el < 2; el++) {
            Machine machine;
            machine.state().sys.cpacr_el1 = fpen << 20;
            uint64_t value = 0;
            const bool trapped = fpen != 3 && (fpen != 1 || el == 0);
            check_equal(static_cast<uint64_t>(machine.read(k(3, 3, 4, 4, 0), el, value)), trapped ? 7 : ~uint64_t{0},
                        "FPEN");
        }
    }
}

void values() {
    Machine machine;
    machine.write(kCpacr, ~uint64_t{0});
    check_equal(machine.read(kCpacr), 3u << 20, "CPACR_EL1");
    struct Masked {
        const char* name;
        uint32_t key;
        uint64_t ones, zeros;
    };
    const Masked masked[] = {
        {"fpcr", k(3, 3, 4, 4, 0), 0x07C80000, 0},
        {"fpsr", k(3, 3, 4, 4, 1), 0x0800009F, 0},
        {"nzcv", k(3, 3, 4, 2, 0), 0xF0000000, 0},
        {"daif", k(3, 3, 4, 2, 1), 0x3C0, 0},
        {"contextidr_el1", k(3, 0, 13, 0, 1), 0xFFFFFFFF, 0},
        {"csselr_el1", k(3, 2, 0, 0, 0), 0xF, 0},
        {"cntkctl_el1", k(3, 0, 14, 1, 0), 0x3FF, 0},
        {"tpidr_el0", k(3, 3, 13, 0, 2), ~uint64_t{0}, 0},
        {"pan", k(3, 0, 4, 2, 3), 1u << 22, 0},
        {"uao", k(3, 0, 4, 2, 4), 1u << 23, 0},
        {"actlr_el1", k(3, 0, 1, 0, 1), 0, 0},
        {"dbgclaimclr_el1", k(2, 0, 7, 9, 6), 0, 0},
        {"dbgbcr0_el1", k(2, 0, 0, 0, 5), 0x00FFE1E7, 0},
        {"dbgwcr3_el1", k(2, 0, 0, 3, 7), 0x1F1FFFFF, 0},
    };
    for (const Masked& c : masked) {
        Machine fresh;
        fresh.state().sys.cpacr_el1 = 3u << 20;
        fresh.write(c.key, ~uint64_t{0});
        check_equal(fresh.read(c.key), c.ones, std::string(c.name) + " after ones");
        fresh.write(c.key, 0);
        check_equal(fresh.read(c.key), c.zeros, std::string(c.name) + " after zeros");
    }
    check_equal(machine.read(k(3, 0, 4, 2, 2)), 4, "CurrentEL");
    check_equal(machine.read(kSctlr), 0x30D00980, "SCTLR_EL1 after reset");
    check_equal(machine.read(k(3, 0, 0, 0, 5)), 0x80000000, "MPIDR_EL1");
    check_equal(machine.read(k(3, 3, 0, 0, 7)), 4, "DCZID_EL0 at EL1");
    uint64_t value = 0;
    machine.read(k(3, 3, 0, 0, 7), 0, value);
    check_equal(value, 0x14, "DCZID_EL0 at EL0: DZP");
    check_equal(machine.read(k(2, 0, 1, 1, 4)), 0xA, "OSLSR_EL1 after reset: locked");
    machine.write(k(2, 0, 1, 0, 4), 0);
    check_equal(machine.read(k(2, 0, 1, 1, 4)), 0x8, "OSLAR_EL1 unlocks");
    machine.write(k(2, 0, 7, 8, 6), 0x5A);
    check_equal(machine.read(k(2, 0, 7, 8, 6)), 0xFF, "DBGCLAIMSET_EL1 reads as ones");
    machine.write(k(2, 0, 7, 9, 6), 0x0A);
    check_equal(machine.read(k(2, 0, 7, 9, 6)), 0x50, "DBGCLAIMCLR_EL1");
    machine.cpu->set_line(Line::Irq, true);
    check_equal(machine.read(k(3, 0, 12, 1, 0)), 0x80, "ISR_EL1");

    // Caches.
    const unsigned selected[] = {0, 1, 2, 3, 5};
    for (const unsigned select : selected) {
        machine.write(k(3, 2, 0, 0, 0), select);
        check_equal(machine.read(k(3, 1, 0, 0, 0)), select < 3 ? machine.cpu->features().id.ccsidr_el1[select] : 0,
                    "CCSIDR_EL1");
    }
    check_equal(machine.read(k(3, 3, 0, 0, 1)), 0x9444C004, "CTR_EL0");

    // Timers.
    machine.fake.ticks = 5000;
    check_equal(machine.read(k(3, 3, 14, 0, 2)), 5000, "CNTVCT_EL0");
    check_equal(machine.read(k(3, 3, 14, 0, 0)), 62500000, "CNTFRQ_EL0");
    machine.write(k(3, 3, 14, 3, 0), 0xFFFFFFFF); // CNTV_TVAL_EL0 = -1
    check_equal(machine.read(k(3, 3, 14, 3, 2)), 4999, "CNTV_CVAL_EL0");
    machine.write(k(3, 3, 14, 3, 1), 0xFF);
    check_equal(machine.read(k(3, 3, 14, 3, 1)), 7, "CNTV_CTL_EL0 with ISTATUS");
    machine.write(k(3, 3, 14, 3, 2), 6000);
    check_equal(machine.read(k(3, 3, 14, 3, 1)), 3, "CNTV_CTL_EL0 without ISTATUS");
    check_equal(machine.read(k(3, 3, 14, 3, 0)), 1000, "CNTV_TVAL_EL0");
    check_equal(machine.fake.timer_changes, 3, "timer changes are told");
}

void models() {
    Machine n1, a57(CpuModel::A57), gicv2(CpuModel::N1, false);
    check_equal(n1.read(k(3, 0, 0, 0, 0)), 0x414FD0C1, "n1 MIDR_EL1");
    check_equal(a57.read(k(3, 0, 0, 0, 0)), 0x411FD070, "a57 MIDR_EL1");
    check_equal(n1.read(k(3, 0, 0, 4, 0)), 0x1100000001110011, "n1 ID_AA64PFR0_EL1");
    check_equal(gicv2.read(k(3, 0, 0, 4, 0)), 0x1100000000110011, "without GICv3");
    check_equal(a57.read(k(3, 0, 0, 4, 0)), 0x1000011, "a57 ID_AA64PFR0_EL1");
    check_equal(n1.read(k(3, 0, 0, 6, 0)), 0x0000100010211120, "n1 ID_AA64ISAR0_EL1");
    check_equal(a57.read(k(3, 0, 0, 6, 0)), 0x11120, "a57 ID_AA64ISAR0_EL1");
    check_equal(n1.read(k(3, 0, 0, 7, 0)), 0x100125, "n1 ID_AA64MMFR0_EL1");
    check_equal(a57.read(k(3, 0, 0, 7, 0)), 0x124, "a57 ID_AA64MMFR0_EL1");
    check_equal(n1.read(k(3, 0, 0, 3, 7)), 0, "identification space reads as zero");
    // a57 lacks PAN, UAO, FP16's FPCR bit, DC CVAP, AT S1E1RP; SPAN is RES1 there.
    uint64_t value = 0;
    check_equal(static_cast<uint64_t>(a57.read(k(3, 0, 4, 2, 3), 1, value)), 0, "a57 has no PAN");
    check_equal(static_cast<uint64_t>(a57.execute(0xD500419F, 1)), 0, "a57 has no MSR PAN");
    check_equal(static_cast<uint64_t>(a57.execute(0xD500417F, 1)), 0, "a57 has no MSR UAO");
    check_equal(static_cast<uint64_t>(a57.execute(sys(3, 7, 12, 1, 1), 1)), 0, "a57 has no DC CVAP");
    check_equal(static_cast<uint64_t>(a57.execute(sys(0, 7, 9, 0, 1), 1)), 0, "a57 has no AT S1E1RP");
    a57.state().sys.cpacr_el1 = 3u << 20;
    a57.write(k(3, 3, 4, 4, 0), ~uint64_t{0});
    check_equal(a57.read(k(3, 3, 4, 4, 0)), 0x07C00000, "a57 FPCR");
    // ICC_* exist with a GICv3 only.
    check_equal(static_cast<uint64_t>(gicv2.read(k(3, 0, 12, 12, 0), 1, value)), 0, "ICC_IAR1_EL1 without GICv3");
    check_equal(n1.read(k(3, 0, 12, 12, 0)), 0x1CC, "ICC_IAR1_EL1");
}

void maintenance_instructions() {
    struct Case {
        const char* name;
        uint32_t word;
        Maintenance::Kind kind;
        bool shared;
    };
    using Kind = Maintenance::Kind;
    const Case cases[] = {
        {"TLBI VMALLE1IS", sys(0, 8, 3, 0, 31), Kind::TlbAll, true},
        {"TLBI VAE1IS", sys(0, 8, 3, 1, 1), Kind::TlbVa, true},
        {"TLBI ASIDE1IS", sys(0, 8, 3, 2, 1), Kind::TlbAsid, true},
        {"TLBI VAAE1IS", sys(0, 8, 3, 3, 1), Kind::TlbVaAllAsid, true},
        {"TLBI VALE1IS", sys(0, 8, 3, 5, 1), Kind::TlbVa, true},
        {"TLBI VAALE1IS", sys(0, 8, 3, 7, 1), Kind::TlbVaAllAsid, true},
        {"TLBI VMALLE1", sys(0, 8, 7, 0, 31), Kind::TlbAll, false},
        {"TLBI VAE1", sys(0, 8, 7, 1, 1), Kind::TlbVa, false},
        {"IC IALLUIS", sys(0, 7, 1, 0, 31), Kind::InstructionAll, true},
        {"IC IALLU", sys(0, 7, 5, 0, 31), Kind::InstructionAll, false},
    };
    for (const Case& c : cases) {
        Machine machine;
        machine.state().x[1] = 0x0007000000012345;
        check_equal(static_cast<uint64_t>(machine.execute(c.word, 1)), ~uint64_t{0}, c.name);
        check_equal(machine.fake.broadcasts.size(), c.shared ? 1 : 0, std::string(c.name) + " reaches others");
        if (c.shared) check(machine.fake.broadcasts[0].kind == c.kind, std::string(c.name) + " kind");
    }
    Machine machine;
    machine.execute(0xD5033F9F, 1);
    check_equal(machine.fake.synchronizations, 1, "DSB");
}

/// Every word of the system space, at both levels: an exception or not, but always back.
void every_encoding() {
    for (const CpuModel model : {CpuModel::N1, CpuModel::A57}) {
        Machine machine(model);
        unsigned defined = 0;
        for (uint32_t low = 0; low < 1u << 17; low++) {
            const uint32_t word = 0xD5000000 | low << 5 | 1;
            for (unsigned el = 0; el < 2; el++) {
                machine.state().sys = SystemRegisters{};
                machine.state().pstate = Pstate{};
                machine.state().x[1] = uint64_t{0x9E3779B97F4A7C15} * low;
                // The MMU stays off: what the word does to translation must not lose the vectors.
                if ((low & 0xFFFF) == kSctlr) machine.state().x[1] &= ~uint64_t{1};
                if (machine.execute(word, el) < 0) defined++;
            }
        }
        check(defined > 250, "defined encodings: " + std::to_string(defined));
    }
}

} // namespace

int main() {
    table();
    rights();
    traps();
    values();
    models();
    maintenance_instructions();
    every_encoding();
    return report("system_registers");
}
