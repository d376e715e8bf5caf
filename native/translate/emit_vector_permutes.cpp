// Permutations of vector elements: EXT, ZIP, UZP, TRN, REV, TBL, TBX.
#include "translate/vector_emitter.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;

namespace {

bool extract(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    const auto from = static_cast<uint8_t>(insn.aux[0]);
    if (is_full(insn)) {
        w.a.movaps(xmm0, m);
        w.a.palignr(xmm0, n, from);
    } else {
        w.a.movaps(xmm0, n);
        w.a.punpcklqdq(xmm0, m);
        w.a.psrldq(xmm0, from);
    }
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

template <bool upper> bool zip(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    const bool full = is_full(insn), high = upper && full;
    w.a.movaps(xmm0, n);
    switch (element_size(insn)) {
    case 0: high ? w.a.punpckhbw(xmm0, m) : w.a.punpcklbw(xmm0, m); break;
    case 1: high ? w.a.punpckhwd(xmm0, m) : w.a.punpcklwd(xmm0, m); break;
    case 2: high ? w.a.punpckhdq(xmm0, m) : w.a.punpckldq(xmm0, m); break;
    default: high ? w.a.punpckhqdq(xmm0, m) : w.a.punpcklqdq(xmm0, m); break;
    }
    if (upper && !full) w.a.psrldq(xmm0, 8);
    w.finish(insn.rd, full, xmm0);
    return true;
}

/// Even or odd elements of m:n.
template <bool odd> bool unzip(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    const bool full = is_full(insn);
    w.a.movaps(xmm0, n);
    if (!full) w.a.punpcklqdq(xmm0, m);
    const Xmm second = full ? m : xmm0;
    const auto pack = [&](VectorConstant even, unsigned bits, auto shift, auto join) {
        w.a.movaps(xmm1, second);
        for (const Xmm& x : {xmm0, xmm1})
            if (odd)
                (w.a.*shift)(x, static_cast<int>(bits));
            else
                w.a.pand(x, w.constant(even));
        (w.a.*join)(xmm0, xmm1);
    };
    using Shift = void (Xbyak::CodeGenerator::*)(const Xbyak::Mmx&, int);
    switch (element_size(insn)) {
    case 0:
        pack(VectorConstant::EvenBytes, 8, static_cast<Shift>(&Xbyak::CodeGenerator::psrlw),
             &Xbyak::CodeGenerator::packuswb);
        break;
    case 1:
        pack(VectorConstant::EvenHalfwords, 16, static_cast<Shift>(&Xbyak::CodeGenerator::psrld),
             &Xbyak::CodeGenerator::packusdw);
        break;
    case 2: w.a.shufps(xmm0, second, odd ? 0xDD : 0x88); break;
    default: odd ? w.a.punpckhqdq(xmm0, second) : w.a.punpcklqdq(xmm0, second); break;
    }
    w.finish(insn.rd, full, xmm0);
    return true;
}

template <bool odd> bool transpose(VectorEmitter& w, const Insn& insn) {
    const unsigned size = element_size(insn), bits = 8u << size;
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    if (size == 3) {
        w.a.movaps(xmm0, n);
        odd ? w.a.punpckhqdq(xmm0, m) : w.a.punpcklqdq(xmm0, m);
        w.finish(insn.rd, true, xmm0);
        return true;
    }
    // xmm0 gives the even elements of the result, xmm1 the odd ones.
    w.a.movaps(xmm0, n);
    w.a.movaps(xmm1, m);
    if (odd)
        w.shift_right(xmm0, size + 1, bits);
    else
        w.shift_left(xmm1, size + 1, bits);
    switch (size) {
    case 0:
        if (odd) {
            w.a.psrlw(xmm1, 8);
            w.a.psllw(xmm1, 8);
        } else {
            w.a.pand(xmm0, w.constant(VectorConstant::EvenBytes));
        }
        w.a.por(xmm0, xmm1);
        break;
    case 1: w.a.pblendw(xmm0, xmm1, 0xAA); break;
    default: w.a.pblendw(xmm0, xmm1, 0xCC); break;
    }
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool reverse(VectorEmitter& w, const Insn& insn, VectorConstant shuffle) {
    w.a.movaps(xmm0, w.use(insn.rn));
    w.a.pshufb(xmm0, w.constant(shuffle));
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}
bool reverse64(VectorEmitter& w, const Insn& insn) {
    switch (element_size(insn)) {
    case 0: return reverse(w, insn, VectorConstant::Reverse64Bytes);
    case 1: return reverse(w, insn, VectorConstant::Reverse64Halfwords);
    default:
        w.a.pshufd(xmm0, w.use(insn.rn), 0xB1);
        w.finish(insn.rd, is_full(insn), xmm0);
        return true;
    }
}
bool reverse32(VectorEmitter& w, const Insn& insn) {
    return reverse(w, insn,
                   element_size(insn) == 0 ? VectorConstant::Reverse32Bytes : VectorConstant::Reverse32Halfwords);
}
bool reverse16(VectorEmitter& w, const Insn& insn) { return reverse(w, insn, VectorConstant::Reverse16Bytes); }

/// For each register of the table, indices of others get bit 7 set, which the host's shuffle makes zero. TBX leaves the
/// elements alone whose indices are in none.
template <bool extend> bool look_up(VectorEmitter& w, const Insn& insn) {
    const unsigned registers = (insn.word >> 13 & 3) + 1;
    const Xmm indices = w.use(insn.rm);
    for (unsigned i = 0; i < registers; i++) {
        const Xmm to = i == 0 ? xmm0 : xmm2;
        w.a.movaps(xmm1, indices);
        for (unsigned j = 0; j < i; j++) w.a.psubb(xmm1, w.constant(VectorConstant::Sixteens));
        w.a.paddusb(xmm1, w.constant(VectorConstant::OutOfTable));
        w.a.movaps(to, w.use((insn.rn + i) % 32));
        w.a.pshufb(to, xmm1);
        if (i != 0) w.a.por(xmm0, xmm2);
    }
    if (extend) {
        w.immediate(xmm1, 0x0101010101010101u * uint64_t{16 * registers}, true);
        w.a.pmaxub(xmm1, indices);
        w.a.pcmpeqb(xmm1, indices);
        w.a.pand(xmm1, w.use(insn.rd));
        w.a.por(xmm0, xmm1);
    }
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

} // namespace

void add_vector_permutes(VectorTable& t) {
    t[Op::EXT_vector] = extract;
    t[Op::ZIP1] = zip<false>;
    t[Op::ZIP2] = zip<true>;
    t[Op::UZP1] = unzip<false>;
    t[Op::UZP2] = unzip<true>;
    t[Op::TRN1] = transpose<false>;
    t[Op::TRN2] = transpose<true>;
    t[Op::REV64_vector] = reverse64;
    t[Op::REV32_vector] = reverse32;
    t[Op::REV16_vector] = reverse16;
    t[Op::TBL] = look_up<false>;
    t[Op::TBX] = look_up<true>;
}

} // namespace beeline::translate
