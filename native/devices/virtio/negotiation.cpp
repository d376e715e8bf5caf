#include "devices/virtio/negotiation.h"

#include <utility>

namespace beeline::devices::virtio {

void Negotiation::clear() {
    status_ = 0;
    accepted_ = 0;
    for (Queue& queue : layouts_) queue = {.layout = {.size = Virtqueue::kLargestSize}};
}

void Negotiation::reset(std::mutex& board_lock) {
    if (std::exchange(resetting_, true)) return;
    board_lock.unlock();
    device_.reset();
    board_lock.lock();
    resetting_ = false;
    clear();
}

void Negotiation::set_status(uint8_t value) {
    const auto risen = static_cast<uint8_t>(value & ~status_);
    // The driver clears no bit but by a reset (2.1.1), and NEEDS_RESET is the device's.
    status_ |= value & ~kNeedsReset;
    if ((risen & kFeaturesOk) != 0) {
        // What was not offered cannot be had, and a driver of the legacy interface is not served (6.2).
        const bool acceptable = (accepted_ & ~offered()) == 0 && (accepted_ & kVersion1) != 0;
        if (!acceptable) status_ &= ~kFeaturesOk;
    }
    if ((risen & kDriverOk) == 0) return;
    if ((status_ & kFeaturesOk) == 0 || !device_.activate(accepted_, ready_layouts())) status_ |= kNeedsReset;
}

std::vector<QueueLayout> Negotiation::ready_layouts() const {
    std::vector<QueueLayout> layouts(layouts_.size());
    for (size_t i = 0; i < layouts_.size(); i++)
        if (layouts_[i].ready) layouts[i] = layouts_[i].layout;
    return layouts;
}

void Negotiation::exchange(snapshot::Archive& archive) {
    archive.same(device_.id(), "it is of another device");
    archive.value(status_);
    archive.value(accepted_);
    archive.require((status_ & (kFeaturesOk | kDriverOk)) != kDriverOk || (status_ & kNeedsReset) != 0,
                    "it is driven without features");
    archive.require((status_ & kFeaturesOk) == 0 || ((accepted_ & ~offered()) == 0 && (accepted_ & kVersion1) != 0),
                    "it has features that this machine's device has not");
    for (Queue& queue : layouts_) {
        archive.value(queue.layout.size);
        for (uint64_t* value : {&queue.layout.descriptors, &queue.layout.driver_area, &queue.layout.device_area})
            archive.value(*value);
        archive.value(queue.ready);
    }
    device_.exchange(archive, {driving(), accepted_, ready_layouts()});
}

bool Negotiation::fail() {
    if (!driving()) return false;
    status_ |= kNeedsReset;
    return true;
}

void Negotiation::set_driver_features(uint32_t word, uint32_t value) {
    if (word >= 2 || (status_ & kFeaturesOk) != 0) return;
    accepted_ = (accepted_ & ~(uint64_t{0xFFFF'FFFF} << word * 32)) | uint64_t{value} << word * 32;
}

void Negotiation::notify(uint32_t number) {
    if (driving() && number < layouts_.size() && layouts_[number].ready) device_.notify(number);
}

} // namespace beeline::devices::virtio
