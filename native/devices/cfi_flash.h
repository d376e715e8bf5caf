// Parallel NOR flash with the Intel command set (CFI, JESD68; Intel StrataFlash): two 16-bit devices side by side on a
// 32-bit bus, as on QEMU's `virt`.
#pragma once

#include "devices/device.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace beeline::devices {

class CfiFlash final : public Device {
public:
    static constexpr uint64_t kSize = uint64_t{64} << 20;
    static constexpr uint64_t kBlockSize = uint64_t{256} << 10; ///< Erase block, of both devices together.
    static constexpr uint64_t kBufferSize = uint64_t{4} << 10;  ///< Write buffer, of both devices together.

    /// An erased flash. On failure usable() is false.
    CfiFlash();
    ~CfiFlash() override;
    CfiFlash(const CfiFlash&) = delete;
    CfiFlash& operator=(const CfiFlash&) = delete;
    bool usable() const { return data_ != nullptr; }

    bool read(const MmioAccess& access, uint64_t& value) override;
    bool write(const MmioAccess& access, uint64_t value) override;
    /// Back to array mode; the contents stay.
    void reset() override;
    /// Not the contents, which are exchanged as memory is.
    void exchange(snapshot::Archive& archive) override;

    /// Told of every change, once it has been made here: `bytes` are now at `offset`. False: they could not be kept,
    /// which the guest reads as a failed operation in the status register.
    using Store = std::function<bool(uint64_t offset, std::span<const uint8_t> bytes)>;
    void set_store(Store store) { store_ = std::move(store); }

    /// The contents, kSize bytes, kept in place while the flash lives. They may be read directly while array_mode().
    uint8_t* data() { return data_; }
    /// Other contents, where they are not 0xFF. Nobody is told.
    struct Contents {
        uint64_t offset;
        std::vector<uint8_t> bytes;
    };
    void replace(std::span<const Contents> contents);
    bool array_mode() const { return mode_ == Mode::Array; }

private:
    enum class Mode : uint8_t {
        Array,        ///< Reads return the contents
        Status,       ///< Reads return the status register
        Identifier,   ///< Reads return manufacturer, device and lock status
        Query,        ///< Reads return the CFI table
        ProgramWord,  ///< The next write is the datum
        EraseSetup,   ///< The next write confirms
        LockSetup,    ///< The next write says lock or unlock
        BufferCount,  ///< The next write is the number of words less one
        BufferData,   ///< Words follow
        BufferConfirm ///< The next write confirms
    };

    void command(uint64_t offset, uint8_t command);
    void program(uint64_t offset, unsigned size, uint64_t value);
    void keep(uint64_t begin, uint64_t end, uint8_t error);
    void erase(uint64_t offset);
    void flush_buffer();
    uint64_t read_query(uint64_t offset, unsigned size) const;
    uint64_t read_identifier(uint64_t offset) const;

    struct BufferedWrite {
        uint64_t offset;
        unsigned size;
        uint64_t value;
    };

    uint8_t* data_ = nullptr;
    Mode mode_ = Mode::Array;
    uint8_t status_;
    uint64_t words_left_ = 0;
    uint64_t buffer_block_ = 0;
    std::vector<BufferedWrite> buffer_;
    Store store_; ///< Empty: nobody keeps the contents.
};

} // namespace beeline::devices
