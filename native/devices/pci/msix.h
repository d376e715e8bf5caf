// MSI-X (PCI Local Bus Specification 3.0, 6.8.2): a function's table of messages and its pending bits.
#pragma once

#include "snapshot/archive.h"

#include <cstdint>
#include <vector>

namespace beeline::devices::pci {

/// A memory write that is an interrupt.
struct Message {
    uint64_t address;
    uint32_t data;
};

class Msix {
public:
    /// Table at 0, pending bits in the second half.
    static constexpr uint64_t kBytes = 0x1000, kPendingOffset = 0x800;
    static constexpr unsigned kEntryBytes = 16, kMostVectors = kPendingOffset / kEntryBytes;
    /// Message control
    static constexpr uint16_t kEnable = 1 << 15, kFunctionMask = 1 << 14;

    explicit Msix(unsigned vectors);

    unsigned vectors() const { return static_cast<unsigned>(pending_.size()); }
    bool enabled() const { return (control_ & kEnable) != 0; }
    void set_control(uint16_t control) { control_ = control; }
    void reset();
    /// But the control word, which is in the configuration space.
    void exchange(snapshot::Archive& archive);

    uint32_t read(uint64_t offset, unsigned size) const;
    void write(uint64_t offset, unsigned size, uint32_t value);

    bool masked(unsigned vector) const;
    Message message(unsigned vector) const;
    void set_pending(unsigned vector, bool pending);
    bool pending(unsigned vector) const { return pending_[vector]; }
    bool any_pending() const { return pending_count_ != 0; }

private:
    std::vector<uint8_t> table_;
    std::vector<bool> pending_;
    unsigned pending_count_ = 0;
    uint16_t control_ = 0;
};

} // namespace beeline::devices::pci
