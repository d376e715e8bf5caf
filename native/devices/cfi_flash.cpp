#include "devices/cfi_flash.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace beeline::devices {

namespace {

// Commands of the Intel set; each of the two devices sees its own copy on its half of the bus.
constexpr uint8_t kProgramWord = 0x10, kProgramWordAlternate = 0x40, kBlockErase = 0x20, kClearStatus = 0x50,
                  kLock = 0x60, kReadStatus = 0x70, kReadIdentifier = 0x90, kReadQuery = 0x98, kBufferedProgram = 0xE8,
                  kConfirm = 0xD0, kLockBlock = 0x01, kReadArray = 0xFF;
constexpr uint8_t kReady = 0x80, kEraseError = 0x20, kProgramError = 0x10;

constexpr uint8_t kManufacturer = 0x89, kDeviceCode = 0x18;

constexpr uint64_t kDevices = 2;
constexpr uint64_t kBlocks = CfiFlash::kSize / CfiFlash::kBlockSize;
/// The table describes one device; what the bus shows is two of them.
constexpr uint64_t kDeviceBlock = CfiFlash::kBlockSize / kDevices;

constexpr unsigned log2_of(uint64_t value) {
    unsigned bits = 0;
    while (value > 1) {
        value >>= 1;
        bits++;
    }
    return bits;
}

/// The CFI query structure from address 0x10 on (JESD68 2.2; the Intel primary table follows at 0x31).
constexpr std::array<uint8_t, 0x50> make_query() {
    std::array<uint8_t, 0x50> table{};
    table[0x10] = 'Q';
    table[0x11] = 'R';
    table[0x12] = 'Y';
    table[0x13] = 0x01; // Intel/Sharp extended command set
    table[0x15] = 0x31; // Primary table
    table[0x1B] = 0x45; // Vcc 4.5 V .. 5.5 V, no Vpp
    table[0x1C] = 0x55;
    table[0x1F] = 0x07; // Typical times, powers of two: word 128 us, buffer 128 us, block 1 s
    table[0x20] = 0x07;
    table[0x21] = 0x0A;
    table[0x23] = 0x04; // Maximum times: 16 times as long
    table[0x24] = 0x04;
    table[0x25] = 0x04;
    table[0x27] = log2_of(CfiFlash::kSize / kDevices);
    table[0x28] = 0x02; // x8 and x16
    table[0x2A] = log2_of(CfiFlash::kBufferSize / kDevices);
    table[0x2C] = 1; // One region of equal blocks
    table[0x2D] = static_cast<uint8_t>(kBlocks - 1);
    table[0x2E] = static_cast<uint8_t>((kBlocks - 1) >> 8);
    table[0x2F] = static_cast<uint8_t>(kDeviceBlock >> 8);
    table[0x30] = static_cast<uint8_t>(kDeviceBlock >> 16);
    table[0x31] = 'P';
    table[0x32] = 'R';
    table[0x33] = 'I';
    table[0x34] = '1';
    table[0x35] = '0';
    table[0x3F] = 0x01; // One protection field
    return table;
}
constexpr std::array<uint8_t, 0x50> kQuery = make_query();

/// Maps kSize bytes of 0xFF that take no memory until they are programmed: one small file of ones, mapped over and
/// over.
uint8_t* map_erased() {
    constexpr uint64_t kPattern = uint64_t{2} << 20;
    const int file = memfd_create("flash", MFD_CLOEXEC);
    if (file < 0) return nullptr;
    uint8_t* base = nullptr;
    if (ftruncate(file, kPattern) == 0) {
        void* ones = mmap(nullptr, kPattern, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (ones != MAP_FAILED) {
            std::memset(ones, 0xFF, kPattern);
            munmap(ones, kPattern);
            void* whole = mmap(nullptr, CfiFlash::kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (whole != MAP_FAILED) base = static_cast<uint8_t*>(whole);
        }
    }
    for (uint64_t offset = 0; base != nullptr && offset < CfiFlash::kSize; offset += kPattern)
        if (mmap(base + offset, kPattern, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, 0) ==
            MAP_FAILED) {
            munmap(base, CfiFlash::kSize);
            base = nullptr;
        }
    close(file);
    return base;
}

} // namespace

CfiFlash::CfiFlash() : data_(map_erased()), status_(kReady) {}

CfiFlash::~CfiFlash() {
    if (data_ != nullptr) munmap(data_, kSize);
}

void CfiFlash::reset() {
    mode_ = Mode::Array;
    status_ = kReady;
    buffer_.clear();
}

void CfiFlash::exchange(snapshot::Archive& archive) {
    archive.at_most(mode_, Mode::BufferConfirm);
    archive.value(status_);
    archive.at_most(words_left_, uint64_t{0x1'0000});
    archive.at_most(buffer_block_, kSize - kBlockSize);
    auto count = static_cast<uint32_t>(buffer_.size());
    archive.at_most(count, static_cast<uint32_t>(kBufferSize / 4));
    if (archive.failed()) return;
    buffer_.resize(count);
    for (BufferedWrite& write : buffer_) {
        archive.at_most(write.offset, kSize - 1);
        archive.at_most(write.size, 8u);
        archive.value(write.value);
    }
    const bool filling = mode_ == Mode::BufferData;
    archive.require(!filling || (words_left_ != 0 && words_left_ + count <= kBufferSize / 4),
                    "a value is out of range");
    archive.require(mode_ != Mode::BufferConfirm || count != 0, "a value is out of range");
}

uint64_t CfiFlash::read_query(uint64_t offset, unsigned size) const {
    const uint64_t index = offset / 4;
    const uint64_t byte = index < kQuery.size() ? kQuery[index] : 0;
    const uint64_t bus = byte | byte << 16;
    return size >= 4 ? bus : bus >> (offset & 3) * 8 & ((uint64_t{1} << size * 8) - 1);
}

uint64_t CfiFlash::read_identifier(uint64_t offset) const {
    // Within each block: manufacturer, device, lock status.
    switch (offset % kBlockSize / 4) {
    case 0: return kManufacturer | kManufacturer << 16;
    case 1: return kDeviceCode | kDeviceCode << 16;
    default: return 0;
    }
}

bool CfiFlash::read(const MmioAccess& access, uint64_t& value) {
    value = 0;
    switch (mode_) {
    case Mode::Array: std::memcpy(&value, data_ + access.offset, access.size); break;
    case Mode::Query: value = read_query(access.offset, access.size); break;
    case Mode::Identifier: value = read_identifier(access.offset); break;
    default: value = access.size >= 4 ? status_ | status_ << 16 : status_; break;
    }
    return true;
}

void CfiFlash::program(uint64_t offset, unsigned size, uint64_t value) {
    // Programming clears bits and never sets them.
    for (unsigned i = 0; i < size && offset + i < kSize; i++) data_[offset + i] &= static_cast<uint8_t>(value >> i * 8);
}

void CfiFlash::keep(uint64_t begin, uint64_t end, uint8_t error) {
    end = std::min(end, kSize);
    if (store_ && !store_(begin, {data_ + begin, end - begin})) status_ |= error;
}

void CfiFlash::erase(uint64_t offset) {
    const uint64_t block = offset & ~(kBlockSize - 1);
    // Dropping the private copies uncovers the ones beneath.
    if (madvise(data_ + block, kBlockSize, MADV_DONTNEED) != 0) std::memset(data_ + block, 0xFF, kBlockSize);
    keep(block, block + kBlockSize, kEraseError);
}

void CfiFlash::replace(std::span<const Contents> contents) {
    if (madvise(data_, kSize, MADV_DONTNEED) != 0) std::memset(data_, 0xFF, kSize);
    for (const Contents& part : contents) std::memcpy(data_ + part.offset, part.bytes.data(), part.bytes.size());
}

void CfiFlash::flush_buffer() {
    uint64_t begin = kSize, end = 0;
    for (const BufferedWrite& write : buffer_) {
        program(write.offset, write.size, write.value);
        begin = std::min(begin, write.offset);
        end = std::max(end, write.offset + write.size);
    }
    buffer_.clear();
    keep(begin, end, kProgramError);
}

void CfiFlash::command(uint64_t offset, uint8_t command) {
    switch (command) {
    case kProgramWord:
    case kProgramWordAlternate: mode_ = Mode::ProgramWord; break;
    case kBlockErase: mode_ = Mode::EraseSetup; break;
    case kLock: mode_ = Mode::LockSetup; break;
    case kReadStatus: mode_ = Mode::Status; break;
    case kClearStatus:
        status_ = kReady;
        mode_ = Mode::Array;
        break;
    case kReadIdentifier: mode_ = Mode::Identifier; break;
    case kReadQuery: mode_ = Mode::Query; break;
    case kBufferedProgram:
        mode_ = Mode::BufferCount;
        buffer_block_ = offset & ~(kBlockSize - 1);
        buffer_.clear();
        break;
    default: mode_ = Mode::Array; break; // kReadArray, and whatever the set does not define
    }
}

bool CfiFlash::write(const MmioAccess& access, uint64_t value) {
    const auto byte = static_cast<uint8_t>(value);
    switch (mode_) {
    case Mode::ProgramWord:
        program(access.offset, access.size, value);
        keep(access.offset, access.offset + access.size, kProgramError);
        mode_ = Mode::Status;
        break;
    case Mode::EraseSetup:
        if (byte == kConfirm) {
            erase(access.offset);
        } else {
            status_ |= kEraseError | kProgramError; // Both: a bad command sequence
        }
        mode_ = Mode::Status;
        break;
    case Mode::LockSetup:
        // Blocks are never locked here: both requests succeed.
        if (byte != kConfirm && byte != kLockBlock) status_ |= kEraseError | kProgramError;
        mode_ = Mode::Status;
        break;
    case Mode::BufferCount:
        words_left_ = (value & 0xFFFF) + 1;
        if (words_left_ > kBufferSize / 4) {
            status_ |= kEraseError | kProgramError;
            mode_ = Mode::Status;
        } else {
            mode_ = Mode::BufferData;
        }
        break;
    case Mode::BufferData:
        if ((access.offset & ~(kBlockSize - 1)) != buffer_block_) {
            // Words of one buffer lie in one block.
            status_ |= kProgramError;
            buffer_.clear();
            mode_ = Mode::Status;
            break;
        }
        buffer_.push_back({access.offset, access.size, value});
        if (--words_left_ == 0) mode_ = Mode::BufferConfirm;
        break;
    case Mode::BufferConfirm:
        if (byte == kConfirm) {
            flush_buffer();
        } else {
            status_ |= kEraseError | kProgramError;
            buffer_.clear();
        }
        mode_ = Mode::Status;
        break;
    case Mode::Array:
    case Mode::Status:
    case Mode::Identifier:
    case Mode::Query: command(access.offset, byte); break;
    }
    return true;
}

} // namespace beeline::devices
