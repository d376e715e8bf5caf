// A network of the guest's own, with address translation, DHCP and DNS in this process (libslirp): 10.0.2.0/24 with the
// host at .2, the name server at .3 and the guest at .15, and fec0::/64.
#pragma once

#include "net/open.h"
#include "net/segment_merger.h"

#include <list>
#include <memory>
#include <set>
#include <vector>

struct Slirp;

namespace beeline::net {

class UserNetwork final : public Network {
public:
    static std::unique_ptr<UserNetwork> open(const NetworkConfig& config, NetworkFailure& failure);
    ~UserNetwork() override;

    void set_offloads(Offloads offloads) override { merger_.configure(offloads.tcp4, offloads.checksum); }
    int prepare(std::vector<pollfd>& descriptors, bool receiving) override;
    void serve(std::span<const pollfd> polled) override;
    void send(const FrameHeader& header, std::span<uint8_t> frame) override;
    void finish() override { merger_.flush(); }
    [[nodiscard]] bool add_forward(const Forward& forward, NetworkFailure& failure) override;
    bool remove_forward(const Forward& forward) override;
    std::vector<Forward> forwards() const override;

private:
    struct Timer {
        void (*expired)(void*);
        void* of;
        int64_t deadline; ///< Milliseconds; negative: none.
    };
    struct Callbacks;

    UserNetwork();
    bool forward(const Forward& forward, NetworkFailure& failure);
    void serve_timers();
    void note_socket(int fd, bool open);
    bool may_open(std::span<const uint8_t> frame) const;

    Slirp* slirp_ = nullptr;
    const size_t most_sockets_; ///< Of the process's, for all networks.
    std::set<int> sockets_;     ///< Of this one.
    SegmentMerger merger_;
    std::list<Timer> timers_;
    std::vector<Forward> forwards_;
};

} // namespace beeline::net
