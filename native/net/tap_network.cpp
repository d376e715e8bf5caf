#include "net/tap_network.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace beeline::net {

namespace {

constexpr unsigned kFramesATurn = 64;

NetworkFailure refusal(const std::string& interface, int error) {
    const std::string make = fmt::format("ip tuntap add dev {0} mode tap user $USER && ip link set {0} up", interface);
    switch (error) {
    case EPERM:
    case EACCES:
        return {fmt::format("the tap interface {} is not yours to use ({})", interface, std::strerror(error)),
                "have root make it for you with: " + make};
    case EBUSY: return {fmt::format("the tap interface {} is in use", interface), "choose another one"};
    case EINVAL:
        return {fmt::format("{} is no tap interface that takes one user", interface), "make one with: " + make};
    default:
        return {fmt::format("the tap interface {} cannot be used ({})", interface, std::strerror(error)),
                "see whether the host has /dev/net/tun (module tun)"};
    }
}

} // namespace

std::unique_ptr<TapNetwork> TapNetwork::open(const std::string& interface, NetworkFailure& failure) {
    ifreq request{};
    if (interface.empty() || interface.size() >= sizeof request.ifr_name) {
        failure = {fmt::format("\"{}\" cannot be the name of an interface", interface), "give 1 to 15 characters"};
        return nullptr;
    }
    // The kernel would make a missing one, which nobody could use before it is set up.
    if (if_nametoindex(interface.c_str()) == 0) {
        failure = {fmt::format("there is no interface {}", interface),
                   fmt::format("as root, make it with: ip tuntap add dev {0} mode tap user NAME && ip link set {0} up",
                               interface)};
        return nullptr;
    }
    const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        failure = refusal(interface, errno);
        return nullptr;
    }
    std::memcpy(request.ifr_name, interface.c_str(), interface.size());
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(fd, TUNSETIFF, &request) != 0) {
        failure = refusal(interface, errno);
        close(fd);
        return nullptr;
    }
    return std::unique_ptr<TapNetwork>(new TapNetwork(fd));
}

TapNetwork::~TapNetwork() { close(fd_); }

void TapNetwork::set_offloads(Offloads offloads) {
    unsigned long flags = 0;
    if (offloads.checksum) flags |= TUN_F_CSUM;
    if (offloads.checksum && offloads.tcp4) flags |= TUN_F_TSO4;
    if (offloads.checksum && offloads.tcp6) flags |= TUN_F_TSO6;
    ioctl(fd_, TUNSETOFFLOAD, flags);
}

int TapNetwork::prepare(std::vector<pollfd>& descriptors, bool receiving) {
    if (receiving) descriptors.push_back({fd_, POLLIN, 0});
    return -1;
}

void TapNetwork::serve(std::span<const pollfd> polled) {
    if (polled.empty() || polled.front().revents == 0) return;
    for (unsigned frames = 0; frames < kFramesATurn; frames++) {
        FrameHeader header;
        iovec parts[2] = {{&header, sizeof header}, {frame_.get(), kLargestFrame}};
        const ssize_t got = readv(fd_, parts, 2);
        if (got < static_cast<ssize_t>(sizeof header + kEthernetHeader)) return;
        receiver().receive(header, {frame_.get(), static_cast<size_t>(got) - sizeof header});
    }
}

void TapNetwork::send(const FrameHeader& header, std::span<uint8_t> frame) {
    FrameHeader copy = header;
    iovec parts[2] = {{&copy, sizeof copy}, {frame.data(), frame.size()}};
    // What the interface does not take, because it is down or the header is nonsense, is lost, as on any wire.
    [[maybe_unused]] const ssize_t written = writev(fd_, parts, 2);
}

} // namespace beeline::net
