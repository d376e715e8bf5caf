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
saturating_add:
        sqadd   v0.8h, v1.8h, v2.8h
        b       .
saturating_narrow:
        sqxtun  v0.8b, v1.8h
        b       .
saturating_multiply:
        sqrdmulh v0.4s, v1.4s, v2.s[1]
        b       .
load_three:
        ld3     {v0.16b-v2.16b}, [x1], #48
        b       .
store_four:
        st4     {v0.4s-v3.4s}, [x1]
        b       .
load_lane:
        ld1     {v0.s}[2], [x1]
        b       .
load_replicated:
        ld1r    {v0.8h}, [x1]
        b       .
convert_fixed:
        fcvtzs  v0.4s, v1.4s, #16
        b       .
convert_unsigned:
        ucvtf   v0.4s, v1.4s
        b       .
half_add:
        fadd    v0.8h, v1.8h, v2.8h
        b       .
half_fused:
        fmla    v0.4h, v1.4h, v2.4h
        b       .
shift_by_register:
        ushl    v0.4s, v1.4s, v2.4s
        b       .
shift_by_register_saturating:
        sqrshl  v0.8h, v1.8h, v2.8h
        b       .
leading_zeros:
        clz     v0.4s, v1.4s
        b       .
multiply_polynomials:
        pmull   v0.8h, v1.8b, v2.8b
        b       .
butterfly:
        fmul    d4, d0, d2
        fmul    d5, d1, d3
        fsub    d4, d4, d5
        fadd    d6, d7, d4
        fsub    d7, d7, d4
        b       .
multiply_extended:
        fmulx   v0.4s, v1.4s, v2.4s
        b       .
reciprocal_root_step:
        frsqrts d0, d1, d2
        b       .
narrow_to_odd:
        fcvtxn  s0, d1
        b       .
half_maximum_across:
        fmaxv   h0, v1.8h
        b       .
half_to_integers:
        fcvtas  v0.8h, v1.8h
        b       .
half_from_double:
        fcvt    h0, d1
        b       .
half_select:
        fcsel   h0, h1, h2, eq
        b       .
add_loop:
        ldr     q1, [x1], #16
        fadd    v0.4s, v0.4s, v1.4s
        subs    x2, x2, #1
        b.ne    add_loop
        b       .
