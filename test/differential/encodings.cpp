#include "encodings.h"

#include <algorithm>

namespace beeline::differential {

namespace {

using Form = MemoryOperand::Form;

/// Advanced SIMD load/store multiple and single structures.
MemoryOperand structures(uint32_t word) {
    MemoryOperand operand{.form = Form::Base, .base = bits(word, 5, 5)};
    operand.store = bits(word, 22, 1) == 0;
    operand.write_back = bits(word, 23, 1) != 0;
    operand.vector = true;
    const unsigned q = bits(word, 30, 1), size = bits(word, 10, 2);
    if (bits(word, 24, 1) == 0) { // multiple
        static constexpr uint8_t kRegisters[16] = {4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2, 0, 0, 0, 0, 0};
        operand.element = 1u << size;
        operand.bytes = kRegisters[bits(word, 12, 4)] * (q != 0 ? 16 : 8);
    } else {
        const unsigned opcode = bits(word, 13, 3), scale = opcode >> 1;
        operand.element = scale == 3 ? 1u << size : scale == 2 && (size & 1) != 0 ? 8 : 1u << scale;
        operand.bytes = operand.element * (((opcode & 1) << 1 | bits(word, 21, 1)) + 1);
    }
    operand.bytes = std::max(operand.bytes, 1u);
    return operand;
}

MemoryOperand pair(uint32_t word) {
    const bool vector = bits(word, 26, 1) != 0;
    const unsigned opc = bits(word, 30, 2), mode = bits(word, 23, 2);
    const unsigned scale = vector ? 2 + opc : opc == 2 ? 3 : 2;
    MemoryOperand operand{.form = mode == 1 ? Form::Base : Form::Immediate, .base = bits(word, 5, 5)};
    if (mode != 1) operand.offset = signed_bits(word, 15, 7) * (int64_t{1} << scale);
    operand.element = 1u << scale;
    operand.bytes = 2u << scale;
    operand.store = bits(word, 22, 1) == 0;
    operand.write_back = mode == 1 || mode == 3;
    operand.vector = vector;
    return operand;
}

MemoryOperand single(uint32_t word) {
    const bool vector = bits(word, 26, 1) != 0;
    const unsigned opc = bits(word, 22, 2), size = bits(word, 30, 2);
    const unsigned scale = vector ? size | (opc & 2) << 1 : size;
    MemoryOperand operand{.form = Form::Immediate, .base = bits(word, 5, 5)};
    operand.element = operand.bytes = 1u << scale;
    operand.store = vector ? (opc & 1) == 0 : opc == 0;
    operand.vector = vector;
    if (bits(word, 24, 1) != 0) { // unsigned immediate
        operand.offset = int64_t{bits(word, 10, 12)} << scale;
    } else if (bits(word, 21, 1) == 0) { // 9-bit immediate
        const unsigned mode = bits(word, 10, 2);
        operand.form = mode == 1 ? Form::Base : Form::Immediate;
        if (mode != 1) operand.offset = signed_bits(word, 12, 9);
        operand.write_back = (mode & 1) != 0;
    } else if (bits(word, 10, 2) == 2) {
        operand.form = Form::Register;
        operand.index = bits(word, 16, 5);
        operand.option = bits(word, 13, 3);
        operand.shift = bits(word, 12, 1) != 0 ? scale : 0;
    } else { // atomic memory operations, LDAPR
        operand.form = Form::Base;
        operand.store = true;
        operand.aligned = true;
    }
    return operand;
}

} // namespace

MemoryOperand memory_operand(uint32_t word) {
    if ((word & 0xBE000000) == 0x0C000000) return structures(word);
    if ((word & 0x3F000000) == 0x08000000) { // exclusive, ordered, compare and swap
        MemoryOperand operand{.form = Form::Base, .base = bits(word, 5, 5)};
        const bool ordered = bits(word, 23, 1) != 0, two = bits(word, 21, 1) != 0;
        // CASP is where exclusives of bytes and halves would be pairs.
        if (two && !ordered) {
            operand.element = bits(word, 30, 1) != 0 ? 8 : 4;
            operand.bytes = 2 * operand.element;
        } else {
            operand.element = operand.bytes = 1u << bits(word, 30, 2);
        }
        operand.store = bits(word, 22, 1) == 0 || is_cas(word) || is_casp(word);
        operand.aligned = true;
        return operand;
    }
    if ((word & 0x3B000000) == 0x18000000) {
        const unsigned opc = bits(word, 30, 2);
        const unsigned size = bits(word, 26, 1) != 0 ? 4u << opc : opc == 1 ? 8 : 4;
        MemoryOperand operand{.form = Form::Literal};
        operand.element = operand.bytes = size;
        operand.vector = bits(word, 26, 1) != 0;
        return operand;
    }
    if ((word & 0x3A000000) == 0x28000000) return pair(word);
    if ((word & 0x3A000000) == 0x38000000) return single(word);
    if (is_sys(word)) {
        const uint32_t key = system_key_of(word);
        const auto dc = [](unsigned crm, unsigned op2) { return system_key(1, 3, 7, crm, op2); };
        MemoryOperand operand{.form = Form::Base, .base = bits(word, 0, 5)};
        operand.base_is_zero_register = true;
        if (key == dc(4, 1)) { // DC ZVA
            operand.element = operand.bytes = 64;
            operand.store = true;
            return operand;
        }
        if (key == dc(5, 1) || key == dc(10, 1) || key == dc(11, 1) || key == dc(12, 1) || key == dc(14, 1)) {
            operand.maintenance = true;
            return operand;
        }
    }
    return {};
}

Branch branch(uint32_t word) {
    if ((word & 0x7C000000) == 0x14000000) return {.form = Branch::Form::Direct26};
    if ((word & 0xFE000000) == 0x54000000 || (word & 0x7E000000) == 0x34000000) return {.form = Branch::Form::Direct19};
    if ((word & 0x7E000000) == 0x36000000) return {.form = Branch::Form::Direct14};
    if ((word & 0xFE000000) == 0xD6000000) return {.form = Branch::Form::Register, .target = bits(word, 5, 5)};
    return {};
}

uint32_t with_displacement(uint32_t word, Branch::Form form, int64_t words) {
    const auto patch = [&](unsigned low, unsigned width) {
        const uint32_t mask = ((1u << width) - 1) << low;
        return (word & ~mask) | (static_cast<uint32_t>(words) << low & mask);
    };
    switch (form) {
    case Branch::Form::Direct26: return patch(0, 26);
    case Branch::Form::Direct19: return patch(5, 19);
    case Branch::Form::Direct14: return patch(5, 14);
    default: return word;
    }
}

const char* not_judgeable(uint32_t word) {
    if ((word & 0xFFE0001F) == 0xD4000001) return "SVC calls the oracle's kernel";
    if (word == (0xD4400000 | 0xF000 << 5)) return "HLT #0xF000 is a semihosting call to qemu-aarch64";
    if (word == 0xD503207F) return "WFI waits for an interrupt, which user mode cannot arrange";
    if (is_mrs(word) || is_msr(word)) {
        const uint32_t key = system_key_of(word);
        const unsigned op0 = key >> 14, op1 = key >> 11 & 7, crn = key >> 7 & 15, crm = key >> 3 & 15;
        if (op0 == 3 && op1 == 0 && crn == 0) return "Linux emulates reads of identification registers at EL0";
        if (key == system_key(3, 3, 0, 0, 1)) return "CTR_EL0 describes the machine's own caches";
        if (op0 == 3 && op1 == 3 && crn == 14 && crm != 0) return "timers belong to the machine";
        if (op0 == 3 && op1 == 3 && crn == 14 && crm == 0 && (key & 7) != 0) return "counters tell the time";
        if (op0 == 3 && op1 == 3 && crn == 9)
            return "whether performance monitors exist is the implementation's choice";
        if (op0 == 3 && (crn == 11 || crn == 15)) return "IMPLEMENTATION DEFINED registers";
        if (op0 == 2 && op1 == 3) return "qemu-aarch64 7.2 leaves the debug communication channel's data registers out";
        if (key == system_register::kSsbs)
            return "FEAT_SSBS is optional: qemu's neoverse-n1 has it, the model n1 does not";
    }
    if ((word & 0xFFFFF0FF) == 0xD503403F) // MSR SSBS, #imm
        return "FEAT_SSBS is optional: qemu's neoverse-n1 has it, the model n1 does not";
    if (is_sys(word) && system_key_of(word) == system_key(1, 3, 7, 12, 1))
        return "DC CVAP: qemu-aarch64 7.2 leaves it out of user mode";
    return nullptr;
}

} // namespace beeline::differential
