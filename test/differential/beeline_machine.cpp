#include "beeline_machine.h"

#include "arm64/exceptions.h"
#include "arm64/execution_context.h"
#include "translate/flag_liveness.h"

#include <csignal>
#include <cstring>

namespace beeline::differential {

using namespace beeline::arm64;

namespace {

// Guest physical memory.
constexpr uint64_t kVectorPa = 0;
constexpr uint64_t kCodePa = kPageSize;
constexpr uint64_t kCodeBytes = uint64_t{kDiffSlots} * kDiffSlotWords * 4;
constexpr uint64_t kDataPa = kCodePa + kCodeBytes;
constexpr uint64_t kReadOnlyPa = kDataPa + kDiffSlots * kSlotDataBytes;
constexpr uint64_t kTablesPa = kReadOnlyPa + kPageSize;
constexpr uint64_t kMaxTables = 2 * kDiffSlots + 32; ///< Each slot's data has tables of levels 2 and 3 to itself.
constexpr uint64_t kMemoryBytes = kTablesPa + kMaxTables * kPageSize;

constexpr uint64_t kVectorVa = 0x6A09E667F000; ///< Nothing that a case computes.
constexpr uint64_t kSynchronousLower = 0x400;  ///< Vector of synchronous exceptions from a lower EL in AArch64.
constexpr uint32_t kWfi = 0xD503207F;

// Stage 1 descriptors (Arm ARM D5.3).
constexpr uint64_t kTable = 3, kPage = 3;
constexpr uint64_t kAccessed = 1u << 10, kInnerShareable = 3u << 8, kNotGlobal = 1u << 11;
constexpr uint64_t kUser = 1u << 6, kReadOnly = 1u << 7;
constexpr uint64_t kPxn = uint64_t{1} << 53, kUxn = uint64_t{1} << 54;

constexpr uint64_t kUserCode = kUser | kReadOnly | kPxn;
constexpr uint64_t kUserData = kUser | kPxn | kUxn;
constexpr uint64_t kUserConstants = kUser | kReadOnly | kPxn | kUxn;
constexpr uint64_t kVectorCode = kReadOnly | kUxn;

/// Linux's si_code values.
constexpr int32_t kMapError = 1, kAccessError = 2;

} // namespace

BeelineMachine::BeelineMachine(CpuModel model, const translate::DirectOptions* direct)
    : memory_(kMemoryBytes), cpu_(new Vcpu(model, 0, *this)), results_(kDiffSlots), flags_known_(kDiffSlots, 1) {
    if (direct != nullptr) {
        auto tier = translate::DirectTier::create(*cpu_, *direct);
        usable_ = tier != nullptr;
        cpu_->set_tier(std::move(tier));
    }
    build_page_tables();
    prepare_cpu();
}

void BeelineMachine::map_page(uint64_t va, uint64_t pa, uint64_t attributes) {
    uint64_t table = kTablesPa;
    for (unsigned level = 0; level < 3; level++) {
        auto* entry = reinterpret_cast<uint64_t*>(at(table)) + (va >> (39 - 9 * level) & 511);
        if (*entry == 0) *entry = (kTablesPa + tables_used_++ * kPageSize) | kTable;
        table = *entry & ~kPageMask;
    }
    reinterpret_cast<uint64_t*>(at(table))[va >> kPageBits & 511] =
        pa | attributes | kAccessed | kInnerShareable | kNotGlobal | kPage;
}

void BeelineMachine::build_page_tables() {
    tables_used_ = 1;
    map_page(kVectorVa, kVectorPa, kVectorCode);
    for (uint64_t offset = 0; offset < kCodeBytes; offset += kPageSize)
        map_page(kDiffCodeBase + offset, kCodePa + offset, kUserCode);
    for (unsigned slot = 0; slot < kDiffSlots; slot++) {
        for (uint64_t offset = 0; offset < kSlotDataBytes; offset += kPageSize)
            map_page(data_address(slot) + kDiffWritableOffset + offset, kDataPa + slot * kSlotDataBytes + offset,
                     kUserData);
        map_page(data_address(slot) + kDiffReadOnlyOffset, kReadOnlyPa, kUserConstants);
    }
    // Every vector waits: run() comes back, and pc tells which it was.
    for (uint64_t offset = 0; offset < kPageSize; offset += 4) std::memcpy(at(kVectorPa + offset), &kWfi, 4);
    std::memcpy(at(kReadOnlyPa), read_only_page(), kPageSize);
}

/// The system registers as Linux has them while user code runs, where that is visible to it. Of SCTLR_EL1: MMU and
/// caches on; EL0 may use CTR_EL0 (UCT), cache maintenance (UCI), DC ZVA (DZE), WFI and WFE (nTWI, nTWE). SA0 is clear:
/// qemu-aarch64 does not check the stack pointer's alignment.
void BeelineMachine::prepare_cpu() {
    cpu_->reset(0, 0);
    SystemRegisters& sys = cpu_->state.sys;
    sys.sctlr_el1 = 1u | 1u << 2 | 1u << 12 | 1u << 14 | 1u << 15 | 1u << 16 | 1u << 18 | 1u << 23 | 1u << 26 |
                    1u << 11 | 1u << 20 | 1u << 22 | 1u << 28 | 1u << 29;
    sys.cpacr_el1 = 3u << 20;
    sys.cntkctl_el1 = 3;
    sys.mair_el1 = 0xFF;
    // 48-bit addresses below, top byte ignored; nothing above (EPD1).
    sys.tcr_el1 = 16u | 1u << 8 | 1u << 10 | 3u << 12 | 16u << 16 | 1u << 23 | uint64_t{2} << 30 | uint64_t{2} << 32 |
                  uint64_t{1} << 37;
    sys.ttbr0_el1 = kTablesPa;
    sys.vbar_el1 = kVectorVa;
    cpu_->flush_tlb_all();
    cpu_->update_execution_context();
}

uint8_t* BeelineMachine::host_page(GuestPa page, bool) { return page.value < kMemoryBytes ? at(page.value) : nullptr; }

void BeelineMachine::load(std::span<const TestCase> cases) {
    for (const TestCase& test : cases)
        std::memcpy(at(kCodePa) + uint64_t{test.slot()} * kDiffSlotWords * 4, test.words.data(), kDiffSlotWords * 4);
    cpu_->drop_code();
}

void BeelineMachine::replace(const TestCase& test) { load({&test, 1}); }

bool BeelineMachine::start(std::span<const TestCase> cases, std::span<const uint16_t> order, std::string&) {
    for (const uint16_t slot : order)
        for (const TestCase& test : cases.size() == kDiffSlots ? cases.subspan(slot, 1) : cases)
            if (test.slot() == slot) {
                // Translated code runs differently once its caches of addresses are filled and its exits linked: every
                // other case is judged by how it ends the second time.
                if (cpu_->tier() != nullptr && test.number % 2 != 0) run_case(test);
                run_case(test);
            }
    return true;
}

bool BeelineMachine::finish(std::string&) { return true; }

void BeelineMachine::interrupt() {
    interrupted_.store(true);
    cpu_->request_stop();
}

void BeelineMachine::run_case(const TestCase& test) {
    Vcpu& cpu = *cpu_;
    CpuState& state = cpu.state;
    const DiffState& initial = test.initial;
    std::memcpy(at(kDataPa) + test.slot() * kSlotDataBytes, background().data() + test.background, kSlotDataBytes);
    std::memcpy(state.x, initial.x, sizeof initial.x);
    state.x[kZeroRegister] = 0;
    state.x[kStackPointer] = initial.sp;
    state.pc = initial.pc;
    state.nzcv = static_cast<uint32_t>(initial.nzcv);
    state.pstate = {.el = 0, .sp_sel = 0, .daif = 0};
    state.fpcr = initial.fpcr;
    state.fpsr = initial.fpsr;
    std::memcpy(state.v, initial.v, sizeof initial.v);
    state.exclusive.open();
    state.sys.tpidr_el0 = initial.tpidr;
    state.sys.tpidrro_el0 = 0;
    // Marks, so that a register that no exception wrote does not pass for one that did.
    state.sys.esr_el1 = state.sys.far_el1 = state.sys.elr_el1 = ~uint64_t{0};
    cpu.consume_event();
    cpu.update_execution_context();
    progress_.fetch_add(1, std::memory_order_relaxed);

    DiffResult& out = results_[test.slot()];
    out = {};
    flags_known_[test.slot()] = true;
    // WFE and YIELD leave run() without an end.
    for (unsigned leaves = 0; leaves < kDiffSlotWords && state.pstate.el == 0; leaves++) {
        const ExitReason reason = cpu.run();
        if (reason == ExitReason::Stopped && interrupted_.exchange(false)) {
            out.signal = kSignalHung;
            return;
        }
    }
    report(out);
    flags_known_[test.slot()] = cpu.tier() == nullptr || flags_were_live();
}

/// Whether the instruction that ended the case had to know the flags.
bool BeelineMachine::flags_were_live() const {
    constexpr ExecutionContext kUserContext{.el = 0, .mmu = true};
    constexpr unsigned kBranches = 6;
    const uint64_t pc = cpu_->state.sys.elr_el1;
    const auto kind = static_cast<ExceptionClass>(cpu_->state.sys.esr_el1 >> 26 & 0x3F);
    if (kind != ExceptionClass::DataAbortLower || pc - kDiffCodeBase >= kCodeBytes) return true;
    const uint8_t* const page = &memory_[kCodePa + ((pc - kDiffCodeBase) & ~kPageMask)];
    return !translate::flags_dead_at(page, static_cast<int64_t>(pc & kPageMask), kUserContext, cpu_->features(),
                                     kBranches);
}

void BeelineMachine::report(DiffResult& out) {
    const CpuState& state = cpu_->state;
    const SystemRegisters& sys = state.sys;
    std::memcpy(out.state.x, state.x, sizeof out.state.x);
    out.state.sp = sys.sp_el0;
    out.state.pc = sys.elr_el1;
    out.state.nzcv = sys.spsr_el1 & nzcv::kMask;
    out.state.tpidr = sys.tpidr_el0;
    out.state.fpcr = state.fpcr;
    out.state.fpsr = state.fpsr;
    std::memcpy(out.state.v, state.v, sizeof out.state.v);
    out.fault_address = sys.far_el1;
    out.signal = kSignalStrange;
    out.code = static_cast<int32_t>(sys.esr_el1);
    // run() came back from the WFI at the vector, and EL0's SPSR says nothing but the flags.
    if (state.pc != kVectorVa + kSynchronousLower + 4 || state.pstate.el != 1) return;
    if ((sys.spsr_el1 & ~uint64_t{nzcv::kMask}) != 0) return;

    const uint32_t status = sys.esr_el1 & 0x3F;
    switch (static_cast<ExceptionClass>(sys.esr_el1 >> 26 & 0x3F)) {
    case ExceptionClass::Unknown:
    case ExceptionClass::SystemRegisterTrap:
        out.signal = SIGILL;
        out.code = 0;
        break;
    case ExceptionClass::Brk64:
        out.signal = SIGTRAP;
        out.code = 0;
        break;
    case ExceptionClass::PcAlignment:
        out.signal = SIGBUS;
        out.code = 0;
        break;
    case ExceptionClass::InstructionAbortLower:
    case ExceptionClass::DataAbortLower:
        switch (status) {
        case 0x04:
        case 0x05:
        case 0x06:
        case 0x07: // translation fault, level 0 to 3
            out.signal = SIGSEGV;
            out.code = kMapError;
            break;
        case 0x0F: // permission fault, level 3
            out.signal = SIGSEGV;
            out.code = kAccessError;
            break;
        case 0x21: // alignment fault
            out.signal = SIGBUS;
            out.code = 0;
            break;
        default: break;
        }
        break;
    default: break;
    }
}

const uint8_t* BeelineMachine::data(unsigned slot) const { return &memory_[kDataPa + slot * kSlotDataBytes]; }

bool BeelineMachine::read_only_intact() const {
    return std::memcmp(&memory_[kReadOnlyPa], read_only_page(), kDiffPage) == 0;
}

} // namespace beeline::differential
