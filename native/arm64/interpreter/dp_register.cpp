// Data processing with register operands (Arm ARM C4.1.89), but for multiplication, division and CRC.
#include "arm64/interpreter/alu.h"
#include "arm64/interpreter/control.h"

#include <bit>

namespace beeline::arm64 {

namespace {

template <RegisterWidth T> T source(const Vcpu& cpu, uint8_t number) { return static_cast<T>(cpu.state.x[number]); }

/// Kinds of shifted operand; None is the common shift by zero.
enum class Shift { None, Lsl, Lsr, Asr, Ror };

template <RegisterWidth T, Shift shift> T shifted(T value, uint8_t amount) {
    switch (shift) {
    case Shift::None: return value;
    case Shift::Lsl: return static_cast<T>(value << amount);
    case Shift::Lsr: return value >> amount;
    case Shift::Asr: return static_cast<T>(static_cast<std::make_signed_t<T>>(value) >> amount);
    case Shift::Ror: return std::rotr(value, amount);
    }
    return value;
}

enum class Operation { Add, Adds, Sub, Subs, And, Ands, Or, Xor };

template <RegisterWidth T, Operation operation> [[gnu::always_inline]] inline T compute(Vcpu& cpu, T left, T right) {
    T result;
    switch (operation) {
    case Operation::Add:
    case Operation::Adds: result = static_cast<T>(left + right); break;
    case Operation::Sub:
    case Operation::Subs: result = static_cast<T>(left - right); break;
    case Operation::And:
    case Operation::Ands: result = left & right; break;
    case Operation::Or: result = left | right; break;
    case Operation::Xor: result = left ^ right; break;
    }
    if constexpr (operation == Operation::Adds) cpu.state.nzcv = flags_add(left, right, false);
    if constexpr (operation == Operation::Subs) cpu.state.nzcv = flags_subtract(left, right);
    if constexpr (operation == Operation::Ands) cpu.state.nzcv = flags_nz(result);
    return result;
}

/// `invert` is for BIC, ORN, EON: the second operand's complement.
template <RegisterWidth T, Operation operation, Shift shift, bool invert> Insn* with_shifted(Vcpu& cpu, Insn* insn) {
    T right = shifted<T, shift>(source<T>(cpu, insn->rm), insn->aux[0]);
    if constexpr (invert) right = static_cast<T>(~right);
    cpu.state.x[insn->rd] = compute<T, operation>(cpu, source<T>(cpu, insn->rn), right);
    return next(cpu, insn);
}

template <RegisterWidth T, Operation operation, bool invert> Handler select_shift(uint32_t type, uint32_t amount) {
    if (amount == 0) return with_shifted<T, operation, Shift::None, invert>;
    switch (type) {
    case 0: return with_shifted<T, operation, Shift::Lsl, invert>;
    case 1: return with_shifted<T, operation, Shift::Lsr, invert>;
    case 2: return with_shifted<T, operation, Shift::Asr, invert>;
    default: return with_shifted<T, operation, Shift::Ror, invert>;
    }
}

template <Operation operation, bool invert = false> Handler bind_shifted(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.aux[0] = static_cast<uint8_t>(f('i'));
    return f('x') != 0 ? select_shift<uint64_t, operation, invert>(f('h'), f('i'))
                       : select_shift<uint32_t, operation, invert>(f('h'), f('i'));
}

/// ExtendReg(): option UXTB UXTH UXTW UXTX SXTB SXTH SXTW SXTX.
template <unsigned option> uint64_t extended(uint64_t value) {
    switch (option) {
    case 0: return static_cast<uint8_t>(value);
    case 1: return static_cast<uint16_t>(value);
    case 2: return static_cast<uint32_t>(value);
    case 4: return static_cast<uint64_t>(static_cast<int8_t>(value));
    case 5: return static_cast<uint64_t>(static_cast<int16_t>(value));
    case 6: return static_cast<uint64_t>(static_cast<int32_t>(value));
    default: return value;
    }
}

template <RegisterWidth T, Operation operation, unsigned option> Insn* with_extended(Vcpu& cpu, Insn* insn) {
    const T right = static_cast<T>(extended<option>(cpu.state.x[insn->rm]) << insn->aux[0]);
    cpu.state.x[insn->rd] = compute<T, operation>(cpu, source<T>(cpu, insn->rn), right);
    return next(cpu, insn);
}

template <RegisterWidth T, Operation operation> Handler select_option(uint32_t option) {
    switch (option) {
    case 0: return with_extended<T, operation, 0>;
    case 1: return with_extended<T, operation, 1>;
    case 2: return with_extended<T, operation, 2>;
    case 4: return with_extended<T, operation, 4>;
    case 5: return with_extended<T, operation, 5>;
    case 6: return with_extended<T, operation, 6>;
    default: return with_extended<T, operation, 3>;
    }
}

template <Operation operation> Handler bind_extended(Insn& insn, const Fields& f) {
    constexpr bool kSetsFlags = operation == Operation::Adds || operation == Operation::Subs;
    insn.rd = kSetsFlags ? destination(f('d')) : register_or_sp(f('d'));
    insn.rn = register_or_sp(f('n'));
    insn.aux[0] = static_cast<uint8_t>(f('i'));
    return f('x') != 0 ? select_option<uint64_t, operation>(f('o')) : select_option<uint32_t, operation>(f('o'));
}

/// ADC and SBC; subtraction adds the complement.
template <RegisterWidth T, bool subtract, bool set_flags> Insn* with_carry(Vcpu& cpu, Insn* insn) {
    const T left = source<T>(cpu, insn->rn);
    T right = source<T>(cpu, insn->rm);
    if constexpr (subtract) right = static_cast<T>(~right);
    const bool carry = (cpu.state.nzcv & nzcv::C) != 0;
    if constexpr (set_flags) cpu.state.nzcv = flags_add(left, right, carry);
    cpu.state.x[insn->rd] = static_cast<T>(left + right + carry);
    return next(cpu, insn);
}

template <bool subtract, bool set_flags> Handler bind_carry(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    return f('x') != 0 ? with_carry<uint64_t, subtract, set_flags> : with_carry<uint32_t, subtract, set_flags>;
}

/// Shifts by a register, modulo the width.
template <RegisterWidth T, Shift shift> Insn* shift_variable(Vcpu& cpu, Insn* insn) {
    const auto amount = static_cast<uint8_t>(cpu.state.x[insn->rm] % kBits<T>);
    cpu.state.x[insn->rd] = shifted<T, shift>(source<T>(cpu, insn->rn), amount);
    return next(cpu, insn);
}

template <Shift shift> Handler bind_shift_variable(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    return f('x') != 0 ? shift_variable<uint64_t, shift> : shift_variable<uint32_t, shift>;
}

template <RegisterWidth T> T reverse_bits(T value) {
    value = __builtin_bswap64(static_cast<uint64_t>(value)) >> (64 - kBits<T>);
    constexpr T kFour = static_cast<T>(0x0F0F0F0F0F0F0F0F), kTwo = static_cast<T>(0x3333333333333333),
                kOne = static_cast<T>(0x5555555555555555);
    value = static_cast<T>((value >> 4 & kFour) | (value & kFour) << 4);
    value = static_cast<T>((value >> 2 & kTwo) | (value & kTwo) << 2);
    return static_cast<T>((value >> 1 & kOne) | (value & kOne) << 1);
}

enum class Unary { Rbit, Rev16, Rev32, Rev64, Clz, Cls };

template <RegisterWidth T, Unary operation> T unary_result(T value) {
    constexpr T kLowBytes = static_cast<T>(0x00FF00FF00FF00FF);
    switch (operation) {
    case Unary::Rbit: return reverse_bits(value);
    case Unary::Rev16: return static_cast<T>((value >> 8 & kLowBytes) | (value & kLowBytes) << 8);
    case Unary::Rev32:
        if constexpr (sizeof(T) == 4)
            return __builtin_bswap32(value);
        else
            return std::rotl(__builtin_bswap64(value), 32);
    case Unary::Rev64: return static_cast<T>(__builtin_bswap64(value));
    case Unary::Clz: return static_cast<T>(std::countl_zero(value));
    case Unary::Cls: {
        // Bits after the sign bit that equal it.
        const T folded = value ^ static_cast<T>(static_cast<std::make_signed_t<T>>(value) >> (kBits<T> - 1));
        return static_cast<T>(std::countl_zero(folded) - 1);
    }
    }
    return value;
}

template <RegisterWidth T, Unary operation> Insn* unary(Vcpu& cpu, Insn* insn) {
    cpu.state.x[insn->rd] = unary_result<T, operation>(source<T>(cpu, insn->rn));
    return next(cpu, insn);
}

template <Unary operation> Handler bind_unary(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    return f.word() >> 31 != 0 ? unary<uint64_t, operation> : unary<uint32_t, operation>;
}

enum class Select { Plain, Increment, Invert, Negate };

template <RegisterWidth T, Select select> Insn* conditional_select(Vcpu& cpu, Insn* insn) {
    const T first = source<T>(cpu, insn->rn);
    T second = source<T>(cpu, insn->rm);
    if constexpr (select == Select::Increment) second++;
    if constexpr (select == Select::Invert) second = static_cast<T>(~second);
    if constexpr (select == Select::Negate) second = static_cast<T>(-second);
    cpu.state.x[insn->rd] = holds(insn->aux[0], cpu.state.nzcv) ? first : second;
    return next(cpu, insn);
}

template <Select select> Handler bind_select(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    insn.aux[0] = static_cast<uint8_t>(f('c'));
    return f('x') != 0 ? conditional_select<uint64_t, select> : conditional_select<uint32_t, select>;
}

/// CCMP and CCMN: imm holds the immediate operand, aux the condition and the flags for when it fails.
template <RegisterWidth T, bool negative, bool immediate> Insn* conditional_compare(Vcpu& cpu, Insn* insn) {
    if (holds(insn->aux[0], cpu.state.nzcv)) {
        const T left = source<T>(cpu, insn->rn);
        const T right = immediate ? static_cast<T>(insn->imm) : source<T>(cpu, insn->rm);
        cpu.state.nzcv = negative ? flags_add(left, right, false) : flags_subtract(left, right);
    } else {
        cpu.state.nzcv = uint32_t{insn->aux[1]} << 28;
    }
    return next(cpu, insn);
}

template <bool negative, bool immediate> Handler bind_conditional_compare(Insn& insn, const Fields& f) {
    insn.aux[0] = static_cast<uint8_t>(f('c'));
    insn.aux[1] = static_cast<uint8_t>(f('k'));
    return f('x') != 0 ? conditional_compare<uint64_t, negative, immediate>
                       : conditional_compare<uint32_t, negative, immediate>;
}

} // namespace

Handler bind_AND_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::And>(insn, f); }
Handler bind_BIC_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::And, true>(insn, f); }
Handler bind_ORR_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Or>(insn, f); }
Handler bind_ORN_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Or, true>(insn, f); }
Handler bind_EOR_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Xor>(insn, f); }
Handler bind_EON_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Xor, true>(insn, f); }
Handler bind_ANDS_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Ands>(insn, f); }
Handler bind_BICS_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Ands, true>(insn, f); }

