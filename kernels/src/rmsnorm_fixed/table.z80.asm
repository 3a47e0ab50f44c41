; idea: the inverse root is an entry of a table and a factor of eight bits: two products by shifts and adds for each value
;
; The sum of squares is brought to 64 ... 255 by shifts of two bits, whose number shifts the products. Magnitudes are
; multiplied, by weight and by root, and shifted down, which rounds by the last bit. About 1430 T-states for each value.

most_n = 255

         include "scaled.z80.inc"

         org $8000
size_m:  word 0
size_n:  word 0

run:     ld a,(size_n)
         or a
         ret z
         ld (columns),a
         ld hl,(size_m)
         ld (rows),hl
         ld ix,data_x
         ld iy,data_y
next_row:
         ld hl,(rows)
         ld a,h
         or l
         ret z
         dec hl
         ld (rows),hl
         push ix
         pop de
         ld a,(columns)
         ld b,a
         exx
         ld hl,0                ; c' hl': the sum
         ld c,0
         exx
.square  ld a,(de)              ; 7
         inc de                 ; 6
         or a                   ; 4
         jp p,.positive         ; 10
         neg                    ; 8
.positive
         add a,a                ; 4
         ld l,a                 ; 4
         ld h,squares/256       ; 7
         ld a,(hl)              ; 7
         inc l                  ; 4
         ld h,(hl)              ; 7
         ld l,a                 ; 4
         push hl                ; 11
         exx                    ; 4
         pop de                 ; 10
         add hl,de              ; 11
         jr nc,.no_carry        ; 12/7
         inc c                  ; 4
.no_carry
         exx                    ; 4
         djnz .square           ; 13/8

         exx
         ld b,13                ; what the products are shifted by
.high    ld a,c
         or h
         jr z,.low
         rept 2
         srl c
         rr h
         rr l
         endr
         inc b
         jr .high
.low     ld a,l
         or a
         jr z,.found            ; zeros: entry 0
.up      cp 64
         jr nc,.found
         add a,a
         add a,a
         dec b
         jr .up
.found   ld l,a
         ld h,data_roots_bytes/256
         ld e,(hl)
         inc h
         ld d,(hl)
         ld a,d
         or a
         jr z,.narrow           ; nothing but zeros has such a root
.eight   dec b                  ; to eight bits, the highest of them set
         srl d
         rr e
         inc d
         dec d
         jr nz,.eight
         ld a,e                 ; rounded by the last bit that went out
         adc a,0
         jr nc,.narrow
         rra                    ; 256: half of it
         dec b
.narrow  ld (scale),a
         ld a,b
         ld (shift),a
         exx

         ld a,(columns)
         ld b,a
         ld hl,data_w
.value   push bc                ; 11
         ld c,(hl)              ; 7
         inc hl                 ; 6
         push hl                ; 11
         ld b,(ix+0)            ; 19
         inc ix                 ; 10
         ld a,b                 ; 4
         xor c                  ; 4
         push af                ; 11  its sign
         ld a,b                 ; 4
         or a                   ; 4
         jp p,.x_positive       ; 10
         neg                    ; 8
.x_positive
         ld e,a                 ; 4
         ld d,0                 ; 7
         ld a,c                 ; 4
         or a                   ; 4
         jp p,.w_positive       ; 10
         neg                    ; 8
.w_positive
         ld hl,0                ; 10
         ld b,8                 ; 7
.weight  add hl,hl              ; 11
         add a,a                ; 4
         jr nc,.none            ; 12/7
         add hl,de              ; 11
.none    djnz .weight           ; 13/8
         scaled
         ld e,a                 ; 4
         pop af                 ; 10
         ld a,e                 ; 4
         jp p,.keep             ; 10
         neg                    ; 8
.keep    ld (iy+0),a            ; 19
         inc iy                 ; 10
         pop hl                 ; 10
         pop bc                 ; 10
         dec b                  ; 4
         jp nz,.value           ; 10
         jp next_row

columns: byte 0
rows:    word 0

         align 256
squares: rept 128, i
         word i*i
         endr
data_roots_bytes:
         reserve 4*256
data_roots_bytes_end:
data_w:  reserve 256
data_w_end:
data_y:  reserve $4000
data_y_end:
         assert * <= $fe00
         org $4000              ; where the picture would be
data_x:  reserve $4000
data_x_end:
