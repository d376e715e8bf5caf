// The board: CPUs, interrupt controller and devices on one bus, behind one lock; what the CPUs see of the machine.
#pragma once

#include "arm64/environment.h"
#include "arm64/vcpu.h"
#include "board/bus.h"
#include "board/device_bus.h"
#include "board/device_tree.h"
#include "board/guest_memory.h"
#include "board/psci.h"
#include "board/serial_port.h"
#include "devices/cfi_flash.h"
#include "devices/fw_cfg.h"
#include "devices/generic_timer.h"
#include "devices/gic/gic.h"
#include "devices/gic/gic_v2m.h"
#include "devices/gic/gic_v3.h"
#include "devices/gic/its.h"
#include "devices/pci/host_bridge.h"
#include "devices/pl011.h"
#include "devices/pl031.h"
#include "devices/pl061.h"
#include "devices/timer_queue.h"
#include "devices/virtio/virtio_9p.h"
#include "devices/virtio/virtio_balloon.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_console.h"
#include "devices/virtio/virtio_mmio.h"
#include "devices/virtio/virtio_net.h"
#include "devices/virtio/virtio_rng.h"
#include "devices/virtual_clock.h"
#include "runtime/shootdown.h"
#include "runtime/thread.h"
#include "translate/direct_tier.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace beeline::board {

/// What the guest asks of the machine as a whole. Called on a CPU's or a device's thread, without the board
/// lock.
class SystemControl {
public:
    virtual ~SystemControl() = default;
    virtual void guest_power_off() = 0;
    virtual void guest_reset() = 0;
    /// The host has no room for what the guest writes to this disk: the guest had better pause.
    virtual void no_space(const std::string& path) = 0;
    /// Counted time, on the CPU's thread: returns once whoever listens to the serial port has had all output, and has
    /// had the time to answer.
    virtual void exchange_serial() = 0;
    /// A CPU has stopped for the debugger and holds itself (Hold::Debugger).
    virtual void debugger_stopped() = 0;
    /// Beeline itself cannot go on.
    virtual void internal_error(std::string detail) = 0;
};

struct BoardConfig {
    arm64::CpuModel cpu_model;
    unsigned cpus;
    unsigned gic_version;
    const translate::DirectOptions* direct; ///< nullptr: the interpreter alone.
    /// Counted time: log2 of the nanoseconds that an instruction takes. One CPU. Empty: time is the host's.
    std::optional<unsigned> icount = std::nullopt;
};

class Board final : public arm64::Environment,
                    private devices::CpuInterruptSink,
                    private devices::pci::MessageSink,
                    private PowerControl,
                    private runtime::TimeKeeper,
                    private runtime::SleepTimers {
public:
    static constexpr unsigned max_cpus(unsigned gic_version) { return gic_version == 2 ? 8 : 64; }

    Board(const BoardConfig& config, GuestMemory& memory, SerialPort& serial, SystemControl& system);
    ~Board() override;

    /// Devices that could not be had (host memory), by name; nullptr when all is well.
    const char* missing_device() const;
    BoardDescription description() const;

    /// Devices that are added, on either bus: the last slot of the one has the entropy device, the first of the other
    /// the host bridge.
    static constexpr size_t kMostDevices = devices::virtio::VirtioMmioSlots::kSlots - 1;
    static_assert(kMostDevices < devices::pci::HostBridge::kSlots);
    /// These put a device into the next free slot of the bus. Before the threads start.
    void add_drive(std::unique_ptr<block::Disk> disk, std::string serial, DeviceBus bus);
    void add_network(std::unique_ptr<net::Network> network, const net::MacAddress& mac, DeviceBus bus);
    void add_balloon(DeviceBus bus);
    /// `tag` is what the guest mounts it by.
    void add_share(std::unique_ptr<share::Directory> directory, const std::string& tag, DeviceBus bus);
    /// One device with these ports, consoles first.
    devices::virtio::VirtioConsole& add_console(std::vector<devices::virtio::VirtioConsole::PortConfig> ports,
                                                DeviceBus bus);

    /// Starts the threads of timers, devices and CPUs; all CPUs are off. False: errno says why, and stop_threads()
    /// cleans up.
    [[nodiscard]] bool start_threads();
    void stop_threads();

    // ---- the machine's side: any thread, without the board lock ---------------------------------------------------
    void hold(runtime::VcpuThread::Hold reason);
    void release(runtime::VcpuThread::Hold reason);
    /// Whether a CPU has been switched on and reset.
    bool cpu_on(unsigned cpu) const { return threads_[cpu]->power() == runtime::VcpuThread::Power::On; }
    void hold_cpu(unsigned cpu, runtime::VcpuThread::Hold reason) { threads_[cpu]->hold(reason); }
    /// Until no CPU executes guest code. They must be held.
    void wait_until_still();
    /// Memory was changed from outside: no CPU executes what was made of its bytes before.
    void code_changed(uint64_t address, size_t count);
    /// Only while the CPUs are still.
    void freeze_clock();
    void thaw_clock();
    /// Switches every CPU off and resets every device. Only while the CPUs are still.
    void reset();
    /// Snapshots. Between these two the devices leave guest memory alone as well. Only while the CPUs are still and the
    /// clock is frozen.
    void freeze_devices();
    void thaw_devices();
    /// Frozen: why there can be no snapshot now; empty: there can.
    std::string obstacle();
    /// Frozen, or before the threads start: the state of CPUs and devices, memory, flash and disks apart.
    void exchange(snapshot::Archive& archive);
    /// Once these are in place too: everything that follows from them.
    void settle();
    void power_on_first_cpu(uint64_t entry, uint64_t x0);
    void press_power_button();
    void serial_input_waiting();
    void serial_output_drained();
    /// Writes that found no room on the host are tried again.
    void retry_drives();

    /// Asks the guest to give up so many bytes. False: there is no balloon.
    bool set_balloon(uint64_t bytes);
    struct Balloon {
        uint64_t bytes = 0;                      ///< That the guest has given up.
        std::map<uint16_t, uint64_t> statistics; ///< As it last told of its memory (Virtio 1.2, 5.5.6.3).
    };
    std::optional<Balloon> balloon();

    /// The cards, in the order of add_network().
    const std::vector<devices::virtio::VirtioNet*>& networks() const { return networks_; }
    /// Puts the cable into one of them, or takes it out.
    void set_link(devices::virtio::VirtioNet& card, bool up);
    /// Of a console of that device, counted from 0.
    void set_console_size(devices::virtio::VirtioConsole& device, unsigned console,
                          devices::virtio::VirtioConsole::Size size);

    /// The flash's contents, for loaders. Only while the CPUs are still.
    devices::GuestMemoryAccess& flash() { return flash_contents_; }
    devices::CfiFlash& flash(unsigned number) { return flash_[number]; }
    /// Before the threads start: who is told of changes of flash 1, with the board lock held.
    void set_flash_store(devices::CfiFlash::Store store) { flash_[1].set_store(std::move(store)); }
    /// Before the threads start, for what does not change.
    devices::FwCfg& fw_cfg() { return fw_cfg_; }

    struct Counts {
        uint64_t timer_expiries, gic_acknowledges, gic_sgis, sleeps, broadcasts;
    };
    Counts counts();
    const std::vector<devices::virtio::VirtioBlk*>& drives() const { return drives_; }
    const std::vector<std::unique_ptr<arm64::Vcpu>>& cpus() const { return cpus_; }
    /// One a CPU; none when the interpreter does all.
    const std::vector<const translate::DirectTier*>& direct_tiers() const { return direct_tiers_; }

    // ---- arm64::Environment ---------------------------------------------------------------------------------------
    uint8_t* host_page(arm64::GuestPa page, bool write) override;
    bool device_read(arm64::Vcpu& cpu, arm64::GuestPa address, unsigned size, uint64_t& value) override;
    bool device_write(arm64::Vcpu& cpu, arm64::GuestPa address, unsigned size, uint64_t value) override;
    uint64_t counter() override { return clock_.ticks(); }
    void timer_changed(arm64::Vcpu& cpu) override;
    bool icc_read(arm64::Vcpu& cpu, uint32_t encoding, uint64_t& value) override;
    bool icc_write(arm64::Vcpu& cpu, uint32_t encoding, uint64_t value) override;
    bool has_gic_system_registers() const override { return config_.gic_version == 3; }
    void hypervisor_call(arm64::Vcpu& cpu) override;
    void broadcast(arm64::Vcpu& from, const arm64::Maintenance& operation) override;
    void synchronize(arm64::Vcpu& from) override;
    void send_event() override;

private:
    // devices::CpuInterruptSink
    void set_irq(unsigned cpu, bool level) override { set_line(cpu, arm64::Line::Irq, level); }
    void set_fiq(unsigned cpu, bool level) override { set_line(cpu, arm64::Line::Fiq, level); }
    void set_line(unsigned cpu, arm64::Line line, bool level);

    // devices::pci::MessageSink
    void write_message(uint32_t requester, const devices::pci::Message& message) override;

    // PowerControl
    unsigned cpu_with_affinity(uint64_t affinity) override;
    CpuPower cpu_power(unsigned cpu) override;
    bool cpu_on(unsigned cpu, uint64_t entry, uint64_t context) override;
    void cpu_off(unsigned cpu) override;
    void cpu_standby(unsigned cpu) override;
    bool executable(uint64_t address) override;
    void system_off() override;
    void system_reset() override;

    // runtime::SleepTimers
    HostTime begin_sleep(unsigned cpu) override;
    void end_sleep(unsigned cpu) override;

    // runtime::TimeKeeper (counted_time.cpp)
    void reach_limit() override;
    bool sleep(uint64_t at_most) override;
    bool counts_time() const { return config_.icount.has_value(); }
    /// Before the threads start.
    void count_time();
    /// With the board lock, whenever a deadline or a wish of a device's may have come up.
    void set_limit();
    /// With the board lock: output is on its way.
    void note_serial_output();

    devices::CfiFlash* flash_at(uint64_t address);
    bool has_high_pcie_window() const { return memory_.end() <= kPcieHighMemory.base; }
    devices::virtio::VirtioDevice& adopt(std::unique_ptr<devices::virtio::VirtioDevice> device);
    void insert(unsigned slot, std::unique_ptr<devices::virtio::VirtioDevice> device);
    void insert_next(DeviceBus bus, std::unique_ptr<devices::virtio::VirtioDevice> device);

    struct FlashContents final : devices::GuestMemoryAccess {
        explicit FlashContents(Board& board) : board(board) {}
        uint8_t* span(uint64_t address, uint64_t length) override;
        Board& board;
    };

    /// What a device is asked for happens this long after, in counted time.
    static constexpr uint64_t kDeviceNanoseconds = 50'000;
    /// Output is handed over, and input taken, this long after the first byte.
    static constexpr uint64_t kSerialNanoseconds = 1'000'000;

    const BoardConfig config_;
    GuestMemory& memory_;
    SerialPort& serial_;
    SystemControl& system_;

    std::mutex lock_; ///< The board lock: devices, interrupt lines, timers.
    devices::VirtualClock clock_;
    devices::TimerQueue timers_;
    std::unique_ptr<devices::gic::InterruptController> gic_;
    devices::gic::GicV3* gic_v3_ = nullptr; ///< The same, when it is one.
    /// What makes interrupts of messages: one of them, as the controller is.
    std::optional<devices::gic::Its> its_;
    std::optional<devices::gic::GicV2m> v2m_;
    devices::GenericTimers generic_timers_;
    devices::Pl011 uart_;
    devices::Pl031 rtc_;
    devices::Pl061 gpio_;
    devices::CfiFlash flash_[2];
    FlashContents flash_contents_{*this};
    devices::FwCfg fw_cfg_;
    devices::virtio::VirtioMmioSlots virtio_slots_;
    devices::pci::HostBridge pci_;
    devices::TimerQueue::Id power_button_release_;
    // Counted time.
    devices::TimerQueue::Id device_service_, serial_exchange_;
    bool service_due_ = false, exchange_due_ = false;
    std::atomic<bool> devices_want_{false}, input_waiting_{false};
    Bus bus_;

    std::vector<std::unique_ptr<arm64::Vcpu>> cpus_;
    std::vector<uint64_t> affinities_; ///< By CPU; constant, unlike the CPUs' state
    runtime::VcpuThreads threads_;
    runtime::Thread timer_thread_;
    std::atomic<uint64_t> broadcasts_{0};
    std::vector<const translate::DirectTier*> direct_tiers_; ///< The CPUs own them.
    bool missing_tier_ = false;
    unsigned free_slot_ = 0, free_pci_slot_ = 1;
    std::vector<std::unique_ptr<devices::virtio::VirtioDevice>> virtio_devices_;
    std::vector<devices::virtio::VirtioBlk*> drives_; ///< Those of them.
    std::vector<devices::virtio::VirtioNet*> networks_;
    std::vector<devices::virtio::VirtioConsole*> consoles_;
    devices::virtio::VirtioBalloon* balloon_ = nullptr;
};

} // namespace beeline::board
