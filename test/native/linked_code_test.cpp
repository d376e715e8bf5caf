// Translated code as it runs for long: blocks linked within and across pages, indirect branches, calls and returns, one
// page of code at many addresses, address spaces switched, pages remapped, code rewritten. Random programs run in the
// interpreter, and then translated with all and with random techniques; whenever a program traps, everything that it
// can see must be the same.
//
//     test_linked_code_test [SECONDS [SEED]]

#include "fake_machine.h"

#include "arm64/exceptions.h"
#include "arm64/random_instruction.h"
#include "translate/direct_tier.h"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

using namespace beeline::arm64;
using namespace beeline::test;
using beeline::translate::DirectOptions;
using beeline::translate::DirectTier;

namespace {

// Physical memory.
constexpr uint64_t kHandlerPa = kRam, kCodePa = kRam + 0x100000, kDataPa = kRam + 0x200000, kTablePa = kRam + 0x300000;
constexpr unsigned kCodePages = 12, kDataPages = 4, kSpaces = 3;
// Virtual memory. The upper half maps RAM as a whole.
constexpr uint64_t kCodeVa = 0x2000000000, kDataVa = 0x3000000000, kUpperVa = 0xFFFFFF8000000000;
constexpr unsigned kCodeSlots = 40; ///< Virtual pages that code is mapped at, several for each page of code.
constexpr uint64_t kSpaceBytes = 16 * kPageSize;

constexpr uint64_t upper(uint64_t pa) { return kUpperVa + (pa - kRam); }

// Registers that random instructions leave alone.
constexpr unsigned kHandlerFirst = 18, kHandlerLast = 24, kData = 25, kDataUser = 26, kLoop = 27, kBudget = 28;
constexpr uint32_t kReserved = 0x7Fu << kHandlerFirst | 0xFu << kData | 1u << 30;

constexpr unsigned kRoutineWords = 64, kRoutines = kPageSize / 4 / kRoutineWords;

/// What the hypervisor has the handler do before it returns: an index into its table of operations.
enum Operation : uint64_t { kNothing, kFlushPage, kFlushAsid, kFlushAll, kSwitchSpace, kWriteTable, kWriteCode };

constexpr uint32_t kWordsAnOperation = 8;

uint32_t branch(int64_t words) { return 0x14000000 | (static_cast<uint32_t>(words) & 0x3FFFFFF); }
uint32_t branch_link(int64_t words) { return 0x94000000 | (static_cast<uint32_t>(words) & 0x3FFFFFF); }
uint32_t branch_if(unsigned condition, int words) {
    return 0x54000000 | (static_cast<uint32_t>(words) & 0x7FFFF) << 5 | condition;
}

// ---- random code
// -------------------------------------------------------------------------------------------------

/// Words that do not branch.
class Words {
public:
    Words() {
        for (const Row& row : rows()) {
            std::string bits;
            for (const char* c = row.pattern; *c != 0; c++)
                if (*c != ' ' && *c != '_') bits.push_back(*c);
            const bool immediate = bits.compare(3, 3, "100") == 0, in_registers = bits.compare(4, 3, "101") == 0;
            if ((immediate || in_registers) && (row.feature == Feature::Base || row.feature == Feature::Crc32))
                integer_.push_back(&row);
            if (bits.compare(4, 3, "111") == 0 && uses_vector_registers(row.feature)) vector_.push_back(&row);
        }
    }

