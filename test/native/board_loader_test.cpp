// Boot protocols with good files, bad files and hostile files; and where everything ends up.
#include "board/boot.h"
#include "board/device_tree.h"
#include "board/kernel_image.h"
#include "board_support.h"

#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <libfdt.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

using namespace beeline;
using namespace beeline::test;

namespace {

using Bytes = std::vector<uint8_t>;
constexpr uint64_t kMiB = 1 << 20;

std::filesystem::path folder;

std::string put(const std::string& name, const Bytes& bytes) {
    const std::filesystem::path path = folder / name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path.string();
}

template <class T> void poke(Bytes& bytes, size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

Bytes image(size_t size, uint64_t text_offset = 0, uint64_t image_size = 0x20000) {
    Bytes bytes(size);
    for (size_t i = 64; i < size; i++) bytes[i] = static_cast<uint8_t>(i * 7);
    poke(bytes, 8, text_offset);
    poke(bytes, 16, image_size);
    poke(bytes, 24, uint64_t{0xA});
    std::memcpy(bytes.data() + 56, "ARM\x64", 4);
    return bytes;
}

Bytes gzip(const Bytes& plain) {
    z_stream z{};
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    Bytes packed(deflateBound(&z, plain.size()) + 64);
    z.next_in = const_cast<uint8_t*>(plain.data());
    z.avail_in = static_cast<uInt>(plain.size());
    z.next_out = packed.data();
    z.avail_out = static_cast<uInt>(packed.size());
    deflate(&z, Z_FINISH);
    packed.resize(z.total_out);
    deflateEnd(&z);
    return packed;
}

struct Segment {
    uint64_t vaddr, paddr, filesz, memsz;
};

Bytes elf(const std::vector<Segment>& segments, uint64_t entry, uint16_t machine = EM_AARCH64) {
    Bytes bytes(sizeof(Elf64_Ehdr) + segments.size() * sizeof(Elf64_Phdr));
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, 4);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = machine;
    header.e_entry = entry;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<uint16_t>(segments.size());
    poke(bytes, 0, header);
    for (size_t i = 0; i < segments.size(); i++) {
        Elf64_Phdr program{};
        program.p_type = PT_LOAD;
        program.p_offset = bytes.size();
        program.p_vaddr = segments[i].vaddr;
        program.p_paddr = segments[i].paddr;
        program.p_filesz = segments[i].filesz;
        program.p_memsz = segments[i].memsz;
        poke(bytes, sizeof header + i * sizeof program, program);
        bytes.resize(bytes.size() + segments[i].filesz, 0xE1);
    }
    return bytes;
}

struct Flash final : devices::GuestMemoryAccess {
    uint8_t* span(uint64_t address, uint64_t length) override {
        return address < bytes.size() && length <= bytes.size() - address ? bytes.data() + address : nullptr;
    }
    Bytes bytes = Bytes(4096);
};

struct Setup {
    Flash flash;
    std::unique_ptr<board::GuestMemory> memory;
    board::MachineConfig config;
    Bytes tree;

