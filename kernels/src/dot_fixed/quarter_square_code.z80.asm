; idea: the activations stand in the code as constants, set once for all rows; weights come off the stack two at a time
;
; One copy of the code for each column, entered where as many columns are left as the row has. The stack pointer walks
; the weights, for which interrupts must be off. The second square is kept as 16384 minus itself, so that every term is
; positive and a carry is all that the upper half of the sum needs. About 150 T-states for each weight.

most_k = 256
pair_bytes = two_columns_end-two_columns

         org $8000
size_n:  word 0
size_k:  word 0

run:     ld (stack),sp
         ld hl,(size_n)
         ld a,h
         or l
         ret z
         ld hl,(size_k)
         ld a,h
         or l
         jp z,no_columns

; The activations into the code, the last column first: 141 T-states for each.
         ld b,l                 ; columns left, 256 as 0
         ld de,data_x_biased-1
         add hl,de              ; the last activation
         ld de,columns_end-pair_bytes+(second_activation-two_columns)
next_pair:
         call set_column
         dec b
         jr z,odd
         push hl
         ld hl,first_activation-second_activation
         add hl,de
         ex de,hl
         pop hl
         call set_column
         push hl
         ld hl,second_activation-first_activation-pair_bytes
         add hl,de
         ex de,hl
         pop hl
         djnz next_pair

; Where the code is entered: with an even number of columns at a pair, with an odd one in the middle of it, after a byte
; was fetched whose low half belongs to the row before.
         ld hl,-(second_activation-two_columns)
         add hl,de              ; the pair before the first, less ...
         ld de,pair_bytes
         add hl,de
         ld (enter+1),hl
         ld hl,$0018            ; jr to what follows
         jr ready
odd:     ld hl,second_column-second_activation
         add hl,de
         ld (enter+1),hl
         ld hl,$c13b            ; dec sp, pop bc

ready:   ld (adjust),hl
         ld hl,(size_k)         ; what the sum is too large by: 16384 k
         ld a,l
         rrca
         rrca
         and $c0
         ld (too_much+1),a      ; the second byte
         srl h
         rr l
         srl h
         rr l
         ld a,l
         ld (too_much_high+1),a ; the third one
         ld iy,data_y
         ld hl,(size_n)
         ld (rows),hl
         ld sp,data_w_biased
next_row:
         exx
         ld hl,0                ; bc' hl': the sum
         ld bc,0
         exx
adjust:  word 0                 ; 16 or 12
enter:   jp 0                   ; 10

columns:
         rept 128, i
         if i == 0
two_columns:
         endif
         pop bc                 ; 10  two weights
         ld a,c                 ; 4   w + 128
         if i == 0
first_activation = *+1
         endif
         add a,0                ; 7   the activation: w + x + 255
         ld l,a                 ; 4
         ld h,squares/512       ; 7
         rl h                   ; 8   the page, and the carry
         ld a,c                 ; 4
         add a,0                ; 7   127 - x: w - x + 255
         ld e,a                 ; 4
         ld d,rests/512         ; 7
         rl d                   ; 8
         ld a,(de)              ; 7
         add a,(hl)             ; 7
         exx                    ; 4
         ld e,a                 ; 4
         exx                    ; 4
         inc d                  ; 4   the high bytes are two pages on
         inc d                  ; 4
         inc h                  ; 4
         inc h                  ; 4
         ld a,(de)              ; 7
         adc a,(hl)             ; 7
         exx                    ; 4
         ld d,a                 ; 4   16384 and the product
         add hl,de              ; 11
         jr nc,.first           ; 12/7
         inc bc                 ; 6
.first   exx                    ; 4
         if i == 0
second_column:
         endif
         ld a,b                 ; 4
         if i == 0
second_activation = *+1
         endif
         add a,0                ; 7
         ld l,a                 ; 4
         ld h,squares/512       ; 7
         rl h                   ; 8
         ld a,b                 ; 4
         add a,0                ; 7
         ld e,a                 ; 4
         ld d,rests/512         ; 7
         rl d                   ; 8
         ld a,(de)              ; 7
         add a,(hl)             ; 7
         exx                    ; 4
         ld e,a                 ; 4
         exx                    ; 4
         inc d                  ; 4
         inc d                  ; 4
         inc h                  ; 4
         inc h                  ; 4
         ld a,(de)              ; 7
         adc a,(hl)             ; 7
         exx                    ; 4
         ld d,a                 ; 4
         add hl,de              ; 11
         jr nc,.second          ; 12/7
         inc bc                 ; 6
.second  exx                    ; 4
         if i == 0
two_columns_end:
         endif
         endr
columns_end:

         exx
         ld a,l
         ld (iy+0),a
         ld a,h
too_much:
         sub 0
         ld (iy+1),a
         ld a,c
too_much_high:
         sbc a,0
         ld (iy+2),a
         sbc a,a                ; the fourth byte repeats the sign
         ld (iy+3),a
         ld bc,4
         add iy,bc
         ld hl,(rows)
         dec hl
         ld (rows),hl
         ld a,h
         or l
         jp nz,next_row
         ld sp,(stack)
         ret

; x + 127 from (hl) into the code at (de), and its complement 10 bytes on
set_column:
         ld a,(hl)
         dec hl
         ld (de),a
         cpl                    ; 255 - (x + 127)
         dec a                  ; 127 - x
         push hl
         ld hl,8
         add hl,de
         ld (hl),a
         pop hl
         ret

no_columns:
         ld hl,(size_n)
         add hl,hl
         add hl,hl
         ld b,h
         ld c,l
         ld hl,data_y
clear:   ld (hl),0
         inc hl
         dec bc
         ld a,b
         or c
         jr nz,clear
         ret

stack:   word 0
rows:    word 0

         align 512
squares: rept 512, i            ; low bytes
         byte <(i-255)*(i-255)/4
         endr
         rept 512, i            ; high bytes
         byte >(i-255)*(i-255)/4
         endr
rests:   rept 512, i
         byte <16384-(i-255)*(i-255)/4
         endr
         rept 512, i
         byte >16384-(i-255)*(i-255)/4
         endr
data_x_biased:
         reserve 256
data_x_biased_end:
data_y:  reserve 4*256
data_y_end:
data_w_biased:
         reserve $fe00-*
data_w_biased_end:
