// Registers of a CPU as JavaScript sees them: texts in hexadecimal.
#pragma once

#include "board/machine.h"

#include <napi.h>

namespace beeline::addon {

/// { el, pc, sp, pstate, fpcr, fpsr, x, v, system }, or undefined: the machine is not paused, or has no such CPU.
Napi::Value cpu_state(Napi::Env env, const board::Machine& machine, unsigned cpu);

} // namespace beeline::addon
