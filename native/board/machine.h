// A whole machine: what the control plane creates, runs, talks to and stops.
#pragma once

#include "arm64/counters.h"
#include "arm64/debugger.h"
#include "arm64/state.h"
#include "arm64/types.h"
#include "block/open.h"
#include "board/device_bus.h"
#include "board/error.h"
#include "board/hot_blocks.h"
#include "board/trace.h"
#include "net/open.h"
#include "stream/open.h"
#include "translate/direct_tier.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace beeline::board {

/// A file copied as it is to a guest-physical address, in RAM or flash, before the machine starts.
struct RawLoad {
    std::string path;
    uint64_t address = 0;
};

struct Drive : block::DriveConfig {
    DeviceBus bus = DeviceBus::Mmio;
};

struct NetworkCard : net::NetworkConfig {
    DeviceBus bus = DeviceBus::Mmio;
};

/// A port of the console device, and where its bytes go.
struct ConsolePort : stream::StreamConfig {
    bool console = false; ///< A terminal of the guest's.
    std::string name;     ///< By which the guest finds the port; may be empty.
    DeviceBus bus = DeviceBus::Mmio;
};

/// A folder of the host's that the guest may mount.
struct Share {
    std::string path;
    std::string tag; ///< By which the guest knows it.
    bool read_only = false;
    DeviceBus bus = DeviceBus::Mmio;
};

/// Empty paths mean "none".
struct MachineConfig {
    uint64_t memory_bytes = uint64_t{1} << 30; ///< A multiple of 2 MiB.
    unsigned cpus = 1;                         ///< Up to 8 with GICv2, 64 with GICv3.
    arm64::CpuModel cpu_model = arm64::CpuModel::N1;
    unsigned gic_version = 3; ///< 2 or 3
    std::string kernel_path;  ///< arm64 Image (raw, gzip, EFI zboot), AArch64 ELF, or a raw binary.
    std::string initrd_path;
    std::string dtb_path;           ///< Used instead of the built tree; /chosen and /memory are filled in.
    std::string append;             ///< Kernel command line.
    std::string firmware_path;      ///< For flash 0, where the first CPU starts; kernel and initrd are then left to it.
    std::string firmware_vars_path; ///< What flash 1 holds from one run to the next.
    std::vector<RawLoad> raw_loads;
    std::vector<Drive> drives;         ///< The guest's first disk first.
    std::vector<NetworkCard> networks; ///< Its first card first.
    std::optional<DeviceBus> balloon;  ///< Where there is one.
    std::vector<Share> shares;
    std::vector<ConsolePort> ports; ///< One console device on each bus that some of them name.
    bool acpi = true;               ///< Offer firmware ACPI tables.
    std::string snapshot_path;      ///< Go on with this machine instead of switching one on.
    bool direct = false;            ///< Hot code runs in the direct tier; else everything in the interpreter.
    translate::DirectOptions direct_options;
    bool perf_map = false; ///< Name translated code for Linux perf.
    /// Counted time: an instruction takes 2^icount nanoseconds of guest time, and a run with the same inputs is the
    /// same to the instruction. Empty: guest time is the host's. One CPU, no networks, no verify.
    std::optional<unsigned> icount;
    static constexpr unsigned kMostIcount = 10;
    bool no_reboot = false; ///< A guest's reset ends the run with ExitCause::Reset.
};

enum class ExitCause : uint8_t {
    PowerOff,      ///< PSCI SYSTEM_OFF
    Reset,         ///< PSCI SYSTEM_RESET with no_reboot
    Stopped,       ///< Machine::stop()
    InternalError, ///< Our own failure; `detail` says what.
};

/// Called from the machine's own threads, one call at a time, never with a lock held. A slow on_serial holds the
/// guest's output back (the UART looks busy) and nothing else; no byte is lost.
class MachineEvents {
public:
    virtual ~MachineEvents() = default;
    virtual void on_serial(const uint8_t* bytes, size_t count) = 0;
    /// Counted time: the guest stands still, all of its output having been handed over, until its listener has
    /// answered. True: that has happened; false: Machine::serial_exchanged() will tell.
    virtual bool on_serial_exchange() { return true; }
    /// The machine has paused by itself, `reason` says why: until resume().
    virtual void on_pause(std::string reason) = 0;
    /// The same, because of a debugger's breakpoint, watchpoint or step on `cpu`: for those who set such.
    virtual void on_debugger_stop([[maybe_unused]] unsigned cpu, [[maybe_unused]] arm64::DebuggerStop stop) {}
    /// The guest has reset itself, and begins anew.
    virtual void on_guest_reset() {}
    /// Comes exactly once for a machine that was started, after the last on_serial(). The machine may be destroyed only
    /// after stop() has returned, and stop() must not be called from here.
    virtual void on_exit(ExitCause cause, std::string detail) = 0;
};

/// A drive, as it is and what it has done.
struct DriveStats : block::DiskCounters {
    block::Format format = block::Format::Raw;
    uint64_t bytes = 0; ///< Its size.
};

/// A network card, as it is.
struct NetworkState {
    net::MacAddress mac{};
    bool link_up = true;
    std::vector<net::Forward> forwards;
};

struct MachineStats {
    std::vector<arm64::Counters> cpus;
    std::vector<translate::DirectCounters> direct; ///< One a CPU; none when the interpreter does all.
    std::vector<DriveStats> drives;                ///< As configured.
    double elapsed_seconds = 0;                    ///< Wall time since start(), up to the exit.
    double first_output_seconds = -1; ///< From start() to the first byte of serial output; negative: none yet.
    double create_seconds = 0;        ///< Building and loading the machine.
    uint64_t serial_bytes_out = 0;
    uint64_t serial_bytes_in = 0;
    uint64_t timer_expiries = 0;   ///< Deadlines of the generic timers that were reached.
    uint64_t gic_acknowledges = 0; ///< Interrupts that guests acknowledged.
    uint64_t gic_sgis = 0;         ///< Software-generated interrupts sent.
    uint64_t sleeps = 0;           ///< Times that a CPU's thread slept in WFI or WFE.
    uint64_t broadcasts = 0;       ///< Maintenance operations sent to other CPUs.
    uint64_t guest_resets = 0;
};

class Machine {
public:
    /// Builds the machine and loads its images. `events` must outlive it. Errors: BEELINE_E_MEMORY, _CPUS,
    /// _OPTION_VALUE, _FILE_MISSING, _FILE_UNREADABLE, _FILE_UNWRITABLE, _FILE_KIND, _FILE_TOO_BIG, _DISK, _SNAPSHOT,
    /// _MACHINE.
    static Result<std::unique_ptr<Machine>> create(const MachineConfig& config, MachineEvents& events);

    /// Stops first when need be.
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // All of these may be called from any thread that is not one of the machine's own.

    /// Starts the guest. Once.
    void start();
    /// Brings every CPU to a halt and freezes the virtual counter; returns when no guest code executes. Before start():
    /// the guest then waits for resume() at its first instruction. False: it was paused, or has ended.
    bool pause();
    void resume();
    /// As the guest's own SYSTEM_RESET: images are loaded again, devices reset. A paused machine stays paused.
    void reset();
    /// Whether a guest that resets itself begins anew, or ends the run with ExitCause::Reset.
    void set_no_reboot(bool no_reboot);
    /// Presses the power button.
    void powerdown();
    /// Ends the run and blocks until every thread has been joined and on_exit has been delivered.
    void stop();

    /// Writes the whole machine into a file, which it replaces once all of it is there; guest code stands still
    /// meanwhile. `description` is for whoever makes a machine for it, and asks for it with snapshot_description().
    /// Errors: BEELINE_E_SNAPSHOT, _FILE_UNWRITABLE.
    Status save_snapshot(const std::string& path, const std::string& description);
    /// Goes on as the machine in the file, which has to be like this one; paused, if this one is. With an error this
    /// one goes on as if nothing had been. Errors: BEELINE_E_SNAPSHOT, _FILE_MISSING, _FILE_UNREADABLE, _MEMORY, _CPUS,
    /// _OPTION_VALUE, _MACHINE.
    Status load_snapshot(const std::string& path);

    /// Feeds bytes to the serial port; they wait in a queue of the host's until the guest takes them. Returns how many
    /// the queue accepted (all of them, up to kSerialQueueBytes waiting).
    size_t serial_write(std::span<const uint8_t> bytes);
    static constexpr size_t kSerialQueueBytes = size_t{1} << 20;
    /// The answer to MachineEvents::on_serial_exchange().
    void serial_exchanged();

    /// Tells the guest how large a console is, in characters: `port` is its place among MachineConfig::ports. False:
    /// there is no such port, or it is no console.
    bool resize_console(size_t port, uint16_t columns, uint16_t rows);

    /// Has the guest's memory balloon leave it so many bytes of its memory, up to all. False: there is none.
    bool set_balloon(uint64_t bytes_left);
    struct Balloon {
        uint64_t bytes_left = 0;                 ///< Of the guest's memory, as far as it has followed.
        std::map<uint16_t, uint64_t> statistics; ///< As the guest last told (Virtio 1.2, 5.5.6.3).
    };
    /// Nothing: there is no balloon.
    std::optional<Balloon> balloon() const;

    /// The translated blocks that matter most; nothing unless the machine is paused.
    std::optional<HotBlocks> hot_blocks(size_t most, BlockOrder order) const;

    /// Keeps records of what the CPUs go through from now on. False: they are not still (the machine is not paused, or
    /// has ended).
    bool start_trace(const TraceConfig& config);
    /// The same.
    bool stop_trace();
    /// By CPU, how many records there have been; nothing: there is no trace.
    std::optional<std::vector<uint64_t>> trace_written() const;
    /// Trace::read(); the machine may run.
    std::optional<TraceBatch> read_trace(std::span<const uint64_t> positions, size_t most) const;

    /// The network cards, as configured.
    std::vector<NetworkState> networks() const;
    /// Puts the cable into a card, or takes it out. False: there is no such card.
    bool set_link(unsigned card, bool up);
    /// Forwards another port to the guest behind a card that is there. False: `failure` says why.
    [[nodiscard]] bool add_forward(unsigned card, const net::Forward& forward, net::NetworkFailure& failure);
    /// By protocol, address and port of the host; connections through it stay. False: there is none.
    bool remove_forward(unsigned card, const net::Forward& forward);

    /// What a CPU's registers hold while the machine is paused; nothing while it is not, there is no such CPU, or that
    /// is off.
    std::optional<arm64::CpuState> cpu_state(unsigned cpu) const;
    /// Changes a register of a CPU of a paused machine, by what gdb calls it: x0 to x30, sp, pc, cpsr, v0 to v31 (128
    /// bits), fpsr, fpcr. False: it cannot be, or `value` is none that it can hold.
    bool write_register(unsigned cpu, std::string_view name, arm64::VReg value);
    /// Copies guest memory (RAM and flash) into `bytes`, by physical address; returns how many bytes from the first on
    /// there are.
    size_t read_physical(uint64_t address, std::span<uint8_t> bytes) const;
    /// The same by virtual address, as `cpu` would translate it for data at EL1 or its own exception level; the guest's
    /// tables stay as they are. Nothing unless the machine is paused.
    size_t read_virtual(unsigned cpu, uint64_t address, std::span<uint8_t> bytes) const;
    /// Changes guest memory (RAM only), likewise; code that was made of what was there is forgotten.
    size_t write_physical(uint64_t address, std::span<const uint8_t> bytes);
    size_t write_virtual(unsigned cpu, uint64_t address, std::span<const uint8_t> bytes);

    /// What a debugger waits for from now on; nullptr: there is no debugger. The guest may run.
    void set_debugger_points(std::shared_ptr<const arm64::DebuggerPoints> points);
    enum class DebuggerAction : uint8_t { Run, Step, Hold };
    /// As resume(), each CPU in its own way (Run where `actions` says nothing). With points set.
    void debugger_resume(std::span<const DebuggerAction> actions);

    /// The device tree that the guest is given.
    std::vector<uint8_t> dtb() const;
    MachineStats stats() const;
    /// One a CPU; none when the interpreter does all. Their translations may be looked at after stop() has returned.
    const std::vector<const translate::DirectTier*>& direct_tiers() const;
    bool paused() const;
    bool exited() const;

private:
    class Implementation;
    explicit Machine(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

} // namespace beeline::board
