// The functions that the compiler calls for structure copies and initialisers.
#include "types.h"

void* memcpy(void* restrict to, const void* restrict from, size_t size) {
    u8* t = to;
    const u8* f = from;
    for (; size >= 8 && ((u64)t | (u64)f) % 8 == 0; size -= 8, t += 8, f += 8) *(u64*)t = *(const u64*)f;
    for (; size > 0; size--) *t++ = *f++;
    return to;
}

void* memset(void* to, int value, size_t size) {
    for (u8* t = to; size > 0; size--) *t++ = (u8)value;
    return to;
}
