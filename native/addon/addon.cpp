// The surface that the control plane sees: one class, Machine, and a few free functions.
#include "host/features.h"

#include <napi.h>

namespace {

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

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
    exports.Set("hostFeatures", Napi::Function::New(env, host_features, "hostFeatures"));
    return exports;
}

} // namespace

NODE_API_MODULE(beeline, initialise)
