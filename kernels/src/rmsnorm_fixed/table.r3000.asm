; idea: the inverse root is an entry of a table, so nothing is divided: a value is multiplied by its weight and by that
;
; The sum of squares is brought to 64 ... 255 by shifts of two bits, whose number shifts the products. Values come four
; to a load and wait in the scratchpad. Each product takes 10 cycles of the multiplier: 30 of the about 44 cycles for each
; value. Cycles stand behind the instructions.

multiple_n = 4
most_n     = 1020

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
         beqz t8, done
         lui t7, scratchpad >> 16
         addu a3, t7, t8        ; end of the row in the scratchpad
next_row:
         move t0, t7
         li v0, 0               ; sum of squares
.four    lw t1, (a0)            ; 7
         addiu a0, a0, 4        ; 1
         sll t2, t1, 24         ; 1
         sra t2, t2, 24         ; 1
         sw t1, (t0)            ; 1
         mult t2, t2            ; 1
         sll t3, t1, 16
         sra t3, t3, 24
         sll t4, t1, 8
         sra t4, t4, 24
         addiu t0, t0, 4
         sra t1, t1, 24
         mflo t2                ; 7
         addu v0, v0, t2        ; 1
         nop                    ; 1
         mult t3, t3            ; 1
         mflo t2                ; 7
         addu v0, v0, t2        ; 1
         nop                    ; 1
         mult t4, t4            ; 1
         mflo t2                ; 7
         addu v0, v0, t2        ; 1
         nop                    ; 1
         mult t1, t1            ; 1
         mflo t2                ; 7
         bne t0, a3, .four      ; 1
         addu v0, v0, t2        ; 1

         li v1, 13              ; what the products are shifted by
         beqz v0, .found        ; zeros: entry 0
.high    srl t1, v0, 8
         beqz t1, .low
         nop
         srl v0, v0, 2
         b .high
         addiu v1, v1, 1
.low     srl t1, v0, 6
         bnez t1, .found
         nop
         sll v0, v0, 2
         b .low
         addiu v1, v1, -1
.found   sll v0, v0, 2
         la t1, data_roots
         addu t1, t1, v0
         lw t6, (t1)            ; the inverse root
         addiu t1, v1, -1
         li t5, 1
         sllv t5, t5, t1        ; half of what is shifted out
         la a2, data_w
         move t0, t7
         lb t1, (a2)
.value   lb t2, (t0)            ; 1
         mult t1, t6            ; 1  a weight by the root
         addiu t0, t0, 1
         addiu a2, a2, 1
         lb t1, (a2)            ; 7  the next weight
         addiu a1, a1, 1
         mflo t3                ; 7 or so
         li t4, 127             ; 1
         nop                    ; 1
         mult t2, t3            ; 1
         mflo t3                ; 7
         addu t3, t3, t5        ; 1
         srav t3, t3, v1        ; 1
         slti t2, t3, 128       ; 1
         bnez t2, .not_above    ; 1
         slti t2, t3, -127      ; 1
         move t3, t4            ; 1
.not_above
         beqz t2, .byte         ; 1
         nop                    ; 1
         negu t3, t4            ; 1
.byte    bne t0, a3, .value     ; 1
         sb t3, -1(a1)          ; 1

         addiu t9, t9, -1
         bnez t9, next_row
         nop
done:    jr ra
         nop

         align 16
data_roots: reserve 4*256
data_roots_end:
data_w:  reserve 1024
data_w_end:
data_x:  reserve 0x40000
data_x_end:
data_y:  reserve 0x40000
data_y_end:
