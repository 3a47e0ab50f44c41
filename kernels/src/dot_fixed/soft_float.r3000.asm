; idea: the textbook's f32 on a machine without any: both bytes are converted, multiplied and added by routines in integers
;
; What a compiler makes of `sum += (float)w[i] * (float)x[i]`: four calls of its library. Products and sums are rounded to
; nearest even; there are no infinities and no denormals here, and none are handled. A sum is emptied into an integer
; every 1024 columns, before it needs more than 24 bits. About 175 cycles for each weight.

most_columns = 1024             ; at most 127 * 128 each: less than 2^24

         org 0x80010000
size_n:  long 0
size_k:  long 0

run:     la t0, saved
         sw ra, (t0)
         la s0, data_w
         la s2, data_y
         la t0, size_n
         lw s3, (t0)            ; rows left
         lw s4, 4(t0)           ; columns
         nop
         beqz s3, done
next_row:
         la s1, data_x
         move s5, s4            ; columns left
         li s7, 0               ; the row's sum in integers
next_part:
         sltiu t0, s5, most_columns
         bnez t0, .short
         move s6, s5
         li s6, most_columns
.short   subu s5, s5, s6
         beqz s6, row_done
         li fp, 0               ; the sum, 0.0
next_column:
         lb a0, (s0)
         jal to_float
         addiu s0, s0, 1
         move gp, v0
         lb a0, (s1)
         jal to_float
         addiu s1, s1, 1
         move a0, gp
         jal multiply
         move a1, v0
         move a0, fp
         jal add
         move a1, v0
         addiu s6, s6, -1
         bnez s6, next_column
         move fp, v0
         jal to_integer
         move a0, fp
         b next_part
         addu s7, s7, v0
row_done:
         sw s7, (s2)
         addiu s3, s3, -1
         bnez s3, next_row
         addiu s2, s2, 4
done:    la t0, saved
         lw ra, (t0)
         nop
         jr ra
         nop
saved:   long 0

; v0 = (float) a0, for |a0| < 2^24
to_float:
         lui t0, 0x8000
         beqz a0, .zero
         and t1, a0, t0         ; sign
         bgez a0, .positive
         li t2, 150             ; exponent of 2^23
         negu a0, a0
.positive
         rept 4, i              ; up by 16, 8, 4 and 2 where there is room below bit 24
         srl t3, a0, 8+{16-(16>>i)}
         bnez t3, .wide
         nop
         sll a0, a0, 16>>{i}
         addiu t2, t2, -(16>>{i})
.wide
         endr
         lui t0, 0x0080
         and t3, a0, t0
         bnez t3, .normal       ; and by 1
         nop
         sll a0, a0, 1
         addiu t2, t2, -1
.normal  sll t2, t2, 23
         xor a0, a0, t0         ; the leading one is not stored
         or v0, t1, a0
         jr ra
         or v0, v0, t2
.zero    jr ra
         li v0, 0

; v0 = a0 * a1
multiply:
         sll t0, a0, 1
         srl t0, t0, 24         ; exponents
         sll t1, a1, 1
         srl t1, t1, 24
         beqz t0, .zero
         xor t2, a0, a1
         beqz t1, .zero
         lui t3, 0x8000
         sll a0, a0, 8          ; fractions with their leading one at bit 31
         or a0, a0, t3
         sll a1, a1, 8
         or a1, a1, t3
         multu a0, a1           ; 13
         and t2, t2, t3         ; sign
         addu t0, t0, t1
         addiu t0, t0, -126     ; of a product from 2^31 on in the upper word
         mfhi t4
         mflo t5
         bltz t4, .normal
         sltu t5, zero, t5      ; something was cut off
         sll t4, t4, 1          ; its lowest 8 bits are cut off too, and the product has 48: none is lost
         addiu t0, t0, -1
.normal  or t4, t4, t5
         srl v0, t4, 8          ; 24 bits
         andi t5, t4, 0xff
         sltiu t6, t5, 0x80     ; below the half
         bnez t6, .rounded
         xori t5, t5, 0x80
         bnez t5, .up           ; above it
         andi t6, v0, 1         ; the half: to even
         beqz t6, .rounded
         nop
.up      addiu v0, v0, 1        ; may carry into the exponent, which is right
.rounded
         addiu t0, t0, -1       ; the leading one adds one to the exponent
         sll t0, t0, 23
         addu v0, v0, t0
         jr ra
         or v0, v0, t2
.zero    jr ra
         li v0, 0

; v0 = a0 + a1
add:     sll t0, a0, 1          ; magnitudes
         sll t1, a1, 1
         sltu t2, t0, t1
         beqz t2, .ordered
         lui t9, 0x8000
         move t2, a0            ; the larger one first
         move a0, a1
         move a1, t2
         sll t0, a0, 1
         sll t1, a1, 1
.ordered beqz t1, .first
         srl t0, t0, 24         ; exponents
         srl t1, t1, 24
         subu t1, t0, t1        ; how far apart
         sltiu t2, t1, 27
         beqz t2, .first
         xor t3, a0, a1         ; bit 31: they differ in sign
         and t4, a0, t9         ; sign of the result
         sll a0, a0, 8          ; fractions at bit 29, two bits above for a carry and the sign
         or a0, a0, t9
         srl a0, a0, 2
         sll a1, a1, 8
         or a1, a1, t9
         srl a1, a1, 2
         srlv t5, a1, t1
         sllv t6, t5, t1
         sltu t6, t6, a1        ; bits that fell out leave a one
         bltz t3, .differ
         or a1, t5, t6
         b .sum
         addu v0, a0, a1
.differ  subu v0, a0, a1
         beqz v0, .zero
.sum     lui t5, 0x4000
         and t6, v0, t5
         bnez t6, .carried
         addiu t0, t0, 1
         addiu t0, t0, -1
         srl t5, t5, 1
.shift   and t6, v0, t5         ; until bit 29 is set
         bnez t6, .normal
         nop
         sll v0, v0, 1
         b .shift
         addiu t0, t0, -1
.carried andi t6, v0, 1
         srl v0, v0, 1
         or v0, v0, t6
.normal  andi t5, v0, 0x3f      ; 6 bits below the 24
         srl v0, v0, 6
         sltiu t6, t5, 0x20
         bnez t6, .rounded
         xori t5, t5, 0x20
         bnez t5, .up
         andi t6, v0, 1
         beqz t6, .rounded
         nop
.up      addiu v0, v0, 1
.rounded addiu t0, t0, -1
         sll t0, t0, 23
         addu v0, v0, t0
         jr ra
         or v0, v0, t4
.first   jr ra
         move v0, a0
.zero    jr ra
         nop

; v0 = (int) a0, for an integer below 2^24
to_integer:
         sll t0, a0, 1
         beqz t0, .zero
         srl t0, t0, 24
         lui t1, 0x8000
         sll v0, a0, 8
         or v0, v0, t1          ; fraction, at bit 31
         li t2, 158             ; exponent of 2^31
         subu t2, t2, t0
         bgez a0, .positive
         srlv v0, v0, t2
         negu v0, v0
.positive
         jr ra
         nop
.zero    jr ra
         li v0, 0

         align 16
data_x:  reserve 16384
data_x_end:
data_y:  reserve 4*8192
data_y_end:
data_w:  reserve 0x801f8000-*
data_w_end:
