// What is behind a network card: checksums, joined segments, the user-mode network, errors of both kinds.
#include "board_support.h"
#include "net/checksum.h"
#include "net/open.h"
#include "net/segment_merger.h"

#include <arpa/inet.h>
#include <cstring>
#include <filesystem>
#include <netinet/in.h>
#include <random>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;

namespace {

using Bytes = std::vector<uint8_t>;

uint16_t plain_sum(const uint8_t* bytes, size_t length, uint32_t sum = 0) {
    for (size_t i = 0; i < length; i++) sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
    while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<uint16_t>(sum);
}

void checksums() {
    std::mt19937 random(3);
    for (unsigned round = 0; round < 2000; round++) {
        Bytes bytes(random() % 300);
        for (uint8_t& byte : bytes) byte = round % 3 == 0 ? 0xFF : static_cast<uint8_t>(random());
        const uint16_t wanted = plain_sum(bytes.data(), bytes.size()), sum = net::ones_complement_sum(bytes);
        if (ntohs(sum) != wanted) check_equal(ntohs(sum), wanted, "sum");
    }
    Bytes frame(60, 1);
    check(net::complete_checksum({.flags = 1, .checksum_start = 40, .checksum_offset = 18}, frame),
          "in the last bytes");
    check(!net::complete_checksum({.flags = 1, .checksum_start = 40, .checksum_offset = 19}, frame), "one beyond");
    check(!net::complete_checksum({.flags = 1, .checksum_start = 0xFFFF, .checksum_offset = 0xFFFF}, frame), "far");
}

/// A segment from 10.0.2.2:80 to the guest, its checksums right.
Bytes segment(uint32_t sequence, size_t length, uint8_t flags = 0x10, uint16_t port = 4000) {
    Bytes frame(54 + length);
    const uint8_t headers[54] = {0x52, 0x54, 0, 1, 2,  3, 0x52, 0x55, 10, 0, 2, 2, 8,  0, 0x45, 0,  0, 0,
                                 0,    9,    0, 0, 64, 6, 0,    0,    10, 0, 2, 2, 10, 0, 2,    15, 0, 80};
    std::memcpy(frame.data(), headers, sizeof headers);
    const auto put16 = [&](size_t at, uint32_t value) {
        frame[at] = static_cast<uint8_t>(value >> 8);
        frame[at + 1] = static_cast<uint8_t>(value);
    };
    put16(16, static_cast<uint32_t>(40 + length));
    put16(36, port);
    put16(38, sequence >> 16);
    put16(40, sequence & 0xFFFF);
    frame[46] = 0x50;
    frame[47] = flags;
    put16(48, 8192);
    for (size_t i = 0; i < length; i++) frame[54 + i] = static_cast<uint8_t>(sequence + i);
    put16(24, static_cast<uint16_t>(~plain_sum(&frame[14], 20)));
    const uint32_t pseudo = plain_sum(&frame[26], 8) + 6 + 20 + static_cast<uint32_t>(length);
    put16(50, static_cast<uint16_t>(~plain_sum(&frame[34], 20 + length, pseudo)));
    return frame;
}

struct Collected {
    std::vector<std::pair<net::FrameHeader, Bytes>> frames;
    net::SegmentMerger merger{[this](const net::FrameHeader& header, std::span<const uint8_t> frame) {
        frames.emplace_back(header, Bytes(frame.begin(), frame.end()));
    }};
};

void joined_segments() {
    Collected c;
    c.merger.configure(true, true);
    for (uint32_t i = 0; i < 10; i++) c.merger.add(segment(0xFFFF'FF00 + i * 100, 100));
    c.merger.add(segment(0xFFFF'FF00 + 1000, 30));
    check_equal(c.frames.size(), 1, "a shorter segment is the last");
    auto [header, frame] = c.frames[0];
    check(header.flags == 1 && header.segment_type == 1 && header.segment_size == 100 && header.header_length == 54,
          "header");
    check_equal(frame.size(), 54 + 1030, "length");
    bool same = true;
    for (size_t i = 0; i < 1030; i++) same = same && frame[54 + i] == static_cast<uint8_t>(0xFFFF'FF00 + i);
    check(same, "bytes in their order");
    check_equal(plain_sum(&frame[14], 20), 0xFFFF, "the IP header's checksum");
    check(net::complete_checksum(header, frame), "the TCP checksum can be completed");
    check_equal(plain_sum(&frame[34], 20 + 1030, plain_sum(&frame[26], 8) + 6 + 20 + 1030), 0xFFFF, "and is right");

    const auto apart = [](const char* what, const Bytes& first, const Bytes& second) {
        Collected one;
        one.merger.configure(true, true);
        one.merger.add(first);
        one.merger.add(second);
        one.merger.flush();
        check(one.frames.size() == 2 && one.frames[0].second == first && one.frames[1].second == second &&
                  one.frames[0].first.flags == 2,
              what);
    };
    apart("a gap", segment(0, 100), segment(200, 100));
    apart("another connection", segment(0, 100), segment(100, 100, 0x10, 4001));
    apart("PSH", segment(0, 100, 0x18), segment(100, 100));
    apart("FIN", segment(0, 100), segment(100, 100, 0x11));
    apart("no data", segment(0, 0), segment(0, 0));
    apart("a longer one", segment(0, 100), segment(100, 101));
    Bytes window = segment(100, 100);
    window[48]++;
    apart("another window", segment(0, 100), window);
    Bytes padded = segment(100, 100);
    padded.push_back(0);
    apart("bytes behind the packet", segment(0, 100), padded);
    apart("bytes that are nothing", Bytes(14, 0xFF), Bytes(60, 0x45));

    Collected large;
    large.merger.configure(true, true);
    for (uint32_t i = 0; i < 50; i++) large.merger.add(segment(i * 1460, 1460));
    large.merger.flush();
    check(large.frames.size() == 2 && large.frames[0].second.size() == 54 + 44 * 1460, "no more than a packet holds");
    Collected off;
    off.merger.configure(true, false);
    off.merger.add(segment(0, 100));
    off.merger.add(segment(100, 100));
    check(off.frames.size() == 2 && off.frames[0].first.flags == 0, "nothing is joined without checksums");
}

struct Inbox final : net::FrameReceiver {
    void receive(const net::FrameHeader&, std::span<const uint8_t> frame) override {
        frames.emplace_back(frame.begin(), frame.end());
    }
    std::vector<Bytes> frames;
};

void user_network() {
    net::NetworkFailure failure;
    auto network = net::open_network({}, failure);
    if (!check(network != nullptr, "a user-mode network")) return;
    Inbox inbox;
    network->attach(inbox);
    // Who has 10.0.2.2?
    Bytes question = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x52, 0x54, 0, 1, 2,  3, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                      1,    0x52, 0x54, 0,    1,    2,    3,    10,   0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2};
    question.resize(60);
    network->send({}, question);
    network->finish();
    check(inbox.frames.size() == 1 && inbox.frames[0].size() >= 42 && inbox.frames[0][21] == 2, "an ARP answer");

    const int taken = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    check(bind(taken, reinterpret_cast<sockaddr*>(&address), length) == 0 && listen(taken, 1) == 0 &&
              getsockname(taken, reinterpret_cast<sockaddr*>(&address), &length) == 0,
          "a port in use");
    net::NetworkConfig config;
    config.forwards.push_back({.host_address = "127.0.0.1", .host_port = ntohs(address.sin_port), .guest_port = 22});
    check(net::open_network(config, failure) == nullptr, "is refused");
    check(failure.detail == fmt::format("TCP port {} of 127.0.0.1 is in use", ntohs(address.sin_port)), failure.detail);
    close(taken);
    check(net::open_network(config, failure) != nullptr, "and taken when it is free");
    config.forwards[0].host_address = "192.0.2.77";
    check(net::open_network(config, failure) == nullptr && failure.detail.find("not the host's") != std::string::npos,
          "an address of somebody else");
}

/// A segment that opens a connection from a port of the guest's to one of the host's, or ends it; or a datagram.
Bytes to_host(uint8_t protocol, uint16_t from, uint16_t to, uint8_t flags, uint32_t sequence = 0) {
    Bytes frame = segment(sequence, 0, flags, from);
    const uint8_t host[6] = {0x52, 0x55, 10, 0, 2, 2}, guest[6] = {0x52, 0x54, 0, 1, 2, 3};
    std::copy_n(host, 6, frame.begin());
    std::copy_n(guest, 6, frame.begin() + 6);
    frame[23] = protocol;
    frame[29] = 15;
    frame[33] = 2;
    const auto put16 = [&](size_t at, unsigned value) {
        frame[at] = static_cast<uint8_t>(value >> 8);
        frame[at + 1] = static_cast<uint8_t>(value);
    };
    put16(34, from);
    put16(36, to);
    put16(24, 0);
    put16(24, static_cast<uint16_t>(~plain_sum(&frame[14], 20)));
    if (protocol == IPPROTO_UDP) {
        put16(38, 20);
        put16(40, 0); // No checksum.
        return frame;
    }
    put16(50, 0);
    put16(50, static_cast<uint16_t>(~plain_sum(&frame[34], 20, plain_sum(&frame[26], 8) + 6 + 20)));
    return frame;
}

size_t descriptors() {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

/// However many connections a guest opens, the process has descriptors left.
void bounded_sockets() {
    const size_t before = descriptors();
    struct rlimit limit {
    }, low{};
    getrlimit(RLIMIT_NOFILE, &limit);
    low = {512, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t length = sizeof address;
    bind(server, reinterpret_cast<sockaddr*>(&address), length);
    listen(server, 4096);
    getsockname(server, reinterpret_cast<sockaddr*>(&address), &length);
    const uint16_t port = ntohs(address.sin_port);
    {
        net::NetworkFailure failure;
        const auto network = net::open_network({}, failure);
        Inbox inbox;
        network->attach(inbox);
        const auto turn = [&] {
            std::vector<pollfd> polled(1, {-1, 0, 0});
            network->prepare(polled, true);
            poll(polled.data(), polled.size(), 1);
            network->serve(std::span(polled).subspan(1));
            network->finish();
        };
        const auto send = [&](Bytes frame) {
            network->send({}, frame);
            if (frame[35] % 16 == 0) turn();
        };
        for (uint16_t from = 1000; from < 2000; from++) send(to_host(IPPROTO_TCP, from, port, 0x02));
        check(descriptors() > before + 80 && descriptors() < before + 110, "connections");
        for (uint16_t from = 1000; from < 2000; from++) send(to_host(IPPROTO_UDP, from, 9, 0));
        check(descriptors() > before + 120 && descriptors() < before + 140, "and datagrams");
        for (unsigned i = 0; i < 20; i++) turn();
        for (uint16_t from = 1000; from < 2000; from++) send(to_host(IPPROTO_TCP, from, port, 0x04, 1));
        for (unsigned i = 0; i < 20; i++) turn();
        check(descriptors() < before + 50, "closed ones are not counted");
        const size_t then = descriptors();
        for (uint16_t from = 3000; from < 3020; from++) send(to_host(IPPROTO_TCP, from, port, 0x02));
        check(descriptors() >= then + 20, "so there may be others");
    }
    close(server);
    setrlimit(RLIMIT_NOFILE, &limit);
    check_equal(descriptors(), before, "everything is closed");
}

void forwards() {
    net::NetworkFailure failure;
    auto network = net::open_network({}, failure);
    if (!check(network != nullptr && network->forwards().empty(), "a network without forwards")) return;
    const net::Forward forward{.host_address = "127.0.0.1", .host_port = 34567, .guest_port = 22};
    net::Forward udp = forward;
    udp.udp = true;
    check(network->add_forward(forward, failure) && network->add_forward(udp, failure), failure.detail);
    check(!network->add_forward(udp, failure) && failure.detail == "UDP port 34567 of 127.0.0.1 is in use",
          failure.detail);
    check(network->forwards().size() == 2 && network->forwards()[1].udp, "both are listed");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(forward.host_port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto connects = [&] {
        const int caller = socket(AF_INET, SOCK_STREAM, 0);
        const int result = connect(caller, reinterpret_cast<sockaddr*>(&address), sizeof address);
        close(caller);
        return result == 0;
    };
    check(connects(), "somebody listens there");
    net::Forward other = forward;
    other.host_address.clear();
    check(!network->remove_forward(other), "another address is another forward");
    check(network->remove_forward(forward) && !network->remove_forward(forward), "removed once");
    check(network->forwards().size() == 1 && !connects(), "and nobody listens any more");
}

void tap() {
    net::NetworkFailure failure;
    const auto refused = [&](const char* interface, const char* why) {
        check(net::open_network({.kind = net::NetworkConfig::Kind::Tap, .interface = interface}, failure) == nullptr &&
                  failure.detail.find(why) != std::string::npos,
              failure.detail);
    };
    refused("nowhere0", "there is no interface nowhere0");
    refused("a-name-that-is-too-long", "cannot be the name");
    refused("lo", "lo");
}

void addresses() {
    check(net::parse_mac("52:54:00:12:aB:56") == net::MacAddress{0x52, 0x54, 0, 0x12, 0xAB, 0x56}, "an address");
    for (const char* text : {"", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:5g", "52-54-00-12-34-56",
                             "52:54:00:12:34:56:78", "+2:54:00:12:34:56"})
        check(!net::parse_mac(text), text);
}

} // namespace

int main() {
    checksums();
    joined_segments();
    user_network();
    bounded_sockets();
    forwards();
    tap();
    addresses();
    return report("network");
}
