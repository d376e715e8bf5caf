// No memory of the process is ever writable and executable at once, while guests are translated and executed.

#include "fake_machine.h"

#include "translate/direct_tier.h"

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

using namespace beeline::arm64;
using namespace beeline::test;
using beeline::translate::DirectTier;

namespace {

struct Mappings {
    unsigned all = 0, code = 0, both = 0;
    std::string offender;
};

Mappings read_mappings() {
    Mappings result;
    std::ifstream file("/proc/self/maps");
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        std::string range, rights;
        fields >> range >> rights;
        result.all++;
        const bool writable = rights.size() > 2 && rights[1] == 'w', executable = rights.size() > 2 && rights[2] == 'x';
        if (executable && line.find("/dev/zero") != std::string::npos) result.code++;
        if (writable && executable) {
            result.both++;
            result.offender = line;
        }
    }
    return result;
}

/// Rewrites its own code and calls it again and again: blocks are translated, linked, invalidated all the time.
void run_guest(Vcpu& cpu, FakeMachine& machine) {
    constexpr uint64_t kCode = kRam + 0x1000, kCallee = kRam + 0x2000;
    machine.write_code(kCode, {
                                  0x91000400,         // loop: ADD X0, X0, #1
                                  0xB9000022,         // STR W2, [X1]       W2: a MOVZ X3
                                  sys(3, 7, 5, 1, 1), // IC IVAU, X1
                                  kIsb,               // ISB
                                  0xD63F0020,         // BLR X1
                                  0x11008042,         // ADD W2, W2, #0x20  its next immediate
                                  0xF104001F,         // CMP X0, #256
                                  0x54FFFF21,         // B.NE loop
                                  kHvc,
                              });
    machine.write_code(kCallee, {0xD2800003, 0xD65F03C0}); // MOVZ X3, #0; RET
    CpuState& state = cpu.state;
    state.x[0] = 0;
    state.x[1] = kCallee;
    state.x[2] = 0xD2800003;
    state.pc = kCode;
    cpu.update_execution_context();
    while (cpu.run() != ExitReason::Stopped) {
    }
    check_equal(state.x[3], 255, "what the code last written computes");
}

} // namespace

int main() {
    std::atomic<bool> done{false};
    unsigned looks = 0, with_code = 0;
    std::thread watcher([&] {
        do {
            const Mappings now = read_mappings();
            looks++;
            with_code += now.code != 0;
            check(now.all > 5 && now.both == 0, "writable and executable: " + now.offender);
        } while (!done.load());
    });
    for (unsigned round = 0; round < 50; round++) {
        FakeMachine machine;
        const auto cpu = make_cpu(machine);
        // At once: the callee is rewritten after each call, and would never have been visited often enough.
        auto tier = DirectTier::create(*cpu, {.visits_before_translation = 0});
        if (!check(tier != nullptr, "memory for translated code")) break;
        DirectTier& direct = *tier;
        cpu->set_tier(std::move(tier));
        run_guest(*cpu, machine);
        check(direct.counters().blocks > 256, "blocks were translated");
    }
    done = true;
    watcher.join();
    check(looks > 10 && with_code > 5, "the mappings were looked at while there was code");
    return report("code_mappings");
}
