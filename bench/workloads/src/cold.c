/* Code that runs once: millions of random instructions are made, each is executed once, and only their execution is
   timed. Whatever makes them also computes what they have to leave behind, which is the checksum; so the host has the
   checksum too, but no time worth comparing: it has nothing to execute. */
#include "bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { INSTRUCTIONS = 2000000, REGISTERS = 16, SCRATCH = 4096, BASE = 16 /* x16 points to the scratch memory */ };

struct model { u64 x[REGISTERS]; u8 memory[SCRATCH]; u64 left, right; /* of the last comparison */ };
struct maker { struct model m; u64 seed; unsigned bits, left; u32 *out; };

static unsigned pick(struct maker *k, unsigned bits)
{
    if (k->left < bits) { k->seed = k->seed * 6364136223846793005ull + 1442695040888963407ull; k->bits = k->seed >> 32; k->left = 32; }
    unsigned v = k->bits & ((1u << bits) - 1);
    k->bits >>= bits; k->left -= bits;
    return v;
}

static u64 load(const struct model *m, unsigned at, unsigned size) { u64 v = 0; memcpy(&v, m->memory + at, size); return v; }
static void store(struct model *m, unsigned at, unsigned size, u64 v) { memcpy(m->memory + at, &v, size); }

/* EQ NE HS LO and, signed, GE LT GT LE: their condition numbers, and what they say of the last comparison. */
static const u8 conditions[8] = { 0, 1, 2, 3, 10, 11, 12, 13 };
static int holds(const struct model *m, unsigned c)
{
    u64 a = m->left, b = m->right;
    s64 i = a, j = b;
    switch (c) {
    case 0: return a == b;
    case 1: return a != b;
    case 2: return a >= b;
    case 3: return a < b;
    case 4: return i >= j;
    case 5: return i < j;
    case 6: return i > j;
    default: return i <= j;
    }
}

/* One instruction, drawn in about the proportions of compiled code. */
static void make(struct maker *k)
{
    struct model *m = &k->m;
    unsigned d = pick(k, 4), n = pick(k, 4), r = pick(k, 4), a, s;
    u64 v;
    u32 w;
    switch (pick(k, 5)) {
    case 0: case 1: case 2: case 3: case 4:                             /* ADD, immediate */
        a = pick(k, 12); w = 0x91000000 | a << 10 | n << 5 | d; m->x[d] = m->x[n] + a; break;
    case 5: case 6:                                                     /* SUB, immediate */
        a = pick(k, 12); w = 0xd1000000 | a << 10 | n << 5 | d; m->x[d] = m->x[n] - a; break;
    case 7: case 8: case 9:                                             /* ADD, shifted register */
        s = pick(k, 6); w = 0x8b000000 | r << 16 | s << 10 | n << 5 | d; m->x[d] = m->x[n] + (m->x[r] << s); break;
    case 10:                                                            /* SUB, shifted register */
        s = pick(k, 6); w = 0xcb000000 | r << 16 | s << 10 | n << 5 | d; m->x[d] = m->x[n] - (m->x[r] << s); break;
    case 11:                                                            /* AND */
        s = pick(k, 6); w = 0x8a000000 | r << 16 | s << 10 | n << 5 | d; m->x[d] = m->x[n] & m->x[r] << s; break;
    case 12:                                                            /* ORR */
        s = pick(k, 6); w = 0xaa000000 | r << 16 | s << 10 | n << 5 | d; m->x[d] = m->x[n] | m->x[r] << s; break;
    case 13:                                                            /* EOR */
        s = pick(k, 6); w = 0xca000000 | r << 16 | s << 10 | n << 5 | d; m->x[d] = m->x[n] ^ m->x[r] << s; break;
    case 14: case 15:                                                   /* MOVZ */
        a = pick(k, 16); s = pick(k, 2); w = 0xd2800000 | s << 21 | a << 5 | d; m->x[d] = (u64)a << 16 * s; break;
    case 16:                                                            /* MOVK */
        a = pick(k, 16); s = pick(k, 2); w = 0xf2800000 | s << 21 | a << 5 | d;
        m->x[d] = (m->x[d] & ~(0xffffull << 16 * s)) | (u64)a << 16 * s; break;
    case 17: case 18: case 19:                                          /* LDR, 64 bits */
        a = pick(k, 9); w = 0xf9400000 | a << 10 | BASE << 5 | d; m->x[d] = load(m, a * 8, 8); break;
    case 20:                                                            /* LDR, 32 bits */
        a = pick(k, 10); w = 0xb9400000 | a << 10 | BASE << 5 | d; m->x[d] = load(m, a * 4, 4); break;
    case 21:                                                            /* LDRB */
        a = pick(k, 12); w = 0x39400000 | a << 10 | BASE << 5 | d; m->x[d] = load(m, a, 1); break;
    case 22:                                                            /* LDP */
        a = pick(k, 6); r = (d + 1) % REGISTERS; w = 0xa9400000 | a << 15 | r << 10 | BASE << 5 | d;
        m->x[d] = load(m, a * 8, 8); m->x[r] = load(m, a * 8 + 8, 8); break;
    case 23: case 24:                                                   /* STR, 64 bits */
        a = pick(k, 9); w = 0xf9000000 | a << 10 | BASE << 5 | d; store(m, a * 8, 8, m->x[d]); break;
    case 25:                                                            /* STR, 32 bits */
        a = pick(k, 10); w = 0xb9000000 | a << 10 | BASE << 5 | d; store(m, a * 4, 4, m->x[d]); break;
    case 26:                                                            /* STP */
        a = pick(k, 6); w = 0xa9000000 | a << 15 | r << 10 | BASE << 5 | d;
        store(m, a * 8, 8, m->x[d]); store(m, a * 8 + 8, 8, m->x[r]); break;
    case 27: case 28:                                                   /* CMP */
        w = 0xeb00001f | r << 16 | n << 5; m->left = m->x[n]; m->right = m->x[r]; break;
    case 29:                                                            /* CSEL */
        a = pick(k, 3); w = 0x9a800000 | r << 16 | conditions[a] << 12 | n << 5 | d;
        m->x[d] = m->x[holds(m, a) ? n : r]; break;
    case 30:                                                            /* MADD */
        a = pick(k, 4); w = 0x9b000000 | r << 16 | a << 10 | n << 5 | d; m->x[d] = m->x[a] + m->x[n] * m->x[r]; break;
    default:                                                            /* UBFX */
        a = pick(k, 5); s = pick(k, 5); w = 0xd3400000 | a << 16 | (a + s) << 10 | n << 5 | d;
        v = m->x[n] >> a; m->x[d] = v & ((2ull << s) - 1); break;
    }
    *k->out++ = w;
}

