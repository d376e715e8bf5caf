#include "devices/fw_cfg.h"

#include "snapshot/checksum.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace beeline::devices {

namespace {

constexpr uint64_t kData = 0x00, kSelector = 0x08, kDma = 0x10;
/// "QEMU CFG", read back from the DMA address register.
constexpr uint64_t kDmaSignature = 0x5145'4D55'2043'4647;
constexpr uint32_t kIdTraditional = 1, kIdDma = 2;

// Control word of a DMA request.
constexpr uint32_t kDmaError = 1, kDmaRead = 2, kDmaSkip = 4, kDmaSelect = 8, kDmaWrite = 16;
constexpr uint64_t kDmaRequestSize = 16;

constexpr size_t kNameSize = 56, kDirectoryEntrySize = 64;

uint32_t load_be32(const uint8_t* bytes) {
    uint32_t value;
    std::memcpy(&value, bytes, sizeof value);
    return __builtin_bswap32(value);
}
void store_be32(uint8_t* bytes, uint32_t value) {
    value = __builtin_bswap32(value);
    std::memcpy(bytes, &value, sizeof value);
}
void store_be16(uint8_t* bytes, uint16_t value) {
    value = __builtin_bswap16(value);
    std::memcpy(bytes, &value, sizeof value);
}
/// The registers are big-endian: what a little-endian guest stores arrives with its bytes reversed.
uint64_t swap(uint64_t value, unsigned size) { return __builtin_bswap64(value) >> (64 - size * 8); }

template <class T> std::vector<uint8_t> little_endian(T value) {
    std::vector<uint8_t> bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

} // namespace

FwCfg::FwCfg(GuestMemoryAccess& memory) : memory_(memory) {
    set(Key::Signature, {'Q', 'E', 'M', 'U'});
    set32(Key::Id, kIdTraditional | kIdDma);
    rebuild_directory();
}

void FwCfg::set(Key key, std::vector<uint8_t> bytes) { items_[static_cast<uint16_t>(key)] = std::move(bytes); }
void FwCfg::set16(Key key, uint16_t value) { set(key, little_endian(value)); }
void FwCfg::set32(Key key, uint32_t value) { set(key, little_endian(value)); }

void FwCfg::add_file(const std::string& name, std::vector<uint8_t> bytes) {
    const auto key = static_cast<uint16_t>(static_cast<uint16_t>(Key::FirstFile) + files_.size());
    const auto [file, added] = files_.try_emplace(name.substr(0, kNameSize - 1), File{key, 0});
    file->second.size = static_cast<uint32_t>(bytes.size());
    items_[file->second.key] = std::move(bytes);
    rebuild_directory();
}

void FwCfg::rebuild_directory() {
    std::vector<uint8_t> directory(4 + files_.size() * kDirectoryEntrySize);
    store_be32(directory.data(), static_cast<uint32_t>(files_.size()));
    uint8_t* entry = directory.data() + 4;
    for (const auto& [name, file] : files_) {
        store_be32(entry, file.size);
        store_be16(entry + 4, file.key);
        std::memcpy(entry + 8, name.data(), name.size());
        entry += kDirectoryEntrySize;
    }
    set(Key::FileDirectory, std::move(directory));
}

void FwCfg::reset() {
    select(static_cast<uint16_t>(Key::Signature));
    dma_address_ = 0;
}

void FwCfg::exchange(snapshot::Archive& archive) {
    uint32_t checksum = 0;
    for (const auto& [key, bytes] : items_) checksum = snapshot::crc32c(bytes, checksum ^ key);
    archive.same(checksum, "kernel, initial RAM disk, command line or tables are others");
    archive.value(selector_);
    archive.value(offset_);
    archive.value(dma_address_);
}

void FwCfg::select(uint16_t key) {
    selector_ = key & 0xBFFF; // Bit 14 asked for write access in old versions
    offset_ = 0;
}

std::span<const uint8_t> FwCfg::selected() const {
    const auto item = items_.find(selector_);
    return item == items_.end() ? std::span<const uint8_t>() : std::span<const uint8_t>(item->second);
}

/// Past the end every byte is 0.
uint8_t FwCfg::next_byte() {
    const std::span<const uint8_t> item = selected();
    return offset_ < item.size() ? item[offset_++] : 0;
}

void FwCfg::start_dma(uint64_t address) {
    uint8_t* request = memory_.span(address, kDmaRequestSize);
    if (request == nullptr) return;
    const uint32_t control = load_be32(request);
    const uint64_t length = load_be32(request + 4);
    const uint64_t target = uint64_t{load_be32(request + 8)} << 32 | load_be32(request + 12);
    if ((control & kDmaSelect) != 0) select(static_cast<uint16_t>(control >> 16));

    uint32_t result = 0;
    const std::span<const uint8_t> item = selected();
    const uint64_t available = std::min<uint64_t>(length, item.size() - std::min<uint64_t>(offset_, item.size()));
    if ((control & kDmaRead) != 0) {
        if (uint8_t* memory = memory_.span(target, length); memory != nullptr) {
            if (available != 0) std::memcpy(memory, item.data() + offset_, available);
            std::memset(memory + available, 0, length - available);
            offset_ += available;
        } else {
            result = kDmaError;
        }
    } else if ((control & kDmaWrite) != 0) {
        result = kDmaError; // Nothing here is writable
    } else if ((control & kDmaSkip) != 0) {
        offset_ += available;
    }
    store_be32(request, result);
}

bool FwCfg::read(const MmioAccess& access, uint64_t& value) {
    value = 0;
    if (access.offset < kSelector) {
        // The first byte lands at the lowest address.
        for (unsigned i = 0; i < access.size; i++) value |= uint64_t{next_byte()} << i * 8;
        return true;
    }
    if (access.offset >= kDma) {
        const unsigned first = static_cast<unsigned>(access.offset - kDma);
        value = swap(kDmaSignature >> (8 - first - access.size) * 8 &
                         (access.size == 8 ? ~uint64_t{0} : (uint64_t{1} << access.size * 8) - 1),
                     access.size);
    }
    return true;
}

bool FwCfg::write(const MmioAccess& access, uint64_t value) {
    if (access.offset == kSelector && access.size == 2) {
        select(static_cast<uint16_t>(swap(value, 2)));
    } else if (access.offset == kDma && access.size == 8) {
        start_dma(swap(value, 8));
    } else if (access.offset == kDma && access.size == 4) {
        dma_address_ = swap(value & 0xFFFF'FFFF, 4) << 32;
    } else if (access.offset == kDma + 4 && access.size == 4) {
        const uint64_t address = dma_address_ | swap(value & 0xFFFF'FFFF, 4);
        dma_address_ = 0;
        start_dma(address);
    }
    return true;
}

} // namespace beeline::devices
