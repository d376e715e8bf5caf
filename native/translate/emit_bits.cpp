// Reversal and counting of bits and bytes, checksums (Arm ARM C4.1.89).
#include "translate/emit_data_processing.h"

#include <array>

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::kZeroRegister;

namespace {

/// rax = groups of `size` bits, swapped in pairs; mask has ones in the lower group of each pair. Flags. Changes rcx,
/// rdx.
void swap_groups(Emitter& e, unsigned size, uint64_t mask, bool wide) {
    const Reg32e value = sized(rax, wide), upper = sized(rcx, wide), ones = sized(rdx, wide);
    e.move_immediate(rdx, wide ? mask : static_cast<uint32_t>(mask));
    e.a.mov(upper, value);
    e.a.shr(upper, static_cast<int>(size));
    e.a.and_(value, ones);
    e.a.and_(upper, ones);
    if (size <= 2) {
        e.a.lea(value, ptr[rcx + rax * (1 << size)]);
    } else {
        e.a.shl(value, static_cast<int>(size));
        e.a.or_(value, upper);
    }
}

/// rd = number of zeros above the highest one of r, which is a scratch register or a home. Flags.
void count_leading_zeros(Emitter& e, unsigned rd, const Operand& value, bool nonzero, bool wide) {
    const Reg64 to = e.target(rd, rax);
    const Reg32e result = sized(to, wide);
    if (e.host.lzcnt) {
        e.a.lzcnt(result, value);
    } else {
        const unsigned top = wide ? 63 : 31;
        e.a.bsr(sized(rax, wide), value);
        if (!nonzero) {
            // top ^ (2 * top + 1) is the width.
            e.a.mov(ecx, 2 * top + 1);
            e.a.cmovz(eax, ecx);
        }
        e.a.xor_(eax, top);
        e.commit(rd, rax);
        return;
    }
    e.commit(rd, to);
}

// Checksums by table, as many bytes at a time as the value has ("slicing"): table n is for a byte with n more behind
// it.
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables(uint32_t polynomial) {
    CrcTables tables{};
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
        tables[0][byte] = crc;
    }
    for (size_t n = 1; n < tables.size(); n++)
        for (uint32_t byte = 0; byte < 256; byte++)
            tables[n][byte] = tables[n - 1][byte] >> 8 ^ tables[0][tables[n - 1][byte] & 0xFF];
    return tables;
}

/// Bit-reflected polynomials: IEEE 802.3 for CRC32, Castagnoli for CRC32C.
constexpr CrcTables kCrcTables = make_crc_tables(0xEDB88320), kCrcTablesC = make_crc_tables(0x82F63B78);

} // namespace

void emit_rbit(Emitter& e, const Insn& insn) {
    const bool wide = is_wide(insn);
    if (is_discarded(insn.rd)) return;
    if (insn.rn == kZeroRegister) {
        emit_constant(e, insn.rd, 0);
        return;
    }
    e.clobber_flags();
    e.load(insn.rn, rax, wide);
    e.a.bswap(sized(rax, wide));
    swap_groups(e, 4, 0x0F0F0F0F0F0F0F0F, wide);
    swap_groups(e, 2, 0x3333333333333333, wide);
    swap_groups(e, 1, 0x5555555555555555, wide);
    e.commit(insn.rd, rax);
}

void emit_rev16(Emitter& e, const Insn& insn) {
    const bool wide = is_wide(insn);
    if (is_discarded(insn.rd)) return;
    if (insn.rn == kZeroRegister) {
        emit_constant(e, insn.rd, 0);
        return;
    }
    if (!wide) {
        // All bytes, then the half-words back.
        if (!e.host.bmi2) e.clobber_flags();
        const Reg64 to = e.target(insn.rd, rax);
        if (!lives_in(e, insn.rn, to)) e.load(insn.rn, to, false);
        e.a.bswap(to.cvt32());
        emit_shift_in_place(e, to, Shift::Ror, 16, false);
        e.commit(insn.rd, to);
        return;
    }
    e.clobber_flags();
    e.load(insn.rn, rax);
    swap_groups(e, 8, 0x00FF00FF00FF00FF, true);
    e.commit(insn.rd, rax);
}

void emit_rev(Emitter& e, const Insn& insn) {
    const bool wide = is_wide(insn);
    if (is_discarded(insn.rd)) return;
    if (insn.rn == kZeroRegister) {
        emit_constant(e, insn.rd, 0);
        return;
    }
    const Reg64 to = e.target(insn.rd, rax);
    if (!lives_in(e, insn.rn, to)) e.load(insn.rn, to, wide);
    e.a.bswap(sized(to, wide));
    e.commit(insn.rd, to);
}

void emit_rev32(Emitter& e, const Insn& insn) {
    if (is_discarded(insn.rd)) return;
    if (insn.rn == kZeroRegister) {
        emit_constant(e, insn.rd, 0);
        return;
    }
    // All bytes, then the words back.
    if (!e.host.bmi2) e.clobber_flags();
    const Reg64 to = e.target(insn.rd, rax);
    if (!lives_in(e, insn.rn, to)) e.load(insn.rn, to);
    e.a.bswap(to);
    emit_shift_in_place(e, to, Shift::Ror, 32, true);
    e.commit(insn.rd, to);
}

void emit_clz(Emitter& e, const Insn& insn) {
    const bool wide = is_wide(insn);
    if (is_discarded(insn.rd)) return;
    if (insn.rn == kZeroRegister) {
        e.set_immediate(insn.rd, wide ? 64 : 32);
        return;
    }
    e.clobber_flags();
    count_leading_zeros(e, insn.rd, e.operand(insn.rn, wide), false, wide);
}

bool emit_count_trailing_zeros(Emitter& e, const Insn& rbit, const Insn& clz) {
    const bool wide = is_wide(rbit);
    if (clz.rn != rbit.rd || clz.rd != rbit.rd || is_wide(clz) != wide || is_discarded(rbit.rd) ||
        rbit.rn == kZeroRegister)
        return false;
    e.clobber_flags();
    const Reg64 to = e.target(rbit.rd, rax);
    const Reg32e result = sized(to, wide);
    if (e.host.bmi1) {
        e.a.tzcnt(result, e.operand(rbit.rn, wide));
    } else {
        e.a.bsf(result, e.operand(rbit.rn, wide));
        e.a.mov(ecx, wide ? 64 : 32);
        e.a.cmovz(to.cvt32(), ecx);
    }
    e.commit(rbit.rd, to);
    return true;
}

void emit_cls(Emitter& e, const Insn& insn) {
    const bool wide = is_wide(insn);
    if (is_discarded(insn.rd)) return;
    if (insn.rn == kZeroRegister) {
        e.set_immediate(insn.rd, wide ? 63 : 31);
        return;
    }
    e.clobber_flags();
    // A bit of x ^ x << 1 is set where two neighbours differ; the lowest ends the run that reaches the bottom.
    const Reg64 from = e.read(insn.rn, rcx);
    e.a.lea(sized(rax, wide), ptr[from + from]);
    e.a.xor_(sized(rax, wide), sized(from, wide));
    e.a.or_(sized(rax, wide), 1);
    count_leading_zeros(e, insn.rd, sized(rax, wide), true, wide);
}

void emit_crc32(Emitter& e, const Insn& insn, unsigned bits, bool castagnoli) {
    const bool wide = bits == 64;
    const unsigned rd = insn.rd, rn = insn.rn, rm = insn.rm;
    if (is_discarded(rd)) return;
    if (castagnoli && e.host.sse42) {
        // The host has an instruction for this polynomial.
        const Reg64 to = e.target_for(rd, rax, rm);
        if (wide || !lives_in(e, rn, to)) e.load(rn, to, false);
        if (rm == kZeroRegister) {
            e.a.mov(ecx, 0);
            e.a.crc32(sized(to, wide), bits == 8    ? Xbyak::Reg(cl)
                                       : bits == 16 ? Xbyak::Reg(cx)
                                                    : Xbyak::Reg(sized(rcx, wide)));
        } else if (!e.has_home(rm)) {
            e.a.crc32(sized(to, wide), e.slot(rm, bits));
        } else {
            const Reg64 value = e.home(rm);
            e.a.crc32(sized(to, wide), bits == 8    ? Xbyak::Reg(byte_of(value))
                                       : bits == 16 ? Xbyak::Reg(value.cvt16())
                                                    : Xbyak::Reg(sized(value, wide)));
        }
        e.commit(rd, to);
        return;
    }
    e.clobber_flags();
    // rax holds the bytes to look up, rdx the tables, rcx an index; the target or, saved, some other register the sum.
    const Reg64 sum = e.has_home(rd) ? e.home(rd) : rbx;
    const auto bytes = static_cast<int>(bits / 8);
    e.load(rn, rax, false);
    if (rm != kZeroRegister) {
        if (bits >= 32) {
            e.a.xor_(sized(rax, wide), e.operand(rm, wide));
        } else {
            load_extended(e, rcx, rm, bits, false, false);
            e.a.xor_(eax, ecx);
        }
    }
    if (!e.has_home(rd)) e.a.push(sum);
    e.move_immediate(rdx, reinterpret_cast<uint64_t>(castagnoli ? &kCrcTablesC : &kCrcTables));
    const auto entry = [&](int byte) { return dword[rdx + rcx * 4 + (bytes - 1 - byte) * 1024]; };
    for (int byte = 0; byte < bytes; byte++) {
        if (byte % 2 == 0)
            e.a.movzx(ecx, al);
        else
            e.a.movzx(ecx, ah);
        if (byte == 0)
            e.a.mov(sum.cvt32(), entry(byte));
        else
            e.a.xor_(sum.cvt32(), entry(byte));
        if (byte % 2 == 1 && (byte + 1 < bytes || bits < 32)) e.a.shr(sized(rax, wide), 16);
    }
    if (bits < 32) {
        // The bits of the old sum that no byte has pushed out.
        if (bits == 8) e.a.shr(eax, 8);
        e.a.xor_(sum.cvt32(), eax);
    }
    if (!e.has_home(rd)) {
        e.commit(rd, sum);
        e.a.pop(sum);
    }
}

} // namespace beeline::translate
