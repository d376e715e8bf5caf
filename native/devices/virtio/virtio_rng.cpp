#include "devices/virtio/virtio_rng.h"

#include <algorithm>
#include <sys/random.h>

namespace beeline::devices::virtio {

namespace {

/// A driver gets no more than this at a time, so that no request takes long.
constexpr size_t kMostBytes = 64 * 1024;
constexpr unsigned kChainsATurn = 16;

/// How many bytes of `buffers` were filled.
size_t fill(std::span<const iovec> buffers) {
    size_t done = 0;
    for (const iovec& buffer : buffers) {
        const size_t wanted = std::min(buffer.iov_len, kMostBytes - done);
        size_t here = 0;
        while (here < wanted) {
            const ssize_t got = getrandom(static_cast<uint8_t*>(buffer.iov_base) + here, wanted - here, 0);
            if (got <= 0) return done + here;
            here += static_cast<size_t>(got);
        }
        done += wanted;
        if (done == kMostBytes) break;
    }
    return done;
}

} // namespace

void VirtioRng::work(std::span<const pollfd>, uint64_t notified) {
    Virtqueue& requests = queue(0);
    if (notified == 0 || !requests.enabled()) return;
    unsigned taken = 0;
    do {
        requests.suppress_notifications();
        for (;;) {
            if (taken++ == kChainsATurn) {
                notify(0);
                return;
            }
            const Virtqueue::Pop popped = requests.pop(chain_);
            if (popped == Virtqueue::Pop::Empty) break;
            // The driver gives no buffer to read (5.4.6.1).
            if (popped == Virtqueue::Pop::Broken || !chain_.readable.empty()) return fail();
            requests.push(chain_.head, static_cast<uint32_t>(fill(chain_.writable)));
            used(0);
        }
    } while (requests.enable_notifications());
}

} // namespace beeline::devices::virtio
