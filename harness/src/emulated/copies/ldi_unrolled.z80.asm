; LDI does not repeat, which takes 5 T-states of LDIR's 21: 32 of them stand one after the other.

         org $8000
bytes    = 4096

run:     ld hl,data_from
         ld de,data_to
         ld bc,bytes
.more    rept 32
         ldi                    ; 16
         endr
         jp pe,.more            ; 10  until bc is zero
         ret

data_from: reserve bytes
data_to: reserve bytes
