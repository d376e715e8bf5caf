// Exclusives, atomics and barriers. Names that begin with alone_ are for a machine with one CPU.
exclusive_add:
        ldxr    w1, [x0]
        add     w1, w1, #1
        stxr    w2, w1, [x0]
        cbnz    w2, exclusive_add
        ret
exclusive_acquire:
        ldaxr   w1, [x0]
        cbnz    w1, .+0x40
        stxr    w2, w3, [x0]
        cbnz    w2, exclusive_acquire
        ret
atomic_add:
        ldaddal w1, w2, [x0]
        b       .
atomic_add_no_result:
        stadd   x1, [x0]
        b       .
compare_and_swap:
        casal   x1, x2, [x0]
        b       .
swap:
        swpa    w1, w2, [x0]
        b       .
unlock:
        stlr    wzr, [x0]
        b       .
barriers:
        dmb     ishld
        dmb     ish
        clrex
        b       .
alone_exclusive_add:
        ldxr    w1, [x0]
        add     w1, w1, #1
        stxr    w2, w1, [x0]
        cbnz    w2, alone_exclusive_add
        ret
alone_atomic_add:
        ldaddal w1, w2, [x0]
        b       .
alone_unlock:
        stlr    wzr, [x0]
        b       .
alone_barrier:
        dmb     ish
        b       .
