; A byte at a time through the accumulator, the count in two registers: 52 T-states a byte.

         org $8000
bytes    = 4096

run:     ld hl,data_from
         ld de,data_to
         ld bc,bytes
.byte    ld a,(hl)              ; 7
         ld (de),a              ; 7
         inc hl                 ; 6
         inc de                 ; 6
         dec bc                 ; 6
         ld a,b                 ; 4
         or c                   ; 4
         jr nz,.byte            ; 12
         ret

data_from: reserve bytes
data_to: reserve bytes