/* B, B.cond, CBZ or TBZ to the next instruction: taken or not, everything runs once. */
static void make_branch(struct maker *k)
{
    unsigned r = pick(k, 4), bit = pick(k, 5);
    switch (pick(k, 2)) {
    case 0: *k->out++ = 0x14000001; break;
    case 1: *k->out++ = 0x54000020 | conditions[bit & 7]; break;
    case 2: *k->out++ = 0xb4000020 | r; break;
    default: *k->out++ = 0x36000020 | bit << 19 | r; break;
    }
}

static u64 checksum(const struct model *m)
{
    u64 h = 1;
    for (int i = 0; i < REGISTERS; i++) h = mix(h, m->x[i]);
    for (unsigned i = 0; i < SCRATCH; i += 8) h = mix(h, load(m, i, 8));
    return h;
}

#ifdef __aarch64__
static void execute(const char *name, u32 *code, u32 *end, struct model *m)
{
    struct timespec from, to;
    __builtin___clear_cache((char *)code, (char *)end);
    printf("%s begins\n", name);
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &from);
    ((void (*)(u64 *, u8 *))(void *)code)(m->x, m->memory);
    clock_gettime(CLOCK_MONOTONIC, &to);
    measured = to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) * 1e-9;
}
#endif

/* A branch after every `run` instructions; none when 0. */
static u64 cold(const char *name, unsigned count, unsigned run)
{
    size_t size = (count + 64) * sizeof(u32);
    u32 *code = mmap(0, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct maker *k = calloc(1, sizeof *k);
    if (code == MAP_FAILED || !k) die("memory");
    struct model before;
    k->seed = 91; k->out = code;
    for (int i = 0; i < REGISTERS; i++) k->m.x[i] = 0x9e3779b97f4a7c15ull * (i + 1);
    before = k->m;
    *k->out++ = 0xaa0103f0;                                             /* MOV x16, x1 */
    *k->out++ = 0xaa0003f1;                                             /* MOV x17, x0 */
    *k->out++ = 0xeb1f03ff;                                             /* CMP xzr, xzr */
    for (unsigned i = 0; i < REGISTERS; i += 2) *k->out++ = 0xa9400000 | i << 15 | (i + 1) << 10 | 17 << 5 | i;  /* LDP */
    for (unsigned i = 1; i <= count; i++) if (run && i % run == 0) make_branch(k); else make(k);
    for (unsigned i = 0; i < REGISTERS; i += 2) *k->out++ = 0xa9000000 | i << 15 | (i + 1) << 10 | 17 << 5 | i;  /* STP */
    *k->out++ = 0xd65f03c0;                                             /* RET */
#ifdef __aarch64__
    execute(name, code, k->out, &before);
    u64 h = checksum(&before);
#else
    (void)name; (void)before;
    u64 h = checksum(&k->m);
#endif
    munmap(code, size);
    free(k);
    return h;
}

BENCH(cold_straight, "cold-straight", 1) { return cold("cold-straight", INSTRUCTIONS * scale, 0); }
BENCH(cold_branches, "cold-branches", 1) { return cold("cold-branches", INSTRUCTIONS * scale, 6); }
