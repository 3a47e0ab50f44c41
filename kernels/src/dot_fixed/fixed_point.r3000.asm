; idea: the integer multiplier makes the product of two bytes as they lie in memory; nothing is converted
;
; The loop that a C compiler of the time makes of the textbook: both bytes from RAM, 7 cycles each, and the product
; waited for. About 25 cycles for each weight. Cycles stand behind the instructions.

         org 0x80010000
size_n:  long 0
size_k:  long 0

run:     la a0, data_w
         la a2, data_y
         la t8, size_n
         lw t9, (t8)            ; rows left
         lw t8, 4(t8)           ; columns
         nop
         beqz t9, done
next_row:
         la a1, data_x
         addu a3, a0, t8        ; end of the row
         beqz t8, row_done
         li v0, 0
next_column:
         lb t0, (a0)            ; 7
         lb t1, (a1)            ; 7
         addiu a0, a0, 1        ; 1
         addiu a1, a1, 1        ; 0  behind a load every second instruction is hidden
         mult t1, t0            ; 1
         mflo t2                ; 7
         bne a0, a3, next_column ; 1
         addu v0, v0, t2        ; 1
row_done:
         sw v0, (a2)
         addiu t9, t9, -1
         bnez t9, next_row
         addiu a2, a2, 4
done:    jr ra
         nop

         align 16
data_x:  reserve 16384
data_x_end:
data_y:  reserve 4*8192
data_y_end:
data_w:  reserve 0x801f8000-*
data_w_end:
