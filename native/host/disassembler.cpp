#include "host/disassembler.h"

#include <Zydis/Zydis.h>
#include <fmt/format.h>

namespace beeline::host {

std::vector<HostInstruction> disassemble(const uint8_t* code, size_t size, uint64_t address) {
    std::vector<HostInstruction> result;
    for (size_t offset = 0; offset < size;) {
        ZydisDisassembledInstruction decoded;
        if (ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, address + offset, code + offset,
                                               size - offset, &decoded))) {
            result.push_back({offset, decoded.info.length, decoded.text});
            offset += decoded.info.length;
        } else {
            result.push_back({offset, 1, fmt::format("db {:#04x}", code[offset])});
            offset++;
        }
    }
    return result;
}

std::string format_listing(const uint8_t* code, const std::vector<HostInstruction>& instructions) {
    std::string text;
    for (const HostInstruction& instruction : instructions) {
        std::string bytes;
        for (size_t i = 0; i < instruction.length; i++) bytes += fmt::format("{:02x}", code[instruction.offset + i]);
        text += fmt::format("  {:5x}  {:<22} {}\n", instruction.offset, bytes, instruction.text);
    }
    return text;
}

} // namespace beeline::host
