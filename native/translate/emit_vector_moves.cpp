// Moves between general and FP/SIMD registers, lanes, immediates, and operations on bits.
#include "arm64/state.h"
#include "translate/vector_emitter.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;

namespace {

/// Of DUP, INS, SMOV, UMOV: the lowest set bit of imm5.
unsigned lane_size(const Insn& insn) { return static_cast<unsigned>(__builtin_ctz(insn.word >> 16 & 31)); }

// ---- to general registers ---------------------------------------------------------------------------------------

/// Element `lane` of Vn to the general register rd, sign-extended to 32 or 64 bits or zero-extended.
bool to_general(VectorEmitter& w, const Insn& insn, unsigned size, unsigned lane, bool is_signed, bool wide) {
    if (insn.rd == arm64::kDiscard) return true;
    const Reg64 to = w.e.target(insn.rd, rax);
    const Reg32 to32 = to.cvt32();
    if (w.v.holds(insn.rn)) {
        const Xmm n = w.use(insn.rn);
        const auto index = static_cast<uint8_t>(lane);
        switch (size) {
        case 0: w.a.pextrb(to32, n, index); break;
        case 1: w.a.pextrw(to32, n, index); break;
        case 2:
            if (lane == 0)
                w.a.movd(to32, n);
            else
                w.a.pextrd(to32, n, index);
            break;
        default:
            if (lane == 0)
                w.a.movq(to, n);
            else
                w.a.pextrq(to, n, index);
            break;
        }
        if (is_signed && size == 0)
            wide ? w.a.movsx(to, Xbyak::Reg8(to.getIdx(), true)) : w.a.movsx(to32, Xbyak::Reg8(to.getIdx(), true));
        if (is_signed && size == 1) wide ? w.a.movsx(to, to.cvt16()) : w.a.movsx(to32, to.cvt16());
        if (is_signed && size == 2) w.a.movsxd(to, to32);
    } else {
        const Address from = w.v.memory(insn.rn, 8u << size, lane << size);
        if (size == 3)
            w.a.mov(to, from);
        else if (size == 2)
            is_signed ? w.a.movsxd(to, from) : w.a.mov(to32, from);
        else if (is_signed)
            wide ? w.a.movsx(to, from) : w.a.movsx(to32, from);
        else
            w.a.movzx(to32, from);
    }
    w.e.commit(insn.rd, to);
    return true;
}

template <unsigned size, unsigned lane> bool move_to_general(VectorEmitter& w, const Insn& insn) {
    return to_general(w, insn, size, lane, false, true);
}
template <bool is_signed, bool wide> bool lane_to_general(VectorEmitter& w, const Insn& insn) {
    return to_general(w, insn, lane_size(insn), insn.aux[0], is_signed, wide);
}

// ---- from general registers -------------------------------------------------------------------------------------

template <unsigned size> bool move_from_general(VectorEmitter& w, const Insn& insn) {
    if (size == 1) {
        w.e.load(insn.rn, rax);
        w.a.movzx(eax, ax);
    }
    const Reg64 from = size == 1 ? rax : w.e.read(insn.rn, rax);
    const Xmm d = w.define(insn.rd);
    if (size == 3)
        w.a.movq(d, from);
    else
        w.a.movd(d, from.cvt32());
    w.finish(insn.rd, true);
    w.v.set_significant(insn.rd, 1u << size);
    return true;
}

void insert(VectorEmitter& w, unsigned rd, unsigned size, unsigned lane, const Reg64& from) {
    w.use(rd);
    const Xmm d = w.define(rd);
    const auto index = static_cast<uint8_t>(lane);
    switch (size) {
    case 0: w.a.pinsrb(d, from.cvt32(), index); break;
    case 1: w.a.pinsrw(d, from.cvt32(), index); break;
    case 2: w.a.pinsrd(d, from.cvt32(), index); break;
    default: w.a.pinsrq(d, from, index); break;
    }
    w.finish(rd, true);
}

bool insert_general(VectorEmitter& w, const Insn& insn) {
    insert(w, insn.rd, lane_size(insn), insn.aux[1], w.e.read(insn.rn, rax));
    return true;
}

bool move_to_top(VectorEmitter& w, const Insn& insn) {
    insert(w, insn.rd, 3, 1, w.e.read(insn.rn, rax));
    return true;
}

bool duplicate_general(VectorEmitter& w, const Insn& insn) {
    const Reg64 from = w.e.read(insn.rn, rax);
    const unsigned size = lane_size(insn);
    const Xmm d = w.define(insn.rd);
    if (size == 3)
        w.a.movq(d, from);
    else
        w.a.movd(d, from.cvt32());
    if (size == 0 && w.e.host.avx2) {
        w.a.vpbroadcastb(d, d);
    } else if (size == 0) {
        w.zero(xmm0);
        w.a.pshufb(d, xmm0);
    } else {
        w.duplicate(d, d, size, 0);
    }
    w.finish(insn.rd, is_full(insn));
    return true;
}

// ---- between vectors --------------------------------------------------------------------------------------------

template <unsigned size> bool move_scalar(VectorEmitter& w, const Insn& insn) {
    w.finish_scalar(insn.rd, size, w.use(insn.rn));
    return true;
}
bool move_by_type(VectorEmitter& w, const Insn& insn) {
    return (insn.word >> 22 & 1) != 0 ? move_scalar<3>(w, insn) : move_scalar<2>(w, insn);
}

bool insert_element(VectorEmitter& w, const Insn& insn) {
    const unsigned size = lane_size(insn), from = insn.aux[0], to = insn.aux[1];
    const Xmm n = w.use(insn.rn);
    w.use(insn.rd);
    const Xmm d = w.define(insn.rd);
    switch (size) {
    case 0:
        w.a.pextrb(eax, n, static_cast<uint8_t>(from));
        w.a.pinsrb(d, eax, static_cast<uint8_t>(to));
        break;
    case 1:
        w.a.pextrw(eax, n, static_cast<uint8_t>(from));
        w.a.pinsrw(d, eax, static_cast<uint8_t>(to));
        break;
    case 2: w.a.insertps(d, n, static_cast<uint8_t>(from << 6 | to << 4)); break;
    default:
        if (to == 0)
            from == 0 ? w.a.movsd(d, n) : w.a.movhlps(d, n);
        else
            w.a.shufpd(d, n, from == 0 ? 0 : 2);
        break;
    }
    w.finish(insn.rd, true);
    return true;
}

bool duplicate_element(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn);
    if (lane_size(insn) == 0 && insn.aux[0] == 0 && w.e.host.avx2)
        w.a.vpbroadcastb(xmm0, n);
    else
        w.duplicate(xmm0, n, lane_size(insn), insn.aux[0]);
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

bool duplicate_element_scalar(VectorEmitter& w, const Insn& insn) {
    const unsigned size = lane_size(insn), lane = insn.aux[0];
    const Xmm n = w.use(insn.rn), d = w.define(insn.rd);
    switch (size) {
    case 0:
        w.a.pextrb(eax, n, static_cast<uint8_t>(lane));
        w.a.movd(d, eax);
        break;
    case 1:
        w.a.pextrw(eax, n, static_cast<uint8_t>(lane));
        w.a.movd(d, eax);
        break;
    case 2: w.a.insertps(d, n, static_cast<uint8_t>(lane << 6 | 0x0E)); break;
    default:
        w.copy(d, n);
        if (lane == 0)
            w.a.movq(d, d);
        else
            w.a.psrldq(d, 8);
        break;
    }
    w.finish(insn.rd, true);
    return true;
}

// ---- immediates -------------------------------------------------------------------------------------------------

bool move_immediate(VectorEmitter& w, const Insn& insn) {
    w.immediate(w.define(insn.rd), insn.imm, is_full(insn));
    w.finish(insn.rd, true);
    if (!is_full(insn)) w.v.set_significant(insn.rd, 8);
    return true;
}
/// Scalar forms: bit 30 is zero.
bool or_immediate(VectorEmitter& w, const Insn& insn) {
    w.immediate(xmm0, insn.imm, is_full(insn));
    w.use(insn.rd);
    w.a.por(w.define(insn.rd), xmm0);
    w.finish(insn.rd, is_full(insn));
    return true;
}
bool clear_immediate(VectorEmitter& w, const Insn& insn) {
    w.immediate(xmm0, insn.imm, true);
    w.a.pandn(xmm0, w.use(insn.rd));
    w.finish(insn.rd, is_full(insn), xmm0);
    return true;
}

// ---- bits -------------------------------------------------------------------------------------------------------

using Generator = Xbyak::CodeGenerator;
constexpr Packed kAnd = packed<&Generator::pand, &Generator::vpand>;
constexpr Packed kOr = packed<&Generator::por, &Generator::vpor>;
constexpr Packed kXor = packed<&Generator::pxor, &Generator::vpxor>;
/// ~n & m
constexpr Packed kAndNot = packed<&Generator::pandn, &Generator::vpandn>;

template <Packed op> bool bitwise(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm), d = w.define(insn.rd);
    if (op == kOr && insn.rn == insn.rm)
        w.copy(d, n);
    else
        op(w, d, n, m);
    w.finish(insn.rd, is_full(insn));
    return true;
}

bool clear_bits(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    kAndNot(w, w.define(insn.rd), m, n);
    w.finish(insn.rd, is_full(insn));
    return true;
}

bool or_not(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    w.ones(xmm0);
    w.a.pxor(xmm0, m);
    kOr(w, w.define(insn.rd), n, xmm0);
    w.finish(insn.rd, is_full(insn));
    return true;
}

bool invert(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn);
    w.ones(xmm0);
    kXor(w, w.define(insn.rd), n, xmm0);
    w.finish(insn.rd, is_full(insn));
    return true;
}

/// Bits of `yes` where `mask` has ones, else of `no`: no ^ (yes ^ no) & mask.
void select(VectorEmitter& w, const Insn& insn, const Xmm& mask, const Xmm& yes, const Xmm& no) {
    w.a.movaps(xmm0, yes);
    w.a.pxor(xmm0, no);
    w.a.pand(xmm0, mask);
    kXor(w, w.define(insn.rd), no, xmm0);
    w.finish(insn.rd, is_full(insn));
}
bool select_by_destination(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    select(w, insn, w.use(insn.rd), n, m);
    return true;
}
bool insert_if_true(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    select(w, insn, m, n, w.use(insn.rd));
    return true;
}
bool insert_if_false(VectorEmitter& w, const Insn& insn) {
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    select(w, insn, m, w.use(insn.rd), n);
    return true;
}

} // namespace

void add_vector_moves(VectorTable& t) {
    t[Op::FMOV_w_from_s] = move_to_general<2, 0>;
    t[Op::FMOV_x_from_d] = move_to_general<3, 0>;
    t[Op::FMOV_w_from_h] = t[Op::FMOV_x_from_h] = move_to_general<1, 0>;
    t[Op::FMOV_x_from_top] = move_to_general<3, 1>;
    t[Op::SMOV_w] = lane_to_general<true, false>;
    t[Op::SMOV_x] = lane_to_general<true, true>;
    t[Op::UMOV_w] = t[Op::UMOV_x] = lane_to_general<false, true>;

    t[Op::FMOV_s_from_w] = move_from_general<2>;
    t[Op::FMOV_d_from_x] = move_from_general<3>;
    t[Op::FMOV_h_from_w] = t[Op::FMOV_h_from_x] = move_from_general<1>;
    t[Op::FMOV_top_from_x] = move_to_top;
    t[Op::INS_general] = insert_general;
    t[Op::DUP_general] = duplicate_general;

    t[Op::FMOV_scalar] = move_by_type;
    t[Op::FMOV_scalar_half] = move_scalar<1>;
    t[Op::INS_element] = insert_element;
    t[Op::DUP_element] = duplicate_element;
    t[Op::DUP_element_scalar] = duplicate_element_scalar;

    for (const Op op : {Op::MOVI_s, Op::MVNI_s, Op::MOVI_h, Op::MVNI_h, Op::MOVI_s_msl, Op::MVNI_s_msl, Op::MOVI_b,
                        Op::MOVI_d, Op::MOVI_2d, Op::FMOV_vector_s, Op::FMOV_vector_d, Op::FMOV_vector_h})
        t[op] = move_immediate;
    t[Op::FMOV_immediate_scalar] = t[Op::FMOV_immediate_scalar_half] = [](VectorEmitter& w, const Insn& insn) {
        w.immediate(w.define(insn.rd), insn.imm, false);
        w.finish(insn.rd, true);
        w.v.set_significant(insn.rd, 8);
        return true;
    };
    t[Op::ORR_immediate_s] = t[Op::ORR_immediate_h] = or_immediate;
    t[Op::BIC_immediate_s] = t[Op::BIC_immediate_h] = clear_immediate;

    t[Op::AND_vector] = bitwise<kAnd>;
    t[Op::ORR_vector] = bitwise<kOr>;
    t[Op::EOR_vector] = bitwise<kXor>;
    t[Op::BIC_vector] = clear_bits;
    t[Op::ORN_vector] = or_not;
    t[Op::NOT_vector] = invert;
    t[Op::BSL_vector] = select_by_destination;
    t[Op::BIT_vector] = insert_if_true;
    t[Op::BIF_vector] = insert_if_false;
}

} // namespace beeline::translate
