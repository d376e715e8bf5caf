// The network card (Virtio 1.2, 5.1): one pair of queues, mergeable receive buffers, checksums and TCP segmentation
// left to the host in both directions.
#pragma once

#include "devices/virtio/threaded_device.h"
#include "net/open.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace beeline::devices::virtio {

class VirtioNet final : public ThreadedDevice, private net::FrameReceiver {
public:
    VirtioNet(std::unique_ptr<net::Network> network, const net::MacAddress& mac, GuestMemoryAccess& memory);
    ~VirtioNet() override { stop(); }

    DeviceId id() const override { return DeviceId::Net; }
    uint64_t features() const override;
    std::span<const uint8_t> configuration() const override { return configuration_; }

    net::MacAddress mac() const;
    /// The cable: while it is out, frames are lost both ways. With the board lock held, which guards the configuration.
    void set_link(bool up);
    bool link_up() const { return link_up_.load(std::memory_order_relaxed); }
    /// The link is the host's, and what a snapshot's driver last knew of it may be wrong. With the board lock held.
    void announce_link() { interrupts().configuration_changed(); }

    // Ports that the network forwards, from any thread.
    [[nodiscard]] bool add_forward(const net::Forward& forward, net::NetworkFailure& failure);
    bool remove_forward(const net::Forward& forward);
    std::vector<net::Forward> forwards() const { return network_->forwards(); }

private:
    /// struct virtio_net_hdr (5.1.6)
    struct Header {
        net::FrameHeader frame;
        uint16_t buffers = 0;
    };
    struct Waiting {
        net::FrameHeader header;
        std::vector<uint8_t> frame;
    };

    int prepare(std::vector<pollfd>& descriptors) override;
    void work(std::span<const pollfd> polled, uint64_t notified) override;
    void activated(uint64_t features) override;
    void put_back() override;
    /// Connections are the host's, and do not last.
    void exchange_own(snapshot::Archive&) override {}
    void deactivated() override;

    std::optional<uint32_t> transmit(const Chain& chain);
    void receive(const net::FrameHeader& header, std::span<const uint8_t> frame) override;
    void deliver_waiting();
    enum class Delivery : uint8_t { Done, NoRoom, Dropped };
    Delivery deliver(const net::FrameHeader& header, std::span<const uint8_t> frame);

    std::unique_ptr<net::Network> network_;
    std::array<uint8_t, 8> configuration_{};
    std::atomic<bool> link_up_{true};
    bool mergeable_ = false;

    std::unique_ptr<uint8_t[]> frame_ = std::make_unique<uint8_t[]>(net::kLargestFrame);
    std::vector<Chain> room_; ///< Receive buffers taken from the queue: the first `room_chains_` of them.
    size_t room_chains_ = 0;
    std::deque<Waiting> waiting_; ///< Frames that there was no room for.
    size_t waiting_bytes_ = 0;
};

} // namespace beeline::devices::virtio
