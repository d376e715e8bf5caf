#include "addon/trace_view.h"

#include "arm64/system_registers.h"

#include <optional>
#include <vector>

namespace beeline::addon {

namespace {

constexpr size_t kWords = 9;

Napi::Array numbers(Napi::Env env, const std::vector<uint64_t>& values) {
    Napi::Array array = Napi::Array::New(env, values.size());
    for (uint32_t i = 0; i < values.size(); i++) array.Set(i, static_cast<double>(values[i]));
    return array;
}

} // namespace

Napi::Value read_trace(Napi::Env env, const board::Machine& machine, const Napi::Array& positions, size_t most) {
    std::vector<uint64_t> from;
    for (uint32_t i = 0; i < positions.Length(); i++)
        from.push_back(static_cast<uint64_t>(positions.Get(i).ToNumber().Int64Value()));
    const std::optional<board::TraceBatch> batch = machine.read_trace(from, most);
    if (!batch) return env.Undefined();
    Napi::BigUint64Array records = Napi::BigUint64Array::New(env, batch->entries.size() * kWords);
    uint64_t* word = records.Data();
    for (const board::TraceEntry& entry : batch->entries) {
        *word++ = entry.record.cpu;
        *word++ = entry.number;
        *word++ = entry.record.time;
        *word++ = static_cast<uint64_t>(entry.record.kind);
        *word++ = entry.record.detail;
        for (const uint64_t argument : entry.record.arguments) *word++ = argument;
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("records", records);
    result.Set("positions", numbers(env, batch->positions));
    result.Set("lost", numbers(env, batch->lost));
    result.Set("more", batch->more);
    return result;
}

Napi::Value trace_written(Napi::Env env, const board::Machine& machine) {
    const std::optional<std::vector<uint64_t>> written = machine.trace_written();
    if (!written) return env.Undefined();
    return numbers(env, *written);
}

Napi::Value system_register_name(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), arm64::system_register_text(info[0].ToNumber().Uint32Value(), true));
}

} // namespace beeline::addon
