#include "board/kernel_image.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fmt/format.h>
#include <utility>

namespace beeline::board {

namespace {

constexpr const char* kOption = "--kernel";
constexpr const char* kExpected = "an arm64 Linux Image (raw, gzip or EFI zboot) or an AArch64 ELF";

template <class T> T field(const std::vector<uint8_t>& bytes, size_t offset) {
    T value{};
    if (offset + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

bool starts_with(const std::vector<uint8_t>& bytes, std::string_view magic, size_t offset = 0) {
    return offset + magic.size() <= bytes.size() && std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

bool is_gzip(const std::vector<uint8_t>& head) { return starts_with(head, "\x1F\x8B\x08"); }
bool is_elf(const std::vector<uint8_t>& head) {
    return starts_with(head, "\x7F"
                             "ELF");
}

// The arm64 Image header (Linux Documentation/arch/arm64/booting.rst).
constexpr size_t kTextOffset = 8, kImageSize = 16, kImageFlags = 24, kImageMagicOffset = 56;
constexpr std::string_view kImageMagic = "ARM\x64";
constexpr uint64_t kImageHeaderSize = 64;
constexpr uint64_t kBigEndianFlag = 1;
/// Kernels before 3.17 left image_size 0 and meant this offset.
constexpr uint64_t kOldTextOffset = 0x8'0000;

bool is_image(const std::vector<uint8_t>& head) { return starts_with(head, kImageMagic, kImageMagicOffset); }

// EFI zboot: an EFI program that carries the compressed Image (Linux drivers/firmware/efi/libstub/zboot-header.S).
constexpr size_t kZbootMagicOffset = 4, kZbootPayloadOffset = 8, kZbootPayloadSize = 12, kZbootCompression = 24;

bool is_zboot(const std::vector<uint8_t>& head) {
    return starts_with(head, "MZ") && starts_with(head, "zimg", kZbootMagicOffset);
}

Result<LoadedKernel> load_image(const ImageFile& file, const std::vector<uint8_t>& head, GuestMemory& memory) {
    if ((field<uint64_t>(head, kImageFlags) & kBigEndianFlag) != 0)
        return wrong_kind(kOption, file.path(), kExpected, "it is a big-endian kernel");
    uint64_t text_offset = field<uint64_t>(head, kTextOffset);
    uint64_t image_size = field<uint64_t>(head, kImageSize);
    if (image_size == 0) text_offset = kOldTextOffset;
    // QEMU puts kernels that leave room for nothing below them 2 MiB up; the device tree and the memory map of guests
    // that look at their load address agree with that.
    if (text_offset < 4096) text_offset += GuestMemory::kGranule;
    image_size = std::max(image_size, file.size());
    if (text_offset >= memory.size() || image_size > memory.size() - text_offset)
        return too_big(kOption, file.path(), image_size, memory.size());
    const uint64_t base = kRamBase + text_offset;
    if (Status done = file.read(0, file.size(), memory.span(base, file.size())); !done) return std::move(done.error());
    return LoadedKernel{base, true, {{base, base + image_size, kOption}}};
}

Result<LoadedKernel> load_zboot(const ImageFile& file, const std::vector<uint8_t>& head, GuestMemory& memory) {
    const uint64_t offset = field<uint32_t>(head, kZbootPayloadOffset), size = field<uint32_t>(head, kZbootPayloadSize);
    if (offset > file.size() || size > file.size() - offset)
        return wrong_kind(kOption, file.path(), "a complete EFI zboot image", "its payload is missing");
    if (!starts_with(head, std::string_view("gzip\0", 5), kZbootCompression)) {
        const char* name = reinterpret_cast<const char*>(head.data()) + kZbootCompression;
        return wrong_kind(kOption, file.path(), "an EFI zboot image compressed with gzip",
                          fmt::format("its compression is {}", std::string(name, strnlen(name, 16))));
    }
    Result<ImageFile> image = file.gunzip(offset, size, memory.size());
    if (!image) return std::move(image.error());
    Result<std::vector<uint8_t>> inner = image->peek(kHeadBytes);
    if (!inner) return std::move(inner.error());
    if (!is_image(*inner)) return wrong_kind(kOption, file.path(), kExpected, "its payload is something else");
    return load_image(*image, *inner, memory);
}

std::string_view machine_name(uint16_t machine) {
    switch (machine) {
    case EM_X86_64: return "it is an ELF for x86-64";
    case EM_386: return "it is an ELF for x86";
    case EM_ARM: return "it is an ELF for 32-bit Arm";
    case EM_RISCV: return "it is an ELF for RISC-V";
    default: return "it is an ELF for another machine";
    }
}

Result<LoadedKernel> load_elf(const ImageFile& file, const std::vector<uint8_t>& head, GuestMemory& memory) {
    const auto header = field<Elf64_Ehdr>(head, 0);
    const auto refuse = [&file](std::string found) {
        return wrong_kind(kOption, file.path(), kExpected, std::move(found));
    };
    if (header.e_ident[EI_CLASS] != ELFCLASS64) return refuse("it is a 32-bit ELF");
    if (header.e_ident[EI_DATA] != ELFDATA2LSB) return refuse("it is a big-endian ELF");
    if (header.e_machine != EM_AARCH64) return refuse(std::string(machine_name(header.e_machine)));
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return refuse("it is an ELF that is not linked");
    if (header.e_phnum == 0 || header.e_phentsize != sizeof(Elf64_Phdr)) return refuse("it is an ELF without segments");
    const uint64_t table_size = uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
    if (header.e_phoff > file.size() || table_size > file.size() - header.e_phoff)
        return refuse("its segment table is cut off");
    std::vector<uint8_t> table(table_size);
    if (Status done = file.read(header.e_phoff, table_size, table.data()); !done) return std::move(done.error());

    LoadedKernel kernel;
    kernel.entry = header.e_entry;
    bool entry_found = false;
    for (size_t i = 0; i < header.e_phnum; i++) {
        const auto segment = field<Elf64_Phdr>(table, i * sizeof(Elf64_Phdr));
        if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
        if (segment.p_filesz > segment.p_memsz || segment.p_offset > file.size() ||
            segment.p_filesz > file.size() - segment.p_offset)
            return refuse("a segment of it is cut off");
        if (!memory.contains(segment.p_paddr, segment.p_memsz)) {
            if (memory.contains(segment.p_paddr, 0))
                return too_big(kOption, file.path(), segment.p_memsz, memory.size());
            return value_error(kOption,
                               fmt::format("{} has a segment at physical address {:#x}, where there is no memory",
                                           file.path(), segment.p_paddr),
                               fmt::format("link it for {:#x} and up, or give a Linux kernel as Image", kRamBase));
        }
        uint8_t* destination = memory.span(segment.p_paddr, segment.p_memsz);
        if (Status done = file.read(segment.p_offset, segment.p_filesz, destination); !done)
            return std::move(done.error());
        std::memset(destination + segment.p_filesz, 0, segment.p_memsz - segment.p_filesz);
        kernel.placed.push_back({segment.p_paddr, segment.p_paddr + segment.p_memsz, kOption});
        // The entry is a virtual address, but the MMU is off.
        if (!entry_found && header.e_entry - segment.p_vaddr < segment.p_memsz) {
            kernel.entry = header.e_entry - segment.p_vaddr + segment.p_paddr;
            entry_found = true;
        }
    }
    if (kernel.placed.empty()) return refuse("it is an ELF without segments to load");
    if (!entry_found) return refuse("its entry point lies outside of its segments");
    return kernel;
}

} // namespace

uint64_t LoadedKernel::start() const {
    uint64_t start = ~uint64_t{0};
    for (const Placed& range : placed) start = std::min(start, range.start);
    return start;
}

uint64_t LoadedKernel::end() const {
    uint64_t end = 0;
    for (const Placed& range : placed) end = std::max(end, range.end);
    return end;
}

std::string_view recognise(const std::vector<uint8_t>& head) {
    using namespace std::string_view_literals;
    if (is_image(head)) return "it is an arm64 kernel";
    if (is_zboot(head)) return "it is an EFI zboot kernel";
    if (is_elf(head))
        return head.size() > 20 && field<uint16_t>(head, 18) == EM_AARCH64 ? "it is an AArch64 ELF"
                                                                           : machine_name(field<uint16_t>(head, 18));
    if (starts_with(head, "HdrS", 0x202)) return "it is an x86 kernel";
    if (field<uint32_t>(head, 0x24) == 0x016F'2818) return "it is a 32-bit Arm kernel";
    if (starts_with(head, "RISCV\0\0\0"sv, 0x30)) return "it is a RISC-V kernel";
    if (starts_with(head, "\x27\x05\x19\x56"sv)) return "it is a U-Boot image";
    if (starts_with(head, "\xD0\x0D\xFE\xED"sv)) return "it is a device tree";
    if (starts_with(head, "070701"sv) || starts_with(head, "070702"sv)) return "it is a cpio archive";
    if (is_gzip(head)) return "it is a gzip file";
    if (starts_with(head, "\x28\xB5\x2F\xFD"sv)) return "it is a zstd file";
    if (starts_with(head, "\xFD"
                          "7zXZ\0"sv))
        return "it is an xz file";
    if (starts_with(head, "MZ"sv)) return "it is an EFI or Windows program";
    if (starts_with(head, "QFI\xFB"sv)) return "it is a qcow2 disk";
    return {};
}

Result<LoadedKernel> load_kernel(const std::string& path, GuestMemory& memory) {
    Result<ImageFile> file = ImageFile::open(kOption, path);
    if (!file) return std::move(file.error());
    if (file->size() == 0) return wrong_kind(kOption, path, kExpected, "it is empty");
    Result<std::vector<uint8_t>> head = file->peek(kHeadBytes);
    if (!head) return std::move(head.error());

    if (is_gzip(*head)) {
        Result<ImageFile> inner = file->gunzip(0, file->size(), memory.size());
        if (!inner) return std::move(inner.error());
        Result<std::vector<uint8_t>> inner_head = inner->peek(kHeadBytes);
        if (!inner_head) return std::move(inner_head.error());
        if (is_image(*inner_head) && inner->size() >= kImageHeaderSize) return load_image(*inner, *inner_head, memory);
        if (is_elf(*inner_head)) return load_elf(*inner, *inner_head, memory);
        const std::string_view found = recognise(*inner_head);
        return wrong_kind(kOption, path, kExpected,
                          found.empty() ? "it is a gzip file of something else"
                                        : fmt::format("decompressed, {}", found));
    }
    if (is_zboot(*head)) return load_zboot(*file, *head, memory);
    if (is_image(*head)) return load_image(*file, *head, memory);
    if (is_elf(*head)) return load_elf(*file, *head, memory);
    return wrong_kind(kOption, path, kExpected, std::string(recognise(*head)));
}

} // namespace beeline::board
