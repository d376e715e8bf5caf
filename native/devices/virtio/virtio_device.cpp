#include "devices/virtio/virtio_device.h"

namespace beeline::devices::virtio {

void exchange_queues(snapshot::Archive& archive, const VirtioDevice::Driving& driving, std::span<Virtqueue> queues) {
    for (size_t i = 0; i < queues.size(); i++) {
        Virtqueue& queue = queues[i];
        const QueueLayout& layout = driving.layouts[i];
        if (archive.loading()) {
            queue.disable();
            if (driving.active && layout.size != 0)
                archive.require(queue.enable(layout, (driving.features & kRingEventIndex) != 0),
                                "a queue is outside of memory");
        }
        queue.exchange(archive);
    }
}

} // namespace beeline::devices::virtio
