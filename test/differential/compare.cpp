#include "compare.h"

#include "encodings.h"

#include "arm64/table/table.h"

#include <csignal>
#include <cstring>
#include <fmt/format.h>

namespace beeline::differential {

namespace {

/// Half of the addresses that an x86-64 host can name. The kernel of the host does not tell which other address was at
/// fault, hence the oracle cannot.
constexpr uint64_t kHostAddresses = uint64_t{1} << 47;
constexpr uint64_t kLargestAccess = 64;

/// si_addr as Linux gives it: without the tag of an address in the lower half.
uint64_t untagged(uint64_t address) { return (address >> 55 & 1) == 0 ? address & 0x00FFFFFFFFFFFFFF : address; }

/// What is not defined for the kind of ending, or cannot be known, does not take part.
void normalise(DiffResult& ours, DiffResult& oracle) {
    for (DiffResult* result : {&ours, &oracle}) {
        const bool address = result->signal == SIGSEGV || result->signal == SIGBUS;
        result->fault_address = address ? untagged(result->fault_address) : 0;
        if (result->signal != SIGSEGV && result->signal < kSignalHung) result->code = 0;
    }
    if (ours.signal == SIGSEGV && oracle.signal == SIGSEGV && ours.fault_address >= kHostAddresses - kLargestAccess) {
        oracle.fault_address = ours.fault_address;
        oracle.code = ours.code;
    }
}

struct Explained {
    const TestCase& test;
    const DiffResult& ours;
    DiffResult& oracle;
    const uint8_t* our_data;
    std::vector<uint8_t>& oracle_data;
};

/// The instruction that the case ended at, or 0 when pc is elsewhere.
uint32_t last_word(const TestCase& test, const DiffResult& result) {
    const uint64_t index = (result.state.pc - test.initial.pc) / 4;
    return index < test.words.size() ? test.words[index] : 0;
}

uint64_t effective_address(const MemoryOperand& operand, const DiffState& state) {
    const uint64_t base = operand.base != 31 ? state.x[operand.base] : operand.base_is_zero_register ? 0 : state.sp;
    if (operand.form != MemoryOperand::Form::Register) return base + static_cast<uint64_t>(operand.offset);
    uint64_t index = operand.index == 31 ? 0 : state.x[operand.index];
    if (operand.option == 2) index &= 0xFFFFFFFF;
    if (operand.option == 6) index = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(index)));
    return base + (index << operand.shift);
}

/// Both ended with the same fault of the same instruction.
bool same_fault(const Explained& c) {
    return c.ours.signal == c.oracle.signal && (c.ours.signal == SIGSEGV || c.ours.signal == SIGBUS) &&
           c.ours.state.pc == c.oracle.state.pc;
}

/// Takes the bytes that the access covers from our side.
void take_memory(Explained& c, uint64_t address, unsigned bytes) {
    const uint64_t start = data_address(c.test.slot()) + kDiffWritableOffset;
    for (uint64_t offset = untagged(address) - start; bytes > 0; bytes--, offset++)
        if (offset < kSlotDataBytes) c.oracle_data[offset] = c.our_data[offset];
}

bool abort_in_the_middle(Explained& c) {
    const uint32_t word = last_word(c.test, c.ours);
    const MemoryOperand operand = memory_operand(word);
    if (!same_fault(c) || operand.form == MemoryOperand::Form::None || operand.bytes == 1) return false;
    if (operand.store) {
        take_memory(c, effective_address(operand, c.ours.state), operand.bytes);
    } else if (operand.vector) {
        const bool structures = (word & 0xBE000000) == 0x0C000000;
        const unsigned t = bits(word, 0, 5);
        for (unsigned i = 0; i < (structures ? 4u : 1u); i++)
            c.oracle.state.v[(t + i) % 32] = c.ours.state.v[(t + i) % 32];
        if (!structures) c.oracle.state.v[bits(word, 10, 5)] = c.ours.state.v[bits(word, 10, 5)];
    }
    return true;
}

bool dc_zva_fault_place(Explained& c) {
    const uint32_t word = last_word(c.test, c.ours);
    if (c.ours.signal != SIGSEGV || c.oracle.signal != SIGSEGV) return false;
    if (!is_sys(word) || memory_operand(word).bytes != 64) return false;
    // A translation block starts at the case's first instruction, or at a branch target behind it.
    if (c.oracle.state.pc > c.ours.state.pc || c.oracle.state.pc < c.test.initial.pc) return false;
    c.oracle.state.pc = c.ours.state.pc;
    if ((c.oracle.fault_address ^ c.ours.fault_address) < 64) c.oracle.fault_address = c.ours.fault_address;
    return true;
}

/// One side ended the case at an instruction that the other went on from: nothing behind it can be compared.
void give_up(Explained& c) {
    c.oracle = c.ours;
    c.oracle_data.assign(c.our_data, c.our_data + kSlotDataBytes);
}

bool ldapr_alignment(Explained& c) {
    const uint32_t word = last_word(c.test, c.ours);
    if (c.ours.signal != SIGBUS || (word & 0x3FFFFC00) != 0x38BFC000) return false;
    const MemoryOperand operand = memory_operand(word);
    if (effective_address(operand, c.ours.state) % operand.bytes == 0) return false;
    give_up(c);
    return true;
}

bool store_exclusive_alignment(Explained& c) {
    const uint32_t word = last_word(c.test, c.ours);
    if (c.ours.signal != SIGBUS || !is_store_exclusive(word)) return false;
    const MemoryOperand operand = memory_operand(word);
    if (effective_address(operand, c.ours.state) % operand.bytes == 0) return false;
    give_up(c);
    return true;
}

bool open_monitor_address(Explained& c) {
    const uint32_t word = last_word(c.test, c.oracle);
    if (c.oracle.signal != SIGSEGV && c.oracle.signal != SIGBUS) return false;
    if (!is_store_exclusive(word) || effective_address(memory_operand(word), c.oracle.state) != ~uint64_t{0})
        return false;
    give_up(c);
    return true;
}

bool casp_stack_pointer(Explained& c) {
    for (unsigned i = 0; i < c.test.count; i++)
        if (casp_names_zero_register(c.test.words[i])) {
            // Whether it stores is another question then, and what is loaded behind it.
            if (std::memcmp(c.our_data, c.oracle_data.data(), kSlotDataBytes) != 0) give_up(c);
            c.oracle.state.sp = c.ours.state.sp;
            return true;
        }
    return false;
}

bool fetch_before_alignment(Explained& c) {
    if (c.ours.signal != SIGBUS || c.oracle.signal != SIGSEGV) return false;
    if (c.ours.state.pc != c.oracle.state.pc || c.ours.state.pc % 4 == 0) return false;
    c.oracle.signal = c.ours.signal;
    c.oracle.code = c.ours.code;
    c.oracle.fault_address = c.ours.fault_address;
    return true;
}

bool fcvtz_fixed_half(Explained& c) {
    for (unsigned i = 0; i < c.test.count; i++) {
        const uint32_t word = c.test.words[i];
        if (!converts_half_to_fixed(word)) continue;
        const unsigned d = bits(word, 0, 5);
        if (c.oracle.state.v[d].d[1] != 0 || c.oracle.state.v[d].d[0] >> 32 != 0) return false;
        c.oracle.state.v[d].d[0] &= 0xFFFF;
    }
    return true;
}

/// We refused an encoding that `mask` and `value` tell, and the oracle did not.
template <uint32_t mask, uint32_t value> bool oracle_accepts(Explained& c) {
    if (c.ours.signal != SIGILL || (last_word(c.test, c.ours) & mask) != value) return false;
    give_up(c);
    return true;
}

bool oracle_died_on_undefined(Explained& c) {
    if (c.ours.signal != SIGILL || c.oracle.signal != kSignalDied) return false;
    if (arm64::decode(last_word(c.test, c.ours)) != nullptr) return false;
    give_up(c);
    return true;
}

using Predicate = bool (*)(Explained& c);

struct Entry {
    KnownDifference description;
    Predicate predicate;
};

const std::vector<Entry>& entries() {
    static const std::vector<Entry> list = {
#define KNOWN(id, reference, text, predicate) {{id, reference, text}, predicate},
#include "known_differences.inc"
#undef KNOWN
    };
    return list;
}

std::string signal_name(const DiffResult& result) {
    switch (result.signal) {
    case SIGTRAP: return "SIGTRAP";
    case SIGILL: return "SIGILL";
    case SIGSEGV:
        return fmt::format("SIGSEGV({})", result.code == 1 ? "unmapped" : result.code == 2 ? "permission" : "?");
    case SIGBUS: return "SIGBUS";
    case kSignalHung: return "hung";
    case kSignalDied: return "died";
    case kSignalStrange: return fmt::format("strange exception, ESR_EL1 {:#x}", static_cast<uint32_t>(result.code));
    default: return fmt::format("signal {}", result.signal);
    }
}

std::string hex(uint64_t value) { return fmt::format("{:#018x}", value); }
std::string hex32(uint64_t value) { return fmt::format("{:#010x}", value); }
std::string hex(const DiffVector& value) { return fmt::format("{:016x}_{:016x}", value.d[1], value.d[0]); }

void add_memory(std::vector<Difference>& out, const TestCase& test, const uint8_t* ours, const uint8_t* oracle) {
    const uint64_t address = data_address(test.slot()) + kDiffWritableOffset;
    const uint8_t* initial = background().data() + test.background;
    constexpr unsigned kMost = 8;
    unsigned shown = 0;
    for (uint64_t offset = 0; offset < kSlotDataBytes && shown < kMost; offset += 8) {
        uint64_t a, b, c;
        std::memcpy(&a, ours + offset, 8);
        std::memcpy(&b, oracle + offset, 8);
        std::memcpy(&c, initial + offset, 8);
        if (a == b) continue;
        out.push_back({fmt::format("memory[{:#x}]", address + offset), hex(c), hex(a), hex(b)});
        shown++;
    }
}

std::vector<Difference> list_differences(const TestCase& test, const DiffResult& a, const DiffResult& b,
                                         const uint8_t* our_data, const uint8_t* oracle_data) {
    std::vector<Difference> out;
    const DiffState& initial = test.initial;
    if (a.signal != b.signal || a.code != b.code) out.push_back({"end", "", signal_name(a), signal_name(b)});
    if (a.fault_address != b.fault_address)
        out.push_back({"fault address", "", hex(a.fault_address), hex(b.fault_address)});
    // A case without an end has no state.
    if (a.signal >= kSignalHung || b.signal >= kSignalHung) return out;
    for (unsigned i = 0; i < 31; i++)
        if (a.state.x[i] != b.state.x[i])
            out.push_back({fmt::format("x{}", i), hex(initial.x[i]), hex(a.state.x[i]), hex(b.state.x[i])});
    const auto add = [&](const char* name, uint64_t start, uint64_t ours, uint64_t theirs) {
        if (ours != theirs) out.push_back({name, hex(start), hex(ours), hex(theirs)});
    };
    const auto add32 = [&](const char* name, uint64_t start, uint64_t ours, uint64_t theirs) {
        if (ours != theirs) out.push_back({name, hex32(start), hex32(ours), hex32(theirs)});
    };
    add("sp", initial.sp, a.state.sp, b.state.sp);
    add("pc", initial.pc, a.state.pc, b.state.pc);
    add32("nzcv", initial.nzcv, a.state.nzcv, b.state.nzcv);
    add("tpidr_el0", initial.tpidr, a.state.tpidr, b.state.tpidr);
    add32("fpcr", initial.fpcr, a.state.fpcr, b.state.fpcr);
    add32("fpsr", initial.fpsr, a.state.fpsr, b.state.fpsr);
    for (unsigned i = 0; i < 32; i++)
        if (std::memcmp(&a.state.v[i], &b.state.v[i], sizeof(DiffVector)) != 0)
            out.push_back({fmt::format("v{}", i), hex(initial.v[i]), hex(a.state.v[i]), hex(b.state.v[i])});
    add_memory(out, test, our_data, oracle_data);
    return out;
}

} // namespace

Verdict compare(const TestCase& test, Ending ours, Ending oracle) {
    DiffResult a = *ours.result, b = *oracle.result;
    normalise(a, b);
    if (!ours.flags_known) a.state.nzcv = b.state.nzcv;
    const bool state = std::memcmp(&a, &b, sizeof a) == 0;
    const bool memory = std::memcmp(ours.data, oracle.data, kSlotDataBytes) == 0;
    if (state && memory && a.signal < kSignalHung) return {};

    Verdict verdict{list_differences(test, a, b, ours.data, oracle.data), nullptr};
    if (verdict.same()) { // both hung, or both died
        verdict.differences.push_back({"end", "", signal_name(a), signal_name(b)});
        return verdict;
    }
    for (const Entry& entry : entries()) {
        DiffResult adjusted = b;
        std::vector<uint8_t> data(oracle.data, oracle.data + kSlotDataBytes);
        Explained explained{test, a, adjusted, ours.data, data};
        if (!entry.predicate(explained)) continue;
        if (list_differences(test, a, adjusted, ours.data, data.data()).empty()) {
            verdict.known = entry.description.id;
            break;
        }
    }
    return verdict;
}

std::vector<KnownDifference> known_differences() {
    std::vector<KnownDifference> result;
    for (const Entry& entry : entries()) result.push_back(entry.description);
    return result;
}

} // namespace beeline::differential
