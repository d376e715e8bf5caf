// The guest's RAM: anonymous memory, whose pages, huge ones where the host has them, come into being when they are
// touched. (A memfd gets no huge pages on most hosts: their shmem_enabled is "never".)
#pragma once

#include "board/error.h"
#include "board/memory_map.h"
#include "devices/device.h"

#include <cstdint>
#include <memory>

namespace beeline::board {

class GuestMemory final : public devices::GuestMemoryAccess {
public:
    static constexpr uint64_t kGranule = uint64_t{2} << 20;

    /// Errors: BEELINE_E_MEMORY for a size that is 0, no multiple of kGranule, more than `address_bits` of physical
    /// address can reach, or more than the host has.
    static Result<std::unique_ptr<GuestMemory>> create(uint64_t bytes, unsigned address_bits);
    ~GuestMemory() override;
    GuestMemory(const GuestMemory&) = delete;
    GuestMemory& operator=(const GuestMemory&) = delete;

    uint64_t size() const { return size_; }
    uint64_t end() const { return kRamBase + size_; }
    bool contains(uint64_t address, uint64_t length) const {
        return address >= kRamBase && length <= size_ && address - kRamBase <= size_ - length;
    }
    uint8_t* span(uint64_t address, uint64_t length) override {
        return contains(address, length) ? bytes_ + (address - kRamBase) : nullptr;
    }
    /// Takes over the contents of another memory of the same size, which is empty afterwards. It stays where it is.
    /// False: the host refuses, and nothing has changed.
    [[nodiscard]] bool take_over(GuestMemory& other);
    uint8_t* bytes() { return bytes_; }
    uint8_t* page(uint64_t address) { return address - kRamBase < size_ ? bytes_ + (address - kRamBase) : nullptr; }

private:
    GuestMemory(uint8_t* bytes, uint64_t size) : bytes_(bytes), size_(size) {}
    uint8_t* bytes_;
    uint64_t size_;
};

} // namespace beeline::board
