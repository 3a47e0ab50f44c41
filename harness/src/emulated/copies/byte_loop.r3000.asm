; A byte at a time.

         org 0x80010000
bytes    = 4096
run:     la a0, data_from
         la a1, data_to
         addiu a2, a0, bytes
.byte    lbu t0, (a0)
         addiu a0, a0, 1
         sb t0, (a1)
         bne a0, a2, .byte
         addiu a1, a1, 1
         jr ra
         nop

         align 16
data_from: reserve bytes
data_to: reserve bytes
