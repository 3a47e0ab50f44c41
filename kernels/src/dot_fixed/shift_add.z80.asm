; idea: no multiplier: eight times the product is doubled and, where the weight has a one, the activation added
;
; Textbook code where a beginner puts it, right behind BASIC: below $8000, in the memory that the ULA shares, so that it
; waits whenever a line of the picture is drawn. T-states stand behind the instructions, 12/7 is taken/not taken.

         org $6000
size_n:  word 0
size_k:  word 0

run:     ld ix,data_w
         ld iy,data_y
         ld bc,(size_n)
next_row:
         ld a,b
         or c
         ret z
         push bc
         exx
         ld hl,0                ; hl' de': the sum, low and high
         ld de,0
         exx
         ld hl,data_x
         ld bc,(size_k)
next_column:
         ld a,b                 ; 4
         or c                   ; 4
         jr z,row_done          ; 12/7
         push bc                ; 11
         ld a,(hl)              ; 7
         inc hl                 ; 6
         push hl                ; 11
         ld e,a                 ; 4   de: the activation
         rla                    ; 4
         sbc a,a                ; 4
         ld d,a                 ; 4
         ld a,(ix+0)            ; 19  the weight
         inc ix                 ; 10
         ld c,a                 ; 4
         ld hl,0                ; 10
         ld b,8                 ; 7
.bit     add hl,hl              ; 11
         add a,a                ; 4   the next bit falls out
         jr nc,.zero            ; 12/7
         add hl,de              ; 11
.zero    djnz .bit              ; 13/8
         bit 7,c                ; 8   the first bit counts -128, not 128:
         jr z,.positive         ; 12/7
         ld a,h                 ; 4   256 activations too many
         sub e                  ; 4
         ld h,a                 ; 4
.positive
         push hl                ; 11
         exx                    ; 4
         pop bc                 ; 10
         add hl,bc              ; 11
         jr nc,.no_carry        ; 12/7
         inc de                 ; 6
.no_carry
         bit 7,b                ; 8   the product's sign, for the upper half
         jr z,.added            ; 12/7
         dec de                 ; 6
.added   exx                    ; 4
         pop hl                 ; 10
         pop bc                 ; 10
         dec bc                 ; 6
         jr next_column         ; 12

row_done:
         exx
         ld (iy+0),l
         ld (iy+1),h
         ld (iy+2),e
         ld (iy+3),d
         exx
         ld bc,4
         add iy,bc
         pop bc
         dec bc
         jr next_row

data_x:  reserve 2560
data_x_end:
data_y:  reserve 4*256
data_y_end:
data_w:  reserve $fe00-*
data_w_end:
