// The console device (Virtio 1.2, 5.3): ports that carry bytes to streams of the host's and back. Some are consoles,
// some have names. One console alone is what drivers without multiport know: its size is in the configuration space;
// that of one among several ports comes in a control message.
#pragma once

#include "devices/virtio/threaded_device.h"
#include "stream/stream.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace beeline::devices::virtio {

class VirtioConsole final : public ThreadedDevice {
public:
    struct PortConfig {
        std::unique_ptr<stream::Stream> stream;
        bool console = false; ///< A terminal: /dev/hvcN of Linux.
        std::string name;     ///< May be empty.
    };
    /// In characters; 0 by 0: not known.
    struct Size {
        uint16_t columns = 0, rows = 0;
        bool operator==(const Size&) const = default;
    };
    /// Two queues each, two more, and the first port's where that is none of these.
    static constexpr unsigned kMostPorts = 29;
    /// Output of a console that nobody takes; of more the latest is kept.
    static constexpr size_t kKeptOutput = 64 * 1024;

    /// Consoles come first. Port 0, which drivers without multiport know alone, is a console or nothing.
    VirtioConsole(std::vector<PortConfig> ports, GuestMemoryAccess& memory);
    ~VirtioConsole() override { stop(); }

    /// Of a console, counted from 0; with the board lock held.
    void set_size(unsigned console, Size size);
    /// After a snapshot was loaded, whose driver may know another size; with the board lock held.
    void announce_size();

    DeviceId id() const override { return DeviceId::Console; }
    uint64_t features() const override;
    std::span<const uint8_t> configuration() const override { return configuration_; }
    void write_configuration(uint64_t offset, unsigned size, uint32_t value) override;

private:
    /// Messages to the driver that a port has waiting, in their order.
    enum News : uint8_t { kAdd = 1, kConsole = 2, kName = 4, kClosed = 8, kOpened = 16, kResize = 32 };

    struct Port {
        uint32_t id = 0;
        PortConfig config;
        unsigned connection = 0; ///< Of the stream, as far as the driver has been or will be told.
        Size size;               ///< Likewise, by control messages.
        size_t first_descriptor = 0, descriptors = 0;
        uint8_t news = 0;
        bool ready = false;       ///< The driver has set it up.
        bool guest_open = false;  ///< Somebody in the guest uses it.
        std::deque<uint8_t> kept; ///< Output of a console on its way.
        /// When the driver of a console is to be told that its output was taken, unless it has seen that by itself.
        std::optional<std::chrono::steady_clock::time_point> interrupt_due;
        Chain output; ///< Of other ports: what is being written.
        bool has_output = false;
        size_t written = 0; ///< Bytes of it.
        size_t carried = 0; ///< Those of a chain that was put back.
        Chain room;         ///< For input.
        bool has_room = false;
    };

    int prepare(std::vector<pollfd>& descriptors) override;
    void work(std::span<const pollfd> polled, uint64_t notified) override;
    void activated(uint64_t features) override;
    void begun() override { announce_size(); }
    void deactivated() override;
    void notified_at_once(unsigned number) override;
    void ending() override;
    void put_back() override;
    void exchange_own(snapshot::Archive& archive) override;

    static unsigned receive_queue(uint32_t port) { return port == 0 ? 0 : 2 + port * 2; }
    static unsigned transmit_queue(uint32_t port) { return receive_queue(port) + 1; }
    Port* port(uint32_t id);
    bool takes_input(const Port& port) const;

    void take_emergency_output();
    void keep(Port& port, std::span<const iovec> bytes);
    void flush(Port& port);
    void transmit(Port& port);
    bool write_output(Port& port);
    void note_taken(Port& port);
    void pay_interrupt(Port& port);
    void receive(Port& port);
    void note_connection(Port& port);
    void note_sizes();
    void write_size(Size size);
    void exchange_sizes(snapshot::Archive& archive);
    std::optional<uint32_t> take_control(const Chain& chain);
    void give_control();
    bool give_message(const Port& port, News news);

    const bool offers_multiport_;
    std::array<uint8_t, 12> configuration_{}; ///< Guarded by the board lock.
    std::vector<Port> ports_;
    bool multiport_ = false, tells_sizes_ = false;
    Chain control_;

    std::mutex emergency_lock_;
    std::string emergency_output_; ///< Written without a queue; guarded by emergency_lock_.

    std::mutex size_lock_;
    std::vector<Size> sizes_; ///< By port, as they are to be; guarded by size_lock_.
};

} // namespace beeline::devices::virtio
