// Translated accesses to the page that empty sites name (SiteEntry::kNoPage): their check passes, the host refuses the
// access, and the guest takes the fault that the interpreter gives it.

#include "fake_machine.h"

#include "translate/direct_tier.h"

#include <csignal>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace beeline::arm64;
using namespace beeline::test;
using beeline::translate::DirectOptions;
using beeline::translate::DirectTier;
using beeline::translate::Technique;

namespace {

constexpr uint64_t kCode = kRam + 0x1000, kData = kRam + 0x10000, kVectors = kRam + 0x20000, kTables = kRam + 0x30000;
constexpr uint64_t kRefused = uint64_t{1} << 55;

/// RAM at its own address by one block of 1 GiB; nothing else is mapped.
struct Bench {
    FakeMachine machine;
    std::unique_ptr<Vcpu> cpu = make_cpu(machine);

    explicit Bench(const DirectOptions* options) {
        if (options != nullptr) {
            auto tier = DirectTier::create(*cpu, *options);
            if (check(tier != nullptr, "memory for translated code")) cpu->set_tier(std::move(tier));
        }
        machine.write64(kTables + 8, kRam | 1u << 10 | 1u << 2 | 1);
        SystemRegisters& sys = cpu->state.sys;
        sys.tcr_el1 = 25 | 25u << 16 | 2u << 30 | uint64_t{5} << 32;
        sys.mair_el1 = 0xFF00;
        sys.ttbr0_el1 = sys.ttbr1_el1 = kTables;
        sys.vbar_el1 = kVectors;
        sys.cpacr_el1 = 3u << 20;
        sys.sctlr_el1 |= 1;
        for (unsigned offset = 0; offset < 0x800; offset += 0x80) machine.write_code(kVectors + offset, {kHvc});
        for (uint64_t i = 0; i < 64; i++) machine.write64(kData + i * 8, 0x1122334455667788 * (i + 1));
        cpu->flush_tlb_all();
    }

