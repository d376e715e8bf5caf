// Snapshots for JavaScript: on a thread of the pool, since files are long.
#pragma once

#include "board/error.h"

#include <functional>

#include <napi.h>

namespace beeline::addon {

/// An Error with the fields of board::Error.
Napi::Error error_from(Napi::Env env, const board::Error& error);

/// A promise of what `work` comes to; `machine` is kept until then.
Napi::Value promise_of(Napi::Object machine, std::function<board::Status()> work);

/// snapshotDescription(path)
Napi::Value snapshot_description(const Napi::CallbackInfo& info);

} // namespace beeline::addon
