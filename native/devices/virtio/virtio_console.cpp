#include "devices/virtio/virtio_console.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace beeline::devices::virtio {

namespace {

// Feature bits (5.3.3)
constexpr uint64_t kSize = 1 << 0, kMultiport = 1 << 1, kEmergencyWrite = 1 << 2;
// struct virtio_console_config (5.3.4)
constexpr unsigned kColumnsField = 0, kRowsField = 2, kMaxPortsField = 4, kEmergencyField = 8;
constexpr unsigned kControlReceive = 2, kControlTransmit = 3;

/// struct virtio_console_control (5.3.6.2)
struct Control {
    uint32_t id;
    uint16_t event;
    uint16_t value;
};
static_assert(sizeof(Control) == 8);
constexpr uint16_t kDeviceReady = 0, kDeviceAdd = 1, kPortReady = 3, kConsolePort = 4, kPortResize = 5, kPortOpen = 6,
                   kPortName = 7;

/// What follows kPortResize (5.3.6.2): columns first. Releases of Linux differ. From 2.6.35 on it read rows first; in
/// 2025 that was changed to what the specification says, in stable branches too, and the kernels of Debian 12 (6.1.192)
/// and 13 (6.12.107) have the change. Others interchange the two; a console alone is not told by messages.
struct ResizeBody {
    uint16_t columns;
    uint16_t rows;
};
static_assert(sizeof(ResizeBody) == 4);

/// So that no port, and no reset, waits long for another's work.
constexpr unsigned kChainsATurn = 64;
constexpr size_t kBytesATurn = size_t{1} << 20;
constexpr size_t kMostEmergencyOutput = 4096;
constexpr std::chrono::milliseconds kInterruptDelay{1};
/// No stream's own.
constexpr unsigned kFormerConnection = ~0u;

/// At most `length` bytes from `offset` on.
std::vector<iovec> part(std::span<const iovec> buffers, size_t offset, size_t length) {
    std::vector<iovec> result;
    for (const iovec& buffer : buffers) {
        if (length == 0) break;
        if (offset >= buffer.iov_len) {
            offset -= buffer.iov_len;
            continue;
        }
        const size_t here = std::min(buffer.iov_len - offset, length);
        result.push_back({static_cast<uint8_t*>(buffer.iov_base) + offset, here});
        length -= here;
        offset = 0;
    }
    return result;
}

/// A console without a name needs none of what multiport is for, when it is alone.
bool needs_multiport(const std::vector<VirtioConsole::PortConfig>& ports) {
    return ports.size() != 1 || !ports.front().console || !ports.front().name.empty();
}

/// Ports that the driver is told of: numbers from 0, where nothing may be.
unsigned port_numbers(const std::vector<VirtioConsole::PortConfig>& ports) {
    const bool first = !ports.empty() && ports.front().console;
    return static_cast<unsigned>(ports.size()) + (first ? 0 : 1);
}

/// Those of the first port, and with multiport two for control and two of each other port (5.3.2).
unsigned queue_count(const std::vector<VirtioConsole::PortConfig>& ports) {
    return needs_multiport(ports) ? 2 + 2 * port_numbers(ports) : 2;
}

} // namespace

VirtioConsole::VirtioConsole(std::vector<PortConfig> ports, GuestMemoryAccess& memory)
    : ThreadedDevice("beeline-console", queue_count(ports), memory), offers_multiport_(needs_multiport(ports)),
      sizes_(ports.size()) {
    const uint32_t numbers = port_numbers(ports);
    std::memcpy(&configuration_[kMaxPortsField], &numbers, sizeof numbers);
    uint32_t id = numbers - static_cast<uint32_t>(ports.size());
    for (PortConfig& config : ports) {
        Port& port = ports_.emplace_back();
        port.id = id++;
        port.config = std::move(config);
    }
}

uint64_t VirtioConsole::features() const { return kSize | kEmergencyWrite | (offers_multiport_ ? kMultiport : 0); }

VirtioConsole::Port* VirtioConsole::port(uint32_t id) {
    const auto found = std::ranges::find(ports_, id, &Port::id);
    return found == ports_.end() ? nullptr : &*found;
}

void VirtioConsole::activated(uint64_t features) {
    multiport_ = (features & kMultiport) != 0;
    tells_sizes_ = multiport_ && (features & kSize) != 0;
}

void VirtioConsole::deactivated() {
    for (Port& port : ports_) {
        port.news = 0;
        port.ready = port.guest_open = port.has_output = port.has_room = false;
        port.interrupt_due.reset();
        port.carried = 0;
        port.size = {};
    }
}

// ---- Sizes ------------------------------------------------------------------------------------------------------

void VirtioConsole::set_size(unsigned console, Size size) {
    {
        const std::lock_guard guard(size_lock_);
        if (std::exchange(sizes_[console], size) == size) return;
    }
    if (console == 0) {
        write_size(size);
        announce_size();
    }
    wake();
}

void VirtioConsole::write_size(Size size) {
    std::memcpy(&configuration_[kColumnsField], &size.columns, sizeof size.columns);
    std::memcpy(&configuration_[kRowsField], &size.rows, sizeof size.rows);
}

/// Linux looks at the configuration space when it is told of a change, and not before.
void VirtioConsole::announce_size() {
    const auto known = std::span(configuration_).first<kMaxPortsField>();
    if (std::ranges::any_of(known, [](uint8_t byte) { return byte != 0; })) interrupts().configuration_changed();
}

void VirtioConsole::note_sizes() {
    if (!active() || !tells_sizes_) return;
    const std::lock_guard guard(size_lock_);
    for (size_t i = 0; i < ports_.size(); i++) {
        Port& port = ports_[i];
        if (!port.ready || port.size == sizes_[i]) continue;
        port.size = sizes_[i];
        port.news |= kResize;
    }
}

// ---- Emergency write (5.3.4) ------------------------------------------------------------------------------------

/// A kernel may do it before it has set the device up, or when it has lost its way.
void VirtioConsole::write_configuration(uint64_t offset, unsigned, uint32_t value) {
    if (offset != kEmergencyField) return;
    {
        const std::lock_guard guard(emergency_lock_);
        if (emergency_output_.size() == kMostEmergencyOutput) return;
        emergency_output_ += static_cast<char>(value);
    }
    wake();
}

void VirtioConsole::take_emergency_output() {
    std::string output;
    {
        const std::lock_guard guard(emergency_lock_);
        output.swap(emergency_output_);
    }
    if (output.empty() || !ports_.front().config.console) return;
    const iovec bytes{output.data(), output.size()};
    keep(ports_.front(), {&bytes, 1});
}

// ---- Turns ------------------------------------------------------------------------------------------------------

/// What comes for a port that nobody in the guest has open would be lost there.
bool VirtioConsole::takes_input(const Port& port) const {
    if (!active()) return false;
    return multiport_ ? port.ready && (port.guest_open || port.config.console) : port.id == 0;
}

int VirtioConsole::prepare(std::vector<pollfd>& descriptors) {
    int timeout = -1;
    for (Port& port : ports_) {
        const size_t before = descriptors.size();
        const int wanted = port.config.stream->prepare(descriptors, takes_input(port) && port.has_room,
                                                       port.has_output || !port.kept.empty());
        // The first descriptor is the thread's own, which work() does not see.
        port.first_descriptor = before - 1;
        port.descriptors = descriptors.size() - before;
        for (const int limit : {wanted, port.interrupt_due ? static_cast<int>(kInterruptDelay.count()) : -1})
            if (limit >= 0 && (timeout < 0 || limit < timeout)) timeout = limit;
    }
    return timeout;
}

void VirtioConsole::work(std::span<const pollfd> polled, uint64_t) {
    for (Port& port : ports_) port.config.stream->serve(polled.subspan(port.first_descriptor, port.descriptors));
    take_emergency_output();
    if (active() && multiport_)
        serve(kControlTransmit, kChainsATurn, [this](const Chain& chain) { return take_control(chain); });
    for (Port& port : ports_) {
        if (active()) transmit(port);
        flush(port);
        pay_interrupt(port);
        if (takes_input(port)) receive(port);
        note_connection(port);
    }
    note_sizes();
    if (active() && multiport_) give_control();
}

/// As far as clients take it at once.
void VirtioConsole::ending() {
    take_emergency_output();
    for (Port& port : ports_) {
        if (active()) transmit(port);
        flush(port);
        port.config.stream->end();
    }
}

// ---- Snapshots --------------------------------------------------------------------------------------------------

void VirtioConsole::put_back() {
    for (Port& port : ports_) {
        if (std::exchange(port.has_output, false)) {
            queue(transmit_queue(port.id)).put_back(1);
            port.carried = port.written;
        }
        if (std::exchange(port.has_room, false)) queue(receive_queue(port.id)).put_back(1);
    }
}

/// The same ports with other clients: those that were there have gone. The sizes of consoles are theirs who look at
/// them: one that is known here stays, of which the driver is then told.
void VirtioConsole::exchange_own(snapshot::Archive& archive) {
    archive.same(static_cast<uint32_t>(ports_.size()), "the console has other ports");
    for (Port& port : ports_) {
        archive.same(port.config.console, "a console is none");
        archive.bits(port.news, uint8_t{kAdd | kConsole | kName | kClosed | kOpened | kResize});
        archive.value(port.ready);
        archive.value(port.guest_open);
        archive.value(port.carried);
        bool was_connected = port.connection != 0;
        archive.value(was_connected);
        if (archive.loading()) port.connection = was_connected ? kFormerConnection : 0;
    }
    exchange_sizes(archive);
}

void VirtioConsole::exchange_sizes(snapshot::Archive& archive) {
    const std::lock_guard guard(size_lock_);
    for (size_t i = 0; i < ports_.size(); i++) {
        Size size = sizes_[i];
        archive.value(size.columns);
        archive.value(size.rows);
        archive.value(ports_[i].size.columns);
        archive.value(ports_[i].size.rows);
        if (archive.loading() && !archive.failed() && sizes_[i] == Size{}) sizes_[i] = size;
    }
    write_size(sizes_.front());
}

// ---- Output -----------------------------------------------------------------------------------------------------

/// The driver of a console waits for its output to be taken with a lock held (Linux turns on the spot): it never has
/// to.
void VirtioConsole::keep(Port& port, std::span<const iovec> bytes) {
    const uint64_t total = total_length(bytes);
    const uint64_t skipped = total - std::min<uint64_t>(total, kKeptOutput);
    for (const iovec& piece : part(bytes, skipped, kKeptOutput)) {
        const auto* first = static_cast<const uint8_t*>(piece.iov_base);
        port.kept.insert(port.kept.end(), first, first + piece.iov_len);
    }
    if (port.kept.size() > kKeptOutput)
        port.kept.erase(port.kept.begin(), port.kept.end() - static_cast<std::ptrdiff_t>(kKeptOutput));
}

void VirtioConsole::flush(Port& port) {
    uint8_t block[4096];
    while (!port.kept.empty() && port.config.stream->has_reader()) {
        const size_t length = std::min(sizeof block, port.kept.size());
        std::copy_n(port.kept.begin(), length, block);
        const iovec bytes{block, length};
        const size_t taken = port.config.stream->write({&bytes, 1});
        if (taken == 0) return;
        port.kept.erase(port.kept.begin(), port.kept.begin() + static_cast<std::ptrdiff_t>(taken));
    }
}

void VirtioConsole::transmit(Port& port) {
    const unsigned number = transmit_queue(port.id);
    for (unsigned chains = 0;; chains++) {
        if (!port.has_output) {
            if (chains == kChainsATurn) return notify_thread(number);
            if (take(number, port.output) != Taken::Chain) return;
            if (!port.output.writable.empty()) return fail();
            port.has_output = true;
            port.written = std::exchange(port.carried, 0);
        }
        if (!write_output(port)) return;
        port.has_output = false;
        queue(number).push(port.output.head, 0);
        note_taken(port);
    }
}

/// A console's driver looks for itself: Linux, in which an interrupt that finds nothing left to do is spurious, and too
/// many of them have the line switched off. A moment later its event index tells whether it has looked.
void VirtioConsole::note_taken(Port& port) {
    if (!port.config.console) return used(transmit_queue(port.id));
    if (!port.interrupt_due) port.interrupt_due = std::chrono::steady_clock::now() + kInterruptDelay;
}

void VirtioConsole::pay_interrupt(Port& port) {
    if (!port.interrupt_due || std::chrono::steady_clock::now() < *port.interrupt_due) return;
    port.interrupt_due.reset();
    used(transmit_queue(port.id));
}

/// What a console says is taken before its CPU goes on, as long as that is little: its driver need not wait for the
/// thread.
void VirtioConsole::notified_at_once(unsigned number) {
    const auto console = std::ranges::find_if(
        ports_, [number](const Port& port) { return port.config.console && transmit_queue(port.id) == number; });
    if (console == ports_.end()) return;
    while (!console->has_output && console->kept.size() < kKeptOutput / 2) {
        if (take(number, console->output) != Taken::Chain) return;
        if (!console->output.writable.empty()) return fail();
        console->written = 0;
        console->has_output = total_length(console->output.readable) > kKeptOutput / 2;
        if (console->has_output) return;
        keep(*console, console->output.readable);
        queue(number).push(console->output.head, 0);
        note_taken(*console);
    }
}

/// False: not all of it yet. What nobody is there for is dropped.
bool VirtioConsole::write_output(Port& port) {
    if (port.config.console) {
        keep(port, port.output.readable);
        flush(port);
        return true;
    }
    const size_t total = total_length(port.output.readable);
    for (size_t turn = 0; port.written < total;) {
        if (!port.config.stream->has_reader()) return true;
        if (turn >= kBytesATurn) {
            notify_thread(transmit_queue(port.id));
            return false;
        }
        const size_t taken = port.config.stream->write(part(port.output.readable, port.written, kBytesATurn));
        if (taken == 0) return !port.config.stream->has_reader();
        port.written += taken;
        turn += taken;
    }
    return true;
}

// ---- Input ------------------------------------------------------------------------------------------------------

void VirtioConsole::receive(Port& port) {
    const unsigned number = receive_queue(port.id);
    for (unsigned chains = 0;; chains++) {
        if (!port.has_room) {
            if (take(number, port.room) != Taken::Chain) return;
            if (!port.room.readable.empty()) return fail();
            port.has_room = true;
        }
        if (chains == kChainsATurn) return notify_thread(number);
        const size_t got = port.config.stream->read(port.room.writable);
        if (got == 0) return;
        port.has_room = false;
        give_back(number, port.room, static_cast<uint32_t>(got));
    }
}

// ---- Control messages (5.3.6.2) -----------------------------------------------------------------------------------

void VirtioConsole::note_connection(Port& port) {
    if (!port.ready) return;
    const unsigned now = port.config.stream->connection();
    const unsigned before = std::exchange(port.connection, now);
    if (now == before) return;
    if (before != 0) port.news = static_cast<uint8_t>((port.news & ~kOpened) | kClosed);
    if (now != 0) port.news |= kOpened;
}

/// Nothing: the chain is none of a transmit queue.
std::optional<uint32_t> VirtioConsole::take_control(const Chain& chain) {
    if (!chain.writable.empty()) return std::nullopt;
    Control message{};
    if (copy_from(chain.readable, 0, &message, sizeof message) != sizeof message) return 0;
    if (message.event == kDeviceReady && message.value == 1)
        for (Port& port : ports_) port.news |= kAdd;
    Port* port = this->port(message.id);
    if (port == nullptr) return 0;
    if (message.event == kPortReady) {
        port->ready = message.value == 1;
        port->connection = 0;
        port->size = {};
        port->news =
            static_cast<uint8_t>((port->config.console ? kConsole : 0) | (port->config.name.empty() ? 0 : kName));
    } else if (message.event == kPortOpen) {
        port->guest_open = message.value == 1;
    }
    return 0;
}

void VirtioConsole::give_control() {
    for (Port& port : ports_)
        for (const News news : {kAdd, kConsole, kName, kClosed, kOpened, kResize}) {
            if ((port.news & news) == 0) continue;
            if (!give_message(port, news)) return;
            port.news &= static_cast<uint8_t>(~news);
        }
}

/// False: the driver has no room for it yet.
bool VirtioConsole::give_message(const Port& port, News news) {
    if (take(kControlReceive, control_) != Taken::Chain) return false;
    Control message{port.id, kPortOpen, 1};
    const ResizeBody size{port.size.columns, port.size.rows};
    std::span<const uint8_t> body;
    switch (news) {
    case kAdd: message.event = kDeviceAdd; break;
    case kConsole: message.event = kConsolePort; break;
    case kName:
        message.event = kPortName;
        body = {reinterpret_cast<const uint8_t*>(port.config.name.data()), port.config.name.size()};
        break;
    case kClosed: message.value = 0; break;
    case kOpened: break;
    case kResize:
        message.event = kPortResize;
        body = {reinterpret_cast<const uint8_t*>(&size), sizeof size};
        break;
    }
    const size_t length = sizeof message + body.size();
    if (!control_.readable.empty() || total_length(control_.writable) < length) {
        fail();
        return false;
    }
    copy_to(control_.writable, 0, &message, sizeof message);
    copy_to(control_.writable, sizeof message, body.data(), body.size());
    give_back(kControlReceive, control_, static_cast<uint32_t>(length));
    return true;
}

} // namespace beeline::devices::virtio
