#include "devices/virtio/virtio_rng.h"

#include <algorithm>
#include <optional>
#include <sys/random.h>

namespace beeline::devices::virtio {

namespace {

/// A driver gets no more than this at a time, so that no request takes long.
constexpr size_t kMostBytes = 64 * 1024;
constexpr unsigned kChainsATurn = 16;

} // namespace

/// False: the host has none left.
bool VirtioRng::random(uint8_t* bytes, size_t count) {
    if (repeatable_) {
        for (size_t i = 0; i < count; i++) bytes[i] = static_cast<uint8_t>(numbers_() >> 56);
        return true;
    }
    for (size_t done = 0; done < count;) {
        const ssize_t got = getrandom(bytes + done, count - done, 0);
        if (got <= 0) return false;
        done += static_cast<size_t>(got);
    }
    return true;
}

/// How many bytes of `buffers` were filled.
size_t VirtioRng::fill(std::span<const iovec> buffers) {
    size_t done = 0;
    for (const iovec& buffer : buffers) {
        const size_t wanted = std::min(buffer.iov_len, kMostBytes - done);
        if (!random(static_cast<uint8_t*>(buffer.iov_base), wanted)) break;
        done += wanted;
        if (done == kMostBytes) break;
    }
    return done;
}

void VirtioRng::work(std::span<const pollfd>, uint64_t notified) {
    if (notified == 0) return;
    serve(0, kChainsATurn, [this](const Chain& chain) -> std::optional<uint32_t> {
        // The driver gives no buffer to read (5.4.6.1).
        if (!chain.readable.empty()) return std::nullopt;
        return static_cast<uint32_t>(fill(chain.writable));
    });
}

} // namespace beeline::devices::virtio
