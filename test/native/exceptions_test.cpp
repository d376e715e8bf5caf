// Exception entry and return, syndromes, interrupts, debug exceptions: small programs at EL0 and EL1.

#include "fake_machine.h"

#include "arm64/exceptions.h"
#include "arm64/interpreter/block_cache.h"
#include "arm64/mmu.h"

#include <random>

using namespace beeline::arm64;
using namespace beeline::test;

namespace {

constexpr uint64_t kVectors = kRam + 0x10000, kCode = kRam + 0x20000, kSctlrSpan = 1u << 23;
constexpr uint64_t kDaif = spsr::kDaif;

/// Vectors hold HVC, which stops the CPU: state.pc is then 4 past the vector.
struct Machine {
    FakeMachine fake;
    std::unique_ptr<Vcpu> cpu;

    explicit Machine(CpuModel model = CpuModel::N1) : cpu(make_cpu(fake, model)) {
        for (unsigned offset = 0; offset < 0x800; offset += 0x80) fake.write_code(kVectors + offset, {kHvc});
        sys().vbar_el1 = kVectors;
        sys().oslsr_locked = 0;
    }
    CpuState& state() { return cpu->state; }
    SystemRegisters& sys() { return cpu->state.sys; }

    void enter(unsigned el, unsigned sp_sel = 1, uint64_t pc = kCode) {
        Pstate& pstate = state().pstate;
        const unsigned old_el = pstate.el, old_sp = pstate.sp_sel;
        pstate.el = static_cast<uint8_t>(el);
        pstate.sp_sel = static_cast<uint8_t>(sp_sel);
        select_stack_pointer(*cpu, old_el, old_sp);
        state().pc = pc;
        cpu->update_execution_context();
    }
    /// Runs until a vector (or the program) stops it. The offset of the vector, or ~0.
    uint64_t run() {
        cpu->run();
        const uint64_t offset = state().pc - 4 - kVectors;
        return offset < 0x800 ? offset : ~uint64_t{0};
    }
    uint64_t run_one(uint32_t word, unsigned el, unsigned sp_sel = 1) {
        fake.write_code(kCode, {word, kHvc});
        cpu->blocks().clear();
        enter(el, sp_sel);
        return run();
    }
    unsigned ec() { return sys().esr_el1 >> 26 & 0x3F; }
    uint32_t iss() { return sys().esr_el1 & 0x1FFFFFF; }
};

uint64_t vector_of(unsigned el, unsigned sp_sel) { return el == 0 ? 0x400 : sp_sel != 0 ? 0x200 : 0; }

void synchronous() {
    struct Case {
        const char* name;
        uint32_t word;
        unsigned el; ///< 2: both
        unsigned ec;
        uint32_t iss;
        unsigned return_offset;
    };
    constexpr uint32_t kAlways = 1u << 24 | 0xEu << 20;
    const Case cases[] = {
        {"SVC", svc(0x1234), 2, 0x15, 0x1234, 4},
        {"BRK", brk(0xF00D), 2, 0x3C, 0xF00D, 0},
        {"UDF", 0, 2, 0, 0, 0},
        {"SMC", 0xD4000003, 2, 0, 0, 0},
        {"HLT", 0xD4400000, 2, 0, 0, 0},
        {"DCPS1", 0xD4A00001, 2, 0, 0, 0},
        {"DRPS", 0xD6BF03E0, 2, 0, 0, 0},
        {"HVC at EL0", kHvc, 0, 0, 0, 0},
        {"ERET at EL0", kEret, 0, 0, 0, 0},
        {"WFI at EL0", kWfi, 0, 0x01, kAlways, 0},
        {"WFE at EL0", kWfe, 0, 0x01, kAlways | 1, 0},
        {"MSR SPSel at EL0", 0xD50041BF, 0, 0, 0, 0},
        {"MSR PAN at EL0", 0xD500419F, 0, 0, 0, 0},
        {"MSR DAIFSet at EL0", 0xD50342DF, 0, 0x18, 0u << 20 | 6u << 17 | 3u << 14 | 4u << 10 | 31u << 5 | 2u << 1, 0},
        {"MRS CTR_EL0 at EL0", mrs(system_register_key(3, 3, 0, 0, 1), 5), 0, 0x18,
         3u << 20 | 1u << 17 | 3u << 14 | 5u << 5 | 1, 0},
        {"MRS MIDR_EL1 at EL0", mrs(system_register_key(3, 0, 0, 0, 0), 5), 0, 0, 0, 0},
        {"MSR to a read-only register", msr(system_register_key(3, 0, 0, 0, 0), 5), 2, 0, 0, 0},
        {"DC ZVA at EL0", sys(3, 7, 4, 1, 3), 0, 0x18, 1u << 20 | 1u << 17 | 3u << 14 | 7u << 10 | 3u << 5 | 4u << 1,
         0},
        {"DC CVAC at EL0", sys(3, 7, 10, 1, 3), 0, 0x18, 1u << 20 | 1u << 17 | 3u << 14 | 7u << 10 | 3u << 5 | 10u << 1,
         0},
        {"DC IVAC at EL0", sys(0, 7, 6, 1, 3), 0, 0, 0, 0},
        {"TLBI at EL0", sys(0, 8, 7, 0, 31), 0, 0, 0, 0},
        {"TLBI ALLE2", sys(4, 8, 7, 0, 31), 2, 0, 0, 0},
        {"FPCR with FPEN 0", mrs(system_register_key(3, 3, 4, 4, 0), 1), 2, 0x07, kAlways, 0},
    };
    for (const Case& c : cases) {
        for (unsigned el = 0; el < 2; el++) {
            if (c.el != 2 && c.el != el) continue;
            for (unsigned sp_sel = 0; sp_sel < (el == 0 ? 1 : 2); sp_sel++) {
                Machine machine;
                machine.state().nzcv = nzcv::N | nzcv::C;
                machine.state().pstate.daif = spsr::kA;
                const std::string what = std::string(c.name) + " from EL" + std::to_string(el) + (sp_sel ? "h" : "t");
                check_equal(machine.run_one(c.word, el, sp_sel), vector_of(el, sp_sel), what + " vector");
                check_equal(machine.ec(), c.ec, what + " EC");
                check_equal(machine.iss(), c.iss, what + " ISS");
                check_equal(machine.sys().esr_el1 >> 25 & 1, 1, what + " IL");
                check_equal(machine.sys().elr_el1, kCode + c.return_offset, what + " ELR");
                check_equal(machine.sys().spsr_el1, nzcv::N | nzcv::C | spsr::kA | el << 2 | sp_sel, what + " SPSR");
                check_equal(machine.state().pstate.daif, kDaif, what + " masks");
                check(machine.state().pstate.el == 1 && machine.state().pstate.sp_sel == 1, what + " EL1h");
            }
        }
    }
}

void pstate_on_entry() {
    for (const CpuModel model : {CpuModel::N1, CpuModel::A57}) {
        for (const bool span : {false, true}) {
            for (const bool pan : {false, true}) {
                Machine machine(model);
                machine.sys().sctlr_el1 = span ? kSctlrSpan : 0;
                const bool has_pan = model == CpuModel::N1;
                machine.state().pstate.pan = pan && has_pan;
                machine.state().pstate.uao = has_pan;
                machine.state().pstate.ss = 1;
                machine.run_one(svc(0), 0);
                check_equal(machine.state().pstate.pan, has_pan && (pan || !span), "PAN on entry");
                check_equal(machine.state().pstate.uao, 0, "UAO on entry");
                check_equal(machine.state().pstate.ss, 0, "SS on entry");
                check_equal(machine.sys().spsr_el1 & spsr::kSs, spsr::kSs, "SPSR.SS");
                check_equal(machine.sys().spsr_el1 & spsr::kPan, pan && has_pan ? spsr::kPan : 0, "SPSR.PAN");
                check_equal(machine.sys().spsr_el1 & spsr::kUao, has_pan ? spsr::kUao : 0, "SPSR.UAO");
            }
        }
    }
}

void stack_pointers() {
    Machine machine;
    machine.enter(1, 1);
    machine.state().x[kStackPointer] = 0x1111;
    machine.sys().sp_el0 = 0x2222;
    machine.enter(0);
    check_equal(machine.state().x[kStackPointer], 0x2222, "SP at EL0");
    machine.fake.write_code(kCode, {svc(0)});
    machine.run();
    check_equal(machine.state().x[kStackPointer], 0x1111, "SP at EL1h");
    check_equal(machine.sys().sp_el0, 0x2222, "SP_EL0 saved");
    // MRS and MSR SP_EL0, UNDEFINED while it is in use.
    constexpr uint32_t kSpEl0 = system_register_key(3, 0, 4, 1, 0);
    machine.state().x[1] = 0x3333;
    check_equal(machine.run_one(msr(kSpEl0, 1), 1, 1), ~uint64_t{0}, "MSR SP_EL0");
    check_equal(machine.sys().sp_el0, 0x3333, "MSR SP_EL0");
    check_equal(machine.run_one(mrs(kSpEl0, 1), 1, 0), 0, "MRS SP_EL0 with SPSel 0");
    check_equal(machine.ec(), 0, "MRS SP_EL0 with SPSel 0");
    // MSR SPSel, #0
    machine.run_one(0xD50040BF, 1, 1);
    check_equal(machine.state().x[kStackPointer], 0x3333, "SPSel 0 selects SP_EL0");
    check_equal(machine.sys().sp_el1, 0x1111, "SP_EL1 saved");
}

void returns() {
    for (const CpuModel model : {CpuModel::N1, CpuModel::A57}) {
        for (uint64_t mode = 0; mode < 32; mode++) {
            Machine machine(model);
            const bool legal = mode == 0 || mode == 4 || mode == 5;
            const uint64_t rest = nzcv::Z | nzcv::V | spsr::kUao | spsr::kPan | spsr::kD | spsr::kF;
            machine.sys().spsr_el1 = rest | mode;
            machine.sys().elr_el1 = kCode + 0x100;
            machine.state().exclusive.size = 8;
            machine.fake.write_code(kCode, {kEret});
            machine.fake.write_code(kCode + 0x100, {svc(7)});
            machine.enter(1, 1);
            const uint64_t vector = machine.run();
            const std::string what = "ERET to mode " + std::to_string(mode);
            const bool n1 = model == CpuModel::N1;
            const uint64_t flags = nzcv::Z | nzcv::V | (n1 ? spsr::kUao | spsr::kPan : 0) | spsr::kD | spsr::kF;
            if (legal) {
                check_equal(machine.ec(), 0x15, what + " runs");
                check_equal(machine.sys().spsr_el1, flags | mode, what + " PSTATE");
                check_equal(vector, mode == 0 ? 0x400 : mode == 4 ? 0 : 0x200, what + " came from");
                check_equal(machine.sys().elr_el1, kCode + 0x104, what + " ELR");
            } else {
                check_equal(machine.ec(), 0x0E, what + " is illegal");
                check_equal(machine.sys().spsr_el1, flags | spsr::kIl | 5, what + " keeps EL1h");
                check_equal(machine.sys().elr_el1, kCode + 0x100, what + " ELR");
                check_equal(machine.state().pstate.il, 0, what + " entry clears IL");
            }
            check_equal(machine.state().exclusive.size, 0, what + " clears the monitor");
            check(machine.cpu->consume_event(), what + " sets the event register");
        }
    }
    // SPSR.IL on a legal return.
    Machine machine;
    machine.sys().spsr_el1 = spsr::kIl;
    machine.sys().elr_el1 = kCode + 0x100;
    machine.run_one(kEret, 1);
    check_equal(machine.ec(), 0x0E, "SPSR.IL");
    check_equal(machine.sys().spsr_el1, spsr::kIl, "SPSR.IL at EL0");
    // Unaligned return address.
    machine.sys().spsr_el1 = 0;
    machine.sys().elr_el1 = kCode + 2;
    machine.run_one(kEret, 1);
    check_equal(machine.ec(), 0x22, "PC alignment");
    check_equal(machine.sys().far_el1, kCode + 2, "PC alignment FAR");
    check_equal(machine.sys().elr_el1, kCode + 2, "PC alignment ELR");
}

void interrupts() {
    struct Case {
        Line line;
        uint64_t mask;
        uint64_t offset;
    };
    for (const Case& c : {Case{Line::Irq, spsr::kI, 0x80}, Case{Line::Fiq, spsr::kF, 0x100}}) {
        for (unsigned el = 0; el < 2; el++) {
            Machine machine;
            machine.state().pstate.daif = 0;
            machine.cpu->set_line(c.line, true);
            machine.sys().esr_el1 = 0x55;
            check_equal(machine.run_one(svc(0), el), vector_of(el, 1) + c.offset, "interrupt vector");
            check_equal(machine.sys().elr_el1, kCode, "interrupt ELR");
            check_equal(machine.sys().esr_el1, 0x55, "an interrupt leaves ESR alone");
            // Masked: the instruction runs.
            Machine masked;
            masked.state().pstate.daif = static_cast<uint16_t>(c.mask);
            masked.cpu->set_line(c.line, true);
            check_equal(masked.run_one(svc(0), el), vector_of(el, 1), "masked interrupt");
        }
        // Unmasking lets it in before the next instruction; WFI does not sleep on a masked one.
        Machine machine;
        machine.state().pstate.daif = kDaif;
        machine.cpu->set_line(c.line, true);
        machine.fake.write_code(kCode, {kWfi, kNop, 0xD5034FFF, svc(0)}); // MSR DAIFClr, #15
        machine.enter(1);
        check_equal(machine.run(), 0x200 + c.offset, "DAIFClr");
        check_equal(machine.sys().elr_el1, kCode + 12, "taken right behind DAIFClr");
        // MSR DAIF, X0 and ERET unmask as well.
        Machine by_register;
        by_register.cpu->set_line(c.line, true);
        by_register.state().x[0] = 0;
        by_register.fake.write_code(kCode, {msr(system_register_key(3, 3, 4, 2, 1), 0), svc(0)});
        by_register.enter(1);
        check_equal(by_register.run(), 0x200 + c.offset, "MSR DAIF");
        check_equal(by_register.sys().elr_el1, kCode + 4, "taken right behind MSR DAIF");
        Machine by_return;
        by_return.cpu->set_line(c.line, true);
        by_return.sys().elr_el1 = kCode + 0x40;
        by_return.sys().spsr_el1 = 0;
        check_equal(by_return.run_one(kEret, 1), 0x400 + c.offset, "ERET");
        check_equal(by_return.sys().elr_el1, kCode + 0x40, "taken right behind ERET");
    }
    // A dropped line is no interrupt; both at once: FIQ first.
    Machine machine;
    machine.state().pstate.daif = 0;
    machine.cpu->set_line(Line::Irq, true);
    machine.cpu->set_line(Line::Irq, false);
    check_equal(machine.run_one(svc(0), 1), 0x200, "dropped line");
    machine.state().pstate.daif = 0;
    machine.cpu->set_line(Line::Irq, true);
    machine.cpu->set_line(Line::Fiq, true);
    check_equal(machine.run_one(svc(0), 1), 0x300, "FIQ before IRQ");
}

void waiting() {
    Machine machine;
    machine.fake.write_code(kCode, {kWfi, 0xD50320BF /* SEVL */, kWfe, kWfe, 0xD503209F /* SEV */, kHvc});
    machine.enter(1);
    check(machine.cpu->run() == ExitReason::WaitForInterrupt, "WFI leaves");
    check_equal(machine.state().pc, kCode + 4, "WFI is done");
    check(machine.cpu->run() == ExitReason::WaitForEvent, "WFE with an event goes on, the next one leaves");
    check_equal(machine.state().pc, kCode + 16, "WFE is done");
    check(machine.cpu->run() == ExitReason::Stopped, "HVC stops");
    check_equal(machine.fake.events, 1, "SEV");
    check_equal(machine.state().pc, kCode + 24, "HVC returns behind itself");
    // nTWI, nTWE: no trap from EL0.
    machine.sys().sctlr_el1 |= 1u << 16 | 1u << 18;
    machine.fake.write_code(kCode, {kWfi, kWfe, svc(0)});
    machine.cpu->blocks().clear();
    machine.enter(0);
    check(machine.cpu->run() == ExitReason::WaitForInterrupt, "WFI at EL0");
    check(machine.cpu->run() == ExitReason::WaitForEvent, "WFE at EL0");
}

/// A small address space: code at EL0 and EL1, a page of data, holes.
constexpr uint64_t kUserCode = 0x10000, kData = 0x20000, kReadOnly = 0x21000, kKernelOnly = 0x22000, kHole = 0x23000,
                   kNoAccess = 0x24000, kUserNoExecute = 0x25000;

void enable_mmu(Machine& machine) {
    constexpr uint64_t kL1 = kRam + 0x100000, kL2 = kRam + 0x101000, kL3 = kRam + 0x102000;
    constexpr uint64_t kNormal = 1u << 10 | 1u << 2, kUser = 1u << 6, kRo = 1u << 7, kUxn = uint64_t{1} << 54,
                       kPxn = uint64_t{1} << 53;
    const auto page = [&](uint64_t va, uint64_t pa, uint64_t bits) {
        machine.fake.write64(kL3 + (va >> 12 & 0x1FF) * 8, pa | bits | 3);
    };
    machine.fake.write64(kL1, kL2 | 3);
    machine.fake.write64(kL1 + 8, kRam | kNormal | kUxn | 1); // RAM where it is, EL1 only
    machine.fake.write64(kL2, kL3 | 3);
    page(kUserCode, kCode, kNormal | kUser | kRo | kPxn);
    page(kData, kRam + 0x30000, kNormal | kUser | kUxn | kPxn);
    page(kReadOnly, kRam + 0x31000, kNormal | kUser | kRo | kUxn | kPxn);
    page(kKernelOnly, kRam + 0x32000, kNormal | kUxn | kPxn);
    page(kNoAccess, kRam + 0x33000, kUser | 1u << 2);
    page(kUserNoExecute, kCode, kNormal | kUser | kUxn);
    machine.sys().mair_el1 = 0xFF00;
    machine.sys().tcr_el1 = 25 | 25u << 16 | 2u << 30 | uint64_t{5} << 32;
    machine.sys().ttbr0_el1 = machine.sys().ttbr1_el1 = kL1;
    machine.sys().sctlr_el1 |= 1 | 1u << 14 | 1u << 26; // M, DZE, UCI
    machine.cpu->flush_tlb_all();
}

void aborts() {
    constexpr uint32_t kZva = sys(3, 7, 4, 1, 0), kCvac = sys(3, 7, 10, 1, 0), kIvac = sys(0, 7, 6, 1, 0),
                       kIvau = sys(3, 7, 5, 1, 0);
    constexpr uint32_t kWnr = 1u << 6, kCm = 1u << 8;
    struct Case {
        const char* name;
        uint32_t word;
        unsigned el;
        uint64_t address;
        uint32_t iss;
    };
    const Case cases[] = {
        {"DC ZVA of a hole", kZva, 0, kHole + 0x47, 0x07 | kWnr},
        {"DC ZVA of a hole", kZva, 1, kHole + 0x47, 0x07 | kWnr},
        {"DC ZVA of a read-only page", kZva, 1, kReadOnly, 0x0F | kWnr},
        {"DC ZVA of the kernel's page", kZva, 0, kKernelOnly, 0x0F | kWnr},
        {"DC ZVA without access flag", kZva, 0, kNoAccess, 0x0B | kWnr},
        {"DC ZVA above the input size", kZva, 1, uint64_t{1} << 45, 0x04 | kWnr},
        {"DC ZVA of an empty L1 entry", kZva, 1, uint64_t{5} << 30, 0x05 | kWnr},
        {"DC ZVA of an empty L2 entry", kZva, 1, 0x400000, 0x06 | kWnr},
        {"DC CVAC of a hole", kCvac, 0, kHole + 5, 0x07 | kWnr | kCm},
        {"DC CVAC of the kernel's page", kCvac, 0, kKernelOnly, 0x0F | kWnr | kCm},
        {"DC IVAC of a read-only page", kIvac, 1, kReadOnly, 0x0F | kWnr | kCm},
        {"IC IVAU of a hole", kIvau, 1, kHole, 0x07 | kWnr | kCm},
        {"IC IVAU of the kernel's page", kIvau, 0, kKernelOnly, 0x0F | kWnr | kCm},
    };
    for (const Case& c : cases) {
        Machine machine;
        enable_mmu(machine);
        machine.fake.write_code(kCode, {c.word, kHvc});
        machine.state().x[0] = c.address;
        const uint64_t pc = c.el == 0 ? kUserCode : kCode;
        machine.enter(c.el, 1, pc);
        const std::string what = std::string(c.name) + " at EL" + std::to_string(c.el);
        check_equal(machine.run(), vector_of(c.el, 1), what + " vector");
        check_equal(machine.ec(), c.el == 0 ? 0x24 : 0x25, what + " EC");
        check_equal(machine.iss(), c.iss, what + " ISS");
        check_equal(machine.sys().far_el1, c.address, what + " FAR");
        check_equal(machine.sys().elr_el1, pc, what + " ELR");
    }
    // What is allowed is done.
    Machine machine;
    enable_mmu(machine);
    std::memset(machine.fake.ram.data() + 0x30000, 0xAA, 256);
    machine.fake.write_code(kCode, {kZva, kCvac, kIvau, svc(0)});
    machine.state().x[0] = kData + 0x47;
    machine.enter(0, 1, kUserCode);
    check_equal(machine.run(), 0x400, "maintenance at EL0");
    check_equal(machine.ec(), 0x15, "maintenance at EL0");
    check(machine.fake.read64(kRam + 0x30038) == 0xAAAAAAAAAAAAAAAA && machine.fake.read64(kRam + 0x30040) == 0 &&
              machine.fake.read64(kRam + 0x30078) == 0 && machine.fake.read64(kRam + 0x30080) == 0xAAAAAAAAAAAAAAAA,
          "DC ZVA clears its 64 bytes");
    check(machine.fake.broadcasts.size() == 1 &&
              machine.fake.broadcasts[0].kind == Maintenance::Kind::InstructionLine &&
              machine.fake.broadcasts[0].operand == kRam + 0x30040,
          "IC IVAU by physical line");
    // PAN does not matter to cache maintenance, but to DC ZVA.
    for (const uint32_t word : {kZva, kCvac}) {
        Machine pan;
        enable_mmu(pan);
        pan.state().pstate.pan = 1;
        pan.state().x[0] = kData;
        check_equal(pan.run_one(word, 1), word == kZva ? 0x200 : ~uint64_t{0}, "PAN");
    }
    // Fetches.
    struct Fetch {
        const char* name;
        unsigned el;
        uint64_t pc;
        uint32_t iss;
    };
    for (const Fetch& c : {Fetch{"hole", 0, kHole, 0x07},
                           {"hole", 1, kHole, 0x07},
                           {"UXN", 0, kUserNoExecute, 0x0F},
                           {"user code at EL1", 1, kUserCode, 0x0F},
                           {"kernel at EL0", 0, kRam, 0x0D},
                           {"access flag", 0, kNoAccess, 0x0B}}) {
        Machine fetch;
        enable_mmu(fetch);
        fetch.enter(c.el, 1, c.pc);
        const std::string what = std::string("fetch from ") + c.name;
        check_equal(fetch.run(), vector_of(c.el, 1), what + " vector");
        check_equal(fetch.ec(), c.el == 0 ? 0x20 : 0x21, what + " EC");
        check_equal(fetch.iss(), c.iss, what + " ISS");
        check_equal(fetch.sys().far_el1, c.pc, what + " FAR");
        check_equal(fetch.sys().elr_el1, c.pc, what + " ELR");
    }
    Machine outside;
    outside.enter(1, 1, 0x70000000);
    outside.run();
    check_equal(outside.ec() << 8 | outside.iss(), 0x2110, "fetch from nowhere is an external abort");
}

void software_step() {
    // EL1 arms the step with KDE clear and returns to EL0 with SPSR.SS set.
    Machine machine;
    machine.fake.write_code(kCode, {kNop, kNop, svc(1), kNop});
    const auto go = [&](uint64_t pc, bool ss) {
        machine.sys().mdscr_el1 = 1;
        machine.sys().elr_el1 = pc;
        machine.sys().spsr_el1 = ss ? spsr::kSs : 0;
        machine.fake.write_code(kCode + 0x800, {kEret});
        machine.enter(1, 1, kCode + 0x800);
        return machine.run();
    };
    check_equal(go(kCode, true), 0x400, "step");
    check_equal(machine.ec(), 0x32, "step EC");
    check_equal(machine.iss(), 1u << 24 | 0x22, "step ISS: an instruction was stepped");
    check_equal(machine.sys().elr_el1, kCode + 4, "one instruction was stepped");
    check_equal(machine.sys().spsr_el1 & spsr::kSs, 0, "SS is used up");
    go(kCode, false);
    check_equal(machine.ec() << 26 | machine.iss(), 0x32u << 26 | 0x22, "pending at once, ISV clear");
    check_equal(machine.sys().elr_el1, kCode, "nothing was stepped");
    go(kCode + 8, true);
    check_equal(machine.ec(), 0x15, "stepping SVC takes SVC");
    check_equal(machine.sys().spsr_el1 & spsr::kSs, 0, "SVC counts as stepped");
    machine.fake.write_code(kCode, {0});
    machine.cpu->blocks().clear();
    go(kCode, true);
    check_equal(machine.ec(), 0, "stepping an undefined instruction takes that");
    check_equal(machine.sys().spsr_el1 & spsr::kSs, spsr::kSs, "which does not count as stepped");
    // KDE and D: stepping EL1 itself.
    machine.fake.write_code(kCode, {0xD503497F & 0, kNop});
    Machine kernel;
    kernel.fake.write_code(kCode,
                           {msr(system_register_key(2, 0, 0, 2, 2), 0), 0xD50348FF /* DAIFClr, #8 */, kNop, kNop});
    kernel.state().x[0] = 1 | 1u << 13;
    kernel.enter(1);
    check_equal(kernel.run(), 0x200, "KDE");
    check_equal(kernel.ec(), 0x33, "step of the same level");
    check_equal(kernel.sys().elr_el1, kCode + 8, "from where PSTATE.D was cleared");
    // The OS lock keeps debug exceptions away.
    machine.fake.write_code(kCode, {svc(9)});
    machine.cpu->blocks().clear();
    machine.sys().oslsr_locked = 1;
    go(kCode, true);
    check_equal(machine.ec(), 0x15, "OS lock");
}

void breakpoints() {
    const auto prepare = [](Machine& machine, unsigned n, uint64_t bvr, uint64_t bcr) {
        machine.sys().dbgbvr_el1[n] = bvr;
        machine.sys().dbgbcr_el1[n] = bcr;
        machine.sys().mdscr_el1 = 1u << 15;
        machine.sys().contextidr_el1 = 0x77;
        machine.fake.write_code(kCode, {kNop, kNop, svc(0)});
    };
    constexpr uint64_t kBas = 0xFu << 5, kEl0 = 2u << 1, kEl1 = 1u << 1;
    struct Case {
        const char* name;
        unsigned n;
        uint64_t value, control;
        bool hit;
    };
    const Case cases[] = {
        {"address at EL0", 0, kCode + 4, 1 | kEl0 | kBas, true},
        {"highest breakpoint", 5, kCode + 4, 1 | kEl0 | kBas, true},
        {"disabled", 0, kCode + 4, kEl0 | kBas, false},
        {"EL1 only", 0, kCode + 4, 1 | kEl1 | kBas, false},
        {"another address", 0, kCode + 0x40, 1 | kEl0 | kBas, false},
        {"EL2's mode", 0, kCode + 4, 1 | kEl0 | kBas | 1u << 13, false},
        {"context", 4, 0x77, 1 | kEl0 | kBas | 2u << 20, true},
        {"another context", 4, 0x78, 1 | kEl0 | kBas | 2u << 20, false},
        {"context in a breakpoint without it", 0, 0x77, 1 | kEl0 | kBas | 2u << 20, false},
        {"linked to nothing", 0, kCode + 4, 1 | kEl0 | kBas | 1u << 20 | 5u << 16, false},
    };
    for (const Case& c : cases) {
        Machine machine;
        prepare(machine, c.n, c.value, c.control);
        machine.enter(0);
        check_equal(machine.run(), 0x400, c.name);
        check_equal(machine.ec(), c.hit ? 0x30 : 0x15, c.name);
        if (!c.hit) continue;
        check_equal(machine.iss(), 0x22, c.name);
        check_equal(machine.sys().elr_el1, c.n == 4 ? kCode : kCode + 4, c.name);
    }
    for (const uint64_t context : {0x77, 0x78}) {
        Machine machine;
        prepare(machine, 0, kCode + 4, 1 | kEl0 | kBas | 1u << 20 | 5u << 16);
        machine.sys().dbgbvr_el1[5] = context;
        machine.sys().dbgbcr_el1[5] = 1 | kEl0 | kBas | 3u << 20;
        machine.enter(0);
        machine.run();
        check_equal(machine.ec(), context == 0x77 ? 0x30 : 0x15, "linked context");
    }
    Machine kernel;
    prepare(kernel, 0, kCode + 4, 1 | kEl1 | kBas);
    kernel.state().pstate.daif = 0;
    kernel.enter(1);
    kernel.run();
    check_equal(kernel.ec(), 0x15, "EL1 without KDE");
    kernel.sys().mdscr_el1 |= 1u << 13;
    kernel.state().pstate.daif = 0;
    kernel.enter(1);
    kernel.run();
    check_equal(kernel.ec(), 0x31, "EL1 with KDE");
}

void watchpoints() {
    constexpr uint32_t kZva = sys(3, 7, 4, 1, 0);
    const auto zero = [&](uint64_t wvr, uint64_t wcr, unsigned& ec) {
        Machine machine;
        enable_mmu(machine);
        machine.sys().dbgwvr_el1[1] = wvr;
        machine.sys().dbgwcr_el1[1] = wcr;
        machine.sys().mdscr_el1 = 1u << 15;
        machine.fake.write64(kRam + 0x30040, 0x55);
        machine.fake.write_code(kCode, {kZva, svc(0)});
        machine.state().x[0] = kData + 0x48;
        machine.enter(0, 1, kUserCode);
        machine.run();
        ec = machine.ec();
        check_equal(machine.fake.read64(kRam + 0x30040), ec == 0x34 ? 0x55 : 0, "a watched store is not done");
        if (ec == 0x34) check_equal(machine.iss(), 0x22 | 1u << 6, "watchpoint ISS");
    };
    constexpr uint64_t kEl0 = 2u << 1, kStore = 2u << 3, kLoad = 1u << 3, kByte0 = 1u << 5;
    unsigned ec = 0;
    zero(kData + 0x70, 1 | kEl0 | kStore | kByte0, ec);
    check_equal(ec, 0x34, "watched store");
    zero(kData + 0x80, 1 | kEl0 | kStore | kByte0, ec);
    check_equal(ec, 0x15, "next to it");
    zero(kData + 0x70, 1 | kEl0 | kLoad | kByte0, ec);
    check_equal(ec, 0x15, "loads only");
    zero(kData, 1 | kEl0 | kStore | 0xFFu << 5 | 12u << 24, ec);
    check_equal(ec, 0x34, "a whole page by MASK");

    // Byte by byte, through the slow path that a watched page always takes.
    Machine machine;
    enable_mmu(machine);
    machine.sys().dbgwvr_el1[0] = kData + 4;
    machine.sys().dbgwcr_el1[0] = 1 | kEl0 | kLoad | 6u << 5; // bytes 5 and 6
    machine.sys().mdscr_el1 = 1u << 15;
    machine.enter(0, 1, kUserCode);
    for (unsigned offset = 0; offset < 12; offset++) {
        const bool hit = !machine.cpu->load_slow(kData + offset, 1, Regime::El0);
        check(hit == (offset == 5 || offset == 6), "watched byte " + std::to_string(offset));
        check(machine.cpu->data_tlb->entry(kData).read_page != kData, "a watched page stays out of the TLB");
    }
    check(!machine.cpu->load_slow(kData, 8, Regime::El0), "an access around the watched bytes");
    check(machine.cpu->load_slow(kReadOnly, 8, Regime::El0) &&
              machine.cpu->data_tlb->entry(kReadOnly).read_page == kReadOnly,
          "other pages are not slowed down");
}

void hostile() {
    std::mt19937_64 random(11);
    Machine machine;
    enable_mmu(machine);
    for (unsigned round = 0; round < 20000; round++) {
        machine.sys().spsr_el1 = random();
        machine.sys().elr_el1 = random() >> random() % 64;
        if (random() % 4 == 0) machine.sys().elr_el1 = kCode + 4;
        machine.sys().mdscr_el1 = random() % 4 == 0 ? random() : 0;
        for (uint64_t& control : machine.sys().dbgbcr_el1) control = random();
        for (uint64_t& control : machine.sys().dbgwcr_el1) control = random();
        machine.sys().vbar_el1 = kVectors;
        machine.state().pstate.daif = kDaif;
        machine.run_one(kEret, 1);
    }
    check(true, "survived");
}

} // namespace

int main() {
    synchronous();
    pstate_on_entry();
    stack_pointers();
    returns();
    interrupts();
    waiting();
    aborts();
    software_step();
    breakpoints();
    watchpoints();
    hostile();
    return report("exceptions");
}
