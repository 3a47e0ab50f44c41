; idea: one division a row gives the inverse root, so a value is divided by multiplying: eight steps instead of 24
;
; The inverse is a factor of eight bits with a shift. About 1460 T-states for each value; the squares and the root are
; still products by shifts and adds.

         include "scaled.z80.inc"

         macro scale_row
         ld e,a
         srl a                  ; half of it, to round
         ld l,a
         ld h,$80
         ld c,0
         call divide            ; 2^15 by the root, 129 to 256
         ld a,(doublings)
         ld b,a
         ld a,15
         sub b
         dec h
         jr nz,.narrow
         ld l,$80               ; 256: half of it
         dec a
.narrow  ld (shift),a
         ld a,l
         ld (scale),a
         endm

         macro scale_value
         scaled
         endm

         include "rows.z80.inc"
