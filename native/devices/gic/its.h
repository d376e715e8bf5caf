// The Interrupt Translation Service of GICv3 (IHI 0069, chapter 5): turns a device's messages into LPIs, by tables in
// guest memory that commands change. Whatever those hold, only guest memory is written, and only inside tables.
#pragma once

#include "devices/device.h"
#include "devices/gic/gic_v3.h"

#include <array>
#include <cstdint>
#include <optional>

namespace beeline::devices::gic {

class Its final : public Device {
public:
    /// Control frame and translation frame.
    static constexpr uint64_t kSize = 0x2'0000, kTranslater = 0x1'0040;
    /// Device identifiers have as many bits as the requesters of 16 buses.
    static constexpr unsigned kDeviceBits = 12, kCollectionBits = 16;

    Its(GicV3& gic, unsigned cpus, GuestMemoryAccess& memory) : gic_(gic), cpus_(cpus), memory_(memory) { reset(); }

    bool read(const MmioAccess& access, uint64_t& value) override;
    bool write(const MmioAccess& access, uint64_t value) override;
    void reset() override;
    void exchange(snapshot::Archive& archive) override;
    unsigned widest_access() const override { return 8; }

    /// A device has written GITS_TRANSLATER.
    void translate(uint32_t device, uint32_t event);

private:
    using Command = std::array<uint64_t, 4>;
    struct DeviceEntry {
        uint64_t table; ///< Interrupt translation table
        unsigned event_bits;
    };
    struct Interrupt {
        uint32_t intid;
        uint32_t collection;
    };

    uint64_t read_register(uint64_t offset) const;
    void write_register(uint64_t offset, uint64_t value);
    void run_commands();
    void execute(const Command& command);
    void map_device(const Command& command);
    void map_collection(const Command& command);
    void map_interrupt(const Command& command, uint32_t intid);

    /// An entry of a table that a GITS_BASER describes; nullptr: it is not in RAM.
    uint64_t* entry(uint64_t base, uint64_t index) const;
    std::optional<DeviceEntry> device(uint32_t id) const;
    uint64_t* interrupt_entry(uint32_t device, uint32_t event) const;
    std::optional<Interrupt> interrupt(uint32_t device, uint32_t event) const;
    std::optional<unsigned> cpu_of(uint32_t collection) const;

    GicV3& gic_;
    const unsigned cpus_;
    GuestMemoryAccess& memory_;
    bool enabled_ = false, stalled_ = false;
    uint64_t queue_base_ = 0, write_offset_ = 0, read_offset_ = 0;
    uint64_t device_base_ = 0, collection_base_ = 0;
};

} // namespace beeline::devices::gic