    explicit Setup(uint64_t bytes = 256 * kMiB) {
        memory = std::move(*board::GuestMemory::create(bytes, 48));
        config.memory_bytes = bytes;
        tree = *board::build_device_tree({arm64::CpuModel::N1, 3, {0, 1}});
    }
    board::Result<board::Boot> load() { return board::load_images(config, *memory, flash, tree); }
    uint8_t at(uint64_t address) { return *memory->span(address, 1); }
};

void refused(board::Result<board::Boot> result, std::string_view code, std::string_view option, std::string_view part) {
    if (!check(!result, fmt::format("{} {} is refused", option, part))) return;
    const board::Error& error = result.error();
    check(error.code == code && error.option == option && error.message.find(part) != std::string::npos &&
              error.message.find('\n') == std::string::npos,
          fmt::format("{} {} '{}': got {} {} '{}'", code, option, part, error.code, error.option, error.message));
}

void refused_kernel(const std::string& path, std::string_view code, std::string_view part,
                    uint64_t memory = 64 * kMiB) {
    Setup setup(memory);
    setup.config.kernel_path = path;
    refused(setup.load(), code, "--kernel", part);
}

void images() {
    Setup setup;
    setup.config.kernel_path = put("image", image(5000));
    setup.config.append = "console=ttyAMA0 quiet";
    auto boot = setup.load();
    if (!check(static_cast<bool>(boot), "an Image loads")) return;
    check_equal(boot->entry, 0x40200000, "Image: 2 MiB up");
    check_equal(setup.at(0x40200000 + 4999), static_cast<uint8_t>(4999 * 7), "Image: contents");
    check_equal(boot->device_tree_address, 0x48000000, "device tree: 128 MiB up");
    const void* tree = setup.memory->span(boot->device_tree_address, boot->device_tree.size());
    const int chosen = fdt_path_offset(tree, "/chosen");
    check(std::string_view(static_cast<const char*>(fdt_getprop(tree, chosen, "bootargs", nullptr))) ==
              "console=ttyAMA0 quiet",
          "bootargs");

    for (const auto& [offset, size, entry] : {std::tuple<uint64_t, uint64_t, uint64_t>{0x80000, 0x20000, 0x40080000},
                                              {0x80000, 0, 0x40080000},
                                              {0x200000, 0x20000, 0x40200000},
                                              {0, 0, 0x40080000}}) {
        setup.config.kernel_path = put("image2", image(5000, offset, size));
        boot = setup.load();
        check(boot && boot->entry == entry, fmt::format("text_offset {:#x} with image_size {:#x}", offset, size));
    }

    setup.config.kernel_path = put("image.gz", gzip(image(300'000)));
    setup.config.initrd_path = put("initrd", Bytes(10'000, 0x30));
    boot = setup.load();
    if (!check(static_cast<bool>(boot), "Image.gz loads")) return;
    check_equal(setup.at(0x40200000 + 299'999), static_cast<uint8_t>(299'999 * 7), "Image.gz: contents");
    check_equal(setup.at(0x48000000), 0x30, "initrd: 128 MiB up");
    check_equal(boot->device_tree_address, 0x48200000, "device tree: behind the initrd");
    const Bytes& dtb = boot->device_tree;
    const int node = fdt_path_offset(dtb.data(), "/chosen");
    const auto* end = static_cast<const fdt64_t*>(fdt_getprop(dtb.data(), node, "linux,initrd-end", nullptr));
    check(end != nullptr && fdt64_ld(end) == 0x48000000 + 10'000, "linux,initrd-end");

    Bytes zboot(0x1000);
    const Bytes payload = gzip(image(9000));
    std::memcpy(zboot.data(), "MZ\0\0zimg", 8);
    poke(zboot, 8, uint32_t{0x1000});
    poke(zboot, 12, static_cast<uint32_t>(payload.size()));
    std::memcpy(zboot.data() + 24, "gzip", 5);
    zboot.insert(zboot.end(), payload.begin(), payload.end());
    setup.config.kernel_path = put("zboot", zboot);
    boot = setup.load();
    check(boot && setup.at(0x40200000 + 8999) == static_cast<uint8_t>(8999 * 7), "EFI zboot loads");
    poke(zboot, 12, uint32_t{0x10000000});
    refused_kernel(put("zboot-cut", zboot), "BEELINE_E_FILE_KIND", "payload is missing");
    poke(zboot, 12, static_cast<uint32_t>(payload.size() - 40));
    refused_kernel(put("zboot-short", zboot), "BEELINE_E_FILE_KIND", "gzip");
    std::memcpy(zboot.data() + 24, "xzkern", 7);
    refused_kernel(put("zboot-xz", zboot), "BEELINE_E_FILE_KIND", "compression is xzkern");

    Setup small(16 * kMiB);
    small.config.kernel_path = put("fits", image(5000, 0, 4 * kMiB));
    small.config.initrd_path = setup.config.initrd_path;
    boot = small.load();
    check(boot && boot->device_tree_address % (2 * kMiB) == 0, "a small machine");
    small.config.kernel_path = put("fills", image(5000, 0, 14 * kMiB));
    small.config.initrd_path.clear();
    boot = small.load();
    check(boot && boot->device_tree_address == 0x40000000, "a full machine: device tree below the kernel");
    small.config.initrd_path = setup.config.initrd_path;
    refused(small.load(), "BEELINE_E_FILE_TOO_BIG", "--initrd", "does not fit");
}

void elves() {
    Setup setup;
    // Linked high, loaded low, as kernels are.
    setup.config.kernel_path =
        put("elf", elf({{0xFFFF800040080000, 0x40080000, 100, 5000}, {0xFFFF800040090000, 0x40090000, 10, 10}},
                       0xFFFF800040080010));
    std::memset(setup.memory->span(0x40080000, 5000), 0x55, 5000);
    const auto boot = setup.load();
    if (!check(static_cast<bool>(boot), "an ELF loads")) return;
    check_equal(boot->entry, 0x40080010, "ELF: physical entry");
    check_equal(setup.at(0x40080063), 0xE1, "ELF: contents");
    check_equal(setup.at(0x40080064), 0, "ELF: zeros behind");
    check_equal(setup.at(0x40081387), 0, "ELF: up to the end");
    check_equal(boot->device_tree_address, 0x40000000, "ELF: device tree at the base of RAM");

    refused_kernel(put("elf-x86", elf({{0, 0x40080000, 10, 10}}, 0, EM_X86_64)), "BEELINE_E_FILE_KIND",
                   "ELF for x86-64");
    refused_kernel(put("elf-none", elf({}, 0)), "BEELINE_E_FILE_KIND", "without segments");
    refused_kernel(put("elf-entry", elf({{0x40080000, 0x40080000, 10, 10}}, 0x50000000)), "BEELINE_E_FILE_KIND",
                   "entry point");
    refused_kernel(put("elf-low", elf({{0, 0x1000, 10, 10}}, 0)), "BEELINE_E_OPTION_VALUE", "no memory");
    refused_kernel(put("elf-wrap", elf({{0, ~uint64_t{0} - 4, 10, 10}}, 0)), "BEELINE_E_OPTION_VALUE", "no memory");
    refused_kernel(put("elf-big", elf({{0, 0x40080000, 10, 1ull << 40}}, 0)), "BEELINE_E_FILE_TOO_BIG", "does not fit");
    refused_kernel(put("elf-huge", elf({{0, 0x40080000, 10, ~uint64_t{0}}}, 0)), "BEELINE_E_FILE_TOO_BIG",
                   "does not fit");

    const Bytes good = elf({{0x40080000, 0x40080000, 100, 5000}}, 0x40080000);
    const auto broken = [&good](const std::string& name,
                                const std::function<void(Elf64_Ehdr&, Elf64_Phdr&)>& breakage) {
        Bytes bytes = good;
        Elf64_Ehdr header;
        Elf64_Phdr program;
        std::memcpy(&header, bytes.data(), sizeof header);
        std::memcpy(&program, bytes.data() + sizeof header, sizeof program);
        breakage(header, program);
        poke(bytes, 0, header);
        poke(bytes, sizeof header, program);
        return put(name, bytes);
    };
    refused_kernel(broken("e1", [](auto&, auto& p) { p.p_offset = 1ull << 63; }), "BEELINE_E_FILE_KIND", "cut off");
    refused_kernel(broken("e2", [](auto&, auto& p) { p.p_filesz = 4000; }), "BEELINE_E_FILE_KIND", "cut off");
    refused_kernel(broken("e3", [](auto&, auto& p) { p.p_memsz = 50; }), "BEELINE_E_FILE_KIND", "cut off");
    refused_kernel(broken("e4", [](auto& h, auto&) { h.e_phoff = ~0ull - 3; }), "BEELINE_E_FILE_KIND", "cut off");
    refused_kernel(broken("e5", [](auto& h, auto&) { h.e_phnum = 0xFFFF; }), "BEELINE_E_FILE_KIND", "cut off");
    refused_kernel(broken("e6", [](auto& h, auto&) { h.e_phentsize = 0; }), "BEELINE_E_FILE_KIND", "segments");
    refused_kernel(broken("e7", [](auto& h, auto&) { h.e_ident[EI_CLASS] = ELFCLASS32; }), "BEELINE_E_FILE_KIND",
                   "32-bit");
    refused_kernel(broken("e8", [](auto& h, auto&) { h.e_type = ET_REL; }), "BEELINE_E_FILE_KIND", "not linked");
    for (size_t length = 1; length < good.size(); length += 7)
        check(
            !board::load_kernel(put("elf-cut", Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length))),
                                *setup.memory),
            "a cut ELF is refused");
}

void bad_files() {
    refused_kernel((folder / "nowhere").string(), "BEELINE_E_FILE_MISSING", "does not exist");
    refused_kernel(folder.string(), "BEELINE_E_FILE_UNREADABLE", "folder");
    mkfifo((folder / "fifo").c_str(), 0600);
    refused_kernel((folder / "fifo").string(), "BEELINE_E_FILE_UNREADABLE", "regular file");
    refused_kernel(put("empty", {}), "BEELINE_E_FILE_KIND", "empty");
    refused_kernel(put("text", {'h', 'e', 'l', 'l', 'o'}), "BEELINE_E_FILE_KIND", "is not an arm64 Linux Image");
    Bytes x86(0x300);
    std::memcpy(x86.data() + 0x202, "HdrS", 4);
    refused_kernel(put("x86", x86), "BEELINE_E_FILE_KIND", "x86 kernel");
    Bytes big_endian = image(1000);
    big_endian[24] |= 1;
    refused_kernel(put("be", big_endian), "BEELINE_E_FILE_KIND", "big-endian");
    refused_kernel(put("large", image(5000, 0, 200 * kMiB)), "BEELINE_E_FILE_TOO_BIG", "200 MiB");
    refused_kernel(put("liar", image(5000, ~uint64_t{0} - 100, 1000)), "BEELINE_E_FILE_TOO_BIG", "does not fit");
    refused_kernel(put("liar2", image(5000, 0x1000, ~uint64_t{0})), "BEELINE_E_FILE_TOO_BIG", "does not fit");

    Bytes packed = gzip(image(100'000));
    Bytes cut(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(packed.size() / 2));
    refused_kernel(put("cut.gz", cut), "BEELINE_E_FILE_KIND", "end is missing");
    Bytes flipped = packed;
    for (size_t i = 20; i < flipped.size(); i += 3) flipped[i] ^= 0x5A;
    refused_kernel(put("broken.gz", flipped), "BEELINE_E_FILE_KIND", "gzip");
    refused_kernel(put("header.gz", {0x1F, 0x8B, 0x08}), "BEELINE_E_FILE_KIND", "gzip");
    refused_kernel(put("text.gz", gzip({'h', 'i'})), "BEELINE_E_FILE_KIND", "something else");
    refused_kernel(put("bomb.gz", gzip(Bytes(40 * kMiB))), "BEELINE_E_FILE_TOO_BIG", "does not fit", 16 * kMiB);

    Setup setup;
    refused(setup.load(), "BEELINE_E_OPTION_VALUE", "--kernel", "nothing to boot");
    setup.config.kernel_path = put("image", image(5000));
    setup.config.initrd_path = setup.config.kernel_path;
    refused(setup.load(), "BEELINE_E_FILE_KIND", "--initrd", "arm64 kernel");
    setup.config.initrd_path = put("empty", {});
    refused(setup.load(), "BEELINE_E_FILE_KIND", "--initrd", "empty");
    setup.config.initrd_path = (folder / "nowhere").string();
    refused(setup.load(), "BEELINE_E_FILE_MISSING", "--initrd", "nowhere");
    setup.config.initrd_path.clear();
    setup.config.dtb_path = setup.config.kernel_path;
    refused(setup.load(), "BEELINE_E_FILE_KIND", "--dtb", "arm64 kernel");
    Bytes tree = setup.tree;
    for (size_t length = 0; length < tree.size(); length += 61) {
        setup.config.dtb_path = put("cut.dtb", Bytes(tree.begin(), tree.begin() + static_cast<std::ptrdiff_t>(length)));
        check(!setup.load(), "a cut device tree is refused");
    }
    uint64_t random = 7;
    for (unsigned i = 0; i < 400; i++) {
        Bytes broken = tree;
        for (unsigned j = 0; j < 8; j++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            broken[(random >> 20) % broken.size()] ^= static_cast<uint8_t>(random >> 50);
        }
        setup.config.dtb_path = put("broken.dtb", broken);
        (void)setup.load();
    }
    check(true, "broken device trees are survived");
}

void own_tree_and_raw() {
    Setup setup;
    const Bytes tree = *board::build_device_tree({arm64::CpuModel::A57, 2, {0}});
    board::BootDescription stale;
    stale.memory_bytes = 64 * kMiB;
    stale.command_line = "stale";
    stale.initrd = board::BootDescription::Range{1, 2};
    setup.config.dtb_path = put("own.dtb", *board::complete_device_tree(tree, stale, ""));
    setup.config.kernel_path = put("image", image(5000));
    const auto boot = setup.load();
    if (!check(static_cast<bool>(boot), "a tree from a file")) return;
    const void* dtb = boot->device_tree.data();
    const int chosen = fdt_path_offset(dtb, "/chosen");
    check(fdt_getprop(dtb, chosen, "linux,initrd-start", nullptr) == nullptr &&
              fdt_getprop(dtb, chosen, "bootargs", nullptr) == nullptr,
          "stale boot arguments are gone");
    const int memory = fdt_path_offset(dtb, "/memory@40000000");
    const auto* reg = static_cast<const fdt64_t*>(fdt_getprop(dtb, memory, "reg", nullptr));
    check(reg != nullptr && fdt64_ld(reg) == 0x40000000 && fdt64_ld(reg + 1) == 256 * kMiB, "memory is this machine's");

    Setup raw;
    raw.config.raw_loads = {{put("raw", {1, 2, 3, 4}), 0x40400000}, {put("raw2", {5, 6}), 0x40500000}};
    auto started = raw.load();
    check(started && started->entry == 0x40400000 && raw.at(0x40500001) == 6, "raw files: the first is started");
    raw.config.raw_loads[1].address = 0x40400002;
    refused(raw.load(), "BEELINE_E_OPTION_VALUE", "--load", "overlaps");
    raw.config.raw_loads[1].address = 0x09000000;
    refused(raw.load(), "BEELINE_E_OPTION_VALUE", "--load", "no memory");
    raw.config.raw_loads[1].address = 0x10;
    check(raw.load() && raw.flash.bytes[0x11] == 6, "a raw file in flash");
    raw.config.raw_loads[1].address = 4095;
    refused(raw.load(), "BEELINE_E_OPTION_VALUE", "--load", "does not fit one flash");
    raw.config.raw_loads[1].address = 0x40000000 + 256 * kMiB - 1;
    refused(raw.load(), "BEELINE_E_FILE_TOO_BIG", "--load", "does not fit");
}

void memory_sizes() {
    for (const uint64_t bytes :
         {uint64_t{0}, uint64_t{1}, 3 * kMiB, uint64_t{1} << 45, ~uint64_t{0} & ~(2 * kMiB - 1)}) {
        const auto memory = board::GuestMemory::create(bytes, 48);
        check(!memory && memory.error().code == "BEELINE_E_MEMORY",
              fmt::format("memory of {} bytes is refused", bytes));
    }
    const auto memory = board::GuestMemory::create(4096 * kMiB, 48);
    check(static_cast<bool>(memory), "memory is taken when it is touched");
}

} // namespace

int main() {
    char name[] = "/tmp/beeline-loader-XXXXXX";
    if (mkdtemp(name) == nullptr) return 1;
    folder = name;
    images();
    elves();
    bad_files();
    own_tree_and_raw();
    memory_sizes();
    std::filesystem::remove_all(folder);
    return report("board_loader");
}
