// Which device answers at a physical address.
#pragma once

#include "board/memory_map.h"
#include "devices/device.h"

#include <cstdint>
#include <vector>

namespace beeline::board {

class Bus {
public:
    /// Regions must not overlap.
    void attach(Region region, devices::Device& device);
    void reset_devices();
    /// The state of every device, under its address.
    void exchange_devices(snapshot::Archive& archive);

    /// A naturally aligned access of 1, 2, 4 or 8 bytes. False: nothing is there, or the device refuses.
    bool read(uint64_t address, unsigned size, unsigned cpu, uint64_t& value) const;
    bool write(uint64_t address, unsigned size, unsigned cpu, uint64_t value) const;

private:
    struct Entry {
        Region region;
        devices::Device* device;
    };
    /// The entry that holds the whole access.
    const Entry* find(uint64_t address, unsigned size) const;

    std::vector<Entry> entries_; ///< Sorted by address
};

} // namespace beeline::board
