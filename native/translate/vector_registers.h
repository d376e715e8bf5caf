// Guest V registers in host registers, within a block.
//
// What is computed stays in its host register until a branch, an exit or a call of the interpreter (write_back); it is
// *dirty* until then, CpuState::v being out of date. Code out of line that does any of these stores what was dirty
// where it was entered (spill). Who comes back from code that changes xmm registers loads them again (restore), or
// forgets them (forget).
//
// Instructions that the interpreter may have to do over (fix-ups) are *guarded*: until they end, what was dirty before
// them stays in the register where it was, so that the fix-up can spill it and start from CpuState.
//
// xmm0 to xmm2 are scratch of every instruction, xmm3 to xmm14 hold guest registers, xmm15 is the instruction count.
#pragma once

#include "translate/emitter.h"

#include <array>
#include <cstdint>

namespace beeline::translate {

using Xbyak::Xmm;

class VectorRegisters {
public:
    static constexpr unsigned kFirst = 3, kLast = 14, kCount = kLast - kFirst + 1;

    /// Which guest register each host register holds, and which of them (bit n) are dirty.
    struct Contents {
        std::array<int8_t, kCount> guest;
        uint16_t dirty = 0;
        Contents() { guest.fill(-1); }
    };

    explicit VectorRegisters(Emitter& emitter) : e_(emitter) {}

    /// Emits stores of all dirty registers: CpuState::v is up to date.
    void write_back();
    /// No register holds anything, and nothing is known of the guest's. Nothing may be dirty, or it is lost.
    void forget() {
        contents_ = {};
        significant_.fill(16);
    }
    const Contents& contents() const { return contents_; }
    /// What they were when the instruction under way began.
    const Contents& contents_before() const { return before_; }
    /// Emits stores of what is dirty in `contents`; changes nothing else.
    void spill(const Contents& contents) const;
    /// Emits loads after which `contents` is true, CpuState being up to date; changes nothing else.
    void restore(const Contents& contents) const;

    /// All that is known of the registers at a place that code jumps back to.
    struct Knowledge {
        Contents contents;
        std::array<uint8_t, 32> significant;
    };
    Knowledge knowledge() const { return {contents_, significant_}; }
    void assume(const Knowledge& knowledge);
    /// New values go to the registers where `contents` has them, where they can.
    void prefer(const Contents& contents) { preferred_ = contents; }
    /// Whether stores and moves suffice for `knowledge` to be true; emits them without changing what is known here.
    bool can_become(const Knowledge& knowledge) const;
    void become(const Knowledge& knowledge) const;

    /// Registers that a guarded instruction needs besides those that are dirty before it, at most: three operands,
    /// three temporaries, one result; and one to spare.
    static constexpr unsigned kMostRoom = 8;

    /// Before each instruction: what use() and define() return stays valid until the next call. May emit
    /// stores, without Technique::VectorWriteBack.
    void begin_instruction();
    /// The same for a guarded one, that needs `room` registers besides those that are dirty. May emit stores.
    /// Those that are in `kept`, a mask of guest registers, stay dirty if that can be.
    void begin_guarded(unsigned room, uint32_t kept = 0);
    uint32_t dirty_guests() const; ///< As a mask.
    /// Between guarded instructions that are done over together: to VectorRegisters they are one.
    void go_on_guarded() { pinned_ = kept_; }

    /// The register's value in a host register that nobody may write to.
    Xmm use(unsigned guest);
    /// The host register to put the new value of `guest` into, all 128 bits of it; it holds the old value when `guest`
    /// was in use. Follow with store().
    Xmm define(unsigned guest) { return define(guest, true); }
    /// The same where the old value is not needed in it.
    Xmm redefine(unsigned guest) { return define(guest, false); }
    /// A register for the instruction's own use.
    Xmm temporary();
    /// The new value is in the register that define() gave.
    void store(unsigned guest);
    /// Before a guarded instruction that writes all of `guest` and does not read it: nobody needs the old value.
    void drop(unsigned guest);
    /// Whether a use costs no load.
    bool holds(unsigned guest) const { return find(guest) >= 0; }

    /// The value's upper bytes, from this number of bytes on, are zero. define() makes it 16.
    unsigned significant(unsigned guest) const { return significant_[guest]; }
    void set_significant(unsigned guest, unsigned bytes) { significant_[guest] = static_cast<uint8_t>(bytes); }

    /// The register in CpuState, up to date; may emit a store.
    Address memory(unsigned guest, unsigned bits = 128, unsigned offset = 0);
    /// The same, up to date or not.
    Address place(unsigned guest, unsigned bits = 128, unsigned offset = 0) const;

private:
    int find(unsigned guest) const;
    bool dirty(unsigned index) const { return (contents_.dirty >> index & 1) != 0; }
    /// The one that was used longest ago among those that `eligible` takes; kCount: none.
    template <class Eligible> unsigned oldest(Eligible eligible) const;
    unsigned allocate(int guest);
    Xmm define(unsigned guest, bool keep);
    void write_back(unsigned index);

    Emitter& e_;
    Contents contents_, before_, preferred_;
    bool guarded_ = false;
    std::array<uint8_t, 32> significant_{};
    std::array<uint32_t, kCount> used_{};
    uint32_t clock_ = 0, pinned_ = 0;
    uint32_t kept_ = 0; ///< Of pinned_: hold what guest registers were before the instruction.
};

} // namespace beeline::translate
