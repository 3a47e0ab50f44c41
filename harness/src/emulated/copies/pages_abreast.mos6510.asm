; One index serves all sixteen pages: a load and a store with their addresses in the code, 9.3 cycles a byte.

         org $0800
bytes    = 4096
run:     ldx #0
.byte
         rept bytes/256, i
         lda data_from+256*{i},x ; 4
         sta data_to+256*{i},x  ; 5
         endr
         inx                    ; 2
         beq .done              ; 2
         jmp .byte              ; 3
.done    rts

         align 256
data_from: reserve bytes
data_to: reserve bytes
