// System instructions: hints, barriers, PSTATE, system registers, TLB maintenance, exception entry and return.
//
// Most registers are storage and need neither a call nor a check that the context does not answer. What changes the
// context calls C++ and goes on in the block, unless instructions must be looked up again: TranslatedState holds the
// lookup tag that they were looked up with, and ISB, the one instruction that must make sure of it (B2.3.6), compares.
#include "arm64/execution_context.h"
#include "arm64/features.h"
#include "arm64/system_registers.h"
#include "arm64/vcpu.h"
#include "translate/block_translator.h"
#include "translate/state.h"
#include "translate/system_calls.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::El0Trap;
using arm64::Insn;
using arm64::Op;
using arm64::Rights;
using arm64::SystemRegister;

namespace {

constexpr auto key = arm64::system_register_key;
constexpr auto kNear = Xbyak::CodeGenerator::T_NEAR;

constexpr uint32_t kSpEl0 = key(3, 0, 4, 1, 0), kSpSel = key(3, 0, 4, 2, 0), kCurrentEl = key(3, 0, 4, 2, 2),
                   kNzcv = key(3, 3, 4, 2, 0), kDaif = key(3, 3, 4, 2, 1), kFpcr = key(3, 3, 4, 4, 0),
                   kCtr = key(3, 3, 0, 0, 1), kDczid = key(3, 3, 0, 0, 7), kMpidr = key(3, 0, 0, 0, 5),
                   kCntpct = key(3, 3, 14, 0, 1), kCntvct = key(3, 3, 14, 0, 2), kPan = key(3, 0, 4, 2, 3),
                   kUao = key(3, 0, 4, 2, 4);

/// Software step and breakpoints: PSTATE.D matters.
constexpr uint32_t kMdscrDebugs = 1u << 0 | 1u << 15;

uint32_t key_of(uint32_t word) {
    const auto bits = [word](unsigned high, unsigned low) { return word >> low & ((1u << (high - low + 1)) - 1); };
    return key(2 + bits(19, 19), bits(18, 16), bits(15, 12), bits(11, 8), bits(7, 5));
}

/// op1:CRn:CRm:op2 of SYS.
constexpr uint32_t sys_key(uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
    return key(1, op1, crn, crm, op2);
}
uint32_t sys_key_of(uint32_t word) { return sys_key(word >> 16 & 7, word >> 12 & 15, word >> 8 & 15, word >> 5 & 7); }

bool allows(Rights rights, Rights wanted) {
    return (static_cast<unsigned>(rights) & static_cast<unsigned>(wanted)) != 0;
}

/// op0 3, op1 0, CRn 0: registers that identify the CPU.
bool identifies(uint32_t register_key) { return (register_key & ~0x7Fu) == key(3, 0, 0, 0, 0); }

/// Writes that C++ performs without fail, and that leave general registers and MXCSR alone.
bool written_by_call(const SystemRegister& reg) {
    if (reg.effect == arm64::Effect::Context) return reg.key != kSpSel && reg.key != kFpcr;
    constexpr uint32_t kCrnMask = 0xFu << 7;
    // The timers; the interrupt controller's registers may not exist.
    return reg.effect == arm64::Effect::Interrupts && (reg.key & kCrnMask) == (key(3, 3, 14, 0, 0) & kCrnMask);
}

/// Writes to nothing but bits in CpuState.
bool written_in_place(const SystemRegister& reg) {
    return reg.offset != 0 && reg.write == nullptr && reg.effect == arm64::Effect::None;
}

} // namespace

/// The register that MRS or MSR at this exception level accesses, where that takes nothing that only run time tells but
/// the trap of the register's row.
const SystemRegister* BlockTranslator::accessible_register(uint32_t word, bool write) const {
    const SystemRegister* reg = arm64::find_system_register(key_of(word));
    const arm64::ExecutionContext context = arm64::unpack_context(context_);
    if (reg == nullptr || !cpu_.features().has(reg->feature)) return nullptr;
    if (!allows(context.el == 0 ? reg->el0 : reg->el1, write ? Rights::Write : Rights::Read)) return nullptr;
    if (context.fp_trapped && arm64::uses_vector_registers(reg->feature)) return nullptr;
    return reg;
}

/// Instructions that end the interpreter's blocks, but not this block.
bool BlockTranslator::goes_on_inline(const Insn& insn) const {
    if (!e_.techniques.has(Technique::SystemBatching) || insn.op >= arm64::kOpCount) return false;
    if (arm64::unpack_context(context_).el == 0) return static_cast<Op>(insn.op) == Op::ISB;
    switch (static_cast<Op>(insn.op)) {
    case Op::ISB:
    case Op::MSR_daifclr:
    case Op::MSR_pan:
    case Op::MSR_uao: return true;
    case Op::MSR_register: {
        const SystemRegister* reg = accessible_register(insn.word, true);
        return reg != nullptr && (reg->key == kDaif || written_by_call(*reg));
    }
    default: return false;
    }
}

// ---- out of line ----

/// Where `from` is jumped to, the interpreter executes the instruction, and translated code goes on at `after`. The
/// guest's flags must not be in EFLAGS there.
void BlockTranslator::emit_cold_helper(host::Label* from, host::Label* after) {
    Insn* const chain = helper_chain(index_, 1);
    const unsigned pending = index_ + 1 - counted_;
    cold_.add([this, from, after, chain, pending] {
        const auto count = [&] { return e_.state(&translated_state(cpu_).counts[pending], 128); };
        a_.L(*from);
        a_.paddq(xmm15, count());
        count_switch(SwitchCause::System);
        e_.move_immediate(rax, reinterpret_cast<uint64_t>(chain));
        a_.call(runtime_.interpret_full);
        a_.psubq(xmm15, count());
        a_.jmp(*after, kNear);
    });
}

/// Where `from` is jumped to, the instruction is done, and the block is left for the one after it.
void BlockTranslator::emit_cold_exit(host::Label* from) {
    const unsigned pending = index_ + 1 - counted_;
    const int64_t offset = block_[index_].insn.page_offset + 4;
    cold_.add([this, from, offset, pending] {
        a_.L(*from);
        if (pending != 0) a_.paddq(xmm15, e_.state(&translated_state(cpu_).counts[pending], 128));
        dispatch_at(offset);
    });
}

void BlockTranslator::dispatch_at(int64_t offset) {
    a_.mov(rax, e_.state(&cpu_.page_va));
    a_.lea(rax, ptr[rax + static_cast<int>(offset)]);
    a_.mov(e_.state(&cpu_.state.pc), rax);
    a_.jmp(runtime_.dispatch, kNear);
}

/// Calls; the operands are in rdx and rcx. Where the result says so, the block is left behind the instruction.
void BlockTranslator::emit_system_call(SystemCall function) {
    e_.move_immediate(rax, reinterpret_cast<uint64_t>(function));
    a_.call(runtime_.call_system);
    a_.test(eax, eax);
    host::Label* const leaves = new_label();
    a_.jnz(*leaves, kNear);
    emit_cold_exit(leaves);
}

/// EL0: goes to `trapped` where a control bit turns the access into a trap.
void BlockTranslator::emit_trap_check(El0Trap trap, host::Label& trapped) {
    const arm64::SystemRegisters& sys = cpu_.state.sys;
    const auto test = [&](const uint64_t& reg, uint32_t mask, bool trapped_when_set = false) {
        a_.test(e_.state(&reg, 32), mask);
        if (trapped_when_set)
            a_.jnz(trapped, kNear);
        else
            a_.jz(trapped, kNear);
    };
    switch (trap) {
    case El0Trap::None: return;
    case El0Trap::Uct: return test(sys.sctlr_el1, 1u << 15);
    case El0Trap::Uma: return test(sys.sctlr_el1, 1u << 9);
    case El0Trap::Counter: return test(sys.cntkctl_el1, 1u << 0);
    case El0Trap::VirtualCounter: return test(sys.cntkctl_el1, 1u << 1);
    case El0Trap::Frequency: return test(sys.cntkctl_el1, 3);
    case El0Trap::PhysicalTimer: return test(sys.cntkctl_el1, 1u << 9);
    case El0Trap::VirtualTimer: return test(sys.cntkctl_el1, 1u << 8);
    case El0Trap::Tdcc: return test(sys.mdscr_el1, 1u << 12, true);
    }
}

// ---- MRS ----

