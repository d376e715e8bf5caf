// Host code of every integer data-processing instruction against the interpreter: random instances and states,
// registers with and without homes, the guest's flags wherever they can be, with and without the host's
// bit-manipulation extensions.
#include "fake_machine.h"

#include "arm64/features.h"
#include "arm64/interpreter/dispatch.h"
#include "arm64/interpreter/insn.h"
#include "arm64/random_instruction.h"
#include "host/code_cache.h"
#include "host/cpu.h"
#include "translate/emitter.h"
#include "translate/instruction_facts.h"
#include "translate/state.h"

#include <array>
#include <cstdlib>

using namespace beeline;
using namespace beeline::arm64;
using namespace beeline::test;
using namespace beeline::translate;
using namespace Xbyak::util;

namespace {

constexpr Op kOps[] = {
#define I(id, mnemonic, pattern, operands, feature, constraint) Op::id,
#include "arm64/table/dp_immediate.inc"
#include "arm64/table/dp_register.inc"
#undef I
};

// EFLAGS
constexpr uint64_t kCarry = 1, kZero = 0x40, kSign = 0x80, kOverflow = 0x800, kReserved = 2,
                   kArithmetic = kCarry | kZero | kSign | kOverflow | 0x14;

uint64_t to_eflags(uint32_t flags, FlagPlace form) {
    const bool carry = ((flags & nzcv::C) != 0) == (form == FlagPlace::Add);
    return kReserved | (carry ? kCarry : 0) | ((flags & nzcv::Z) != 0 ? kZero : 0) |
           ((flags & nzcv::N) != 0 ? kSign : 0) | ((flags & nzcv::V) != 0 ? kOverflow : 0);
}

uint32_t from_eflags(uint64_t eflags, FlagPlace form) {
    const bool carry = ((eflags & kCarry) != 0) == (form == FlagPlace::Add);
    return (carry ? nzcv::C : 0) | ((eflags & kZero) != 0 ? nzcv::Z : 0) | ((eflags & kSign) != 0 ? nzcv::N : 0) |
           ((eflags & kOverflow) != 0 ? nzcv::V : 0);
}

Insn* stop(Vcpu&, Insn*) { return nullptr; }

uint64_t random_value(Rng& rng) {
    static constexpr uint64_t kSpecial[] = {0,
                                            1,
                                            2,
                                            31,
                                            32,
                                            63,
                                            64,
                                            0x7F,
                                            0x80,
                                            0xFF,
                                            0x7FFF,
                                            0x8000,
                                            0xFFFF,
                                            0x7FFFFFFF,
                                            0x80000000,
                                            0xFFFFFFFF,
                                            0x100000000,
                                            ~uint64_t{0},
                                            ~uint64_t{1},
                                            uint64_t{1} << 63,
                                            ~(uint64_t{1} << 63),
                                            0xFFFFFFFF00000000,
                                            0xFFFFFFFF80000000,
                                            0xFFFFFFFF7FFFFFFF};
    switch (rng.below(6)) {
    case 0:
    case 1: return kSpecial[rng.below(std::size(kSpecial))];
    case 2: return rng.next() >> rng.below(64);
    case 3: return static_cast<uint32_t>(rng.next()) | (rng.one_in(2) ? 0xFFFFFFFF00000000 : 0);
    case 4: return kSpecial[rng.below(std::size(kSpecial))] + kSpecial[rng.below(std::size(kSpecial))];
    default: return rng.next();
    }
}

/// One choice of techniques and host features, and what was measured with it.
struct Variant {
    const char* name;
    Techniques techniques;
    host::CpuFlags host;
};

class Bench {
public:
    explicit Bench(uint64_t seed) : rng(seed), cpu(make_cpu(machine)) {
        cache = host::CodeCache::create(0, 65536, 1);
        assembler = std::make_unique<host::Assembler>(cache->writable(), 65536);
    }

    /// A random instance of the row.
    void run_one(Op op, const Variant& variant);
    /// Instances of the two rows whose registers make them one idiom, more often than not.
    void run_pair(Op first, Op second, const Variant& variant);
    /// A run of MOVZ or MOVN and MOVK.
    void run_constant();

    Rng rng;
    FakeMachine machine;
    std::unique_ptr<Vcpu> cpu;
    std::unique_ptr<host::CodeCache> cache;
    std::unique_ptr<host::Assembler> assembler;
    uint64_t bytes = 0, cases = 0;

    uint64_t fused = 0;

private:
    uint32_t instance(const Row& row);
    void bind_word(Insn& insn, uint32_t word) { bind(insn, word, ExecutionContext{}, cpu->features()); }
    /// Up to two instructions.
    void run_case(std::initializer_list<uint32_t> words, const Variant& variant);
};

uint32_t Bench::instance(const Row& row) {
    uint32_t word = random_instance(row, rng);
    if (rng.one_in(4)) return word;
    // From few registers, so that they coincide: homes of all encodings, none, and 31.
    static constexpr uint8_t kPool[] = {0, 1, 2, 5, 19, 20, 29, 30, 6, 7, 8, 31};
    uint8_t some[3];
    for (uint8_t& number : some) number = kPool[rng.below(std::size(kPool))];
    for (const char letter : {'d', 'n', 'm', 'a'})
        if (row.layout.field(letter).width == 5) word = with_field(word, row.layout, letter, some[rng.below(3)]);
    return word;
}

void Bench::run_one(Op op, const Variant& variant) { run_case({instance(arm64::row(op))}, variant); }

void Bench::run_pair(Op first, Op second, const Variant& variant) {
    const Row &row1 = arm64::row(first), &row2 = arm64::row(second);
    uint32_t word1 = instance(row1), word2 = instance(row2);
    if (row2.layout.field('x').width != 0 && !rng.one_in(8)) word2 = with_field(word2, row2.layout, 'x', word1 >> 31);
    const auto field = [](uint32_t word, const Row& row, char letter) { return Fields(word, row.layout)(letter); };
    const auto set = [&](char letter, uint32_t value) {
        if (!rng.one_in(16)) word2 = with_field(word2, row2.layout, letter, value);
    };
    const uint32_t d = field(word1, row1, 'd'), n = field(word1, row1, 'n'), m = field(word1, row1, 'm');
    if (first == Op::RBIT_general) {
        set('n', d), set('d', d);
    } else if (second == Op::MSUB) {
        const bool swap = rng.one_in(2);
        set('n', swap ? m : d), set('m', swap ? d : m), set('a', n);
    } else {
        const bool swap = rng.one_in(2);
        set('n', swap ? m : n), set('m', swap ? n : m);
        if (first == Op::MADD && !rng.one_in(16)) word1 = with_field(word1, row1.layout, 'a', 31) | 0x80000000;
        if (second == Op::MADD) set('a', 31);
    }
    run_case({word1, word2}, variant);
}

void Bench::run_constant() {
    const bool wide = rng.one_in(2);
    const unsigned rd = rng.below(31), count = 1 + rng.below(5);
    Insn insns[8]{};
    CpuState& state = cpu->state;
    uint64_t value = 0;
    bool known = true;
    for (unsigned i = 0; i < count; i++) {
        const Op op = i != 0 ? Op::MOVK : rng.one_in(2) ? Op::MOVZ : Op::MOVN;
        bind_word(insns[i], arm64::row(op).layout.value | uint32_t{wide} << 31 | rng.below(wide ? 4 : 2) << 21 |
                                rng.below(65536) << 5 | rd);
        known = known && (i == 0 ? begins_constant(insns[i], value) : continues_constant(insns[i], rd, value));
    }
    insns[count].handler = stop;
    for (Insn* next = insns; next != nullptr;) next = next->handler(*cpu, next);
    check(known && value == state.x[rd], "constant " + hex(value) + ", expected " + hex(state.x[rd]));
    uint64_t other = value;
    check(!continues_constant(insns[0], rd, other) && !continues_constant(insns[count - 1], (rd + 1) % 31, other) &&
              other == value,
          "end of a constant");
}

void Bench::run_case(std::initializer_list<uint32_t> words, const Variant& variant) {
    Insn insns[3]{};
    unsigned count = 0;
    for (const uint32_t word : words) bind_word(insns[count++], word);
    insns[count].handler = stop;
    const Insn& insn = insns[0];
    const bool pair = count == 2;

    uint64_t before[34];
    for (uint64_t& x : before) x = random_value(rng);
    if (rng.one_in(3)) before[insn.rm & 31] = before[insn.rn & 31];
    before[kZeroRegister] = 0;
    const uint32_t flags_before = static_cast<uint32_t>(rng.below(16)) << 28;

    CpuState& state = cpu->state;
    std::memcpy(state.x, before, sizeof before);
    state.nzcv = flags_before;
    for (Insn* next = insns; next != nullptr;) next = next->handler(*cpu, next);
    uint64_t expected[34];
    std::memcpy(expected, state.x, sizeof expected);
    const uint32_t expected_flags = state.nzcv;

    const FlagUse use = facts_of(insn, 1).flags;
    const bool needed_after = rng.one_in(2);
    const FlagPlace place = static_cast<FlagPlace>(rng.below(3));

    TranslatedState& translated = translated_state(*cpu);
    std::memcpy(state.x, before, sizeof before);
    translated.host_flags = rng.next() & ~uint64_t{kHostFlagBits | 0xFF};
    uint64_t eflags_before = (rng.next() & kArithmetic) | kReserved, eflags_after = 0;
    if (place == FlagPlace::Memory)
        translated.host_flags |= host_flags(flags_before);
    else {
        translated.host_flags |= rng.next() & kHostFlagBits;
        eflags_before = to_eflags(flags_before, place);
    }

    host::Assembler& a = *assembler;
    a.restart_at(0);
    Xbyak::ClearError();
    Emitter e(a, *cpu, variant.techniques, variant.host);
    static constexpr int kSaved[] = {Xbyak::Operand::RBP, Xbyak::Operand::RBX, Xbyak::Operand::R12,
                                     Xbyak::Operand::R13, Xbyak::Operand::R14, Xbyak::Operand::R15};
    for (const int number : kSaved) a.push(Reg64(number));
    a.mov(rbp, reinterpret_cast<uint64_t>(&state.x[kBaseRegister]));
    for (unsigned n = 0; n < 34; n++)
        if (e.has_home(n)) a.mov(e.home(n), qword[rbp + e.state_offset(&state.x[n])]);
    a.mov(rax, eflags_before);
    a.push(rax);
    for (const Reg64& scratch : {rax, rcx, rdx}) a.mov(scratch, rng.next());
    a.popfq();

    e.set_place(place);
    e.begin_instruction(use.writes ? use.reads : use.reads || needed_after, needed_after);
    const uint8_t* const begin = a.getCurr();
    bool known;
    if (pair) {
        known = emit_data_processing_pair(e, insns[0], insns[1]);
        if (known)
            fused++;
        else
            known = a.getCurr() == begin && emit_data_processing(e, insns[0]) && emit_data_processing(e, insns[1]);
    } else {
        known = emit_data_processing(e, insn);
    }
    const uint8_t* const end = a.getCurr();
    bytes += static_cast<uint64_t>(end - begin);
    cases++;

    a.pushfq();
    a.pop(rax);
    a.mov(rcx, reinterpret_cast<uint64_t>(&eflags_after));
    a.mov(ptr[rcx], rax);
    for (unsigned n = 0; n < 34; n++)
        if (e.has_home(n)) a.mov(qword[rbp + e.state_offset(&state.x[n])], e.home(n));
    for (unsigned i = std::size(kSaved); i-- != 0;) a.pop(Reg64(kSaved[i]));
    a.ret();

    std::string what = std::string(arm64::row(static_cast<Op>(insn.op)).id) + " " + hex(insn.word) +
                       (pair ? " " + hex(insns[1].word) : "") + " (" + variant.name + ", flags " +
                       (place == FlagPlace::Memory     ? "in memory"
                        : place == FlagPlace::Subtract ? "subtract"
                                                       : "add") +
                       (needed_after ? ", needed" : "") + ")";
    if (!known || Xbyak::GetError() != 0) {
        check(false, what + (known ? ": the assembler refuses it" : ": not known"));
        return;
    }
    reinterpret_cast<void (*)()>(reinterpret_cast<uintptr_t>(cache->executable()))();

    bool right = true;
    std::string differences;
    for (unsigned n = 0; n < 33; n++) {
        if (state.x[n] == expected[n]) continue;
        right = false;
        differences += "; x" + std::to_string(n) + " " + hex(state.x[n]) + ", expected " + hex(expected[n]);
    }
    if (needed_after) {
        const uint32_t flags = e.place() == FlagPlace::Memory
                                   ? guest_flags(static_cast<uint32_t>(translated.host_flags))
                                   : from_eflags(eflags_after, e.place());
        if (flags != expected_flags) {
            right = false;
            differences += "; nzcv " + hex(flags >> 28) + ", expected " + hex(expected_flags >> 28);
        }
    }
    if (!right) {
        differences += "; before: nzcv " + hex(flags_before >> 28);
        for (const unsigned n : {+insn.rn, +insn.rm, +insn.ra, +insn.rd})
            if (n < 33) differences += ", x" + std::to_string(n) + " " + hex(before[n]);
        differences += "; host code";
        for (const uint8_t* byte = begin; byte != end; byte++) {
            char text[4];
            std::snprintf(text, sizeof text, " %02x", *byte);
            differences += text;
        }
    }
    check(right, what + differences);
}

} // namespace

int main(int argc, char** argv) {
    // emitter_test [CASES [SEED]]: cases of each row and variant.
    const unsigned cases = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 300;
    Bench bench(argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1);

    const host::CpuFlags& full = host::cpu_flags();
    host::CpuFlags no_bmi2 = full, no_bmi1 = full;
    no_bmi2.bmi2 = false;
    no_bmi1.bmi1 = no_bmi1.lzcnt = false;
    Techniques all, no_homes, no_flags;
    no_homes.disable(Technique::HomeRegisters);
    no_flags.disable(Technique::FlagsInHost);
    const Variant variants[] = {
        {"all", all, full},
        {"no host features", all, host::CpuFlags{}},
        {"no bmi2", all, no_bmi2},
        {"no bmi1, no lzcnt", all, no_bmi1},
        {"no homes", no_homes, full},
        {"no homes, no host features", no_homes, host::CpuFlags{}},
        {"flags in memory", no_flags, full},
    };
    for (const Op op : kOps) {
        if (op == Op::ADR || op == Op::ADRP) continue; // These look at the page, and are the block translator's.
        for (const Variant& variant : variants)
            for (unsigned i = 0; i < cases; i++) bench.run_one(op, variant);
    }
    constexpr Op kPairs[][2] = {{Op::UDIV, Op::MSUB},
                                {Op::SDIV, Op::MSUB},
                                {Op::MADD, Op::UMULH},
                                {Op::MADD, Op::SMULH},
                                {Op::UMULH, Op::MADD},
                                {Op::SMULH, Op::MADD},
                                {Op::RBIT_general, Op::CLZ_general}};
    for (const auto& [first, second] : kPairs) {
        const uint64_t fused = bench.fused;
        for (const Variant& variant : variants)
            for (unsigned i = 0; i < cases; i++) bench.run_pair(first, second, variant);
        check(bench.fused > fused, std::string(arm64::row(first).id) + " is never one with its successor");
    }
    for (unsigned i = 0; i < cases; i++) bench.run_constant();
    std::printf("%.1f bytes of host code an instruction\n",
                static_cast<double>(bench.bytes) / static_cast<double>(bench.cases));
    return report("emitter_test");
}
