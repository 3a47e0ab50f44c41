; A word of four bytes at a time: a load waits for RAM as long as one of a byte does.

         org 0x80010000
bytes    = 4096
run:     la a0, data_from
         la a1, data_to
         addiu a2, a0, bytes
.word    lw t0, (a0)
         addiu a0, a0, 4
         sw t0, (a1)
         bne a0, a2, .word
         addiu a1, a1, 4
         jr ra
         nop

         align 16
data_from: reserve bytes
data_to: reserve bytes
