#include "addon/cpu_view.h"

#include <fmt/format.h>
#include <optional>

namespace beeline::addon {

namespace {

using arm64::CpuState;
using arm64::SystemRegisters;

Napi::String hex(Napi::Env env, uint64_t value) { return Napi::String::New(env, fmt::format("{:#x}", value)); }

/// PSTATE as it would be saved to SPSR_EL1 (Arm ARM C5.2.18).
uint64_t packed(const CpuState& state) {
    const arm64::Pstate& p = state.pstate;
    return state.nzcv | p.daif | uint64_t{p.el} << 2 | (p.el != 0 && p.sp_sel != 0 ? 1 : 0) |
           (p.il != 0 ? arm64::spsr::kIl : 0) | (p.ss != 0 ? arm64::spsr::kSs : 0) |
           (p.pan != 0 ? arm64::spsr::kPan : 0) | (p.uao != 0 ? arm64::spsr::kUao : 0);
}

struct SystemName {
    const char* name;
    uint64_t SystemRegisters::*field;
};

constexpr SystemName kSystemNames[] = {
    {"SCTLR_EL1", &SystemRegisters::sctlr_el1},
    {"CPACR_EL1", &SystemRegisters::cpacr_el1},
    {"TTBR0_EL1", &SystemRegisters::ttbr0_el1},
    {"TTBR1_EL1", &SystemRegisters::ttbr1_el1},
    {"TCR_EL1", &SystemRegisters::tcr_el1},
    {"MAIR_EL1", &SystemRegisters::mair_el1},
    {"ESR_EL1", &SystemRegisters::esr_el1},
    {"FAR_EL1", &SystemRegisters::far_el1},
    {"ELR_EL1", &SystemRegisters::elr_el1},
    {"SPSR_EL1", &SystemRegisters::spsr_el1},
    {"VBAR_EL1", &SystemRegisters::vbar_el1},
    {"PAR_EL1", &SystemRegisters::par_el1},
    {"TPIDR_EL0", &SystemRegisters::tpidr_el0},
    {"TPIDRRO_EL0", &SystemRegisters::tpidrro_el0},
    {"TPIDR_EL1", &SystemRegisters::tpidr_el1},
    {"CONTEXTIDR_EL1", &SystemRegisters::contextidr_el1},
    {"CNTKCTL_EL1", &SystemRegisters::cntkctl_el1},
    {"CNTV_CTL_EL0", &SystemRegisters::cntv_ctl_el0},
    {"CNTV_CVAL_EL0", &SystemRegisters::cntv_cval_el0},
    {"MDSCR_EL1", &SystemRegisters::mdscr_el1},
};

} // namespace

Napi::Value cpu_state(Napi::Env env, const board::Machine& machine, unsigned cpu) {
    const std::optional<CpuState> state = machine.cpu_state(cpu);
    if (!state) return env.Undefined();
    Napi::Object result = Napi::Object::New(env);
    result.Set("el", Napi::Number::New(env, state->pstate.el));
    result.Set("pc", hex(env, state->pc));
    result.Set("sp", hex(env, state->x[arm64::kStackPointer]));
    result.Set("pstate", hex(env, packed(*state)));
    result.Set("fpcr", hex(env, state->fpcr));
    result.Set("fpsr", hex(env, state->fpsr));
    Napi::Array x = Napi::Array::New(env, 31);
    for (uint32_t i = 0; i < 31; i++) x.Set(i, hex(env, state->x[i]));
    result.Set("x", x);
    Napi::Array v = Napi::Array::New(env, 32);
    for (uint32_t i = 0; i < 32; i++) {
        const arm64::VReg& reg = state->v[i];
        v.Set(i, Napi::String::New(env, fmt::format("0x{:016x}{:016x}", reg.d[1], reg.d[0])));
    }
    result.Set("v", v);
    Napi::Object system = Napi::Object::New(env);
    for (const SystemName& entry : kSystemNames) system.Set(entry.name, hex(env, state->sys.*entry.field));
    const bool sp0_in_use = state->pstate.el == 0 || state->pstate.sp_sel == 0;
    const uint64_t sp = state->x[arm64::kStackPointer];
    system.Set("SP_EL0", hex(env, sp0_in_use ? sp : state->sys.sp_el0));
    system.Set("SP_EL1", hex(env, sp0_in_use ? state->sys.sp_el1 : sp));
    system.Set("MPIDR_EL1", hex(env, state->mpidr_el1));
    result.Set("system", system);
    return result;
}

} // namespace beeline::addon
