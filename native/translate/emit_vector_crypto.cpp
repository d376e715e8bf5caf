// AES, SHA-1, SHA-256 and the polynomial product of doublewords, by the host's own instructions.
#include "translate/vector_emitter.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;

namespace {

/// The last round of either direction: the substitution and the shift of rows, in whichever order, then a key of zero.
template <bool encrypt> bool aes_round(VectorEmitter& w, const Insn& insn) {
    if (!w.e.host.aes) return false;
    const Xmm n = w.use(insn.rn), d = w.use(insn.rd);
    w.a.movaps(xmm0, d);
    w.a.pxor(xmm0, n);
    w.zero(xmm1);
    encrypt ? w.a.aesenclast(xmm0, xmm1) : w.a.aesdeclast(xmm0, xmm1);
    w.finish(insn.rd, true, xmm0);
    return true;
}

/// The host has the mixing of columns within whole rounds: what else is in the round is undone before.
bool aes_mix_columns(VectorEmitter& w, const Insn& insn) {
    if (!w.e.host.aes) return false;
    w.a.movaps(xmm0, w.use(insn.rn));
    w.zero(xmm1);
    w.a.aesdeclast(xmm0, xmm1);
    w.a.aesenc(xmm0, xmm1);
    w.finish(insn.rd, true, xmm0);
    return true;
}

bool aes_inverse_mix_columns(VectorEmitter& w, const Insn& insn) {
    if (!w.e.host.aes) return false;
    const Xmm n = w.use(insn.rn);
    w.a.aesimc(w.define(insn.rd), n);
    w.finish(insn.rd, true);
    return true;
}

bool multiply_polynomials(VectorEmitter& w, const Insn& insn) {
    if (!w.e.host.pclmul) return false;
    const Xmm n = w.use(insn.rn), m = w.use(insn.rm);
    w.a.movaps(xmm0, n);
    w.a.pclmulqdq(xmm0, m, is_full(insn) ? 0x11 : 0);
    w.finish(insn.rd, true, xmm0);
    return true;
}

// ---- SHA-256 --------------------------------------------------------------------------------------------------------

// The guest has a to d and e to h in two registers, the host F E B A and H G D C, each from the lowest element on.
constexpr uint8_t kLowerReversed = 0x11, kUpperReversed = 0xBB;

/// Four rounds, of which `upper` wants the new e to h, else the new a to d.
template <bool upper> bool sha256_rounds(VectorEmitter& w, const Insn& insn) {
    if (!w.e.host.sha) return false;
    const Xmm d = w.use(insn.rd), n = w.use(insn.rn), m = w.use(insn.rm);
    const Xmm abcd = upper ? n : d, efgh = upper ? d : n;
    w.a.movaps(xmm0, m);
    w.a.movaps(xmm1, efgh);
    w.a.shufps(xmm1, abcd, kUpperReversed);
    w.a.movaps(xmm2, efgh);
    w.a.shufps(xmm2, abcd, kLowerReversed);
    // Two rounds leave the new F E B A; the old one is the new H G D C.
    w.a.sha256rnds2(xmm1, xmm2);
    w.a.pshufd(xmm0, m, 0xEE);
    w.a.sha256rnds2(xmm2, xmm1);
    w.a.shufps(xmm2, xmm1, upper ? kLowerReversed : kUpperReversed);
    w.finish(insn.rd, true, xmm2);
    return true;
}

bool sha256_schedule_first(VectorEmitter& w, const Insn& insn) {
    if (!w.e.host.sha) return false;
    const Xmm n = w.use(insn.rn);
    w.a.movaps(xmm0, w.use(insn.rd));
    w.a.sha256msg1(xmm0, n);
    w.finish(insn.rd, true, xmm0);
    return true;
}

bool sha256_schedule_second(VectorEmitter& w, const Insn& insn) {
    if (!w.e.host.sha) return false;
    const Xmm d = w.use(insn.rd), n = w.use(insn.rn), m = w.use(insn.rm);
    w.a.movaps(xmm0, m);
    w.a.palignr(xmm0, n, 4);
    w.a.paddd(xmm0, d);
    w.a.sha256msg2(xmm0, m);
    w.finish(insn.rd, true, xmm0);
    return true;
}

// ---- SHA-1 ----------------------------------------------------------------------------------------------------------

/// As the host's SHA1RNDS4 numbers the functions. It adds their constants itself, which the guest's sums have already.
enum class Sha1 : uint8_t { Choose = 0, Parity = 1, Majority = 2 };
constexpr uint32_t kSha1Constants[]{0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC};
constexpr uint8_t kReversed = 0x1B;

template <Sha1 function> bool sha1_rounds(VectorEmitter& w, const Insn& insn) {
    if (!w.e.host.sha) return false;
    const Xmm d = w.use(insn.rd), n = w.use(insn.rn), m = w.use(insn.rm);
    w.a.mov(eax, kSha1Constants[static_cast<unsigned>(function)]);
    w.a.movd(xmm1, eax);
    w.a.pshufd(xmm1, xmm1, 0);
    w.a.movaps(xmm0, m);
    w.a.psubd(xmm0, xmm1);
    w.a.pshufd(xmm0, xmm0, kReversed);
    w.a.movaps(xmm2, n);
    w.a.pslldq(xmm2, 12);
    w.a.paddd(xmm0, xmm2);
    w.a.pshufd(xmm1, d, kReversed);
    w.a.sha1rnds4(xmm1, xmm0, static_cast<uint8_t>(function));
    w.a.pshufd(w.define(insn.rd), xmm1, kReversed);
    w.finish(insn.rd, true);
    return true;
}

/// x <<= by in each word, around; changes xmm2.
void rotate_words(VectorEmitter& w, const Xmm& x, uint8_t by) {
    w.a.movaps(xmm2, x);
    w.a.pslld(x, by);
    w.a.psrld(xmm2, 32 - by);
    w.a.por(x, xmm2);
}

bool sha1_rotate(VectorEmitter& w, const Insn& insn) {
    w.a.movaps(xmm0, w.use(insn.rn));
    rotate_words(w, xmm0, 30);
    w.finish_scalar(insn.rd, 2, xmm0);
    return true;
}

bool sha1_schedule_first(VectorEmitter& w, const Insn& insn) {
    const Xmm d = w.use(insn.rd), n = w.use(insn.rn), m = w.use(insn.rm);
    w.a.movaps(xmm0, d);
    w.a.shufpd(xmm0, n, 1);
    w.a.pxor(xmm0, d);
    w.a.pxor(xmm0, m);
    w.finish(insn.rd, true, xmm0);
    return true;
}

bool sha1_schedule_second(VectorEmitter& w, const Insn& insn) {
    w.a.movaps(xmm0, w.use(insn.rn));
    w.a.psrldq(xmm0, 4);
    w.a.pxor(xmm0, w.use(insn.rd));
    rotate_words(w, xmm0, 1);
    // The last word depends on the first one of the result.
    w.a.movaps(xmm1, xmm0);
    w.a.pslldq(xmm1, 12);
    rotate_words(w, xmm1, 1);
    w.a.pxor(xmm0, xmm1);
    w.finish(insn.rd, true, xmm0);
    return true;
}

} // namespace

void add_vector_crypto(VectorTable& t) {
    t[Op::AESE] = aes_round<true>;
    t[Op::AESD] = aes_round<false>;
    t[Op::AESMC] = aes_mix_columns;
    t[Op::AESIMC] = aes_inverse_mix_columns;
    t[Op::PMULL_64] = multiply_polynomials;
    t[Op::SHA256H] = sha256_rounds<false>;
    t[Op::SHA256H2] = sha256_rounds<true>;
    t[Op::SHA256SU0] = sha256_schedule_first;
    t[Op::SHA256SU1] = sha256_schedule_second;
    t[Op::SHA1C] = sha1_rounds<Sha1::Choose>;
    t[Op::SHA1P] = sha1_rounds<Sha1::Parity>;
    t[Op::SHA1M] = sha1_rounds<Sha1::Majority>;
    t[Op::SHA1H] = sha1_rotate;
    t[Op::SHA1SU0] = sha1_schedule_first;
    t[Op::SHA1SU1] = sha1_schedule_second;
}

} // namespace beeline::translate
