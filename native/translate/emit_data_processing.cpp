// Dispatch of the integer data-processing instructions to their emitters, and what those share.
#include "translate/emit_data_processing.h"

#include "arm64/vcpu.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::kZeroRegister;
using arm64::Op;

Address slot_part(const Emitter& e, unsigned number, unsigned offset, unsigned bits) {
    return e.state(reinterpret_cast<const uint8_t*>(&e.cpu.state.x[number]) + offset, bits);
}

// ---- two-operand instructions ----

void emit_alu(Emitter& e, Alu op, const Operand& to, const Operand& from) {
    switch (op) {
    case Alu::Add: e.a.add(to, from); break;
    case Alu::Or: e.a.or_(to, from); break;
    case Alu::Adc: e.a.adc(to, from); break;
    case Alu::Sbb: e.a.sbb(to, from); break;
    case Alu::And: e.a.and_(to, from); break;
    case Alu::Sub: e.a.sub(to, from); break;
    case Alu::Xor: e.a.xor_(to, from); break;
    case Alu::Cmp: e.a.cmp(to, from); break;
    }
}

void emit_alu(Emitter& e, Alu op, const Operand& to, int32_t imm) {
    const auto bits = static_cast<uint32_t>(imm);
    switch (op) {
    case Alu::Add: e.a.add(to, bits); break;
    case Alu::Or: e.a.or_(to, bits); break;
    case Alu::Adc: e.a.adc(to, bits); break;
    case Alu::Sbb: e.a.sbb(to, bits); break;
    case Alu::And: e.a.and_(to, bits); break;
    case Alu::Sub: e.a.sub(to, bits); break;
    case Alu::Xor: e.a.xor_(to, bits); break;
    case Alu::Cmp: e.a.cmp(to, bits); break;
    }
}

void emit_binary(Emitter& e, Alu op, unsigned rd, unsigned rn, Second second, bool wide) {
    const bool commutative = op != Alu::Sub && op != Alu::Sbb;
    if (commutative && rd != rn && rn != kZeroRegister && second.is(rd)) {
        second = Second::guest(rn);
        rn = rd;
    }
    const bool in_place = rd == rn;
    if (in_place && wide && !e.has_home(rd)) {
        if (!second.in_register(e)) {
            e.load(second.number(), rax);
            second = Second::host(rax);
        }
        emit_alu(e, op, e.slot(rd), second.resolve(e, true));
        return;
    }
    const Reg64 to = in_place || !second.is(rd) ? e.target(rd, rax) : rax;
    if (!in_place || !e.has_home(rd)) e.load(rn, to, wide);
    emit_alu(e, op, sized(to, wide), second.resolve(e, wide));
    e.commit(rd, to);
}

void emit_compare(Emitter& e, unsigned rn, Second second, bool wide) {
    if (rn != kZeroRegister && !e.has_home(rn) && second.in_register(e)) {
        const Address left = e.slot(rn, wide ? 64 : 32);
        e.a.cmp(left, second.resolve(e, wide));
        return;
    }
    const Reg64 left = e.read(rn, rax);
    e.a.cmp(sized(left, wide), second.resolve(e, wide));
}

void emit_test(Emitter& e, unsigned rn, Second second, bool wide) {
    if (second.in_register(e)) {
        const Xbyak::Reg right = static_cast<const Xbyak::Reg&>(second.resolve(e, wide));
        e.a.test(e.operand(rn, wide), right);
        return;
    }
    const Reg64 left = e.read(rn, rax);
    e.a.test(second.resolve(e, wide), sized(left, wide));
}

void emit_test_zero(Emitter& e, unsigned rn, bool wide) {
    if (e.has_home(rn))
        e.a.test(sized(e.home(rn), wide), sized(e.home(rn), wide));
    else
        e.a.cmp(e.slot(rn, wide ? 64 : 32), 0);
}

void emit_zero_flags(Emitter& e) { e.a.xor_(eax, eax); }

void emit_test_constant(Emitter& e, unsigned rn, uint64_t value, bool wide) {
    if (!wide) value = static_cast<uint32_t>(value);
    // A narrower test is right when it sets SF as the whole does: its top bit is clear in the mask, or is the top bit.
    const bool clear_top = value <= 0x7FFFFFFF;
    if (e.has_home(rn)) {
        const Reg64 r = e.home(rn);
        if (value <= 0x7F)
            e.a.test(byte_of(r), static_cast<uint32_t>(value));
        else if (!wide || clear_top)
            e.a.test(r.cvt32(), static_cast<uint32_t>(value));
        else if (fits_int32(value))
            e.a.test(r, static_cast<uint32_t>(value));
        else {
            e.move_immediate(rax, value);
            e.a.test(r, rax);
        }
        return;
    }
    const unsigned bytes = wide ? 8 : 4, low = static_cast<unsigned>(__builtin_ctzll(value)) / 8,
                   high = (63 - static_cast<unsigned>(__builtin_clzll(value))) / 8;
    const uint64_t part = value >> low * 8;
    if (low == high && ((part & 0x80) == 0 || low == bytes - 1)) {
        e.a.test(slot_part(e, rn, low, 8), static_cast<uint32_t>(part));
    } else if (!wide || clear_top) {
        e.a.test(e.slot(rn, 32), static_cast<uint32_t>(value));
    } else if (static_cast<uint32_t>(value) == 0) {
        e.a.test(slot_part(e, rn, 4, 32), static_cast<uint32_t>(value >> 32));
    } else if (fits_int32(value)) {
        e.a.test(e.slot(rn), static_cast<uint32_t>(value));
    } else {
        e.move_immediate(rax, value);
        e.a.test(e.slot(rn), rax);
    }
}

// ---- moves ----

void emit_move(Emitter& e, unsigned rd, unsigned rn, bool wide) {
    if (is_discarded(rd)) return;
    if (rn == kZeroRegister) {
        emit_constant(e, rd, 0);
        return;
    }
    if (wide && rd == rn) return;
    if (wide && !e.has_home(rd)) {
        e.commit(rd, e.read(rn, rax));
        return;
    }
    const Reg64 to = e.target(rd, rax);
    e.load(rn, to, wide);
    e.commit(rd, to);
}

void emit_constant(Emitter& e, unsigned rd, uint64_t value) {
    if (is_discarded(rd)) return;
    if (value == 0 && e.has_home(rd) && e.flags_free())
        e.a.xor_(e.home(rd).cvt32(), e.home(rd).cvt32());
    else
        e.set_immediate(rd, value);
}

void load_extended(Emitter& e, const Reg64& to, unsigned number, unsigned bits, bool is_signed, bool wide,
                   unsigned byte) {
    if (number == kZeroRegister) {
        e.move_immediate(to, 0);
    } else if (e.has_home(number)) {
        extend(e, to, e.home(number), bits, is_signed, wide);
    } else {
        const Address from = slot_part(e, number, byte, bits);
        if (bits == 32 && !(is_signed && wide))
            e.a.mov(to.cvt32(), from);
        else if (bits == 32)
            e.a.movsxd(to, from);
        else if (is_signed)
            e.a.movsx(sized(to, wide), from);
        else
            e.a.movzx(to.cvt32(), from);
    }
}

void extend(Emitter& e, const Reg64& to, const Reg64& from, unsigned bits, bool is_signed, bool wide) {
    if (bits == 32 && !(is_signed && wide)) {
        e.a.mov(to.cvt32(), from.cvt32());
    } else if (bits == 32) {
        e.a.movsxd(to, from.cvt32());
    } else {
        const Xbyak::Reg part = bits == 8 ? Xbyak::Reg(byte_of(from)) : Xbyak::Reg(from.cvt16());
        if (is_signed)
            e.a.movsx(sized(to, wide), part);
        else
            e.a.movzx(to.cvt32(), part);
    }
}

// ---- shifts ----

void emit_shift_in_place(Emitter& e, const Reg64& r, Shift shift, unsigned amount, bool wide) {
    const Reg32e to = sized(r, wide);
    const auto count = static_cast<int>(amount);
    if (e.flags_free()) {
        switch (shift) {
        case Shift::Lsl:
            if (amount == 1)
                e.a.add(to, to);
            else
                e.a.shl(to, count);
            break;
        case Shift::Lsr: e.a.shr(to, count); break;
        case Shift::Asr: e.a.sar(to, count); break;
        case Shift::Ror: e.a.ror(to, count); break;
        }
        return;
    }
    if (shift == Shift::Ror) {
        e.a.rorx(to, to, static_cast<uint8_t>(amount));
        return;
    }
    if (shift == Shift::Lsl && amount == 1) {
        e.a.lea(to, ptr[r + r]);
        return;
    }
    if (shift == Shift::Lsl && amount <= 3) {
        e.a.lea(to, ptr[r * (1 << amount)]);
        return;
    }
    const Reg32e counter = sized(rdx, wide);
    e.a.mov(edx, amount);
    switch (shift) {
    case Shift::Lsl: e.a.shlx(to, to, counter); break;
    case Shift::Lsr: e.a.shrx(to, to, counter); break;
    default: e.a.sarx(to, to, counter); break;
    }
}

void emit_shifted(Emitter& e, const Reg64& to, unsigned rm, Shift shift, unsigned amount, bool wide) {
    if (rm == kZeroRegister) {
        e.move_immediate(to, 0);
        return;
    }
    if (amount == 0) {
        if (!lives_in(e, rm, to)) e.load(rm, to, wide);
        return;
    }
    const Reg32e result = sized(to, wide);
    if (shift == Shift::Lsl && amount <= 3 && e.has_home(rm) && !(lives_in(e, rm, to) && e.flags_free())) {
        const Reg64 from = e.home(rm);
        if (amount == 1)
            e.a.lea(result, ptr[from + from]);
        else
            e.a.lea(result, ptr[from * (1 << amount)]);
        return;
    }
    if (shift == Shift::Lsl && amount <= 3 && !e.flags_free()) {
        e.load(rm, to, wide);
        emit_shift_in_place(e, to, shift, amount, wide);
        return;
    }
    if (shift == Shift::Ror && e.host.bmi2) {
        e.a.rorx(result, e.operand(rm, wide), static_cast<uint8_t>(amount));
        return;
    }
    if (!e.flags_free() && e.host.bmi2) {
        const Reg32e counter = sized(rdx, wide);
        e.a.mov(edx, amount);
        switch (shift) {
        case Shift::Lsl: e.a.shlx(result, e.operand(rm, wide), counter); break;
        case Shift::Lsr: e.a.shrx(result, e.operand(rm, wide), counter); break;
        default: e.a.sarx(result, e.operand(rm, wide), counter); break;
        }
        return;
    }
    e.clobber_flags();
    if (!lives_in(e, rm, to)) e.load(rm, to, wide);
    emit_shift_in_place(e, to, shift, amount, wide);
}

// ---- masks ----

void emit_and_constant(Emitter& e, const Reg64& r, uint64_t value, bool wide, bool flags) {
    if (!wide) value = static_cast<uint32_t>(value);
    if (!flags && (value == 0xFF || value == 0xFFFF || value == 0xFFFFFFFF)) {
        extend(e, r, r, static_cast<unsigned>(__builtin_popcountll(value)), false, true);
    } else if (!wide || value <= 0x7FFFFFFF || (!flags && fits_uint32(value))) {
        e.a.and_(r.cvt32(), static_cast<uint32_t>(value));
    } else if (fits_int32(value)) {
        e.a.and_(r, static_cast<uint32_t>(value));
    } else if (!flags && __builtin_popcountll(value) == 63) {
        e.a.btr(r, static_cast<uint8_t>(__builtin_ctzll(~value)));
    } else if ((value & (value + 1)) == 0 && e.host.bmi2) {
        e.a.mov(edx, static_cast<uint32_t>(__builtin_popcountll(value)));
        e.a.bzhi(r, r, rdx);
    } else {
        e.move_immediate(rdx, value);
        e.a.and_(r, rdx);
    }
}

void emit_and_constant(Emitter& e, unsigned rd, unsigned rn, uint64_t value, bool wide, bool flags) {
    if (!wide) value = static_cast<uint32_t>(value);
    const Reg64 to = e.target(rd, rax);
    if (!flags && (value == 0xFF || value == 0xFFFF || value == 0xFFFFFFFF)) {
        load_extended(e, to, rn, static_cast<unsigned>(__builtin_popcountll(value)), false, true);
        e.commit(rd, to);
        return;
    }
    if (wide && rd == rn && !e.has_home(rd) && fits_int32(value)) {
        e.a.and_(e.slot(rd), static_cast<uint32_t>(value));
        return;
    }
    if (wide && !fits_int32(value) && !fits_uint32(value) && (value & (value + 1)) == 0 && e.host.bmi2 &&
        (flags || value != low_ones(63) || rd != rn)) {
        // A low mask that no immediate holds.
        e.a.mov(edx, static_cast<uint32_t>(__builtin_popcountll(value)));
        e.a.bzhi(to, e.operand(rn, true), rdx);
        e.commit(rd, to);
        return;
    }
    // Where 32 bits of the source suffice, the copy need not be wider.
    const bool narrow = !wide || value <= 0x7FFFFFFF || (!flags && fits_uint32(value));
    if (!lives_in(e, rn, to)) e.load(rn, to, !narrow);
    emit_and_constant(e, to, value, wide, flags);
    e.commit(rd, to);
}

// ---- dispatch ----

bool emit_data_processing(Emitter& e, const Insn& insn) {
    switch (static_cast<Op>(insn.op)) {
    // Data processing, immediate (C4.1.86)
    case Op::ADD_immediate: emit_add_immediate(e, insn, {.subtract = false, .set_flags = false}); return true;
    case Op::ADDS_immediate: emit_add_immediate(e, insn, {.subtract = false, .set_flags = true}); return true;
    case Op::SUB_immediate: emit_add_immediate(e, insn, {.subtract = true, .set_flags = false}); return true;
    case Op::SUBS_immediate: emit_add_immediate(e, insn, {.subtract = true, .set_flags = true}); return true;
    case Op::AND_immediate: emit_logic_immediate(e, insn, {.op = Alu::And}); return true;
    case Op::ORR_immediate: emit_logic_immediate(e, insn, {.op = Alu::Or}); return true;
    case Op::EOR_immediate: emit_logic_immediate(e, insn, {.op = Alu::Xor}); return true;
    case Op::ANDS_immediate: emit_logic_immediate(e, insn, {.op = Alu::And, .set_flags = true}); return true;
    case Op::MOVN:
    case Op::MOVZ: emit_constant(e, insn.rd, insn.imm); return true;
    case Op::MOVK: emit_movk(e, insn); return true;
    case Op::SBFM: emit_sbfm(e, insn); return true;
    case Op::BFM: emit_bfm(e, insn); return true;
    case Op::UBFM: emit_ubfm(e, insn); return true;
    case Op::EXTR: emit_extr(e, insn); return true;

    // Data processing, register (C4.1.89)
    case Op::UDIV: emit_divide(e, insn, false); return true;
    case Op::SDIV: emit_divide(e, insn, true); return true;
    case Op::LSLV: emit_shift_variable(e, insn, Shift::Lsl); return true;
    case Op::LSRV: emit_shift_variable(e, insn, Shift::Lsr); return true;
    case Op::ASRV: emit_shift_variable(e, insn, Shift::Asr); return true;
    case Op::RORV: emit_shift_variable(e, insn, Shift::Ror); return true;
    case Op::CRC32B: emit_crc32(e, insn, 8, false); return true;
    case Op::CRC32H: emit_crc32(e, insn, 16, false); return true;
    case Op::CRC32W: emit_crc32(e, insn, 32, false); return true;
    case Op::CRC32X: emit_crc32(e, insn, 64, false); return true;
    case Op::CRC32CB: emit_crc32(e, insn, 8, true); return true;
    case Op::CRC32CH: emit_crc32(e, insn, 16, true); return true;
    case Op::CRC32CW: emit_crc32(e, insn, 32, true); return true;
    case Op::CRC32CX: emit_crc32(e, insn, 64, true); return true;
    case Op::RBIT_general: emit_rbit(e, insn); return true;
    case Op::REV16_general: emit_rev16(e, insn); return true;
    case Op::REV_32:
    case Op::REV_64: emit_rev(e, insn); return true;
    case Op::REV32_general: emit_rev32(e, insn); return true;
    case Op::CLZ_general: emit_clz(e, insn); return true;
    case Op::CLS_general: emit_cls(e, insn); return true;
    case Op::AND_shifted: emit_logic_shifted(e, insn, {.op = Alu::And}); return true;
    case Op::BIC_shifted: emit_logic_shifted(e, insn, {.op = Alu::And, .invert = true}); return true;
    case Op::ORR_shifted: emit_logic_shifted(e, insn, {.op = Alu::Or}); return true;
    case Op::ORN_shifted: emit_logic_shifted(e, insn, {.op = Alu::Or, .invert = true}); return true;
    case Op::EOR_shifted: emit_logic_shifted(e, insn, {.op = Alu::Xor}); return true;
    case Op::EON_shifted: emit_logic_shifted(e, insn, {.op = Alu::Xor, .invert = true}); return true;
    case Op::ANDS_shifted: emit_logic_shifted(e, insn, {.op = Alu::And, .set_flags = true}); return true;
    case Op::BICS_shifted:
        emit_logic_shifted(e, insn, {.op = Alu::And, .invert = true, .set_flags = true});
        return true;
    case Op::ADD_shifted: emit_add_shifted(e, insn, {.subtract = false, .set_flags = false}); return true;
    case Op::ADDS_shifted: emit_add_shifted(e, insn, {.subtract = false, .set_flags = true}); return true;
    case Op::SUB_shifted: emit_add_shifted(e, insn, {.subtract = true, .set_flags = false}); return true;
    case Op::SUBS_shifted: emit_add_shifted(e, insn, {.subtract = true, .set_flags = true}); return true;
    case Op::ADD_extended: emit_add_extended(e, insn, {.subtract = false, .set_flags = false}); return true;
    case Op::ADDS_extended: emit_add_extended(e, insn, {.subtract = false, .set_flags = true}); return true;
    case Op::SUB_extended: emit_add_extended(e, insn, {.subtract = true, .set_flags = false}); return true;
    case Op::SUBS_extended: emit_add_extended(e, insn, {.subtract = true, .set_flags = true}); return true;
    case Op::ADC: emit_add_carry(e, insn, {.subtract = false, .set_flags = false}); return true;
    case Op::ADCS: emit_add_carry(e, insn, {.subtract = false, .set_flags = true}); return true;
    case Op::SBC: emit_add_carry(e, insn, {.subtract = true, .set_flags = false}); return true;
    case Op::SBCS: emit_add_carry(e, insn, {.subtract = true, .set_flags = true}); return true;
    case Op::CCMN_register: emit_conditional_compare(e, insn, {.negative = true, .immediate = false}); return true;
    case Op::CCMN_immediate: emit_conditional_compare(e, insn, {.negative = true, .immediate = true}); return true;
    case Op::CCMP_register: emit_conditional_compare(e, insn, {.negative = false, .immediate = false}); return true;
    case Op::CCMP_immediate: emit_conditional_compare(e, insn, {.negative = false, .immediate = true}); return true;
    case Op::CSEL: emit_select(e, insn, Select::Plain); return true;
    case Op::CSINC: emit_select(e, insn, Select::Increment); return true;
    case Op::CSINV: emit_select(e, insn, Select::Invert); return true;
    case Op::CSNEG: emit_select(e, insn, Select::Negate); return true;
    case Op::MADD: emit_multiply(e, insn, false); return true;
    case Op::MSUB: emit_multiply(e, insn, true); return true;
    case Op::SMADDL: emit_multiply_long(e, insn, {.is_signed = true, .subtract = false}); return true;
    case Op::SMSUBL: emit_multiply_long(e, insn, {.is_signed = true, .subtract = true}); return true;
    case Op::UMADDL: emit_multiply_long(e, insn, {.is_signed = false, .subtract = false}); return true;
    case Op::UMSUBL: emit_multiply_long(e, insn, {.is_signed = false, .subtract = true}); return true;
    case Op::SMULH: emit_multiply_high(e, insn, true); return true;
    case Op::UMULH: emit_multiply_high(e, insn, false); return true;
    default: return false;
    }
}

bool emit_data_processing_pair(Emitter& e, const Insn& first, const Insn& second) {
    const auto op = static_cast<Op>(first.op), next = static_cast<Op>(second.op);
    switch (op) {
    case Op::UDIV:
    case Op::SDIV: return next == Op::MSUB && emit_divide_remainder(e, first, second, op == Op::SDIV);
    case Op::MADD:
        return (next == Op::UMULH || next == Op::SMULH) &&
               emit_multiply_both(e, first, second, first, second, next == Op::SMULH);
    case Op::UMULH:
    case Op::SMULH: return next == Op::MADD && emit_multiply_both(e, first, second, second, first, op == Op::SMULH);
    case Op::RBIT_general: return next == Op::CLZ_general && emit_count_trailing_zeros(e, first, second);
    default: return false;
    }
}

bool begins_constant(const Insn& insn, uint64_t& value) {
    const auto op = static_cast<Op>(insn.op);
    if ((op != Op::MOVZ && op != Op::MOVN) || is_discarded(insn.rd)) return false;
    value = insn.imm;
    return true;
}

bool continues_constant(const Insn& insn, unsigned rd, uint64_t& value) {
    if (static_cast<Op>(insn.op) != Op::MOVK || insn.rd != rd) return false;
    value = (value & ~(uint64_t{0xFFFF} << insn.aux[0])) | insn.imm;
    if (!is_wide(insn)) value = static_cast<uint32_t>(value);
    return true;
}

} // namespace beeline::translate
