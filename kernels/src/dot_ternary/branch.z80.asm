; idea: each weight is looked at, and a branch adds its activation, takes it off, or does neither
;
; A row after the other, its sum in hl. About 138 T-states for each weight that is not zero, 52 for a zero. T-states stand
; behind the instructions, 12/7 is taken/not taken.

most_k = 256

         org $8000
size_n:  word 0
size_k:  word 0

run:     ld ix,data_y
         ld de,data_w
         ld bc,(size_n)
next_row:
         ld a,b
         or c
         ret z
         push bc
         ld hl,0                ; the sum
         ld bc,(size_k)
         ld a,b
         or c
         jr z,row_done
         ld b,c                 ; 256 is 0 and counts as 256
         ld iy,data_x
next_column:
         ld a,(de)              ; 7
         inc de                 ; 6
         or a                   ; 4
         jr z,.next             ; 12/7
         jp m,.minus            ; 10
         ld c,(iy+0)            ; 19
         push de                ; 11
         ld e,c                 ; 4
         ld a,c                 ; 4
         rla                    ; 4
         sbc a,a                ; 4
         ld d,a                 ; 4
         add hl,de              ; 11
         pop de                 ; 10
         jr .next               ; 12
.minus   ld c,(iy+0)            ; 19
         push de                ; 11
         ld e,c                 ; 4
         ld a,c                 ; 4
         rla                    ; 4
         sbc a,a                ; 4
         ld d,a                 ; 4
         or a                   ; 4
         sbc hl,de              ; 15
         pop de                 ; 10
.next    inc iy                 ; 10
         djnz next_column       ; 13/8

row_done:
         ld (ix+0),l
         ld (ix+1),h
         ld a,h
         rla
         sbc a,a                ; two bytes repeat the sign
         ld (ix+2),a
         ld (ix+3),a
         ld bc,4
         add ix,bc
         pop bc
         dec bc
         jr next_row

data_x:  reserve 256
data_x_end:
data_y:  reserve 4*256
data_y_end:
data_w:  reserve $fe00-*
data_w_end:
