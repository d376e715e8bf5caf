#include "arm64/interpreter/dispatch.h"

#include "arm64/features.h"
#include "arm64/interpreter/block_cache.h"
#include "arm64/interpreter/control.h"

#include <cstddef>

namespace beeline::arm64 {

namespace {

constexpr Binder kBinders[] = {
#define I(id, mnemonic, pattern, operands, feature, constraint) bind_##id,
#include "arm64/table/all.inc"
#undef I
};

Block* block_of(Insn* entry) {
    return reinterpret_cast<Block*>(reinterpret_cast<std::byte*>(entry) - offsetof(Block, insns));
}

/// Takes instructions that did not retire off the count that block_entry() made.
void uncount_from(Vcpu& cpu, const Insn* insn) { cpu.counters.instructions -= cpu.block->count - insn->index + 1u; }

Insn* undefined_encoding(Vcpu& cpu, Insn* insn) { return undefined(cpu, insn); }

Insn* fp_access_trap(Vcpu& cpu, Insn* insn) {
    // ISS of a trapped A64 instruction: CV set, COND 0b1110 (Arm ARM D13.2.37).
    return take_exception(cpu, insn, ExceptionClass::FpAccess, 1u << 24 | 0xEu << 20);
}

Insn* leave_to_run(Vcpu& cpu, uint64_t pc) {
    cpu.state.pc = pc;
    return nullptr;
}

} // namespace

void bind(Insn& insn, uint32_t word, const ExecutionContext& context, const CpuFeatures& features) {
    insn = Insn{.word = word};
    const Row* row = decode(word);
    if (row == nullptr || !features.has(row->feature)) {
        insn.op = static_cast<uint16_t>(Op::kCount);
        insn.handler = undefined_encoding;
        insn.ends_block = true;
        return;
    }
    insn.op = static_cast<uint16_t>(row->op);
    if (context.fp_trapped && uses_vector_registers(row->feature)) {
        insn.handler = fp_access_trap;
        insn.ends_block = true;
        return;
    }
    const Fields f(word, row->layout);
    insn.rd = static_cast<uint8_t>(f.has('d') ? f('d') : f('t'));
    insn.rn = static_cast<uint8_t>(f('n'));
    insn.rm = static_cast<uint8_t>(f('m'));
    insn.ra = static_cast<uint8_t>(f.has('a') ? f('a') : f.has('u') ? f('u') : f('s'));
    insn.imm = f('i');
    insn.handler = kBinders[insn.op](insn, f);
    if (insn.handler == nullptr) {
        insn.handler = undefined_encoding;
        insn.ends_block = true;
    }
}

Insn* block_entry(Vcpu& cpu, Insn* insn) {
    Block* block = block_of(insn);
    if (cpu.poll.load(std::memory_order_relaxed) != 0 || block->generation != cpu.blocks().generation()) [[unlikely]]
        return leave_to_run(cpu, pc_of(cpu, insn));
    if (block->visits_left != Block::kNeverOffered) {
        if (block->visits_left == 0) return leave_to_run(cpu, pc_of(cpu, insn));
        block->visits_left--;
    }
    cpu.block = block;
    cpu.counters.instructions += block->count;
    return next(cpu, insn);
}

Insn* block_entry_of_run(Vcpu& cpu, Insn* insn) { return leave_to_run(cpu, pc_of(cpu, insn)); }

Insn* block_end(Vcpu& cpu, Insn* insn) { return branch_direct(cpu, insn, pc_of(cpu, insn), 0); }

Insn* branch_to(Vcpu& cpu, Insn*, uint64_t pc) {
    const auto& entry = cpu.blocks().jump_entry(pc);
    if (entry.pc != pc || entry.tag != cpu.lookup_tag) [[unlikely]]
        return leave_to_run(cpu, pc);
    cpu.page_va = pc & ~kPageMask;
    return run_insn(cpu, entry.block->insns);
}

Insn* branch_direct(Vcpu& cpu, Insn* insn, uint64_t pc, unsigned which) {
    // Within the page the mapping and the context are those of the running block, so that a link needs no check.
    if ((pc & ~kPageMask) != cpu.page_va) return branch_to(cpu, insn, pc);
    if (Block* linked = cpu.block->links[which]) [[likely]]
        return run_insn(cpu, linked->insns);
    cpu.pending_link = {cpu.block, which};
    return leave_to_run(cpu, pc);
}

Insn* take_fault(Vcpu& cpu, Insn* insn) {
    uncount_from(cpu, insn);
    enter_fault(cpu, pc_of(cpu, insn));
    return nullptr;
}

Insn* take_exception(Vcpu& cpu, Insn* insn, ExceptionClass exception_class, uint32_t iss, bool after) {
    if (!after) uncount_from(cpu, insn);
    enter_synchronous(cpu, exception_class, iss, pc_of(cpu, insn) + (after ? 4 : 0));
    return nullptr;
}

Insn* end_context(Vcpu& cpu, Insn* insn) { return end_context_at(cpu, insn, pc_of(cpu, insn) + 4); }

Insn* end_context_at(Vcpu& cpu, Insn*, uint64_t pc) {
    cpu.state.pc = pc;
    cpu.update_execution_context();
    return nullptr;
}

Insn* leave(Vcpu& cpu, Insn* insn, ExitReason reason) {
    cpu.exit_pending = true;
    cpu.exit_reason = reason;
    cpu.counters.waits++;
    return leave_to_run(cpu, pc_of(cpu, insn) + 4);
}

} // namespace beeline::arm64
