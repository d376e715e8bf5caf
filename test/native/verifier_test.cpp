// Lockstep: whatever a translated block does differently is told, and what the machine sees happens once.

#include "fake_machine.h"

#include "arm64/exceptions.h"
#include "translate/verifier.h"

#include <functional>

using namespace beeline::arm64;
using namespace beeline::test;
using beeline::translate::Translation;
using beeline::translate::Verifier;

namespace {

constexpr uint64_t kCode = kRam + 0x1000, kData = kRam + 0x2000;
constexpr uint32_t kAdd = 0x91000421;               // ADD X1, X1, #1
constexpr uint32_t kSubs = 0xF1000822;              // SUBS X2, X1, #2
constexpr uint32_t kStore = 0xF9000001;             // STR X1, [X0]
constexpr uint32_t kDeviceLoad = 0xB9400083;        // LDR W3, [X4]
constexpr uint32_t kDeviceStore = 0xB9000481;       // STR W1, [X4, #4]
constexpr uint32_t kConditional = 0x54000080;       // B.EQ .+16
constexpr uint32_t kConditionalSelect = 0x9A810045; // CSEL X5, X2, X1, EQ
constexpr uint32_t kRet = 0xD65F03C0;
constexpr uint32_t kDeviceValue = 0x44332211;

/// A CPU under a verifier, and a hand-made stand-in for translated code.
struct Bench {
    FakeMachine machine;
    std::unique_ptr<Vcpu> cpu = make_cpu(machine);
    std::vector<std::string> reports;
    Verifier verifier{*cpu, false, 0, [this](std::string text) { reports.push_back(std::move(text)); }};
    std::vector<uint8_t> host_code = std::vector<uint8_t>(4, 0x90);
    Translation translation;

