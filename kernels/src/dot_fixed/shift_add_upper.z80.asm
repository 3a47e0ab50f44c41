; idea: the same code and data in the upper 32 KB, which the ULA does not share: nothing waits for the picture
;
; Moved, and otherwise what shift_add is: what the two differ by is contention alone.

         org $8000
         include "shift_add.z80.inc"
