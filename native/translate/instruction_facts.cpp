#include "translate/instruction_facts.h"

#include "arm64/environment.h"
#include "arm64/system_registers.h"

#include <string_view>
#include <vector>

namespace beeline::translate {

using arm64::Feature;
using arm64::Op;

namespace {

Facts facts_of_row(const arm64::Row& row) {
    Facts facts;
    // System instructions and whatever else nobody else knows: exceptions and MRS NZCV look at the flags.
    facts.flags.reads = true;
    const bool vector = arm64::uses_vector_registers(row.feature);
    const std::string_view operands = row.operands;
    if (vector) {
        facts.flags.reads = false;
        // Loads and stores: bit 27 set, bit 25 clear (C4.1).
        std::string bits;
        for (const char c : std::string_view(row.pattern))
            if (c != ' ' && c != '_') bits.push_back(c);
        const bool memory = bits[4] == '1' && bits[6] == '0';
        const bool general =
            operands.find("<X") != std::string_view::npos || operands.find("<W") != std::string_view::npos ||
            operands.find("<R") != std::string_view::npos || operands.find("_general_") != std::string_view::npos;
        facts.helper = memory || general ? Helper::Full : Helper::Light;
    }
    return facts;
}

Facts make(Op op) {
    Facts facts = facts_of_row(arm64::row(op));
    const auto flags = [&](bool reads, bool writes) { facts.flags = {reads, writes}; };
    switch (op) {
    case Op::B:
    case Op::BL:
        facts.flow = Flow::Branch;
        flags(false, false);
        break;
    case Op::B_cond:
        facts.flow = Flow::Conditional;
        flags(true, false);
        break;
    case Op::CBZ:
    case Op::CBNZ:
    case Op::TBZ:
    case Op::TBNZ:
        facts.flow = Flow::Conditional;
        flags(false, false);
        break;
    case Op::BR:
    case Op::BLR:
    case Op::RET:
        facts.flow = Flow::Indirect;
        flags(false, false);
        break;
    case Op::ADDS_immediate:
    case Op::SUBS_immediate:
    case Op::ANDS_immediate:
    case Op::ANDS_shifted:
    case Op::BICS_shifted:
    case Op::ADDS_shifted:
    case Op::SUBS_shifted:
    case Op::ADDS_extended:
    case Op::SUBS_extended: flags(false, true); break;
    case Op::ADC:
    case Op::SBC:
    case Op::CSEL:
    case Op::CSINC:
    case Op::CSINV:
    case Op::CSNEG: flags(true, false); break;
    case Op::ADCS:
    case Op::SBCS:
    case Op::CCMN_register:
    case Op::CCMN_immediate:
    case Op::CCMP_register:
    case Op::CCMP_immediate: flags(true, true); break;
    default: break;
    }
    return facts;
}

/// Instructions of the base set that leave the flags alone and are known to the emitters.
bool ignores_flags(const arm64::Row& row) {
    if (row.feature != Feature::Base && row.feature != Feature::Crc32 && row.feature != Feature::Lse &&
        row.feature != Feature::Rcpc)
        return false;
    const std::string_view pattern = row.pattern;
    std::string bits;
    for (const char c : pattern)
        if (c != ' ' && c != '_') bits.push_back(c);
    // System instructions, exception generation, hints, barriers: 1101 0100 and 1101 0101 0000; ERET: 1101 0110 100.
    return bits.compare(0, 7, "1101010") != 0 && bits.compare(0, 10, "1101011010") != 0;
}

std::vector<Facts> make_all() {
    std::vector<Facts> all;
    for (const arm64::Row& row : arm64::rows()) {
        Facts facts = make(row.op);
        if (facts.flags.reads && !facts.flags.writes && facts.flow == Flow::Next && ignores_flags(row)) {
            switch (row.op) {
            case Op::ADC:
            case Op::SBC:
            case Op::CSEL:
            case Op::CSINC:
            case Op::CSINV:
            case Op::CSNEG: break;
            default: facts.flags.reads = false;
            }
        }
        const std::string_view mnemonic = row.mnemonic;
        if (mnemonic == "fcmp" || mnemonic == "fcmpe") facts = {Flow::Next, {false, true}, Helper::Full};
        if (mnemonic == "fccmp" || mnemonic == "fccmpe") facts = {Flow::Next, {true, true}, Helper::Full};
        if (mnemonic == "fcsel") facts = {Flow::Next, {true, false}, Helper::Full};
        // Unprivileged accesses have fix-up code in kernels, which may look at the flags where the straight path does
        // not.
        if (mnemonic.starts_with("ldtr") || mnemonic.starts_with("sttr")) facts.flags.reads = true;
        switch (row.op) {
        case Op::NOP:
        case Op::HINT:
        case Op::DMB:
        case Op::DSB:
        case Op::ISB:
        case Op::CLREX:
        case Op::MRS:
        case Op::MSR_register:
        case Op::MSR_pan:
        case Op::MSR_uao:
        case Op::MSR_spsel:
        case Op::MSR_daifset:
        case Op::MSR_daifclr: facts.flags.reads = false; break;
        default: break;
        }
        all.push_back(facts);
    }
    return all;
}

const std::vector<Facts>& all_facts() {
    static const std::vector<Facts> all = make_all();
    return all;
}

/// What one encoding of a row does unlike the others.
void refine(Facts& facts, uint32_t word, unsigned el) {
    constexpr uint32_t kWithoutRt = ~uint32_t{0x1F}, kMrsNzcv = 0xD53B4200, kMsrNzcv = 0xD51B4200;
    const auto bits = [word](unsigned high, unsigned low) { return word >> low & ((1u << (high - low + 1)) - 1); };
    if ((word & 0xFFD00000) == 0xD5100000) { // MRS, MSR (register)
        const bool read = bits(21, 21) != 0;
        const arm64::SystemRegister* reg = arm64::find_system_register(
            arm64::system_register_key(2 + bits(19, 19), bits(18, 16), bits(15, 12), bits(11, 8), bits(7, 5)));
        const auto rights = static_cast<unsigned>(reg == nullptr ? arm64::Rights::None : el == 0 ? reg->el0 : reg->el1);
        // No such register: an exception, which saves the flags.
        if ((rights & static_cast<unsigned>(read ? arm64::Rights::Read : arm64::Rights::Write)) == 0)
            facts.flags.reads = true;
        if ((word & kWithoutRt) == kMrsNzcv) facts.flags.reads = true;
        if ((word & kWithoutRt) == kMsrNzcv) facts.flags.writes = true;
    }
    // MSR (immediate) traps or is UNDEFINED at EL0.
    if (el == 0 && (word & 0xFFF8F01F) == 0xD500401F) facts.flags.reads = true;
    // DC and IC by address.
    if ((word & 0xFFFFF000) == 0xD50B7000) facts.flags.reads = false;
}

} // namespace

Facts facts_of(uint32_t word, unsigned el, const arm64::CpuFeatures& features) {
    const arm64::Row* row = arm64::decode(word);
    if (row == nullptr || !features.has(row->feature)) return {.flow = Flow::Leaves, .flags = {true, false}};
    Facts facts = all_facts()[static_cast<unsigned>(row->op)];
    refine(facts, word, el);
    return facts;
}

int64_t branch_distance(uint32_t word) {
    const auto field = [word](unsigned low, unsigned width) {
        return static_cast<int64_t>(static_cast<uint64_t>(word) << (64 - low - width)) >> (64 - width) << 2;
    };
    if ((word & 0x7C000000) == 0x14000000) return field(0, 26); // B, BL
    if ((word & 0x7E000000) == 0x36000000) return field(5, 14); // TBZ, TBNZ
    return field(5, 19);                                        // B.cond, CBZ, CBNZ
}

Facts facts_of(const arm64::Insn& insn, unsigned el) {
    const std::vector<Facts>& all = all_facts();
    if (insn.op >= all.size()) return {.flow = Flow::Leaves, .flags = {true, false}};
    Facts facts = all[insn.op];
    refine(facts, insn.word, el);
    switch (static_cast<Op>(insn.op)) {
    case Op::MSR_pan:
    case Op::MSR_uao:
    case Op::MSR_spsel:
        facts.flow = Flow::Leaves;
        facts.goes_on = true;
        return facts;
    case Op::ISB:
    case Op::MSR_daifclr: facts.goes_on = true; break;
    case Op::MSR_register: facts.goes_on = !facts.flags.reads; break;
    default: break;
    }
    if (facts.flow == Flow::Next && insn.ends_block) {
        if (!facts.goes_on) return {.flow = Flow::Leaves, .flags = {true, false}};
        facts.flow = Flow::Leaves;
    }
    return facts;
}

} // namespace beeline::translate
