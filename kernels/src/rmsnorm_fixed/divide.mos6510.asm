; idea: the definition in whole numbers: products by shifts and adds, a square root bit by bit, a division for each value
;
; The mean of the squares has 16 bits and its root eight; each product is doubled as often as the root was before it is
; divided. About 1070 cycles for each value, 750 of them for the division.

         macro scale_row
         lda root
         sta divisor
         endm

         macro scale_value
         lda #0                 ; 2
         sta number+2           ; 3
         ldx doublings          ; 3
.double  asl number             ; 5
         rol number+1           ; 5
         rol number+2           ; 5
         dex                    ; 2
         bne .double            ; 3
         lda root               ; 3   half of it, to round
         lsr                    ; 2
         clc                    ; 2
         adc number             ; 3
         sta number             ; 3
         bcc .rounded           ; 3/2
         inc number+1           ; 5
         bne .rounded           ; 3
         inc number+2           ; 5
.rounded jsr divide             ; 6
         lda number+1           ; 3
         ora number+2           ; 3
         bne .most              ; 2
         lda number             ; 3
         bpl .byte              ; 3
.most    lda #127
.byte
         endm

         include "rows.mos6510.inc"
