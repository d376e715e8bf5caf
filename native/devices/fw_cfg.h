// The firmware configuration interface (QEMU docs/specs/fw_cfg): items by number, read bytewise or by DMA.
#pragma once

#include "devices/device.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace beeline::devices {

class FwCfg final : public Device {
public:
    static constexpr uint64_t kSize = 0x18;

    /// Numbered items that firmware knows.
    enum class Key : uint16_t {
        Signature = 0x00,
        Id = 0x01,
        NbCpus = 0x05,
        KernelSize = 0x08,
        InitrdSize = 0x0B,
        BootMenu = 0x0E,
        MaxCpus = 0x0F,
        Kernel = 0x11,
        Initrd = 0x12,
        CommandLineSize = 0x14,
        CommandLine = 0x15,
        FileDirectory = 0x19,
        FirstFile = 0x20,
    };

    explicit FwCfg(GuestMemoryAccess& memory);

    void set(Key key, std::vector<uint8_t> bytes);
    void set16(Key key, uint16_t value);
    void set32(Key key, uint32_t value);
    /// A named file. Names have up to 55 characters; the directory is sorted by name.
    void add_file(const std::string& name, std::vector<uint8_t> bytes);

    bool read(const MmioAccess& access, uint64_t& value) override;
    bool write(const MmioAccess& access, uint64_t value) override;
    void reset() override;
    void exchange(snapshot::Archive& archive) override;
    unsigned widest_access() const override { return 8; }

private:
    struct File {
        uint16_t key;
        uint32_t size;
    };
    void select(uint16_t key);
    void rebuild_directory();
    std::span<const uint8_t> selected() const;
    uint8_t next_byte();
    void start_dma(uint64_t address);

    GuestMemoryAccess& memory_;
    std::map<uint16_t, std::vector<uint8_t>> items_;
    std::map<std::string, File> files_;
    uint16_t selector_ = 0;
    uint64_t offset_ = 0;
    uint64_t dma_address_ = 0;
};

} // namespace beeline::devices
