// The second CPU: started by PSCI, it runs the functions that the first one posts. And the accesses to what they share.
#pragma once
#include "cpu.h"

static inline u64 load_acquire(const volatile u64* p) {
    u64 value;
    __asm__ volatile("ldar %0, [%1]" : "=r"(value) : "r"(p) : "memory");
    return value;
}

static inline void store_release(volatile u64* p, u64 value) {
    __asm__ volatile("stlr %0, [%1]" ::"r"(value), "r"(p) : "memory");
}

void wait_until(const volatile u64* p, u64 value);

// What PSCI CPU_ON returned.
s64 second_cpu_start(u64 mpidr);
// Where PSCI is to enter, when it is called by hand.
void second_cpu_entry(void);
// MPIDR plus 1 once it runs.
extern volatile u64 second_cpu_online;
// CurrentEL, DAIF, SCTLR_EL1 and SPSel as PSCI left them.
extern volatile u64 second_cpu_entry_state[4];

typedef void (*task)(void);
// Only one at a time: join() comes before the next post().
void post(task run);
void join(void);
