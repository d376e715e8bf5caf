// The memory balloon (Virtio 1.2, 5.5): pages that the guest gives up, or says are free, go back to the host, and are
// zero when the guest touches them again. As with any write of a device's, the guest sees to it that no CPU executes
// what was there.
#pragma once

#include "devices/virtio/threaded_device.h"

#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace beeline::devices::virtio {

class VirtioBalloon final : public ThreadedDevice {
public:
    explicit VirtioBalloon(GuestMemoryAccess& memory);
    ~VirtioBalloon() override { stop(); }

    static constexpr uint64_t kPageBytes = 4096;

    /// Pages that the guest is to give up; with the board lock held.
    void set_target(uint32_t pages);
    /// Pages that it says it has given up; with the board lock held.
    uint32_t actual() const;
    /// What the guest last told of its memory, by the numbers of 5.5.6.3; asks it to tell anew.
    std::map<uint16_t, uint64_t> statistics();

    DeviceId id() const override { return DeviceId::Balloon; }
    uint64_t features() const override;
    std::span<const uint8_t> configuration() const override { return configuration_; }
    void write_configuration(uint64_t offset, unsigned size, uint32_t value) override;

private:
    void work(std::span<const pollfd> polled, uint64_t notified) override;
    void activated(uint64_t features) override;
    void deactivated() override;
    void put_back() override;
    void exchange_own(snapshot::Archive& archive) override;

    uint32_t give_up(const Chain& chain);
    void exchange_statistics();
    void take_statistics();

    GuestMemoryAccess& memory_;
    std::array<uint8_t, 16> configuration_{}; ///< Guarded by the board lock.
    bool has_statistics_ = false;
    unsigned reporting_queue_ = 0; ///< 0: none.
    std::vector<uint32_t> pages_;

    Chain statistics_chain_; ///< Of the guest's, until new statistics are wanted.
    bool has_chain_ = false;
    std::mutex statistics_lock_;
    std::map<uint16_t, uint64_t> statistics_; ///< Guarded by statistics_lock_, as is what follows.
    bool wanted_ = false;
};

} // namespace beeline::devices::virtio
