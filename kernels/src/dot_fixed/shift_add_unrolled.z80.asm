; idea: the eight steps of a product stand one after the other, and the first only decides what the product begins with
;
; T-states stand behind the instructions, 12/7 is taken/not taken.

         org $8000
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
         inc b                  ; two counters of eight bits, the outer one in b
         inc c
         jr check
next_column:
         ld a,(hl)              ; 7
         inc hl                 ; 6
         push hl                ; 11
         ld e,a                 ; 4   de: the activation
         rla                    ; 4
         sbc a,a                ; 4
         ld d,a                 ; 4
         ld hl,0                ; 10
         ld a,(ix+0)            ; 19  the weight
         inc ix                 ; 10
         add a,a                ; 4   its first bit counts -128
         jr nc,.first           ; 12/7
         sbc hl,de              ; 15  and makes its carry a borrow: one too much
         inc hl                 ; 6
.first
         rept 7
         add hl,hl              ; 11
         add a,a                ; 4
         jr nc,.zero            ; 12/7
         add hl,de              ; 11
.zero
         endr
         ld a,h                 ; 4
         push hl                ; 11
         exx                    ; 4
         pop bc                 ; 10
         add hl,bc              ; 11
         jr nc,.no_carry        ; 12/7
         inc de                 ; 6
.no_carry
         add a,a                ; 4   the product's sign, for the upper half
         jr nc,.added           ; 12/7
         dec de                 ; 6
.added   exx                    ; 4
         pop hl                 ; 10
check:   dec c                  ; 4
         jp nz,next_column      ; 10
         djnz next_column_256   ; 13/8

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
next_column_256:
         jp next_column         ; c is 0 and counts 256

data_x:  reserve 2560
data_x_end:
data_y:  reserve 4*256
data_y_end:
data_w:  reserve $fe00-*
data_w_end:
