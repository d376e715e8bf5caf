#include "addon/machine_object.h"

#include "addon/code_views.h"
#include "addon/cpu_view.h"
#include "addon/snapshot_work.h"
#include "addon/trace_view.h"
#include "arm64/counters.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace beeline::addon {

namespace {

std::string text_of(const Napi::Object& object, const char* key) { return object.Get(key).ToString().Utf8Value(); }
uint64_t word_of(const Napi::Value& value) {
    bool lossless = true;
    return value.As<Napi::BigInt>().Uint64Value(&lossless);
}
double number_of(const Napi::Object& object, const char* key) { return object.Get(key).ToNumber().DoubleValue(); }

board::DeviceBus bus_from(const Napi::Object& object) {
    return text_of(object, "bus") == "pci" ? board::DeviceBus::Pci : board::DeviceBus::Mmio;
}

board::Drive drive_from(const Napi::Object& object) {
    board::Drive drive;
    drive.bus = bus_from(object);
    drive.path = text_of(object, "path");
    drive.read_only = object.Get("readonly").ToBoolean();
    drive.snapshot = object.Get("snapshot").ToBoolean();
    drive.at = text_of(object, "at");
    drive.serial = text_of(object, "serial");
    if (const std::string format = text_of(object, "format"); format != "probe")
        drive.format = format == "qcow2" ? block::Format::Qcow2 : block::Format::Raw;
    if (const std::string engine = text_of(object, "aio"); engine != "auto")
        drive.engine = engine == "threads" ? block::EngineKind::Threads : block::EngineKind::IoUring;
    return drive;
}

net::Forward forward_from(const Napi::Object& object) {
    return {.udp = text_of(object, "protocol") == "udp",
            .host_address = text_of(object, "hostAddress"),
            .host_port = static_cast<uint16_t>(number_of(object, "hostPort")),
            .guest_address = text_of(object, "guestAddress"),
            .guest_port = static_cast<uint16_t>(number_of(object, "guestPort"))};
}

Napi::Object forward_object(Napi::Env env, const net::Forward& forward) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("protocol", forward.udp ? "udp" : "tcp");
    object.Set("hostAddress", forward.host_address);
    object.Set("hostPort", forward.host_port);
    object.Set("guestAddress", forward.guest_address);
    object.Set("guestPort", forward.guest_port);
    return object;
}

board::NetworkCard network_from(const Napi::Object& object) {
    board::NetworkCard network;
    network.bus = bus_from(object);
    if (text_of(object, "kind") == "tap") network.kind = net::NetworkConfig::Kind::Tap;
    network.mac = net::parse_mac(text_of(object, "mac"));
    network.restricted = object.Get("restrict").ToBoolean();
    network.interface = text_of(object, "interface");
    Napi::Array forwards = object.Get("forwards").As<Napi::Array>();
    for (uint32_t i = 0; i < forwards.Length(); i++)
        network.forwards.push_back(forward_from(forwards.Get(i).As<Napi::Object>()));
    return network;
}

board::ConsolePort port_from(const Napi::Object& object) {
    board::ConsolePort port;
    port.bus = bus_from(object);
    port.console = object.Get("console").ToBoolean();
    port.name = text_of(object, "name");
    const std::string kind = text_of(object, "kind");
    if (kind == "file") port.kind = stream::StreamConfig::Kind::File;
    if (kind == "serial") port.kind = stream::StreamConfig::Kind::Serial;
    port.path = text_of(object, "path");
    port.truncate = object.Get("truncate").ToBoolean();
    return port;
}

board::Share share_from(const Napi::Object& object) {
    board::Share share;
    share.bus = bus_from(object);
    share.path = text_of(object, "path");
    share.tag = text_of(object, "tag");
    share.read_only = object.Get("readonly").ToBoolean();
    return share;
}

board::MachineConfig config_from(const Napi::Object& object) {
    board::MachineConfig config;
    config.memory_bytes = static_cast<uint64_t>(number_of(object, "memoryBytes"));
    config.cpus = static_cast<unsigned>(number_of(object, "cpus"));
    config.cpu_model = text_of(object, "cpuModel") == "a57" ? arm64::CpuModel::A57 : arm64::CpuModel::N1;
    config.gic_version = static_cast<unsigned>(number_of(object, "gicVersion"));
    config.kernel_path = text_of(object, "kernel");
    config.initrd_path = text_of(object, "initrd");
    config.dtb_path = text_of(object, "dtb");
    config.append = text_of(object, "append");
    config.firmware_path = text_of(object, "firmware");
    config.firmware_vars_path = text_of(object, "firmwareVars");
    if (object.Has("acpi")) config.acpi = object.Get("acpi").ToBoolean();
    if (object.Get("snapshot").IsString()) config.snapshot_path = text_of(object, "snapshot");
    config.no_reboot = object.Get("noReboot").ToBoolean();
    if (const Napi::Value icount = object.Get("icount"); icount.IsNumber())
        config.icount = icount.ToNumber().Uint32Value();
    config.direct = text_of(object, "tier") == "direct";
    config.perf_map = object.Get("perfMap").ToBoolean();
    config.direct_options.keep_details = object.Get("keepDetails").ToBoolean();
    if (const Napi::Value visits = object.Get("translateAfter"); visits.IsNumber())
        config.direct_options.visits_before_translation = visits.ToNumber().Uint32Value();
    config.direct_options.verify = object.Get("verify").ToBoolean();
    Napi::Array disabled = object.Get("disable").As<Napi::Array>();
    for (uint32_t i = 0; i < disabled.Length(); i++) {
        const std::string name = disabled.Get(i).ToString().Utf8Value();
        if (const auto technique = translate::find_technique(name))
            config.direct_options.techniques.disable(*technique);
    }
    Napi::Array loads = object.Get("loads").As<Napi::Array>();
    for (uint32_t i = 0; i < loads.Length(); i++) {
        Napi::Object load = loads.Get(i).As<Napi::Object>();
        config.raw_loads.push_back({text_of(load, "path"), static_cast<uint64_t>(number_of(load, "address"))});
    }
    Napi::Array drives = object.Get("drives").As<Napi::Array>();
    for (uint32_t i = 0; i < drives.Length(); i++)
        config.drives.push_back(drive_from(drives.Get(i).As<Napi::Object>()));
    Napi::Array networks = object.Get("networks").As<Napi::Array>();
    for (uint32_t i = 0; i < networks.Length(); i++)
        config.networks.push_back(network_from(networks.Get(i).As<Napi::Object>()));
    if (const std::string bus = text_of(object, "balloon"); bus != "none")
        config.balloon = bus == "pci" ? board::DeviceBus::Pci : board::DeviceBus::Mmio;
    Napi::Array shares = object.Get("shares").As<Napi::Array>();
    for (uint32_t i = 0; i < shares.Length(); i++)
        config.shares.push_back(share_from(shares.Get(i).As<Napi::Object>()));
    Napi::Array ports = object.Get("ports").As<Napi::Array>();
    for (uint32_t i = 0; i < ports.Length(); i++) config.ports.push_back(port_from(ports.Get(i).As<Napi::Object>()));
    return config;
}

struct CounterName {
    const char* name;
    uint64_t arm64::Counters::*field;
};

constexpr CounterName kCounterNames[] = {
    {"instructions", &arm64::Counters::instructions},
    {"blocksDecoded", &arm64::Counters::blocks_decoded},
    {"instructionsDecoded", &arm64::Counters::instructions_decoded},
    {"blocksInvalidated", &arm64::Counters::blocks_invalidated},
    {"jumpCacheMisses", &arm64::Counters::jump_cache_misses},
    {"tlbMisses", &arm64::Counters::tlb_misses},
    {"tableWalks", &arm64::Counters::table_walks},
    {"slowAccesses", &arm64::Counters::slow_accesses},
    {"deviceAccesses", &arm64::Counters::device_accesses},
    {"tlbFlushes", &arm64::Counters::tlb_flushes},
    {"exceptions", &arm64::Counters::exceptions},
    {"interrupts", &arm64::Counters::interrupts},
    {"waits", &arm64::Counters::waits},
};
static_assert(std::size(kCounterNames) * sizeof(uint64_t) == sizeof(arm64::Counters), "every counter has a name");

struct DirectCounterName {
    const char* name;
    uint64_t translate::DirectCounters::*field;
};

constexpr DirectCounterName kDirectCounterNames[] = {
    {"blocks", &translate::DirectCounters::blocks},     {"instructions", &translate::DirectCounters::instructions},
    {"bytes", &translate::DirectCounters::bytes},       {"nanoseconds", &translate::DirectCounters::nanoseconds},
    {"executed", &translate::DirectCounters::executed}, {"entries", &translate::DirectCounters::entries},
    {"links", &translate::DirectCounters::links},       {"invalidated", &translate::DirectCounters::invalidated},
    {"evicted", &translate::DirectCounters::evicted},   {"siteMisses", &translate::DirectCounters::site_misses},
};
static_assert((std::size(kDirectCounterNames) + translate::kSwitchCauses) * sizeof(uint64_t) ==
                  sizeof(translate::DirectCounters),
              "every counter has a name");

struct DriveCounterName {
    const char* name;
    uint64_t block::DiskCounters::*field;
};

constexpr DriveCounterName kDriveCounterNames[] = {
    {"reads", &block::DiskCounters::reads},
    {"readBytes", &block::DiskCounters::read_bytes},
    {"writes", &block::DiskCounters::writes},
    {"writtenBytes", &block::DiskCounters::written_bytes},
    {"flushes", &block::DiskCounters::flushes},
    {"discards", &block::DiskCounters::discards},
    {"discardedBytes", &block::DiskCounters::discarded_bytes},
    {"failures", &block::DiskCounters::failures},
};
static_assert(std::size(kDriveCounterNames) * sizeof(uint64_t) == sizeof(block::DiskCounters),
              "every counter has a name");

Napi::Number number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

} // namespace

Napi::Function MachineObject::define(Napi::Env env) {
    return DefineClass(env, "Machine",
                       {
                           InstanceMethod("start", &MachineObject::start),
                           InstanceMethod("pause", &MachineObject::pause),
                           InstanceMethod("resume", &MachineObject::resume),
                           InstanceMethod("reset", &MachineObject::reset),
                           InstanceMethod("setNoReboot", &MachineObject::set_no_reboot),
                           InstanceMethod("powerdown", &MachineObject::powerdown),
                           InstanceMethod("stop", &MachineObject::stop),
                           InstanceMethod("serialWrite", &MachineObject::serial_write),
                           InstanceMethod("serialExchanged", &MachineObject::serial_exchanged),
                           InstanceMethod("resizeConsole", &MachineObject::resize_console),
                           InstanceMethod("saveSnapshot", &MachineObject::save_snapshot),
                           InstanceMethod("loadSnapshot", &MachineObject::load_snapshot),
                           InstanceMethod("setBalloon", &MachineObject::set_balloon),
                           InstanceMethod("balloon", &MachineObject::balloon),
                           InstanceMethod("networks", &MachineObject::networks),
                           InstanceMethod("setLink", &MachineObject::set_link),
                           InstanceMethod("addForward", &MachineObject::add_forward),
                           InstanceMethod("removeForward", &MachineObject::remove_forward),
                           InstanceMethod("stats", &MachineObject::stats),
                           InstanceMethod("hotBlocks", &MachineObject::hot_blocks),
                           InstanceMethod("startTrace", &MachineObject::start_trace),
                           InstanceMethod("stopTrace", &MachineObject::stop_trace),
                           InstanceMethod("traceWritten", &MachineObject::trace_written),
                           InstanceMethod("readTrace", &MachineObject::read_trace),
                           InstanceMethod("translations", &MachineObject::translations),
                           InstanceMethod("dtb", &MachineObject::dtb),
                           InstanceMethod("cpuState", &MachineObject::cpu_state),
                           InstanceMethod("readMemory", &MachineObject::read_memory),
                           InstanceMethod("writeMemory", &MachineObject::write_memory),
                           InstanceMethod("writeRegister", &MachineObject::write_register),
                           InstanceMethod("setDebuggerPoints", &MachineObject::set_debugger_points),
                           InstanceMethod("debuggerResume", &MachineObject::debugger_resume),
                       });
}

MachineObject::MachineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MachineObject>(info) {
    Napi::Env env = info.Env();
    if (info.Length() != 2 || !info[0].IsObject() || !info[1].IsObject()) {
        Napi::TypeError::New(env, "Machine takes a configuration and an object of callbacks")
            .ThrowAsJavaScriptException();
        return;
    }
    board::MachineConfig config = config_from(info[0].As<Napi::Object>());
    if (env.IsExceptionPending()) return;
    board::Result<std::unique_ptr<board::Machine>> made = board::Machine::create(config, bridge_);
    if (!made) {
        error_from(env, made.error()).ThrowAsJavaScriptException();
        return;
    }
    machine_ = std::move(*made);
    events_ = Napi::Persistent(info[1].As<Napi::Object>());
}

MachineObject::~MachineObject() { bridge_.close(); }

void MachineObject::start(const Napi::CallbackInfo& info) {
    if (std::exchange(started_, true)) return;
    bridge_.open(info.Env(), events_.Value(), info.This().As<Napi::Object>());
    machine_->start();
}

Napi::Value MachineObject::pause(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), machine_->pause());
}
void MachineObject::resume(const Napi::CallbackInfo&) { machine_->resume(); }
void MachineObject::reset(const Napi::CallbackInfo&) { machine_->reset(); }
void MachineObject::set_no_reboot(const Napi::CallbackInfo& info) { machine_->set_no_reboot(info[0].ToBoolean()); }
void MachineObject::powerdown(const Napi::CallbackInfo&) { machine_->powerdown(); }
void MachineObject::stop(const Napi::CallbackInfo&) { machine_->stop(); }

Napi::Value MachineObject::save_snapshot(const Napi::CallbackInfo& info) {
    return promise_of(info.This().As<Napi::Object>(),
                      [this, path = info[0].ToString().Utf8Value(), description = info[1].ToString().Utf8Value()] {
                          return machine_->save_snapshot(path, description);
                      });
}

Napi::Value MachineObject::load_snapshot(const Napi::CallbackInfo& info) {
    return promise_of(info.This().As<Napi::Object>(),
                      [this, path = info[0].ToString().Utf8Value()] { return machine_->load_snapshot(path); });
}

Napi::Value MachineObject::serial_write(const Napi::CallbackInfo& info) {
    Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
    return number(info.Env(), machine_->serial_write({bytes.Data(), bytes.ByteLength()}));
}

void MachineObject::serial_exchanged(const Napi::CallbackInfo&) { machine_->serial_exchanged(); }

Napi::Value MachineObject::resize_console(const Napi::CallbackInfo& info) {
    const auto characters = [&info](size_t index) {
        return static_cast<uint16_t>(std::min<uint32_t>(info[index].ToNumber().Uint32Value(), UINT16_MAX));
    };
    return Napi::Boolean::New(info.Env(),
                              machine_->resize_console(info[0].ToNumber().Uint32Value(), characters(1), characters(2)));
}

Napi::Value MachineObject::set_balloon(const Napi::CallbackInfo& info) {
    const auto bytes = static_cast<uint64_t>(info[0].ToNumber().Int64Value());
    return Napi::Boolean::New(info.Env(), machine_->set_balloon(bytes));
}

Napi::Value MachineObject::balloon(const Napi::CallbackInfo& info) {
    const std::optional<board::Machine::Balloon> balloon = machine_->balloon();
    if (!balloon) return info.Env().Undefined();
    // By the names that Linux's driver gives them.
    static constexpr const char* kNames[] = {"swapIn",     "swapOut",         "majorFaults",     "minorFaults",
                                             "freeMemory", "totalMemory",     "availableMemory", "caches",
                                             "hugePages",  "hugePageFailures"};
    Napi::Object statistics = Napi::Object::New(info.Env());
    for (const auto& [tag, value] : balloon->statistics)
        if (tag < std::size(kNames)) statistics.Set(kNames[tag], number(info.Env(), value));
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("bytes", number(info.Env(), balloon->bytes_left));
    result.Set("statistics", statistics);
    return result;
}

Napi::Value MachineObject::networks(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Napi::Array cards = Napi::Array::New(env);
    for (const board::NetworkState& state : machine_->networks()) {
        Napi::Array forwards = Napi::Array::New(env);
        for (const net::Forward& forward : state.forwards)
            forwards.Set(forwards.Length(), forward_object(env, forward));
        Napi::Object card = Napi::Object::New(env);
        card.Set("mac", fmt::format("{:02x}", fmt::join(state.mac, ":")));
        card.Set("linkUp", state.link_up);
        card.Set("forwards", forwards);
        cards.Set(cards.Length(), card);
    }
    return cards;
}

void MachineObject::set_link(const Napi::CallbackInfo& info) {
    machine_->set_link(info[0].ToNumber().Uint32Value(), info[1].ToBoolean());
}

Napi::Value MachineObject::add_forward(const Napi::CallbackInfo& info) {
    net::NetworkFailure failure;
    if (machine_->add_forward(info[0].ToNumber().Uint32Value(), forward_from(info[1].As<Napi::Object>()), failure))
        return info.Env().Undefined();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("detail", failure.detail);
    result.Set("remedy", failure.remedy);
    return result;
}

Napi::Value MachineObject::remove_forward(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), machine_->remove_forward(info[0].ToNumber().Uint32Value(),
                                                                   forward_from(info[1].As<Napi::Object>())));
}

Napi::Value MachineObject::stats(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    board::MachineStats stats = machine_->stats();
    Napi::Array cpus = Napi::Array::New(env, stats.cpus.size());
    for (size_t i = 0; i < stats.cpus.size(); i++) {
        Napi::Object counters = Napi::Object::New(env);
        for (const CounterName& counter : kCounterNames) {
            counters.Set(counter.name, number(env, stats.cpus[i].*counter.field));
        }
        cpus.Set(static_cast<uint32_t>(i), counters);
    }
    Napi::Array direct = Napi::Array::New(env, stats.direct.size());
    Napi::Array switches = Napi::Array::New(env, stats.direct.size());
    for (uint32_t i = 0; i < stats.direct.size(); i++) {
        Napi::Object counters = Napi::Object::New(env);
        for (const DirectCounterName& counter : kDirectCounterNames)
            counters.Set(counter.name, number(env, stats.direct[i].*counter.field));
        direct.Set(i, counters);
        Napi::Object causes = Napi::Object::New(env);
        for (const auto& [cause, name] : translate::kSwitchCauseNames)
            causes.Set(std::string(name), number(env, stats.direct[i].switches[static_cast<unsigned>(cause)]));
        switches.Set(i, causes);
    }
    Napi::Array drives = Napi::Array::New(env, stats.drives.size());
    for (uint32_t i = 0; i < stats.drives.size(); i++) {
        const board::DriveStats& drive = stats.drives[i];
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("format", Napi::String::New(env, drive.format == block::Format::Qcow2 ? "qcow2" : "raw"));
        entry.Set("bytes", number(env, drive.bytes));
        for (const DriveCounterName& counter : kDriveCounterNames)
            entry.Set(counter.name, number(env, drive.*counter.field));
        drives.Set(i, entry);
    }
    Napi::Object board = Napi::Object::New(env);
    board.Set("serialBytesOut", number(env, stats.serial_bytes_out));
    board.Set("serialBytesIn", number(env, stats.serial_bytes_in));
    board.Set("timerExpiries", number(env, stats.timer_expiries));
    board.Set("gicAcknowledges", number(env, stats.gic_acknowledges));
    board.Set("gicSgis", number(env, stats.gic_sgis));
    board.Set("sleeps", number(env, stats.sleeps));
    board.Set("broadcasts", number(env, stats.broadcasts));
    board.Set("guestResets", number(env, stats.guest_resets));
    Napi::Object result = Napi::Object::New(env);
    result.Set("elapsedSeconds", Napi::Number::New(env, stats.elapsed_seconds));
    result.Set("firstOutputSeconds", Napi::Number::New(env, stats.first_output_seconds));
    result.Set("createSeconds", Napi::Number::New(env, stats.create_seconds));
    result.Set("cpus", cpus);
    result.Set("direct", direct);
    result.Set("switches", switches);
    result.Set("drives", drives);
    result.Set("board", board);
    return result;
}

Napi::Value MachineObject::hot_blocks(const Napi::CallbackInfo& info) {
    return addon::hot_blocks(info.Env(), *machine_, info[0].ToNumber().Uint32Value(), info[1].ToString().Utf8Value());
}

Napi::Value MachineObject::start_trace(const Napi::CallbackInfo& info) {
    const board::TraceConfig config{info[0].ToNumber().Uint32Value(), info[1].ToNumber().Uint32Value()};
    return Napi::Boolean::New(info.Env(), machine_->start_trace(config));
}