Handler bind_ADD_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Add>(insn, f); }
Handler bind_ADDS_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Adds>(insn, f); }
Handler bind_SUB_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Sub>(insn, f); }
Handler bind_SUBS_shifted(Insn& insn, const Fields& f) { return bind_shifted<Operation::Subs>(insn, f); }

Handler bind_ADD_extended(Insn& insn, const Fields& f) { return bind_extended<Operation::Add>(insn, f); }
Handler bind_ADDS_extended(Insn& insn, const Fields& f) { return bind_extended<Operation::Adds>(insn, f); }
Handler bind_SUB_extended(Insn& insn, const Fields& f) { return bind_extended<Operation::Sub>(insn, f); }
Handler bind_SUBS_extended(Insn& insn, const Fields& f) { return bind_extended<Operation::Subs>(insn, f); }

Handler bind_ADC(Insn& insn, const Fields& f) { return bind_carry<false, false>(insn, f); }
Handler bind_ADCS(Insn& insn, const Fields& f) { return bind_carry<false, true>(insn, f); }
Handler bind_SBC(Insn& insn, const Fields& f) { return bind_carry<true, false>(insn, f); }
Handler bind_SBCS(Insn& insn, const Fields& f) { return bind_carry<true, true>(insn, f); }

Handler bind_LSLV(Insn& insn, const Fields& f) { return bind_shift_variable<Shift::Lsl>(insn, f); }
Handler bind_LSRV(Insn& insn, const Fields& f) { return bind_shift_variable<Shift::Lsr>(insn, f); }
Handler bind_ASRV(Insn& insn, const Fields& f) { return bind_shift_variable<Shift::Asr>(insn, f); }
Handler bind_RORV(Insn& insn, const Fields& f) { return bind_shift_variable<Shift::Ror>(insn, f); }

