; idea: three rows of weights are a 3x3 matrix of the GTE and three tokens its three vectors: 9 products in 8 cycles
;
; MVMVA was made to turn a corner of a polygon. A matrix is loaded once and meets the tokens one after the other; what it
; costs to load and to read the sums back is paid once for 9 weights and 3 tokens. A register of the matrix takes a pair of
; weights from a word as it is: the arrangement puts a weight a into a word's odd byte and another, u = b + 128, into the
; even byte below, for a further matrix of the same rows, which is the word and 00ff00ff. The activations make up for what
; the pair has in common: (256 a + u) xa + u (256 xb - xa) = 256 (a xa + u xb), so they lie in the scratchpad as xa and
; 256 xb - xa. While one matrix is in use the other is loaded, and the processor adds the sums of the command before.
; 187 cycles for 108 products, 2.0 to
; 2.6 for each with what begins and ends three rows. Cycles stand behind the instructions.

most_m     = 3
multiple_m = 3
multiple_k = 4
most_k     = 9000
pair_bytes = 48                 ; activations of six columns: 3 tokens, twice, X and Y in a word, Z in another
block_bytes = 36                ; weights of three rows and twelve columns
blocks     = 10                 ; of a part: 960 bytes of scratchpad, and room to read past them

scratchpad = 0x1f800000

         org 0x80010000
size_n:  long 0
size_k:  long 0
saved:   long 0
row:     long 0                 ; bytes of weights of three rows
rows:    long 0                 ; left to do
begin:   long 0                 ; weights of the part
left:    long 0                 ; blocks of the parts not done
parts:   long 0                 ; parts done
under:   long 0, 0, 0           ; what 128 adds, for each token

run:     la at, size_n
         lw t9, (at)
         lw s1, 4(at)           ; columns
         sw ra, 8(at)
         sltiu t0, t9, 1
         bnez t0, done
         addiu t0, s1, 11
         li t1, 12
         divu t0, t1
         la a0, data_x
         la a1, padded
         li t3, 3
         mflo s0                ; blocks in a row
         sll t0, s0, 2
         sll t1, s0, 5
         addu t0, t0, t1
         sw t0, row-size_n(at)
         sw s0, left-size_n(at)
         sw zero, parts-size_n(at)
         la t0, data_w_matrices
         sw t0, begin-size_n(at)
         sll s2, s0, 3
         sll t0, s0, 2
         addu s2, s2, t0        ; columns, up to a multiple of twelve
; The tokens' activations, with zeros behind each.
.token   addu t1, a0, s1
         addu t2, a1, s2
         beq a0, t1, .pad
         nop
.copy    lw t0, (a0)
         addiu a0, a0, 4
         addiu a1, a1, 4
         bne a0, t1, .copy
         sw t0, -4(a1)
.pad     beq a1, t2, .next
         addiu t3, t3, -1
.zero    addiu a1, a1, 4
         bne a1, t2, .zero
         sw zero, -4(a1)
.next    bnez t3, .token
         nop
         la s4, padded
         bnez s0, next_part
         nop
; No columns: every sum is 0.
         la a1, data_y
         sll t0, t9, 3
         sll t1, t9, 2
         addu t0, t0, t1
         addu t0, t0, a1
.clear   addiu a1, a1, 4
         bne a1, t0, .clear
         sw zero, -4(a1)
         b done
         nop

; The part's activations to the scratchpad. s4: padded, at the part's first column; s2: bytes of a token.
next_part:
         lw s0, left-size_n(at)
         nop
         sltiu t0, s0, blocks
         bnez t0, .short
         sll v1, s0, 1          ; pairs
         li v1, 2*blocks
.short   move a0, s4
         la a2, under
         lui a1, scratchpad >> 16
         li t8, 3               ; tokens
.token   move a3, a0
         move v0, a1
         move t7, v1
         li fp, 0
