// NZCV between producer and consumer.
cmp_branch:
        cmp     x0, x1
        b.eq    .+0x100
        ret
cmp_branch_unsigned:
        cmp     w0, #16
        b.hi    .+0x100
        ret
cmp_select:
        cmp     x0, x1
        csel    x2, x0, x1, lt
        ret
cmp_set:
        cmp     x0, #0
        cset    w0, ne
        ret
compare_negative:
        cmn     x0, #1
        b.eq    .+0x100
        ret
test_branch:
        tst     x0, #0xff
        b.ne    .+0x100
        ret
test_bit_branch:
        tbz     w0, #3, .+0x100
        tbnz    x21, #40, .+0x100
        ret
compare_zero_branch:
        cbz     x0, .+0x100
        cbnz    w21, .+0x100
        ret
compare_chain:
        cmp     x0, #1
        ccmp    x1, #2, #0, eq
        b.eq    .+0x100
        ret
add_with_carry:
        adds    x0, x0, x2
        adcs    x1, x1, x3
        ret
compare_wide:
        cmp     x0, x2
        sbcs    xzr, x1, x3
        b.lt    .+0x100
        ret
carry_after_add:
        adds    x0, x0, x1
        b.cs    .+0x100
        ret
store_between:
        cmp     x0, x1
        str     x2, [x3]
        b.ge    .+0x100
        ret
flags_never_read:
        subs    x0, x0, #1
        cmp     x0, x1
        b.ne    .+0x100
        ret
flags_read_by_nobody_here:
        subs    x0, x0, x1
        ret
abs_difference:
        subs    x0, x0, x1
        cneg    x0, x0, mi
        ret
