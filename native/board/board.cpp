#include "board/board.h"

#include "devices/gic/gic_v2.h"
#include "devices/virtio/pci_transport.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <utility>

namespace beeline::board {

namespace {

constexpr uint64_t kAffinityMask = 0xFF'00FF'FFFF;
/// How long the power button stays down.
constexpr uint64_t kButtonNanoseconds = 100'000'000;

std::unique_ptr<devices::gic::InterruptController> make_gic(const BoardConfig& config, devices::CpuInterruptSink& sink,
                                                            GuestMemory& memory) {
    if (config.gic_version == 2) return std::make_unique<devices::gic::GicV2>(config.cpus, sink);
    return std::make_unique<devices::gic::GicV3>(config.cpus, sink, memory);
}

/// The real-time clock: the host's, or one that begins at the same moment in every run.
devices::Pl031::WallClock wall_clock(const BoardConfig& config, const devices::VirtualClock& clock) {
    constexpr uint64_t kNewYear2026 = 1'767'225'600'000'000'000;
    if (!config.icount) return devices::Pl031::host_wall_clock;
    return [&clock] { return kNewYear2026 + clock.now(); };
}

} // namespace

Board::Board(const BoardConfig& config, GuestMemory& memory, SerialPort& serial, SystemControl& system)
    : config_(config), memory_(memory), serial_(serial), system_(system), timers_(clock_, lock_),
      gic_(make_gic(config, *this, memory)), generic_timers_(config.cpus, clock_, timers_, *gic_),
      uart_({*gic_, kUartSpi}, serial, timers_, clock_),
      rtc_({*gic_, kRtcSpi}, timers_, clock_, wall_clock(config, clock_)), gpio_({*gic_, kGpioSpi}), fw_cfg_(memory),
      pci_(*gic_, kPcieSpi, *this, {kPcieLowMemory.base, kPcieHighMemory.base}),
      power_button_release_(timers_.add([this] { gpio_.set_input(kPowerButtonLine, false); })),
      device_service_(timers_.add([this] { service_due_ = true; })),
      serial_exchange_(timers_.add([this] { exchange_due_ = true; })) {
    if (config.gic_version == 3) {
        gic_v3_ = static_cast<devices::gic::GicV3*>(gic_.get());
        bus_.attach(kGicIts, its_.emplace(*gic_v3_, config.cpus, memory));
    } else {
        bus_.attach(kGicV2m, v2m_.emplace(*gic_, kMessageSpi, kMessageSpis));
    }

    bus_.attach(kFlash0, flash_[0]);
    bus_.attach(kFlash1, flash_[1]);
    bus_.attach(kGicDistributor, gic_->distributor());
    bus_.attach(gic_v3_ == nullptr
                    ? kGicV2CpuInterface
                    : Region{kGicRedistributors, config.cpus * devices::gic::GicV3::kRedistributorStride},
                gic_->cpu_frames());
    bus_.attach(kUart, uart_);
    bus_.attach(kRtc, rtc_);
    bus_.attach(kGpio, gpio_);
    bus_.attach(kFwCfg, fw_cfg_);
    bus_.attach(kVirtioMmio, virtio_slots_);
    bus_.attach(kPcieLowMemory, pci_.low_memory());
    bus_.attach(kPciePorts, pci_.ports());
    bus_.attach(kPcieEcam, pci_.configuration_space());
    if (has_high_pcie_window()) bus_.attach(kPcieHighMemory, pci_.high_memory());

    fw_cfg_.set16(devices::FwCfg::Key::NbCpus, static_cast<uint16_t>(config.cpus));
    fw_cfg_.set16(devices::FwCfg::Key::MaxCpus, static_cast<uint16_t>(config.cpus));
    fw_cfg_.set16(devices::FwCfg::Key::BootMenu, 0);

    for (unsigned index = 0; index < config.cpus; index++) {
        cpus_.push_back(std::make_unique<arm64::Vcpu>(config.cpu_model, index, *this));
        if (config.direct != nullptr) {
            translate::DirectOptions options = *config.direct;
            options.alone = config.cpus == 1;
            auto tier = translate::DirectTier::create(
                *cpus_.back(), options, [this](std::string detail) { system_.internal_error(std::move(detail)); });
            if (tier == nullptr)
                missing_tier_ = true;
            else
                direct_tiers_.push_back(tier.get());
            cpus_.back()->set_tier(std::move(tier));
        }
        affinities_.push_back(cpus_.back()->state.mpidr_el1 & kAffinityMask);
        threads_.push_back(
            std::make_unique<runtime::VcpuThread>(*cpus_.back(), static_cast<runtime::SleepTimers&>(*this)));
        threads_.back()->set_debugger_listener([this] { system_.debugger_stopped(); });
    }
    if (counts_time()) count_time();
    insert(kMostDevices, std::make_unique<devices::virtio::VirtioRng>(memory_, counts_time()));
}

Board::~Board() { stop_threads(); }

const char* Board::missing_device() const {
    if (missing_tier_) return "translated code";
    return flash_[0].usable() && flash_[1].usable() ? nullptr : "flash";
}

BoardDescription Board::description() const {
    return {config_.cpu_model, config_.gic_version, affinities_, has_high_pcie_window()};
}

devices::virtio::VirtioDevice& Board::adopt(std::unique_ptr<devices::virtio::VirtioDevice> device) {
    if (counts_time()) device->serve_on_demand([this] { devices_want_ = true; });
    return *virtio_devices_.emplace_back(std::move(device));
}

void Board::insert(unsigned slot, std::unique_ptr<devices::virtio::VirtioDevice> device) {
    const devices::InterruptLine line(*gic_, kVirtioMmioSpi + slot);
    virtio_slots_.insert(slot, std::make_unique<devices::virtio::VirtioMmio>(adopt(std::move(device)), line, lock_));
}

void Board::insert_next(DeviceBus bus, std::unique_ptr<devices::virtio::VirtioDevice> device) {
    if (bus == DeviceBus::Mmio) return insert(free_slot_++, std::move(device));
    pci_.insert(free_pci_slot_++, std::make_unique<devices::virtio::PciTransport>(adopt(std::move(device)), lock_));
}

void Board::add_drive(std::unique_ptr<block::Disk> disk, std::string serial, DeviceBus bus) {
    const std::string path = disk->path();
    auto drive = std::make_unique<devices::virtio::VirtioBlk>(std::move(disk), std::move(serial), config_.cpus, memory_,
                                                              [this, path] { system_.no_space(path); });
    drives_.push_back(drive.get());
    insert_next(bus, std::move(drive));
}

void Board::add_network(std::unique_ptr<net::Network> network, const net::MacAddress& mac, DeviceBus bus) {
    auto card = std::make_unique<devices::virtio::VirtioNet>(std::move(network), mac, memory_);
    networks_.push_back(card.get());
    insert_next(bus, std::move(card));
}

void Board::add_share(std::unique_ptr<share::Directory> directory, const std::string& tag, DeviceBus bus) {
    insert_next(bus, std::make_unique<devices::virtio::Virtio9p>(std::move(directory), tag, memory_));
}

void Board::add_balloon(DeviceBus bus) {
    auto balloon = std::make_unique<devices::virtio::VirtioBalloon>(memory_);
    balloon_ = balloon.get();
    insert_next(bus, std::move(balloon));
}

devices::virtio::VirtioConsole& Board::add_console(std::vector<devices::virtio::VirtioConsole::PortConfig> ports,
                                                   DeviceBus bus) {
    auto device = std::make_unique<devices::virtio::VirtioConsole>(std::move(ports), memory_);
    devices::virtio::VirtioConsole& console = *consoles_.emplace_back(device.get());
    insert_next(bus, std::move(device));
    return console;
}

// ---- Threads ----------------------------------------------------------------------------------------------------

bool Board::start_threads() {
    if (counts_time()) return threads_.front()->start();
    if (timers_.error() != 0) {
        errno = timers_.error();
        return false;
    }
    if (!timer_thread_.start("beeline-timer", [this] { timers_.serve(); })) return false;
    for (const auto& device : virtio_devices_)
        if (!device->start()) return false;
    for (const auto& thread : threads_)
        if (!thread->start()) return false;
    return true;
}

void Board::stop_threads() {
    for (const auto& thread : threads_) thread->request_finish();
    for (const auto& thread : threads_) thread->finish();
    for (const auto& device : virtio_devices_) device->stop();
    timers_.stop();
    timer_thread_.join();
}

void Board::hold(runtime::VcpuThread::Hold reason) {
    for (const auto& thread : threads_) thread->hold(reason);
}

void Board::release(runtime::VcpuThread::Hold reason) {
    for (const auto& thread : threads_) thread->release(reason);
}

void Board::wait_until_still() {
    for (const auto& thread : threads_) thread->wait_until_still();
}

void Board::code_changed(uint64_t address, size_t count) {
    constexpr uint64_t kLine = 64;
    for (uint64_t line = address / kLine * kLine; line < address + count; line += kLine)
        for (const auto& cpu : cpus_) cpu->post_maintenance({arm64::Maintenance::Kind::InstructionLine, line});
}

void Board::freeze_clock() {
    const std::lock_guard guard(lock_);
    clock_.freeze();
    timers_.clock_changed();
}

void Board::thaw_clock() {
    const std::lock_guard guard(lock_);
    clock_.thaw();
    timers_.clock_changed();
}

void Board::reset() {
    for (const auto& thread : threads_) thread->power_off();
    const std::lock_guard guard(lock_);
    generic_timers_.reset();
    bus_.reset_devices();
    gpio_.set_input(kPowerButtonLine, false);
    timers_.disarm_all();
    service_due_ = exchange_due_ = false;
    set_limit();
}

void Board::freeze_devices() {
    for (const auto& device : virtio_devices_) device->freeze();
}

void Board::thaw_devices() {
    for (const auto& device : virtio_devices_) device->thaw();
}

std::string Board::obstacle() {
    for (const auto& device : virtio_devices_)
        if (std::string obstacle = device->obstacle(); !obstacle.empty()) return obstacle;
    return {};
}

void Board::exchange(snapshot::Archive& archive) {
    const std::lock_guard guard(lock_);
    archive.section("clock", 1, [&] { clock_.exchange(archive); });
    for (const auto& thread : threads_)
        archive.section(fmt::format("cpu{}", thread->cpu().index()), 1, [&] { thread->exchange(archive); });
    archive.section("timers", 1, [&] { generic_timers_.exchange(archive); });
    archive.section("power-button", 1, [&] { timers_.exchange(archive, power_button_release_); });
    bus_.exchange_devices(archive);
}

void Board::settle() {
    const std::lock_guard guard(lock_);
    gic_->settle();
    generic_timers_.settle();
    uart_.receive_ready();
    for (devices::virtio::VirtioNet* card : networks_) card->announce_link();
    for (devices::virtio::VirtioConsole* console : consoles_) console->announce_size();
}

void Board::power_on_first_cpu(uint64_t entry, uint64_t x0) { threads_.front()->power_on(entry, x0); }

void Board::press_power_button() {
    const std::lock_guard guard(lock_);
    gpio_.set_input(kPowerButtonLine, true);
    timers_.arm(power_button_release_, clock_.now() + kButtonNanoseconds);
    set_limit();
}

void Board::serial_input_waiting() {
    const std::lock_guard guard(lock_);
    if (counts_time() && timers_.earliest() != devices::TimerQueue::kNever) {
        input_waiting_ = true; // Until time has come to the next deadline.
        return;
    }
    uart_.receive_ready();
    set_limit();
}

void Board::serial_output_drained() {
    const std::lock_guard guard(lock_);
    // Under the lock: a CPU that has just been found to write too much is held before this releases it.
    release(runtime::VcpuThread::Hold::Serial);
    uart_.transmit_ready();
}

void Board::retry_drives() {
    for (devices::virtio::VirtioBlk* drive : drives_) drive->retry();
    const std::lock_guard guard(lock_);
    set_limit();
}

bool Board::set_balloon(uint64_t bytes) {
    if (balloon_ == nullptr) return false;
    const std::lock_guard guard(lock_);
    balloon_->set_target(static_cast<uint32_t>(bytes / devices::virtio::VirtioBalloon::kPageBytes));
    set_limit();
    return true;
}

std::optional<Board::Balloon> Board::balloon() {
    if (balloon_ == nullptr) return std::nullopt;
    std::map<uint16_t, uint64_t> statistics = balloon_->statistics();
    const std::lock_guard guard(lock_);
    set_limit();
    return Balloon{balloon_->actual() * devices::virtio::VirtioBalloon::kPageBytes, std::move(statistics)};
}

void Board::set_link(devices::virtio::VirtioNet& card, bool up) {
    const std::lock_guard guard(lock_);
    card.set_link(up);
}

void Board::set_console_size(devices::virtio::VirtioConsole& device, unsigned console,
                             devices::virtio::VirtioConsole::Size size) {
    const std::lock_guard guard(lock_);
    device.set_size(console, size);
}

Board::Counts Board::counts() {
    const std::lock_guard guard(lock_);
    Counts counts{timers_.expiries(), gic_->counts().acknowledges, gic_->counts().sgis, 0,
                  broadcasts_.load(std::memory_order_relaxed)};
    for (const auto& thread : threads_) counts.sleeps += thread->sleeps();
    return counts;
}

// ---- Memory and devices -----------------------------------------------------------------------------------------

devices::CfiFlash* Board::flash_at(uint64_t address) {
    if (address < kFlash0.end()) return &flash_[0];
    if (address < kFlash1.end()) return &flash_[1];
    return nullptr;
}

uint8_t* Board::FlashContents::span(uint64_t address, uint64_t length) {
    devices::CfiFlash* flash = board.flash_at(address);
    const uint64_t offset = address % devices::CfiFlash::kSize;
    return flash != nullptr && length <= devices::CfiFlash::kSize - offset ? flash->data() + offset : nullptr;
}

uint8_t* Board::host_page(arm64::GuestPa page, bool write) {
    if (uint8_t* host = memory_.page(page.value); host != nullptr) return host;
    devices::CfiFlash* flash = flash_at(page.value);
    if (flash == nullptr || write) return nullptr;
    const std::lock_guard guard(lock_);
    return flash->array_mode() ? flash->data() + page.value % devices::CfiFlash::kSize : nullptr;
}

bool Board::device_read(arm64::Vcpu& cpu, arm64::GuestPa address, unsigned size, uint64_t& value) {
    bool accepted = false;
    {
        const std::lock_guard guard(lock_);
        accepted = bus_.read(address.value, size, cpu.index(), value);
        set_limit();
    }
    cpu.trace(arm64::TraceKind::DeviceRead, accepted ? 0 : arm64::kTraceRefused, address.value, size, value);
    if (cpu.traced() && gic_v3_ == nullptr &&
        devices::gic::GicV2::acknowledges(address.value - kGicV2CpuInterface.base))
        cpu.trace(arm64::TraceKind::Acknowledge, 0, value & devices::gic::GicV2::kIntidMask);
    return accepted;
}

bool Board::device_write(arm64::Vcpu& cpu, arm64::GuestPa address, unsigned size, uint64_t value) {
    devices::CfiFlash* flash = flash_at(address.value);
    bool readable_before = false, readable_after = false, accepted = false;
    {
        const std::lock_guard guard(lock_);
        readable_before = flash != nullptr && flash->array_mode();
        accepted = bus_.write(address.value, size, cpu.index(), value);
        readable_after = flash != nullptr && flash->array_mode();
        if (address.value == kUart.base) note_serial_output();
        set_limit();
    }
    cpu.trace(arm64::TraceKind::DeviceWrite, accepted ? 0 : arm64::kTraceRefused, address.value, size, value);
    if (readable_before && !readable_after) {
        // Reads must come here from now on: no CPU may keep the flash's contents in its TLB.
        const arm64::Maintenance flush{arm64::Maintenance::Kind::TlbAll, 0};
        cpu.apply_maintenance(flush);
        broadcast(cpu, flush);
        synchronize(cpu);
    }
    return accepted;
}

void Board::set_line(unsigned cpu, arm64::Line line, bool level) {
    cpus_[cpu]->set_line(line, level);
    if (level) threads_[cpu]->wake();
}

/// A message is a memory write like any other; interrupts are what has one for a doorbell.
void Board::write_message(uint32_t requester, const devices::pci::Message& message) {
    if (its_ && message.address == kGicIts.base + devices::gic::Its::kTranslater)
        return its_->translate(requester, message.data);
    if (v2m_ && message.address == kGicV2m.base + devices::gic::GicV2m::kSetSpi) return v2m_->signal(message.data);
    if (message.address % sizeof message.data != 0) return;
    if (uint8_t* bytes = memory_.span(message.address, sizeof message.data); bytes != nullptr)
        __atomic_store_n(reinterpret_cast<uint32_t*>(bytes), message.data, __ATOMIC_RELEASE);
}

runtime::SleepTimers::HostTime Board::begin_sleep(unsigned cpu) {
    const std::lock_guard guard(lock_);
    return timers_.hand_over(cpu);
}

void Board::end_sleep(unsigned cpu) {
    const std::lock_guard guard(lock_);
    timers_.take_back(cpu);
}

void Board::timer_changed(arm64::Vcpu& cpu) {
    using Which = devices::GenericTimers::Which;
    const arm64::SystemRegisters& sys = cpu.state.sys;
    const std::lock_guard guard(lock_);
    generic_timers_.update(cpu.index(), Which::Physical, {sys.cntp_ctl_el0, sys.cntp_cval_el0});
    generic_timers_.update(cpu.index(), Which::Virtual, {sys.cntv_ctl_el0, sys.cntv_cval_el0});
    set_limit();
}

bool Board::icc_read(arm64::Vcpu& cpu, uint32_t encoding, uint64_t& value) {
    if (gic_v3_ == nullptr) return false;
    bool there = false;
    {
        const std::lock_guard guard(lock_);
        there = gic_v3_->read_system_register(cpu.index(), encoding, value);
    }
    if (cpu.traced() && there && devices::gic::GicV3::acknowledges(encoding))
        cpu.trace(arm64::TraceKind::Acknowledge, 0, value);
    return there;
}

bool Board::icc_write(arm64::Vcpu& cpu, uint32_t encoding, uint64_t value) {
    if (gic_v3_ == nullptr) return false;
    const std::lock_guard guard(lock_);
    return gic_v3_->write_system_register(cpu.index(), encoding, value);
}

// ---- Several CPUs -----------------------------------------------------------------------------------------------

void Board::broadcast(arm64::Vcpu& from, const arm64::Maintenance& operation) {
    if (cpus_.size() == 1) return;
    broadcasts_.fetch_add(runtime::broadcast(threads_, from, operation), std::memory_order_relaxed);
}

void Board::synchronize(arm64::Vcpu& from) {
    if (cpus_.size() != 1) runtime::synchronize(threads_, from);
}

void Board::send_event() {
    for (const auto& thread : threads_) {
        thread->cpu().set_event();
        thread->wake();
    }
}

// ---- Power ------------------------------------------------------------------------------------------------------

void Board::hypervisor_call(arm64::Vcpu& cpu) {
    uint64_t x[4] = {cpu.state.x[0], cpu.state.x[1], cpu.state.x[2], cpu.state.x[3]};
    const uint64_t function = x[0], first = x[1], second = x[2];
    psci_call(*this, cpu.index(), x);
    cpu.state.x[0] = x[0];
    cpu.trace(arm64::TraceKind::Call, 0, function, first, second, x[0]);
}

unsigned Board::cpu_with_affinity(uint64_t affinity) {
    for (unsigned cpu = 0; cpu < affinities_.size(); cpu++)
        if (affinities_[cpu] == affinity) return cpu;
    return kNoCpu;
}

PowerControl::CpuPower Board::cpu_power(unsigned cpu) {
    switch (threads_[cpu]->power()) {
    case runtime::VcpuThread::Power::On: return CpuPower::On;
    case runtime::VcpuThread::Power::Off: return CpuPower::Off;
    case runtime::VcpuThread::Power::OnPending: break;
    }
    return CpuPower::OnPending;
}

bool Board::cpu_on(unsigned cpu, uint64_t entry, uint64_t context) { return threads_[cpu]->power_on(entry, context); }
void Board::cpu_off(unsigned cpu) { threads_[cpu]->power_off(); }
void Board::cpu_standby(unsigned cpu) { threads_[cpu]->suspend(); }
bool Board::executable(uint64_t address) { return host_page({address & ~arm64::kPageMask}, false) != nullptr; }
void Board::system_off() { system_.guest_power_off(); }
void Board::system_reset() { system_.guest_reset(); }

} // namespace beeline::board
