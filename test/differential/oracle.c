/* Runs test cases natively as an AArch64 Linux program, under qemu-aarch64 or on real hardware, and reports the state
 * each of them ends in.
 *
 * Everything happens in the signal handler: a case ends in a signal (BRK at its end, or whatever it ran into), the
 * handler writes the interrupted context to the shared file, puts the next case's state into it, and returns there.
 * File descriptor 3 is the shared file (protocol.h), 0 brings a byte for each batch, 4 takes a byte when it is done. */

#include "protocol.h"

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>

enum {
    kProtRead = 1,
    kProtWrite = 2,
    kProtExec = 4,
    kMapShared = 1,
    kMapPrivate = 2,
    kMapFixed = 16,
    kMapAnonymous = 32
};

static const uint64_t kSharedBase = 0x260000000000;
static const uint64_t kStackBase = 0x270000000000;
static const uint64_t kStackBytes = 1 << 18;

static long system_call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    register long x8 __asm__("x8") = number;
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x2 __asm__("x2") = c;
    register uint64_t x3 __asm__("x3") = d;
    register uint64_t x4 __asm__("x4") = e;
    register uint64_t x5 __asm__("x5") = f;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return (long)x0;
}

static void leave(int status) {
    for (;;) system_call(__NR_exit_group, (uint64_t)status, 0, 0, 0, 0, 0);
}

static void map(uint64_t address, uint64_t bytes, int protection, int flags, int fd, uint64_t offset) {
    const long result = system_call(__NR_mmap, address, bytes, (uint64_t)protection, (uint64_t)(flags | kMapFixed),
                                    (uint64_t)(long)fd, offset);
    if ((uint64_t)result != address) leave(101);
}

static struct DiffHeader* header(void) { return (struct DiffHeader*)kSharedBase; }
static struct DiffState* initial(unsigned slot) { return (struct DiffState*)(kSharedBase + kDiffInitialOffset) + slot; }
static struct DiffResult* result(unsigned slot) { return (struct DiffResult*)(kSharedBase + kDiffResultOffset) + slot; }

static void copy(uint64_t* to, const uint64_t* from, unsigned count) {
    for (unsigned i = 0; i < count; i++) to[i] = from[i];
}

/* Waits for the next batch and puts its code in place. The page protection makes the code visible to instruction
 * fetches under every emulator; cache maintenance does so on hardware. */
static void await_batch(void) {
    static char byte;
    if (system_call(__NR_read, 0, (uint64_t)&byte, 1, 0, 0, 0) != 1) leave(0);
    const uint64_t bytes = (uint64_t)kDiffSlots * kDiffSlotWords * 4;
    system_call(__NR_mprotect, kDiffCodeBase, bytes, kProtRead | kProtWrite, 0, 0, 0);
    copy((uint64_t*)kDiffCodeBase, (const uint64_t*)(kSharedBase + kDiffCodeOffset), (unsigned)(bytes / 8));
    __asm__ volatile("dsb ish" ::: "memory");
    for (uint64_t line = kDiffCodeBase; line < kDiffCodeBase + bytes; line += 64)
        __asm__ volatile("dc cvau, %0\n\tic ivau, %0" ::"r"(line) : "memory");
    __asm__ volatile("dsb ish\n\tisb" ::: "memory");
    system_call(__NR_mprotect, kDiffCodeBase, bytes, kProtRead | kProtExec, 0, 0, 0);
}

static void handle(int number, struct siginfo* info, struct ucontext* context) {
    static unsigned next; /* index in order; 0 also before the first batch */
    static char byte;
    struct sigcontext* machine = &context->uc_mcontext;
    struct fpsimd_context* vectors = (struct fpsimd_context*)machine->__reserved;
    if (vectors->head.magic != FPSIMD_MAGIC) leave(102);

    if (next != 0) {
        struct DiffResult* out = result(header()->order[next - 1]);
        struct DiffState* state = &out->state;
        copy(state->x, (const uint64_t*)machine->regs, 31);
        state->sp = machine->sp;
        state->pc = machine->pc;
        state->nzcv = machine->pstate & 0xF0000000;
        __asm__ volatile("mrs %0, tpidr_el0" : "=r"(state->tpidr));
        state->fpcr = vectors->fpcr;
        state->fpsr = vectors->fpsr;
        copy((uint64_t*)state->v, (const uint64_t*)vectors->vregs, 64);
        out->signal = (uint32_t)number;
        out->code = info->si_code;
        out->fault_address = (uint64_t)info->si_addr;
    }
    if (next == 0 || next == header()->count) {
        if (next != 0) system_call(__NR_write, 4, (uint64_t)&byte, 1, 0, 0, 0);
        await_batch();
        next = 0;
    }
    header()->current = next;
    const struct DiffState* state = initial(header()->order[next]);
    next++;
    copy((uint64_t*)machine->regs, state->x, 31);
    machine->sp = state->sp;
    machine->pc = state->pc;
    machine->pstate = (machine->pstate & ~0xF0000000ul) | state->nzcv;
    __asm__ volatile("msr tpidr_el0, %0" ::"r"(state->tpidr));
    vectors->fpcr = state->fpcr;
    vectors->fpsr = state->fpsr;
    copy((uint64_t*)vectors->vregs, (const uint64_t*)state->v, 64);
}

void _start(void);
void _start(void) {
    map(kSharedBase, kDiffDataOffset, kProtRead | kProtWrite, kMapShared, 3, 0);
    map(kDiffCodeBase, (uint64_t)kDiffSlots * kDiffSlotWords * 4, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous,
        -1, 0);
    map(kStackBase, kStackBytes, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous, -1, 0);
    for (unsigned slot = 0; slot < kDiffSlots; slot++) {
        const uint64_t base = kDiffDataBase + (uint64_t)slot * kDiffDataSpread;
        const uint64_t offset = kDiffDataOffset + (uint64_t)slot * kDiffDataPages * kDiffPage;
        map(base + kDiffWritableOffset, kDiffDataPages * kDiffPage, kProtRead | kProtWrite, kMapShared, 3, offset);
        map(base + kDiffReadOnlyOffset, kDiffPage, kProtRead, kMapShared, 3, kDiffReadOnlyFileOffset);
    }

    stack_t stack = {.ss_sp = (void*)kStackBase, .ss_flags = 0, .ss_size = kStackBytes};
    system_call(__NR_sigaltstack, (uint64_t)&stack, 0, 0, 0, 0, 0);
    const int signals[] = {SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE};
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct {
            void* handler;
            unsigned long flags;
            void* restorer;
            unsigned long mask;
        } action = {(void*)handle, SA_SIGINFO | SA_ONSTACK, 0, 0};
        if (system_call(__NR_rt_sigaction, (uint64_t)signals[i], (uint64_t)&action, 0, 8, 0, 0) != 0) leave(103);
    }
    __asm__ volatile("brk #0");
    leave(104);
}
