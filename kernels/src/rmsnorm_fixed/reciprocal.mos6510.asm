; idea: one division a row gives the inverse root, so a value is divided by multiplying: two products of bytes instead
;
; The inverse is a factor of eight bits with a shift. About 720 cycles for each value; the squares and the root are still
; products by shifts and adds.

         include "shifted.mos6510.inc"

scale    = $13
shift    = $14
t        = $15                  ; three bytes

         macro scale_row
         lda root
         sta divisor
         lsr                    ; half of it, to round
         sta number
         lda #$80
         sta number+1
         lda #0
         sta number+2
         jsr divide             ; 2^15 by the root, 129 to 256
         lda #15
         sec
         sbc doublings
         sta shift
         lda number
         ldx number+1
         beq .narrow
         lda #$80               ; 256: half of it
         dec shift
.narrow  sta scale
         endm

         macro scale_value
         lda scale              ; 3
         sta factor             ; 3
         lda number             ; 3
         jsr multiply           ; 6
         sta t+1                ; 3
         lda low                ; 3
         sta t                  ; 3
         lda number+1           ; 3
         jsr multiply           ; 6
         sta t+2                ; 3
         lda low                ; 3
         clc                    ; 2
         adc t+1                ; 3
         sta t+1                ; 3
         bcc .summed            ; 3/2
         inc t+2                ; 5
.summed  shifted
         endm

         include "rows.mos6510.inc"