.six     lb t0, (a3)
         lb t1, 1(a3)
         lb t2, 2(a3)
         lb t3, 3(a3)
         lb t4, 4(a3)
         lb t5, 5(a3)
         addu fp, fp, t3
         addu fp, fp, t4
         addu fp, fp, t5
         sll t3, t3, 8
         subu t3, t3, t0
         andi t3, t3, 0xffff
         sll t4, t4, 8
         subu t4, t4, t1
         sll t4, t4, 16
         or t3, t3, t4
         sll t5, t5, 8
         subu t5, t5, t2
         andi t0, t0, 0xffff
         sll t1, t1, 16
         or t0, t0, t1
         sw t0, (v0)
         sw t2, 4(v0)
         sw t3, 24(v0)
         sw t5, 28(v0)
         addiu t7, t7, -1
         addiu a3, a3, 6
         bnez t7, .six
         addiu v0, v0, pair_bytes
         sll fp, fp, 7
         sw fp, (a2)
         addiu a2, a2, 4
         addiu a1, a1, 8
         addiu t8, t8, -1
         bnez t8, .token
         addu a0, a0, s2

         sw s2, column_bytes-size_n(at)
         sw s4, column-size_n(at)
         sll v1, v1, 4          ; 48 bytes for each pair
         sll t0, v1, 1
         addu v1, v1, t0
         lui t0, scratchpad >> 16
         addu v1, v1, t0        ; end of the activations
         li a1, 0x00ff00ff
         lw gp, begin-size_n(at)
         la a3, data_y
         sw t9, rows-size_n(at)
next_rows:
         move a0, gp
         lui v0, scratchpad >> 16
         lw t3, (a0)
         lw t4, 4(a0)
         lw t5, 8(a0)
         lw t6, 12(a0)
         lw t7, 32(a0)
         rept 3, t
         lwc2 vxy{t}, 8*{t}(v0)
         lwc2 vz{t}, 8*{t}+4(v0)
         endr
         ctc2 t3, rt11
         ctc2 t4, rt13
         ctc2 t5, rt22
         ctc2 t6, rt31
         ctc2 t7, rt33
         rept 8, i
         li s{i}, 0
         endr
         li fp, 0
         li t0, 0
         li t1, 0
         li t2, 0
; s0, s1, s2: sums of token 0; s3, s4, s5: of token 1; s6, s7, fp: of token 2.
next_block:
         rept 2, p
         mvmva 0, rt, v0, none  ; 1
         addu s6, s6, t0        ; 1  of the command before
         addu s7, s7, t1        ; 1
         addu fp, fp, t2        ; 1
         lwc2 vxy0, 48*{p}+24(v0) ; 1
         lwc2 vz0, 48*{p}+28(v0) ; 1
         and t8, t3, a1         ; 1
         ctc2 t8, l11           ; 1
         and t8, t4, a1         ; 1
         ctc2 t8, l13           ; 1
         mfc2 t0, mac1          ; 1
         mfc2 t1, mac2          ; 1
         mfc2 t2, mac3          ; 1
         mvmva 0, rt, v1, none  ; 1
         addu s0, s0, t0        ; 1
         addu s1, s1, t1        ; 1
         addu s2, s2, t2        ; 1
         lwc2 vxy1, 48*{p}+32(v0) ; 1
         lwc2 vz1, 48*{p}+36(v0) ; 1
         and t8, t5, a1         ; 1
         ctc2 t8, l22           ; 1
         and t8, t6, a1         ; 1
         ctc2 t8, l31           ; 1
         mfc2 t0, mac1          ; 1
         mfc2 t1, mac2          ; 1
         mfc2 t2, mac3          ; 1
         mvmva 0, rt, v2, none  ; 1
         addu s3, s3, t0        ; 1
         addu s4, s4, t1        ; 1
         addu s5, s5, t2        ; 1
         lw t3, 16+20*{p}(a0)   ; 5  7 less 2 that the next instructions hide
         lwc2 vxy2, 48*{p}+40(v0) ; 1
         lwc2 vz2, 48*{p}+44(v0) ; 1
         andi t8, t7, 0xff      ; 1
         ctc2 t8, l33           ; 1
         mfc2 t0, mac1          ; 1
         mfc2 t1, mac2          ; 1
         mfc2 t2, mac3          ; 1
         mvmva 0, ll, v0, none  ; 1
         addu s6, s6, t0        ; 1
         addu s7, s7, t1        ; 1
         addu fp, fp, t2        ; 1
         lw t4, 20+20*{p}(a0)   ; 5
         lwc2 vxy0, 48*{p}+48(v0) ; 1
         lwc2 vz0, 48*{p}+52(v0) ; 1
         ctc2 t3, rt11          ; 1
         mfc2 t0, mac1          ; 1
         mfc2 t1, mac2          ; 1
         mfc2 t2, mac3          ; 1
         mvmva 0, ll, v1, none  ; 1
         addu s0, s0, t0        ; 1
         addu s1, s1, t1        ; 1
         addu s2, s2, t2        ; 1
         lw t5, 24+20*{p}(a0)   ; 5
         lwc2 vxy1, 48*{p}+56(v0) ; 1
         lwc2 vz1, 48*{p}+60(v0) ; 1
         ctc2 t4, rt13          ; 1
         if {p} == 0
         srl t7, t7, 16         ; 1
         else
         lw t7, 68(a0)          ; 5
         endif
         mfc2 t0, mac1          ; 1
         mfc2 t1, mac2          ; 1
         mfc2 t2, mac3          ; 1
         lw t6, 28+20*{p}(a0)   ; 5
         mvmva 0, ll, v2, none  ; 1
         addu s3, s3, t0        ; 1
         addu s4, s4, t1        ; 1
         addu s5, s5, t2        ; 1
         lwc2 vxy2, 48*{p}+64(v0) ; 1
         lwc2 vz2, 48*{p}+68(v0) ; 1
         ctc2 t5, rt22          ; 1
         ctc2 t6, rt31          ; 1
         ctc2 t7, rt33          ; 1
         if {p} == 1
         addiu v0, v0, 2*pair_bytes ; 1
         addiu a0, a0, block_bytes ; 1
         endif
         mfc2 t0, mac1          ; 1
         mfc2 t1, mac2          ; 1
         if {p} == 1
         bne v0, v1, next_block ; 1
         endif
         mfc2 t2, mac3          ; 1
         endr
         nop
         addu s6, s6, t0
         addu s7, s7, t1
         addu fp, fp, t2

