// What is at the other end of a guest's network card.
#pragma once

#include <cstdint>
#include <poll.h>
#include <span>
#include <string>
#include <vector>

namespace beeline::net {

/// What is left to do to a frame: struct virtio_net_hdr (Virtio 1.2, 5.1.6), which Linux's tap devices take as well.
struct FrameHeader {
    static constexpr uint8_t kNeedsChecksum = 1, kDataValid = 2;                 // flags
    static constexpr uint8_t kNoSegments = 0, kTcp4 = 1, kTcp6 = 4, kEcn = 0x80; // segment_type

    uint8_t flags = 0;
    uint8_t segment_type = kNoSegments;
    uint16_t header_length = 0;
    uint16_t segment_size = 0;
    uint16_t checksum_start = 0;
    uint16_t checksum_offset = 0;
};
static_assert(sizeof(FrameHeader) == 10);

/// Bytes of an Ethernet frame at most, segments yet to be made: a VLAN tag and the largest IP packet.
inline constexpr size_t kLargestFrame = 14 + 4 + 65535;
inline constexpr size_t kEthernetHeader = 14;

/// What of a frame the guest does itself.
struct Offloads {
    bool checksum = false; ///< Complete one.
    bool tcp4 = false;     ///< Take TCP segments in one.
    bool tcp6 = false;
};

/// A port of the host's that leads to one of the guest's.
struct Forward {
    bool udp = false;
    std::string host_address; ///< IPv4; empty: every address of the host.
    uint16_t host_port = 0;
    std::string guest_address; ///< Empty: the one that DHCP gives first.
    uint16_t guest_port = 0;
};

/// Why there is no such network, or forward.
struct NetworkFailure {
    std::string detail, remedy;
};

/// Who gets the frames that are for the guest.
class FrameReceiver {
public:
    virtual ~FrameReceiver() = default;
    virtual void receive(const FrameHeader& header, std::span<const uint8_t> frame) = 0;
};

/// One thread at a time uses it, but for its forwards. It calls the receiver from within any of its functions but
/// prepare() and those.
class Network {
public:
    virtual ~Network() = default;

    void attach(FrameReceiver& receiver) { receiver_ = &receiver; }

    /// What frames to the guest may be like. Those from it may need everything that a FrameHeader can say for TCP.
    virtual void set_offloads(Offloads offloads) = 0;
    /// Before a sleep: adds descriptors to wait for; returns milliseconds to sleep at most, or -1. Without `receiving`
    /// the guest has no room, and frames for it had better wait where they are.
    virtual int prepare(std::vector<pollfd>& descriptors, bool receiving) = 0;
    /// After it, with those descriptors.
    virtual void serve(std::span<const pollfd> polled) = 0;
    /// A frame of the guest's, which may be anything up to kLargestFrame bytes, and is changed in place.
    virtual void send(const FrameHeader& header, std::span<uint8_t> frame) = 0;
    /// No more frames are sent for now: what waits for more of its kind goes to the receiver.
    virtual void finish() = 0;

    // ---- forwards: any thread ---------------------------------------------------------------------------------
    // Whoever sleeps with what prepare() gave has to be woken after a change.
    /// False: `failure` says why.
    [[nodiscard]] virtual bool add_forward(const Forward&, NetworkFailure& failure) {
        failure = {"only networks in user mode forward ports", "reach the guest by its own address"};
        return false;
    }
    /// By protocol, address and port of the host; connections through it stay. False: there is none.
    virtual bool remove_forward(const Forward&) { return false; }
    virtual std::vector<Forward> forwards() const { return {}; }

protected:
    FrameReceiver& receiver() { return *receiver_; }

private:
    FrameReceiver* receiver_ = nullptr;
};

} // namespace beeline::net
