// A guest for the tests of the GDB stub: counts for ever on CPU 0, and on CPU 1 when there is one.
//   aarch64-linux-gnu-gcc -g -O1 -ffreestanding -nostdlib -static -no-pie -Wl,-Ttext=0x40080000 guest.c -o guest.elf
typedef unsigned long u64;

struct counter {
    volatile u64 value;
    volatile u64 copies[4];
};

struct counter counters[2] = {{1000, {0}}, {5000, {0}}};
volatile double ratio = 1.5;
char stacks[2][4096] __attribute__((aligned(16)));

__attribute__((noinline)) u64 advance(struct counter* counter, u64 step) {
    counter->value += step;
    counter->copies[counter->value % 4] = counter->value;
    return counter->value;
}

__attribute__((noinline, used)) void count(u64 cpu) {
    for (;;) {
        advance(&counters[cpu], cpu + 1);
        ratio *= 1.0;
    }
}

void start_second(void);

__attribute__((noinline, used)) void first(void) {
    // PSCI CPU_ON of CPU 1; where there is none it is refused.
    register u64 x0 asm("x0") = 0xC4000003, x1 asm("x1") = 1, x2 asm("x2") = (u64)start_second, x3 asm("x3") = 1;
    asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
    count(0);
}

// FP and SIMD are on before C runs: CPACR_EL1.FPEN.
asm(".section .text.start, \"ax\"\n"
    ".globl _start\n"
    "_start: mov x9, #0x300000\n msr cpacr_el1, x9\n isb\n"
    " adrp x9, stacks\n add x9, x9, :lo12:stacks\n add x9, x9, #4096\n mov sp, x9\n b first\n"
    ".globl start_second\n"
    "start_second: mov x9, #0x300000\n msr cpacr_el1, x9\n isb\n"
    " adrp x9, stacks\n add x9, x9, :lo12:stacks\n add x9, x9, #8192\n mov sp, x9\n b count\n"
    ".text\n");