    uint32_t make(Rng& rng) const {
        const uint32_t t = rng.below(18), u = rng.below(18), i = rng.below(64);
        const uint32_t base = (rng.one_in(8) ? kDataUser : kData) << 5;
        switch (rng.below(24)) {
        case 0: return 0xF9400000 | i << 10 | base | t;                                          // LDR X
        case 1: return 0xB9400000 | i << 10 | base | t;                                          // LDR W
        case 2: return 0x39800000 | i << 10 | base | t;                                          // LDRSB X
        case 3: return 0x79400000 | i << 10 | base | t;                                          // LDRH
        case 4: return 0xF9000000 | i << 10 | base | t;                                          // STR X
        case 5: return 0xB9000000 | i << 10 | base | t;                                          // STR W
        case 6: return 0x39000000 | i << 10 | base | t;                                          // STRB
        case 7: return 0xA9400000 | (i & 31) << 15 | u << 10 | base | t;                         // LDP
        case 8: return 0xA9000000 | (i & 31) << 15 | u << 10 | base | t;                         // STP
        case 9: return 0x3DC00000 | (i & 31) << 10 | base | t;                                   // LDR Q
        case 10: return 0x3D800000 | (i & 31) << 10 | base | t;                                  // STR Q
        case 11: return 0xF8600000 | t << 16 | rng.below(8) << 12 | base | u;                    // LSE, X
        case 12: return rng.one_in(100) ? 0xF9400000 | i << 10 | u << 5 | t : integer(rng);      // LDR from anywhere
        case 13: return rng.one_in(2) ? 0xC85F7C00 | base | t : 0xC8007C00 | u << 16 | base | t; // LDXR, STXR
        case 14:
            return random_instance(*vector_[rng.below(static_cast<uint32_t>(vector_.size()))], rng,
                                   {.avoid_registers = kReserved | 1u << 31});
        case 15:
            return rng.one_in(2) ? mrs(system_register_key(3, 3, 4, 2, 0), t)   // NZCV
                                 : mrs(system_register_key(3, 3, 13, 0, 2), t); // TPIDR_EL0
        case 16: return branch_if(rng.below(16), 2);
        default: return integer(rng);
        }
    }

private:
    uint32_t integer(Rng& rng) const {
        return random_instance(*integer_[rng.below(static_cast<uint32_t>(integer_.size()))], rng,
                               {.avoid_registers = kReserved | 1u << 31});
    }
    std::vector<const Row*> integer_, vector_;
};

/// Pages of routines. `free_words` are those that may be rewritten at any time.
struct Code {
    std::array<uint32_t, kCodePages * kPageSize / 4> words;
    std::vector<uint32_t> free_words;

    Code(Rng& rng, const Words& source) {
        for (unsigned routine = 0; routine < kCodePages * kRoutines; routine++) make_routine(routine, rng, source);
    }

private:
    /// Distance from `here` to the beginning of some routine, seldom far.
    static int64_t to_routine(unsigned here, Rng& rng) {
        const int64_t routines = static_cast<int64_t>(rng.below(8 * kRoutines)) - 4 * kRoutines;
        return routines * kRoutineWords - static_cast<int64_t>(here % kRoutineWords);
    }

