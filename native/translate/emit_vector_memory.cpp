// Loads and stores of FP/SIMD registers: LDR, STR, LDP, STP of all sizes, LD1 and ST1 of whole registers.
//
// One check answers for all registers of an instruction. What it does not answer the interpreter's handler does, from
// the beginning of the instruction to its end.
#include "arm64/vcpu.h"
#include "translate/block_translator.h"
#include "translate/memory_site.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;

bool BlockTranslator::emit_vector_memory(const Instruction& instruction) {
    const Insn& insn = instruction.insn;
    VectorTransfer t;
    if (!arm64::uses_vector_registers(arm64::row(static_cast<arm64::Op>(insn.op)).feature) ||
        !describe_vector_transfer(insn.word, t))
        return false;
    if (!t.literal) check_stack_alignment(insn);

    Target target{rdx, 0};
    if (t.literal) {
        a_.mov(rdx, e_.state(&cpu_.page_va));
        target.displacement = static_cast<int32_t>(static_cast<int64_t>(insn.imm)) + insn.page_offset;
    } else if (t.register_offset) {
        target = address_of_register_offset(insn);
    } else {
        target = address_of(insn, t.index == Index::Post ? 0 : static_cast<int64_t>(insn.imm));
    }

    host::Label* const after = new_label();
    const auto vectors_after = std::make_shared<VectorRegisters::Contents>();
    emit_check({.target = target,
                .size_log2 = t.size_log2,
                .vectors = t.registers,
                .by_handler = true,
                .write = !t.load,
                .after = after,
                .vectors_after = vectors_after});

    const unsigned bits = 8u << t.size_log2;
    const auto location = [&](unsigned i) {
        return Xbyak::AddressFrame(
            bits)[target.base + rcx + (target.displacement + static_cast<int>(i << t.size_log2))];
    };
    const auto number = [&](unsigned i) -> unsigned { return t.pair && i == 1 ? insn.ra : (insn.rd + i) % 32; };

    if (t.load) {
        for (unsigned i = 0; i < t.registers; i++) {
            const Xmm to = v_.define(number(i));
            switch (t.size_log2) {
            case 0:
            case 1:
                a_.movzx(eax, location(i));
                a_.movd(to, eax);
                break;
            case 2: a_.movd(to, location(i)); break;
            case 3: a_.movq(to, location(i)); break;
            default: a_.movups(to, location(i)); break;
            }
        }
        for (unsigned i = 0; i < t.registers; i++) {
            v_.store(number(i));
            v_.set_significant(number(i), 1u << t.size_log2);
        }
    } else {
        for (unsigned i = 0; i < t.registers; i++) {
            const unsigned from = number(i);
            if (t.size_log2 == 4) {
                a_.movups(location(i), v_.use(from));
            } else if (t.size_log2 >= 2 && v_.holds(from)) {
                if (t.size_log2 == 3)
                    a_.movq(location(i), v_.use(from));
                else
                    a_.movd(location(i), v_.use(from));
            } else {
                const Xbyak::Reg part = t.size_log2 == 0   ? Xbyak::Reg(al)
                                        : t.size_log2 == 1 ? Xbyak::Reg(ax)
                                        : t.size_log2 == 2 ? Xbyak::Reg(eax)
                                                           : Xbyak::Reg(rax);
                if (t.size_log2 < 2)
                    a_.movzx(eax, v_.memory(from, bits));
                else
                    a_.mov(part, v_.memory(from, bits));
                a_.mov(location(i), part);
            }
        }
    }
    if (t.register_post) {
        e_.load(insn.rm, rax);
        const Reg64 base = e_.read(insn.rn, rdx);
        a_.lea(rax, ptr[base + rax]);
        e_.commit(insn.rn, rax);
        if (insn.rn == arm64::kStackPointer) stack_aligned_ = false;
    } else if (t.index != Index::Offset) {
        write_back(insn);
    }
    a_.L(*after);
    *vectors_after = v_.contents();
    return true;
}

} // namespace beeline::translate
