; idea: dividing by the sum is subtracting its logarithm from an exponent: a share is one more entry of the same table
;
; The sum's logarithm is two entries of another table, for its upper eight bits and for how often it was halved. Scores
; come four to a load and wait in the scratchpad, as offsets into the table of exponentials from the second pass on.
; About 34 cycles for each score. Cycles stand behind the instructions.

multiple_n = 4
most_n     = 512

scratchpad = 0x1f800000

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
         sll t8, t8, 1
         lui t7, scratchpad >> 16
         addu a3, t7, t8        ; end of the row in the scratchpad, two bytes a score
next_row:
         move t0, t7
         li v0, -128            ; the largest score
.four    lw t1, (a0)            ; 6  7 less one that the next instructions hide
         addiu a0, a0, 4        ; 1
         addiu t0, t0, 8        ; 1
         sra t5, t1, 24         ; 1
         rept 3, i
         sll t{2+i}, t1, 24-8*{i} ; 1
         sra t{2+i}, t{2+i}, 24 ; 1
         endr
         rept 4, i
         slt t6, v0, t{2+i}     ; 1
         beqz t6, .not{i}       ; 1
         sh t{2+i}, 2*{i}-8(t0) ; 1
         move v0, t{2+i}        ; 1
.not{i}
         endr
         bne t0, a3, .four      ; 1
         nop                    ; 1

         move t0, t7
         li v1, 0               ; sum of the exponentials
         li t2, 0
.sum     lh t1, (t0)            ; 1
         addu v1, v1, t2        ; 1  the entry before
         subu t1, v0, t1        ; 1
         sll t1, t1, 4          ; 1  four entries a step, four bytes an entry
         addu t2, t1, a2        ; 1
         lw t2, (t2)            ; 5  7 less 2 that the next instructions hide
         addiu t0, t0, 2        ; 1
         bne t0, a3, .sum       ; 1
         sh t1, -2(t0)          ; 1  the offset, for the shares
         addu v1, v1, t2

         la t0, data_logs
         li t2, 0               ; halvings
.halve   srl t1, v1, 16
         beqz t1, .halved
         nop
         srl v1, v1, 1
         b .halve
         addiu t2, t2, 1
.halved  srl v1, v1, 8
         addiu v1, v1, -128
         sll v1, v1, 2
         addu v1, v1, t0
         sll t2, t2, 2
         addu t2, t2, t0
         lw t1, (v1)
         lw t2, 4*128(t2)
         move t0, t7
         addu t1, t1, t2
         addiu t1, t1, 16       ; to 64ths, rounded
         sra t1, t1, 5
         sll t1, t1, 2
         addu t3, t1, a2        ; the table, from the logarithm on
.share   lhu t1, (t0)           ; 1
         addiu t0, t0, 2        ; 1
         addu t1, t1, t3        ; 1
         lw t2, (t1)            ; 6
         addiu a1, a1, 4        ; 1
         bne t0, a3, .share     ; 1
         sw t2, -4(a1)          ; 1

         addiu t9, t9, -1
         bnez t9, next_row
         nop
done:    jr ra
         nop

         align 16
data_exps: reserve 4*1536
data_exps_end:
data_logs: reserve 4*138
data_logs_end:
data_x:  reserve 0x40000
data_x_end:
data_y:  reserve 0x100000
data_y_end:
