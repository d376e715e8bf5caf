#include "net/user_network.h"

#include "net/checksum.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <slirp/libslirp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <utility>

namespace beeline::net {

namespace {

constexpr uint32_t kNetwork = 0x0A00'0200, kMask = 0xFFFF'FF00, kHost = 0x0A00'0202, kNameServer = 0x0A00'0203,
                   kGuest = 0x0A00'020F;

/// libslirp keeps its clock and the host's name servers in variables of the process.
std::mutex library;
/// Of all guests' networks here; guarded by `library`.
size_t all_sockets = 0;

int64_t nanoseconds() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

struct Translation {
    int slirp;
    short poll;
};
constexpr Translation kEvents[] = {{SLIRP_POLL_IN, POLLIN},
                                   {SLIRP_POLL_OUT, POLLOUT},
                                   {SLIRP_POLL_PRI, POLLPRI},
                                   {SLIRP_POLL_ERR, POLLERR},
                                   {SLIRP_POLL_HUP, POLLHUP}};

/// A quarter of the descriptors that this process may have; others of it need some, too.
size_t sockets_for_host() {
    constexpr rlim_t kMost = 16384;
    struct rlimit limit {};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
    return std::min(kMost, limit.rlim_cur / 4);
}

bool listens(int fd) {
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value != 0;
}

/// What a frame may have libslirp open a socket for.
enum class Wanted : uint8_t { Nothing, Connection, Other };

Wanted wanted(std::span<const uint8_t> frame) {
    constexpr unsigned kIp4 = 0x0800, kIp6 = 0x86DD, kFragment = 0x3FFF;
    constexpr size_t kIp4Header = 20, kIp6Header = 40, kFlags = 13;
    constexpr uint8_t kSyn = 0x02, kAck = 0x10;
    const auto u16 = [frame](size_t at) { return unsigned{frame[at]} << 8 | frame[at + 1]; };
    if (frame.size() < kEthernetHeader + kIp4Header) return Wanted::Nothing;
    const uint8_t* const packet = frame.data() + kEthernetHeader;
    size_t segment = kEthernetHeader;
    uint8_t protocol = 0;
    if (u16(kEthernetHeader - 2) == kIp4) {
        // Put together, fragments may be anything.
        if ((u16(kEthernetHeader + 6) & kFragment) != 0) return Wanted::Other;
        protocol = packet[9];
        segment += size_t{packet[0] & 0xFu} * 4;
    } else if (u16(kEthernetHeader - 2) == kIp6) {
        protocol = packet[6];
        segment += kIp6Header;
    } else {
        return Wanted::Nothing;
    }
    // Neighbours are found without a socket.
    if (protocol == IPPROTO_ICMPV6) return Wanted::Nothing;
    if (protocol != IPPROTO_TCP) return Wanted::Other;
    const bool begins = frame.size() > segment + kFlags && (frame[segment + kFlags] & (kSyn | kAck)) == kSyn;
    return begins ? Wanted::Connection : Wanted::Nothing;
}

/// Nothing: `text` is no address. Empty stands for `otherwise`.
std::optional<in_addr> parse_address(const std::string& text, in_addr_t otherwise) {
    in_addr address{.s_addr = otherwise};
    if (!text.empty() && inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
    return address;
}

in_addr_t host_address(const Forward& forward) {
    return parse_address(forward.host_address, INADDR_ANY).value_or(in_addr{}).s_addr;
}

bool same_host_end(const Forward& one, const Forward& other) {
    return one.udp == other.udp && one.host_port == other.host_port && host_address(one) == host_address(other);
}

} // namespace

/// What libslirp calls; `opaque` is the network.
struct UserNetwork::Callbacks {
    struct Polled {
        std::vector<pollfd>& descriptors;
        bool full; ///< No more sockets.
    };
    static UserNetwork& self(void* opaque) { return *static_cast<UserNetwork*>(opaque); }

    static ssize_t send_packet(const void* bytes, size_t length, void* opaque) {
        self(opaque).merger_.add({static_cast<const uint8_t*>(bytes), length});
        return static_cast<ssize_t>(length);
    }
    // A guest may send nonsense as often as it likes; nobody wants to read of it.
    static void guest_error(const char*, void*) {}
    static int64_t clock_get_ns(void*) { return nanoseconds(); }
    static void* timer_new(SlirpTimerCb expired, void* of, void* opaque) {
        return &self(opaque).timers_.emplace_back(Timer{expired, of, -1});
    }
    static void timer_free(void* timer, void* opaque) {
        self(opaque).timers_.remove_if([timer](const Timer& one) { return &one == timer; });
    }
    static void timer_mod(void* timer, int64_t milliseconds, void*) {
        static_cast<Timer*>(timer)->deadline = milliseconds;
    }
    static void register_poll_fd(int fd, void* opaque) { self(opaque).note_socket(fd, true); }
    static void unregister_poll_fd(int fd, void* opaque) { self(opaque).note_socket(fd, false); }
    static void notify(void*) {}

    static int add_poll(int fd, int events, void* opaque) {
        auto& [descriptors, full] = *static_cast<Polled*>(opaque);
        // Who comes by a forwarded port waits there.
        if (full && listens(fd)) events = 0;
        short wanted = 0;
        for (const Translation& event : kEvents)
            if ((events & event.slirp) != 0) wanted = static_cast<short>(wanted | event.poll);
        descriptors.push_back({fd, wanted, 0});
        return static_cast<int>(descriptors.size()) - 1;
    }
    static int get_revents(int index, void* opaque) {
        // The first place is the thread's own descriptor, which serve() is not given.
        const auto& polled = *static_cast<const std::span<const pollfd>*>(opaque);
        const size_t place = static_cast<size_t>(index) - 1;
        if (place >= polled.size()) return 0;
        int events = 0;
        for (const Translation& event : kEvents)
            if ((polled[place].revents & event.poll) != 0) events |= event.slirp;
        return events;
    }

    static constexpr SlirpCb kTable{.send_packet = send_packet,
                                    .guest_error = guest_error,
                                    .clock_get_ns = clock_get_ns,
                                    .timer_new = timer_new,
                                    .timer_free = timer_free,
                                    .timer_mod = timer_mod,
                                    .register_poll_fd = register_poll_fd,
                                    .unregister_poll_fd = unregister_poll_fd,
                                    .notify = notify};
};

UserNetwork::UserNetwork()
    : most_sockets_(sockets_for_host()), merger_([this](const FrameHeader& header, std::span<const uint8_t> frame) {
          receiver().receive(header, frame);
      }) {}

std::unique_ptr<UserNetwork> UserNetwork::open(const NetworkConfig& config, NetworkFailure& failure) {
    SlirpConfig slirp{};
    slirp.version = 4;
    slirp.restricted = config.restricted ? 1 : 0;
    slirp.in_enabled = true;
    slirp.vnetwork.s_addr = htonl(kNetwork);
    slirp.vnetmask.s_addr = htonl(kMask);
    slirp.vhost.s_addr = htonl(kHost);
    slirp.vdhcp_start.s_addr = htonl(kGuest);
    slirp.vnameserver.s_addr = htonl(kNameServer);
    slirp.in6_enabled = true;
    inet_pton(AF_INET6, "fec0::", &slirp.vprefix_addr6);
    slirp.vprefix_len = 64;
    inet_pton(AF_INET6, "fec0::2", &slirp.vhost6);
    inet_pton(AF_INET6, "fec0::3", &slirp.vnameserver6);

    // Goes after the lock, which its destructor takes.
    std::unique_ptr<UserNetwork> network(new UserNetwork);
    const std::lock_guard lock(library);
    network->slirp_ = slirp_new(&slirp, &Callbacks::kTable, network.get());
    if (network->slirp_ == nullptr) {
        failure = {"the user-mode network could not be made", "see whether the host has memory left"};
        return nullptr;
    }
    for (const Forward& forward : config.forwards) {
        if (!network->forward(forward, failure)) return nullptr;
    }
    return network;
}

UserNetwork::~UserNetwork() {
    const std::lock_guard lock(library);
    if (slirp_ != nullptr) slirp_cleanup(slirp_);
    all_sockets -= sockets_.size();
}

bool UserNetwork::forward(const Forward& forward, NetworkFailure& failure) {
    const std::optional<in_addr> host = parse_address(forward.host_address, INADDR_ANY),
                                 guest = parse_address(forward.guest_address, htonl(kGuest));
    if (!host || !guest) {
        failure = {fmt::format("{} is no IPv4 address", host ? forward.guest_address : forward.host_address),
                   "give one such as 127.0.0.1, or leave it out"};
        return false;
    }
    // libslirp would share a UDP port with itself, and one of the two would get nothing.
    const bool taken = std::ranges::any_of(forwards_, [&](const Forward& one) { return same_host_end(one, forward); });
    if (!taken &&
        slirp_add_hostfwd(slirp_, forward.udp ? 1 : 0, *host, forward.host_port, *guest, forward.guest_port) == 0) {
        forwards_.push_back(forward);
        return true;
    }
    const int error = taken ? EADDRINUSE : errno;
    const std::string port = fmt::format("{} port {} of {}", forward.udp ? "UDP" : "TCP", forward.host_port,
                                         forward.host_address.empty() ? "the host" : forward.host_address);
    switch (error) {
    case EADDRINUSE: failure = {port + " is in use", "choose another port, or end what uses it"}; break;
    case EACCES: failure = {port + " is for root alone", "choose one from 1024 on"}; break;
    case EPERM:
        failure = {port + " cannot be forwarded: the guest's process is confined, and may open no socket any more",
                   "give the forward when the guest is started"};
        break;
    case EADDRNOTAVAIL: failure = {port + " cannot be: that address is not the host's", "choose another"}; break;
    default: failure = {fmt::format("{} cannot be forwarded ({})", port, std::strerror(error)), "choose another"};
    }
    return false;
}

/// libslirp sends nothing for these, so that the receiver is not called.
bool UserNetwork::add_forward(const Forward& forward, NetworkFailure& failure) {
    const std::lock_guard lock(library);
    return this->forward(forward, failure);
}

bool UserNetwork::remove_forward(const Forward& forward) {
    const std::lock_guard lock(library);
    const auto found = std::ranges::find_if(forwards_, [&](const Forward& one) { return same_host_end(one, forward); });
    if (found == forwards_.end()) return false;
    slirp_remove_hostfwd(slirp_, found->udp ? 1 : 0, {.s_addr = host_address(*found)}, found->host_port);
    forwards_.erase(found);
    return true;
}

std::vector<Forward> UserNetwork::forwards() const {
    const std::lock_guard lock(library);
    return forwards_;
}

int UserNetwork::prepare(std::vector<pollfd>& descriptors, bool) {
    const std::lock_guard lock(library);
    uint32_t timeout = std::numeric_limits<uint32_t>::max();
    Callbacks::Polled polled{descriptors, all_sockets >= most_sockets_};
    slirp_pollfds_fill(slirp_, &timeout, Callbacks::add_poll, &polled);
    auto milliseconds = static_cast<int64_t>(timeout == std::numeric_limits<uint32_t>::max() ? INT32_MAX : timeout);
    const int64_t now = nanoseconds() / 1'000'000;
    for (const Timer& timer : timers_)
        if (timer.deadline >= 0) milliseconds = std::min(milliseconds, std::max<int64_t>(0, timer.deadline - now));
    return milliseconds >= INT32_MAX ? -1 : static_cast<int>(milliseconds);
}

void UserNetwork::serve(std::span<const pollfd> polled) {
    const std::lock_guard lock(library);
    slirp_pollfds_poll(slirp_, 0, Callbacks::get_revents, &polled);
    serve_timers();
}

void UserNetwork::serve_timers() {
    const int64_t now = nanoseconds() / 1'000'000;
    for (Timer& timer : timers_) {
        if (timer.deadline < 0 || timer.deadline > now) continue;
        timer.deadline = -1;
        timer.expired(timer.of);
    }
}

void UserNetwork::note_socket(int fd, bool open) {
    const size_t before = sockets_.size();
    if (open) {
        sockets_.insert(fd);
    } else {
        // It is closed next, but stays open while a thread polls it: nobody is to come any more.
        if (listens(fd)) shutdown(fd, SHUT_RD);
        sockets_.erase(fd);
    }
    all_sockets += sockets_.size() - before;
}

/// A guest that has too many connections gets no more; a few sockets are left for its questions to name servers.
bool UserNetwork::may_open(std::span<const uint8_t> frame) const {
    if (all_sockets < most_sockets_ / 4 * 3) return true;
    switch (wanted(frame)) {
    case Wanted::Nothing: return true;
    case Wanted::Connection: return false;
    case Wanted::Other: break;
    }
    return all_sockets < most_sockets_;
}

void UserNetwork::send(const FrameHeader& header, std::span<uint8_t> frame) {
    // A frame of many segments goes in as it is: one large packet.
    if ((header.flags & FrameHeader::kNeedsChecksum) != 0 && !complete_checksum(header, frame)) return;
    const std::lock_guard lock(library);
    if (!may_open(frame)) return;
    slirp_input(slirp_, frame.data(), static_cast<int>(frame.size()));
}

} // namespace beeline::net
