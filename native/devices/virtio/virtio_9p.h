// A directory of the host's as a 9P transport, for Linux's "mount -t 9p -o trans=virtio". (Virtio 1.2 lists the
// device's number, 9; its registers are those of Linux's include/uapi/linux/virtio_9p.h.)
#pragma once

#include "devices/virtio/threaded_device.h"
#include "share/p9_server.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace beeline::devices::virtio {

class Virtio9p final : public ThreadedDevice {
public:
    /// `tag` is what the guest mounts it by.
    Virtio9p(std::unique_ptr<share::Directory> directory, const std::string& tag, GuestMemoryAccess& memory);
    ~Virtio9p() override { stop(); }

    DeviceId id() const override { return DeviceId::NineP; }
    uint64_t features() const override;
    std::span<const uint8_t> configuration() const override { return configuration_; }
    std::string obstacle() override;

private:
    void work(std::span<const pollfd> polled, uint64_t notified) override;
    void deactivated() override { server_.reset(); }
    void exchange_own(snapshot::Archive& archive) override;
    std::optional<uint32_t> answer(const Chain& chain);

    share::P9Server server_;
    std::vector<uint8_t> configuration_;
    std::vector<uint8_t> request_;
};

} // namespace beeline::devices::virtio
