// The class Machine of JavaScript: board::Machine with its events.
#pragma once

#include "addon/event_bridge.h"
#include "board/machine.h"

#include <memory>

#include <napi.h>

namespace beeline::addon {

/// new Machine(config, events): the shapes are NativeMachineConfig and NativeMachineEvents of src/native/addon.ts,
/// which is the only caller. Throws an Error with the fields of board::Error when the machine cannot be made.
class MachineObject : public Napi::ObjectWrap<MachineObject> {
public:
    static Napi::Function define(Napi::Env env);

    explicit MachineObject(const Napi::CallbackInfo& info);
    ~MachineObject() override;

private:
    void start(const Napi::CallbackInfo& info);
    Napi::Value pause(const Napi::CallbackInfo& info);
    void resume(const Napi::CallbackInfo& info);
    void reset(const Napi::CallbackInfo& info);
    void set_no_reboot(const Napi::CallbackInfo& info);
    void powerdown(const Napi::CallbackInfo& info);
    void stop(const Napi::CallbackInfo& info);
    Napi::Value save_snapshot(const Napi::CallbackInfo& info);
    Napi::Value load_snapshot(const Napi::CallbackInfo& info);
    Napi::Value serial_write(const Napi::CallbackInfo& info);
    void serial_exchanged(const Napi::CallbackInfo& info);
    Napi::Value resize_console(const Napi::CallbackInfo& info);
    Napi::Value set_balloon(const Napi::CallbackInfo& info);
    Napi::Value balloon(const Napi::CallbackInfo& info);
    Napi::Value networks(const Napi::CallbackInfo& info);
    void set_link(const Napi::CallbackInfo& info);
    Napi::Value add_forward(const Napi::CallbackInfo& info);
    Napi::Value remove_forward(const Napi::CallbackInfo& info);
    Napi::Value stats(const Napi::CallbackInfo& info);
    Napi::Value hot_blocks(const Napi::CallbackInfo& info);
    Napi::Value start_trace(const Napi::CallbackInfo& info);
    Napi::Value stop_trace(const Napi::CallbackInfo& info);
    Napi::Value trace_written(const Napi::CallbackInfo& info);
    Napi::Value read_trace(const Napi::CallbackInfo& info);
    Napi::Value translations(const Napi::CallbackInfo& info);
    Napi::Value dtb(const Napi::CallbackInfo& info);
    Napi::Value cpu_state(const Napi::CallbackInfo& info);
    Napi::Value read_memory(const Napi::CallbackInfo& info);
    Napi::Value write_memory(const Napi::CallbackInfo& info);
    Napi::Value write_register(const Napi::CallbackInfo& info);
    void set_debugger_points(const Napi::CallbackInfo& info);
    void debugger_resume(const Napi::CallbackInfo& info);

    /// The bridge outlives the machine, whose threads call it.
    EventBridge bridge_;
    std::unique_ptr<board::Machine> machine_;
    Napi::ObjectReference events_;
    bool started_ = false;
};

} // namespace beeline::addon
