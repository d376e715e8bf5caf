/* Cryptographic and checksum instructions in loops; the host does the same by its own instructions, or in C. */
#include "bench.h"
#include <string.h>

#ifdef __aarch64__
#pragma GCC target("+crypto+crc")
#include <arm_acle.h>
#include <arm_neon.h>
typedef uint8x16_t block;
static inline block aes_round(block x, block key) { return vaesmcq_u8(vaeseq_u8(x, key)); }
static inline u32 crc(u32 h, u64 v) { return __crc32d(h, v); }
static inline u32 crc_c(u32 h, u64 v) { return __crc32cd(h, v); }
#else
#pragma GCC target("aes,sse4.2")
#include <immintrin.h>
typedef __m128i block;
static inline block aes_round(block x, block key) { return _mm_aesenc_si128(_mm_xor_si128(x, key), _mm_setzero_si128()); }
static u32 crc_table[8][256];
static inline u32 crc(u32 h, u64 v)
{
    v ^= h;
    return crc_table[7][v & 255] ^ crc_table[6][v >> 8 & 255] ^ crc_table[5][v >> 16 & 255] ^ crc_table[4][v >> 24 & 255]
        ^ crc_table[3][v >> 32 & 255] ^ crc_table[2][v >> 40 & 255] ^ crc_table[1][v >> 48 & 255] ^ crc_table[0][v >> 56];
}
static inline u32 crc_c(u32 h, u64 v) { return (u32)_mm_crc32_u64(h, v); }
#endif

/* ten rounds over four blocks at a time, as counter modes have them */
BENCH(aesloop, "aes-instructions", 100)
{
    u64 words[8], seed = 11, h = 21;
    block x[4], key[10];
    for (int i = 0; i < 8; i++) words[i] = rng(&seed);
    memcpy(x, words, sizeof x);
    for (int i = 0; i < 10; i++) { u64 k[2] = { rng(&seed), rng(&seed) }; memcpy(&key[i], k, 16); }
    for (unsigned n = 0; n < 20000 * scale; n++)
        for (int r = 0; r < 10; r++)
            for (int i = 0; i < 4; i++) x[i] = aes_round(x[i], key[r]);
    memcpy(words, x, sizeof x);
    for (int i = 0; i < 8; i++) h = mix(h, words[i]);
    return h;
}

static const u32 k256[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

#ifdef __aarch64__
static NOINLINE void sha256_block(u32 *state, const u32 *message)
{
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4), a0 = abcd, e0 = efgh, w[4];
    for (int i = 0; i < 4; i++) w[i] = vld1q_u32(message + 4 * i);
    for (int i = 0; i < 16; i++) {
        uint32x4_t wk = vaddq_u32(w[i & 3], vld1q_u32(k256 + 4 * i)), t = abcd;
        if (i < 12) w[i & 3] = vsha256su1q_u32(vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]), w[(i + 2) & 3], w[(i + 3) & 3]);
        abcd = vsha256hq_u32(abcd, efgh, wk);
        efgh = vsha256h2q_u32(efgh, t, wk);
    }
    vst1q_u32(state, vaddq_u32(abcd, a0));
    vst1q_u32(state + 4, vaddq_u32(efgh, e0));
}
#else
static inline u32 ror(u32 x, int n) { return x >> n | x << (32 - n); }
static NOINLINE void sha256_block(u32 *state, const u32 *message)
{
    u32 w[64], s[8];
    memcpy(w, message, 64);
    memcpy(s, state, 32);
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] + (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
    for (int i = 0; i < 64; i++) {
        u32 t = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k256[i] + w[i];
        u32 u = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 28);
        s[0] = t + u; s[4] += t;
    }
    for (int i = 0; i < 8; i++) state[i] += s[i];
}
#endif

BENCH(shaloop, "sha256-instructions", 30)
{
    u32 state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 }, message[16];
    u64 seed = 12, h = 22;
    for (int i = 0; i < 16; i++) message[i] = (u32)rng(&seed);
    for (unsigned n = 0; n < 20000 * scale; n++) { sha256_block(state, message); message[n & 15] ^= state[0]; }
    for (int i = 0; i < 8; i++) h = mix(h, state[i]);
    return h;
}

BENCH(crcloop, "crc32-instructions", 200)
{
    u64 data[64], seed = 13;
    u32 a = 1, b = 2;
#ifndef __aarch64__
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int k = 0; k < 8; k++) c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
        crc_table[0][i] = c;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++) crc_table[t][i] = crc_table[t - 1][i] >> 8 ^ crc_table[0][crc_table[t - 1][i] & 255];
#endif
    for (int i = 0; i < 64; i++) data[i] = rng(&seed);
    for (unsigned n = 0; n < 2000 * scale; n++)
        for (int i = 0; i < 64; i++) { a = crc(a, data[i]); b = crc_c(b, data[i]); }
    return mix(mix(23, a), b);
}
