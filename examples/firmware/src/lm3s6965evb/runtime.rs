//! What compiled code calls to copy, to fill and to divide, in 190 bytes. The compiler's own versions are faster, and take
//! 4 KB of flash. They are weak, so the linker prefers these.

#![allow(unsafe_code)] // symbols that the compiler knows

// a Cortex-M3 reads and writes words at any address
core::arch::global_asm!(
    "
    .macro called names:vararg
    .irp name, \\names
    .global \\name
    .thumb_func
    \\name:
    .endr
    .endm

    .syntax unified
    .section .text.copy, \"ax\", %progbits

    // r0 to, r1 from, r2 bytes; returns r0
    called memcpy, memmove
    called __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8
    called __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8
        subs r3, r0, r1
        cmp r3, r2
        blo 4f
        mov r12, r0
    1:  subs r2, #4
        blo 2f
        ldr r3, [r1], #4
        str r3, [r12], #4
        b 1b
    2:  adds r2, #4
    3:  subs r2, #1
        blo 5f
        ldrb r3, [r1], #1
        strb r3, [r12], #1
        b 3b
    // the target begins within the source: from the end
    4:  subs r2, #1
        blo 5f
        ldrb r3, [r1, r2]
        strb r3, [r0, r2]
        b 4b
    5:  bx lr

    .section .text.fill, \"ax\", %progbits

    // r0 to, r1 byte, r2 bytes; returns r0
    called memset
        mov r3, r1
        mov r1, r2
        mov r2, r3
        b 1f
    // r0 to, r1 bytes
    called __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8
        movs r2, #0
    // r0 to, r1 bytes, r2 byte
    called __aeabi_memset, __aeabi_memset4, __aeabi_memset8
    1:  uxtb r2, r2
        orr r2, r2, r2, lsl #8
        orr r2, r2, r2, lsl #16
        mov r12, r0
    2:  subs r1, #4
        blo 3f
        str r2, [r12], #4
        b 2b
    3:  adds r1, #4
    4:  subs r1, #1
        blo 5f
        strb r2, [r12], #1
        b 4b
    5:  bx lr

    .section .text.divide, \"ax\", %progbits

    // r1:r0 by r3:r2; returns r1:r0 and the remainder in r3:r2. A divisor of 0 does not come: that is a panic before
    called __aeabi_uldivmod
        push {{r4, r5, r6, lr}}
        movs r4, #0
        movs r5, #0
        movs r6, #64
    1:  adds r0, r0, r0
        adcs r1, r1, r1
        adcs r4, r4, r4
        adcs r5, r5, r5
        // a bit beyond the remainder, which is larger than any divisor
        bcs 2f
        cmp r5, r3
        it eq
        cmpeq r4, r2
        blo 3f
    2:  subs r4, r4, r2
        sbc r5, r5, r3
        adds r0, #1
    3:  subs r6, #1
        bne 1b
        mov r2, r4
        mov r3, r5
        pop {{r4, r5, r6, pc}}

    .text
"
);
