// What translated code keeps beside the guest's state, in the area of the vCPU that is set aside for its tier.
#pragma once

#include "arm64/execution_tier.h"
#include "arm64/vcpu.h"
#include "translate/counters.h"
#include "translate/vector_constants.h"

#include <array>
#include <cstdint>

namespace beeline::translate {

/// The guest's flags in the host's format, subtract form, as `lahf; seto al` leaves them in ax:
/// bit 15 N, bit 14 Z, bit 8 not C, bit 0 V.
inline constexpr uint32_t kHostN = 1u << 15, kHostZ = 1u << 14, kHostNotC = 1u << 8, kHostV = 1u << 0,
                          kHostFlagBits = kHostN | kHostZ | kHostNotC | kHostV;

constexpr uint32_t host_flags(uint32_t nzcv) {
    using namespace arm64;
    return ((nzcv & nzcv::N) != 0 ? kHostN : 0) | ((nzcv & nzcv::Z) != 0 ? kHostZ : 0) |
           ((nzcv & nzcv::C) == 0 ? kHostNotC : 0) | ((nzcv & nzcv::V) != 0 ? kHostV : 0);
}

constexpr uint32_t guest_flags(uint32_t host) {
    using namespace arm64;
    return ((host & kHostN) != 0 ? nzcv::N : 0) | ((host & kHostZ) != 0 ? nzcv::Z : 0) |
           ((host & kHostNotC) == 0 ? nzcv::C : 0) | ((host & kHostV) != 0 ? nzcv::V : 0);
}

/// HostFlags by what `lahf` leaves in ah behind ucomiss and ucomisd, and in the form FlagPlace::FloatSettled.
inline constexpr std::array<uint16_t, 0x48> kFloatFlags = [] {
    std::array<uint16_t, 0x48> flags{};
    flags[0x03] = kHostN | kHostNotC; // Less
    flags[0x42] = kHostZ;             // Equal
    flags[0x02] = 0;                  // Greater
    flags[0x47] = kHostV;             // Unordered
    flags[0x06] = kHostV;             // The same, settled.
    return flags;
}();

/// MXCSR for FPCR.RMode, nothing raised, all exceptions masked.
constexpr uint32_t mxcsr_of(uint32_t rmode) {
    // To nearest, up, down, to zero; the host has up and down the other way round.
    return 0x1F80 | ((rmode & 1) << 1 | rmode >> 1) << 13;
}

/// Most guest instructions of one block.
inline constexpr unsigned kMaxInstructions = arm64::ExecutionTier::kLongestBlock;

struct Translation;

struct IndirectEntry {
    uint64_t pc;
    uint64_t tag; ///< Vcpu::lookup_tag
    const uint8_t* code;
    Translation* translation;
};
inline constexpr unsigned kIndirectEntries = 16384;
/// Folded, so that functions on 64-byte boundaries use all of the table.
inline constexpr unsigned kIndirectFold = 14;
inline unsigned indirect_index(uint64_t pc) {
    const auto low = static_cast<uint32_t>(pc);
    return (low ^ low >> kIndirectFold) / 4 % kIndirectEntries;
}

struct alignas(64) TranslatedState {
    uint64_t host_flags;
    uint64_t host_stack; ///< rsp on entry to translated code; 0: not in translated code.
    IndirectEntry* indirect_table;
    const void* tlb; ///< What gs points to.
    /// Vcpu::lookup_tag when instructions were last looked up: what has been fetched since then is up to date while the
    /// tag is the same. kUnsynchronized: code has changed.
    uint64_t synchronized_tag;
    static constexpr uint64_t kUnsynchronized = ~uint64_t{1};
    uint64_t group_addend; ///< Of the group under way (Group::has_site).
    static constexpr unsigned kAddends = 8;
    uint64_t addends[kAddends];       ///< The same of accesses at one address (SameAddress::slot).
    uint64_t site_misses;             ///< See DirectCounters.
    uint64_t switches[kSwitchCauses]; ///< By cause.
    struct alignas(16) Count {
        uint64_t value, zero;
    } counts[kMaxInstructions + 1]; ///< counts[n].value is n: what a block adds to the instruction count.
    alignas(16) VectorConstants vector_constants;
    TripleShuffles triple_shuffles;
    uint64_t saturated[2]; ///< Not zero: FPSR.QC is set, which state.fpsr does not tell yet.
    std::array<uint16_t, kFloatFlags.size()> float_flags;
    uint32_t guest_mxcsr[4]; ///< By FPCR.RMode; the first one is the host's as well.
    uint32_t mxcsr;          ///< On its way to FPSR.
};
static_assert(sizeof(TranslatedState) <= arm64::Vcpu::kTierAreaBytes);

inline TranslatedState& translated_state(arm64::Vcpu& cpu) {
    return *reinterpret_cast<TranslatedState*>(cpu.tier_area);
}

inline void count_switch(arm64::Vcpu& cpu, SwitchCause cause) {
    translated_state(cpu).switches[static_cast<unsigned>(cause)]++;
}

} // namespace beeline::translate
