; idea: activations lie in the scratchpad, one load brings four weights, and the multiplier's time is spent on unpacking
;
; A product is there 7 cycles after its multiplication began, and the two instructions after it was fetched may not begin
; another: 10 cycles for each. Everything else, the load of 7 cycles among it, happens meanwhile. 10.3 to 10.7 cycles for
; each weight. Cycles stand behind the instructions; those in the multiplier's time have none.

multiple_k = 4
part       = 1020               ; columns in the scratchpad, and a byte to read past them

scratchpad = 0x1f800000

         org 0x80010000
size_n:  long 0
size_k:  long 0

run:     la t0, size_n
         lw s0, (t0)            ; rows
         lw s1, 4(t0)           ; columns
         li s2, 0               ; columns done
         sltiu t0, s0, 1
         bnez t0, done
         nop
next_part:
         subu s3, s1, s2        ; columns of this part
         sltiu t0, s3, part
         bnez t0, .short
         nop
         li s3, part
.short   la t1, data_x
         addu t1, t1, s2
         lui t2, scratchpad >> 16
         addu t3, t2, s3
         beq t2, t3, rows       ; no columns at all
         nop
.copy    lw t0, (t1)
         addiu t1, t1, 4
         addiu t2, t2, 4
         bne t2, t3, .copy
         sw t0, -4(t2)

rows:    la a0, data_w
         addu a0, a0, s2
         la a2, data_y
         subu s4, s1, s3        ; from the end of a row's part to the next row's
         move t9, s0
next_row:
         li v0, 0
         beqz s2, .first
         lui a1, scratchpad >> 16
         lw v0, (a2)            ; the sum of the parts before
.first   beqz s3, row_done
         addu a3, a1, s3
         lw t0, (a0)
         lb t4, (a1)
         sll t1, t0, 24
         sra t1, t1, 24         ; the first weight
next_four:
         mult t4, t1            ; 1
         lb t5, 1(a1)
         sll t2, t0, 16
         sra t2, t2, 24
         lb t6, 2(a1)
         sll t3, t0, 8
         sra t3, t3, 24
         mflo t8                ; 7
         lb t7, 3(a1)           ; 1
         addu v0, v0, t8        ; 1
         mult t5, t2            ; 1
         sra t1, t0, 24
         lw t0, 4(a0)           ; the next four
         addiu a1, a1, 4
         mflo t8                ; 8 or so
         addiu a0, a0, 4        ; 1
         addu v0, v0, t8        ; 1
         mult t6, t3            ; 1
         lb t4, (a1)            ; the next activation
         mflo t8                ; 7
         nop                    ; 1
         addu v0, v0, t8        ; 1
         mult t7, t1            ; 1
         sll t1, t0, 24
         sra t1, t1, 24
         mflo t8                ; 7
         bne a1, a3, next_four  ; 1
         addu v0, v0, t8        ; 1
row_done:
         sw v0, (a2)
         addiu a2, a2, 4
         addiu t9, t9, -1
         bnez t9, next_row
         addu a0, a0, s4

         addu s2, s2, s3
         bne s2, s1, next_part
         nop
done:    jr ra
         nop

         align 16
data_x:  reserve 16384
data_x_end:
data_y:  reserve 4*8192
data_y_end:
data_w:  reserve 0x801f8000-*
data_w_end:
