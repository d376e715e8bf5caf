// FP and SIMD registers.
load_store_quad:
        ldr     q0, [x1]
        str     q0, [x0]
        b       .
copy_64_bytes:
        ldp     q0, q1, [x1], #32
        ldp     q2, q3, [x1], #32
        stp     q0, q1, [x0], #32
        stp     q2, q3, [x0], #32
        b       .
load_many:
        ld1     {v0.16b-v3.16b}, [x0]
        b       .
save_double:
        str     d8, [sp, #16]
        b       .
moves:
        movi    v0.2d, #0
        mov     v1.16b, v0.16b
        umov    x0, v1.d[1]
        dup     v2.4s, w1
        fmov    d3, x2
        b       .
integer_lanes:
        add     v0.4s, v1.4s, v2.4s
        cmeq    v3.16b, v0.16b, v1.16b
        b       .
scalar_arithmetic:
        fmul    d0, d1, d2
        fadd    d0, d0, d3
        b       .
scalar_compare:
        fcmp    d0, d1
        b.gt    .+0x40
        ret
convert:
        scvtf   d0, x0
        fcvtzs  w1, d0
        b       .