Napi::Value MachineObject::stop_trace(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), machine_->stop_trace());
}

Napi::Value MachineObject::trace_written(const Napi::CallbackInfo& info) {
    return addon::trace_written(info.Env(), *machine_);
}

Napi::Value MachineObject::read_trace(const Napi::CallbackInfo& info) {
    return addon::read_trace(info.Env(), *machine_, info[0].As<Napi::Array>(), info[1].ToNumber().Uint32Value());
}

Napi::Value MachineObject::translations(const Napi::CallbackInfo& info) {
    if (machine_->exited()) return addon::translations(info.Env(), *machine_);
    Napi::Error::New(info.Env(), "translations are to be had of a machine that has stopped")
        .ThrowAsJavaScriptException();
    return info.Env().Undefined();
}

Napi::Value MachineObject::cpu_state(const Napi::CallbackInfo& info) {
    return addon::cpu_state(info.Env(), *machine_, info[0].ToNumber().Uint32Value());
}

Napi::Value MachineObject::read_memory(const Napi::CallbackInfo& info) {
    const uint64_t address = word_of(info[0]);
    std::vector<uint8_t> bytes(info[1].ToNumber().Uint32Value());
    const size_t count = info[2].IsNumber() ? machine_->read_virtual(info[2].ToNumber().Uint32Value(), address, bytes)
                                            : machine_->read_physical(address, bytes);
    return Napi::Buffer<uint8_t>::Copy(info.Env(), bytes.data(), count);
}

Napi::Value MachineObject::write_memory(const Napi::CallbackInfo& info) {
    const uint64_t address = word_of(info[0]);
    Napi::Uint8Array array = info[1].As<Napi::Uint8Array>();
    const std::span<const uint8_t> bytes{array.Data(), array.ByteLength()};
    const size_t count = info[2].IsNumber() ? machine_->write_virtual(info[2].ToNumber().Uint32Value(), address, bytes)
                                            : machine_->write_physical(address, bytes);
    return number(info.Env(), count);
}

Napi::Value MachineObject::write_register(const Napi::CallbackInfo& info) {
    constexpr size_t kMostWords = 2;
    arm64::VReg value{};
    size_t words = kMostWords;
    int sign = 0;
    info[2].As<Napi::BigInt>().ToWords(&sign, &words, value.d);
    const std::string name = info[1].ToString().Utf8Value();
    return Napi::Boolean::New(info.Env(), machine_->write_register(info[0].ToNumber().Uint32Value(), name, value));
}

void MachineObject::set_debugger_points(const Napi::CallbackInfo& info) {
    if (!info[0].IsObject()) {
        machine_->set_debugger_points(nullptr);
        return;
    }
    auto points = std::make_shared<arm64::DebuggerPoints>();
    Napi::Object object = info[0].As<Napi::Object>();
    Napi::Array breakpoints = object.Get("breakpoints").As<Napi::Array>();
    for (uint32_t i = 0; i < breakpoints.Length(); i++) points->breakpoints.push_back(word_of(breakpoints.Get(i)));
    std::sort(points->breakpoints.begin(), points->breakpoints.end());
    Napi::Array watches = object.Get("watchpoints").As<Napi::Array>();
    for (uint32_t i = 0; i < watches.Length(); i++) {
        Napi::Object watch = watches.Get(i).As<Napi::Object>();
        points->watches.push_back({word_of(watch.Get("first")), word_of(watch.Get("last")),
                                   watch.Get("reads").ToBoolean(), watch.Get("writes").ToBoolean()});
    }
    machine_->set_debugger_points(std::move(points));
}

void MachineObject::debugger_resume(const Napi::CallbackInfo& info) {
    using Action = board::Machine::DebuggerAction;
    std::vector<Action> actions;
    Napi::Array names = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < names.Length(); i++) {
        const std::string name = names.Get(i).ToString().Utf8Value();
        actions.push_back(name == "step" ? Action::Step : name == "hold" ? Action::Hold : Action::Run);
    }
    machine_->debugger_resume(actions);
}

Napi::Value MachineObject::dtb(const Napi::CallbackInfo& info) {
    std::vector<uint8_t> bytes = machine_->dtb();
    return Napi::Buffer<uint8_t>::Copy(info.Env(), bytes.data(), bytes.size());
}

} // namespace beeline::addon
