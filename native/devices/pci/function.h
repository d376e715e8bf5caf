// One PCI function (PCI Local Bus Specification 3.0): the type 0 header of chapter 6, memory base addresses,
// capabilities, INTA# and MSI-X. What is behind the base addresses is for derived classes.
#pragma once

#include "devices/pci/msix.h"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

namespace beeline::devices::pci {

/// The way from the functions to the machine. With the board lock held.
class Upstream {
public:
    virtual ~Upstream() = default;
    virtual void set_interrupt(unsigned slot, bool level) = 0;
    virtual void send_message(unsigned slot, const Message& message) = 0;
    /// A function answers at other addresses than before.
    virtual void decoding_changed() = 0;
};

struct Identity {
    uint16_t vendor = 0, device = 0;
    uint8_t revision = 0;
    uint32_t class_code = 0; ///< Base class, sub-class and interface, a byte each.
    uint16_t subsystem_vendor = 0, subsystem = 0;
};

class Function;

/// Addresses at which a function answers now.
struct DecodedRange {
    uint64_t base, size;
    Function* function;
    unsigned bar;
};

/// Every call is made with the board lock held.
class Function {
public:
    static constexpr unsigned kConfigurationBytes = 256, kBars = 6;

    explicit Function(const Identity& identity);
    virtual ~Function() = default;
    Function(const Function&) = delete;
    Function& operator=(const Function&) = delete;

    void attach(Upstream& upstream, unsigned slot);

    /// Naturally aligned accesses of 1, 2 or 4 bytes.
    virtual uint32_t read_configuration(unsigned offset, unsigned size);
    virtual void write_configuration(unsigned offset, unsigned size, uint32_t value);
    uint32_t read_memory(unsigned bar, uint64_t offset, unsigned size);
    void write_memory(unsigned bar, uint64_t offset, unsigned size, uint32_t value);
    virtual void reset();
    /// The bridge looks at the decoded addresses afterwards.
    virtual void exchange(snapshot::Archive& archive);

    void append_ranges(std::vector<DecodedRange>& ranges);

protected:
    enum class BarKind : uint8_t { Memory32, Prefetchable64 };

    virtual uint32_t read_bar(unsigned, uint64_t, unsigned) { return 0; }
    virtual void write_bar(unsigned, uint64_t, unsigned, uint32_t) {}

    /// `size`: a power of two, 4 KiB or more. A 64-bit one takes the next number too.
    void add_bar(unsigned bar, uint64_t size, BarKind kind);
    uint64_t bar_size(unsigned bar) const { return bars_[bar].size; }
    /// Returns where in the configuration space the capability is; `body` follows its identifier and link.
    unsigned add_capability(uint8_t id, std::initializer_list<uint8_t> body);
    void add_interrupt_pin();
    /// MSI-X, its table and pending bits in a base address of their own.
    void add_msix(unsigned vectors, unsigned bar);
    /// Bits of a byte that the guest may change.
    void make_writable(unsigned offset, uint8_t bits) { writable_[offset] = bits; }

    bool bus_master() const;
    bool msix_enabled() const { return msix_ && msix_->enabled(); }
    unsigned vectors() const { return msix_ ? msix_->vectors() : 0; }
    /// INTA#, which the guest may have disabled.
    void set_interrupt(bool level);
    /// Sends the vector's message, or leaves it pending. Nothing without MSI-X or such a vector.
    void raise_message(unsigned vector);

    /// Bytes of the configuration space as they stand.
    uint32_t stored(unsigned offset, unsigned size) const;

private:
    struct Bar {
        uint64_t size = 0; ///< 0: none
        BarKind kind = BarKind::Memory32;
    };

    void store(unsigned offset, unsigned size, uint32_t value);
    uint16_t command() const { return static_cast<uint16_t>(stored(4, 2)); }
    void settle_interrupts();

    std::array<uint8_t, kConfigurationBytes> bytes_{}, writable_{};
    std::array<Bar, kBars> bars_{};
    unsigned next_capability_ = 0x40, last_link_ = 0x34;
    std::optional<Msix> msix_;
    unsigned msix_bar_ = 0, msix_control_ = 0; ///< Where the table and the control word are.
    bool interrupt_ = false;
    Upstream* upstream_ = nullptr;
    unsigned slot_ = 0;
};

} // namespace beeline::devices::pci