    void make_routine(unsigned routine, Rng& rng, const Words& source) {
        const unsigned first = routine * kRoutineWords, end = first + kRoutineWords;
        unsigned at = first;
        const auto fixed = [&](uint32_t word) { words[at++] = word; };
        const auto any = [&] {
            free_words.push_back(at);
            words[at++] = source.make(rng);
        };
        const bool leaf = rng.one_in(2);
        fixed(0x71000400 | kBudget << 5 | kBudget); // SUBS W28, W28, #1
        fixed(branch_if(5, 2));                     // B.PL .+8
        fixed(svc(1));
        if (!leaf) fixed(0xF81F0FFE); // STR X30, [SP, #-16]!
        while (at < end - 12) {
            switch (rng.below(10)) {
            case 0: {                                                // A loop
                fixed(kNop);                                         // No free word may skip the loop's beginning.
                fixed(0x52800000 | (1 + rng.below(5)) << 5 | kLoop); // MOVZ W27
                const unsigned begin = at;
                for (unsigned n = rng.below(4); n != 0; n--) any();
                fixed(kNop);
                fixed(0x51000400 | kLoop << 5 | kLoop);                    // SUB W27, W27, #1
                fixed(0x12000800 | kLoop << 5 | kLoop);                    // AND W27, W27, #7
                fixed(0x35000000 | ((begin - at) & 0x7FFFF) << 5 | kLoop); // CBNZ W27
                break;
            }
            case 1: // Over what follows
                if (rng.one_in(2))
                    fixed(0x36000000 | rng.below(32) << 19 | 2 << 5 | rng.below(18)); // TBZ
                else
                    fixed(branch_if(rng.below(14), 2));
                any();
                break;
            case 2:
                if (leaf) break;
                fixed(branch_link(to_routine(at, rng)));
                break;
            case 3: // To a routine of this page, by its address. No free word may skip its computation.
                if (leaf) break;
                fixed(kNop);
                fixed(0x10000000 | ((first - at + kRoutineWords * rng.below(2)) & 0x7FFFF) << 5 | 17); // ADR X17
                fixed(0xD63F0000 | 17 << 5);                                                           // BLR X17
                break;
            case 4:
                if (rng.one_in(12)) fixed(svc(2));
                break;
            default: any();
            }
        }
        fixed(kNop);
        if (!leaf) fixed(0xF84107FE); // LDR X30, [SP], #16
        if (rng.one_in(4)) fixed(branch(to_routine(at, rng)));
        fixed(0xD65F03C0); // RET
        while (at < end) fixed(kNop);
    }
};

// ---- the guest
// ---------------------------------------------------------------------------------------------------

struct Trap {
    uint64_t hash, instructions, elr, esr, far;
    friend bool operator==(const Trap&, const Trap&) = default;
};

/// Stops a CPU that takes too long.
class Watchdog {
public:
    Watchdog(Vcpu& cpu, std::chrono::milliseconds limit)
        : thread_([this, &cpu, limit] {
              std::unique_lock lock(mutex_);
              if (wake_.wait_for(lock, limit, [this] { return done_; })) return;
              expired_ = true;
              cpu.request_stop();
          }) {}
    ~Watchdog() {
        {
            const std::lock_guard lock(mutex_);
            done_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    bool expired() const { return expired_; }

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    bool done_ = false;
    std::atomic<bool> expired_{false};
    std::thread thread_;
};

class Guest final : public FakeMachine {
public:
    Guest(uint64_t seed, const Words& source, unsigned traps, const DirectOptions* options)
        : rng_(seed), source_(source), left_(traps) {
        cpu_ = make_cpu(*this, rng_.one_in(4) ? CpuModel::A57 : CpuModel::N1);
        if (options != nullptr) {
            auto tier = DirectTier::create(*cpu_, *options);
            if (check(tier != nullptr, "memory for translated code")) cpu_->set_tier(std::move(tier));
        }
        place_code();
        place_tables();
        place_handler();
        CpuState& state = cpu_->state;
        SystemRegisters& sys = state.sys;
        for (unsigned i = 0; i < 18; i++) state.x[i] = rng_.next() >> rng_.below(64);
        for (VReg& v : state.v) v = {{rng_.next(), rng_.next()}};
        sys.tcr_el1 = 25 | 25u << 16 | 2u << 30 | uint64_t{5} << 32 | uint64_t{1} << 36;
        sys.mair_el1 = 0xFF00;
        sys.ttbr0_el1 = space(0);
        sys.ttbr1_el1 = kTablePa;
        sys.vbar_el1 = upper(kHandlerPa);
        sys.cpacr_el1 = 3u << 20;
        sys.sctlr_el1 |= 1 | 1u << 14 | 1u << 15 | 1u << 26;
        state.pc = upper(kHandlerPa) + 0x200; // As if something had trapped.
        cpu_->flush_tlb_all();
        cpu_->update_execution_context();
    }

    /// Empty when the program did not come to its end: code that overwrites return addresses may go round for ever.
    std::vector<Trap> run() {
        Watchdog watchdog(*cpu_, std::chrono::milliseconds(cpu_->tier() == nullptr ? 300 : 30'000));
        while (left_ != 0) {
            cpu_->run();
            if (watchdog.expired()) return {};
        }
        std::vector<Trap> result = std::move(traps_);
        result.push_back({data_hash(), cpu_->counters.instructions, 0, 0, 0});
        return result;
    }

    /// The handler's HVC.
    void hypervisor_call(Vcpu& cpu) override {
        note();
        if (--left_ == 0) {
            cpu.request_stop();
            return;
        }
        CpuState& state = cpu.state;
        SystemRegisters& sys = state.sys;
        const uint64_t syndrome = sys.esr_el1 >> 26, immediate = sys.esr_el1 & 0xFFFF;
        const bool data_abort = syndrome == 0x24 || syndrome == 0x25;
        const bool svc_in_line = syndrome == 0x15 && immediate == 2;
        state.x[22] = data_abort ? sys.elr_el1 + 4 : sys.elr_el1;
        state.x[23] = sys.spsr_el1;
        if (!data_abort && (!svc_in_line || rng_.one_in(4))) enter_somewhere(state);
        // Flags that the code behind a fault overwrites unread need not be there: that code must stay as it is.
        choose_operation(state, data_abort ? kFlushAll : kWriteCode);
    }

private:
    uint64_t space(unsigned which) const {
        return (kTablePa + kPageSize + which * kSpaceBytes) | uint64_t{which + 1} << 48;
    }

    void place_code() {
        code_ = std::make_unique<Code>(rng_, source_);
        std::memcpy(ram.data() + (kCodePa - kRam), code_->words.data(), sizeof code_->words);
        for (uint64_t offset = 0; offset < (kDataPages + 1) * kPageSize; offset += 8)
            write64(kDataPa + offset, rng_.next());
    }

    uint64_t code_descriptor() {
        constexpr uint64_t kReadOnly = 3u << 6, kNotGlobal = 1u << 11, kAccessed = 1u << 10, kNormal = 1u << 2;
        if (rng_.one_in(10)) return 0;
        return (kCodePa + rng_.below(kCodePages) * kPageSize) | kReadOnly | kNotGlobal | kAccessed | kNormal | 3;
    }

    /// Level 1 at the beginning of a space, then level 2 and 3 for code, level 2 and 3 for data.
    void place_tables() {
        constexpr uint64_t kAccessed = 1u << 10, kNormal = 1u << 2, kUser = 1u << 6, kNotGlobal = 1u << 11;
        write64(kTablePa, kRam | kAccessed | kNormal | 1);
        for (unsigned which = 0; which < kSpaces; which++) {
            const uint64_t root = space(which) & 0xFFFFFFFFF000;
            write64(root + (kCodeVa >> 30) * 8, (root + kPageSize) | 3);
            write64(root + kPageSize, (root + 2 * kPageSize) | 3);
            for (unsigned slot = 0; slot < kCodeSlots; slot++)
                write64(root + 2 * kPageSize + slot * 8, code_descriptor());
            write64(root + (kDataVa >> 30) * 8, (root + 3 * kPageSize) | 3);
            write64(root + 3 * kPageSize, (root + 4 * kPageSize) | 3);
            for (unsigned page = 0; page < kDataPages; page++)
                write64(root + 4 * kPageSize + page * 8, (kDataPa + (page + which) % kDataPages * kPageSize) | kUser |
                                                             kNotGlobal | kAccessed | kNormal | uint64_t{1} << 53 | 3);
        }
    }

    void place_handler() {
        constexpr uint32_t kDsb = 0xD5033B9F, kOut = 0x700 / 4;
        constexpr uint32_t kElr = system_register_key(3, 0, 4, 0, 1), kSpsr = system_register_key(3, 0, 4, 0, 0),
                           kTtbr0 = system_register_key(3, 0, 2, 0, 0);
        for (uint64_t offset = 0; offset < kPageSize; offset += 4) write_code(kHandlerPa + offset, {kHvc});
        for (const unsigned vector : {0x200u, 0x400u})
            write_code(kHandlerPa + vector, {kHvc, msr(kElr, 22), msr(kSpsr, 23),
                                             // ADR X18, table; ADD X18, X18, X19, LSL #5; BR X18
                                             0x10000000 | (0x800 / 4 - vector / 4 - 3) << 5 | 18,
                                             0x8B000000 | 19 << 16 | 5 << 10 | 18 << 5 | 18, 0xD61F0000 | 18 << 5});
        write_code(kHandlerPa + 0x700, {kEret});
        const auto operation = [&](Operation which, std::vector<uint32_t> words) {
            const uint64_t offset = 0x800 + which * kWordsAnOperation * 4;
            for (unsigned i = 0; i < words.size(); i++) write_code(kHandlerPa + offset + i * 4, {words[i]});
            const auto at = static_cast<int64_t>(offset / 4 + words.size());
            write_code(kHandlerPa + offset + words.size() * 4, {branch(int64_t{kOut} - 0x000 / 4 - at)});
        };
        operation(kNothing, {});
        operation(kSwitchSpace, {msr(kTtbr0, 20), kIsb});
        operation(kFlushPage, {sys(0, 8, 7, 1, 20), kDsb, kIsb});
        operation(kFlushAsid, {sys(0, 8, 7, 2, 20), kDsb, kIsb});
        operation(kFlushAll, {sys(0, 8, 3, 0, 31), kDsb, kIsb});
        operation(kWriteTable, {0xF9000000 | 20 << 5 | 21, kDsb, sys(0, 8, 3, 3, 24), kDsb, kIsb});
        operation(kWriteCode, {0xB9000000 | 20 << 5 | 21, sys(3, 7, 11, 1, 20), kDsb, sys(3, 7, 5, 1, 20), kDsb, kIsb});
    }

    void enter_somewhere(CpuState& state) {
        const bool user = rng_.one_in(2);
        state.x[22] = kCodeVa + rng_.below(kCodeSlots) * kPageSize + rng_.below(kRoutines) * kRoutineWords * 4;
        if (rng_.one_in(16)) state.x[22] = upper(kCodePa) + rng_.below(kCodePages * kRoutines) * kRoutineWords * 4;
        const bool upper_half = state.x[22] >= kUpperVa;
        state.x[23] = (rng_.next() & nzcv::kMask) | spsr::kDaif | (user && !upper_half ? 0 : 5);
        state.x[30] = kCodeVa + rng_.below(kCodeSlots) * kPageSize + rng_.below(kRoutines) * kRoutineWords * 4;
        state.x[kBudget] = 1 + rng_.below(rng_.one_in(4) ? 2000 : 100);
        state.x[kData] = kDataVa + rng_.below(3 * kPageSize) / 16 * 16;
        state.x[kDataUser] = kDataVa + rng_.below((kDataPages - 1) * kPageSize);
        // Deep enough for the budget.
        const uint64_t stack = kDataVa + (kDataPages - 1) * kPageSize + rng_.below(kPageSize / 16) * 16;
        (user && !upper_half ? state.sys.sp_el0 : state.x[kStackPointer]) = stack;
    }

    void choose_operation(CpuState& state, unsigned last) {
        state.x[19] = rng_.one_in(3) ? rng_.below(last + 1) : 0;
        const uint64_t asid = (state.sys.ttbr0_el1 >> 48) << 48;
        const unsigned slot = rng_.below(kCodeSlots);
        const uint64_t free_word = code_->free_words[rng_.below(static_cast<uint32_t>(code_->free_words.size()))];
        state.x[24] = (kCodeVa >> kPageBits) + slot;
        switch (state.x[19]) {
        case kSwitchSpace: state.x[20] = space(rng_.below(kSpaces)); break;
        case kFlushPage:
            state.x[20] = asid | (((rng_.one_in(2) ? kDataVa : kCodeVa) >> kPageBits) + rng_.below(4));
            break;
        case kFlushAsid: state.x[20] = asid; break;
        case kWriteTable:
            state.x[20] = upper((space(rng_.below(kSpaces)) & 0xFFFFFFFFF000) + 2 * kPageSize + slot * 8);
            state.x[21] = code_descriptor();
            break;
        case kWriteCode:
            state.x[20] = upper(kCodePa) + free_word * 4;
            state.x[21] = source_.make(rng_);
            break;
        default: break;
        }
    }

    static uint64_t mix(uint64_t hash, uint64_t value) {
        hash ^= value;
        hash *= 0x9E3779B97F4A7C15;
        return hash ^ hash >> 29;
    }
    uint64_t data_hash() const {
        uint64_t hash = 0;
        for (uint64_t offset = 0; offset < kDataPages * kPageSize; offset += 8)
            hash = mix(hash, read64(kDataPa + offset));
        return hash;
    }

    void note() {
        const CpuState& state = cpu_->state;
        const SystemRegisters& sys = state.sys;
        const uint64_t syndrome = sys.esr_el1 >> 26;
        const bool abort = syndrome == 0x20 || syndrome == 0x21 || syndrome == 0x24 || syndrome == 0x25;
        uint64_t hash = 0;
        for (unsigned i = 0; i < kHandlerFirst; i++) hash = mix(hash, state.x[i]);
        for (unsigned i = kHandlerLast + 1; i <= kStackPointer; i++) hash = mix(hash, state.x[i]);
        for (const VReg& v : state.v) hash = mix(mix(hash, v.d[0]), v.d[1]);
        hash = mix(hash, sys.sp_el0);
        hash = mix(hash, state.fpsr);
        // A fault may see flags that the code behind it overwrites unread.
        hash = mix(hash, abort ? sys.spsr_el1 & ~uint64_t{nzcv::kMask} : sys.spsr_el1);
        hash = mix(hash, sys.ttbr0_el1);
        traps_.push_back({hash, cpu_->counters.instructions, sys.elr_el1, sys.esr_el1, abort ? sys.far_el1 : 0});
    }

    Rng rng_;
    const Words& source_;
    unsigned left_;
    std::unique_ptr<Code> code_;
    std::unique_ptr<Vcpu> cpu_;
    std::vector<Trap> traps_;
};

uint64_t executed = 0, trapped = 0;

void compare(uint64_t seed, const char* what, const std::vector<Trap>& right, const std::vector<Trap>& actual) {
    for (size_t i = 0; i < right.size(); i++) {
        if (i < actual.size() && right[i] == actual[i]) continue;
        const Trap none{};
        const Trap& found = i < actual.size() ? actual[i] : none;
        const Trap& before = i == 0 ? none : right[i - 1];
        check(false, "seed " + std::to_string(seed) + ", " + what + ", trap " + std::to_string(i) + " after " +
                         hex(before.elr) + ": interpreter at " + hex(right[i].elr) + " ESR " + hex(right[i].esr) +
                         " FAR " + hex(right[i].far) + " after " + std::to_string(right[i].instructions) +
                         " instructions, translated at " + hex(found.elr) + " ESR " + hex(found.esr) + " FAR " +
                         hex(found.far) + " after " + std::to_string(found.instructions) +
                         (right[i].hash == found.hash ? "" : ", other state"));
        return;
    }
    check(right.size() == actual.size(), "as many traps");
}

void program(uint64_t seed, const Words& words) {
    constexpr unsigned kTraps = 400;
    const std::vector<Trap> right = Guest(seed, words, kTraps, nullptr).run();
    if (right.empty()) return;
    executed += right.back().instructions;
    trapped += right.size();
    DirectOptions options;
    compare(seed, "all techniques", right, Guest(seed, words, kTraps, &options).run());
    Rng rng(seed ^ 0x7165);
    options.visits_before_translation = rng.below(4);
    for (const auto& entry : beeline::translate::kTechniqueNames)
        if (rng.one_in(3)) options.techniques.disable(entry.technique);
    compare(seed, "random techniques", right, Guest(seed, words, kTraps, &options).run());
}

} // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 5;
    uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1;
    const Words words;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    do program(seed++, words);
    while (std::chrono::steady_clock::now() < end);
    std::printf("%llu instructions, %llu traps\n", static_cast<unsigned long long>(executed),
                static_cast<unsigned long long>(trapped));
    return report("linked_code");
}
