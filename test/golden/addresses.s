// Addressing modes, one access a block.
load_offset:
        ldr     x0, [x1, #64]
        b       .
load_byte:
        ldrb    w0, [x1]
        b       .
load_signed_half:
        ldrsh   x0, [x1, #6]
        b       .
load_unscaled:
        ldur    w0, [x1, #-3]
        b       .
load_register_offset:
        ldr     x0, [x1, x2, lsl #3]
        b       .
load_extended_offset:
        ldr     w0, [x1, w2, sxtw #2]
        b       .
load_pre_index:
        ldr     x0, [x1, #8]!
        b       .
load_post_index:
        ldrb    w0, [x1], #1
        b       .
load_literal:
        ldr     x0, .+0x80
        b       .
load_pair:
        ldp     x0, x1, [x2, #16]
        b       .
load_no_homes:
        ldr     x21, [x22, #8]
        b       .
load_ordered:
        ldar    x0, [x1]
        ldapr   w2, [x1]
        b       .
load_unprivileged:
        ldtr    x0, [x1]
        b       .
store_offset:
        str     x0, [x1, #64]
        b       .
store_zero:
        str     wzr, [x1, #4]
        b       .
store_pair_pre_index:
        stp     x0, x1, [x2, #-16]!
        b       .
store_ordered:
        stlr    x0, [x1]
        b       .
same_address_indexed:
        ldr     x0, [x1, x2, lsl #3]
        add     x0, x0, #1
        str     x0, [x1, x2, lsl #3]
        b       .