Handler bind_RBIT_general(Insn& insn, const Fields& f) { return bind_unary<Unary::Rbit>(insn, f); }
Handler bind_REV16_general(Insn& insn, const Fields& f) { return bind_unary<Unary::Rev16>(insn, f); }
Handler bind_REV_32(Insn& insn, const Fields& f) { return bind_unary<Unary::Rev32>(insn, f); }
Handler bind_REV32_general(Insn& insn, const Fields& f) { return bind_unary<Unary::Rev32>(insn, f); }
Handler bind_REV_64(Insn& insn, const Fields& f) { return bind_unary<Unary::Rev64>(insn, f); }
Handler bind_CLZ_general(Insn& insn, const Fields& f) { return bind_unary<Unary::Clz>(insn, f); }
Handler bind_CLS_general(Insn& insn, const Fields& f) { return bind_unary<Unary::Cls>(insn, f); }

Handler bind_CSEL(Insn& insn, const Fields& f) { return bind_select<Select::Plain>(insn, f); }
Handler bind_CSINC(Insn& insn, const Fields& f) { return bind_select<Select::Increment>(insn, f); }
Handler bind_CSINV(Insn& insn, const Fields& f) { return bind_select<Select::Invert>(insn, f); }
Handler bind_CSNEG(Insn& insn, const Fields& f) { return bind_select<Select::Negate>(insn, f); }

Handler bind_CCMN_register(Insn& insn, const Fields& f) { return bind_conditional_compare<true, false>(insn, f); }
Handler bind_CCMP_register(Insn& insn, const Fields& f) { return bind_conditional_compare<false, false>(insn, f); }
Handler bind_CCMN_immediate(Insn& insn, const Fields& f) { return bind_conditional_compare<true, true>(insn, f); }
Handler bind_CCMP_immediate(Insn& insn, const Fields& f) { return bind_conditional_compare<false, true>(insn, f); }

} // namespace beeline::arm64
