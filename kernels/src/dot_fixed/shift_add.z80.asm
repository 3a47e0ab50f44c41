; idea: no multiplier: eight times the product is doubled and, where the weight has a one, the activation added
;
; Textbook code where a beginner puts it, right behind BASIC: below $8000, in the memory that the ULA shares, so that it
; waits whenever a line of the picture is drawn.

         org $6000
         include "shift_add.z80.inc"
