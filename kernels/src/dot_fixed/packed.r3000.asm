; idea: two weights go into one register with 16 bits for each product, so one multiplication makes two
;
; A word holds four rows' weights of one column, as w + 128: its even bytes are one pair, its odd bytes another. The
; product of a pair by an activation x is x u0 + 65536 x u2, whose halves are separated by rounding to the nearest 65536.
; Only the upper halves are summed apart; the lower ones follow from the sum of the whole words, modulo 2^32. What 128
; adds to every weight comes off at the end. 5.8 to 6.4 cycles for each weight. Cycles stand behind the instructions.

multiple_n = 4
multiple_k = 2
part       = 1020               ; columns in the scratchpad, and a byte to read past them

scratchpad = 0x1f800000

         org 0x80010000
size_n:  long 0
size_k:  long 0

run:     la t0, saved
         sw s0, (t0)
         la t0, size_n
         lw s0, (t0)            ; rows, and bytes from one column to the next
         lw s1, 4(t0)           ; columns
         li s2, 0               ; columns done
         sltiu t0, s0, 1
         bnez t0, done
         nop
         li t8, 0x00ff00ff      ; every second byte
         ori t9, zero, 0x8000   ; half of 65536
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
         beq t2, t3, blocks     ; no columns at all
         li fp, 0               ; sum of the activations
.copy    lb t0, (t1)
         addiu t1, t1, 1
         addiu t2, t2, 1
         addu fp, fp, t0
         bne t2, t3, .copy
         sb t0, -1(t2)

blocks:  sll fp, fp, 7          ; what 128 adds
         multu s0, s2           ; bytes before this part's first column
         la v1, data_w_biased_columns
         la a2, data_y
         move gp, s0            ; rows left
         mflo t0
         addu v1, v1, t0
next_block:
         move a0, v1            ; four rows, in the first column
         lui a1, scratchpad >> 16
         addu a3, a1, s3
         li s4, 0               ; rows 0 and 2 together
         li s5, 0               ; row 2
         li s6, 0               ; rows 1 and 3 together
         li s7, 0               ; row 3
         beqz s3, block_done
         li t7, 0               ; the last product of the column before
         lw t0, (a0)
         lb t4, (a1)
         and t1, t0, t8
         srl t2, t0, 8
         and t2, t2, t8
         addu a0, a0, s0
next_columns:
         rept 2, i
         mult t4, t1            ; 1
         lw t0, (a0)            ; 7  the next column, two of its cycles hidden
         addu t7, t7, t9        ; 1
         sra t7, t7, 16         ; 1
         addu s7, s7, t7        ; 1
         addu a0, a0, s0        ; 1
         mflo t6                ; 1
         addu s4, s4, t6        ; 1
         addu t6, t6, t9        ; 1
         mult t4, t2            ; 1
         lb t4, 1-{i}(a1)       ; 1
         sra t6, t6, 16         ; 1
         addu s5, s5, t6        ; 1
         and t1, t0, t8         ; 1
         srl t2, t0, 8          ; 1
         and t2, t2, t8         ; 1
         mflo t7                ; 1
         if {i} == 1
         bne a1, a3, next_columns ; 1
         else
         addiu a1, a1, 2        ; 1
         endif
         addu s6, s6, t7        ; 1
         endr
         addu t7, t7, t9
         sra t7, t7, 16
         addu s7, s7, t7
block_done:
         sll t0, s5, 16
         subu s4, s4, t0        ; row 0
         sll t0, s7, 16
         subu s6, s6, t0        ; row 1
         beqz s2, .first
         move t0, fp
         rept 4, i              ; on top of the parts before
         lw t{i+1}, 4*{i}(a2)
         endr
         nop
         addu s4, s4, t1
         addu s6, s6, t2
         addu s5, s5, t3
         addu s7, s7, t4
.first   subu s4, s4, t0
         subu s6, s6, t0
         subu s5, s5, t0
         subu s7, s7, t0
         sw s4, (a2)
         sw s6, 4(a2)
         sw s5, 8(a2)
         sw s7, 12(a2)
         addiu a2, a2, 16
         addiu gp, gp, -4
         bgtz gp, next_block
         addiu v1, v1, 4

         addu s2, s2, s3
         bne s2, s1, next_part
         nop
done:    la t0, saved
         lw s0, (t0)
         jr ra
         nop
saved:   long 0

         align 16
data_x:  reserve 16384
data_x_end:
data_y:  reserve 4*8192
data_y_end:
data_w_biased_columns:
         reserve 0x801f8000-*
data_w_biased_columns_end:
