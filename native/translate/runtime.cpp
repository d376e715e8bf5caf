#include "translate/runtime.h"

#include "arm64/exceptions.h"
#include "arm64/vcpu.h"
#include "translate/memory_site.h"
#include "translate/state.h"
#include "translate/translation.h"
#include "translate/vector_registers.h"

#include <cstddef>
#include <cstring>

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Vcpu;

namespace {

struct LoadResult {
    uint64_t value;
    uint64_t succeeded;
};

bool load_one(Vcpu& cpu, uint64_t va, unsigned size, arm64::Regime regime, arm64::AccessFlags flags, uint64_t& value) {
    if (!cpu.load_slow(va, size, regime, flags)) return false;
    value = 0;
    std::memcpy(&value, cpu.transfer, size);
    return true;
}

/// A pair is two accesses, each of its own alignment; the second's data are left in transfer[1].
LoadResult slow_load(Vcpu* cpu, uint64_t va, uint32_t packed) {
    const AccessSite site = AccessSite::unpack(packed);
    const unsigned size = 1u << site.size_log2;
    const arm64::Regime regime = site.unprivileged ? cpu->unprivileged_regime() : cpu->data_regime();
    const arm64::AccessFlags flags{.require_alignment = site.aligned};
    uint64_t first = 0, second = 0;
    if (!load_one(*cpu, va, size, regime, flags, first)) return {0, 0};
    if (site.pair && !load_one(*cpu, va + size, size, regime, flags, second)) return {0, 0};
    cpu->transfer[1] = second;
    count_switch(*cpu, SwitchCause::SlowLoad);
    return {first, 1};
}

uint64_t slow_store(Vcpu* cpu, uint64_t va, uint32_t packed, uint64_t value) {
    const AccessSite site = AccessSite::unpack(packed);
    const unsigned size = 1u << site.size_log2;
    const arm64::Regime regime = site.unprivileged ? cpu->unprivileged_regime() : cpu->data_regime();
    const arm64::AccessFlags flags{.require_alignment = site.aligned};
    const uint64_t second = cpu->transfer[1];
    cpu->transfer[0] = value;
    if (!cpu->store_slow(va, size, regime, flags)) return 0;
    cpu->transfer[0] = second;
    if (site.pair && !cpu->store_slow(va + size, size, regime, flags)) return 0;
    count_switch(*cpu, SwitchCause::SlowStore);
    return 1;
}

void raise_fault(Vcpu* cpu, uint32_t packed) {
    count_switch(*cpu, SwitchCause::Exception);
    const AccessSite site = AccessSite::unpack(packed);
    cpu->counters.instructions += site.uncounted;
    arm64::enter_fault(*cpu, cpu->page_va + site.page_offset);
}

void note_misses(Vcpu* cpu, MissCounter* counter) {
    count_switch(*cpu, SwitchCause::SiteReview);
    counter->listener->on_misses(*cpu, *counter);
}

/// Emits the routines; groups the helpers that need the assembler.
class Generator {
public:
    explicit Generator(Emitter& emitter)
        : e_(emitter), a_(emitter.a), cpu_(emitter.cpu), state_(translated_state(emitter.cpu)) {}

    void store_homes(bool callee_saved, bool caller_saved) {
        for (const Home& home : kHomes)
            if (e_.has_home(home.guest) && (home.saved ? callee_saved : caller_saved))
                a_.mov(e_.slot(home.guest), Reg64(home.host));
    }
    void load_homes(bool callee_saved, bool caller_saved) {
        for (const Home& home : kHomes)
            if (e_.has_home(home.guest) && (home.saved ? callee_saved : caller_saved))
                a_.mov(Reg64(home.host), e_.slot(home.guest));
    }
    void store_stack_pointer() {
        if (e_.has_home(arm64::kStackPointer)) a_.mov(e_.slot(arm64::kStackPointer), e_.home(arm64::kStackPointer));
    }
    void load_stack_pointer() {
        if (e_.has_home(arm64::kStackPointer)) a_.mov(e_.home(arm64::kStackPointer), e_.slot(arm64::kStackPointer));
    }
    void store_count() { a_.movq(e_.state(&cpu_.counters.instructions), xmm15); }
    void load_count() { a_.movq(xmm15, e_.state(&cpu_.counters.instructions)); }

    /// CpuState::nzcv from HostFlags. Changes rax, rcx, rdx, EFLAGS.
    void flags_to_guest() {
        a_.mov(eax, e_.state(&state_.host_flags, 32));
        e_.host_flags_to_nzcv();
        a_.mov(e_.state(&cpu_.state.nzcv, 32), eax);
    }
    /// The other way round. Changes rax, rcx, rdx, EFLAGS.
    void flags_to_host() {
        a_.mov(eax, e_.state(&cpu_.state.nzcv, 32));
        e_.nzcv_to_host_flags();
        a_.mov(e_.state(&state_.host_flags, 32), eax);
    }

    // MXCSR is the guest's in translated code: its rounding mode, and what was raised since state.fpsr was last true.
    // Denormal operands are no business of FPSR's while FZ is clear.

    /// state.fpsr |= what MXCSR has raised, and what has saturated. Changes r10, r11, EFLAGS.
    void collect_exceptions() {
        a_.stmxcsr(e_.state(&state_.mxcsr, 32));
        a_.mov(r10d, e_.state(&state_.mxcsr, 32));
        a_.mov(r11d, r10d);
        a_.and_(r10d, 1);
        a_.shr(r11d, 1);
        a_.and_(r11d, 0x1E);
        a_.or_(r10d, r11d);
        host::Label exact;
        a_.mov(r11, e_.state(&state_.saturated[0]));
        a_.or_(r11, e_.state(&state_.saturated[1]));
        a_.jz(exact);
        a_.or_(r10d, arm64::fpsr::kQc);
        a_.mov(e_.state(&state_.saturated[0]), 0);
        a_.mov(e_.state(&state_.saturated[1]), 0);
        a_.L(exact);
        a_.or_(e_.state(&cpu_.state.fpsr, 32), r10d);
    }
    /// MXCSR from FPCR. Changes r10, EFLAGS.
    void load_rounding() {
        a_.mov(r10d, e_.state(&cpu_.state.fpcr, 32));
        a_.shr(r10d, arm64::fpcr::kRmodeShift);
        a_.and_(r10d, 3);
        a_.ldmxcsr(dword[rbp + r10 * 4 + e_.state_offset(&state_.guest_mxcsr)]);
    }

    /// gs follows Vcpu::data_tlb. Goes to `failed` where that takes the operating system. Changes rcx.
    void follow_tlb(host::Label& failed) {
        host::Label same;
        a_.mov(rcx, e_.state(&cpu_.data_tlb));
        a_.cmp(rcx, e_.state(&state_.tlb));
        if (!e_.host.fsgsbase) {
            a_.jne(failed, Xbyak::CodeGenerator::T_NEAR);
            return;
        }
        a_.je(same);
        a_.mov(e_.state(&state_.tlb), rcx);
        a_.db(0xF3); // wrgsbase rcx
        a_.db(0x48);
        a_.db(0x0F);
        a_.db(0xAE);
        a_.db(0xD9);
        a_.L(same);
    }

    /// Goes on at state.pc by the table of indirect branches, else to `failed`. Changes rax, rcx, rdx, EFLAGS.
    void dispatch(host::Label& failed) {
        const auto refuse = [&] { a_.jne(failed, Xbyak::CodeGenerator::T_NEAR); };
        a_.mov(rax, e_.state(&cpu_.state.pc));
        a_.cmp(e_.state(&cpu_.poll, 32), 0);
        refuse();
        a_.cmp(e_.state(&cpu_.lines_word(), 32), 0);
        refuse();
        a_.cmp(e_.state(&cpu_.state.pstate.il, 8), 0);
        refuse();
        a_.mov(rdx, rax);
        a_.shr(rdx, 55);
        a_.and_(edx, 1);
        a_.mov(rdx, ptr[rbp + rdx * 8 + e_.state_offset(cpu_.lookup_tags())]);
        a_.mov(e_.state(&cpu_.lookup_tag), rdx);
        a_.mov(e_.state(&state_.synchronized_tag), rdx);
        jump_through_table(e_, refuse);
    }

    void count_switch(SwitchCause cause) { a_.inc(e_.state(&state_.switches[static_cast<unsigned>(cause)])); }

    void call(const void* function) {
        a_.mov(rax, reinterpret_cast<uint64_t>(function));
        a_.call(rax);
    }

    /// rdi, which may be a home, has been stored before.
    void pass_cpu() { a_.mov(rdi, reinterpret_cast<uint64_t>(&cpu_)); }

    /// All guest state is in memory, nothing is on the stack.
    void go_on_from_state(bool dispatches, host::Label& stay_away) {
        if (!dispatches) {
            a_.mov(eax, kContinue);
            pop_and_return();
            return;
        }
        flags_to_host();
        load_count();
        load_rounding();
        load_homes(true, true);
        a_.cmp(e_.state(&cpu_.exit_pending, 8), 0);
        a_.jne(stay_away, Xbyak::CodeGenerator::T_NEAR);
        follow_tlb(stay_away);
        dispatch(stay_away);
    }

