#include "addon/snapshot_work.h"

#include "board/snapshot.h"

#include <optional>
#include <string>
#include <utility>

namespace beeline::addon {

namespace {

class Work final : public Napi::AsyncWorker {
public:
    Work(Napi::Object machine, std::function<board::Status()> work)
        : AsyncWorker(machine.Env()), machine_(Napi::Persistent(machine)), work_(std::move(work)),
          deferred_(Napi::Promise::Deferred::New(machine.Env())) {}

    Napi::Promise promise() const { return deferred_.Promise(); }

private:
    void Execute() override { result_.emplace(work_()); }
    void OnOK() override {
        if (*result_)
            deferred_.Resolve(Env().Undefined());
        else
            deferred_.Reject(error_from(Env(), result_->error()).Value());
    }

    Napi::ObjectReference machine_;
    std::function<board::Status()> work_;
    Napi::Promise::Deferred deferred_;
    std::optional<board::Status> result_;
};

} // namespace

Napi::Error error_from(Napi::Env env, const board::Error& error) {
    Napi::Error thrown = Napi::Error::New(env, error.message);
    const std::pair<const char*, const std::string&> fields[] = {
        {"code", error.code}, {"option", error.option}, {"path", error.path},     {"expected", error.expected},
        {"size", error.size}, {"memory", error.memory}, {"detail", error.detail}, {"remedy", error.remedy},
    };
    for (const auto& [name, value] : fields) thrown.Value().Set(name, Napi::String::New(env, value));
    return thrown;
}

Napi::Value promise_of(Napi::Object machine, std::function<board::Status()> work) {
    auto* const worker = new Work(machine, std::move(work));
    const Napi::Promise promise = worker->promise();
    // It deletes itself in the end.
    worker->Queue();
    return promise;
}

Napi::Value snapshot_description(const Napi::CallbackInfo& info) {
    board::Result<std::string> description = board::snapshot_description(info[0].ToString().Utf8Value());
    if (description) return Napi::String::New(info.Env(), *description);
    error_from(info.Env(), description.error()).ThrowAsJavaScriptException();
    return info.Env().Undefined();
}

} // namespace beeline::addon
