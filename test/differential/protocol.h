/* What the differential tester and its oracle program share: the layout of guest memory and of the file they both map.
 * Plain C, because the oracle is built by the cross compiler for C alone. */
#ifndef BEELINE_DIFFERENTIAL_PROTOCOL_H
#define BEELINE_DIFFERENTIAL_PROTOCOL_H

#include <stdint.h>

enum {
    kDiffSlots = 512,    /* Test cases in one batch, each with a place of its own for code and data. */
    kDiffSlotWords = 64, /* Code words of a slot: instructions, BRK, literals. */
    kDiffPage = 4096,
    kDiffDataPages = 2, /* That a slot may read and write. */
};

/* Guest virtual addresses, the same on both sides. High enough that no small integer points at anything. */
static const uint64_t kDiffCodeBase = 0x2A0000000000;
static const uint64_t kDiffDataBase = 0x350000000000;

/* Distance of the slots' data. No immediate offset reaches a neighbour; no round number as a register offset does. */
static const uint64_t kDiffDataSpread = 0x39D4B7000;

/* In a slot's stretch of data: page 0 is unmapped, 1 and 2 may be written, 3 is unmapped, 4 may be read (one page for
 * all slots), the rest are unmapped. */
static const uint64_t kDiffWritableOffset = 1 * 4096;
static const uint64_t kDiffReadOnlyOffset = 4 * 4096;

struct DiffVector {
    uint64_t d[2];
};

/* What user mode sees of a CPU. */
struct DiffState {
    uint64_t x[31];
    uint64_t sp;
    uint64_t pc;
    uint64_t nzcv; /* bits 31..28 */
    uint64_t tpidr;
    uint32_t fpcr;
    uint32_t fpsr;
    struct DiffVector v[32];
};

/* How a case ended: the signal that Linux sends for it. */
struct DiffResult {
    struct DiffState state;
    uint64_t fault_address; /* si_addr */
    uint32_t signal;
    int32_t code; /* si_code */
};

/* Start of the shared file. */
struct DiffHeader {
    uint32_t count;            /* Slots to run. */
    volatile uint32_t current; /* Index in `order` of the slot being run. */
    uint16_t order[kDiffSlots];
};

/* Offsets in the shared file, in bytes. */
static const uint64_t kDiffInitialOffset = 4096;
static const uint64_t kDiffResultOffset = 4096 + 104 * 4096;
static const uint64_t kDiffCodeOffset = 4096 + 2 * 104 * 4096;
static const uint64_t kDiffDataOffset = 4096 + 2 * 104 * 4096 + kDiffSlots * kDiffSlotWords * 4;
static const uint64_t kDiffReadOnlyFileOffset =
    4096 + 2 * 104 * 4096 + kDiffSlots * kDiffSlotWords * 4 + kDiffSlots * kDiffDataPages * 4096;
static const uint64_t kDiffFileBytes =
    4096 + 2 * 104 * 4096 + kDiffSlots * kDiffSlotWords * 4 + kDiffSlots * kDiffDataPages * 4096 + 4096;

#endif
