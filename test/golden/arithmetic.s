// Data processing without memory.
shifted_operand:
        add     x0, x1, x2, lsl #3
        sub     w3, w4, w5, asr #7
        b       .
extended_operand:
        add     x0, x1, w2, sxtw #2
        add     x0, x0, w3, uxtb
        b       .
register_without_home:
        add     x21, x22, x23
        sub     w24, w24, #1
        b       .
constant_in_pieces:
        movz    x0, #0x1234
        movk    x0, #0x5678, lsl #16
        movk    x0, #0x9abc, lsl #32
        b       .
bitfields:
        ubfx    x0, x1, #8, #12
        bfi     x2, x3, #4, #8
        sbfx    w4, w5, #3, #5
        b       .
rotates:
        ror     x0, x1, #13
        extr    x2, x3, x4, #7
        rorv    w5, w6, w7
        b       .
variable_shifts:
        lsl     x0, x1, x2
        asr     w3, w4, w5
        b       .
products:
        madd    x0, x1, x2, x3
        umulh   x4, x5, x6
        smull   x7, w0, w1
        b       .
remainder:
        udiv    x0, x1, x2
        msub    x3, x0, x2, x1
        b       .
count_zeros:
        clz     x0, x1
        rbit    w2, w3
        clz     w2, w2
        b       .
reverse_bytes:
        rev     x0, x1
        rev16   w2, w3
        b       .
checksum:
        crc32cx w0, w0, x1
        crc32b  w2, w2, w3
        b       .
