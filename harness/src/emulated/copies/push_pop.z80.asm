; The stack pointer walks through the source and then backwards through the target: POP takes 10 T-states for two bytes and
; PUSH 11, and eight pairs of registers are moved at once, each block with its own addresses.

         org $8000
bytes    = 4096

run:     ld (saved),sp
         rept bytes/16, i
         ld sp,data_from+16*{i}  ; 10
         pop af                 ; 10
         pop bc                 ; 10
         pop de                 ; 10
         pop hl                 ; 10
         exx                    ; 4
         pop bc                 ; 10
         pop de                 ; 10
         pop hl                 ; 10
         pop ix                 ; 14
         ld sp,data_to+16*{i}+16 ; 10
         push ix                ; 15
         push hl                ; 11
         push de                ; 11
         push bc                ; 11
         exx                    ; 4
         push hl                ; 11
         push de                ; 11
         push bc                ; 11
         push af                ; 11
         endr
         ld sp,(saved)
         ret
saved:   word 0

data_from: reserve bytes
data_to: reserve bytes
