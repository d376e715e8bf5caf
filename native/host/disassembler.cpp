#include "host/disassembler.h"

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include <cstring>
#include <map>

namespace beeline::host {

namespace {

/// Empty: nothing is known of the place.
std::string name_of(const std::vector<SymbolRange>& ranges, uint64_t place) {
    for (const SymbolRange& range : ranges) {
        const uint64_t distance = place - range.begin;
        const uint64_t index = distance / range.stride, inside = distance % range.stride;
        if (index >= range.count || inside >= range.size) continue;
        std::string name = range.name;
        if (const size_t at = name.find("{}"); at != std::string::npos) name.replace(at, 2, std::to_string(index));
        if (inside != 0) name += fmt::format("+{}", inside);
        return name;
    }
    return {};
}

/// Names for one piece of code.
struct Names {
    const Symbols& symbols;
    uint64_t address;
    std::map<size_t, unsigned> labels; ///< By offset.

    std::string place(uint64_t absolute) const {
        const auto label = labels.find(absolute - address);
        return label == labels.end() ? name_of(symbols.addresses, absolute) : fmt::format(".{}", label->second);
    }
};

ZydisFormatterFunc default_address, default_displacement, default_immediate;

/// As ZyanStringAppend(), which is in a library of its own.
ZyanStatus append(ZydisFormatterBuffer* buffer, const std::string& text) {
    ZyanString* string;
    ZYAN_CHECK(ZydisFormatterBufferGetString(buffer, &string));
    ZyanVector& characters = string->vector; // With the NUL at the end.
    if (characters.size + text.size() > characters.capacity) return ZYAN_STATUS_INSUFFICIENT_BUFFER_SIZE;
    std::memcpy(static_cast<char*>(characters.data) + characters.size - 1, text.c_str(), text.size() + 1);
    characters.size += text.size();
    return ZYAN_STATUS_SUCCESS;
}

const Names& names_of(const ZydisFormatterContext* context) { return *static_cast<const Names*>(context->user_data); }

/// Targets of jumps, and memory operands without registers.
ZyanStatus print_address(const ZydisFormatter* formatter, ZydisFormatterBuffer* buffer,
                         ZydisFormatterContext* context) {
    ZyanU64 absolute;
    std::string name;
    if (context->operand->type == ZYDIS_OPERAND_TYPE_MEMORY && context->operand->mem.segment == ZYDIS_REGISTER_GS)
        name = name_of(names_of(context).symbols.segment, static_cast<uint64_t>(context->operand->mem.disp.value));
    else if (ZYAN_SUCCESS(
                 ZydisCalcAbsoluteAddress(context->instruction, context->operand, context->runtime_address, &absolute)))
        name = names_of(context).place(absolute);
    return name.empty() ? default_address(formatter, buffer, context) : append(buffer, name);
}

ZyanStatus print_displacement(const ZydisFormatter* formatter, ZydisFormatterBuffer* buffer,
                              ZydisFormatterContext* context) {
    std::string name;
    if (context->operand->mem.base == ZYDIS_REGISTER_RBP)
        name = name_of(names_of(context).symbols.frame, static_cast<uint64_t>(context->operand->mem.disp.value));
    return name.empty() ? default_displacement(formatter, buffer, context) : append(buffer, "+" + name);
}

ZyanStatus print_immediate(const ZydisFormatter* formatter, ZydisFormatterBuffer* buffer,
                           ZydisFormatterContext* context) {
    const std::string name = name_of(names_of(context).symbols.addresses, context->operand->imm.value.u);
    return name.empty() ? default_immediate(formatter, buffer, context) : append(buffer, name);
}

template <typename Function>
void hook(ZydisFormatter& formatter, ZydisFormatterFunction what, Function& replaced, Function replacement) {
    const void* callback = reinterpret_cast<const void*>(replacement);
    ZydisFormatterSetHook(&formatter, what, &callback);
    replaced = reinterpret_cast<Function>(const_cast<void*>(callback));
}

const ZydisFormatter& formatter_with_names() {
    static const ZydisFormatter formatter = [] {
        ZydisFormatter made;
        ZydisFormatterInit(&made, ZYDIS_FORMATTER_STYLE_INTEL);
        for (const ZydisFormatterProperty padding :
             {ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_FORMATTER_PROP_DISP_PADDING,
              ZYDIS_FORMATTER_PROP_IMM_PADDING})
            ZydisFormatterSetProperty(&made, padding, ZYDIS_PADDING_DISABLED);
        ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_IMM_SIGNEDNESS, ZYDIS_SIGNEDNESS_SIGNED);
        ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
        hook(made, ZYDIS_FORMATTER_FUNC_PRINT_ADDRESS_ABS, default_address, &print_address);
        hook(made, ZYDIS_FORMATTER_FUNC_PRINT_DISP, default_displacement, &print_displacement);
        hook(made, ZYDIS_FORMATTER_FUNC_PRINT_IMM, default_immediate, &print_immediate);
        return made;
    }();
    return formatter;
}

/// Calls visit(offset, decoded) for every instruction, with nullptr for a byte that is none.
template <typename Visit> void for_each_instruction(const uint8_t* code, size_t size, uint64_t address, Visit visit) {
    for (size_t offset = 0; offset < size;) {
        ZydisDisassembledInstruction decoded;
        const bool good = ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, address + offset,
                                                             code + offset, size - offset, &decoded));
        visit(offset, good ? &decoded : nullptr);
        offset += good ? decoded.info.length : 1;
    }
}

} // namespace

std::vector<HostInstruction> disassemble(const uint8_t* code, size_t size, uint64_t address, const Symbols& symbols) {
    Names names{symbols, address, {}};
    for_each_instruction(code, size, address, [&](size_t offset, const ZydisDisassembledInstruction* decoded) {
        if (decoded == nullptr || decoded->operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
            !decoded->operands[0].imm.is_relative)
            return;
        ZyanU64 absolute;
        if (ZYAN_SUCCESS(
                ZydisCalcAbsoluteAddress(&decoded->info, &decoded->operands[0], address + offset, &absolute)) &&
            absolute - address < size)
            names.labels[absolute - address];
    });
    unsigned label = 0;
    for (auto& [offset, number] : names.labels) number = ++label;

    std::vector<HostInstruction> result;
    for_each_instruction(code, size, address, [&](size_t offset, const ZydisDisassembledInstruction* decoded) {
        const auto at = names.labels.find(offset);
        const unsigned number = at == names.labels.end() ? 0 : at->second;
        char text[256];
        if (decoded != nullptr &&
            ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter_with_names(), &decoded->info, decoded->operands,
                                                         decoded->info.operand_count_visible, text, sizeof text,
                                                         address + offset, &names)))
            result.push_back({offset, decoded->info.length, text, number});
        else
            result.push_back({offset, 1, fmt::format("db {:#04x}", code[offset]), number});
    });
    return result;
}

} // namespace beeline::host
