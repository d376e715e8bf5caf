// The host bridge: one bus of 32 slots behind an ECAM window (PCI Express Base Specification, 7.2.2), memory and port
// windows, and the routing of INTx to four interrupts, as QEMU's `virt` has it. Slot 0 is the bridge's own function.
#pragma once

#include "devices/device.h"
#include "devices/pci/function.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace beeline::devices::pci {

/// Where message-signalled interrupts go. With the board lock held.
class MessageSink {
public:
    virtual ~MessageSink() = default;
    /// `requester`: bus, device and function number of the sender.
    virtual void write_message(uint32_t requester, const Message& message) = 0;
};

class HostBridge final : private Upstream {
public:
    static constexpr unsigned kSlots = 32, kInterrupts = 4;
    static constexpr uint64_t kBusBytes = uint64_t{1} << 20; ///< Of ECAM, a bus.

    /// The windows' first bytes in PCI's memory space.
    struct Windows {
        uint64_t low, high;
    };
    HostBridge(InterruptSink& interrupts, unsigned first_spi, MessageSink& messages, const Windows& windows);

    /// Which of the four interrupts INTA# of a slot goes to.
    static constexpr unsigned interrupt_of(unsigned slot) { return slot % kInterrupts; }

    /// Into a free slot other than 0. Before the guest runs.
    void insert(unsigned slot, std::unique_ptr<Function> function);

    Device& configuration_space() { return configuration_; }
    Device& low_memory() { return low_memory_; }
    Device& high_memory() { return high_memory_; }
    Device& ports() { return ports_; }

private:
    struct ConfigurationSpace final : Device {
        explicit ConfigurationSpace(HostBridge& bridge) : bridge(bridge) {}
        bool read(const MmioAccess& access, uint64_t& value) override;
        bool write(const MmioAccess& access, uint64_t value) override;
        void reset() override;
        void exchange(snapshot::Archive& archive) override { bridge.exchange(archive); }
        HostBridge& bridge;
    };
    struct MemoryWindow final : Device {
        MemoryWindow(HostBridge& bridge, uint64_t base) : bridge(bridge), base(base) {}
        bool read(const MmioAccess& access, uint64_t& value) override;
        bool write(const MmioAccess& access, uint64_t value) override;
        void reset() override {}
        void exchange(snapshot::Archive&) override {}
        HostBridge& bridge;
        uint64_t base;
    };
    /// No function has ports: reads see an idle bus.
    struct PortWindow final : Device {
        bool read(const MmioAccess& access, uint64_t& value) override;
        bool write(const MmioAccess&, uint64_t) override { return true; }
        void reset() override {}
        void exchange(snapshot::Archive&) override {}
    };

    void exchange(snapshot::Archive& archive);
    void set_interrupt(unsigned slot, bool level) override;
    void send_message(unsigned slot, const Message& message) override;
    void decoding_changed() override;

    /// nullptr: nobody answers there.
    Function* at_configuration(uint64_t offset) const;
    const DecodedRange* at_address(uint64_t address) const;

    InterruptSink& sink_;
    const unsigned first_spi_;
    MessageSink& messages_;
    ConfigurationSpace configuration_;
    MemoryWindow low_memory_, high_memory_;
    PortWindow ports_;
    std::array<std::unique_ptr<Function>, kSlots> functions_;
    std::vector<DecodedRange> ranges_;              ///< By address.
    std::array<uint32_t, kInterrupts> asserting_{}; ///< Slots, a bit each, that pull an interrupt.
};

} // namespace beeline::devices::pci
