#include "board/machine.h"

#include "arm64/features.h"
#include "arm64/mmu.h"
#include "board/acpi.h"
#include "board/board.h"
#include "board/boot.h"
#include "board/console_line.h"
#include "board/device_tree.h"
#include "board/flash_file.h"
#include "board/guest_memory.h"
#include "board/memory_map.h"
#include "board/register_access.h"
#include "board/serial_port.h"
#include "board/snapshot.h"
#include "host/cpu.h"
#include "runtime/thread.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace beeline::board {

namespace {

using Clock = std::chrono::steady_clock;
using Hold = runtime::VcpuThread::Hold;

/// Output is handed over this long after its first byte: a line at a time rather than byte by byte.
constexpr std::chrono::milliseconds kGatherOutput{1};

/// Of the first card where none is given, as QEMU's; the next ones count on.
constexpr net::MacAddress kFirstMac{0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

} // namespace

/// Lifecycle of the board. One supervisor thread hands out serial output, performs resets, and ends the run.
///
/// Locks, outermost first: lifecycle_ (pause, resume, reset exclude each other), the board's, mutex_ (what the
/// supervisor waits for). Events are delivered with none of them held.
class Machine::Implementation final : public SystemControl {
public:
    Implementation(const MachineConfig& config, MachineEvents& events, std::unique_ptr<GuestMemory> memory,
                   std::unique_ptr<translate::PerfMap> perf_map)
        : config_(with_perf_map(config, perf_map.get())), events_(events), memory_(std::move(memory)),
          perf_map_(std::move(perf_map)), serial_(
                                              kSerialQueueBytes, [this] { note_output(); },
                                              [this](unsigned cpu) { board_->hold_cpu(cpu, Hold::Serial); }),
          board_(std::make_unique<Board>(BoardConfig{config.cpu_model, config.cpus, config.gic_version,
                                                     config.direct ? &config_.direct_options : nullptr, config.icount},
                                         *memory_, serial_, *this)) {}

    ~Implementation() override { stop(); }

    const Board& board() const { return *board_; }

    static MachineConfig with_perf_map(MachineConfig config, translate::PerfMap* map) {
        config.direct_options.perf_map = map;
        return config;
    }

    Status prepare() {
        for (const Drive& drive : config_.drives) {
            block::OpenFailure failure;
            std::unique_ptr<block::Disk> disk = block::open_disk(drive, failure);
            if (disk == nullptr) return open_error("--drive", failure);
            board_->add_drive(std::move(disk), drive.serial, drive.bus);
        }
        if (Status networks = add_networks(); !networks) return networks;
        if (config_.balloon) board_->add_balloon(*config_.balloon);
        for (const Share& share : config_.shares) {
            share::ShareFailure failure;
            std::unique_ptr<share::Directory> directory = share::Directory::open(share.path, share.read_only, failure);
            if (directory == nullptr)
                return value_error("--share", std::move(failure.detail), std::move(failure.remedy));
            board_->add_share(std::move(directory), share.tag, share.bus);
        }
        for (const DeviceBus bus : {DeviceBus::Mmio, DeviceBus::Pci})
            if (Status consoles = add_ports(bus); !consoles) return consoles;
        if (const char* missing = board_->missing_device(); missing != nullptr)
            return machine_error(fmt::format("the host has no memory for the {}", missing));
        Result<std::vector<uint8_t>> tree = build_device_tree(board_->description());
        if (!tree) return std::move(tree.error());
        board_tree_ = std::move(*tree);
        const bool restoring = !config_.snapshot_path.empty();
        if (Status loaded = restoring ? success() : load(); !loaded) return loaded;
        if (config_.acpi) offer_acpi_tables(board_->description(), board_->fw_cfg());
        if (!config_.firmware_path.empty()) {
            if (Status offered = offer_kernel(config_, board_->fw_cfg()); !offered) return offered;
            if (Status opened = config_.firmware_vars_path.empty() ? success() : open_firmware_vars(); !opened)
                return opened;
        }
        return restoring ? restore(config_.snapshot_path, true) : success();
    }

    Status add_networks() {
        net::MacAddress mac = kFirstMac;
        for (const NetworkCard& config : config_.networks) {
            net::NetworkFailure failure;
            std::unique_ptr<net::Network> network = net::open_network(config, failure);
            if (network == nullptr) return value_error("--net", std::move(failure.detail), std::move(failure.remedy));
            board_->add_network(std::move(network), config.mac.value_or(mac), config.bus);
            mac.back()++;
        }
        return success();
    }

