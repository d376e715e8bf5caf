// GICv2m (Arm Server Base System Architecture, appendix E): a frame where a device's message is an edge of a shared
// peripheral interrupt.
#pragma once

#include "devices/device.h"

#include <cstdint>

namespace beeline::devices::gic {

class GicV2m final : public Device {
public:
    static constexpr uint64_t kSize = 0x1000, kSetSpi = 0x040;

    GicV2m(InterruptSink& sink, unsigned first_spi, unsigned spis) : sink_(sink), first_spi_(first_spi), spis_(spis) {}

    bool read(const MmioAccess& access, uint64_t& value) override {
        value = access.offset == kTyper ? (first_spi_ + kFirstSpiIntid) << 16 | spis_ : 0;
        return true;
    }
    bool write(const MmioAccess& access, uint64_t value) override {
        if (access.offset == kSetSpi) signal(static_cast<uint32_t>(value));
        return true;
    }
    void reset() override {}
    void exchange(snapshot::Archive&) override {}

    /// MSI_SETSPI_NS, from a device or a CPU.
    void signal(uint32_t intid) {
        const uint32_t spi = intid - kFirstSpiIntid;
        if (spi < first_spi_ || spi >= first_spi_ + spis_) return;
        sink_.set_spi(spi, true);
        sink_.set_spi(spi, false);
    }

private:
    static constexpr uint64_t kTyper = 0x008;
    static constexpr unsigned kFirstSpiIntid = 32;

    InterruptSink& sink_;
    const unsigned first_spi_, spis_;
};

} // namespace beeline::devices::gic