    explicit Bench(std::vector<uint32_t> words) {
        translation.pa = {kCode};
        translation.context = static_cast<uint8_t>(cpu->lookup_tag_at(kCode) & Vcpu::kTagContext);
        translation.words = std::move(words);
        translation.instructions = static_cast<uint16_t>(translation.words.size());
        translation.writable = host_code.data();
        translation.code = host_code.data();
        translation.size = static_cast<uint32_t>(host_code.size());
        CpuState& state = cpu->state;
        state.pc = kCode;
        state.x[0] = kData;
        state.x[1] = 1;
        state.x[4] = kDevice;
        state.x[30] = kCode + 0x100;
    }
    CpuState& state() { return cpu->state; }
    void store(uint64_t value) { machine.write64(kData, value); }
    void retire(unsigned count) {
        cpu->counters.instructions += count;
        state().pc += count * 4;
    }
    void check(const std::function<void()>& execute) { verifier.check(translation, execute); }
    bool told(const std::string& what) const {
        return reports.size() == 1 && reports[0].find(what) != std::string::npos;
    }
};

/// The block that most cases are about, executed rightly.
const std::vector<uint32_t> kBlock{kAdd, kSubs, kStore, kDeviceLoad, kDeviceStore};
void execute_block(Bench& b, uint64_t device = kDevice) {
    CpuState& state = b.state();
    state.x[1] = 2;
    state.x[2] = 0;
    state.nzcv = nzcv::Z | nzcv::C;
    b.store(2);
    uint64_t value = 0;
    b.cpu->environment().device_read(*b.cpu, {device}, 4, value);
    state.x[3] = value;
    b.cpu->environment().device_write(*b.cpu, {device + 4}, 4, 2);
    b.retire(5);
}

void same_is_accepted() {
    Bench b(kBlock);
    b.check([&] { execute_block(b); });
    check(b.reports.empty(), "a right block is accepted");
    check_equal(b.state().x[1], 2, "x1 afterwards");
    check_equal(b.state().pc, kCode + 20, "pc afterwards");
    check_equal(b.machine.read64(kData), 2, "memory afterwards");
    check_equal(b.cpu->counters.instructions, 5, "instructions are counted once");
    check_equal(b.machine.device_log.size(), 2, "devices are accessed once");
}

void difference_is_told(const std::string& what, const std::function<void(Bench&)>& damage) {
    Bench b(kBlock);
    b.check([&] {
        execute_block(b);
        damage(b);
    });
    check(b.told(what), what + " is told: " + (b.reports.empty() ? "nothing" : b.reports[0]));
    check(b.told("subs\tx2, x1, #0x2") && b.told("nop"), what + ": guest and host code are shown");
}

void differences_are_told() {
    difference_is_told("x1: interpreter 0x2, translated 0x3", [](Bench& b) { b.state().x[1] = 3; });
    difference_is_told("sp: ", [](Bench& b) { b.state().x[kStackPointer] ^= 16; });
    difference_is_told("pc: ", [](Bench& b) { b.state().pc += 4; });
    difference_is_told("v7: ", [](Bench& b) { b.state().v[7].d[1] = 1; });
    difference_is_told("fpsr: ", [](Bench& b) { b.state().fpsr = fpsr::kIxc; });
    difference_is_told("fpcr: ", [](Bench& b) { b.state().fpcr = fpcr::kFz; });
    difference_is_told("tpidr_el1: ", [](Bench& b) { b.state().sys.tpidr_el1 = 5; });
    difference_is_told("pstate: ", [](Bench& b) { b.state().pstate.daif = 0; });
    difference_is_told("write 0 of 8 bytes", [](Bench& b) { b.store(1); });
    difference_is_told("exclusive monitor", [](Bench& b) { b.state().exclusive.size = 8; });
    difference_is_told("it retired 6 instructions", [](Bench& b) { b.cpu->counters.instructions++; });
    difference_is_told("asks for a device write",
                       [](Bench& b) { b.cpu->environment().device_write(*b.cpu, {kDevice}, 4, 1); });
}

/// A block that leaves early is compared with as much of the interpreter, and what the machine answered to the rest is
/// answered again when it comes.
void early_exit() {
    Bench b(kBlock);
    b.check([&] {
        b.state().x[1] = 2;
        b.retire(1);
    });
    check(b.reports.empty(), "an early exit is accepted");
    check_equal(b.machine.read64(kData), 0, "the store has not happened yet");
    check_equal(b.machine.device_log.size(), 2, "the devices were accessed ahead");
    uint64_t value = 0;
    b.cpu->environment().device_read(*b.cpu, {kDevice}, 4, value);
    check_equal(value, kDeviceValue, "the answer that was had ahead");
    check_equal(b.machine.device_log.size(), 2, "and no second access");
    b.cpu->environment().device_read(*b.cpu, {kDevice + 8}, 4, value);
    check_equal(b.machine.device_log.size(), 3, "something else is asked of the machine");
}

/// What was had ahead and has come, outside of any check, is no answer to the next block.
void answers_used_up_between_checks() {
    Bench b(kBlock);
    b.check([&] {
        b.state().x[1] = 2;
        b.retire(1);
    });
    uint64_t value = 0;
    b.cpu->environment().device_read(*b.cpu, {kDevice}, 4, value);
    b.state().pc = kCode;
    b.state().x[1] = 1;
    b.state().x[4] = kDevice + 8;
    b.check([&] { execute_block(b, kDevice + 8); });
    check(b.reports.empty(), "a block behind answers used up: " + (b.reports.empty() ? "" : b.reports[0]));
}

/// Dropped flags are right as long as nothing reads them.
void dropped_flags(bool read_later) {
    Bench b({kAdd, kSubs});
    b.check([&] {
        b.state().x[1] = 2;
        b.state().x[2] = 0;
        b.state().nzcv = nzcv::N;
        b.retire(2);
    });
    check(b.reports.empty(), "dropped flags are accepted");
    check_equal(b.state().nzcv, nzcv::Z | nzcv::C, "the CPU has the right ones");
    b.translation.pa = {kCode + 8};
    b.translation.words = {read_later ? kConditionalSelect : kAdd};
    b.check([&] {
        if (read_later)
            b.state().x[5] = (b.state().nzcv & nzcv::Z) != 0 ? b.state().x[2] : b.state().x[1];
        else
            b.state().x[1] = 3;
        b.retire(1);
    });
    if (read_later)
        check(b.told("x5: ") && b.told("the flags on entry were"), "flags that were needed are told");
    else
        check(b.reports.empty(), "flags that nobody needs are none");
}

void branches() {
    for (const bool taken : {false, true}) {
        Bench b({kConditional, kAdd, kRet});
        b.state().nzcv = taken ? nzcv::Z : 0;
        b.check([&] {
            if (taken) {
                b.cpu->counters.instructions++;
                b.state().pc += 16;
                return;
            }
            b.state().x[1] = 2;
            b.cpu->counters.instructions += 3;
            b.state().pc = b.state().x[30];
        });
        check(b.reports.empty(), taken ? "a taken branch ends a block" : "an untaken branch does not");
    }
}

void exceptions() {
    constexpr uint64_t kVectors = kRam + 0x8000;
    for (const bool right : {false, true}) {
        Bench b({kAdd, 0xF9000000 | 4u << 10 | 6u << 5}); // STR X0, [X6, #32]
        b.state().sys.vbar_el1 = kVectors;
        b.state().x[6] = 0x900000000; // Nothing is there: an external abort.
        b.check([&] {
            b.state().x[1] = 2;
            b.cpu->counters.instructions++;
            b.cpu->fault = {.kind = Fault::Kind::External, .access = Access::Write, .va = right ? 0x900000020u : 1u};
            enter_fault(*b.cpu, kCode + 4);
        });
        if (right)
            check(b.reports.empty(), "an exception in the middle");
        else
            check(b.told("far_el1: "), "a wrong fault address is told");
    }
}

} // namespace

int main() {
    same_is_accepted();
    differences_are_told();
    early_exit();
    answers_used_up_between_checks();
    dropped_flags(false);
    dropped_flags(true);
    branches();
    exceptions();
    return report("verifier");
}
