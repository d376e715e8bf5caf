#include "translate/system_calls.h"

#include "arm64/debug.h"
#include "arm64/exceptions.h"
#include "translate/state.h"

#include <atomic>

namespace beeline::translate {

using arm64::Vcpu;

namespace {

/// Instructions must be looked up again, somebody wants the CPU, or may want it earlier than the block allowed for.
bool must_leave(const Vcpu& cpu) {
    return cpu.counts_exactly() || cpu.lookup_tag != translated_state(const_cast<Vcpu&>(cpu)).synchronized_tag ||
           cpu.poll.load(std::memory_order_relaxed) != 0 || cpu.lines() != 0;
}

} // namespace

uint64_t write_register(Vcpu* cpu, uint64_t value, uint64_t index) {
    const auto& row = arm64::system_registers()[index];
    arm64::write_system_register(*cpu, row, value);
    if (row.effect == arm64::Effect::Context) cpu->update_execution_context();
    return must_leave(*cpu);
}

uint64_t write_pan(Vcpu* cpu, uint64_t value, uint64_t) {
    cpu->state.pstate.pan = value & 1;
    cpu->update_execution_context();
    return must_leave(*cpu);
}

uint64_t write_uao(Vcpu* cpu, uint64_t value, uint64_t) {
    cpu->state.pstate.uao = value & 1;
    cpu->update_execution_context();
    return must_leave(*cpu);
}

uint64_t synchronize(Vcpu* cpu, uint64_t, uint64_t) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    cpu->environment().synchronize(*cpu);
    return must_leave(*cpu);
}

uint64_t read_counter(Vcpu* cpu, uint64_t, uint64_t) { return cpu->environment().counter(); }

void take_svc(Vcpu* cpu, uint64_t immediate, uint64_t next) {
    arm64::advance_step(*cpu);
    cpu->state.nzcv = guest_flags(static_cast<uint32_t>(translated_state(*cpu).host_flags));
    arm64::enter_synchronous(*cpu, arm64::ExceptionClass::Svc64, static_cast<uint32_t>(immediate), next);
}

void return_from_exception(Vcpu* cpu, uint64_t, uint64_t) {
    arm64::exception_return(*cpu);
    translated_state(*cpu).host_flags = host_flags(cpu->state.nzcv);
}

} // namespace beeline::translate
