// Stack frames and structures: accesses off one base.
prologue:
        stp     x29, x30, [sp, #-48]!
        mov     x29, sp
        stp     x19, x20, [sp, #16]
        str     x21, [sp, #32]
        b       .
epilogue:
        ldr     x21, [sp, #32]
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #48
        ret
spill_and_reload:
        str     x0, [sp, #8]
        add     x0, x0, x1
        ldr     x1, [sp, #8]
        b       .
structure_update:
        ldr     w1, [x0]
        add     w1, w1, #1
        str     w1, [x0]
        ldr     x2, [x0, #8]
        str     x2, [x0, #16]
        b       .
list_insert:
        ldr     x2, [x1, #8]
        stp     x1, x2, [x0]
        str     x0, [x2]
        str     x0, [x1, #8]
        ret
