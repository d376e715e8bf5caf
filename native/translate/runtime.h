// Entry, exits and shared routines of translated code, generated once per vCPU; and the functions that they call.
#pragma once

#include "host/assembler.h"
#include "translate/emitter.h"

#include <array>
#include <cstdint>
#include <functional>

namespace beeline::translate {

/// What translated code returns with besides the address of an Exit: state.pc is set, go on there. The switch
/// has been counted.
inline constexpr uint64_t kContinue = 0;
/// The same, but the next instructions are for the interpreter.
inline constexpr uint64_t kInterpret = 1;
/// As kContinue, by the poll word.
inline constexpr uint64_t kPolled = 2;
/// As kContinue, by an indirect branch or a change of the exception level: its target is not in the table, or somebody
/// wants the CPU.
inline constexpr uint64_t kIndirect = 3;

/// Describes an access to the slow path: packed into 32 bits.
struct AccessSite {
    uint16_t page_offset; ///< Of the guest instruction.
    uint8_t uncounted;    ///< Instructions of the block before it that the count does not hold yet.
    uint8_t size_log2;    ///< Of each register's transfer: 0..3
    bool pair = false;
    bool aligned = false;      ///< Unaligned addresses fault.
    bool unprivileged = false; ///< LDTR, STTR

    constexpr uint32_t pack() const {
        return page_offset | uint32_t{uncounted} << 12 | uint32_t{size_log2} << 20 | uint32_t{pair} << 23 |
               uint32_t{aligned} << 24 | uint32_t{unprivileged} << 25;
    }
    static constexpr AccessSite unpack(uint32_t bits) {
        return {.page_offset = static_cast<uint16_t>(bits & 0xFFF),
                .uncounted = static_cast<uint8_t>(bits >> 12 & 0xFF),
                .size_log2 = static_cast<uint8_t>(bits >> 20 & 7),
                .pair = (bits >> 23 & 1) != 0,
                .aligned = (bits >> 24 & 1) != 0,
                .unprivileged = (bits >> 25 & 1) != 0};
    }
};

/// Bytes that one check may be for: general registers, FP/SIMD registers, and runs of up to four of those.
inline constexpr std::array<uint8_t, 12> kProbeSizes{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};

constexpr unsigned probe_index(unsigned bytes) {
    unsigned index = 0;
    while (kProbeSizes[index] != bytes) index++;
    return index;
}

/// Addresses are in the writable mapping, as the assembler wants them.
struct Runtime {
    using Enter = uint64_t (*)(const uint8_t* code);
    Enter enter = nullptr;                 ///< Executable. Returns an Exit*, or one of the above.
    const uint8_t* leave = nullptr;        ///< jmp: rax is returned; homes and flags go to CpuState.
    const uint8_t* leave_to_rax = nullptr; ///< jmp: state.pc = rax, kIndirect
    /// call: rax address, ecx offset of the SiteEntry from the TLB (gs). ZF set: rcx is the addend, the site is
    /// filled. Changes rax, rcx and EFLAGS only. By probe_index() of the transfer's size.
    const uint8_t* probe_read[kProbeSizes.size()] = {};
    const uint8_t* probe_write[kProbeSizes.size()] = {};
    /// The same in the TLB of LDTR and STTR; no site is filled.
    const uint8_t* probe_read_unprivileged[kProbeSizes.size()] = {};
    const uint8_t* probe_write_unprivileged[kProbeSizes.size()] = {};
    /// call: rax address, ecx AccessSite. Returns the data zero-extended in rax (and rdx); leaves translated code when
    /// the access faults. Changes rax, rcx, rdx, EFLAGS.
    const uint8_t* slow_load = nullptr;
    /// call: rax address, ecx AccessSite, rdx data (and CPU transfer[1]).
    const uint8_t* slow_store = nullptr;
    /// call: rcx is a MissCounter that has reached 0. Changes rax, rcx and EFLAGS.
    const uint8_t* note_misses = nullptr;
    /// call: rax is an Insn with handlers up to one that stops. The full form lets it read and write all guest state,
    /// raise exceptions and leave; the light one is for instructions that touch neither general registers nor flags
    /// and cannot fail.
    const uint8_t* interpret_full = nullptr;
    const uint8_t* interpret_light = nullptr;
    /// call: the same for one instruction whose inline code found operands that it is not for. Changes no EFLAGS, and
    /// of the host's vector registers xmm0-2 only.
    const uint8_t* fix_up_full = nullptr;
    const uint8_t* fix_up_light = nullptr;
    /// call: rax is a SystemCall, rdx and rcx are its operands. Returns its result in rax. Changes rax, rcx, rdx,
    /// EFLAGS.
    const uint8_t* call_system = nullptr;
    /// jmp: rax is a LevelChange, rdx and rcx are its operands. The guest's flags are in HostFlags before and after.
    const uint8_t* change_level = nullptr;
    /// jmp: goes on at state.pc, in translated code where there is some and nobody wants the CPU, otherwise as
    /// kIndirect.
    const uint8_t* dispatch = nullptr;
};

/// Generates the routines at the assembler's position.
Runtime generate_runtime(Emitter& emitter, const uint8_t* executable_base, const uint8_t* writable_base);

/// Goes on at rax by the table of indirect branches. `refuse` emits the jump that is taken, with rax as it was, where
/// ZF is clear. Changes rcx, rdx, EFLAGS.
void jump_through_table(Emitter& emitter, const std::function<void()>& refuse);

/// Handler that ends a chain of interpreted instructions and goes back to translated code.
arm64::Insn* stop_handler(arm64::Vcpu& cpu, arm64::Insn* insn);

} // namespace beeline::translate
