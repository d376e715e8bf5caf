// The entropy device (Virtio 1.2, 5.4): the host's random bytes.
#pragma once

#include "devices/virtio/threaded_device.h"

namespace beeline::devices::virtio {

class VirtioRng final : public ThreadedDevice {
public:
    explicit VirtioRng(GuestMemoryAccess& memory) : ThreadedDevice("beeline-rng", 1, memory) {}
    ~VirtioRng() override { stop(); }

    DeviceId id() const override { return DeviceId::Entropy; }
    uint64_t features() const override { return 0; }
    std::span<const uint8_t> configuration() const override { return {}; }

private:
    void exchange_own(snapshot::Archive&) override {}
    void work(std::span<const pollfd> polled, uint64_t notified) override;
    Chain chain_;
};

} // namespace beeline::devices::virtio
