// Loads and stores of FP/SIMD registers: LDR, STR, LDP, STP of all sizes, LD1 to LD4, ST1 to ST4 in all forms.
//
// One check answers for all registers of an instruction. What it does not answer the interpreter's handler does, from
// the beginning of the instruction to its end.
#include "arm64/vcpu.h"
#include "translate/block_translator.h"
#include "translate/vector_structures.h"

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

    // Until the first access nothing may happen to registers that the slow path spills.
    if (t.shape == VectorTransfer::Shape::Interleaved)
        v_.write_back();
    else if (!t.load && t.size_log2 == 4)
        for (unsigned i = 0; i < t.registers; i++) v_.use(register_number(insn, t, i));

    host::Label* const after = new_label();
    const auto vectors_after = std::make_shared<VectorRegisters::Contents>();
    emit_check({.target = target,
                .size_log2 = t.size_log2,
                .vectors = t.registers,
                .by_handler = true,
                .write = !t.load,
                .after = after,
                .vectors_after = vectors_after});

    VectorEmitter w(e_, v_, false);
    const Location at = [&](unsigned bits, unsigned offset) {
        return Xbyak::AddressFrame(bits)[target.base + rcx + (target.displacement + static_cast<int>(offset))];
    };
    t.load ? load_structures(w, insn, t, at) : store_structures(w, insn, t, at);
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
