#include "block/open.h"

#include "block/overlay_image.h"
#include "block/raw_image.h"

#include <fmt/format.h>
#include <utility>

namespace beeline::block {

namespace {

constexpr uint64_t kSector = 512;

std::unique_ptr<Image> open_raw(File file, const std::string& path, bool guarded, OpenFailure& failure) {
    uint64_t size = 0;
    if (!file.size(size)) {
        failure = {OpenFailure::Kind::Unreadable, path, "its size cannot be told", {}};
        return nullptr;
    }
    if (size == 0 || size % kSector != 0) {
        failure = {OpenFailure::Kind::Refused, path,
                   fmt::format("a raw image has whole sectors of {} bytes, and it has {} bytes", kSector, size),
                   fmt::format("extend it: truncate -s %{} FILE", size == 0 ? "1G" : "512")};
        return nullptr;
    }
    return std::make_unique<RawImage>(std::move(file), size, guarded);
}

std::unique_ptr<Image> open_image(const DriveConfig& config, bool writable, OpenFailure& failure) {
    File file;
    if (!file.open(config.path, writable, failure)) return nullptr;
    uint8_t head[kFormatMagicBytes] = {};
    if (const int error = read_file(file.descriptor(), 0, head, sizeof head); error != 0) {
        failure = {OpenFailure::Kind::Unreadable, config.path, std::strerror(error), {}};
        return nullptr;
    }
    const Format found = format_of(head);
    const Format format = config.format.value_or(found);
    if (format == Format::Raw) return open_raw(std::move(file), config.path, !config.format && writable, failure);
    if (found != Format::Qcow2) {
        failure = {OpenFailure::Kind::WrongKind, config.path, "a qcow2 image", {}};
        return nullptr;
    }
    failure = {OpenFailure::Kind::WrongKind, config.path, "a raw image", {}};
    return nullptr;
}

} // namespace

std::unique_ptr<Disk> open_disk(const DriveConfig& config, OpenFailure& failure) {
    const bool writable = !config.read_only && !config.snapshot;
    std::unique_ptr<Image> image = open_image(config, writable, failure);
    if (image == nullptr) return nullptr;
    if (config.snapshot) {
        File temporary;
        if (!temporary.create_temporary(failure)) return nullptr;
        image = std::make_unique<OverlayImage>(std::move(image), std::move(temporary));
    }
    std::unique_ptr<IoEngine> engine;
    if (config.engine != EngineKind::Threads) engine = make_uring_engine();
    if (engine == nullptr && config.engine != EngineKind::IoUring) engine = make_thread_engine();
    if (engine == nullptr) {
        failure = {OpenFailure::Kind::Refused, config.path, "the host refuses asynchronous I/O of that kind",
                   "leave aio= out"};
        return nullptr;
    }
    return std::make_unique<Disk>(std::move(image), std::move(engine), config.path, config.read_only);
}

} // namespace beeline::block
