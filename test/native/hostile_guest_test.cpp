// Guests that do anything at all: random instructions of every row at EL1 and EL0, on random registers, page tables and
// system registers, with interrupts, maintenance and memory changing underneath. The emulator has to come back each
// time, with its own state in order.
//
//     test_hostile_guest_test [SECONDS [SEED [interpreter|direct|verified]]]
//
// All three by default, SECONDS each: in the interpreter; translated, by a random selection of techniques; translated
// and checked against the interpreter in lockstep.

#include "fake_machine.h"

#include "arm64/exceptions.h"
#include "arm64/interpreter/block_cache.h"
#include "arm64/random_instruction.h"
#include "arm64/system_registers.h"
#include "translate/direct_tier.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <unistd.h>

using namespace beeline::arm64;
using namespace beeline::test;

namespace {

constexpr uint64_t kTableArea = kRam + kRamSize / 2;

/// Stops the CPU again and again: what the guest runs need not end.
class Watchdog {
public:
    explicit Watchdog(Vcpu& cpu)
        : thread_([this, &cpu] {
              while (!done_.load()) {
                  std::this_thread::sleep_for(std::chrono::microseconds(500));
                  cpu.request_stop();
              }
          }) {}
    ~Watchdog() {
        done_ = true;
        thread_.join();
    }

private:
    std::atomic<bool> done_{false};
    std::thread thread_;
};

uint64_t somewhere(Rng& rng) {
    switch (rng.below(6)) {
    case 0: return rng.next();
    case 1: return kDevice + rng.below(kPageSize);
    case 2: return rng.below(1u << 16);
    case 3: return ~uint64_t{rng.below(1u << 20)};
    default: return kRam + rng.below(kRamSize) / (rng.one_in(2) ? 1 : 16) * 16 % kRamSize;
    }
}

constexpr uint64_t kVectors = kTableArea - kPageSize;

/// Random code everywhere below the vectors, and vectors that go on behind the instruction that failed.
void fill_code(FakeMachine& machine, Rng& rng) {
    static const std::vector<uint32_t> pool = [] {
        Rng words(42);
        std::vector<uint32_t> result(1u << 16);
        for (uint32_t& word : result)
            word = words.one_in(50) ? static_cast<uint32_t>(words.next())
                                    : random_instance(rows()[words.below(kOpCount)], words);
        return result;
    }();
    constexpr unsigned kRun = 64;
    for (uint64_t offset = 0; offset < kVectors - kRam; offset += kRun * 4)
        std::memcpy(machine.ram.data() + offset, pool.data() + rng.below(static_cast<uint32_t>(pool.size()) - kRun),
                    kRun * 4);
    constexpr uint32_t kElr = system_register_key(3, 0, 4, 0, 1), kAddX0 = 0x91001000; // ADD X0, X0, #4
    for (unsigned entry = 0; entry < 16; entry++)
        machine.write_code(kVectors + entry * 0x80, {mrs(kElr, 0), kAddX0, msr(kElr, 0), kEret});
}

/// Identity-like mappings of RAM with random rights, and descriptors that lead anywhere.
void fill_tables(FakeMachine& machine, Rng& rng) {
    for (uint64_t address = kTableArea; address < kRam + kRamSize; address += 8) {
        uint64_t descriptor = rng.next();
        if (!rng.one_in(16)) {
            const uint64_t target = rng.one_in(3) ? kTableArea + rng.below(kRamSize / 2) : kRam + rng.below(kRamSize);
            descriptor = (descriptor & 0x0060000000000FFC) | (target & ~kPageMask) | 3 | 1u << 10;
        }
        machine.write64(address, descriptor);
    }
    // The first table maps RAM by a block often enough that something runs.
    for (uint64_t index = 0; index < 512; index++)
        if (rng.one_in(2)) machine.write64(kTableArea + index * 8, kRam | 1u << 10 | (rng.next() & 0xDC) | 1);
    // RAM at its own address, usually executable at EL1.
    machine.write64(kTableArea + 8, kRam | 1u << 10 | (rng.one_in(8) ? 0x40u : rng.one_in(2) ? 0xC0u : 0u) | 1);
}

void randomise(Vcpu& cpu, Rng& rng) {
    CpuState& state = cpu.state;
    for (unsigned i = 0; i < 31; i++) state.x[i] = somewhere(rng);
    state.x[kStackPointer] = somewhere(rng) & ~uint64_t{15};
    for (VReg& v : state.v) v = {{rng.next(), rng.next()}};
    for (const SystemRegister& reg : system_registers()) {
        if (!rng.one_in(4)) continue;
        state.pstate.el = 1;
        write_system_register(cpu, reg, rng.one_in(3) ? rng.next() : somewhere(rng));
    }
    state.sys.vbar_el1 = rng.one_in(16) ? rng.next() & ~uint64_t{0x7FF} : kVectors;
    state.sys.cpacr_el1 = rng.one_in(4) ? 0 : 3u << 20;
    state.sys.mdscr_el1 = rng.one_in(8) ? rng.next() & 0xE001 : 0;
    if (rng.one_in(2)) {
        state.sys.sctlr_el1 &= ~uint64_t{1};
    } else {
        state.sys.sctlr_el1 |= 1;
        state.sys.sctlr_el1 &= ~(uint64_t{1} << 25);
        state.sys.tcr_el1 = rng.one_in(3) ? rng.next() : 25 | 25u << 16 | 2u << 30 | uint64_t{5} << 32;
        state.sys.ttbr0_el1 = state.sys.ttbr1_el1 = kTableArea;
    }
    const unsigned old_sp_sel = state.pstate.sp_sel;
    state.pstate.el = static_cast<uint8_t>(rng.below(2));
    state.pstate.sp_sel = static_cast<uint8_t>(rng.below(2));
    select_stack_pointer(cpu, 1, old_sp_sel);
    state.pstate.pan = static_cast<uint8_t>(rng.below(2));
    state.pstate.uao = static_cast<uint8_t>(rng.below(2));
    state.pstate.daif = static_cast<uint16_t>(rng.next() & spsr::kDaif);
    state.pc = rng.one_in(8) ? somewhere(rng) : kRam + (rng.below(kRamSize / 2) & ~3u);
    cpu.flush_tlb_all();
}

bool in_order(const Vcpu& cpu) {
    const CpuState& state = cpu.state;
    return state.x[kZeroRegister] == 0 && state.pstate.el <= 1 && state.pstate.sp_sel <= 1 &&
           (state.nzcv & ~nzcv::kMask) == 0 && (state.pstate.daif & ~spsr::kDaif) == 0 &&
           (state.fpsr & ~fpsr::kMask) == 0;
}

uint64_t executed = 0, exceptions = 0;
volatile uint64_t current_seed = 0;

/// Says which guest brought the emulator down, and lets it go down.
void tell_seed(int signal) {
    char text[] = "seed 00000000000000000000\n";
    char* digit = text + sizeof text - 3;
    for (uint64_t seed = current_seed; seed != 0; seed /= 10) *digit-- = static_cast<char>('0' + seed % 10);
    [[maybe_unused]] const auto written = write(STDERR_FILENO, text, sizeof text - 1);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

enum class Mode { Interpreter, Direct, Verified };
constexpr std::string_view kModeNames[] = {"interpreter", "direct", "verified"};

void attach_tier(Vcpu& cpu, Mode mode, uint64_t seed) {
    if (mode == Mode::Interpreter) return;
    using namespace beeline::translate;
    Rng rng(seed ^ 0x7165);
    DirectOptions options;
    options.verify = mode == Mode::Verified;
    options.visits_before_translation = options.verify ? 0 : rng.below(3);
    if (rng.one_in(2))
        for (const TechniqueName& entry : kTechniqueNames)
            if (rng.one_in(4)) options.techniques.disable(entry.technique);
    // These guests overwrite code without saying so: what a block found behind its end may have changed.
    if (options.verify) options.techniques.disable(Technique::FlagLookAhead);
    auto tier = DirectTier::create(cpu, options, [&cpu, seed](std::string difference) {
        check(false, "seed " + std::to_string(seed) + ": " + difference);
        cpu.request_stop();
    });
    if (check(tier != nullptr, "memory for translated code")) cpu.set_tier(std::move(tier));
}

void guest(uint64_t seed, Mode mode) {
    Rng rng(seed);
    FakeMachine machine;
    machine.gic = rng.one_in(2);
    const auto cpu = make_cpu(machine, rng.one_in(4) ? CpuModel::A57 : CpuModel::N1);
    attach_tier(*cpu, mode, seed);
    fill_code(machine, rng);
    fill_tables(machine, rng);
    const Watchdog watchdog(*cpu);
    for (unsigned round = 0; round < 20; round++) {
        randomise(*cpu, rng);
        for (unsigned stops = 0; stops < 4; stops++) {
            cpu->run();
            if (!check(in_order(*cpu), "seed " + std::to_string(seed) + ": state out of order")) return;
            cpu->set_line(rng.one_in(2) ? Line::Irq : Line::Fiq, rng.one_in(2));
            cpu->post_maintenance({static_cast<Maintenance::Kind>(rng.below(6)), somewhere(rng)});
            machine.write64(kRam + (rng.below(kRamSize) & ~7u), rng.next());
            machine.ticks += rng.below(1000);
        }
        if (rng.one_in(4)) cpu->reset(kRam, 0);
    }
    executed += cpu->counters.instructions;
    exceptions += cpu->counters.exceptions;
}

} // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 3;
    uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1;
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(signal, tell_seed);
    for (unsigned mode = 0; mode < std::size(kModeNames); mode++) {
        if (argc > 3 && kModeNames[mode] != argv[3]) continue;
        const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
        do {
            current_seed = seed;
            guest(seed++, static_cast<Mode>(mode));
        } while (std::chrono::steady_clock::now() < end);
    }
    std::printf("%llu instructions, %llu exceptions\n", static_cast<unsigned long long>(executed),
                static_cast<unsigned long long>(exceptions));
    return report("hostile_guest");
}
