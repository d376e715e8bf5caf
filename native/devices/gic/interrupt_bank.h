// The state of a group of interrupts, and the registers that both GIC generations lay over it.
#pragma once

#include "snapshot/archive.h"

#include <array>
#include <bit>
#include <cstdint>

namespace beeline::devices::gic {

/// Priorities have 5 bits on this board (32 levels), as on GIC-400 and GIC-600: bits 2..0 are RAZ/WI.
inline constexpr unsigned kPriorityBits = 5;
inline constexpr uint8_t kPriorityMask = static_cast<uint8_t>(0xFF << (8 - kPriorityBits));
inline constexpr uint8_t kIdlePriority = 0xFF;

inline constexpr unsigned kSpis = 256;
inline constexpr unsigned kPrivateInterrupts = 32; ///< SGIs 0..15, PPIs 16..31
inline constexpr unsigned kInterrupts = kPrivateInterrupts + kSpis;
inline constexpr unsigned kNoInterrupt = 1023;

/// State of 32 interrupts, a bit each.
///
/// An interrupt is pending when its latch is set (by an edge, by software, by an SGI) or, when level-sensitive, while
/// its wire is high (GICv3 4.4, GICv2 3.2.4). It can be signalled when pending, enabled and not active.
struct InterruptWord {
    uint32_t group = 0; ///< 1: Group 1
    uint32_t enabled = 0;
    uint32_t latched = 0;
    uint32_t line = 0; ///< Level of the input wires; survives a reset of the controller.
    uint32_t active = 0;
    uint32_t edge = 0; ///< 1: edge-triggered
    std::array<uint8_t, 32> priority{};

    uint32_t pending() const { return latched | (line & ~edge); }
    uint32_t candidates() const { return pending() & enabled & ~active; }

    void set_line(unsigned bit, bool level) {
        const uint32_t mask = 1u << bit;
        if (level && (line & mask) == 0) latched |= edge & mask;
        line = level ? line | mask : line & ~mask;
    }
    /// Acknowledged: active, and no longer pending unless its wire says so.
    void activate(unsigned bit) {
        active |= 1u << bit;
        latched &= ~(1u << bit);
    }
    void deactivate(unsigned bit) { active &= ~(1u << bit); }

    void exchange(snapshot::Archive& archive) {
        for (uint32_t* value : {&group, &enabled, &latched, &line, &active, &edge}) archive.value(*value);
        archive.values(priority);
    }

    void reset(uint32_t edge_triggered) {
        group = enabled = latched = active = 0;
        edge = edge_triggered;
        priority.fill(0);
    }
};

/// Register blocks that GICD (from word 1 on) and GICR's SGI frame (word 0) share, by offset.
enum class BankRegister : uint8_t {
    None,
    Group,
    SetEnable,
    ClearEnable,
    SetPending,
    ClearPending,
    SetActive,
    ClearActive,
    Priority,
    Configuration,
};

struct BankAddress {
    BankRegister which = BankRegister::None;
    unsigned word = 0;  ///< Interrupts 32 * word ...
    unsigned index = 0; ///< Priority: first interrupt in the word; Configuration: 0 or 1, the half of the word.
};

/// Which register of which word lies at `offset` (rounded down to 4 bytes) of a distributor or SGI frame.
BankAddress decode_bank_register(uint64_t offset);

/// 32-bit accesses. `writable` limits what may be changed. Priority accesses honour `size` and the offset's low bits
/// (byte accessible); all others are by word.
uint32_t read_bank(const InterruptWord& word, const BankAddress& address);
struct BankWrite {
    uint32_t value;
    uint32_t byte_mask;           ///< Bits of the 32-bit register that are written.
    uint32_t fixed_configuration; ///< Interrupts whose ICFGR field ignores writes.
    uint32_t fixed_pending;       ///< Interrupts whose pending state ignores ISPENDR and ICPENDR (SGIs on GICv2).
};
void write_bank(InterruptWord& word, const BankAddress& address, const BankWrite& write);

/// The best candidate of one CPU.
struct Candidate {
    unsigned intid = kNoInterrupt;
    uint8_t priority = kIdlePriority;
    bool group1 = false;

    bool valid() const { return intid != kNoInterrupt; }
};

/// Improves `best` by the interrupts `bits` of `word`, whose first is `first`. Lower INTIDs win among equals.
inline void consider(Candidate& best, const InterruptWord& word, uint32_t bits, unsigned first) {
    while (bits != 0) {
        const unsigned bit = static_cast<unsigned>(std::countr_zero(bits));
        bits &= bits - 1;
        if (word.priority[bit] < best.priority) best = {first + bit, word.priority[bit], (word.group >> bit & 1) != 0};
    }
}

/// Register lanes: what an access of 1, 2, 4 or 8 bytes at `offset` touches of the 32-bit register at `offset & ~3`.
constexpr uint32_t lane_mask(uint64_t offset, unsigned size) {
    if (size >= 4) return 0xFFFF'FFFF;
    return ((1u << size * 8) - 1) << (offset & 3) * 8;
}

} // namespace beeline::devices::gic
