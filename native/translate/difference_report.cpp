#include "translate/difference_report.h"

#include "arm64/disassembler.h"
#include "arm64/execution_context.h"
#include "arm64/system_registers.h"
#include "translate/listing.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <fmt/format.h>
#include <utility>

namespace beeline::translate {

using arm64::CpuState;

namespace {

constexpr unsigned kRegisters = 31;
constexpr size_t kSystemWords = sizeof(arm64::SystemRegisters) / sizeof(uint64_t);

std::string system_word_name(size_t index) {
    const size_t offset = offsetof(CpuState, sys) + index * sizeof(uint64_t);
    for (const arm64::SystemRegister& row : arm64::system_registers())
        if (row.offset == offset) return row.name;
    return fmt::format("system register word {}", index);
}

std::array<uint64_t, kSystemWords> system_words(const CpuState& state) {
    std::array<uint64_t, kSystemWords> words;
    std::memcpy(words.data(), &state.sys, sizeof words);
    return words;
}

std::string flags_text(uint32_t nzcv) {
    std::string text = "nzcv";
    for (unsigned i = 0; i < 4; i++)
        if ((nzcv >> (31 - i) & 1) != 0) text[i] = static_cast<char>(text[i] - 'a' + 'A');
    return text;
}

std::string pstate_text(const CpuState& state) {
    const arm64::Pstate& p = state.pstate;
    return fmt::format("{} EL{} SP{} DAIF {:#x}{}{}{}{}", flags_text(state.nzcv), p.el, p.sp_sel, p.daif >> 6,
                       p.pan != 0 ? " PAN" : "", p.uao != 0 ? " UAO" : "", p.ss != 0 ? " SS" : "",
                       p.il != 0 ? " IL" : "");
}

std::string vector_text(const arm64::VReg& v) { return fmt::format("{:016x}_{:016x}", v.d[1], v.d[0]); }

std::string state_text(const CpuState& state) {
    std::string text;
    auto put = [&text, column = 0](const std::string& name, uint64_t value) mutable {
        text += fmt::format("  {:>4} {:016x}{}", name, value, ++column % 4 == 0 ? "\n" : "");
    };
    for (unsigned i = 0; i < kRegisters; i++) put(fmt::format("x{}", i), state.x[i]);
    put("sp", state.x[arm64::kStackPointer]);
    text += fmt::format("    pc {:016x}  {}  fpcr {:08x}  fpsr {:08x}\n", state.pc, pstate_text(state), state.fpcr,
                        state.fpsr);
    return text;
}

bool equal_monitors(const arm64::ExclusiveMonitor& one, const arm64::ExclusiveMonitor& other) {
    if (one.size != other.size) return false;
    return one.size == 0 || (one.va == other.va && std::memcmp(one.value, other.value, one.size) == 0);
}

} // namespace

bool equal_states(const CpuState& one, const CpuState& other) {
    // All but what takes writes to the zero register.
    return std::memcmp(one.x, other.x, sizeof(uint64_t) * arm64::kDiscard) == 0 && one.pc == other.pc &&
           one.nzcv == other.nzcv && std::memcmp(&one.pstate, &other.pstate, sizeof one.pstate) == 0 &&
           one.fpcr == other.fpcr && one.fpsr == other.fpsr && std::memcmp(one.v, other.v, sizeof one.v) == 0 &&
           equal_monitors(one.exclusive, other.exclusive) && std::memcmp(&one.sys, &other.sys, sizeof one.sys) == 0;
}

void describe_differences(const CpuState& interpreter, const CpuState& translated,
                          std::vector<std::string>& differences) {
    if (equal_states(interpreter, translated)) return;
    const auto word = [&differences](const std::string& name, uint64_t right, uint64_t wrong) {
        if (right != wrong)
            differences.push_back(fmt::format("{}: interpreter {:#x}, translated {:#x}", name, right, wrong));
    };
    for (unsigned i = 0; i < kRegisters; i++) word(fmt::format("x{}", i), interpreter.x[i], translated.x[i]);
    word("xzr", interpreter.x[arm64::kZeroRegister], translated.x[arm64::kZeroRegister]);
    word("sp", interpreter.x[arm64::kStackPointer], translated.x[arm64::kStackPointer]);
    word("pc", interpreter.pc, translated.pc);
    if (interpreter.nzcv != translated.nzcv ||
        std::memcmp(&interpreter.pstate, &translated.pstate, sizeof interpreter.pstate) != 0)
        differences.push_back(
            fmt::format("pstate: interpreter {}, translated {}", pstate_text(interpreter), pstate_text(translated)));
    word("fpcr", interpreter.fpcr, translated.fpcr);
    word("fpsr", interpreter.fpsr, translated.fpsr);
    for (unsigned i = 0; i < std::size(interpreter.v); i++)
        if (interpreter.v[i] != translated.v[i])
            differences.push_back(fmt::format("v{}: interpreter {}, translated {}", i, vector_text(interpreter.v[i]),
                                              vector_text(translated.v[i])));
    const arm64::ExclusiveMonitor& right = interpreter.exclusive;
    const arm64::ExclusiveMonitor& wrong = translated.exclusive;
    word("exclusive monitor's size", right.size, wrong.size);
    if (right.size != 0) {
        word("exclusive monitor's address", right.va, wrong.va);
        if (std::memcmp(right.value, wrong.value, right.size) != 0)
            differences.push_back(fmt::format("exclusive monitor's data: interpreter {:016x}_{:016x}, translated "
                                              "{:016x}_{:016x}",
                                              right.value[1], right.value[0], wrong.value[1], wrong.value[0]));
    }
    const auto right_words = system_words(interpreter), wrong_words = system_words(translated);
    for (size_t i = 0; i < kSystemWords; i++) word(system_word_name(i), right_words[i], wrong_words[i]);
}

std::string difference_report(const Translation& translation, const std::vector<std::string>& differences,
                              const States& states, host::Symbols symbols) {
    const uint64_t pc = states.before.pc;
    const arm64::ExecutionContext context = arm64::unpack_context(translation.context);
    std::string text =
        fmt::format("the translated block at {:#x} (physical {:#x}, EL{}, MMU {}) differs from the interpreter:\n", pc,
                    translation.pa.value, context.el, context.mmu ? "on" : "off");
    for (const std::string& difference : differences) text += fmt::format("  {}\n", difference);
    text += "guest code:\n";
    for (size_t i = 0; i < translation.words.size(); i++)
        text += fmt::format("  {:16x}  {:08x}  {}\n", pc + i * 4, translation.words[i],
                            arm64::disassemble(translation.words[i], pc + i * 4));
    text += "host code:\n";
    for (host::SymbolRange& symbol : block_symbols(translation)) symbols.addresses.push_back(std::move(symbol));
    text += list_block({.pc = pc,
                        .words = translation.words,
                        .code = {translation.writable, translation.size},
                        .address = reinterpret_cast<uint64_t>(translation.code),
                        .layout = translation.layout},
                       symbols);
    text += "before:\n" + state_text(states.before);
    text += "interpreter, after:\n" + state_text(states.interpreter);
    text += "translated, after:\n" + state_text(states.translated);
    return text;
}

} // namespace beeline::translate
