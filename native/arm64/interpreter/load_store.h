// Address computation that the loads and stores of general and of FP/SIMD registers share.
#pragma once

#include "arm64/interpreter/insn.h"
#include "arm64/interpreter/memory.h"

namespace beeline::arm64 {

/// What the option field makes of the index register: UXTW, SXTW, or LSL and SXTX, which are the same on 64 bits.
enum class IndexRegister { Unsigned32, Signed32, Whole };

/// The index register's value, extended and shifted by aux[0].
template <IndexRegister index> [[gnu::always_inline]] inline uint64_t index_value(const Vcpu& cpu, const Insn* insn) {
    const uint64_t value = cpu.state.x[insn->rm];
    switch (index) {
    case IndexRegister::Unsigned32: return uint64_t{static_cast<uint32_t>(value)} << insn->aux[0];
    case IndexRegister::Signed32:
        return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(value))) << insn->aux[0];
    case IndexRegister::Whole: return value << insn->aux[0];
    }
    return 0;
}

/// For binders: base and shift from fields n, o (option) and S of a transfer of `bytes`.
inline IndexRegister set_index_register(Insn& insn, const Fields& f, unsigned bytes) {
    insn.rn = register_or_sp(f('n'));
    insn.aux[0] = static_cast<uint8_t>(f('S') != 0 ? __builtin_ctz(bytes) : 0);
    return f('o') == 2 ? IndexRegister::Unsigned32 : f('o') == 6 ? IndexRegister::Signed32 : IndexRegister::Whole;
}

} // namespace beeline::arm64
