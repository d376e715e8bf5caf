#include "psci.h"

s64 psci_call(u32 function, u64 a, u64 b, u64 c) {
    register u64 x0 __asm__("x0") = function;
    register u64 x1 __asm__("x1") = a;
    register u64 x2 __asm__("x2") = b;
    register u64 x3 __asm__("x3") = c;
    // SMCCC 1.0 lets the callee change x4 to x17.
    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                       "memory");
    // The 32-bit functions return a 32-bit result.
    return (function & 0x40000000) ? (s64)x0 : (s64)(int32_t)x0;
}

void psci_system_off(void) {
    psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;) __asm__ volatile("wfi");
}
