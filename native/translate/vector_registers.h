// Guest V registers in host registers, within a block.
//
// CpuState::v is always up to date: what is computed is stored at once, and only reads come from host registers. So
// whoever leaves the block, or calls the interpreter, has nothing to save; who comes back from code that changes xmm
// registers loads them again (restore), or forgets them (forget).
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

    /// Which guest register each host register holds.
    struct Contents {
        std::array<int8_t, kCount> guest;
        Contents() { guest.fill(-1); }
    };

    explicit VectorRegisters(Emitter& emitter) : e_(emitter) {}

    /// No register holds anything, and nothing is known of the guest's.
    void forget() {
        contents_ = {};
        significant_.fill(16);
    }
    const Contents& contents() const { return contents_; }
    /// Emits loads after which `contents` is true; changes nothing else.
    void restore(const Contents& contents) const;
    void assume(const Contents& contents) { contents_ = contents; }

    /// Before each instruction: what use() and define() return stays valid until the next call.
    void begin_instruction() { pinned_ = 0; }

    /// The register's value in a host register that nobody may write to.
    Xmm use(unsigned guest);
    /// The host register to put the new value of `guest` into, all 128 bits of it; it holds the old value when `guest`
    /// was in use. Follow with store().
    Xmm define(unsigned guest);
    /// A register for the instruction's own use.
    Xmm temporary();
    /// The new value is in the register that define() gave: CpuState gets it too.
    void store(unsigned guest);
    /// Whether a use costs no load.
    bool holds(unsigned guest) const { return find(guest) >= 0; }

    /// The value's upper bytes, from this number of bytes on, are zero. define() makes it 16.
    unsigned significant(unsigned guest) const { return significant_[guest]; }
    void set_significant(unsigned guest, unsigned bytes) { significant_[guest] = static_cast<uint8_t>(bytes); }

    Address memory(unsigned guest, unsigned bits = 128, unsigned offset = 0) const;

private:
    int find(unsigned guest) const;
    unsigned allocate(int guest);

    Emitter& e_;
    Contents contents_;
    std::array<uint8_t, 32> significant_{};
    std::array<uint32_t, kCount> used_{};
    uint32_t clock_ = 0, pinned_ = 0;
};

} // namespace beeline::translate
