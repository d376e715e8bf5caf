// Entry by Linux's arm64 boot protocol (Documentation/arch/arm64/booting.rst): x0 = device tree, MMU off, EL1.
#include "offsets.h"

    // image.ld puts image_size, a difference of addresses that no relocation expresses, between the two sections.
    .section .head.first, "ax"
    .global image_start
image_start:
    b       start                   // code0
    .long   0                       // code1
    .quad   0                       // text_offset: any 2 MiB boundary will do
    .section .head.rest, "ax"
    .quad   0b1010                  // little endian, 4 KiB pages, anywhere in memory
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

    .text
start:
    msr     daifset, #0xf
    mov     x20, x0
    bl      set_system_state
    // The flat image is linked at 0: add the load address to each R_AARCH64_RELATIVE (type 1027).
    adrp    x1, rela_start
    add     x1, x1, :lo12:rela_start
    adrp    x2, rela_end
    add     x2, x2, :lo12:rela_end
    adrp    x3, image_start
1:  cmp     x1, x2
    b.hs    2f
    ldp     x4, x5, [x1], #16
    ldr     x6, [x1], #8
    cmp     w5, #1027
    b.ne    1b
    add     x6, x6, x3
    str     x6, [x4, x3]
    b       1b
2:  adrp    x1, bss_start
    add     x1, x1, :lo12:bss_start
    adrp    x2, bss_end
    add     x2, x2, :lo12:bss_end
3:  cmp     x1, x2
    b.hs    4f
    stp     xzr, xzr, [x1], #16
    b       3b
4:  adrp    x0, cpus
    add     x0, x0, :lo12:cpus
    msr     tpidr_el1, x0
    adrp    x1, cpu_stacks
    add     x1, x1, #CPU_STACK_SIZE
    mov     sp, x1
    mov     x29, xzr
    mov     x0, x20
    bl      runtime_main
5:  wfi
    b       5b

    // PSCI CPU_ON enters here: x0 = context, the struct cpu of the new CPU; MMU off.
    .global secondary_start
secondary_start:
    msr     daifset, #0xf
    mov     x20, x0
    bl      set_system_state
    msr     tpidr_el1, x20
    ldr     x1, [x20, #CPU_STACK_TOP]
    mov     sp, x1
    mov     x29, xzr
    ldp     x0, x1, [x20, #CPU_BOOT_TTBR]
    ldp     x2, x3, [x20, #CPU_BOOT_TCR]
    ldr     x4, [x20, #CPU_BOOT_SCTLR]
    bl      mmu_switch
    mov     x0, x20
    ldr     x1, [x20, #CPU_ENTRY]
    blr     x1
6:  wfi
    b       6b

    // Puts what the boot protocol leaves open into one known state. Clobbers x9.
set_system_state:
    mov     x9, #0x0800
    movk    x9, #0x30d0, lsl #16    // SCTLR_RES1
    msr     sctlr_el1, x9
    isb
    msr     cpacr_el1, xzr
    msr     mdscr_el1, xzr
    msr     oslar_el1, xzr
    msr     cntkctl_el1, xzr
    adrp    x9, vectors
    add     x9, x9, :lo12:vectors
    msr     vbar_el1, x9
    isb
    ret

    // mmu_switch(ttbr0, ttbr1, tcr, mair, sctlr): MMU off, everything changed, TLB emptied, SCTLR_EL1 set.
    // Touches no memory in between, so it is right whatever the caches hold.
    .global mmu_switch
mmu_switch:
    mov     x9, #0x0800
    movk    x9, #0x30d0, lsl #16
    dsb     sy
    msr     sctlr_el1, x9
    isb
    msr     ttbr0_el1, x0
    msr     ttbr1_el1, x1
    msr     tcr_el1, x2
    msr     mair_el1, x3
    isb
    tlbi    vmalle1
    ic      iallu
    dsb     sy
    isb
    msr     sctlr_el1, x4
    isb
    ret

    .bss
    .balign 4096
    .global cpu_stacks
cpu_stacks:
    .space  CPU_STACK_SIZE * MAX_CPUS
