// Offsets that assembly and C share; cpu.h asserts that they agree.
#pragma once
#define MAX_CPUS 4
#define CPU_STACK_SIZE 16384
#define CPU_LANDING 0
#define CPU_STACK_TOP 8
#define CPU_ENTRY 16
#define CPU_BOOT_TTBR 24
#define CPU_BOOT_TCR 40
#define CPU_BOOT_SCTLR 56
#define FRAME_SP_EL0 248
#define FRAME_ELR 256
#define FRAME_ESR 272
#define FRAME_VECTOR 288
#define FRAME_SIZE 304
#define PROBE_RETURN_IMM 0xE0E0
