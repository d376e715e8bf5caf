// Shifts by a register, bitfields with their many aliases, EXTR (Arm ARM C4.1.86, C4.1.89).
#include "translate/emit_data_processing.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::kZeroRegister;

namespace {

/// A move of `width` bits from bit `from` of the source to bit `to` of the result; one of both is 0.
struct Field {
    unsigned from, to, width;
};

Field field_of(const Insn& insn) {
    const unsigned bits = is_wide(insn) ? 64 : 32, immr = insn.word >> 16 & 63, imms = insn.word >> 10 & 63;
    if (imms >= immr) return {immr, 0, imms - immr + 1};
    return {0, bits - immr, imms + 1};
}

bool has_extension(unsigned width) { return width == 8 || width == 16 || width == 32; }

/// `to` = the field at the bottom, extended. `to` may be the source's home, and is not rdx, which may change. The
/// source may be 31.
void extract(Emitter& e, const Reg64& to, unsigned rn, unsigned from, unsigned width, bool is_signed, bool wide) {
    const unsigned bits = wide ? 64 : 32;
    const Shift down = is_signed ? Shift::Asr : Shift::Lsr;
    if (from == 0 && width == bits) {
        if (!lives_in(e, rn, to)) e.load(rn, to, wide);
        return;
    }
    const bool in_memory = !e.has_home(rn) && rn != kZeroRegister;
    if (has_extension(width) && (from == 0 || (in_memory && from % 8 == 0))) {
        load_extended(e, to, rn, width, is_signed, wide, from / 8);
        return;
    }
    if (from + width == bits) {
        emit_shifted(e, to, rn, down, from, wide);
        return;
    }
    if (wide && from + width == 32) {
        // The lower half is a register of its own.
        if (!is_signed) {
            emit_shifted(e, to, rn, Shift::Lsr, from, false);
            return;
        }
        if (shift_needs_flags(e)) e.clobber_flags();
        load_extended(e, to, rn, 32, true, true);
        emit_shift_in_place(e, to, Shift::Asr, from, true);
        return;
    }
    if (shift_needs_flags(e)) e.clobber_flags();
    const bool narrow = !wide || from + width <= 32;
    const bool by_mask = !is_signed && width < 32 && e.flags_free();
    if (has_extension(width) || by_mask) {
        if (from != 0 && e.host.bmi2 && !(lives_in(e, rn, to) && e.flags_free()) && rn != kZeroRegister) {
            e.a.rorx(sized(to, !narrow), e.operand(rn, !narrow), static_cast<uint8_t>(from));
        } else {
            if (!lives_in(e, rn, to)) e.load(rn, to, !narrow);
            if (from != 0) emit_shift_in_place(e, to, Shift::Lsr, from, !narrow);
        }
        if (has_extension(width))
            extend(e, to, to, width, is_signed, wide);
        else
            e.a.and_(to.cvt32(), static_cast<uint32_t>(low_ones(width)));
        return;
    }
    if (from == 0 && !is_signed && e.flags_free()) {
        // More ones than an immediate holds.
        if (e.host.bmi2 && rn != kZeroRegister) {
            e.a.mov(edx, width);
            e.a.bzhi(to, e.operand(rn, true), rdx);
        } else {
            if (!lives_in(e, rn, to)) e.load(rn, to);
            emit_and_constant(e, to, low_ones(width), true, false);
        }
        return;
    }
    emit_shifted(e, to, rn, Shift::Lsl, bits - from - width, wide);
    emit_shift_in_place(e, to, down, bits - width, wide);
}

/// `to` = the lowest `width` bits of the source, extended, from bit `position` > 0 on. `to` as in extract().
void insert_in_zero(Emitter& e, const Reg64& to, unsigned rn, unsigned position, unsigned width, bool is_signed,
                    bool wide) {
    const unsigned bits = wide ? 64 : 32;
    if (position + width == bits) {
        emit_shifted(e, to, rn, Shift::Lsl, position, wide);
        return;
    }
    if (shift_needs_flags(e) && position > 3) e.clobber_flags();
    if (has_extension(width)) {
        load_extended(e, to, rn, width, is_signed, wide);
        emit_shift_in_place(e, to, Shift::Lsl, position, wide);
        return;
    }
    if (!is_signed && width < 32 && e.flags_free()) {
        if (!lives_in(e, rn, to)) e.load(rn, to, false);
        e.a.and_(to.cvt32(), static_cast<uint32_t>(low_ones(width)));
        emit_shift_in_place(e, to, Shift::Lsl, position, wide);
        return;
    }
    if (shift_needs_flags(e)) e.clobber_flags();
    emit_shifted(e, to, rn, Shift::Lsl, bits - width, wide);
    emit_shift_in_place(e, to, is_signed ? Shift::Asr : Shift::Lsr, bits - width - position, wide);
}

void emit_field_move(Emitter& e, const Insn& insn, bool is_signed) {
    const bool wide = is_wide(insn);
    const unsigned rd = insn.rd, rn = insn.rn;
    const Field field = field_of(insn);
    if (is_discarded(rd)) return;
    if (rn == kZeroRegister) {
        emit_constant(e, rd, 0);
        return;
    }
    if (field.to == 0 && field.width == (wide ? 64u : 32u)) {
        emit_move(e, rd, rn, wide);
        return;
    }
    if (!is_signed && field.to == 0 && field.from == 0 && !has_extension(field.width) && e.flags_free()) {
        emit_and_constant(e, rd, rn, low_ones(field.width), wide, false);
        return;
    }
    const Reg64 to = e.target(rd, rax);
    if (field.to == 0)
        extract(e, to, rn, field.from, field.width, is_signed, wide);
    else
        insert_in_zero(e, to, rn, field.to, field.width, is_signed, wide);
    e.commit(rd, to);
}

} // namespace

void emit_shift_variable(Emitter& e, const Insn& insn, Shift shift) {
    const bool wide = is_wide(insn);
    const unsigned rd = insn.rd, rn = insn.rn, rm = insn.rm;
    if (is_discarded(rd)) return;
    if (rn == kZeroRegister || rm == kZeroRegister) {
        emit_move(e, rd, rn, wide);
        return;
    }
    // The host takes the count modulo the width as well.
    const Reg64 to = e.target(rd, rax);
    const Reg32e result = sized(to, wide);
    if (e.host.bmi2 && shift != Shift::Ror) {
        const Reg32e count = sized(e.read(rm, rcx), wide);
        switch (shift) {
        case Shift::Lsl: e.a.shlx(result, e.operand(rn, wide), count); break;
        case Shift::Lsr: e.a.shrx(result, e.operand(rn, wide), count); break;
        default: e.a.sarx(result, e.operand(rn, wide), count); break;
        }
    } else {
        e.clobber_flags();
        e.load(rm, rcx, false);
        if (!lives_in(e, rn, to)) e.load(rn, to, wide);
        switch (shift) {
        case Shift::Lsl: e.a.shl(result, cl); break;
        case Shift::Lsr: e.a.shr(result, cl); break;
        case Shift::Asr: e.a.sar(result, cl); break;
        case Shift::Ror: e.a.ror(result, cl); break;
        }
    }
    e.commit(rd, to);
}

void emit_ubfm(Emitter& e, const Insn& insn) { emit_field_move(e, insn, false); }
void emit_sbfm(Emitter& e, const Insn& insn) { emit_field_move(e, insn, true); }

void emit_bfm(Emitter& e, const Insn& insn) {
    const bool wide = is_wide(insn);
    const unsigned rd = insn.rd, rn = insn.rn, bits = wide ? 64 : 32;
    const Field field = field_of(insn);
    if (is_discarded(rd)) return;
    if (field.width == bits) {
        emit_move(e, rd, rn, wide);
        return;
    }
    const Reg64 to = e.target(rd, rax);
    const bool lowest = field.from == 0 && field.to == 0;
    if (lowest && (field.width == 8 || field.width == 16) && rn != kZeroRegister) {
        // The host merges bytes and half-words by itself.
        if (!e.has_home(rd)) e.load(rd, to, wide);
        const unsigned width = field.width;
        const Xbyak::Reg part = width == 8 ? Xbyak::Reg(byte_of(to)) : Xbyak::Reg(to.cvt16());
        if (!e.has_home(rn))
            e.a.mov(part, e.slot(rn, width));
        else if (rd != rn)
            e.a.mov(part, width == 8 ? Xbyak::Reg(byte_of(e.home(rn))) : Xbyak::Reg(e.home(rn).cvt16()));
        if (!wide && e.has_home(rd)) e.a.mov(to.cvt32(), to.cvt32());
        e.commit(rd, to);
        return;
    }
    e.clobber_flags();
    const uint64_t kept = ~insn.imm;
    if (rn == kZeroRegister) {
        emit_and_constant(e, rd, rd, kept, wide, false);
        return;
    }
    if (field.to == 0)
        extract(e, rcx, rn, field.from, field.width, false, wide);
    else
        insert_in_zero(e, rcx, rn, field.to, field.width, false, wide);
    if (!e.has_home(rd)) e.load(rd, to, wide);
    emit_and_constant(e, to, kept, wide, false);
    e.a.or_(sized(to, wide), sized(rcx, wide));
    e.commit(rd, to);
}

void emit_extr(Emitter& e, const Insn& insn) {
    const bool wide = is_wide(insn);
    const unsigned rd = insn.rd, rn = insn.rn, rm = insn.rm, bits = wide ? 64 : 32, amount = insn.aux[0];
    if (is_discarded(rd)) return;
    if (amount == 0 || (rn == kZeroRegister && rm == kZeroRegister)) {
        emit_move(e, rd, rm, wide);
        return;
    }
    const Reg64 to = e.target(rd, rax);
    if (rn == rm) {
        emit_shifted(e, to, rn, Shift::Ror, amount, wide);
    } else if (rn == kZeroRegister) {
        emit_shifted(e, to, rm, Shift::Lsr, amount, wide);
    } else if (rm == kZeroRegister) {
        emit_shifted(e, to, rn, Shift::Lsl, bits - amount, wide);
    } else {
        // Not shrd, which is microcode on many hosts. The parts have no bit in common: their sum is their union.
        const Reg64 high = rd == rn && e.has_home(rd) ? e.home(rd) : rcx;
        const Reg64 low = rd == rm && e.has_home(rd) ? e.home(rd) : rax;
        emit_shifted(e, low, rm, Shift::Lsr, amount, wide);
        emit_shifted(e, high, rn, Shift::Lsl, bits - amount, wide);
        e.a.lea(sized(to, wide), ptr[low + high]);
    }
    e.commit(rd, to);
}

} // namespace beeline::translate
