// The surface that the control plane sees: one class, Machine, and a few free functions.
#include "addon/code_views.h"
#include "addon/machine_object.h"
#include "addon/snapshot_work.h"
#include "addon/trace_view.h"
#include "host/features.h"
#include "host/sandbox.h"
#include "host/service.h"
#include "host/terminal_guard.h"
#include "translate/techniques.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

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

/// confineAndExecute([{ path, access }], words, lastDescriptor): does not return when all is well.
Napi::Value confine_and_execute(const Napi::CallbackInfo& info) {
    using Access = beeline::host::AllowedPath::Access;
    constexpr std::pair<const char*, Access> kAccesses[] = {{"read", Access::Read},   {"execute", Access::Execute},
                                                            {"write", Access::Write}, {"listen", Access::Listen},
                                                            {"share", Access::Share}, {"own", Access::Own}};
    std::vector<beeline::host::AllowedPath> paths;
    Napi::Array list = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
        Napi::Object entry = list.Get(i).As<Napi::Object>();
        const std::string name = entry.Get("access").ToString().Utf8Value();
        Access access = Access::Read;
        for (const auto& [known, value] : kAccesses)
            if (name == known) access = value;
        paths.push_back({entry.Get("path").ToString().Utf8Value(), access});
    }
    std::vector<std::string> words;
    Napi::Array given = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < given.Length(); i++) words.push_back(given.Get(i).ToString().Utf8Value());
    if (const int error = beeline::host::confine(paths); error != 0) return error_name(info.Env(), error);
    return error_name(info.Env(), beeline::host::execute(words, info[2].ToNumber().Int32Value()));
}

Napi::Value filter_system_calls(const Napi::CallbackInfo& info) {
    return error_name(info.Env(), beeline::host::filter_system_calls({.internet = info[0].ToBoolean()}));
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
    exports.Set("hostFeatures", Napi::Function::New(env, host_features, "hostFeatures"));
    exports.Set("techniques", Napi::Function::New(env, techniques, "techniques"));
    exports.Set("listBlock", Napi::Function::New(env, beeline::addon::list_block, "listBlock"));
    exports.Set("systemRegisterName",
                Napi::Function::New(env, beeline::addon::system_register_name, "systemRegisterName"));
    exports.Set("guardTerminal", Napi::Function::New(env, guard_terminal, "guardTerminal"));
    exports.Set("lockFile", Napi::Function::New(env, lock_file, "lockFile"));
    exports.Set("notifyServiceManager", Napi::Function::New(env, notify_service_manager, "notifyServiceManager"));
    exports.Set("snapshotDescription",
                Napi::Function::New(env, beeline::addon::snapshot_description, "snapshotDescription"));
    exports.Set("confineAndExecute", Napi::Function::New(env, confine_and_execute, "confineAndExecute"));
    exports.Set("filterSystemCalls", Napi::Function::New(env, filter_system_calls, "filterSystemCalls"));
    exports.Set("Machine", beeline::addon::MachineObject::define(env));
    return exports;
}

} // namespace

NODE_API_MODULE(beeline, initialise)
