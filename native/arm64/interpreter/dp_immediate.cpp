// Data processing with an immediate operand (Arm ARM C4.1.86).
#include "arm64/interpreter/alu.h"
#include "arm64/interpreter/control.h"
#include "arm64/table/immediates.h"

#include <bit>

namespace beeline::arm64 {

namespace {

template <RegisterWidth T> T source(const Vcpu& cpu, uint8_t number) { return static_cast<T>(cpu.state.x[number]); }

Insn* adr(Vcpu& cpu, Insn* insn) {
    cpu.state.x[insn->rd] = pc_of(cpu, insn) + insn->imm;
    return next(cpu, insn);
}

Insn* adrp(Vcpu& cpu, Insn* insn) {
    cpu.state.x[insn->rd] = cpu.page_va + insn->imm;
    return next(cpu, insn);
}

template <RegisterWidth T> Insn* add(Vcpu& cpu, Insn* insn) {
    cpu.state.x[insn->rd] = static_cast<T>(source<T>(cpu, insn->rn) + static_cast<T>(insn->imm));
    return next(cpu, insn);
}

template <RegisterWidth T> Insn* adds(Vcpu& cpu, Insn* insn) {
    const T left = source<T>(cpu, insn->rn), right = static_cast<T>(insn->imm);
    cpu.state.nzcv = flags_add(left, right, false);
    cpu.state.x[insn->rd] = static_cast<T>(left + right);
    return next(cpu, insn);
}

template <RegisterWidth T> Insn* subs(Vcpu& cpu, Insn* insn) {
    const T left = source<T>(cpu, insn->rn), right = static_cast<T>(insn->imm);
    cpu.state.nzcv = flags_subtract(left, right);
    cpu.state.x[insn->rd] = static_cast<T>(left - right);
    return next(cpu, insn);
}

enum class Logic { And, Or, Xor };

template <RegisterWidth T, Logic op> Insn* logic(Vcpu& cpu, Insn* insn) {
    const T left = source<T>(cpu, insn->rn), right = static_cast<T>(insn->imm);
    cpu.state.x[insn->rd] = op == Logic::And ? left & right : op == Logic::Or ? left | right : left ^ right;
    return next(cpu, insn);
}

template <RegisterWidth T> Insn* ands(Vcpu& cpu, Insn* insn) {
    const T result = source<T>(cpu, insn->rn) & static_cast<T>(insn->imm);
    cpu.state.nzcv = flags_nz(result);
    cpu.state.x[insn->rd] = result;
    return next(cpu, insn);
}

Insn* move_immediate(Vcpu& cpu, Insn* insn) {
    cpu.state.x[insn->rd] = insn->imm;
    return next(cpu, insn);
}

template <RegisterWidth T> Insn* movk(Vcpu& cpu, Insn* insn) {
    const uint8_t shift = insn->aux[0];
    const T kept = source<T>(cpu, insn->rd) & ~static_cast<T>(uint64_t{0xFFFF} << shift);
    cpu.state.x[insn->rd] = kept | static_cast<T>(insn->imm);
    return next(cpu, insn);
}

/// SBFM and UBFM as two shifts: the field's top bit goes to the register's top bit (aux[0] to the left), then down to
/// its place (aux[1] to the right).
template <RegisterWidth T, bool is_signed> Insn* extract_field(Vcpu& cpu, Insn* insn) {
    const T top = static_cast<T>(source<T>(cpu, insn->rn) << insn->aux[0]);
    if constexpr (is_signed)
        cpu.state.x[insn->rd] = static_cast<T>(static_cast<std::make_signed_t<T>>(top) >> insn->aux[1]);
    else
        cpu.state.x[insn->rd] = top >> insn->aux[1];
    return next(cpu, insn);
}

/// SBFIZ and UBFIZ (imms < immr): the field's width bits from bit 0 go to bit aux[1].
template <RegisterWidth T, bool is_signed> Insn* insert_field_in_zero(Vcpu& cpu, Insn* insn) {
    const T top = static_cast<T>(source<T>(cpu, insn->rn) << insn->aux[0]);
    if constexpr (is_signed)
        cpu.state.x[insn->rd] =
            static_cast<T>(static_cast<T>(static_cast<std::make_signed_t<T>>(top) >> insn->aux[0]) << insn->aux[1]);
    else
        cpu.state.x[insn->rd] = static_cast<T>(static_cast<T>(top >> insn->aux[0]) << insn->aux[1]);
    return next(cpu, insn);
}

/// BFM: the source rotated right by aux[0], under the mask imm, over the destination.
template <RegisterWidth T> Insn* bfm(Vcpu& cpu, Insn* insn) {
    const T mask = static_cast<T>(insn->imm);
    const T rotated = std::rotr(source<T>(cpu, insn->rn), insn->aux[0]);
    cpu.state.x[insn->rd] = (rotated & mask) | (source<T>(cpu, insn->rd) & static_cast<T>(~mask));
    return next(cpu, insn);
}

template <RegisterWidth T> Insn* extr(Vcpu& cpu, Insn* insn) {
    const uint8_t shift = insn->aux[0];
    const T high = source<T>(cpu, insn->rn), low = source<T>(cpu, insn->rm);
    cpu.state.x[insn->rd] = shift == 0 ? low : static_cast<T>(low >> shift | high << (kBits<T> - shift));
    return next(cpu, insn);
}

Insn* no_operation(Vcpu& cpu, Insn* insn) { return next(cpu, insn); }

Handler bind_add_subtract(Insn& insn, const Fields& f, bool subtract, bool set_flags) {
    insn.rd = set_flags ? destination(f('d')) : register_or_sp(f('d'));
    insn.rn = register_or_sp(f('n'));
    insn.imm = uint64_t{f('i')} << (f('S') != 0 ? 12 : 0);
    const bool wide = f('x') != 0;
    if (set_flags) {
        if (subtract) return wide ? subs<uint64_t> : subs<uint32_t>;
        return wide ? adds<uint64_t> : adds<uint32_t>;
    }
    if (subtract) insn.imm = -insn.imm;
    return wide ? add<uint64_t> : add<uint32_t>;
}

void set_bitmask(Insn& insn, const Fields& f) { insn.imm = bitmask_immediate(f('N'), f('i'), f('r')); }

template <Logic op> Handler bind_logic(Insn& insn, const Fields& f) {
    insn.rd = register_or_sp(f('d'));
    set_bitmask(insn, f);
    return f('x') != 0 ? logic<uint64_t, op> : logic<uint32_t, op>;
}

Handler bind_move(Insn& insn, const Fields& f, bool inverted) {
    insn.rd = destination(f('d'));
    insn.imm = uint64_t{f('i')} << f('h') * 16;
    if (inverted) insn.imm = ~insn.imm;
    if (f('x') == 0) insn.imm = static_cast<uint32_t>(insn.imm);
    return move_immediate;
}

template <bool is_signed> Handler bind_bitfield(Insn& insn, const Fields& f) {
    const bool wide = f('x') != 0;
    const unsigned bits = wide ? 64 : 32, immr = f('r'), imms = f('i');
    insn.rd = destination(f('d'));
    if (imms >= immr) {
        insn.aux[0] = static_cast<uint8_t>(bits - 1 - imms);
        insn.aux[1] = static_cast<uint8_t>(bits - 1 - imms + immr);
        return wide ? extract_field<uint64_t, is_signed> : extract_field<uint32_t, is_signed>;
    }
    insn.aux[0] = static_cast<uint8_t>(bits - 1 - imms);
    insn.aux[1] = static_cast<uint8_t>(bits - immr);
    return wide ? insert_field_in_zero<uint64_t, is_signed> : insert_field_in_zero<uint32_t, is_signed>;
}

} // namespace

Handler bind_ADR(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.imm = static_cast<uint64_t>(f.sign_extended('i')) << 2 | f('l');
    return adr;
}
Handler bind_ADRP(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.imm = (static_cast<uint64_t>(f.sign_extended('i')) << 2 | f('l')) << 12;
    return adrp;
}

Handler bind_ADD_immediate(Insn& insn, const Fields& f) { return bind_add_subtract(insn, f, false, false); }
Handler bind_ADDS_immediate(Insn& insn, const Fields& f) { return bind_add_subtract(insn, f, false, true); }
Handler bind_SUB_immediate(Insn& insn, const Fields& f) { return bind_add_subtract(insn, f, true, false); }
Handler bind_SUBS_immediate(Insn& insn, const Fields& f) { return bind_add_subtract(insn, f, true, true); }

Handler bind_AND_immediate(Insn& insn, const Fields& f) { return bind_logic<Logic::And>(insn, f); }
Handler bind_ORR_immediate(Insn& insn, const Fields& f) { return bind_logic<Logic::Or>(insn, f); }
Handler bind_EOR_immediate(Insn& insn, const Fields& f) { return bind_logic<Logic::Xor>(insn, f); }
Handler bind_ANDS_immediate(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    set_bitmask(insn, f);
    return f('x') != 0 ? ands<uint64_t> : ands<uint32_t>;
}

Handler bind_MOVN(Insn& insn, const Fields& f) { return bind_move(insn, f, true); }
Handler bind_MOVZ(Insn& insn, const Fields& f) { return bind_move(insn, f, false); }
Handler bind_MOVK(Insn& insn, const Fields& f) {
    if (f('d') == 31) return no_operation;
    insn.aux[0] = static_cast<uint8_t>(f('h') * 16);
    insn.imm = uint64_t{f('i')} << insn.aux[0];
    return f('x') != 0 ? movk<uint64_t> : movk<uint32_t>;
}

Handler bind_SBFM(Insn& insn, const Fields& f) { return bind_bitfield<true>(insn, f); }
Handler bind_UBFM(Insn& insn, const Fields& f) { return bind_bitfield<false>(insn, f); }
Handler bind_BFM(Insn& insn, const Fields& f) {
    if (f('d') == 31) return no_operation;
    const bool wide = f('x') != 0;
    const unsigned bits = wide ? 64 : 32, immr = f('r'), imms = f('i');
    const auto ones = [](unsigned count) { return count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; };
    insn.imm = imms >= immr ? ones(imms - immr + 1) : ones(imms + 1) << (bits - immr);
    insn.aux[0] = static_cast<uint8_t>(immr);
    return wide ? bfm<uint64_t> : bfm<uint32_t>;
}

Handler bind_EXTR(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.aux[0] = static_cast<uint8_t>(f('i'));
    return f('x') != 0 ? extr<uint64_t> : extr<uint32_t>;
}

} // namespace beeline::arm64
