// Arm PrimeCell GPIO (PL061, DDI 0190): eight lines. The board's power button is on one of them.
#pragma once

#include "devices/device.h"

#include <cstdint>

namespace beeline::devices {

class Pl061 final : public Device {
public:
    explicit Pl061(InterruptLine line);

    bool read(const MmioAccess& access, uint64_t& value) override;
    bool write(const MmioAccess& access, uint64_t value) override;
    void reset() override;
    void exchange(snapshot::Archive& archive) override;

    /// Drives one of the lines from outside.
    void set_input(unsigned line, bool level);

private:
    uint8_t data() const;
    void inputs_changed(uint8_t before);
    void update();

    InterruptLine line_;
    uint8_t inputs_ = 0; ///< Levels from outside; they survive a reset.
    uint8_t output_ = 0, direction_ = 0;
    uint8_t level_sense_ = 0, both_edges_ = 0, event_ = 0, mask_ = 0, latched_ = 0, alternate_ = 0;
};

} // namespace beeline::devices
