// Advanced SIMD vector and scalar by element, on integers (Arm ARM C4.1.90).
#include "arm64/interpreter/simd_shapes.h"

namespace beeline::arm64 {

using namespace simd;

namespace {

/// Register and lane of the element: halfwords have lane H:L:M of v0 to v15, words, and DOT's groups of four bytes,
/// lane H:L of register M:m.
void set_element(Insn& insn, const Fields& f) {
    const bool halfwords = f.has('z') && f('z') == 1;
    insn.rm = static_cast<uint8_t>(halfwords ? f('m') : f('M') << 4 | f('m'));
    insn.aux[0] = static_cast<uint8_t>(halfwords ? f('H') << 2 | f('L') << 1 | f('M') : f('H') << 1 | f('L'));
}

} // namespace

Handler bind_MLA_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return unsigned_vector<Accumulate<MulAdd, FromElement>, kHs>(f);
}
Handler bind_MLS_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return unsigned_vector<Accumulate<MulSub, FromElement>, kHs>(f);
}
Handler bind_MUL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return unsigned_vector<Binary<Mul, FromElement>, kHs>(f);
}
Handler bind_SMLAL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_half<LongAccumulate<MulAdd, FromElement>, kHs>(f);
}
Handler bind_UMLAL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return unsigned_half<LongAccumulate<MulAdd, FromElement>, kHs>(f);
}
Handler bind_SMLSL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_half<LongAccumulate<MulSub, FromElement>, kHs>(f);
}
Handler bind_UMLSL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return unsigned_half<LongAccumulate<MulSub, FromElement>, kHs>(f);
}
Handler bind_SMULL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_half<Long<Mul, FromElement>, kHs>(f);
}
Handler bind_UMULL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return unsigned_half<Long<Mul, FromElement>, kHs>(f);
}
Handler bind_SQDMLAL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_half<LongAccumulate<DoublingMulAddLong, FromElement>, kHs>(f);
}
Handler bind_SQDMLSL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_half<LongAccumulate<DoublingMulSubLong, FromElement>, kHs>(f);
}
Handler bind_SQDMULL_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_half<Long<DoublingMulLong, FromElement>, kHs>(f);
}
Handler bind_SQDMULH_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_vector<Binary<DoublingMulHigh, FromElement>, kHs>(f);
}
Handler bind_SQRDMULH_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_vector<Binary<RoundingDoublingMulHigh, FromElement>, kHs>(f);
}
Handler bind_SQRDMLAH_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_vector<Accumulate<RoundingDoublingMulAccumulate<false>, FromElement>, kHs>(f);
}
Handler bind_SQRDMLSH_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_vector<Accumulate<RoundingDoublingMulAccumulate<true>, FromElement>, kHs>(f);
}
Handler bind_SDOT_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return vector_of_size<DotProduct<FromElement>, true, kB>(0, f('Q') != 0);
}
Handler bind_UDOT_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return vector_of_size<DotProduct<FromElement>, false, kB>(0, f('Q') != 0);
}

// Scalar
Handler bind_SQDMLAL_scalar_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_scalar_half<LongAccumulate<DoublingMulAddLong, FromElement>, kHs>(f);
}
Handler bind_SQDMLSL_scalar_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_scalar_half<LongAccumulate<DoublingMulSubLong, FromElement>, kHs>(f);
}
Handler bind_SQDMULL_scalar_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_scalar_half<Long<DoublingMulLong, FromElement>, kHs>(f);
}
Handler bind_SQDMULH_scalar_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_scalar<Binary<DoublingMulHigh, FromElement>, kHs>(f);
}
Handler bind_SQRDMULH_scalar_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_scalar<Binary<RoundingDoublingMulHigh, FromElement>, kHs>(f);
}
Handler bind_SQRDMLAH_scalar_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_scalar<Accumulate<RoundingDoublingMulAccumulate<false>, FromElement>, kHs>(f);
}
Handler bind_SQRDMLSH_scalar_element(Insn& insn, const Fields& f) {
    set_element(insn, f);
    return signed_scalar<Accumulate<RoundingDoublingMulAccumulate<true>, FromElement>, kHs>(f);
}

} // namespace beeline::arm64
