// What every device on the board is: registers at offsets, a reset, and interrupt lines out.
#pragma once

#include "snapshot/archive.h"

#include <cstdint>

namespace beeline::devices {

/// One naturally aligned register access, seen by the device. The board never passes one that leaves the device's
/// region.
struct MmioAccess {
    uint64_t offset;
    unsigned size; ///< Bytes: 1, 2, 4 or 8.
    unsigned cpu;  ///< Linear number of the CPU that makes it (banked registers).
};

/// A memory-mapped device. Every call is made with the board lock held.
class Device {
public:
    virtual ~Device() = default;
    /// False refuses the access: the CPU takes an external abort.
    virtual bool read(const MmioAccess& access, uint64_t& value) = 0;
    virtual bool write(const MmioAccess& access, uint64_t value) = 0;
    virtual void reset() = 0;
    /// The device's state, for a snapshot or from one. Nothing outside the device changes by it: no wire, no guest
    /// memory, neither of which need be in place yet. What a device has not been told otherwise follows from it later.
    virtual void exchange(snapshot::Archive& archive) = 0;
    /// Widest access the device itself takes; the bus splits wider ones, low half first.
    virtual unsigned widest_access() const { return 4; }
};

/// The interrupt inputs of a controller.
class InterruptSink {
public:
    virtual ~InterruptSink() = default;
    /// Shared peripheral interrupt `number` from 0 (INTID 32 + number).
    virtual void set_spi(unsigned number, bool level) = 0;
    /// Private peripheral interrupt by INTID, 16..31.
    virtual void set_ppi(unsigned cpu, unsigned intid, bool level) = 0;
};

/// One device's wire to the controller. Remembers its level, so that devices may say it again at no cost.
class InterruptLine {
public:
    InterruptLine(InterruptSink& sink, unsigned spi) : sink_(sink), spi_(spi) {}
    void set(bool level) {
        if (level == level_) return;
        level_ = level;
        sink_.set_spi(spi_, level);
    }
    bool level() const { return level_; }
    /// The controller has the level in its own state.
    void exchange(snapshot::Archive& archive) { archive.value(level_); }

private:
    InterruptSink& sink_;
    unsigned spi_;
    bool level_ = false;
};

/// The interrupt inputs of the CPUs, driven by a controller.
class CpuInterruptSink {
public:
    virtual ~CpuInterruptSink() = default;
    virtual void set_irq(unsigned cpu, bool level) = 0;
    virtual void set_fiq(unsigned cpu, bool level) = 0;
};

/// Guest memory, for devices that access it themselves.
class GuestMemoryAccess {
public:
    virtual ~GuestMemoryAccess() = default;
    /// Host address of `length` bytes of RAM at a guest-physical address; nullptr when any of them is not RAM.
    virtual uint8_t* span(uint64_t address, uint64_t length) = 0;
};

/// PrimeCell identification registers: eight bytes, one a word, at 0xFE0..0xFFC.
constexpr bool primecell_id(const uint8_t (&bytes)[8], uint64_t offset, uint64_t& value) {
    if (offset < 0xFE0 || offset >= 0x1000) return false;
    value = bytes[(offset - 0xFE0) / 4];
    return true;
}

} // namespace beeline::devices
