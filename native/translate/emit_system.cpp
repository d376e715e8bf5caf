// System instructions that need not leave translated code: hints, barriers, registers that are nothing but storage.
#include "arm64/execution_context.h"
#include "arm64/system_registers.h"
#include "arm64/vcpu.h"
#include "translate/block_translator.h"
#include "translate/state.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using arm64::Rights;
using arm64::SystemRegister;

namespace {

bool allows(Rights rights, Rights wanted) {
    return (static_cast<unsigned>(rights) & static_cast<unsigned>(wanted)) != 0;
}

const SystemRegister* register_of(uint32_t word) {
    const auto bits = [word](unsigned high, unsigned low) { return word >> low & ((1u << (high - low + 1)) - 1); };
    return arm64::find_system_register(
        arm64::system_register_key(2 + bits(19, 19), bits(18, 16), bits(15, 12), bits(11, 8), bits(7, 5)));
}

/// A value in CpuState without a trap, a side effect, or bits that do not stick.
bool plain(const SystemRegister& reg, bool write) {
    if (reg.offset == 0 || reg.trap != arm64::El0Trap::None || reg.feature != arm64::Feature::Base) return false;
    if (!write) return reg.read == nullptr;
    return reg.write == nullptr && reg.write_mask == ~uint64_t{0} && reg.effect == arm64::Effect::None;
}

} // namespace

bool BlockTranslator::emit_system(const Instruction& instruction) {
    const Insn& insn = instruction.insn;
    const auto op = static_cast<Op>(insn.op);
    if (op == Op::NOP || op == Op::HINT) return true;
    if (!e_.techniques.has(Technique::SystemBatching)) return false;
    const bool el0 = arm64::unpack_context(context_).el == 0;
    switch (op) {
    case Op::DMB: {
        const unsigned type = insn.word >> 8 & 3;
        if (type == 1 || type == 2) return true; // Loads or stores only: the host's order is as strong.
        e_.clobber_flags();
        a_.lock();
        a_.or_(dword[rsp], 0);
        return true;
    }
    case Op::CLREX: a_.mov(e_.state(&cpu_.state.exclusive.size, 8), 0); return true;
    case Op::MSR_daifset:
        if (el0) return false;
        // PSTATE.D matters to debugging, which translated code knows nothing of: the handler looks after it.
        if ((insn.imm & 8) != 0) return false;
        e_.clobber_flags();
        a_.or_(e_.state(&cpu_.state.pstate.daif, 16), static_cast<uint16_t>(insn.imm << 6));
        return true;
    case Op::MRS: {
        const SystemRegister* reg = register_of(insn.word);
        if (reg == nullptr || !plain(*reg, false) || (el0 && !allows(reg->el0, Rights::Read))) return false;
        const Reg64 to = e_.target(insn.rd, rax);
        a_.mov(to, e_.state(reinterpret_cast<const uint8_t*>(&cpu_.state) + reg->offset));
        e_.commit(insn.rd, to);
        return true;
    }
    case Op::MSR_register: {
        const SystemRegister* reg = register_of(insn.word);
        if (reg == nullptr || !plain(*reg, true) || (el0 && !allows(reg->el0, Rights::Write))) return false;
        const Reg64 from = e_.read(insn.word & 31, rax);
        a_.mov(e_.state(reinterpret_cast<const uint8_t*>(&cpu_.state) + reg->offset), from);
        return true;
    }
    default: return false;
    }
}

} // namespace beeline::translate
