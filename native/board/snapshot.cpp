#include "board/snapshot.h"

#include "block/overlay_image.h"
#include "host/pages.h"
#include "snapshot/archive.h"
#include "snapshot/file.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <list>
#include <mutex>
#include <optional>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace beeline::board {

namespace {

using snapshot::Archive;
using snapshot::Failure;
using snapshot::Part;

constexpr Part kDescriptionPart = 0, kStatePart = 1, kMemoryPart = 2, kFlashPart = 4, kDrivePart = 16;
constexpr uint32_t kStateVersion = 2;
constexpr unsigned kFlashes = 2;
constexpr size_t kLongestPath = 4096, kMostFiles = 256, kLargestTree = size_t{1} << 24;
constexpr const char* kSave = "--snapshot-save";
constexpr const char* kLoad = "--snapshot-load";

Error error_of(const char* option, const std::string& path, Failure failure) {
    switch (failure.kind) {
    case Failure::Kind::Missing: return missing_file(option, path);
    case Failure::Kind::Unreadable: return unreadable_file(option, path, std::move(failure.detail));
    case Failure::Kind::Unwritable: return unwritable_file(option, path, std::move(failure.detail));
    case Failure::Kind::Refused: break;
    }
    return snapshot_error(path, std::move(failure.detail), std::move(failure.remedy));
}

Error other_machine(const std::string& path, const Archive& archive) {
    return snapshot_error(path, fmt::format("it is of another machine ({})", archive.failure()),
                          "give the options of the machine that was saved");
}

// ---- What the machine is -------------------------------------------------------------------------------------------

struct Shape {
    uint64_t memory_bytes = 0;
    uint32_t cpus = 0, gic_version = 0;
    uint8_t model = 0;

    explicit Shape(const MachineConfig& config)
        : memory_bytes(config.memory_bytes), cpus(config.cpus), gic_version(config.gic_version),
          model(static_cast<uint8_t>(config.cpu_model)) {}
    void exchange(Archive& archive) {
        archive.value(memory_bytes);
        archive.value(cpus);
        archive.value(gic_version);
        archive.value(model);
    }
};

Status compare(const Shape& saved, const Shape& own) {
    const char* const remedy = "leave it out: the snapshot says it";
    if (saved.memory_bytes != own.memory_bytes)
        return memory_error(fmt::format("the snapshot is of a machine with {}", readable_size(saved.memory_bytes)),
                            remedy);
    if (saved.cpus != own.cpus)
        return cpus_error(fmt::format("the snapshot is of a machine with {}", saved.cpus), remedy);
    if (saved.gic_version != own.gic_version)
        return value_error("--gic", fmt::format("the snapshot is of a machine with GICv{}", saved.gic_version), remedy);
    if (saved.model != own.model) return value_error("--cpu", "the snapshot is of another model", remedy);
    return success();
}

// ---- Files on the host that have to be as they were ----------------------------------------------------------------

struct FileState {
    uint64_t size = 0, seconds = 0, nanoseconds = 0; ///< Of its last change.

    explicit FileState(int descriptor = -1) {
        struct stat status {};
        if (descriptor < 0 || fstat(descriptor, &status) != 0) return;
        size = static_cast<uint64_t>(status.st_size);
        seconds = static_cast<uint64_t>(status.st_mtim.tv_sec);
        nanoseconds = static_cast<uint64_t>(status.st_mtim.tv_nsec);
    }
    void exchange(Archive& archive) {
        archive.value(size);
        archive.value(seconds);
        archive.value(nanoseconds);
    }
    friend bool operator==(const FileState&, const FileState&) = default;
};

std::vector<FileState> states_of(const block::Image& image) {
    std::vector<int> descriptors;
    image.append_files(descriptors);
    std::vector<FileState> states;
    for (const int descriptor : descriptors) states.emplace_back(descriptor);
    return states;
}

void exchange_files(Archive& archive, std::vector<FileState>& files) {
    auto count = static_cast<uint32_t>(files.size());
    archive.at_most(count, static_cast<uint32_t>(kMostFiles));
    if (archive.loading() && !archive.failed()) files.assign(count, FileState());
    for (FileState& file : files) file.exchange(archive);
}

Error changed_since(const std::string& snapshot, const std::string& file) {
    return snapshot_error(snapshot, fmt::format("{} has changed since the snapshot was taken", file),
                          "give the file as it was then, or start the guest without the snapshot");
}

// ---- Drives --------------------------------------------------------------------------------------------------------

struct DriveState {
    std::string path;
    std::vector<FileState> files;
    bool overlay = false;
    std::vector<bool> present; ///< Clusters of the overlay.

