; idea: the definition in whole numbers: squares by the multiplier, a square root bit by bit, a division for each value
;
; The sum of squares is shifted up by two bits at a time, to 2^28 or more, so that the root has enough of them; each value
; is shifted by half as much before it is divided. About 95 cycles for each value. Cycles stand behind the instructions.

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
         nop
next_row:
         addu a3, a0, t8        ; end of the row
         move t0, a0
         li v0, 0               ; sum of squares
.square  lb t1, (t0)            ; 7
         addiu t0, t0, 1        ; 1
         mult t1, t1            ; 1
         mflo t1                ; 7
         bne t0, a3, .square    ; 1
         addu v0, v0, t1        ; 1

         li v1, 0               ; bits that the root has more
         beqz v0, .root         ; zeros: divided by one below
         li t3, 1
.up      srl t1, v0, 28
         bnez t1, .high
         nop
         sll v0, v0, 2
         b .up
         addiu v1, v1, 1
.high    divu v0, t8            ; the mean
         li t3, 0               ; the root
         lui t2, 0x4000         ; its bit, squared
         mflo v0
.bit     addu t4, t3, t2
         sltu t5, v0, t4
         srl t3, t3, 1
         bnez t5, .zero
         nop
         subu v0, v0, t4
         addu t3, t3, t2
.zero    srl t2, t2, 2
         bnez t2, .bit
         nop
.root    srl t7, t3, 1          ; half of it, to round
         la a2, data_w
.value   lb t1, (a0)            ; 7
         lb t2, (a2)            ; 7
         addiu a0, a0, 1        ; 1
         addiu a2, a2, 1        ; 1
         mult t1, t2            ; 1
         li t6, 127             ; 1
         li t5, 0               ; 1
         mflo t1                ; 5
         bgez t1, .positive     ; 1
         nop                    ; 1
         negu t1, t1            ; 1  magnitudes are rounded, and the sign put back
         li t5, -1              ; 1
.positive
         sllv t1, t1, v1        ; 1
         addu t1, t1, t7        ; 1
         divu t1, t3            ; 1
         addiu a1, a1, 1        ; 1
         mflo t1                ; 36
         sltiu t2, t1, 128      ; 1
         bnez t2, .byte         ; 1
         nop                    ; 1
         move t1, t6            ; 1
.byte    xor t1, t1, t5         ; 1
         subu t1, t1, t5        ; 1
         bne a0, a3, .value     ; 1
         sb t1, -1(a1)          ; 1

         addiu t9, t9, -1
         bnez t9, next_row
         nop
done:    jr ra
         nop

         align 16
data_w:  reserve 1024
data_w_end:
data_x:  reserve 0x40000
data_x_end:
data_y:  reserve 0x40000
data_y_end:
