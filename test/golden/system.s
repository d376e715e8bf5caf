// System instructions. Names that begin with el0_ are at EL0.
el0_thread_pointer:
        mrs     x0, tpidr_el0
        ldr     x1, [x0, #8]
        b       .
current_task:
        mrs     x0, sp_el0
        ldr     x1, [x0]
        b       .
mask_interrupts:
        mrs     x0, daif
        msr     daifset, #2
        b       .
unmask_interrupts:
        msr     daifclr, #2
        b       .
restore_interrupts:
        msr     daif, x0
        b       .
read_counter:
        mrs     x0, cntvct_el0
        b       .
flags_as_register:
        mrs     x0, nzcv
        msr     nzcv, x1
        b       .
switch_address_space:
        msr     ttbr0_el1, x0
        isb
        b       .
flush_page:
        dsb     ishst
        tlbi    vae1is, x0
        dsb     ish
        isb
        b       .
flush_code:
        dc      cvau, x0
        dsb     ish
        ic      ivau, x0
        dsb     ish
        isb
        b       .
el0_system_call:
        mov     x8, #64
        svc     #0
exception_entry:
        sub     sp, sp, #0x150
        stp     x0, x1, [sp]
        stp     x2, x3, [sp, #16]
        mrs     x21, elr_el1
        mrs     x22, spsr_el1
        b       .
exception_return:
        msr     elr_el1, x21
        msr     spsr_el1, x22
        ldp     x0, x1, [sp]
        add     sp, sp, #0x150
        eret
hints:
        nop
        yield
        b       .
idle:
        dsb     sy
        wfi
        b       .
