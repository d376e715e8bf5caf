// The surface that the control plane sees: one class, Machine, and a few free functions.
#include "addon/code_views.h"
#include "addon/machine_object.h"
#include "host/features.h"
#include "host/terminal_guard.h"
#include "translate/techniques.h"

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

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
    exports.Set("hostFeatures", Napi::Function::New(env, host_features, "hostFeatures"));
    exports.Set("techniques", Napi::Function::New(env, techniques, "techniques"));
    exports.Set("listBlock", Napi::Function::New(env, beeline::addon::list_block, "listBlock"));
    exports.Set("guardTerminal", Napi::Function::New(env, guard_terminal, "guardTerminal"));
    exports.Set("Machine", beeline::addon::MachineObject::define(env));
    return exports;
}

} // namespace

NODE_API_MODULE(beeline, initialise)