    const uint8_t* here() {
        a_.align(16);
        return a_.getCurr();
    }

    void pop_and_return() {
        a_.ldmxcsr(e_.state(&state_.guest_mxcsr[0], 32));
        a_.mov(rsp, e_.state(&state_.host_stack));
        a_.mov(qword[rbp + e_.state_offset(&state_.host_stack)], 0);
        a_.pop(r15);
        a_.pop(r14);
        a_.pop(r13);
        a_.pop(r12);
        a_.pop(rbx);
        a_.pop(rbp);
        a_.ret();
    }

    Emitter& e_;
    host::Assembler& a_;
    Vcpu& cpu_;
    TranslatedState& state_;
};

constexpr int kTable = offsetof(arm64::Tlb, table);
constexpr int kReadPage = kTable + offsetof(arm64::TlbEntry, read_page);
constexpr int kWritePage = kTable + offsetof(arm64::TlbEntry, write_page);
constexpr int kAddend = kTable + offsetof(arm64::TlbEntry, addend);
constexpr int kSiteGroups = kTable + offsetof(arm64::TlbEntry, site_groups);
// A shift by the site's offset / 256 is one by its group.
static_assert(arm64::Tlb::kSiteGroup * sizeof(arm64::SiteEntry) == 256 &&
              offsetof(arm64::Tlb, read_sites) % (64 * 256) == 0 &&
              offsetof(arm64::Tlb, write_sites) % (64 * 256) == 0);

/// rax address, ecx site.
const uint8_t* generate_probe(Generator& g, unsigned size, bool write, bool unprivileged) {
    host::Assembler& a = g.a_;
    const uint8_t* const start = g.here();
    host::Label miss;
    a.push(rdx);
    a.push(rsi);
    if (!unprivileged) a.inc(g.e_.state(&g.state_.site_misses));
    a.mov(edx, eax);
    a.shr(edx, arm64::kPageBits - arm64::Tlb::kEntryBits);
    if (unprivileged) {
        a.mov(rsi, g.e_.state(&g.cpu_.unprivileged_tlb));
        a.and_(edx, ptr[rsi + static_cast<int>(offsetof(arm64::Tlb, offset_mask))]);
        a.add(rdx, rsi);
    } else {
        a.putSeg(gs);
        a.and_(edx, in_tlb(offsetof(arm64::Tlb, offset_mask), 32));
    }
    a.lea(rsi, ptr[rax + (size - 1)]);
    a.and_(rsi, -4096);
    const int page = write ? kWritePage : kReadPage;
    if (unprivileged) {
        a.cmp(rsi, ptr[rdx + page]);
        a.jne(miss);
        a.mov(rcx, ptr[rdx + kAddend]);
    } else {
        a.putSeg(gs);
        a.cmp(rsi, ptr[rdx + page]);
        a.jne(miss);
        a.neg(rsi);
        a.putSeg(gs);
        a.mov(ptr[rcx + static_cast<int>(offsetof(arm64::SiteEntry, negative_page))], rsi);
        a.putSeg(gs);
        a.mov(rsi, ptr[rdx + kAddend]);
        a.putSeg(gs);
        a.mov(ptr[rcx + static_cast<int>(offsetof(arm64::SiteEntry, addend))], rsi);
        // The entry knows which sites to look at when its page goes.
        a.shr(ecx, 8);
        a.mov(eax, 1);
        a.shl(rax, cl);
        a.putSeg(gs);
        a.or_(ptr[rdx + kSiteGroups], rax);
        a.mov(rcx, rsi);
        a.xor_(esi, esi);
    }
    a.L(miss);
    a.pop(rsi);
    a.pop(rdx);
    a.ret();
    return start;
}

} // namespace

void jump_through_table(Emitter& e, const std::function<void()>& refuse) {
    host::Assembler& a = e.a;
    a.mov(ecx, eax);
    a.mov(edx, eax);
    a.shr(edx, kIndirectFold);
    a.xor_(ecx, edx);
    a.and_(ecx, (kIndirectEntries - 1) << 2);
    a.mov(rdx, e.state(&translated_state(e.cpu).indirect_table));
    a.lea(rcx, ptr[rdx + rcx * 8]);
    a.cmp(rax, ptr[rcx + static_cast<int>(offsetof(IndirectEntry, pc))]);
    refuse();
    a.mov(rdx, e.state(&e.cpu.lookup_tag));
    a.cmp(rdx, ptr[rcx + static_cast<int>(offsetof(IndirectEntry, tag))]);
    refuse();
    a.and_(rax, -static_cast<int>(arm64::kPageSize));
    a.mov(e.state(&e.cpu.page_va), rax);
    a.jmp(ptr[rcx + static_cast<int>(offsetof(IndirectEntry, code))]);
}