; The nine sums, 256 times too large, to y: token by token, as many rows as are left.
         la at, size_n
         lw a2, rows-size_n(at)
         lw t6, parts-size_n(at)
         sll t3, t9, 2          ; bytes from token to token
         macro keep first, second, third, token
         lw t7, under-size_n+4*{token}(at)
         move t5, a3
         rept {token}
         addu t5, t5, t3
         endr
         sra t0, {first}, 8
         subu t0, t0, t7
         sra t1, {second}, 8
         subu t1, t1, t7
         sra t2, {third}, 8
         beqz t6, .fresh
         subu t2, t2, t7
         lw t7, (t5)            ; on top of the parts before
         lw t8, 4(t5)
         addu t0, t0, t7
         lw t7, 8(t5)
         addu t1, t1, t8
         addu t2, t2, t7
.fresh   sltiu t7, a2, 2
         bnez t7, .kept
         sw t0, (t5)
         sltiu t7, a2, 3
         bnez t7, .kept
         sw t1, 4(t5)
         sw t2, 8(t5)
.kept
         endm
         keep s0, s1, s2, 0
         keep s3, s4, s5, 1
         keep s6, s7, fp, 2
         lw t0, row-size_n(at)
         addiu a2, a2, -3
         sw a2, rows-size_n(at)
         addu gp, gp, t0
         bgtz a2, next_rows
         addiu a3, a3, 12

         lw s0, left-size_n(at)
         lw t0, begin-size_n(at)
         addiu t6, t6, 1
         sw t6, parts-size_n(at)
         addiu s0, s0, -blocks
         sw s0, left-size_n(at)
         addiu t0, t0, block_bytes*blocks
         sw t0, begin-size_n(at)
         lw s2, column_bytes-size_n(at)
         lw s4, column-size_n(at)
         bgtz s0, next_part
         addiu s4, s4, 12*blocks
done:    lw ra, saved-size_n(at)
         nop
         jr ra
         nop
column_bytes: long 0
column:  long 0

         align 16
data_x:  reserve 3*9000
data_x_end:
         align 16
padded:  reserve 3*9024
data_y:  reserve 3*4*8192
data_y_end:
data_w_matrices:
         reserve 0x801f0000-*
data_w_matrices_end:
