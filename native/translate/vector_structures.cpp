#include "translate/vector_structures.h"

#include "translate/state.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using Shape = VectorTransfer::Shape;

namespace {

/// rax, of 1 << size_log2 bytes.
Xbyak::Reg accumulator(unsigned size_log2) {
    switch (size_log2) {
    case 0: return al;
    case 1: return ax;
    case 2: return eax;
    default: return rax;
    }
}

void load_part(VectorEmitter& w, unsigned size_log2, const Xmm& to, const Address& from) {
    switch (size_log2) {
    case 0:
    case 1:
        w.a.movzx(eax, from);
        w.a.movd(to, eax);
        break;
    case 2: w.a.movd(to, from); break;
    case 3: w.a.movq(to, from); break;
    default: w.a.movups(to, from); break;
    }
}

void store_part(VectorEmitter& w, unsigned size_log2, unsigned guest, const Address& to) {
    if (size_log2 == 4) {
        w.a.movups(to, w.use(guest));
    } else if (size_log2 >= 2 && w.v.holds(guest)) {
        size_log2 == 3 ? w.a.movq(to, w.use(guest)) : w.a.movd(to, w.use(guest));
    } else {
        const Address part = w.v.memory(guest, 8u << size_log2);
        size_log2 < 2 ? w.a.movzx(eax, part) : w.a.mov(accumulator(size_log2), part);
        w.a.mov(to, accumulator(size_log2));
    }
}

// ---- interleaved elements -------------------------------------------------------------------------------------------

/// Even elements of x into its lower half, odd ones into the upper half.
void unzip_within(VectorEmitter& w, unsigned size, const Xmm& x) {
    switch (size) {
    case 0: w.a.pshufb(x, w.constant(VectorConstant::UnzipBytes)); break;
    case 1: w.a.pshufb(x, w.constant(VectorConstant::UnzipHalfwords)); break;
    case 2: w.a.pshufd(x, x, 0xD8); break;
    default: break;
    }
}

/// x = even elements of y:x, y = odd ones. Changes xmm0.
void unzip(VectorEmitter& w, unsigned size, const Xmm& x, const Xmm& y) {
    w.a.movaps(xmm0, x);
    if (size == 2) {
        w.a.shufps(x, y, 0x88);
        w.a.shufps(xmm0, y, 0xDD);
        w.a.movaps(y, xmm0);
        return;
    }
    unzip_within(w, size, xmm0);
    unzip_within(w, size, y);
    w.a.movaps(x, xmm0);
    w.a.punpcklqdq(x, y);
    w.a.punpckhqdq(xmm0, y);
    w.a.movaps(y, xmm0);
}

/// x = elements of the lower halves of x and y in turn.
void zip_low(VectorEmitter& w, unsigned size, const Xmm& x, const Xmm& y) {
    switch (size) {
    case 0: w.a.punpcklbw(x, y); break;
    case 1: w.a.punpcklwd(x, y); break;
    case 2: w.a.punpckldq(x, y); break;
    default: w.a.punpcklqdq(x, y); break;
    }
}
void zip_high(VectorEmitter& w, unsigned size, const Xmm& x, const Xmm& y) {
    switch (size) {
    case 0: w.a.punpckhbw(x, y); break;
    case 1: w.a.punpckhwd(x, y); break;
    case 2: w.a.punpckhdq(x, y); break;
    default: w.a.punpckhqdq(x, y); break;
    }
}

/// `to` = bytes of x[0] to x[count - 1] as `shuffles` tell. Changes xmm1.
void merge(VectorEmitter& w, const Xmm& to, const std::array<Xmm, 4>& x, unsigned count,
           const std::array<TripleShuffles::Shuffle, 3>& shuffles) {
    for (unsigned i = 0; i < count; i++) {
        const Xmm part = i == 0 ? to : xmm1;
        w.a.movaps(part, x[i]);
        w.a.pshufb(part, w.e.state(&shuffles[i], 128));
        if (i != 0) w.a.por(to, part);
    }
}

void load_interleaved(VectorEmitter& w, const Insn& insn, const VectorTransfer& t, const Location& at) {
    const unsigned size = t.element_log2, count = t.registers;
    const bool full = t.size_log2 == 4;
    const auto& shuffles = translated_state(w.e.cpu).triple_shuffles.load[size];
    std::array<Xmm, 4> x;
    for (unsigned i = 0; i < count; i++) x[i] = w.define(register_number(insn, t, i));
    const unsigned quadwords = full ? count : count / 2;
    for (unsigned i = 0; i < quadwords; i++) w.a.movups(x[i], at(128, 16 * i));
    if (count == 3) {
        if (!full) w.a.movq(x[1], at(64, 16));
        const unsigned sources = full ? 3 : 2;
        const Xmm first = w.v.temporary(), second = w.v.temporary();
        merge(w, first, x, sources, shuffles[0]);
        merge(w, second, x, sources, shuffles[1]);
        merge(w, xmm0, x, sources, shuffles[2]);
        w.a.movaps(x[0], first);
        w.a.movaps(x[1], second);
        w.a.movaps(x[2], xmm0);
    } else if (full) {
        for (unsigned i = 0; i < count; i += 2) unzip(w, size, x[i], x[i + 1]);
        if (count == 4) {
            unzip(w, size, x[0], x[2]);
            unzip(w, size, x[1], x[3]);
        }
    } else {
        // Two registers' elements in each quadword: in their own order for two, in that of pairs for four.
        if (count == 4) unzip(w, size, x[0], x[1]);
        for (unsigned i = 0; i < quadwords; i++) {
            unzip_within(w, size, x[i]);
            w.a.pshufd(x[i + quadwords], x[i], 0xEE);
        }
    }
    for (unsigned i = 0; i < count; i++) w.finish(register_number(insn, t, i), full);
}

void store_interleaved(VectorEmitter& w, const Insn& insn, const VectorTransfer& t, const Location& at) {
    const unsigned size = t.element_log2, count = t.registers;
    const bool full = t.size_log2 == 4;
    const auto& shuffles = translated_state(w.e.cpu).triple_shuffles.store[size];
    std::array<Xmm, 4> x;
    for (unsigned i = 0; i < count; i++) x[i] = w.use(register_number(insn, t, i));
    switch (count) {
    case 2:
        w.a.movaps(xmm0, x[0]);
        zip_low(w, size, xmm0, x[1]);
        w.a.movups(at(128, 0), xmm0);
        if (!full) break;
        w.a.movaps(xmm0, x[0]);
        zip_high(w, size, xmm0, x[1]);
        w.a.movups(at(128, 16), xmm0);
        break;
    case 3:
        for (unsigned i = 0; i < (full ? 3 : 2); i++) {
            merge(w, xmm0, x, 3, shuffles[i]);
            full || i == 0 ? w.a.movups(at(128, 16 * i), xmm0) : w.a.movq(at(64, 16), xmm0);
        }
        break;
    default:
        for (unsigned half = 0; half < (full ? 2 : 1); half++) {
            const auto zip = half == 0 ? zip_low : zip_high;
            w.a.movaps(xmm0, x[0]);
            zip(w, size, xmm0, x[2]);
            w.a.movaps(xmm1, x[1]);
            zip(w, size, xmm1, x[3]);
            w.a.movaps(xmm2, xmm0);
            zip_low(w, size, xmm2, xmm1);
            zip_high(w, size, xmm0, xmm1);
            w.a.movups(at(128, 32 * half), xmm2);
            w.a.movups(at(128, 32 * half + 16), xmm0);
        }
        break;
    }
}

// ---- single elements ------------------------------------------------------------------------------------------------

void load_lane(VectorEmitter& w, unsigned guest, unsigned size, unsigned lane, const Address& from) {
    w.use(guest);
    const Xmm to = w.define(guest);
    const auto imm = static_cast<uint8_t>(lane);
    switch (size) {
    case 0: w.a.pinsrb(to, from, imm); break;
    case 1: w.a.pinsrw(to, from, imm); break;
    case 2: w.a.pinsrd(to, from, imm); break;
    default: w.a.pinsrq(to, from, imm); break;
    }
    w.finish(guest, true);
}

void store_lane(VectorEmitter& w, unsigned guest, unsigned size, unsigned lane, const Address& to) {
    const auto imm = static_cast<uint8_t>(lane);
    if (!w.v.holds(guest)) {
        w.a.mov(accumulator(size), w.v.memory(guest, 8u << size, lane << size));
        w.a.mov(to, accumulator(size));
        return;
    }
    const Xmm from = w.use(guest);
    switch (size) {
    case 0: w.a.pextrb(to, from, imm); break;
    case 1: w.a.pextrw(to, from, imm); break;
    case 2: w.a.pextrd(to, from, imm); break;
    default: w.a.pextrq(to, from, imm); break;
    }
}

void load_replicated(VectorEmitter& w, unsigned guest, unsigned size, bool full, const Address& from) {
    const Xmm to = w.define(guest);
    if (w.e.host.avx2) {
        switch (size) {
        case 0: w.a.vpbroadcastb(to, from); break;
        case 1: w.a.vpbroadcastw(to, from); break;
        case 2: w.a.vpbroadcastd(to, from); break;
        default: w.a.vpbroadcastq(to, from); break;
        }
    } else {
        load_part(w, size, to, from);
        w.duplicate(to, to, size, 0);
    }
    w.finish(guest, full);
}

} // namespace

void load_structures(VectorEmitter& w, const Insn& insn, const VectorTransfer& t, const Location& at) {
    if (t.shape == Shape::Interleaved) {
        load_interleaved(w, insn, t, at);
        return;
    }
    const unsigned bits = 8u << t.size_log2;
    const auto location = [&](unsigned i) { return at(bits, i << t.size_log2); };
    for (unsigned i = 0; i < t.registers; i++) {
        const unsigned guest = register_number(insn, t, i);
        switch (t.shape) {
        case Shape::Lane: load_lane(w, guest, t.size_log2, insn.aux[0], location(i)); break;
        case Shape::Replicated: load_replicated(w, guest, t.size_log2, t.full, location(i)); break;
        default: load_part(w, t.size_log2, w.define(guest), location(i)); break;
        }
    }
    if (t.shape != Shape::Plain) return;
    for (unsigned i = 0; i < t.registers; i++) {
        w.v.store(register_number(insn, t, i));
        w.v.set_significant(register_number(insn, t, i), 1u << t.size_log2);
    }
}

void store_structures(VectorEmitter& w, const Insn& insn, const VectorTransfer& t, const Location& at) {
    if (t.shape == Shape::Interleaved) {
        store_interleaved(w, insn, t, at);
        return;
    }
    for (unsigned i = 0; i < t.registers; i++) {
        const Address to = at(8u << t.size_log2, i << t.size_log2);
        if (t.shape == Shape::Lane)
            store_lane(w, register_number(insn, t, i), t.size_log2, insn.aux[0], to);
        else
            store_part(w, t.size_log2, register_number(insn, t, i), to);
    }
}

} // namespace beeline::translate
