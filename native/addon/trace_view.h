// Traces as JavaScript sees them.
#pragma once

#include "board/machine.h"

#include <span>

#include <napi.h>

namespace beeline::addon {

/// As NativeTraceBatch; undefined: there is no trace. `positions` is an array of numbers, by CPU.
Napi::Value read_trace(Napi::Env env, const board::Machine& machine, const Napi::Array& positions, size_t most);

/// By CPU, how many records there have been; undefined: there is no trace.
Napi::Value trace_written(Napi::Env env, const board::Machine& machine);

/// systemRegisterName(key): as assemblers spell it.
Napi::Value system_register_name(const Napi::CallbackInfo& info);

} // namespace beeline::addon