    /// The console device of this bus, when it has ports.
    Status add_ports(DeviceBus bus) {
        std::vector<devices::virtio::VirtioConsole::PortConfig> ports;
        std::vector<size_t> consoles;
        for (const bool console : {true, false})
            for (const ConsolePort& config : config_.ports) {
                if (config.bus != bus || config.console != console) continue;
                if (console) consoles.push_back(static_cast<size_t>(&config - config_.ports.data()));
                Result<std::unique_ptr<stream::Stream>> stream = open_stream(config);
                if (!stream) return std::move(stream.error());
                ports.push_back({std::move(*stream), config.console, config.name});
            }
        if (ports.size() > devices::virtio::VirtioConsole::kMostPorts)
            return value_error("--port",
                               fmt::format("{} ports are more than the {} that a console device has", ports.size(),
                                           devices::virtio::VirtioConsole::kMostPorts),
                               "give fewer, or some of them bus=pci");
        if (ports.empty()) return success();
        devices::virtio::VirtioConsole& device = board_->add_console(std::move(ports), bus);
        for (unsigned i = 0; i < consoles.size(); i++) consoles_[consoles[i]] = {&device, i};
        return success();
    }

    Result<std::unique_ptr<stream::Stream>> open_stream(const ConsolePort& config) {
        const char* option = config.console ? "--console" : "--port";
        if (config.kind != stream::StreamConfig::Kind::Serial) {
            stream::StreamFailure failure;
            std::unique_ptr<stream::Stream> stream = stream::open_stream(config, failure);
            if (stream == nullptr) return value_error(option, std::move(failure.detail), std::move(failure.remedy));
            return stream;
        }
        if (console_line_ != nullptr)
            return value_error(option, "standard input and output have one console or port",
                               "give one of them another");
        console_line_ = std::make_unique<ConsoleLine>(kSerialQueueBytes, [this] { note_output(); });
        if (!console_line_->usable())
            return machine_error(fmt::format("the host refuses a descriptor ({})", std::strerror(errno)));
        return console_line_->stream();
    }

    Status open_firmware_vars() {
        Result<std::unique_ptr<FlashFile>> file = FlashFile::open("--firmware-vars", config_.firmware_vars_path);
        if (!file) return std::move(file.error());
        firmware_vars_ = std::move(*file);
        board_->set_flash_store(
            [this](uint64_t offset, std::span<const uint8_t> bytes) { return firmware_vars_->write(offset, bytes); });
        return firmware_vars_->read(board_->flash().span(kFlash1.base, kFlash1.size));
    }

    void start() {
        const std::lock_guard lifecycle(lifecycle_);
        {
            const std::lock_guard lock(mutex_);
            if (started_) return;
            started_ = true;
            start_time_ = Clock::now();
        }
        // Of a snapshot's CPUs, some are on already.
        board_->hold(Hold::Change);
        if (board_->start_threads()) {
            if (!paused_) board_->thaw_clock();
            if (config_.snapshot_path.empty()) board_->power_on_first_cpu(boot_.entry, boot_.device_tree_address);
            board_->release(Hold::Change);
        } else {
            request_exit(ExitCause::InternalError,
                         fmt::format("the host refuses another thread ({})", std::strerror(errno)));
        }
        if (!supervisor_.start("beeline-machine", [this] { supervise(); })) {
            request_exit(ExitCause::InternalError,
                         fmt::format("the host refuses another thread ({})", std::strerror(errno)));
            finish();
        }
    }

    /// False: there was nothing to pause.
    bool pause() {
        const std::lock_guard lifecycle(lifecycle_);
        if (exited() || std::exchange(paused_, true)) return false;
        board_->hold(Hold::Pause);
        set_exchanging(false); // Whoever pauses may be the listener.
        if (!running()) return true;
        bring_to_halt();
        return true;
    }

    void resume(std::span<const DebuggerAction> actions = {}) {
        const std::lock_guard lifecycle(lifecycle_);
        if (exited() || !paused_) return;
        if (running()) {
            board_->wait_until_still();
            for (unsigned cpu = 0; cpu < board_->cpus().size(); cpu++)
                prepare_cpu(cpu, cpu < actions.size() ? actions[cpu] : DebuggerAction::Run);
            board_->thaw_clock();
        }
        debugger_reported_.reset();
        paused_ = false;
        set_exchanging(true);
        board_->release(Hold::Pause);
        board_->retry_drives();
    }

    void reset() {
        std::unique_lock lock(mutex_);
        if (!started_ || exited_) return;
        const uint64_t ticket = ++resets_requested_;
        supervisor_wake_.notify_one();
        changed_.wait(lock, [this, ticket] { return exited_ || resets_done_ >= ticket; });
    }

    void powerdown() { board_->press_power_button(); }
    void set_no_reboot(bool no_reboot) { no_reboot_.store(no_reboot, std::memory_order_relaxed); }

    void stop() {
        request_exit(ExitCause::Stopped, {});
        const std::lock_guard stopping(stop_mutex_);
        supervisor_.join();
    }

    Status save_snapshot(const std::string& path, const std::string& description) {
        return while_frozen(path, [&] {
            Boot boot = current_boot();
            return board::save_snapshot(path, description, subject(boot));
        });
    }

    Status load_snapshot(const std::string& path) {
        return while_frozen(path, [&] { return restore(path, false); });
    }

    size_t serial_write(std::span<const uint8_t> bytes) {
        if (console_line_ != nullptr) return console_line_->offer_input(bytes);
        const size_t accepted = serial_.offer_input(bytes);
        if (accepted != 0) board_->serial_input_waiting();
        return accepted;
    }

    void serial_exchanged() {
        const std::lock_guard lock(mutex_);
        exchanges_done_ = exchanges_wanted_;
        changed_.notify_all();
    }

    bool resize_console(size_t port, uint16_t columns, uint16_t rows) {
        const auto found = consoles_.find(port);
        if (found == consoles_.end()) return false;
        board_->set_console_size(*found->second.device, found->second.console, {columns, rows});
        return true;
    }

    /// Whether a CPU waits for the serial port's listener; not while it is to be brought to a halt.
    void set_exchanging(bool exchanging) {
        const std::lock_guard lock(mutex_);
        exchanging_ = exchanging;
        changed_.notify_all();
    }

    bool set_balloon(uint64_t bytes_left) {
        return board_->set_balloon(memory_->size() - std::min(bytes_left, memory_->size()));
    }
    std::optional<Balloon> balloon() const {
        std::optional<Board::Balloon> balloon = board_->balloon();
        if (!balloon) return std::nullopt;
        return Balloon{memory_->size() - std::min(balloon->bytes, memory_->size()), std::move(balloon->statistics)};
    }

    std::optional<HotBlocks> hot_blocks(size_t most, BlockOrder order) const {
        const std::lock_guard lifecycle(lifecycle_);
        if (!still()) return std::nullopt;
        return board::hot_blocks(board_->direct_tiers(), most, order);
    }

    bool start_trace(const TraceConfig& config) {
        const std::lock_guard lifecycle(lifecycle_);
        if (!still()) return false;
        trace_.reset();
        trace_ = std::make_unique<Trace>(board_->cpus(), config);
        return true;
    }

    bool stop_trace() {
        const std::lock_guard lifecycle(lifecycle_);
        if (!still()) return false;
        trace_.reset();
        return true;
    }

    std::optional<std::vector<uint64_t>> trace_written() const {
        const std::lock_guard lifecycle(lifecycle_);
        if (trace_ == nullptr) return std::nullopt;
        return trace_->written();
    }

    std::optional<TraceBatch> read_trace(std::span<const uint64_t> positions, size_t most) const {
        const std::lock_guard lifecycle(lifecycle_);
        if (trace_ == nullptr) return std::nullopt;
        return trace_->read(positions, most);
    }

    std::vector<NetworkState> networks() const {
        std::vector<NetworkState> states;
        for (const devices::virtio::VirtioNet* card : board_->networks())
            states.push_back({card->mac(), card->link_up(), card->forwards()});
        return states;
    }
    bool set_link(unsigned card, bool up) {
        if (card >= board_->networks().size()) return false;
        board_->set_link(*board_->networks()[card], up);
        return true;
    }
    bool add_forward(unsigned card, const net::Forward& forward, net::NetworkFailure& failure) {
        return board_->networks()[card]->add_forward(forward, failure);
    }
    bool remove_forward(unsigned card, const net::Forward& forward) {
        return card < board_->networks().size() && board_->networks()[card]->remove_forward(forward);
    }

    std::optional<arm64::CpuState> cpu_state(unsigned cpu) const {
        const std::lock_guard lifecycle(lifecycle_);
        if (!still() || cpu >= board_->cpus().size() || !board_->cpu_on(cpu)) return std::nullopt;
        return board_->cpus()[cpu]->state;
    }

    bool write_register(unsigned cpu, std::string_view name, arm64::VReg value) {
        const std::lock_guard lifecycle(lifecycle_);
        if (!still() || cpu >= board_->cpus().size() || !board_->cpu_on(cpu)) return false;
        return board::write_register(*board_->cpus()[cpu], name, value);
    }

    size_t read_physical(uint64_t address, std::span<uint8_t> bytes) const {
        return by_page(address, bytes.size(), [&](uint64_t at, size_t offset, size_t count) {
            const uint8_t* page = board_->host_page({at & ~arm64::kPageMask}, false);
            if (page == nullptr) return false;
            std::memcpy(bytes.data() + offset, page + (at & arm64::kPageMask), count);
            return true;
        });
    }

    size_t read_virtual(unsigned cpu, uint64_t address, std::span<uint8_t> bytes) const {
        const std::lock_guard lifecycle(lifecycle_);
        if (!still() || cpu >= board_->cpus().size()) return 0;
        return by_page(address, bytes.size(), [&](uint64_t at, size_t offset, size_t count) {
            const std::optional<uint64_t> physical = translate(*board_->cpus()[cpu], at);
            return physical && read_physical(*physical, bytes.subspan(offset, count)) == count;
        });
    }

    size_t write_physical(uint64_t address, std::span<const uint8_t> bytes) {
        return by_page(address, bytes.size(), [&](uint64_t at, size_t offset, size_t count) {
            uint8_t* page = board_->host_page({at & ~arm64::kPageMask}, true);
            if (page == nullptr) return false;
            std::memcpy(page + (at & arm64::kPageMask), bytes.data() + offset, count);
            board_->code_changed(at, count);
            return true;
        });
    }

    size_t write_virtual(unsigned cpu, uint64_t address, std::span<const uint8_t> bytes) {
        const std::lock_guard lifecycle(lifecycle_);
        if (!still() || cpu >= board_->cpus().size()) return 0;
        return by_page(address, bytes.size(), [&](uint64_t at, size_t offset, size_t count) {
            const std::optional<uint64_t> physical = translate(*board_->cpus()[cpu], at);
            return physical && write_physical(*physical, bytes.subspan(offset, count)) == count;
        });
    }

    void set_debugger_points(std::shared_ptr<const arm64::DebuggerPoints> points) {
        const std::lock_guard lifecycle(lifecycle_);
        if (exited()) return;
        board_->hold(Hold::Change);
        if (running()) {
            set_exchanging(false);
            board_->wait_until_still();
            set_exchanging(!paused_);
        }
        for (const auto& cpu : board_->cpus()) cpu->set_debugger_points(points);
        if (points == nullptr) debugger_reported_.reset();
        board_->release(Hold::Change);
    }

    std::vector<uint8_t> dtb() const {
        const std::lock_guard lock(mutex_);
        return boot_.device_tree;
    }

    MachineStats stats() const {
        MachineStats stats;
        for (const auto& cpu : board_->cpus()) stats.cpus.push_back(cpu->counters);
        for (const translate::DirectTier* tier : board_->direct_tiers()) stats.direct.push_back(tier->counters());
        for (const devices::virtio::VirtioBlk* drive : board_->drives())
            stats.drives.push_back({drive->disk().counters(), drive->disk().format(), drive->disk().size()});
        const Board::Counts board = board_->counts();
        stats.timer_expiries = board.timer_expiries;
        stats.gic_acknowledges = board.gic_acknowledges;
        stats.gic_sgis = board.gic_sgis;
        stats.sleeps = board.sleeps;
        stats.broadcasts = board.broadcasts;
        const SerialPort::Counts serial = serial_.counts();
        stats.serial_bytes_out = serial.bytes_out;
        stats.serial_bytes_in = serial.bytes_in;
        if (console_line_ != nullptr) {
            stats.serial_bytes_out += console_line_->bytes_out();
            stats.serial_bytes_in += console_line_->bytes_in();
        }
        const std::lock_guard lock(mutex_);
        stats.create_seconds = create_seconds_;
        stats.guest_resets = guest_resets_;
        if (!started_) return stats;
        stats.elapsed_seconds = seconds((exited_ ? end_time_ : Clock::now()) - start_time_);
        if (serial.bytes_out != 0) stats.first_output_seconds = seconds(serial.first_output - start_time_);
        return stats;
    }

    bool paused() const {
        const std::lock_guard lifecycle(lifecycle_);
        return paused_;
    }
    bool exited() const {
        const std::lock_guard lock(mutex_);
        return exited_;
    }
    void set_create_seconds(double value) { create_seconds_ = value; }

    // SystemControl: on the calling CPU's thread, which must not get past the call.
    void guest_power_off() override {
        board_->hold(Hold::Reset);
        request_exit(ExitCause::PowerOff, {});
    }
    void guest_reset() override {
        board_->hold(Hold::Reset);
        if (no_reboot_.load(std::memory_order_relaxed)) {
            request_exit(ExitCause::Reset, {});
            return;
        }
        const std::lock_guard lock(mutex_);
        guest_reset_requested_ = true;
        supervisor_wake_.notify_one();
    }

    void no_space(const std::string& path) override {
        const std::lock_guard lock(mutex_);
        pause_reason_ = fmt::format("no space left on the host for {}", path);
        supervisor_wake_.notify_one();
    }

    void exchange_serial() override {
        std::unique_lock lock(mutex_);
        const uint64_t ticket = ++exchanges_wanted_;
        supervisor_wake_.notify_one();
        changed_.wait(lock, [this, ticket] { return exit_cause_ || !exchanging_ || exchanges_done_ >= ticket; });
    }

    void debugger_stopped() override {
        const std::lock_guard lock(mutex_);
        debugger_stop_waiting_ = true;
        supervisor_wake_.notify_one();
    }

    void internal_error(std::string detail) override {
        board_->hold(Hold::Reset);
        request_exit(ExitCause::InternalError, std::move(detail));
    }

private:
    Status load() {
        Result<Boot> boot = load_images(config_, *memory_, board_->flash(), board_tree_);
        if (!boot) return std::move(boot.error());
        const std::lock_guard lock(mutex_);
        boot_ = std::move(*boot);
        return success();
    }

    Boot current_boot() const {
        const std::lock_guard lock(mutex_);
        return boot_;
    }

    SnapshotSubject subject(Boot& boot) { return {config_, *board_, *memory_, firmware_vars_.get(), boot}; }

    /// `fresh`: nothing has run yet.
    Status restore(const std::string& path, bool fresh) {
        Boot boot = current_boot();
        if (Status loaded = board::load_snapshot(path, subject(boot), fresh); !loaded) return loaded;
        const std::lock_guard lock(mutex_);
        boot_ = std::move(boot);
        return success();
    }

    /// Calls `body` while neither CPUs nor clock nor devices move.
    Status while_frozen(const std::string& path, const auto& body) {
        const std::lock_guard lifecycle(lifecycle_);
        if (!running()) return snapshot_error(path, "the machine does not run", "start it first");
        if (config_.icount) return snapshot_error(path, "its time is counted in instructions", "leave --icount out");
        const bool pausing = !paused_;
        if (pausing) board_->hold(Hold::Pause);
        board_->wait_until_still();
        if (pausing) board_->freeze_clock();
        Status result = success();
        if (changing_state()) {
            result = snapshot_error(path, "the guest is just being reset or switched off", "try again, if it goes on");
        } else {
            board_->freeze_devices();
            result = body();
            board_->thaw_devices();
        }
        if (pausing) {
            board_->thaw_clock();
            board_->release(Hold::Pause);
        }
        return result;
    }

    bool changing_state() const {
        const std::lock_guard lock(mutex_);
        return exit_cause_ || guest_reset_requested_ || resets_done_ != resets_requested_;
    }

    /// Whether no guest code executes until resume(). With lifecycle_ held.
    bool still() const {
        if (!paused_ || !running()) return false;
        board_->wait_until_still();
        return true;
    }

    /// With lifecycle_ and Hold::Pause.
    void bring_to_halt() {
        board_->wait_until_still();
        board_->freeze_clock();
        board_->release(Hold::Debugger);
    }

    /// Before a paused CPU goes on: it gets past what it was reported to have stopped at. Other CPUs' stops, which
    /// nobody heard of, happen again.
    void prepare_cpu(unsigned index, DebuggerAction action) {
        arm64::Vcpu& cpu = *board_->cpus()[index];
        const bool passes =
            debugger_reported_ && debugger_reported_->cpu == index && debugger_reported_->pc == cpu.state.pc;
        cpu.set_debugger_mode(action == DebuggerAction::Step ? arm64::DebuggerMode::Step
                              : passes                       ? arm64::DebuggerMode::Pass
                                                             : arm64::DebuggerMode::Run);
        if (action == DebuggerAction::Hold) board_->hold_cpu(index, Hold::Debugger);
    }

    /// A CPU says that it has stopped: brings the others to a halt. Nothing when somebody was quicker.
    void pause_for_debugger() {
        std::optional<DebuggerReport> report;
        {
            const std::lock_guard lifecycle(lifecycle_);
            if (exited() || paused_) return;
            paused_ = true;
            board_->hold(Hold::Pause);
            set_exchanging(false);
            bring_to_halt();
            for (unsigned index = 0; index < board_->cpus().size() && !report; index++) {
                const arm64::Vcpu& cpu = *board_->cpus()[index];
                if (const auto stop = cpu.debugger_stop()) report = DebuggerReport{index, cpu.state.pc, *stop};
            }
            debugger_reported_ = report;
        }
        if (report)
            events_.on_debugger_stop(report->cpu, report->stop);
        else
            resume();
    }

    static size_t by_page(uint64_t address, size_t size, const auto& handle) {
        size_t done = 0;
        while (done < size) {
            const uint64_t at = address + done;
            const size_t count = std::min<size_t>(size - done, arm64::kPageSize - (at & arm64::kPageMask));
            if (!handle(at, done, count)) break;
            done += count;
        }
        return done;
    }

    /// As a load at EL1 is translated, or at the CPU's own level. While it is still.
    static std::optional<uint64_t> translate(arm64::Vcpu& cpu, uint64_t va) {
        constexpr uint64_t kFault = 1, kAddress = 0x0000FFFFFFFFF000;
        for (const arm64::Regime regime : {arm64::Regime::El1, cpu.data_regime()}) {
            uint64_t par = 0;
            arm64::Fault fault;
            if (translate_for_par(cpu, va, arm64::Access::Read, regime, par, fault) && (par & kFault) == 0)
                return (par & kAddress) | (va & arm64::kPageMask);
        }
        return std::nullopt;
    }

    bool running() const {
        const std::lock_guard lock(mutex_);
        return started_ && !exited_;
    }

    void note_output() {
        const std::lock_guard lock(mutex_);
        output_waiting_ = true;
        supervisor_wake_.notify_one();
    }

    /// The first cause counts.
    void request_exit(ExitCause cause, std::string detail) {
        const std::lock_guard lock(mutex_);
        if (!exit_cause_) {
            exit_cause_ = cause;
            exit_detail_ = std::move(detail);
        }
        supervisor_wake_.notify_one();
        changed_.notify_all();
    }

    void deliver_output() {
        const bool was_full = serial_.take_output(output_);
        if (was_full) board_->serial_output_drained();
        if (console_line_ != nullptr) console_line_->take_output(output_);
        if (!output_.empty()) events_.on_serial(output_.data(), output_.size());
    }

    void supervise() {
        for (;;) {
            bool exiting = false, resetting = false, debugger_stop = false;
            uint64_t ticket = 0;
            bool exchanging = false;
            std::string pause_reason;
            {
                std::unique_lock lock(mutex_);
                const auto resetting_wanted = [this] {
                    return guest_reset_requested_ || resets_done_ != resets_requested_;
                };
                const auto urgent = [&] {
                    return exit_cause_ || !pause_reason_.empty() || debugger_stop_waiting_ || resetting_wanted() ||
                           exchanges_told_ != exchanges_wanted_;
                };
                supervisor_wake_.wait(lock, [&] { return output_waiting_ || urgent(); });
                if (!urgent()) supervisor_wake_.wait_for(lock, kGatherOutput, urgent);
                output_waiting_ = false;
                exchanging = std::exchange(exchanges_told_, exchanges_wanted_) != exchanges_wanted_;
                exiting = exit_cause_.has_value();
                resetting = resetting_wanted() && !exiting;
                ticket = resets_requested_;
                pause_reason = std::exchange(pause_reason_, {});
                debugger_stop = std::exchange(debugger_stop_waiting_, false);
            }
            deliver_output();
            if (exiting) break;
            if (exchanging && events_.on_serial_exchange()) serial_exchanged();
            if (!pause_reason.empty() && pause()) events_.on_pause(std::move(pause_reason));
            if (debugger_stop) pause_for_debugger();
            if (resetting) {
                if (perform_reset()) events_.on_guest_reset();
                const std::lock_guard lock(mutex_);
                resets_done_ = ticket;
                changed_.notify_all();
            }
        }
        finish();
    }

    /// True: the guest asked for it.
    bool perform_reset() {
        const std::lock_guard lifecycle(lifecycle_);
        board_->hold(Hold::Reset);
        set_exchanging(false);
        board_->wait_until_still();
        set_exchanging(!paused_);
        bool by_guest = false;
        {
            const std::lock_guard lock(mutex_);
            if (exit_cause_) return false;
            by_guest = std::exchange(guest_reset_requested_, false);
            guest_resets_++;
        }
        board_->reset();
        if (Status loaded = load(); !loaded) {
            request_exit(ExitCause::InternalError, fmt::format("the reset failed: {}", loaded.error().message));
            return false;
        }
        board_->power_on_first_cpu(boot_.entry, boot_.device_tree_address);
        board_->release(Hold::Reset);
        return by_guest;
    }

    void finish() {
        board_->stop_threads();
        deliver_output();
        ExitCause cause{};
        std::string detail;
        {
            const std::lock_guard lock(mutex_);
            end_time_ = Clock::now();
            exited_ = true;
            cause = *exit_cause_;
            detail = exit_detail_;
            changed_.notify_all();
        }
        events_.on_exit(cause, std::move(detail));
    }

    const MachineConfig config_;
    MachineEvents& events_;
    std::atomic<bool> no_reboot_{config_.no_reboot};
    std::unique_ptr<GuestMemory> memory_;
    std::unique_ptr<translate::PerfMap> perf_map_; ///< nullptr: not wanted.
    std::unique_ptr<FlashFile> firmware_vars_;     ///< nullptr: flash 1 is forgotten.
    SerialPort serial_;
    std::unique_ptr<ConsoleLine> console_line_; ///< nullptr: what is typed goes to the serial port.
    std::unique_ptr<Board> board_;
    struct ConsolePlace {
        devices::virtio::VirtioConsole* device = nullptr;
        unsigned console = 0; ///< Of that device.
    };
    std::map<size_t, ConsolePlace> consoles_; ///< By their place among config_.ports.
    std::vector<uint8_t> board_tree_;
    std::vector<uint8_t> output_; ///< The supervisor's: bytes being delivered.

    mutable std::mutex lifecycle_;
    bool paused_ = false;          ///< Guarded by lifecycle_.
    std::unique_ptr<Trace> trace_; ///< Likewise; nullptr: nobody traces.
    struct DebuggerReport {
        unsigned cpu;
        uint64_t pc;
        arm64::DebuggerStop stop;
    };
    std::optional<DebuggerReport> debugger_reported_; ///< Of this pause. Guarded by lifecycle_.
    std::mutex stop_mutex_;

    mutable std::mutex mutex_;
    std::condition_variable supervisor_wake_;
    std::condition_variable changed_; ///< exited_ or resets_done_
    // Guarded by mutex_.
    Boot boot_;
    bool started_ = false, exited_ = false;
    bool output_waiting_ = false, guest_reset_requested_ = false;
    uint64_t resets_requested_ = 0, resets_done_ = 0, guest_resets_ = 0;
    bool exchanging_ = true;
    uint64_t exchanges_wanted_ = 0, exchanges_told_ = 0, exchanges_done_ = 0;
    std::optional<ExitCause> exit_cause_;
    std::string exit_detail_;
    std::string pause_reason_; ///< Empty: none.
    bool debugger_stop_waiting_ = false;
    Clock::time_point start_time_{}, end_time_{};
    double create_seconds_ = 0;

    runtime::Thread supervisor_;
};

Result<std::unique_ptr<Machine>> Machine::create(const MachineConfig& config, MachineEvents& events) {
    const Clock::time_point begin = Clock::now();
    if (config.gic_version != 2 && config.gic_version != 3)
        return value_error("--gic", fmt::format("there is no GIC version {}", config.gic_version), "give 2 or 3");
    if (config.cpus == 0) return cpus_error("a machine needs a CPU", "give 1 or more");
    if (const unsigned most = Board::max_cpus(config.gic_version); config.cpus > most)
        return cpus_error(
            fmt::format("{} CPUs are more than the {} that GICv{} serves", config.cpus, most, config.gic_version),
            config.gic_version == 2 ? "give up to 8, or choose --gic 3" : fmt::format("give up to {}", most));
    if (const char* list = std::getenv("BEELINE_HOST_FEATURES"); list != nullptr) {
        host::CpuFlags flags = host::cpu_flags();
        if (std::string wrong = host::mask_cpu_flags(flags, list); !wrong.empty())
            return value_error("BEELINE_HOST_FEATURES", std::move(wrong),
                               fmt::format("give names from {}, each with a '-' before it, and commas between them",
                                           host::cpu_flag_names()));
    }
    if (config.direct_options.verify && !config.direct)
        return value_error("--verify", "there are no translations to verify in the interpreter",
                           "leave --tier away, or give --tier direct");
    if (config.direct_options.verify && config.cpus != 1)
        return value_error("--verify", fmt::format("it is for one CPU, and there are {}", config.cpus),
                           "give --cpus 1");
    if (config.icount) {
        constexpr const char* kOption = "--icount";
        if (*config.icount > MachineConfig::kMostIcount)
            return value_error(kOption, fmt::format("2^{} nanoseconds an instruction are too many", *config.icount),
                               fmt::format("give 0 to {}", MachineConfig::kMostIcount));
        if (config.cpus != 1)
            return value_error(kOption, fmt::format("it is for one CPU, and there are {}", config.cpus),
                               "give --cpus 1");
        if (!config.networks.empty())
            return value_error(kOption, "a network answers when it likes, so that no two runs are the same",
                               "leave --net away");
        if (!config.ports.empty())
            return value_error(kOption, "what is behind a port answers when it likes, so that no two runs are the same",
                               "leave consoles and ports away");
        if (!config.snapshot_path.empty())
            return value_error(kOption, "a snapshot's time is the host's", "leave --snapshot-load away");
        if (config.direct_options.verify)
            return value_error(kOption, "--verify has the machine answer each question twice",
                               "leave one of the two away");
    }
    std::unique_ptr<translate::PerfMap> perf_map;
    if (config.perf_map) {
        const std::string path = translate::PerfMap::path_of_this_process();
        perf_map = translate::PerfMap::create(path);
        if (perf_map == nullptr)
            return value_error("--perf-map", fmt::format("{} cannot be written ({})", path, std::strerror(errno)),
                               "make it writable, or leave --perf-map out");
    }
    Result<std::unique_ptr<GuestMemory>> memory =
        GuestMemory::create(config.memory_bytes, arm64::cpu_features(config.cpu_model).pa_bits);
    if (!memory) return std::move(memory.error());
    auto implementation = std::make_unique<Implementation>(config, events, std::move(*memory), std::move(perf_map));
    // Ports take two devices at most.
    if (const size_t devices = config.drives.size() + config.networks.size() + config.shares.size() +
                               (config.ports.empty() ? 0 : 2) + (config.balloon ? 1 : 0);
        devices > Board::kMostDevices)
        return value_error(
            config.networks.empty() ? "--drive" : "--net",
            fmt::format("{} devices are more than the {} that the board has room for", devices, Board::kMostDevices),
            "give fewer");
    if (Status prepared = implementation->prepare(); !prepared) return std::move(prepared.error());
    implementation->set_create_seconds(seconds(Clock::now() - begin));
    return std::unique_ptr<Machine>(new Machine(std::move(implementation)));
}

Machine::Machine(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Machine::~Machine() = default;

void Machine::start() { implementation_->start(); }
bool Machine::pause() { return implementation_->pause(); }
void Machine::resume() { implementation_->resume(); }
void Machine::reset() { implementation_->reset(); }
void Machine::set_no_reboot(bool no_reboot) { implementation_->set_no_reboot(no_reboot); }
void Machine::powerdown() { implementation_->powerdown(); }
void Machine::stop() { implementation_->stop(); }
Status Machine::save_snapshot(const std::string& path, const std::string& description) {
    return implementation_->save_snapshot(path, description);
}
Status Machine::load_snapshot(const std::string& path) { return implementation_->load_snapshot(path); }
size_t Machine::serial_write(std::span<const uint8_t> bytes) { return implementation_->serial_write(bytes); }
void Machine::serial_exchanged() { implementation_->serial_exchanged(); }
bool Machine::resize_console(size_t port, uint16_t columns, uint16_t rows) {
    return implementation_->resize_console(port, columns, rows);
}
bool Machine::set_balloon(uint64_t bytes_left) { return implementation_->set_balloon(bytes_left); }
std::optional<Machine::Balloon> Machine::balloon() const { return implementation_->balloon(); }
std::optional<HotBlocks> Machine::hot_blocks(size_t most, BlockOrder order) const {
    return implementation_->hot_blocks(most, order);
}
bool Machine::start_trace(const TraceConfig& config) { return implementation_->start_trace(config); }
bool Machine::stop_trace() { return implementation_->stop_trace(); }
std::optional<std::vector<uint64_t>> Machine::trace_written() const { return implementation_->trace_written(); }
std::optional<TraceBatch> Machine::read_trace(std::span<const uint64_t> positions, size_t most) const {
    return implementation_->read_trace(positions, most);
}
std::vector<NetworkState> Machine::networks() const { return implementation_->networks(); }
bool Machine::set_link(unsigned card, bool up) { return implementation_->set_link(card, up); }
bool Machine::add_forward(unsigned card, const net::Forward& forward, net::NetworkFailure& failure) {
    return implementation_->add_forward(card, forward, failure);
}
bool Machine::remove_forward(unsigned card, const net::Forward& forward) {
    return implementation_->remove_forward(card, forward);
}
std::vector<uint8_t> Machine::dtb() const { return implementation_->dtb(); }
const std::vector<const translate::DirectTier*>& Machine::direct_tiers() const {
    return implementation_->board().direct_tiers();
}
MachineStats Machine::stats() const { return implementation_->stats(); }
std::optional<arm64::CpuState> Machine::cpu_state(unsigned cpu) const { return implementation_->cpu_state(cpu); }
size_t Machine::read_physical(uint64_t address, std::span<uint8_t> bytes) const {
    return implementation_->read_physical(address, bytes);
}
size_t Machine::read_virtual(unsigned cpu, uint64_t address, std::span<uint8_t> bytes) const {
    return implementation_->read_virtual(cpu, address, bytes);
}
bool Machine::write_register(unsigned cpu, std::string_view name, arm64::VReg value) {
    return implementation_->write_register(cpu, name, value);
}
size_t Machine::write_physical(uint64_t address, std::span<const uint8_t> bytes) {
    return implementation_->write_physical(address, bytes);
}
size_t Machine::write_virtual(unsigned cpu, uint64_t address, std::span<const uint8_t> bytes) {
    return implementation_->write_virtual(cpu, address, bytes);
}
void Machine::set_debugger_points(std::shared_ptr<const arm64::DebuggerPoints> points) {
    implementation_->set_debugger_points(std::move(points));
}
void Machine::debugger_resume(std::span<const DebuggerAction> actions) { implementation_->resume(actions); }
bool Machine::paused() const { return implementation_->paused(); }
bool Machine::exited() const { return implementation_->exited(); }

} // namespace beeline::board
