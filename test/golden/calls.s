// Calls, returns and other ways to leave a block.
call_near:
        bl      .+0x100
call_far:
        bl      .+0x5000
jump_far:
        b       .+0x5000
branch_far:
        cmp     x0, #0
        b.eq    .+0x5000
        ret
return:
        ret
call_pointer:
        blr     x1
call_virtual:
        ldr     x1, [x0]
        ldr     x1, [x1, #24]
        blr     x1
linkage_stub:
        adrp    x16, .+0x11000
        ldr     x17, [x16, #0x18]
        add     x16, x16, #0x18
        br      x17
address_of_data:
        adrp    x0, .+0x11000
        add     x0, x0, #0x123
        b       .
jump_table:
        ldrb    w1, [x2, w0, uxtw]
        adr     x3, .+0x40
        add     x1, x3, w1, sxtb #2
        br      x1
