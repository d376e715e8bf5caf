#include "devices/virtio/virtio_net.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace beeline::devices::virtio {

namespace {

// Feature bits (5.1.3)
constexpr uint64_t kChecksum = 1 << 0, kGuestChecksum = 1 << 1, kMac = 1 << 5, kGuestTso4 = 1 << 7, kGuestTso6 = 1 << 8,
                   kHostTso4 = 1 << 11, kHostTso6 = 1 << 12, kMergeable = 1 << 15, kStatus = 1 << 16;
constexpr unsigned kReceive = 0, kTransmit = 1;
constexpr size_t kHeaderBytes = 12;
constexpr unsigned kStatusField = 6;
constexpr uint8_t kLinkUp = 1;
constexpr unsigned kChainsATurn = 256;
/// Bytes of frames that wait for the guest to make room; then they are lost.
constexpr size_t kMostWaiting = size_t{1} << 20;

} // namespace

VirtioNet::VirtioNet(std::unique_ptr<net::Network> network, const net::MacAddress& mac, GuestMemoryAccess& memory)
    : ThreadedDevice("beeline-net", 2, memory), network_(std::move(network)), room_(Virtqueue::kLargestSize) {
    static_assert(sizeof(Header) == kHeaderBytes);
    std::copy(mac.begin(), mac.end(), configuration_.begin());
    configuration_[kStatusField] = kLinkUp;
    network_->attach(*this);
}

uint64_t VirtioNet::features() const {
    return kChecksum | kGuestChecksum | kMac | kGuestTso4 | kGuestTso6 | kHostTso4 | kHostTso6 | kMergeable | kStatus;
}

net::MacAddress VirtioNet::mac() const {
    net::MacAddress mac{};
    std::copy_n(configuration_.begin(), mac.size(), mac.begin());
    return mac;
}

void VirtioNet::set_link(bool up) {
    if (link_up_.exchange(up, std::memory_order_relaxed) == up) return;
    configuration_[kStatusField] = up ? kLinkUp : 0;
    interrupts().configuration_changed();
}

bool VirtioNet::add_forward(const net::Forward& forward, net::NetworkFailure& failure) {
    if (!network_->add_forward(forward, failure)) return false;
    wake();
    return true;
}

/// The thread's sleep keeps what it sleeps on open.
bool VirtioNet::remove_forward(const net::Forward& forward) {
    if (!network_->remove_forward(forward)) return false;
    wake();
    return true;
}

void VirtioNet::activated(uint64_t features) {
    mergeable_ = (features & kMergeable) != 0;
    network_->set_offloads({.checksum = (features & kGuestChecksum) != 0,
                            .tcp4 = (features & kGuestTso4) != 0,
                            .tcp6 = (features & kGuestTso6) != 0});
}

void VirtioNet::put_back() {
    queue(kReceive).put_back(static_cast<uint16_t>(room_chains_));
    room_chains_ = 0;
}

void VirtioNet::deactivated() {
    room_chains_ = 0;
    waiting_.clear();
    waiting_bytes_ = 0;
    network_->set_offloads({});
}

int VirtioNet::prepare(std::vector<pollfd>& descriptors) {
    return network_->prepare(descriptors, active() && waiting_.empty());
}

void VirtioNet::work(std::span<const pollfd> polled, uint64_t notified) {
    if ((notified & 1 << kReceive) != 0) deliver_waiting();
    if ((notified & 1 << kTransmit) != 0)
        serve(kTransmit, kChainsATurn, [this](const Chain& chain) { return transmit(chain); });
    network_->serve(polled);
    network_->finish();
}

// ---- From the guest ------------------------------------------------------------------------------------------------

/// Nothing: the chain is none of a transmit queue.
std::optional<uint32_t> VirtioNet::transmit(const Chain& chain) {
    const uint64_t total = total_length(chain.readable);
    if (total < kHeaderBytes || !chain.writable.empty()) return std::nullopt;
    Header header;
    copy_from(chain.readable, 0, &header, sizeof header);
    const size_t length = total - kHeaderBytes;
    if (length < net::kEthernetHeader || length > net::kLargestFrame || !link_up()) return 0;
    copy_from(chain.readable, kHeaderBytes, frame_.get(), length);
    network_->send(header.frame, {frame_.get(), length});
    return 0;
}

// ---- To the guest --------------------------------------------------------------------------------------------------

void VirtioNet::receive(const net::FrameHeader& header, std::span<const uint8_t> frame) {
    if (!active() || !link_up()) return;
    if (waiting_.empty() && deliver(header, frame) != Delivery::NoRoom) return;
    if (waiting_bytes_ + frame.size() > kMostWaiting) return;
    waiting_bytes_ += frame.size();
    waiting_.push_back({header, {frame.begin(), frame.end()}});
}

void VirtioNet::deliver_waiting() {
    while (!waiting_.empty()) {
        const Waiting& first = waiting_.front();
        if (deliver(first.header, first.frame) == Delivery::NoRoom) return;
        waiting_bytes_ -= first.frame.size();
        waiting_.pop_front();
    }
}

VirtioNet::Delivery VirtioNet::deliver(const net::FrameHeader& header, std::span<const uint8_t> frame) {
    Virtqueue& buffers = queue(kReceive);
    if (!buffers.enabled()) return Delivery::Dropped;
    const size_t wanted = kHeaderBytes + frame.size();
    uint64_t room = 0;
    for (size_t i = 0; i < room_chains_; i++) room += total_length(room_[i].writable);
    while (room < wanted) {
        // More chains than the queue has descriptors cannot be there.
        if (room_chains_ == room_.size()) {
            fail();
            return Delivery::Dropped;
        }
        Chain& chain = room_[room_chains_];
        const Taken taken = take(kReceive, chain);
        if (taken == Taken::None) return Delivery::NoRoom;
        if (taken == Taken::Failed || !chain.readable.empty() || total_length(chain.writable) < kHeaderBytes) {
            fail();
            return Delivery::Dropped;
        }
        room_chains_++;
        room += total_length(chain.writable);
        // Without mergeable buffers each frame has one chain, or none where that is too short (5.1.6.4.1).
        if (!mergeable_ && room < wanted) {
            give_back(kReceive, chain, 0);
            room_chains_ = 0;
            return Delivery::Dropped;
        }
    }
    const Header whole{header, static_cast<uint16_t>(room_chains_)};
    copy_to(room_[0].writable, 0, &whole, sizeof whole);
    size_t done = 0;
    for (size_t i = 0; i < room_chains_; i++) {
        const size_t offset = i == 0 ? kHeaderBytes : 0;
        const size_t here = copy_to(room_[i].writable, offset, frame.data() + done, frame.size() - done);
        done += here;
        buffers.put(room_[i].head, static_cast<uint32_t>(offset + here));
    }
    // All at once: the driver takes what it sees as the whole frame.
    buffers.publish();
    used(kReceive);
    room_chains_ = 0;
    buffers.suppress_notifications();
    return Delivery::Done;
}

} // namespace beeline::devices::virtio