bool BlockTranslator::emit_mrs(const Insn& insn) {
    const SystemRegister* reg = accessible_register(insn.word, false);
    if (reg == nullptr) return false;
    const bool el0 = arm64::unpack_context(context_).el == 0;
    const bool trappable = el0 && reg->trap != El0Trap::None;
    const bool stored = reg->offset != 0 && reg->read == nullptr;
    switch (reg->key) {
    case kSpEl0:
        if (arm64::unpack_context(context_).sp0) return false;
        break;
    case kNzcv:
    case kDaif:
    case kFpcr:
    case kCurrentEl:
    case kPan:
    case kUao:
    case kMpidr:
    case kCtr:
    case kDczid:
    case kCntpct:
    case kCntvct: break;
    default:
        if (!stored && !identifies(reg->key)) return false;
    }

    if (cpu_.counts_exactly() && (reg->key == kCntpct || reg->key == kCntvct)) flush_count(index_);
    host::Label* const after = new_label();
    if (trappable) {
        host::Label* const trapped = new_label();
        e_.clobber_flags();
        emit_trap_check(reg->trap, *trapped);
        emit_cold_helper(trapped, after);
    }
    const Reg64 to = e_.target(insn.rd, rax);
    const auto read32 = [&](const void* field) { a_.mov(to.cvt32(), e_.state(field, 32)); };
    switch (reg->key) {
    case kSpEl0: a_.mov(to, e_.state(&cpu_.state.sys.sp_el0)); break;
    case kMpidr: a_.mov(to, e_.state(&cpu_.state.mpidr_el1)); break;
    case kFpcr: read32(&cpu_.state.fpcr); break;
    case kDaif: a_.movzx(to.cvt32(), e_.state(&cpu_.state.pstate.daif, 16)); break;
    case kCurrentEl: a_.mov(to.cvt32(), 1u << 2); break;
    case kPan:
    case kUao:
        e_.clobber_flags();
        a_.movzx(to.cvt32(), e_.state(reg->key == kPan ? &cpu_.state.pstate.pan : &cpu_.state.pstate.uao, 8));
        a_.shl(to.cvt32(), reg->key == kPan ? 22 : 23);
        break;
    case kNzcv: emit_read_nzcv(to); break;
    case kDczid: {
        // DZP, bit 4: DC ZVA is prohibited at EL0, SCTLR_EL1.DZE, bit 14, being clear.
        const uint64_t value = cpu_.features().id.dczid_el0;
        if (!el0) {
            e_.move_immediate(to, value);
            break;
        }
        e_.clobber_flags();
        a_.mov(to.cvt32(), e_.state(&cpu_.state.sys.sctlr_el1, 32));
        a_.not_(to.cvt32());
        a_.shr(to.cvt32(), 10);
        a_.and_(to.cvt32(), 1u << 4);
        a_.or_(to.cvt32(), static_cast<uint32_t>(value));
        break;
    }
    case kCntpct:
    case kCntvct:
        e_.clobber_flags();
        e_.move_immediate(rax, reinterpret_cast<uint64_t>(&read_counter));
        a_.call(runtime_.call_system);
        e_.commit(insn.rd, rax);
        a_.L(*after);
        return true;
    default:
        if (stored) {
            a_.mov(to, e_.state(reinterpret_cast<const uint8_t*>(&cpu_.state) + reg->offset));
        } else {
            uint64_t value = reg->reset;
            if (reg->read != nullptr) reg->read(cpu_, *reg, value);
            e_.move_immediate(to, value);
        }
    }
    e_.commit(insn.rd, to);
    a_.L(*after);
    return true;
}

void BlockTranslator::emit_read_nzcv(const Reg64& to) {
    if (e_.place() != FlagPlace::Memory) {
        e_.store_flags(e_.place());
        e_.set_place(FlagPlace::Memory);
    }
    a_.mov(eax, e_.state(&translated_state(cpu_).host_flags, 32));
    e_.host_flags_to_nzcv();
    if (to.getIdx() != Xbyak::Operand::RAX) a_.mov(to.cvt32(), eax);
}

// ---- MSR ----

void BlockTranslator::emit_write_nzcv(unsigned rt) {
    e_.load(rt, rax, false);
    e_.nzcv_to_host_flags();
    a_.mov(e_.state(&translated_state(cpu_).host_flags, 32), eax);
    e_.define_flags_in_memory();
}