arm64::Insn* stop_handler(Vcpu&, arm64::Insn* insn) { return insn; }

Runtime generate_runtime(Emitter& emitter, const uint8_t* executable_base, const uint8_t* writable_base) {
    Generator g(emitter);
    host::Assembler& a = emitter.a;
    Vcpu& cpu = emitter.cpu;
    TranslatedState& state = translated_state(cpu);
    Runtime runtime;

    // enter(code): System V. Translated code runs with rsp on a 16-byte boundary.
    const uint8_t* const enter = g.here();
    a.push(rbp);
    a.push(rbx);
    a.push(r12);
    a.push(r13);
    a.push(r14);
    a.push(r15);
    a.mov(rbp, reinterpret_cast<uint64_t>(&cpu.state.x[kBaseRegister]));
    a.mov(emitter.state(&state.host_stack), rsp);
    a.sub(rsp, 8);
    a.push(rdi);
    g.flags_to_host();
    a.pop(rax);
    a.mov(ptr[rsp], rax); // keeps the boundary: one slot was reserved above
    g.load_count();
    g.load_rounding();
    g.load_homes(true, true);
    a.jmp(ptr[rsp]);
    runtime.enter = reinterpret_cast<Runtime::Enter>(executable_base + (enter - writable_base));

    // leave: rax is the result.
    runtime.leave = g.here();
    g.store_homes(true, true);
    g.store_count();
    g.collect_exceptions();
    a.mov(r8, rax);
    g.flags_to_guest();
    a.mov(rax, r8);
    g.pop_and_return();

    runtime.leave_to_rax = g.here();
    a.mov(emitter.state(&cpu.state.pc), rax);
    a.mov(eax, kIndirect);
    a.jmp(runtime.leave, Xbyak::CodeGenerator::T_NEAR);

    for (unsigned i = 0; i < kProbeSizes.size(); i++) {
        runtime.probe_read[i] = generate_probe(g, kProbeSizes[i], false, false);
        runtime.probe_write[i] = generate_probe(g, kProbeSizes[i], true, false);
        runtime.probe_read_unprivileged[i] = generate_probe(g, kProbeSizes[i], false, true);
        runtime.probe_write_unprivileged[i] = generate_probe(g, kProbeSizes[i], true, true);
    }

    host::Label fault;
    const auto slow_access = [&](const void* function, bool load) {
        const uint8_t* const start = g.here();
        g.store_homes(false, true);
        g.store_count();
        g.collect_exceptions();
        a.push(rcx); // the AccessSite; with the return address this is a 16-byte boundary again
        if (!load) a.mov(r8, rdx);
        a.mov(rsi, rax);
        a.mov(edx, ecx);
        if (!load) a.mov(rcx, r8);
        g.pass_cpu();
        g.call(function);
        if (load)
            a.test(rdx, rdx);
        else
            a.test(rax, rax);
        a.jz(fault, Xbyak::CodeGenerator::T_NEAR);
        a.pop(rcx);
        if (load) a.mov(rdx, emitter.state(&cpu.transfer[1]));
        g.load_count();
        g.load_rounding();
        g.load_homes(false, true);
        a.ret();
        return start;
    };
    runtime.slow_load = slow_access(reinterpret_cast<const void*>(&slow_load), true);
    runtime.slow_store = slow_access(reinterpret_cast<const void*>(&slow_store), false);

    // Not where every block comes back after its end.
    const bool dispatches =
        emitter.techniques.has(Technique::IndirectTable) && emitter.techniques.has(Technique::SystemBatching);
    host::Label stay_away;
    runtime.dispatch = g.here();
    if (dispatches) g.dispatch(stay_away);
    a.L(stay_away);
    a.mov(eax, kIndirect);
    a.jmp(runtime.leave, Xbyak::CodeGenerator::T_NEAR);

    // The failed access: all guest state goes to memory, then the exception is taken.
    a.align(16);
    a.L(fault);
    g.store_homes(true, false);
    a.pop(rsi);
    a.pop(rcx);
    a.push(rsi);
    a.push(rsi);
    g.flags_to_guest();
    a.pop(rsi);
    a.pop(rsi);
    g.pass_cpu();
    g.call(reinterpret_cast<const void*>(&raise_fault));
    g.go_on_from_state(dispatches, stay_away);

    runtime.note_misses = g.here();
    g.store_homes(false, true);
    g.store_count();
    g.collect_exceptions();
    a.push(rdx);
    a.mov(rsi, rcx);
    // The data of a store may be in these; guest registers in others are loaded again by the caller.
    a.sub(rsp, 48);
    for (int n = 0; n < 3; n++) a.movups(ptr[rsp + 16 * n], Xbyak::Xmm(n));
    g.pass_cpu();
    g.call(reinterpret_cast<const void*>(&note_misses));
    for (int n = 0; n < 3; n++) a.movups(Xbyak::Xmm(n), ptr[rsp + 16 * n]);
    a.add(rsp, 48);
    a.pop(rdx);
    g.load_count();
    g.load_rounding();
    g.load_homes(false, true);
    a.ret();

    runtime.interpret_full = g.here();
    host::Label left;
    g.store_homes(true, true);
    g.store_count();
    g.collect_exceptions();
    a.mov(rsi, rax);
    g.flags_to_guest();
    g.pass_cpu();
    a.sub(rsp, 8);
    a.call(ptr[rsi + static_cast<int>(offsetof(arm64::Insn, handler))]);
    a.add(rsp, 8);
    a.test(rax, rax);
    a.jz(left, Xbyak::CodeGenerator::T_NEAR);
    g.flags_to_host();
    g.load_count();
    g.load_rounding();
    g.load_homes(true, true);
    a.ret();
    // The handler left all state as it is to be.
    a.L(left);
    a.pop(rcx); // the return address
    g.go_on_from_state(dispatches, stay_away);

    runtime.call_system = g.here();
    host::Label other_tlb;
    g.count_switch(SwitchCause::System);
    g.store_homes(false, true);
    g.store_count();
    a.sub(rsp, 8);
    a.mov(rsi, rdx);
    a.mov(rdx, rcx);
    g.pass_cpu();
    a.call(rax);
    a.add(rsp, 8);
    g.load_count();
    g.load_homes(false, true);
    g.follow_tlb(other_tlb);
    a.ret();
    a.L(other_tlb);
    a.mov(eax, 1);
    a.ret();

    runtime.change_level = g.here();
    g.count_switch(SwitchCause::Exception);
    g.store_homes(false, true);
    g.store_stack_pointer();
    g.store_count();
    a.mov(rsi, rdx);
    a.mov(rdx, rcx);
    g.pass_cpu();
    a.call(rax);
    g.load_count();
    g.load_homes(false, true);
    g.load_stack_pointer();
    if (dispatches) {
        g.follow_tlb(stay_away);
        g.dispatch(stay_away);
    } else {
        a.jmp(stay_away, Xbyak::CodeGenerator::T_NEAR);
    }

    // With the guest's MXCSR: what the handlers let the host compute raises nothing that the instruction does not
    // raise.
    runtime.interpret_light = g.here();
    g.store_homes(false, true);
    a.mov(rsi, rax);
    g.store_count();
    g.pass_cpu();
    a.sub(rsp, 8);
    a.call(ptr[rsi + static_cast<int>(offsetof(arm64::Insn, handler))]);
    a.add(rsp, 8);
    g.load_count();
    g.load_homes(false, true);
    a.ret();

    const auto fix_up = [&](const uint8_t* interpret) {
        const uint8_t* const start = g.here();
        constexpr int kBytes = 16 * static_cast<int>(VectorRegisters::kCount);
        const auto saved = [](unsigned i) { return ptr[rsp + 16 * static_cast<int>(i)]; };
        a.pushfq();
        a.inc(emitter.state(&state.switches[static_cast<unsigned>(SwitchCause::FixUp)]));
        a.sub(rsp, kBytes);
        for (unsigned i = 0; i < VectorRegisters::kCount; i++)
            a.movaps(saved(i), Xbyak::Xmm(static_cast<int>(VectorRegisters::kFirst + i)));
        a.call(interpret);
        for (unsigned i = 0; i < VectorRegisters::kCount; i++)
            a.movaps(Xbyak::Xmm(static_cast<int>(VectorRegisters::kFirst + i)), saved(i));
        a.add(rsp, kBytes);
        a.popfq();
        a.ret();
        return start;
    };
    runtime.fix_up_full = fix_up(runtime.interpret_full);
    runtime.fix_up_light = fix_up(runtime.interpret_light);
    return runtime;
}

} // namespace beeline::translate
