// The PCI transport (Virtio 1.2, 4.1), without the legacy interface: registers in memory that capabilities lead to,
// interrupts by MSI-X or INTA#.
#pragma once

#include "devices/pci/function.h"
#include "devices/virtio/negotiation.h"

#include <cstdint>
#include <mutex>
#include <vector>

namespace beeline::devices::virtio {

class PciTransport final : public pci::Function, private DriverInterrupts {
public:
    PciTransport(VirtioDevice& device, std::mutex& board_lock);

    uint32_t read_configuration(unsigned offset, unsigned size) override;
    void write_configuration(unsigned offset, unsigned size, uint32_t value) override;
    void reset() override;
    void exchange(snapshot::Archive& archive) override;

private:
    static constexpr uint16_t kNoVector = 0xFFFF;

    // pci::Function
    uint32_t read_bar(unsigned bar, uint64_t offset, unsigned size) override;
    void write_bar(unsigned bar, uint64_t offset, unsigned size, uint32_t value) override;

    // DriverInterrupts
    void queues_used(uint64_t queues) override;
    void needs_reset() override;
    void configuration_changed() override;

    void add_structure(uint8_t type, uint32_t offset, uint32_t length);
    void reset_device();
    uint32_t read_common(uint64_t offset);
    void write_common(uint64_t offset, uint32_t value);
    void write_queue(uint64_t offset, uint32_t value);
    void write_status(uint8_t value);
    uint32_t read_and_clear_isr();
    void raise(uint8_t bits);
    void raise_configuration_change();
    uint16_t valid_vector(uint32_t vector) const;
    /// The access that the PCI configuration access capability describes (4.1.4.9). False: none that can be made.
    struct Window {
        unsigned bar;
        uint64_t offset;
        unsigned length;
    };
    bool window(Window& window) const;

    Negotiation negotiation_;
    std::mutex& board_lock_;
    unsigned window_ = 0; ///< Where the PCI configuration access capability is.
    uint32_t device_features_word_ = 0, driver_features_word_ = 0;
    uint16_t selected_queue_ = 0;
    uint8_t isr_ = 0;
    uint16_t configuration_vector_ = kNoVector;
    std::vector<uint16_t> queue_vectors_;
};

} // namespace beeline::devices::virtio
