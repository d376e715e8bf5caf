// The entropy device (Virtio 1.2, 5.4): the host's random bytes, or numbers that are the same in every run.
#pragma once

#include "devices/virtio/threaded_device.h"

#include <random>

namespace beeline::devices::virtio {

class VirtioRng final : public ThreadedDevice {
public:
    explicit VirtioRng(GuestMemoryAccess& memory, bool repeatable = false)
        : ThreadedDevice("beeline-rng", 1, memory), repeatable_(repeatable) {}
    ~VirtioRng() override { stop(); }

    DeviceId id() const override { return DeviceId::Entropy; }
    uint64_t features() const override { return 0; }
    std::span<const uint8_t> configuration() const override { return {}; }

private:
    void exchange_own(snapshot::Archive&) override {}
    void work(std::span<const pollfd> polled, uint64_t notified) override;
    size_t fill(std::span<const iovec> buffers);
    bool random(uint8_t* bytes, size_t count);

    const bool repeatable_;
    std::mt19937_64 numbers_;
};

} // namespace beeline::devices::virtio