    void exchange(Archive& archive) {
        archive.text(path, kLongestPath);
        exchange_files(archive, files);
        archive.value(overlay);
        if (!overlay) return;
        std::vector<uint8_t> bits((present.size() + 7) / 8);
        for (size_t i = 0; i < present.size(); i++)
            if (present[i]) bits[i / 8] |= static_cast<uint8_t>(1 << i % 8);
        archive.values(bits);
        for (size_t i = 0; i < present.size(); i++) present[i] = (bits[i / 8] >> i % 8 & 1) != 0;
    }
};

DriveState state_of(block::Disk& disk) {
    DriveState state{disk.path(), states_of(disk.image())};
    if (block::OverlayImage* overlay = disk.image().overlay(); overlay != nullptr) {
        state.overlay = true;
        state.present = overlay->present();
    }
    return state;
}

uint64_t pages_end(uint64_t bytes) {
    return (bytes + snapshot::kPageBytes - 1) / snapshot::kPageBytes * snapshot::kPageBytes;
}

/// An overlay's file as pages. The last one may reach beyond its end, where there are zeros.
snapshot::PageSource overlay_source(const block::OverlayImage& overlay) {
    const auto read = [&overlay](uint64_t offset, uint64_t length, uint8_t* scratch, int& error) -> const uint8_t* {
        constexpr uint64_t kCluster = block::OverlayImage::kCluster;
        const std::vector<bool>& present = overlay.present();
        const size_t first = offset / kCluster, end = std::min((offset + length - 1) / kCluster + 1, present.size());
        bool any = false;
        for (size_t cluster = first; cluster < end; cluster++) any = any || present[cluster];
        if (!any) return nullptr;
        error = block::read_file(overlay.descriptor(), offset, scratch, length);
        return error == 0 ? scratch : nullptr;
    };
    return {.size = pages_end(overlay.size()), .read = read};
}

// ---- Memory and flash ----------------------------------------------------------------------------------------------

snapshot::PageSource memory_source(GuestMemory& memory) {
    const auto read = [&memory](uint64_t offset, uint64_t length, uint8_t*, int&) -> const uint8_t* {
        return host::any_own_page(memory.bytes() + offset, length) ? memory.bytes() + offset : nullptr;
    };
    return {.size = memory.size(), .read = read};
}

snapshot::PageSink memory_sink(GuestMemory& memory) {
    const auto write = [&memory](uint64_t offset, std::span<const uint8_t> pages) {
        std::memcpy(memory.bytes() + offset, pages.data(), pages.size());
        return 0;
    };
    return {.size = memory.size(), .write = write};
}

snapshot::PageSource flash_source(const uint8_t* contents) {
    const auto read = [contents](uint64_t offset, uint64_t length, uint8_t*, int&) -> const uint8_t* {
        return host::any_own_page(contents + offset, length) ? contents + offset : nullptr;
    };
    return {.size = devices::CfiFlash::kSize, .filler = 0xFF, .read = read};
}

/// Keeps a flash's contents until all is known to be well.
struct FlashContents {
    std::mutex mutex;
    std::vector<devices::CfiFlash::Contents> parts;

    snapshot::PageSink sink() {
        const auto write = [this](uint64_t offset, std::span<const uint8_t> pages) {
            const std::lock_guard lock(mutex);
            parts.push_back({offset, {pages.begin(), pages.end()}});
            return 0;
        };
        return {.size = devices::CfiFlash::kSize, .write = write};
    }
};

void exchange_boot(Archive& archive, Boot& boot) {
    archive.value(boot.entry);
    archive.value(boot.device_tree_address);
    archive.bytes(boot.device_tree, kLargestTree);
}

/// What is about the machine as a whole, before the board's own.
struct Preface {
    Shape shape;
    Boot boot;
    std::vector<DriveState> drives;
    std::vector<FileState> firmware_vars;

