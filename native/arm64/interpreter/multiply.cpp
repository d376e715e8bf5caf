// Multiplication, division and CRC (Arm ARM C4.1.89).
#include "arm64/interpreter/alu.h"
#include "arm64/interpreter/control.h"

#include <array>

namespace beeline::arm64 {

namespace {

template <RegisterWidth T, bool subtract> Insn* multiply_add(Vcpu& cpu, Insn* insn) {
    const auto& x = cpu.state.x;
    const T product = static_cast<T>(static_cast<T>(x[insn->rn]) * static_cast<T>(x[insn->rm]));
    const T addend = static_cast<T>(x[insn->ra]);
    cpu.state.x[insn->rd] = subtract ? static_cast<T>(addend - product) : static_cast<T>(addend + product);
    return next(cpu, insn);
}

template <bool is_signed, bool subtract> Insn* multiply_add_long(Vcpu& cpu, Insn* insn) {
    const auto& x = cpu.state.x;
    uint64_t product;
    if constexpr (is_signed)
        product = static_cast<uint64_t>(int64_t{static_cast<int32_t>(x[insn->rn])} * static_cast<int32_t>(x[insn->rm]));
    else
        product = uint64_t{static_cast<uint32_t>(x[insn->rn])} * static_cast<uint32_t>(x[insn->rm]);
    cpu.state.x[insn->rd] = subtract ? x[insn->ra] - product : x[insn->ra] + product;
    return next(cpu, insn);
}

Insn* smulh(Vcpu& cpu, Insn* insn) {
    const auto left = static_cast<int64_t>(cpu.state.x[insn->rn]), right = static_cast<int64_t>(cpu.state.x[insn->rm]);
    cpu.state.x[insn->rd] = static_cast<uint64_t>(static_cast<__int128>(left) * right >> 64);
    return next(cpu, insn);
}

Insn* umulh(Vcpu& cpu, Insn* insn) {
    const uint64_t left = cpu.state.x[insn->rn], right = cpu.state.x[insn->rm];
    cpu.state.x[insn->rd] = static_cast<uint64_t>(static_cast<unsigned __int128>(left) * right >> 64);
    return next(cpu, insn);
}

/// Division by zero gives 0; the quotient that does not fit (minimum by -1) wraps.
template <RegisterWidth T, bool is_signed> Insn* divide(Vcpu& cpu, Insn* insn) {
    const T dividend = static_cast<T>(cpu.state.x[insn->rn]), divisor = static_cast<T>(cpu.state.x[insn->rm]);
    T quotient = 0;
    if constexpr (is_signed) {
        using Signed = std::make_signed_t<T>;
        if (divisor == static_cast<T>(-1))
            quotient = static_cast<T>(-dividend);
        else if (divisor != 0)
            quotient = static_cast<T>(static_cast<Signed>(dividend) / static_cast<Signed>(divisor));
    } else if (divisor != 0) {
        quotient = dividend / divisor;
    }
    cpu.state.x[insn->rd] = quotient;
    return next(cpu, insn);
}

template <bool is_signed> Handler bind_divide(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    return f('x') != 0 ? divide<uint64_t, is_signed> : divide<uint32_t, is_signed>;
}

template <bool subtract> Handler bind_multiply(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    return f('x') != 0 ? multiply_add<uint64_t, subtract> : multiply_add<uint32_t, subtract>;
}

template <bool is_signed, bool subtract> Handler bind_long(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    return multiply_add_long<is_signed, subtract>;
}

/// Bit-reflected polynomials: IEEE 802.3 for CRC32, Castagnoli for CRC32C.
constexpr uint32_t kPolynomial = 0xEDB88320, kPolynomialC = 0x82F63B78;

constexpr std::array<uint32_t, 256> crc_table(uint32_t polynomial) {
    std::array<uint32_t, 256> table{};
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
        table[byte] = crc;
    }
    return table;
}

template <uint32_t polynomial, typename T> Insn* crc32(Vcpu& cpu, Insn* insn) {
    static constexpr std::array<uint32_t, 256> kTable = crc_table(polynomial);
    uint32_t crc = static_cast<uint32_t>(cpu.state.x[insn->rn]);
    T value = static_cast<T>(cpu.state.x[insn->rm]);
    for (unsigned i = 0; i < sizeof(T); i++) {
        crc = crc >> 8 ^ kTable[(crc ^ static_cast<uint32_t>(value)) & 0xFF];
        if constexpr (sizeof(T) > 1) value = static_cast<T>(value >> 8);
    }
    cpu.state.x[insn->rd] = crc;
    return next(cpu, insn);
}

Handler bind_crc(Insn& insn, const Fields& f, Handler handler) {
    insn.rd = destination(f('d'));
    return handler;
}

} // namespace

Handler bind_MADD(Insn& insn, const Fields& f) { return bind_multiply<false>(insn, f); }
Handler bind_MSUB(Insn& insn, const Fields& f) { return bind_multiply<true>(insn, f); }
Handler bind_SMADDL(Insn& insn, const Fields& f) { return bind_long<true, false>(insn, f); }
Handler bind_SMSUBL(Insn& insn, const Fields& f) { return bind_long<true, true>(insn, f); }
Handler bind_UMADDL(Insn& insn, const Fields& f) { return bind_long<false, false>(insn, f); }
Handler bind_UMSUBL(Insn& insn, const Fields& f) { return bind_long<false, true>(insn, f); }
Handler bind_SMULH(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    return smulh;
}
Handler bind_UMULH(Insn& insn, const Fields& f) {
    insn.rd = destination(f('d'));
    return umulh;
}
Handler bind_UDIV(Insn& insn, const Fields& f) { return bind_divide<false>(insn, f); }
Handler bind_SDIV(Insn& insn, const Fields& f) { return bind_divide<true>(insn, f); }

Handler bind_CRC32B(Insn& insn, const Fields& f) { return bind_crc(insn, f, crc32<kPolynomial, uint8_t>); }
Handler bind_CRC32H(Insn& insn, const Fields& f) { return bind_crc(insn, f, crc32<kPolynomial, uint16_t>); }
Handler bind_CRC32W(Insn& insn, const Fields& f) { return bind_crc(insn, f, crc32<kPolynomial, uint32_t>); }
Handler bind_CRC32X(Insn& insn, const Fields& f) { return bind_crc(insn, f, crc32<kPolynomial, uint64_t>); }
Handler bind_CRC32CB(Insn& insn, const Fields& f) { return bind_crc(insn, f, crc32<kPolynomialC, uint8_t>); }
Handler bind_CRC32CH(Insn& insn, const Fields& f) { return bind_crc(insn, f, crc32<kPolynomialC, uint16_t>); }
Handler bind_CRC32CW(Insn& insn, const Fields& f) { return bind_crc(insn, f, crc32<kPolynomialC, uint32_t>); }
Handler bind_CRC32CX(Insn& insn, const Fields& f) { return bind_crc(insn, f, crc32<kPolynomialC, uint64_t>); }

} // namespace beeline::arm64