    /// Executes the words from `base` in x0 and sp; returns when they have ended or faulted.
    void run(const std::vector<uint32_t>& words, uint64_t base) {
        uint64_t pa = kCode;
        for (const uint32_t word : words) {
            machine.write_code(pa, {word});
            pa += 4;
        }
        machine.write_code(pa, {kHvc});
        CpuState& state = cpu->state;
        for (unsigned i = 0; i < 31; i++) state.x[i] = 0x1000 + i;
        state.x[0] = state.x[19] = state.x[kStackPointer] = base;
        state.x[2] = 8;
        state.nzcv = nzcv::C;
        state.pc = kCode;
        state.pstate = {};
        state.sys.far_el1 = state.sys.esr_el1 = state.sys.elr_el1 = 0;
        cpu->update_execution_context();
        while (cpu->run() != ExitReason::Stopped) {
        }
    }
};

struct Program {
    const char* name;
    std::vector<uint32_t> words;
};

const Program kPrograms[] = {
    {"ldr", {0xF9400401}},                                       // LDR X1, [X0, #8]
    {"ldr into the base", {0xF9400400}},                         // LDR X0, [X0, #8]
    {"ldrsb", {0x39C00C01}},                                     // LDRSB W1, [X0, #3]
    {"ldrh", {0x79400801}},                                      // LDRH W1, [X0, #4]
    {"ldr post-index", {0xF8408401}},                            // LDR X1, [X0], #8
    {"ldr pre-index", {0xF8408C01}},                             // LDR X1, [X0, #8]!
    {"ldr register offset", {0xF8626801}},                       // LDR X1, [X0, X2]
    {"ldr without a home", {0xF9400671, 0xF9400E71}},            // LDR X17, [X19, #8]; LDR X17, [X19, #24]
    {"ldp", {0xA9400C01}},                                       // LDP X1, X3, [X0]
    {"ldp into the base", {0xA9400003}},                         // LDP X3, X0, [X0]
    {"ldpsw", {0x69400C01}},                                     // LDPSW X1, X3, [X0]
    {"ldar", {0xC8DFFC01}},                                      // LDAR X1, [X0]
    {"str", {0xF9000402}},                                       // STR X2, [X0, #8]
    {"str of zero", {0xF900041F}},                               // STR XZR, [X0, #8]
    {"strb", {0x39000C02}},                                      // STRB W2, [X0, #3]
    {"str pre-index", {0xF8008C02}},                             // STR X2, [X0, #8]!
    {"stp", {0xA9000C02}},                                       // STP X2, X3, [X0]
    {"stlr", {0xC89FFC02}},                                      // STLR X2, [X0]
    {"frame", {0xA9BE4FF4, 0xF9000BF5, 0xA9407BFD}},             // STP X20, X19, [SP, #-32]!; STR; LDP X29, X30, [SP]
    {"structure", {0xF9400001, 0xF9400403, 0xB9001002}},         // LDR X1, [X0]; LDR X3, [X0, #8]; STR W2, [X0, #16]
    {"ldr between flags", {0xEB02003F, 0xF9400401, 0x9A9F17E3}}, // CMP X1, X2; LDR X1, [X0, #8]; CSET X3, EQ
    {"str between flags", {0xAB02003F, 0xF9000402, 0x9A9F37E3}}, // CMN X1, X2; STR X2, [X0, #8]; CSET X3, CS
    {"swp", {0xF8228001}},                                       // SWP X2, X1, [X0]
    {"ldxr", {0xC85F7C01}},                                      // LDXR X1, [X0]
    {"cas", {0xC8A27C01}},                                       // CAS X2, X1, [X0]
    {"ldr of a vector", {0x3DC00401}},                           // LDR Q1, [X0, #16]
    {"dc zva", {0xD50B7420}},                                    // DC ZVA, X0
};

void compare(const CpuState& one, const CpuState& other, const std::string& what) {
    for (unsigned i = 0; i <= kStackPointer; i++) check_equal(one.x[i], other.x[i], what + ", x" + std::to_string(i));
    check_equal(one.pc, other.pc, what + ", pc");
    check_equal(one.sys.esr_el1, other.sys.esr_el1, what + ", ESR_EL1");
    check_equal(one.sys.far_el1, other.sys.far_el1, what + ", FAR_EL1");
    check_equal(one.sys.elr_el1, other.sys.elr_el1, what + ", ELR_EL1");
    check_equal(one.sys.spsr_el1, other.sys.spsr_el1, what + ", SPSR_EL1");
}

void refused(const DirectOptions& options, const std::string& variant) {
    for (const Program& program : kPrograms) {
        Bench interpreted(nullptr), translated(&options);
        const std::string what = variant + program.name;
        const auto run_both = [&](uint64_t base, const std::string& when) {
            interpreted.run(program.words, base);
            translated.run(program.words, base);
            compare(translated.cpu->state, interpreted.cpu->state, what + ", " + when);
            return interpreted.cpu->state.sys.esr_el1 >> 26;
        };
        constexpr uint64_t kDataAbortSame = 0x25;
        check_equal(run_both(kRefused + 0x100, "empty sites"), kDataAbortSame, what + ": the interpreter's fault");
        check_equal(run_both(kRefused, "beginning of the page"), kDataAbortSame, what + ": the interpreter's fault");
        run_both(kData + 0x40, "a good address");
        run_both(kData + 0x40, "the same again");
        run_both(kRefused + 0x100, "filled sites");
        // Sites that keep the addend of what they held.
        for (const auto& bench : {&interpreted, &translated})
            bench->cpu->apply_maintenance({Maintenance::Kind::TlbVaAllAsid, kData >> kPageBits});
        run_both(kRefused + 0x100, "stale sites");
        run_both(kRefused + 0xFC0, "end of the page");
        run_both(kRefused + 0xFF8, "across the end of the page");
        run_both(kRefused - 8, "across its beginning");
        run_both(kRefused | uint64_t{0x5A} << 56, "a tag byte");
        run_both(kData + 0x40, "a good address afterwards");
    }
}

/// A fault that is not translated code's goes to whoever handled it before, or ends the process.
void others_faults() {
    for (const bool handled : {false, true}) {
        const pid_t child = fork();
        if (child == 0) {
            signal(SIGSEGV, handled ? [](int) { _exit(42); } : SIG_DFL);
            const DirectOptions options;
            Bench bench(&options);
            bench.run({0xF9400401}, kRefused);
            bench.run({0xF9400401}, kRefused);
            auto* forbidden =
                static_cast<volatile int*>(mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
            *forbidden = 1;
            _exit(43);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (handled)
            check(WIFEXITED(status) && WEXITSTATUS(status) == 42, "the handler that was there before is called");
        else
            check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "without one the process ends");
    }
}

} // namespace

int main() {
    refused({}, "");
    DirectOptions options;
    for (const auto& [technique, name] : beeline::translate::kTechniqueNames) {
        options = {};
        options.techniques.disable(technique);
        refused(options, std::string(name) + " off, ");
    }
    others_faults();
    return report("refused_access");
}
