// The LPIs of one redistributor (IHI 0069, 5.1): message-signalled interrupts from INTID 8192 on, edge-triggered and of
// Group 1, whose priorities and enables lie in a table in guest memory.
#pragma once

#include "devices/device.h"
#include "devices/gic/interrupt_bank.h"

#include <array>
#include <cstdint>

namespace beeline::devices::gic {

class Lpis {
public:
    static constexpr unsigned kFirst = 8192, kIdBits = 16, kEnd = 1u << kIdBits;

    explicit Lpis(GuestMemoryAccess& memory) : memory_(memory) {}

    /// GICR_CTLR.EnableLPIs. What is pending comes from the pending table, and goes back there.
    bool enabled() const { return enabled_; }
    void enable(bool enabled);

    /// GICR_PROPBASER and GICR_PENDBASER; no effect while LPIs are enabled.
    uint64_t property_base() const { return property_base_; }
    uint64_t pending_base() const { return pending_base_; }
    void set_property_base(uint64_t value);
    void set_pending_base(uint64_t value);

    /// Nothing while LPIs are disabled, or for an INTID that is none of theirs.
    void set_pending(uint32_t intid, bool pending);
    bool pending(uint32_t intid) const { return intid < kEnd && (pending_[intid / 64] >> intid % 64 & 1) != 0; }
    /// The guest has changed the table of properties.
    void properties_changed() { stale_ = true; }
    void move_all_to(Lpis& other);
    void reset();
    void exchange(snapshot::Archive& archive);

    /// The most urgent one that is pending and enabled.
    const Candidate& best();

private:
    static constexpr unsigned kWords = kEnd / 64;

    /// words_ as pending_ has it.
    void summarize();
    unsigned end() const; ///< One past the last INTID that the guest provides for.
    const uint8_t* properties() const;
    void offer(uint32_t intid, uint8_t property);

    GuestMemoryAccess& memory_;
    uint64_t property_base_ = 0, pending_base_ = 0;
    bool enabled_ = false;
    bool stale_ = false; ///< best_ is to be found anew.
    Candidate best_;
    std::array<uint64_t, kWords> pending_{};
    std::array<uint64_t, kWords / 64> words_{}; ///< Words of pending_ that are not 0.
};

} // namespace beeline::devices::gic
