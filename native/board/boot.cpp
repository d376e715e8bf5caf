#include "board/boot.h"

#include "board/device_tree.h"
#include "board/image_file.h"
#include "board/kernel_image.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <initializer_list>
#include <optional>
#include <sys/random.h>

namespace beeline::board {

namespace {

constexpr const char* kInitrdOption = "--initrd";
constexpr const char* kLoadOption = "--load";
constexpr const char* kKernelOption = "--kernel";
constexpr const char* kFirmwareOption = "--firmware";
constexpr uint64_t kInitrdOffset = uint64_t{128} << 20;
constexpr uint64_t kPage = 4096;

constexpr uint64_t align_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

/// The ranges in use so far; refuses what would overlap.
class Layout {
public:
    Status add(Placed range) {
        for (const Placed& other : ranges_)
            if (range.start < other.end && other.start < range.end)
                return value_error(range.option,
                                   fmt::format("its place {:#x}..{:#x} overlaps that of {} at {:#x}..{:#x}",
                                               range.start, range.end, other.option, other.start, other.end),
                                   "load it elsewhere");
        ranges_.push_back(std::move(range));
        return success();
    }
    bool free(uint64_t start, uint64_t end) const {
        return std::none_of(ranges_.begin(), ranges_.end(),
                            [=](const Placed& other) { return start < other.end && other.start < end; });
    }
    /// The lowest address at or above `from`, aligned, where `length` bytes are free.
    uint64_t fit(uint64_t from, uint64_t length, uint64_t alignment) const {
        uint64_t start = align_up(from, alignment);
        for (bool moved = true; moved;) {
            moved = false;
            for (const Placed& other : ranges_)
                if (start < other.end && other.start < start + length) {
                    start = align_up(other.end, alignment);
                    moved = true;
                }
        }
        return start;
    }

private:
    std::vector<Placed> ranges_;
};

Status load_raw(const RawLoad& load, GuestMemory& memory, devices::GuestMemoryAccess& flash, Layout& layout) {
    Result<ImageFile> file = ImageFile::open(kLoadOption, load.path);
    if (!file) return std::move(file.error());
    if (file->size() == 0) return wrong_kind(kLoadOption, load.path, "a binary to load", "it is empty");
    const bool to_flash = flash.span(load.address, 1) != nullptr;
    if (!to_flash && !memory.contains(load.address, 0))
        return value_error(kLoadOption, fmt::format("there is no memory at {:#x}", load.address),
                           fmt::format("give an address from {:#x} to {:#x}, or one of the flash from 0 to {:#x}",
                                       kRamBase, memory.end() - 1, kFlash1.end() - 1));
    uint8_t* destination = to_flash ? flash.span(load.address, file->size()) : memory.span(load.address, file->size());
    if (destination == nullptr && to_flash)
        return value_error(kLoadOption, fmt::format("{} does not fit one flash device", load.path),
                           fmt::format("give a file of up to {}", readable_size(devices::CfiFlash::kSize)));
    if (destination == nullptr) return too_big(kLoadOption, load.path, file->size(), memory.size());
    if (Status done = layout.add({load.address, load.address + file->size(), kLoadOption}); !done) return done;
    return file->read(0, file->size(), destination);
}

/// Opens a file that may begin with any bytes, but for those of the `wrong` sorts.
Result<ImageFile> open_unless(const char* option, const std::string& path, const char* expected,
                              std::initializer_list<std::string_view> wrong) {
    Result<ImageFile> file = ImageFile::open(option, path);
    if (!file) return file;
    Result<std::vector<uint8_t>> head = file->peek(kHeadBytes);
    if (!head) return std::move(head.error());
    if (file->size() == 0) return wrong_kind(option, path, expected, "it is empty");
    const std::string_view found = recognise(*head);
    for (const std::string_view sort : wrong)
        if (found.find(sort) != std::string_view::npos) return wrong_kind(option, path, expected, std::string(found));
    return file;
}

Result<ImageFile> open_initrd(const std::string& path) {
    return open_unless(kInitrdOption, path, "an initial RAM disk",
                       {"kernel", "ELF", "device tree", "program", "qcow2"});
}

Status load_firmware(const std::string& path, devices::GuestMemoryAccess& flash, Layout& layout) {
    constexpr const char* kExpected = "firmware for the flash";
    Result<ImageFile> file = open_unless(kFirmwareOption, path, kExpected,
                                         {"ELF", "device tree", "cpio", "gzip", "zstd", "xz", "qcow2", "x86"});
    if (!file) return std::move(file.error());
    if (file->size() > kFlash0.size)
        return wrong_kind(
            kFirmwareOption, path, kExpected,
            fmt::format("it has {}, and the flash {}", readable_size(file->size()), readable_size(kFlash0.size)));
    if (Status done = layout.add({kFlash0.base, kFlash0.base + file->size(), kFirmwareOption}); !done) return done;
    return file->read(0, file->size(), flash.span(kFlash0.base, file->size()));
}

Result<BootDescription::Range> load_initrd(const std::string& path, GuestMemory& memory, Layout& layout,
                                           uint64_t kernel_end) {
    Result<ImageFile> file = open_initrd(path);
    if (!file) return std::move(file.error());

    const uint64_t wanted = std::max(kRamBase + std::min(memory.size() / 2, kInitrdOffset), kernel_end);
    const uint64_t start = layout.fit(wanted, file->size(), kPage);
    uint8_t* destination = memory.span(start, file->size());
    if (destination == nullptr) return too_big(kInitrdOption, path, file->size(), memory.size());
    if (Status done = file->read(0, file->size(), destination); !done) return std::move(done.error());
    const BootDescription::Range range{start, start + file->size()};
    if (Status done = layout.add({range.start, range.end, kInitrdOption}); !done) return std::move(done.error());
    return range;
}

/// Where a tree of `size` bytes goes, or nothing when there is no room: it must not cross a 2 MiB boundary.
std::optional<uint64_t> place_device_tree(const GuestMemory& memory, const Layout& layout, uint64_t size,
                                          uint64_t behind, bool at_base) {
    if (at_base && layout.free(kRamBase, kRamBase + size)) return kRamBase;
    const uint64_t start = layout.fit(behind, size, kLargestDeviceTree);
    if (memory.contains(start, size)) return start;
    // Small machines: below the kernel, where an Image leaves 2 MiB.
    if (layout.free(kRamBase, kRamBase + size) && memory.contains(kRamBase, size)) return kRamBase;
    return std::nullopt;
}

/// Counted time: the same in every run.
void fill_seed(const MachineConfig& config, uint8_t* bytes, size_t count) {
    if (config.icount) {
        for (size_t i = 0; i < count; i++) bytes[i] = static_cast<uint8_t>(i + 1);
        return;
    }
    // Without the host's entropy the guest does without a seed's worth: zeros are what it gets then.
    if (getrandom(bytes, count, 0) != static_cast<ssize_t>(count)) std::memset(bytes, 0, count);
}

} // namespace

Result<Boot> load_images(const MachineConfig& config, GuestMemory& memory, devices::GuestMemoryAccess& flash,
                         const std::vector<uint8_t>& board_tree) {
    const bool firmware = !config.firmware_path.empty();
    if (config.kernel_path.empty() && config.raw_loads.empty() && !firmware)
        return value_error(kKernelOption, "there is nothing to boot", "give a kernel, or the name of an image");
    if (!config.firmware_vars_path.empty() && !firmware)
        return value_error("--firmware-vars", "there is no firmware to keep variables for", "give --firmware as well");
    if (config.append.find('\0') != std::string::npos)
        return value_error("--append", "a command line cannot hold a zero byte", "leave it out");

    Layout layout;
    Boot boot;
    LoadedKernel kernel;
    if (firmware) {
        if (Status done = load_firmware(config.firmware_path, flash, layout); !done) return std::move(done.error());
        boot.entry = kFlash0.base;
    } else if (!config.kernel_path.empty()) {
        Result<LoadedKernel> loaded = load_kernel(config.kernel_path, memory);
        if (!loaded) return std::move(loaded.error());
        kernel = std::move(*loaded);
        boot.entry = kernel.entry;
        // An ELF's segments may share pages, so overlaps among them are its own business.
        if (Status done = layout.add({kernel.start(), kernel.end(), kKernelOption}); !done)
            return std::move(done.error());
    }
    for (const RawLoad& load : config.raw_loads)
        if (Status done = load_raw(load, memory, flash, layout); !done) return std::move(done.error());
    if (config.kernel_path.empty() && !firmware) boot.entry = config.raw_loads.front().address;

    BootDescription description;
    description.memory_bytes = memory.size();
    description.command_line = config.append;
    fill_seed(config, description.rng_seed.data(), description.rng_seed.size());
    fill_seed(config, reinterpret_cast<uint8_t*>(&description.kaslr_seed), sizeof description.kaslr_seed);
    uint64_t behind = std::max(kRamBase + std::min(memory.size() / 2, kInitrdOffset), kernel.end());
    if (!config.initrd_path.empty() && !firmware) {
        Result<BootDescription::Range> initrd = load_initrd(config.initrd_path, memory, layout, kernel.end());
        if (!initrd) return std::move(initrd.error());
        description.initrd = *initrd;
        behind = initrd->end;
    }

    std::vector<uint8_t> tree = board_tree;
    if (!config.dtb_path.empty()) {
        Result<std::vector<uint8_t>> own = read_device_tree(config.dtb_path);
        if (!own) return std::move(own.error());
        tree = std::move(*own);
    }
    Result<std::vector<uint8_t>> completed = complete_device_tree(tree, description, config.dtb_path);
    if (!completed) return std::move(completed.error());
    boot.device_tree = std::move(*completed);
    const std::optional<uint64_t> place =
        place_device_tree(memory, layout, boot.device_tree.size(), behind, !kernel.linux_image);
    if (!place) {
        const bool tree_given = !config.dtb_path.empty(), disk_given = !config.initrd_path.empty();
        return too_big(tree_given   ? "--dtb"
                       : disk_given ? kInitrdOption
                                    : kKernelOption,
                       tree_given   ? config.dtb_path
                       : disk_given ? config.initrd_path
                                    : config.kernel_path,
                       boot.device_tree.size(), memory.size(), "no room is left for the device tree");
    }
    boot.device_tree_address = *place;
    std::memcpy(memory.span(*place, boot.device_tree.size()), boot.device_tree.data(), boot.device_tree.size());
    return boot;
}

Status offer_kernel(const MachineConfig& config, devices::FwCfg& fw_cfg) {
    using Key = devices::FwCfg::Key;
    // Sizes have 32 bits; what is offered must fit the guest's memory besides.
    const uint64_t limit = std::min<uint64_t>(config.memory_bytes, UINT32_MAX);
    const auto offer = [&fw_cfg](const ImageFile& file, Key size, Key contents) -> Status {
        std::vector<uint8_t> bytes(file.size());
        if (Status done = file.read(0, bytes.size(), bytes.data()); !done) return done;
        fw_cfg.set32(size, static_cast<uint32_t>(bytes.size()));
        fw_cfg.set(contents, std::move(bytes));
        return success();
    };
    if (!config.kernel_path.empty()) {
        Result<ImageFile> file = open_unless(kKernelOption, config.kernel_path, "a kernel that firmware can start",
                                             {"ELF", "device tree", "cpio", "qcow2", "x86"});
        if (!file) return std::move(file.error());
        Result<std::vector<uint8_t>> head = file->peek(kHeadBytes);
        if (!head) return std::move(head.error());
        if (recognise(*head).find("gzip") == std::string_view::npos) {
            if (file->size() > limit) return too_big(kKernelOption, config.kernel_path, file->size(), limit);
            if (Status done = offer(*file, Key::KernelSize, Key::Kernel); !done) return done;
        } else {
            Result<ImageFile> inner = file->gunzip(0, file->size(), limit);
            if (!inner) return std::move(inner.error());
            if (Status done = offer(*inner, Key::KernelSize, Key::Kernel); !done) return done;
        }
    }
    if (!config.initrd_path.empty()) {
        Result<ImageFile> file = open_initrd(config.initrd_path);
        if (!file) return std::move(file.error());
        if (file->size() > limit) return too_big(kInitrdOption, config.initrd_path, file->size(), limit);
        if (Status done = offer(*file, Key::InitrdSize, Key::Initrd); !done) return done;
    }
    if (!config.append.empty()) {
        std::vector<uint8_t> line(config.append.begin(), config.append.end());
        line.push_back(0);
        fw_cfg.set32(Key::CommandLineSize, static_cast<uint32_t>(line.size()));
        fw_cfg.set(Key::CommandLine, std::move(line));
    }
    return success();
}

} // namespace beeline::board