/// Goes to the helper where PSTATE.D matters.
void BlockTranslator::emit_mask_check(host::Label* after) {
    host::Label* const matters = new_label();
    a_.test(e_.state(&cpu_.state.sys.mdscr_el1, 32), kMdscrDebugs);
    a_.jnz(*matters, kNear);
    emit_cold_helper(matters, after);
}

/// Interrupts may have become unmasked.
void BlockTranslator::emit_interrupt_check() {
    host::Label* const waiting = new_label();
    a_.cmp(e_.state(&cpu_.lines_word(), 32), 0);
    a_.jne(*waiting, kNear);
    emit_cold_exit(waiting);
}

bool BlockTranslator::emit_msr(const Insn& insn) {
    const SystemRegister* reg = accessible_register(insn.word, true);
    if (reg == nullptr) return false;
    const bool el0 = arm64::unpack_context(context_).el == 0;
    const unsigned rt = insn.word & 31;
    switch (reg->key) {
    case kSpEl0:
        if (arm64::unpack_context(context_).sp0) return false;
        a_.mov(e_.state(&cpu_.state.sys.sp_el0), e_.read(rt, rax));
        return true;
    case kNzcv: emit_write_nzcv(rt); return true;
    case kDaif: {
        if (el0) return false;
        host::Label* const after = new_label();
        e_.clobber_flags();
        emit_mask_check(after);
        e_.load(rt, rax, false);
        a_.and_(eax, static_cast<uint32_t>(arm64::spsr::kDaif));
        a_.mov(e_.state(&cpu_.state.pstate.daif, 16), ax);
        emit_interrupt_check();
        a_.L(*after);
        return true;
    }
    default: break;
    }
    if (el0 && reg->trap != El0Trap::None) return false;
    if (written_in_place(*reg)) {
        const uint8_t* const place = reinterpret_cast<const uint8_t*>(&cpu_.state) + reg->offset;
        constexpr uint64_t kLow32 = 0xFFFFFFFF;
        if (reg->write_mask == ~uint64_t{0}) {
            a_.mov(e_.state(place), e_.read(rt, rax));
        } else if (reg->write_mask == kLow32) {
            a_.mov(e_.state(place, 32), e_.read(rt, rax).cvt32());
        } else {
            e_.clobber_flags();
            e_.load(rt, rax);
            a_.xor_(rax, e_.state(place));
            e_.move_immediate(rcx, reg->write_mask);
            a_.and_(rax, rcx);
            a_.xor_(e_.state(place), rax);
        }
        return true;
    }
    if (el0 || !written_by_call(*reg)) return false;
    if (cpu_.counts_exactly()) flush_count(index_);
    e_.clobber_flags();
    e_.load(rt, rdx);
    e_.move_immediate(rcx, static_cast<uint64_t>(reg - &arm64::system_registers()[0]));
    emit_system_call(write_register);
    return true;
}

// ---- SYS ----

/// DC ZVA. A line of 64 bytes is never in two pages.
void BlockTranslator::emit_zero_line(const Insn& insn) {
    e_.clobber_flags();
    e_.load(insn.rd, rdx);
    a_.and_(rdx, -64);
    host::Label* const after = new_label();
    host::Label* const slow = emit_check(
        {.target = {rdx, 0}, .size_log2 = 4, .vectors = 4, .by_handler = true, .write = true, .after = after});
    if (arm64::unpack_context(context_).el == 0) {
        constexpr uint32_t kSctlrDze = 1u << 14;
        a_.test(e_.state(&cpu_.state.sys.sctlr_el1, 32), kSctlrDze);
        a_.jz(*slow, kNear);
    }
    a_.pxor(xmm0, xmm0);
    for (int i = 0; i < 4; i++) a_.movups(ptr[rdx + rcx + 16 * i], xmm0);
    a_.L(*after);
}

