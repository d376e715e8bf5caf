#include "board/bus.h"

#include <algorithm>
#include <fmt/format.h>

namespace beeline::board {

void Bus::attach(Region region, devices::Device& device) {
    const auto after = std::upper_bound(entries_.begin(), entries_.end(), region.base,
                                        [](uint64_t base, const Entry& entry) { return base < entry.region.base; });
    entries_.insert(after, Entry{region, &device});
}

void Bus::reset_devices() {
    for (const Entry& entry : entries_) entry.device->reset();
}

void Bus::exchange_devices(snapshot::Archive& archive) {
    for (const Entry& entry : entries_)
        archive.section(fmt::format("device@{:x}", entry.region.base), 1, [&] { entry.device->exchange(archive); });
}

const Bus::Entry* Bus::find(uint64_t address, unsigned size) const {
    const auto after = std::upper_bound(entries_.begin(), entries_.end(), address,
                                        [](uint64_t wanted, const Entry& entry) { return wanted < entry.region.base; });
    if (after == entries_.begin()) return nullptr;
    const Entry& entry = *(after - 1);
    return address + size <= entry.region.end() ? &entry : nullptr;
}

bool Bus::read(uint64_t address, unsigned size, unsigned cpu, uint64_t& value) const {
    const Entry* entry = find(address, size);
    if (entry == nullptr) return false;
    const unsigned step = std::min(size, entry->device->widest_access());
    value = 0;
    for (unsigned done = 0; done < size; done += step) {
        uint64_t part = 0;
        if (!entry->device->read({address + done - entry->region.base, step, cpu}, part)) return false;
        value |= part << done * 8;
    }
    return true;
}

bool Bus::write(uint64_t address, unsigned size, unsigned cpu, uint64_t value) const {
    const Entry* entry = find(address, size);
    if (entry == nullptr) return false;
    const unsigned step = std::min(size, entry->device->widest_access());
    const uint64_t mask = step == 8 ? ~uint64_t{0} : (uint64_t{1} << step * 8) - 1;
    for (unsigned done = 0; done < size; done += step)
        if (!entry->device->write({address + done - entry->region.base, step, cpu}, value >> done * 8 & mask))
            return false;
    return true;
}

} // namespace beeline::board
