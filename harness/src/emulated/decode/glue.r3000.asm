; What stands between the kernels of a decode step, on an R3000A. Sums and the residual stream are 32-bit numbers; results
; are bytes from -127 to 127.
;
; run_narrow: bytes = sums / 2^shift, rounded            run_add: residual += sums / 2^shift, rounded
; run_rope: pairs of `first` turned by the cosines and sines of `second`, in 64ths, as many as pairs
; run_swiglu: bytes = silu(first) second / 64, rounded, silu by table

         org 0x80010000
size_n:  long 0
shift:   long 0

; t2 as a byte at (a1), which goes on.
         macro keep
         slti t3, t2, 128
         bnez t3, .not_above
         slti t3, t2, -127
         li t2, 127
         b .byte
         sb t2, (a1)
.not_above
         beqz t3, .byte
         sb t2, (a1)
         li t2, -127
         sb t2, (a1)
.byte    addiu a1, a1, 1
         endm

; t8: shift, t7: half of what goes out.
         macro begin
         la t0, size_n
         lw t9, (t0)
         lw t8, 4(t0)
         li t7, 1
         sllv t7, t7, t8
         srl t7, t7, 1
         endm

run_narrow:
         begin
         la a0, data_sums
         la a1, data_bytes
.next    lw t2, (a0)
         addiu a0, a0, 4
         addu t2, t2, t7
         srav t2, t2, t8
         keep
         addiu t9, t9, -1
         bnez t9, .next
         nop
         jr ra
         nop

run_add: begin
         la a0, data_sums
         la a1, data_residual
.next    lw t2, (a0)
         lw t3, (a1)
         addiu a0, a0, 4
         addu t2, t2, t7
         srav t2, t2, t8
         addu t3, t3, t2
         sw t3, (a1)
         addiu t9, t9, -1
         bnez t9, .next
         addiu a1, a1, 4
         jr ra
         nop

run_rope:
         begin
         la a0, data_first
         la a1, data_bytes
         la a2, data_second
.next    lb t4, (a2)            ; the cosine
         lb t5, 1(a2)           ; the sine
         lb t0, (a0)
         lb t1, 1(a0)
         nop
         mult t0, t4
         mflo t2
         nop
         nop
         mult t1, t5
         mflo t3
         subu t2, t2, t3
         nop
         mult t0, t5
         addiu t2, t2, 32
         sra t2, t2, 6
         mflo t6
         nop
         nop
         mult t1, t4
         mflo t4
         addu t6, t6, t4
         keep
         addiu t2, t6, 32
         sra t2, t2, 6
         keep
         addiu a2, a2, 2
         addiu t9, t9, -2
         bgtz t9, .next
         addiu a0, a0, 2
         jr ra
         nop

run_swiglu:
         begin
         la a0, data_first
         la a1, data_bytes
         la a2, data_second
         la a3, data_silu
.next    lbu t0, (a0)
         lb t1, (a2)
         addu t0, t0, a3
         lb t0, (t0)
         addiu a0, a0, 1
         mult t0, t1
         addiu a2, a2, 1
         mflo t2
         addiu t2, t2, 32
         sra t2, t2, 6
         keep
         addiu t9, t9, -1
         bnez t9, .next
         nop
         jr ra
         nop

         align 16
data_silu:
         reserve 256
data_first:
         reserve 256
data_second:
         reserve 256
data_bytes:
         reserve 256
data_sums:
         reserve 1024
data_residual:
         reserve 1024
