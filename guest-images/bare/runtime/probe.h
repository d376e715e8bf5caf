// Probes: short pieces of code run at a chosen exception level and PSTATE, ended by RET or by the exception they
// provoke.
#pragma once
#include "cpu.h"

// Defines the code of a probe; a RET is added. It may use x0 to x29 freely, and takes its arguments in x0 to x7.
#define PROBE(name, ...)                                                                                               \
    __asm__(".pushsection .user.text, \"ax\"\n"                                                                        \
            ".balign 4\n.arch armv8.6-a+fp16+fp16fml+crypto+sha3+sm4+rng+memtag\n"                                     \
            ".global " #name "\n" #name ":\n" __VA_ARGS__ "\nret\n"                                                    \
            ".popsection\n.arch armv8-a\n");                                                                           \
    extern const u32 name[];

typedef const u32* probe_code;

// Runs code by ERET to SPSR pstate. The result is the state at the exception that ended it; x, sp_el0, ... as saved
// then.
struct frame probe_run(probe_code code, u64 pstate, const u64 args[8]);

#define PROBE_ARGS(...) ((const u64[8]){__VA_ARGS__})
#define run_el0(code, ...) probe_run((code), PSR_EL0t | PSR_DAIF, PROBE_ARGS(__VA_ARGS__))
#define run_el1(code, ...) probe_run((code), PSR_EL1h | PSR_DAIF, PROBE_ARGS(__VA_ARGS__))

// For an interrupt handler: ends the probe that was interrupted; the frame becomes its result.
void probe_abandon(struct frame* frame);

// True when the probe reached its RET.
bool probe_returned(const struct frame* frame);

// Writes the words, and a RET, where both exception levels can execute them. Each call overwrites the last.
probe_code probe_write(const u32* words, unsigned count);

// SP_EL0 of the probes from now on; 0 restores the user stack.
void probe_set_sp(u64 sp);
