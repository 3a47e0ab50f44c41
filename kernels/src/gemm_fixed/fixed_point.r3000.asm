; idea: the integer multiplier makes the product of two bytes as they lie in memory, token after token
;
; dot_fixed's loop once for each token. About 25 cycles for each weight and token. Cycles stand behind the instructions.

         org 0x80010000
size_m:  long 0
size_n:  long 0
size_k:  long 0

run:     la t0, size_m
         lw t7, (t0)            ; tokens left
         lw t6, 4(t0)           ; rows
         lw t8, 8(t0)           ; columns
         la a2, data_y
         beqz t7, done
         la t5, data_x
         beqz t6, done
         nop
next_token:
         la a0, data_w
         move t9, t6            ; rows left
next_row:
         move a1, t5
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
         addiu t7, t7, -1
         bnez t7, next_token
         addu t5, t5, t8
done:    jr ra
         nop

         align 16
data_x:  reserve 65536
data_x_end:
data_y:  reserve 0x30000
data_y_end:
data_w:  reserve 0x801f8000-*
data_w_end:
