// Translated code as JavaScript sees it: 64-bit numbers and bytes are texts in hexadecimal.
#pragma once

#include "board/machine.h"

#include <string>

#include <napi.h>

namespace beeline::addon {

/// [{ symbols, blocks }], one entry a CPU; empty when the interpreter did all. The machine must have stopped.
Napi::Array translations(Napi::Env env, const board::Machine& machine);

/// As NativeHotBlocks; undefined unless the machine is paused. `order` is one of "instructions", "executions" and
/// "bytes".
Napi::Value hot_blocks(Napi::Env env, const board::Machine& machine, size_t most, const std::string& order);

/// listBlock(block, symbols): text of two columns. Both as translations() gives them.
Napi::Value list_block(const Napi::CallbackInfo& info);

} // namespace beeline::addon
