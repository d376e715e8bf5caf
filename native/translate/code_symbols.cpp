// Names for what translated code refers to: guest state, the direct tier's own, shared routines, a block's exits.
#include "arm64/system_registers.h"
#include "arm64/vcpu.h"
#include "translate/block_translator.h"
#include "translate/listing.h"
#include "translate/perf_map.h"
#include "translate/state.h"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <link.h>
#include <span>

namespace beeline::translate {

using arm64::SiteEntry;
using arm64::Tlb;
using arm64::TlbEntry;
using host::SymbolRange;

namespace {

constexpr unsigned kGeneralRegisters = 31;

void add_guest_state(std::vector<SymbolRange>& frame, const Emitter& e) {
    arm64::Vcpu& cpu = e.cpu;
    const auto add = [&](const void* field, size_t size, std::string name, unsigned count = 1) {
        frame.push_back({static_cast<uint64_t>(int64_t{e.state_offset(field)}), static_cast<uint32_t>(size), count,
                         static_cast<uint32_t>(size), std::move(name)});
    };
    arm64::CpuState& state = cpu.state;
    add(&state.x[0], sizeof(uint64_t), "x{}", kGeneralRegisters);
    add(&state.x[arm64::kZeroRegister], sizeof(uint64_t), "xzr");
    add(&state.x[arm64::kStackPointer], sizeof(uint64_t), "sp");
    add(&state.x[arm64::kDiscard], sizeof(uint64_t), "discard");
    add(&state.v[0], sizeof(arm64::VReg), "v{}", 32);
    add(&state.pc, sizeof state.pc, "pc");
    add(&state.nzcv, sizeof state.nzcv, "nzcv");
    add(&state.pstate.el, 1, "pstate.el");
    add(&state.pstate.sp_sel, 1, "pstate.sp");
    add(&state.pstate.pan, 1, "pstate.pan");
    add(&state.pstate.uao, 1, "pstate.uao");
    add(&state.pstate.ss, 1, "pstate.ss");
    add(&state.pstate.il, 1, "pstate.il");
    add(&state.pstate.daif, sizeof state.pstate.daif, "pstate.daif");
    add(&state.fpcr, sizeof state.fpcr, "fpcr");
    add(&state.fpsr, sizeof state.fpsr, "fpsr");
    add(&state.exclusive.va, sizeof state.exclusive.va, "exclusive.va");
    add(&state.exclusive.value, sizeof state.exclusive.value, "exclusive.value");
    add(&state.exclusive.size, sizeof state.exclusive.size, "exclusive.size");
    add(&state.sys.sp_el0, sizeof(uint64_t), "sp_el0");
    for (const arm64::SystemRegister& row : arm64::system_registers())
        if (row.offset != 0) add(reinterpret_cast<const uint8_t*>(&state) + row.offset, sizeof(uint64_t), row.name);
    add(&cpu.page_va, sizeof cpu.page_va, "page_va");
    add(&cpu.lookup_tag, sizeof cpu.lookup_tag, "lookup_tag");
    add(&cpu.transfer, sizeof cpu.transfer, "transfer");
    add(cpu.lookup_tags(), sizeof(uint64_t), "lookup_tags[{}]", 2);
    add(&cpu.lines_word(), sizeof cpu.lines_word(), "lines");
    add(&cpu.poll, sizeof cpu.poll, "poll");
    add(&cpu.data_tlb, sizeof cpu.data_tlb, "data_tlb");
    add(&cpu.unprivileged_tlb, sizeof cpu.unprivileged_tlb, "unprivileged_tlb");
    add(&cpu.counters.instructions, sizeof(uint64_t), "instructions");
    add(&cpu.exit_pending, sizeof cpu.exit_pending, "exit_pending");
}

void add_tier_state(std::vector<SymbolRange>& frame, const Emitter& e) {
    TranslatedState& state = translated_state(e.cpu);
    const auto add = [&](const void* field, size_t size, std::string name, unsigned count = 1) {
        frame.push_back({static_cast<uint64_t>(int64_t{e.state_offset(field)}), static_cast<uint32_t>(size), count,
                         static_cast<uint32_t>(size), std::move(name)});
    };
    add(&state.host_flags, sizeof state.host_flags, "host_flags");
    add(&state.host_stack, sizeof state.host_stack, "host_stack");
    add(&state.indirect_table, sizeof state.indirect_table, "indirect_table");
    add(&state.tlb, sizeof state.tlb, "tlb");
    add(&state.synchronized_tag, sizeof state.synchronized_tag, "synchronized_tag");
    add(&state.site_misses, sizeof state.site_misses, "site_misses");
    for (const auto& [cause, name] : kSwitchCauseNames)
        add(&state.switches[static_cast<unsigned>(cause)], sizeof(uint64_t), fmt::format("switches.{}", name));
    add(&state.group_addend, sizeof state.group_addend, "group_addend");
    add(&state.float_flags, sizeof state.float_flags, "float_flags");
    add(&state.guest_mxcsr, sizeof state.guest_mxcsr, "guest_mxcsr");
    add(&state.saturated, sizeof state.saturated, "saturated");
    add(&state.mxcsr, sizeof state.mxcsr, "mxcsr");
    add(&state.vector_constants, sizeof state.vector_constants, "constants");
    add(&state.triple_shuffles, sizeof state.triple_shuffles, "triple_shuffles");
    add(&state.counts[0], sizeof state.counts[0], "count({})", kMaxInstructions + 1);
}

void add_tlb(std::vector<SymbolRange>& segment) {
    const auto add = [&](size_t offset, const char* name, unsigned count = 1) {
        segment.push_back({offset, sizeof(uint64_t), count, sizeof(SiteEntry), name});
    };
    add(offsetof(Tlb, read_sites) + offsetof(SiteEntry, negative_page), "read_site({}).negative_page", Tlb::kSites);
    add(offsetof(Tlb, read_sites) + offsetof(SiteEntry, addend), "read_site({}).addend", Tlb::kSites);
    add(offsetof(Tlb, write_sites) + offsetof(SiteEntry, negative_page), "write_site({}).negative_page", Tlb::kSites);
    add(offsetof(Tlb, write_sites) + offsetof(SiteEntry, addend), "write_site({}).addend", Tlb::kSites);
    add(offsetof(Tlb, table) + offsetof(TlbEntry, read_page), "tlb.read_page");
    add(offsetof(Tlb, table) + offsetof(TlbEntry, write_page), "tlb.write_page");
    add(offsetof(Tlb, table) + offsetof(TlbEntry, addend), "tlb.addend");
    add(offsetof(Tlb, offset_mask), "tlb.offset_mask");
}

void add_runtime(std::vector<SymbolRange>& addresses, const Runtime& runtime, int64_t code_offset) {
    const auto add = [&](const uint8_t* routine, std::string name) {
        addresses.push_back({.begin = reinterpret_cast<uint64_t>(routine) + static_cast<uint64_t>(code_offset),
                             .name = std::move(name)});
    };
    add(runtime.leave, "leave");
    add(runtime.leave_to_rax, "leave_to_rax");
    for (size_t i = 0; i < kProbeSizes.size(); i++) {
        add(runtime.probe_read[i], fmt::format("probe_read_{}", kProbeSizes[i]));
        add(runtime.probe_write[i], fmt::format("probe_write_{}", kProbeSizes[i]));
        add(runtime.probe_read_unprivileged[i], fmt::format("probe_read_unprivileged_{}", kProbeSizes[i]));
        add(runtime.probe_write_unprivileged[i], fmt::format("probe_write_unprivileged_{}", kProbeSizes[i]));
    }
    add(runtime.slow_load, "slow_load");
    add(runtime.slow_store, "slow_store");
    add(runtime.note_misses, "note_misses");
    add(runtime.interpret_full, "interpret_full");
    add(runtime.interpret_light, "interpret_light");
    add(runtime.fix_up_full, "fix_up_full");
    add(runtime.fix_up_light, "fix_up_light");
    add(runtime.call_system, "call_system");
    add(runtime.change_level, "change_level");
    add(runtime.dispatch, "dispatch");
}

/// The tables and functions of the program, or of the addon, that this is part of.
void add_core(std::vector<SymbolRange>& addresses) {
    dl_iterate_phdr(
        [](dl_phdr_info* object, size_t, void* list) {
            const auto here = reinterpret_cast<uint64_t>(&add_core);
            uint64_t first = UINT64_MAX, end = 0;
            for (const ElfW(Phdr) & header : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
                if (header.p_type != PT_LOAD) continue;
                first = std::min<uint64_t>(first, object->dlpi_addr + header.p_vaddr);
                end = std::max<uint64_t>(end, object->dlpi_addr + header.p_vaddr + header.p_memsz);
            }
            if (here < first || here >= end) return 0;
            static_cast<std::vector<SymbolRange>*>(list)->push_back(
                {.begin = first, .count = static_cast<uint32_t>(end - first), .name = "core"});
            return 1;
        },
        &addresses);
}

} // namespace

host::Symbols common_symbols(const BlockTranslator& translator, int64_t code_offset) {
    host::Symbols symbols;
    add_guest_state(symbols.frame, translator.emitter());
    add_tier_state(symbols.frame, translator.emitter());
    add_tlb(symbols.segment);
    add_runtime(symbols.addresses, translator.runtime(), code_offset);
    add_core(symbols.addresses);
    return symbols;
}

void name_runtime(PerfMap& map, const Runtime& runtime, int64_t code_offset, const uint8_t* end) {
    std::vector<SymbolRange> routines;
    add_runtime(routines, runtime, code_offset);
    routines.push_back({.begin = reinterpret_cast<uint64_t>(runtime.enter), .name = "enter"});
    std::sort(routines.begin(), routines.end(),
              [](const SymbolRange& one, const SymbolRange& other) { return one.begin < other.begin; });
    routines.push_back({.begin = reinterpret_cast<uint64_t>(end) + static_cast<uint64_t>(code_offset)});
    for (size_t i = 0; i + 1 < routines.size(); i++)
        map.add(reinterpret_cast<const void*>(routines[i].begin), routines[i + 1].begin - routines[i].begin,
                "beeline " + routines[i].name);
}

std::vector<SymbolRange> block_symbols(const Translation& translation) {
    std::vector<SymbolRange> symbols;
    const auto add = [&](const void* place, size_t size, std::string name) {
        symbols.push_back(
            {.begin = reinterpret_cast<uint64_t>(place), .size = static_cast<uint32_t>(size), .name = std::move(name)});
        symbols.back().stride = symbols.back().size;
    };
    add(&translation.executions, sizeof translation.executions, "executions");
    const auto first = static_cast<int64_t>(translation.pa.value & arm64::kPageMask);
    for (const Exit& exit : translation.exits) {
        const int64_t distance = exit.offset - first;
        const std::string name = fmt::format("{}{:#x}", distance < 0 ? '-' : '+', distance < 0 ? -distance : distance);
        add(&exit, sizeof exit, fmt::format("exit({})", name));
        if (exit.page_link != nullptr) add(exit.page_link, sizeof *exit.page_link, fmt::format("page_link({})", name));
    }
    size_t n = 0;
    for (const MissCounter& counter : translation.miss_counters)
        add(&counter, sizeof counter, fmt::format("misses({})", n++));
    for (size_t i = 0; i < translation.helper_chains.size(); i++)
        add(translation.helper_chains[i].get(), sizeof(arm64::Insn), fmt::format("handlers({})", i));
    return symbols;
}

} // namespace beeline::translate
