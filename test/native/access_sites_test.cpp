// Which accesses have sites of their own: those that hit, of code in the lower half of the address space.

#include "fake_machine.h"

#include "translate/direct_tier.h"

using namespace beeline::arm64;
using namespace beeline::test;
using beeline::translate::DirectTier;

namespace {

constexpr uint64_t kCode = kRam + 0x1000, kData = kRam + 0x4000, kTables = kRam + 0x10000;
/// Both halves have 39 bits, and the same table: 1 GiB of RAM at its place.
constexpr uint64_t kUpperHalf = 0xFFFFFF8000000000;

struct Guest {
    FakeMachine machine;
    std::unique_ptr<Vcpu> cpu = make_cpu(machine);
    DirectTier* tier = nullptr;

    Guest() {
        // Each load finds the other page: LDR X3, [X1]; EOR X1, X1, X5; SUBS X0, X0, #1; B.NE to the load
        machine.write_code(kCode, {0xF9400023, 0xCA050021, 0xF1000400, 0x54FFFFA1, kHvc});
        constexpr uint64_t kNormalBlock = 0x701; // Access flag, inner shareable, attributes 0
        machine.write64(kTables + 8, kRam | kNormalBlock);
        auto& sys = cpu->state.sys;
        sys.mair_el1 = 0xFF;
        sys.tcr_el1 = uint64_t{2} << 32 | uint64_t{2} << 30 | 25 << 16 | 25;
        sys.ttbr0_el1 = sys.ttbr1_el1 = kTables;
        sys.sctlr_el1 |= 1;
        cpu->flush_tlb_all();
        cpu->update_execution_context();
        auto created = DirectTier::create(*cpu, {.visits_before_translation = 0});
        tier = created.get();
        cpu->set_tier(std::move(created));
    }

    /// How many accesses their site did not answer.
    uint64_t misses(uint64_t pc) {
        const uint64_t before = tier->counters().site_misses;
        cpu->state.x[0] = 20'000;
        cpu->state.x[1] = kData;
        cpu->state.x[5] = kPageSize;
        cpu->state.pc = pc;
        cpu->update_execution_context();
        while (cpu->run() != ExitReason::Stopped) {
        }
        check_equal(cpu->state.pc, pc + 20, "where the program ends");
        check_equal(cpu->state.x[0], 0, "its iterations");
        return tier->counters().site_misses - before;
    }
};

} // namespace

int main() {
    Guest guest;
    if (!check(guest.tier != nullptr, "memory for translated code")) return report("access_sites");
    const uint64_t first = guest.misses(kCode);
    check(first >= 2048 && first < 2100, "a site that always misses is given up: " + std::to_string(first));
    check_equal(guest.misses(kCode), 0, "misses of what has been given up");
    guest.cpu->invalidate_code_line({kCode + 0x40});
    check_equal(guest.misses(kCode), 0, "misses when the code of the next line has changed");
    guest.cpu->invalidate_code_line({kCode});
    const uint64_t again = guest.misses(kCode);
    check(again >= 2048 && again < 2100, "other code has sites again: " + std::to_string(again));
    guest.cpu->invalidate_all_code();
    check(guest.misses(kCode) >= 2048, "all code has changed");
    guest.cpu->invalidate_all_code();
    check_equal(guest.misses(kUpperHalf | kCode), 0, "misses of a kernel, which has no sites");
    return report("access_sites");
}