/// TLB and cache maintenance that neither faults nor changes a register: the handler is all it takes.
bool BlockTranslator::emit_maintenance(const Insn& insn) {
    if (sys_key_of(insn.word) == sys_key(3, 7, 4, 1)) {
        emit_zero_line(insn);
        return true;
    }
    if (arm64::unpack_context(context_).el == 0) return false;
    const unsigned crn = insn.word >> 12 & 15;
    switch (sys_key_of(insn.word)) {
    case sys_key(0, 7, 6, 2):  // DC ISW
    case sys_key(0, 7, 10, 2): // DC CSW
    case sys_key(0, 7, 14, 2): // DC CISW
        return true;
    case sys_key(0, 7, 1, 0): // IC IALLUIS
    case sys_key(0, 7, 5, 0): // IC IALLU
        break;
    default:
        if (crn != 8) return false;
    }
    if (insn.ends_block) return false; // UNDEFINED
    e_.clobber_flags();
    const unsigned rt = insn.word & 31;
    if (e_.has_home(rt)) a_.mov(e_.slot(rt), e_.home(rt));
    count_switch(SwitchCause::System);
    e_.move_immediate(rax, reinterpret_cast<uint64_t>(helper_chain(index_, 1)));
    a_.call(runtime_.interpret_light);
    return true;
}

// ---- exceptions ----

bool BlockTranslator::emit_level_change(const Insn& insn) {
    if (!e_.techniques.has(Technique::SystemBatching)) return false;
    const bool el0 = arm64::unpack_context(context_).el == 0;
    const auto op = static_cast<Op>(insn.op);
    if (op != Op::SVC && (op != Op::ERET || el0)) return false;
    store_live_flags(true);
    flush_count(index_);
    LevelChange change = return_from_exception;
    if (op == Op::SVC) {
        change = take_svc;
        a_.mov(rcx, e_.state(&cpu_.page_va));
        a_.lea(rcx, ptr[rcx + static_cast<int>(insn.page_offset + 4)]);
        e_.move_immediate(rdx, insn.imm);
    }
    e_.move_immediate(rax, reinterpret_cast<uint64_t>(change));
    a_.jmp(runtime_.change_level, kNear);
    return true;
}

bool BlockTranslator::emit_system(const Instruction& instruction) {
    const Insn& insn = instruction.insn;
    const auto op = static_cast<Op>(insn.op);
    if (op == Op::NOP || op == Op::HINT) return true;
    if (!e_.techniques.has(Technique::SystemBatching)) return false;
    const bool el0 = arm64::unpack_context(context_).el == 0;
    switch (op) {
    case Op::DMB: {
        const unsigned type = insn.word >> 8 & 3;
        if (alone_ || type == 1 || type == 2) return true; // The host's order is as strong.
        e_.clobber_flags();
        a_.lock();
        a_.or_(dword[rsp], 0);
        return true;
    }
    case Op::DSB:
        // One CPU: maintenance is complete as soon as it is asked for.
        if (alone_) return true;
        e_.clobber_flags();
        emit_system_call(synchronize);
        return true;
    case Op::ISB: {
        host::Label* const changed = new_label();
        e_.clobber_flags();
        a_.mov(rax, e_.state(&cpu_.lookup_tag));
        a_.cmp(rax, e_.state(&translated_state(cpu_).synchronized_tag));
        a_.jne(*changed, kNear);
        emit_cold_exit(changed);
        return true;
    }
    case Op::CLREX: a_.mov(e_.state(&cpu_.state.exclusive.size, 8), 0); return true;
    case Op::MSR_daifset:
    case Op::MSR_daifclr: {
        if (el0) return false;
        const auto bits = static_cast<uint16_t>(insn.imm << 6);
        host::Label* const after = new_label();
        e_.clobber_flags();
        if ((bits & arm64::spsr::kD) != 0) emit_mask_check(after);
        if (op == Op::MSR_daifset) {
            a_.or_(e_.state(&cpu_.state.pstate.daif, 16), bits);
        } else {
            a_.and_(e_.state(&cpu_.state.pstate.daif, 16), ~uint32_t{bits});
            emit_interrupt_check();
        }
        a_.L(*after);
        return true;
    }
    case Op::MSR_pan:
    case Op::MSR_uao:
        if (el0) return false;
        e_.clobber_flags();
        e_.move_immediate(rdx, insn.imm & 1);
        emit_system_call(op == Op::MSR_pan ? write_pan : write_uao);
        return true;
    case Op::MRS: return emit_mrs(insn);
    case Op::MSR_register: return emit_msr(insn);
    case Op::SYS: return emit_maintenance(insn);
    default: return false;
    }
}

} // namespace beeline::translate
