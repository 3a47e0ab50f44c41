; Eight words at a time: the loop's counting is shared, and stores go out by the write queue beside the next loads.

         org 0x80010000
bytes    = 4096
run:     la a0, data_from
         la a1, data_to
         addiu a2, a0, bytes
.words   lw t0, (a0)
         lw t1, 4(a0)
         rept 3, i
         sw t0, 8*{i}(a1)
         lw t0, 8*{i}+8(a0)
         sw t1, 8*{i}+4(a1)
         lw t1, 8*{i}+12(a0)
         endr
         addiu a0, a0, 32
         sw t0, 24(a1)
         sw t1, 28(a1)
         bne a0, a2, .words
         addiu a1, a1, 32
         jr ra
         nop

         align 16
data_from: reserve bytes
data_to: reserve bytes
