#include "translate/vector_emitter.h"

#include "arm64/vcpu.h"
#include "translate/state.h"

namespace beeline::translate {

using namespace Xbyak::util;

Address VectorEmitter::constant(VectorConstant constant) const {
    return e.state(&translated_state(e.cpu).vector_constants[static_cast<unsigned>(constant)], 128);
}

void VectorEmitter::finish_scalar(unsigned guest, unsigned size_log2, const Xmm& from) {
    const Xmm to = define(guest);
    switch (size_log2) {
    case 0:
        a.pextrb(eax, from, 0);
        a.movd(to, eax);
        break;
    case 1:
        a.pextrw(eax, from, 0);
        a.movd(to, eax);
        break;
    case 2: a.insertps(to, from, 0x0E); break;
    default: a.movq(to, from); break;
    }
    v.store(guest);
    v.set_significant(guest, 1u << size_log2);
}

void VectorEmitter::immediate(const Xmm& to, uint64_t value, bool both) {
    if (value == 0) {
        zero(to);
        return;
    }
    if (value == ~uint64_t{0} && both) {
        ones(to);
        return;
    }
    if (both && static_cast<uint32_t>(value) == value >> 32) {
        a.mov(eax, static_cast<uint32_t>(value));
        a.movd(to, eax);
        a.pshufd(to, to, 0);
        return;
    }
    e.move_immediate(rax, value);
    a.movq(to, rax);
    if (both) a.punpcklqdq(to, to);
}

void VectorEmitter::shift_left(const Xmm& x, unsigned size, unsigned by) {
    switch (size) {
    case 1: a.psllw(x, static_cast<int>(by)); break;
    case 2: a.pslld(x, static_cast<int>(by)); break;
    default: a.psllq(x, static_cast<int>(by)); break;
    }
}

void VectorEmitter::shift_right(const Xmm& x, unsigned size, unsigned by) {
    switch (size) {
    case 1: a.psrlw(x, static_cast<int>(by)); break;
    case 2: a.psrld(x, static_cast<int>(by)); break;
    default: a.psrlq(x, static_cast<int>(by)); break;
    }
}

void VectorEmitter::shift_right_signed(const Xmm& x, unsigned size, unsigned by) {
    if (size == 1)
        a.psraw(x, static_cast<int>(by));
    else
        a.psrad(x, static_cast<int>(by));
}

void VectorEmitter::duplicate(const Xmm& to, const Xmm& from, unsigned size, unsigned lane) {
    switch (size) {
    case 0: {
        // The byte's halfword everywhere, then the byte.
        const bool upper = (lane & 1) != 0;
        duplicate(to, from, 1, lane / 2);
        if (upper)
            a.psrlw(to, 8);
        else
            a.psllw(to, 8);
        // Now in the low or high byte of each halfword; the other is zero.
        a.movaps(xmm2, to);
        if (upper)
            a.psllw(xmm2, 8);
        else
            a.psrlw(xmm2, 8);
        a.por(to, xmm2);
        break;
    }
    case 1: {
        const auto pattern = static_cast<uint8_t>((lane & 3) * 0x55);
        if (lane < 4) {
            a.pshuflw(to, from, pattern);
            a.punpcklqdq(to, to);
        } else {
            a.pshufhw(to, from, pattern);
            a.punpckhqdq(to, to);
        }
        break;
    }
    case 2: a.pshufd(to, from, static_cast<uint8_t>(lane * 0x55)); break;
    default: a.pshufd(to, from, lane == 0 ? 0x44 : 0xEE); break;
    }
}

void VectorEmitter::extend(const Xmm& to, const Xmm& from, unsigned size, bool is_signed, bool upper) {
    Xmm source = from;
    if (upper) {
        a.pshufd(to, from, 0xEE);
        source = to;
    }
    switch (size) {
    case 0: is_signed ? a.pmovsxbw(to, source) : a.pmovzxbw(to, source); break;
    case 1: is_signed ? a.pmovsxwd(to, source) : a.pmovzxwd(to, source); break;
    default: is_signed ? a.pmovsxdq(to, source) : a.pmovzxdq(to, source); break;
    }
}

void VectorEmitter::narrow(const Xmm& x, unsigned size) {
    switch (size) {
    case 0:
        a.pand(x, constant(VectorConstant::EvenBytes));
        a.packuswb(x, x);
        break;
    case 1:
        a.pand(x, constant(VectorConstant::EvenHalfwords));
        a.packusdw(x, x);
        break;
    default: a.pshufd(x, x, 0x88); break;
    }
}

namespace {

VectorTable make_table() {
    VectorTable table;
    add_vector_moves(table);
    add_vector_integer(table);
    add_vector_wide(table);
    add_vector_bits(table);
    add_vector_shifts(table);
    add_vector_shifts_by_register(table);
    add_vector_saturating(table);
    add_vector_permutes(table);
    add_vector_crypto(table);
    table.set_guarded(true);
    add_scalar_float(table);
    add_packed_float(table);
    add_half_float(table);
    add_float_steps(table);
    add_float_estimates(table);
    add_float_formats(table);
    add_float_conversions(table);
    add_half_conversions(table);
    return table;
}

} // namespace

VectorEntry find_vector_function(unsigned op) {
    static const VectorTable table = make_table();
    return table.find(op);
}

} // namespace beeline::translate
