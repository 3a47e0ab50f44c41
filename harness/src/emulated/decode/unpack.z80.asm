; Rows of weights that are -1, 0 or 1 times a power of two come as digits to the base 3, five to a byte, each row from a byte
; of its own on; five tables make bytes of them. About 33 T-states for each weight. The same idea as TQ1_0 of ggml.

         org $8000
size_n:  word 0                 ; rows
size_k:  word 0                 ; columns, 255 at most

run:     ld a,(size_k)
         ld b,-1
.five    inc b
         sub 5
         jr nc,.five
         add a,5
         ld c,a                 ; b: whole bytes of a row, c: what is left
         ld (columns),bc
         ld ix,data_packed
         ld de,data_w
         ld hl,(size_n)
next_row:
         ld a,h
         or l
         ret z
         dec hl
         push hl
         ld bc,(columns)
         inc b
         jr .more
.byte    ld l,(ix+0)            ; 19
         inc ix                 ; 10
         ld h,data_digits/256   ; 7
         rept 4
         ld a,(hl)              ; 7
         ld (de),a              ; 7
         inc de                 ; 6
         inc h                  ; 4
         endr
         ld a,(hl)              ; 7
         ld (de),a              ; 7
         inc de                 ; 6
.more    djnz .byte             ; 13/8
         ld a,c
         or a
         jr z,.row_done
         ld b,c
         ld l,(ix+0)
         inc ix
         ld h,data_digits/256
.digit   ld a,(hl)
         ld (de),a
         inc de
         inc h
         djnz .digit
.row_done
         pop hl
         jr next_row

columns: word 0

         align 256
data_digits:
         reserve 5*256
data_digits_end:
data_packed:
         reserve 4096
data_packed_end:
data_w:  reserve $fe00-*
data_w_end:
