// Branches (Arm ARM C4.1.87).
#include "arm64/interpreter/alu.h"
#include "arm64/interpreter/control.h"

namespace beeline::arm64 {

namespace {

Insn* b(Vcpu& cpu, Insn* insn) { return branch_direct(cpu, insn, pc_of(cpu, insn) + insn->imm, 1); }

Insn* bl(Vcpu& cpu, Insn* insn) {
    const uint64_t pc = pc_of(cpu, insn);
    cpu.state.x[30] = pc + 4;
    return branch_direct(cpu, insn, pc + insn->imm, 1);
}

[[gnu::always_inline]] inline Insn* branch_if(Vcpu& cpu, Insn* insn, bool taken) {
    return branch_direct(cpu, insn, pc_of(cpu, insn) + (taken ? insn->imm : 4), taken ? 1 : 0);
}

Insn* b_cond(Vcpu& cpu, Insn* insn) { return branch_if(cpu, insn, holds(insn->aux[0], cpu.state.nzcv)); }

template <RegisterWidth T, bool on_zero> Insn* compare_branch(Vcpu& cpu, Insn* insn) {
    return branch_if(cpu, insn, (static_cast<T>(cpu.state.x[insn->rn]) == 0) == on_zero);
}

template <bool on_zero> Insn* test_branch(Vcpu& cpu, Insn* insn) {
    return branch_if(cpu, insn, (cpu.state.x[insn->rn] >> insn->aux[0] & 1) == (on_zero ? 0 : 1));
}

Insn* br(Vcpu& cpu, Insn* insn) { return branch_to(cpu, insn, cpu.state.x[insn->rn]); }

Insn* blr(Vcpu& cpu, Insn* insn) {
    const uint64_t target = cpu.state.x[insn->rn];
    cpu.state.x[30] = pc_of(cpu, insn) + 4;
    return branch_to(cpu, insn, target);
}

void set_label(Insn& insn, const Fields& f) {
    insn.ends_block = true;
    insn.imm = static_cast<uint64_t>(f.sign_extended('i')) << 2;
    insn.rn = static_cast<uint8_t>(f.has('t') ? f('t') : f('n'));
}

template <bool on_zero> Handler bind_compare(Insn& insn, const Fields& f) {
    set_label(insn, f);
    return f('x') != 0 ? compare_branch<uint64_t, on_zero> : compare_branch<uint32_t, on_zero>;
}

template <bool on_zero> Handler bind_test(Insn& insn, const Fields& f) {
    set_label(insn, f);
    insn.aux[0] = static_cast<uint8_t>(f('x') << 5 | f('b'));
    return test_branch<on_zero>;
}

Handler bind_indirect(Insn& insn, Handler handler) {
    insn.ends_block = true;
    return handler;
}

} // namespace

Handler bind_B(Insn& insn, const Fields& f) {
    set_label(insn, f);
    return b;
}
Handler bind_BL(Insn& insn, const Fields& f) {
    set_label(insn, f);
    return bl;
}
Handler bind_B_cond(Insn& insn, const Fields& f) {
    set_label(insn, f);
    insn.aux[0] = static_cast<uint8_t>(f('c'));
    return b_cond;
}
Handler bind_CBZ(Insn& insn, const Fields& f) { return bind_compare<true>(insn, f); }
Handler bind_CBNZ(Insn& insn, const Fields& f) { return bind_compare<false>(insn, f); }
Handler bind_TBZ(Insn& insn, const Fields& f) { return bind_test<true>(insn, f); }
Handler bind_TBNZ(Insn& insn, const Fields& f) { return bind_test<false>(insn, f); }
Handler bind_BR(Insn& insn, const Fields&) { return bind_indirect(insn, br); }
Handler bind_BLR(Insn& insn, const Fields&) { return bind_indirect(insn, blr); }
Handler bind_RET(Insn& insn, const Fields&) { return bind_indirect(insn, br); }

} // namespace beeline::arm64
