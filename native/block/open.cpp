#include "block/open.h"

#include "block/overlay_image.h"
#include "block/qcow2/qcow2_image.h"
#include "block/raw_image.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <utility>
#include <vector>

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

/// Files below one another, to find loops: device and inode of each.
using Chain = std::vector<std::pair<dev_t, ino_t>>;
constexpr size_t kLongestChain = 64;

std::unique_ptr<Image> open_image(const DriveConfig& config, bool writable, Chain& chain, OpenFailure& failure);

/// The image below, which the header names relative to the file's own folder.
std::unique_ptr<Image> open_backing(const std::string& path, const qcow2::Header& header, Chain& chain,
                                    OpenFailure& failure) {
    DriveConfig config{.read_only = true};
    std::string name = header.backing_path;
    if (name.starts_with("file:")) name.erase(0, 5);
    if (header.backing_format == "qcow2") {
        config.format = Format::Qcow2;
    } else if (header.backing_format == "raw") {
        config.format = Format::Raw;
    } else if (!header.backing_format.empty() || name.substr(0, name.find('/')).find(':') != name.npos) {
        failure = {OpenFailure::Kind::Refused, path,
                   fmt::format("its backing file {} is of a kind that is not known", header.backing_path),
                   "convert it: qemu-img convert -O qcow2 FILE NEW"};
        return nullptr;
    }
    config.path = std::filesystem::path(path).parent_path() / name;
    return open_image(config, false, chain, failure);
}

std::unique_ptr<Image> open_qcow2(File file, const DriveConfig& config, bool writable, Chain& chain,
                                  OpenFailure& failure) {
    failure.path = config.path;
    qcow2::Header header;
    if (!qcow2::read_header(file.descriptor(), header, failure)) return nullptr;
    std::unique_ptr<Image> backing;
    if (!header.backing_path.empty()) {
        backing = open_backing(config.path, header, chain, failure);
        if (backing == nullptr) return nullptr;
    }
    failure.path = config.path;
    return qcow2::Qcow2Image::open(std::move(file), header, std::move(backing), {writable, config.at}, failure);
}

std::unique_ptr<Image> open_image(const DriveConfig& config, bool writable, Chain& chain, OpenFailure& failure) {
    // Before it is opened: a file of ours is locked.
    struct stat status {};
    const bool exists = stat(config.path.c_str(), &status) == 0;
    const std::pair identity{status.st_dev, status.st_ino};
    if (exists && std::find(chain.begin(), chain.end(), identity) != chain.end()) {
        failure = {OpenFailure::Kind::Refused, config.path, "its backing files form a loop",
                   "give it another backing file: qemu-img rebase -u"};
        return nullptr;
    }
    if (chain.size() == kLongestChain) {
        failure = {OpenFailure::Kind::Refused, config.path, "it is at the end of too long a chain of backing files",
                   "shorten the chain: qemu-img rebase"};
        return nullptr;
    }
    chain.push_back(identity);
    File file;
    if (!file.open(config.path, writable, failure)) return nullptr;
    uint8_t head[kFormatMagicBytes] = {};
    if (const int error = read_file(file.descriptor(), 0, head, sizeof head); error != 0) {
        failure = {OpenFailure::Kind::Unreadable, config.path, std::strerror(error), {}};
        return nullptr;
    }
    const Format found = format_of(head);
    const Format format = config.format.value_or(found);
    if (found != Format::Qcow2 && (format == Format::Qcow2 || !config.at.empty())) {
        failure = {OpenFailure::Kind::WrongKind, config.path, "a qcow2 image", {}};
        return nullptr;
    }
    if (format == Format::Raw) return open_raw(std::move(file), config.path, !config.format && writable, failure);
    return open_qcow2(std::move(file), config, writable, chain, failure);
}

} // namespace

std::unique_ptr<Disk> open_disk(const DriveConfig& config, OpenFailure& failure) {
    const bool writable = !config.read_only && !config.snapshot;
    Chain chain;
    std::unique_ptr<Image> image = open_image(config, writable, chain, failure);
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
