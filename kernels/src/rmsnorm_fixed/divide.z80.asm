; idea: the definition in whole numbers: products by shifts and adds, a square root bit by bit, a division for each value
;
; The mean of the squares has 16 bits and its root eight; each product is doubled as often as the root was before it is
; divided. About 2320 T-states for each value, 1500 of them for the division.

         macro scale_row
         ld (root),a
         endm

         macro scale_value
         ld a,(doublings)       ; 13
         ld b,a                 ; 4
         ld c,0                 ; 7
.double  add hl,hl              ; 11
         rl c                   ; 8
         djnz .double           ; 13/8
root =   *+1
         ld e,0                 ; 7
         ld a,e                 ; 4   half of it, to round
         srl a                  ; 8
         add a,l                ; 4
         ld l,a                 ; 4
         jr nc,.rounded         ; 12/7
         inc h                  ; 4
         jr nz,.rounded         ; 12/7
         inc c                  ; 4
.rounded call divide            ; 17
         ld a,c                 ; 4
         or h                   ; 4
         jr nz,.most            ; 12/7
         ld a,l                 ; 4
         or a                   ; 4
         jp p,.byte             ; 10
.most    ld a,127               ; 7
.byte
         endm

         include "rows.z80.inc"
