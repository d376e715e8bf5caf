#include "devices/virtio/virtio_9p.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace beeline::devices::virtio {

namespace {

constexpr uint64_t kMountTag = 1 << 0;
constexpr unsigned kRequestsATurn = 16;
/// An error is the shortest answer that always has to be possible.
constexpr uint64_t kLeastRoom = share::kMessageHeader + 4;

} // namespace

Virtio9p::Virtio9p(std::unique_ptr<share::Directory> directory, const std::string& tag, GuestMemoryAccess& memory)
    : ThreadedDevice("beeline-9p", 1, memory), server_(std::move(directory)) {
    const auto length = static_cast<uint16_t>(tag.size());
    configuration_.resize(sizeof length + tag.size());
    std::memcpy(configuration_.data(), &length, sizeof length);
    std::memcpy(configuration_.data() + sizeof length, tag.data(), tag.size());
}

uint64_t Virtio9p::features() const { return kMountTag; }

void Virtio9p::work(std::span<const pollfd>, uint64_t notified) {
    if (notified != 0) serve(0, kRequestsATurn, [this](const Chain& chain) { return answer(chain); });
}

std::string Virtio9p::obstacle() { return server_.mounted() ? "the guest has a shared folder mounted" : std::string(); }

/// What the guest holds are descriptors of this process, which no other can have.
void Virtio9p::exchange_own(snapshot::Archive& archive) {
    archive.require(!server_.mounted(), "a shared folder is mounted");
}

/// Nothing: there is no message, or no room for an answer.
std::optional<uint32_t> Virtio9p::answer(const Chain& chain) {
    uint32_t size = 0;
    const uint64_t room = total_length(chain.writable), sent = total_length(chain.readable);
    if (room < kLeastRoom || copy_from(chain.readable, 0, &size, sizeof size) != sizeof size) return std::nullopt;
    if (size < share::kMessageHeader || size > sent || size > share::P9Server::kLargestMessage) return std::nullopt;
    request_.resize(size);
    copy_from(chain.readable, 0, request_.data(), size);
    // The guest may have changed it meanwhile: what was checked counts.
    std::memcpy(request_.data(), &size, sizeof size);
    const std::span<const uint8_t> reply = server_.answer(request_, room);
    copy_to(chain.writable, 0, reply.data(), reply.size());
    return static_cast<uint32_t>(reply.size());
}

} // namespace beeline::devices::virtio
