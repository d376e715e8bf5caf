#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((u64)(a)-1))
#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)
#define BIT(n) (1ull << (n))

// Code and constants that EL0 may execute and read (EL1 too: the page is read-only for both).
#define USER_TEXT __attribute__((section(".user.text"), noinline))
// Data that EL0 and EL1 may both read and write.
#define USER_DATA __attribute__((section(".user.data")))
// Large buffers that start-up need not clear.
#define NO_INIT __attribute__((section(".noinit")))