    explicit Preface(const SnapshotSubject& subject) : shape(subject.config), boot(subject.boot) {
        for (devices::virtio::VirtioBlk* drive : subject.board.drives()) drives.push_back(state_of(drive->disk()));
        if (subject.firmware_vars != nullptr) firmware_vars.emplace_back(subject.firmware_vars->descriptor());
    }
    void exchange(Archive& archive) {
        archive.section("machine", 1, [&] { shape.exchange(archive); });
        archive.section("boot", 1, [&] { exchange_boot(archive, boot); });
        archive.section("drives", 1, [&] {
            archive.same(static_cast<uint32_t>(drives.size()), "it has another number of drives");
            for (DriveState& drive : drives) drive.exchange(archive);
        });
        archive.section("firmware-vars", 1, [&] { exchange_files(archive, firmware_vars); });
    }
};

/// Loads a file in steps: whatever is refused is refused before anything changes.
class Loader {
public:
    Loader(const std::string& path, SnapshotSubject subject, bool fresh)
        : path_(path), subject_(subject), fresh_(fresh), own_(subject), saved_(own_) {}

    Status load() {
        Failure failure;
        file_ = snapshot::FileReader::open(path_, failure);
        std::vector<uint8_t> description, state;
        if (file_ == nullptr || !file_->read(kDescriptionPart, description, failure) ||
            !file_->read(kStatePart, state, failure))
            return error_of(kLoad, path_, std::move(failure));
        Archive archive(state);
        if (Status matching = match(archive); !matching) return matching;
        if (Status read = read_contents(); !read) return read;
        return replace(archive);
    }

private:
    Status match(Archive& archive) {
        // The shape first: by itself it tells best what differs.
        archive.same(kStateVersion, "it is of another version");
        Archive ahead = archive;
        Shape shape = own_.shape;
        ahead.section("machine", 1, [&] { shape.exchange(ahead); });
        if (!ahead.failed())
            if (Status same = compare(shape, own_.shape); !same) return same;
        saved_.exchange(archive);
        if (archive.failed()) return other_machine(path_, archive);
        for (size_t i = 0; i < own_.drives.size(); i++)
            if (saved_.drives[i].overlay != own_.drives[i].overlay)
                return snapshot_error(path_,
                                      fmt::format("the drive {} {}", own_.drives[i].path,
                                                  saved_.drives[i].overlay ? "had snapshot, and has not now"
                                                                           : "has snapshot, and had not then"),
                                      "give the drives of the machine that was saved");
            else if (saved_.drives[i].files != own_.drives[i].files)
                return changed_since(path_, own_.drives[i].path);
        if (saved_.firmware_vars != own_.firmware_vars) return changed_since(path_, "the file of --firmware-vars");
        return success();
    }

    Status read_contents() {
        GuestMemory* memory = &subject_.memory;
        if (!fresh_) {
            Result<std::unique_ptr<GuestMemory>> other = GuestMemory::create(memory->size(), kAnyAddress);
            if (!other) return std::move(other.error());
            memory_ = std::move(*other);
            memory = memory_.get();
        }
        std::vector<snapshot::FileReader::Pages> parts;
        parts.push_back({kMemoryPart, memory_sink(*memory)});
        for (unsigned flash = 0; flash < kFlashes; flash++)
            parts.push_back({kFlashPart + flash, flashes_[flash].sink()});
        for (size_t i = 0; i < own_.drives.size(); i++) {
            if (!own_.drives[i].overlay) continue;
            block::OpenFailure failure;
            block::File& layer = layers_.emplace_back(Layer{i, {}}).file;
            if (!layer.create_temporary(failure)) return open_error("--drive", failure);
            const uint64_t size = subject_.board.drives()[i]->disk().size();
            const auto write = [&layer](uint64_t offset, std::span<const uint8_t> pages) {
                return block::write_file(layer.descriptor(), offset, pages.data(), pages.size());
            };
            parts.push_back({kDrivePart + static_cast<Part>(i), {.size = pages_end(size), .write = write}});
        }
        Failure failure;
        if (!file_->read_pages(parts, failure)) return error_of(kLoad, path_, std::move(failure));
        return success();
    }

    Status replace(Archive& archive) {
        Board& board = subject_.board;
        Archive before;
        board.exchange(before);
        // Nothing has changed yet, and what cannot be kept could not be brought back.
        if (before.failed())
            return snapshot_error(path_, before.failure(), "see to that first, then load the snapshot");
        std::optional<Error> error;
        archive.section("board", 1, [&] { board.exchange(archive); });
        if (!archive.complete())
            error = other_machine(path_, archive);
        else if (memory_ != nullptr && !subject_.memory.take_over(*memory_))
            error = machine_error("the host does not move the guest's memory");
        if (error) {
            const std::vector<uint8_t> bytes = before.take();
            Archive back(bytes);
            board.exchange(back);
            board.settle();
            return std::move(*error);
        }
        for (unsigned flash = 0; flash < kFlashes; flash++) board.flash(flash).replace(flashes_[flash].parts);
        for (Layer& layer : layers_)
            board.drives()[layer.drive]->disk().image().overlay()->replace(std::move(layer.file),
                                                                           saved_.drives[layer.drive].present);
        subject_.boot = std::move(saved_.boot);
        board.settle();
        return success();
    }

    /// Of physical addresses: the machine's own memory has that many, so there is nothing to check.
    static constexpr unsigned kAnyAddress = 52;
    struct Layer {
        size_t drive;
        block::File file;
    };

    const std::string& path_;
    SnapshotSubject subject_;
    const bool fresh_;
    Preface own_, saved_;
    std::unique_ptr<snapshot::FileReader> file_;
    std::unique_ptr<GuestMemory> memory_; ///< nullptr: straight into the machine's.
    FlashContents flashes_[kFlashes];
    std::list<Layer> layers_; ///< Of the overlays.
};

} // namespace

Status save_snapshot(const std::string& path, const std::string& description, SnapshotSubject subject) {
    if (std::string obstacle = subject.board.obstacle(); !obstacle.empty())
        return snapshot_error(path, std::move(obstacle), "see to that first, then take the snapshot");
    for (devices::virtio::VirtioBlk* drive : subject.board.drives())
        if (const int error = drive->disk().image().settle(); error != 0)
            return snapshot_error(
                path, fmt::format("{} cannot be written to its end ({})", drive->disk().path(), std::strerror(error)),
                "see to the disk first, then take the snapshot");
    Archive archive;
    archive.same(kStateVersion, {});
    Preface(subject).exchange(archive);
    archive.section("board", 1, [&] { subject.board.exchange(archive); });
    if (archive.failed()) return machine_error("its state contradicts itself: " + archive.failure());
    const std::vector<uint8_t> state = archive.take();

    Failure failure;
    const auto file = snapshot::FileWriter::create(path, failure);
    const std::span text(reinterpret_cast<const uint8_t*>(description.data()), description.size());
    bool good = file != nullptr && file->add(kDescriptionPart, text, failure) &&
                file->add(kStatePart, state, failure) &&
                file->add_pages(kMemoryPart, memory_source(subject.memory), failure);
    for (unsigned flash = 0; flash < kFlashes && good; flash++)
        good = file->add_pages(kFlashPart + flash, flash_source(subject.board.flash(flash).data()), failure);
    const auto& drives = subject.board.drives();
    for (size_t i = 0; i < drives.size() && good; i++)
        if (block::OverlayImage* overlay = drives[i]->disk().image().overlay(); overlay != nullptr)
            good = file->add_pages(kDrivePart + static_cast<Part>(i), overlay_source(*overlay), failure);
    if (!good || !file->commit(failure)) return error_of(kSave, path, std::move(failure));
    return success();
}

Status load_snapshot(const std::string& path, SnapshotSubject subject, bool fresh) {
    return Loader(path, subject, fresh).load();
}

Result<std::string> snapshot_description(const std::string& path) {
    Failure failure;
    const auto file = snapshot::FileReader::open(path, failure);
    std::vector<uint8_t> bytes;
    if (file == nullptr || !file->read(kDescriptionPart, bytes, failure))
        return error_of(kLoad, path, std::move(failure));
    return std::string(bytes.begin(), bytes.end());
}

} // namespace beeline::board
