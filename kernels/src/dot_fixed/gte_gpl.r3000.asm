; idea: the GTE's interpolation multiplies three rows' weights by one activation and adds them to three sums, in 5 cycles
;
; GPL: MAC1..3 += IR1..3 * IR0, made for blending three colours. A weight need not be alone in its register: in a pair of
; bytes that holds 256 w1 + u0, with u0 = w0 + 128, the register takes 16 bits as they are, and u0 is the pair and 255. The
; activations make up for it: (256 w1 + u0) x1 + u0 (256 x0 - x1) = 256 (w1 x1 + u0 x0), so they lie in the scratchpad as
; x1 and 256 x0 - x1. Between the write of a register and the command that uses it must stand two instructions, and what
; a command writes may be written again 5 cycles after it began; loads and unpacking fill both. 93 cycles for 24 weights,
; 4.0 to 4.5 for each with what begins and ends three rows. Cycles stand behind the instructions.

multiple_k = 4
part       = 256                ; columns in the scratchpad, four bytes each

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
         addu t3, t1, s3
         lui t2, scratchpad >> 16
         beq t1, t3, rows       ; no columns at all
         li s4, 0               ; sum of every second activation
.pair    lb t4, (t1)            ; x0
         lb t5, 1(t1)           ; x1
         addiu t1, t1, 2
         addu s4, s4, t4
         sll t4, t4, 8
         subu t4, t4, t5
         sw t5, (t2)
         sw t4, 4(t2)
         bne t1, t3, .pair
         addiu t2, t2, 8

rows:    sll s4, s4, 7          ; what 128 adds to every second weight
         la s5, data_w_halves
         addu s5, s5, s2
         la a3, data_y
         move s6, s0            ; rows left
         lui v1, scratchpad >> 16
         srl s7, s3, 3
         sll s7, s7, 5
         addu s7, s7, v1        ; end of the activations in eights
         andi fp, s3, 4         ; and four more?
next_rows:
         mtc2 zero, mac1
         mtc2 zero, mac2
         mtc2 zero, mac3
         beqz s3, sums
         move a0, s5
         addu a1, a0, s1
         addu a2, a1, s1
         lui v0, scratchpad >> 16
         lw t6, (a0)
         lw t7, (a1)
         lw t8, (a2)
         beq v0, s7, last_four
         andi t0, t6, 0xff
next_eight:
         rept 2, i
         lwc2 ir0, -16*{i}(v0)  ; 1
         if {i} == 1
         andi t0, t6, 0xff      ; 1
         endif
         srl t3, t6, 16         ; 1
         andi t1, t7, 0xff      ; 1
         mtc2 t6, ir1           ; 1
         mtc2 t7, ir2           ; 1
         mtc2 t8, ir3           ; 1
         andi t2, t8, 0xff      ; 1
         srl t4, t7, 16         ; 1
         gpl 0                  ; 1
         lw t6, 4*{i}+4(a0)     ; 5  7 less 2 that the next instructions hide
         lwc2 ir0, 4-16*{i}(v0)  ; 1
         mtc2 t0, ir1           ; 1
         mtc2 t1, ir2           ; 1
         mtc2 t2, ir3           ; 1
         srl t5, t8, 16         ; 1
         andi t2, t5, 0xff      ; 1
         gpl 0                  ; 1
         lw t7, 4*{i}+4(a1)     ; 5
         lwc2 ir0, 8-16*{i}(v0)  ; 1
         mtc2 t3, ir1           ; 1
         mtc2 t4, ir2           ; 1
         mtc2 t5, ir3           ; 1
         andi t0, t3, 0xff      ; 1
         andi t1, t4, 0xff      ; 1
         gpl 0                  ; 1
         lw t8, 4-4*{i}(a2)     ; 5
         lwc2 ir0, 12-16*{i}(v0) ; 1
         mtc2 t0, ir1           ; 1
         mtc2 t1, ir2           ; 1
         mtc2 t2, ir3           ; 1
         if {i} == 1
         addiu a0, a0, 8        ; 1
         addiu a1, a1, 8        ; 1
         gpl 0                  ; 1
         bne v0, s7, next_eight ; 1
         andi t0, t6, 0xff      ; 1  of the next words
         else
         addiu a2, a2, 8        ; 1
         addiu v0, v0, 32       ; 1
         gpl 0                  ; 1
         endif
         endr
         beqz fp, sums
last_four:
         srl t3, t6, 16
         lwc2 ir0, (v0)
         andi t1, t7, 0xff
         srl t5, t8, 16
         mtc2 t6, ir1
         mtc2 t7, ir2
         mtc2 t8, ir3
         andi t2, t8, 0xff
         srl t4, t7, 16
         gpl 0
         lwc2 ir0, 4(v0)
         nop
         nop
         nop
         mtc2 t0, ir1
         mtc2 t1, ir2
         mtc2 t2, ir3
         andi t0, t3, 0xff
         andi t1, t4, 0xff
         gpl 0
         lwc2 ir0, 8(v0)
         andi t2, t5, 0xff
         nop
         nop
         mtc2 t3, ir1
         mtc2 t4, ir2
         mtc2 t5, ir3
         nop
         nop
         gpl 0
         lwc2 ir0, 12(v0)
         nop
         nop
         nop
         mtc2 t0, ir1
         mtc2 t1, ir2
         mtc2 t2, ir3
         nop
         nop
         gpl 0
sums:    nop
         mfc2 t0, mac1
         mfc2 t1, mac2
         mfc2 t2, mac3
         sra t0, t0, 8
         sra t1, t1, 8
         sra t2, t2, 8
         beqz s2, .first
         subu t0, t0, s4
         lw t3, (a3)            ; on top of the parts before
         lw t4, 4(a3)
         lw t5, 8(a3)
         addu t0, t0, t3
         addu t1, t1, t4
         addu t2, t2, t5
.first   sw t0, (a3)
         addiu s6, s6, -1
         blez s6, part_done
         subu t1, t1, s4
         sw t1, 4(a3)
         addiu s6, s6, -1
         blez s6, part_done
         subu t2, t2, s4
         sw t2, 8(a3)
         addiu s6, s6, -1
         addiu a3, a3, 12
         addu s5, s5, s1
         addu s5, s5, s1
         bgtz s6, next_rows
         addu s5, s5, s1
part_done:
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
data_w_halves:
         reserve 0x801f0000-*
data_w_halves_end:
