// Inner loops.
count_down:
        subs    x0, x0, #1
        b.ne    count_down
        ret
sum_array:
        ldr     x3, [x0], #8
        add     x2, x2, x3
        cmp     x0, x1
        b.ne    sum_array
        ret
string_length:
        ldrb    w2, [x1], #1
        cbnz    w2, string_length
        ret
copy_pairs:
        ldp     x3, x4, [x1], #16
        stp     x3, x4, [x0], #16
        subs    x2, x2, #16
        b.gt    copy_pairs
        ret
clear_lines:
        dc      zva, x0
        add     x0, x0, #64
        cmp     x0, x1
        b.lo    clear_lines
        ret
find_in_table:
        ldr     w3, [x0, x2, lsl #2]
        cmp     w3, w1
        b.eq    .+0x40
        add     x2, x2, #1
        cmp     x2, #64
        b.ne    find_in_table
        ret
