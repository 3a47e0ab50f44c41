; idea: exponentials come from a table, sums are whole numbers, and every share is a division
;
; Three passes over the scores, bytes in RAM; a division takes 36 cycles. About 94 cycles for each score. Cycles stand
; behind the instructions.

         org 0x80010000
size_m:  long 0
size_n:  long 0

run:     la t0, size_m
         lw t9, (t0)            ; rows left
         lw t8, 4(t0)           ; columns
         la a0, data_x
         beqz t9, done
         la a1, data_y
         la a2, data_exps
         beqz t8, done
         nop
next_row:
         addu a3, a0, t8        ; end of the row
         move t0, a0
         li v0, -128            ; the largest score
.top     lb t1, (t0)            ; 7
         addiu t0, t0, 1        ; 1
         slt t2, v0, t1         ; 1
         beqz t2, .not          ; 1
         nop                    ; 1
         move v0, t1            ; 1
.not     bne t0, a3, .top       ; 1
         nop                    ; 1

         move t0, a0
         li v1, 0               ; sum of the exponentials
.sum     lb t1, (t0)            ; 7
         addiu t0, t0, 1        ; 1
         subu t1, v0, t1        ; 1
         sll t1, t1, 4          ; 1  four entries a step, four bytes an entry
         addu t1, t1, a2        ; 1
         lw t2, (t1)            ; 7
         bne t0, a3, .sum       ; 1
         addu v1, v1, t2        ; 1

         srl t3, v1, 1          ; half of it, to round
.share   lb t1, (a0)            ; 7
         addiu a0, a0, 1        ; 1
         subu t1, v0, t1        ; 1
         sll t1, t1, 4          ; 1
         addu t1, t1, a2        ; 1
         lw t2, (t1)            ; 7
         addiu a1, a1, 4        ; 1
         sll t2, t2, 15         ; 1
         addu t2, t2, t3        ; 1
         divu t2, v1            ; 1
         mflo t2                ; 37
         bne a0, a3, .share     ; 1
         sw t2, -4(a1)          ; 1

         addiu t9, t9, -1
         bnez t9, next_row
         nop
done:    jr ra
         nop

         align 16
data_exps: reserve 4*1536
data_exps_end:
data_x:  reserve 0x40000
data_x_end:
data_y:  reserve 0x100000
data_y_end:
