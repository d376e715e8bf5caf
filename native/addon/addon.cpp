// The surface that the control plane sees: one class, Machine, and a few free functions.
#include "addon/code_views.h"
#include "addon/machine_object.h"
#include "addon/snapshot_work.h"
#include "host/features.h"
#include "host/service.h"
#include "host/terminal_guard.h"
#include "translate/techniques.h"

#include <cstring>
#include <string>

#include <napi.h>

namespace {

/// The names that a machine's `disable` takes.
Napi::Value techniques(const Napi::CallbackInfo& info) {
    Napi::Array names = Napi::Array::New(info.Env());
    for (const auto& entry : beeline::translate::kTechniqueNames)
        names.Set(names.Length(), Napi::String::New(info.Env(), std::string(entry.name)));
    return names;
}

Napi::Value host_features(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Napi::Array list = Napi::Array::New(env);
    uint32_t index = 0;
    for (const beeline::host::Feature& feature : beeline::host::features()) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("name", Napi::String::New(env, feature.name.data(), feature.name.size()));
        entry.Set("present", Napi::Boolean::New(env, feature.present));
        entry.Set("use", Napi::String::New(env, feature.use.data(), feature.use.size()));
        list.Set(index++, entry);
    }
    return list;
}

void guard_terminal(const Napi::CallbackInfo& info) { beeline::host::guard_terminal(info[0].ToNumber().Int32Value()); }

/// The name of an error number's symbol, or an empty text for 0.
Napi::Value error_name(Napi::Env env, int error) {
    const char* const name = error == 0 ? "" : strerrorname_np(error);
    return Napi::String::New(env, name == nullptr ? "EIO" : name);
}

Napi::Value lock_file(const Napi::CallbackInfo& info) {
    return error_name(info.Env(), beeline::host::lock_file(info[0].ToString().Utf8Value()));
}

Napi::Value notify_service_manager(const Napi::CallbackInfo& info) {
    const std::string socket = info[0].ToString().Utf8Value(), state = info[1].ToString().Utf8Value();
    return error_name(info.Env(), beeline::host::notify_service_manager(socket, state));
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
    exports.Set("hostFeatures", Napi::Function::New(env, host_features, "hostFeatures"));
    exports.Set("techniques", Napi::Function::New(env, techniques, "techniques"));
    exports.Set("listBlock", Napi::Function::New(env, beeline::addon::list_block, "listBlock"));
    exports.Set("guardTerminal", Napi::Function::New(env, guard_terminal, "guardTerminal"));
    exports.Set("lockFile", Napi::Function::New(env, lock_file, "lockFile"));
    exports.Set("notifyServiceManager", Napi::Function::New(env, notify_service_manager, "notifyServiceManager"));
    exports.Set("snapshotDescription",
                Napi::Function::New(env, beeline::addon::snapshot_description, "snapshotDescription"));
    exports.Set("Machine", beeline::addon::MachineObject::define(env));
    return exports;
}

} // namespace

NODE_API_MODULE(beeline, initialise)
