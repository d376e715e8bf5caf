// A tap interface of the host's: the guest's frames are the host's.
#pragma once

#include "net/open.h"

#include <memory>
#include <string>

namespace beeline::net {

class TapNetwork final : public Network {
public:
    static std::unique_ptr<TapNetwork> open(const std::string& interface, NetworkFailure& failure);
    ~TapNetwork() override;

    void set_offloads(Offloads offloads) override;
    int prepare(std::vector<pollfd>& descriptors, bool receiving) override;
    void serve(std::span<const pollfd> polled) override;
    void send(const FrameHeader& header, std::span<uint8_t> frame) override;
    void finish() override {}

private:
    explicit TapNetwork(int fd) : fd_(fd) {}

    const int fd_;
    std::unique_ptr<uint8_t[]> frame_ = std::make_unique<uint8_t[]>(kLargestFrame);
};

} // namespace beeline::net
