; idea: a product is the difference of two quarter squares, (w + x)^2 / 4 - (w - x)^2 / 4, from a table laid out in pages
;
; The biased weight and activation add up to a table's index of nine bits: eight are the low byte of its address, the
; carry is the last bit of the page. About 215 T-states for each weight.

most_k = 256

         org $8000
size_n:  word 0
size_k:  word 0

run:     ld hl,data_y
         ld (output),hl
         ld de,data_w_biased
         ld bc,(size_n)
next_row:
         ld a,b
         or c
         ret z
         push bc
         ld ix,0                ; the sum: ix, and above it iyl
         ld iyl,0
         ld hl,(size_k)
         ld a,h
         or l
         jr z,row_done
         ld b,l                 ; 256 is 0 and counts as 256
         ld hl,data_x_biased
next_column:
         ld a,(de)              ; 7   w + 128
         inc de                 ; 6
         ld c,a                 ; 4
         add a,(hl)             ; 7   w + x + 255
         exx                    ; 4
         ld l,a                 ; 4
         ld h,squares/512       ; 7
         rl h                   ; 8   the page, and the carry
         exx                    ; 4
         ld a,254               ; 7
         sub (hl)               ; 7   127 - x
         inc hl                 ; 6
         add a,c                ; 4   w - x + 255
         exx                    ; 4
         ld e,a                 ; 4
         ld d,squares/512       ; 7
         rl d                   ; 8
         ld a,(hl)              ; 7
         ex de,hl               ; 4
         sub (hl)               ; 7
         ld c,a                 ; 4   bc: the product
         inc d                  ; 4   its high bytes are two pages on
         inc d                  ; 4
         inc h                  ; 4
         inc h                  ; 4
         ld a,(de)              ; 7
         sbc a,(hl)             ; 7
         ld b,a                 ; 4
         add a,a                ; 4
         sbc a,a                ; 4   its sign
         add ix,bc              ; 15
         adc a,iyl              ; 8
         ld iyl,a               ; 8
         exx                    ; 4
         djnz next_column       ; 13/8

row_done:
         ld hl,(output)
         ld a,ixl
         ld (hl),a
         inc hl
         ld a,ixh
         ld (hl),a
         inc hl
         ld a,iyl
         ld (hl),a
         inc hl
         rla
         sbc a,a                ; the fourth byte repeats the sign
         ld (hl),a
         inc hl
         ld (output),hl
         pop bc
         dec bc
         jr next_row

output:  word 0

         align 512
squares: rept 512, i            ; low bytes
         byte <(i-255)*(i-255)/4
         endr
         rept 512, i            ; high bytes
         byte >(i-255)*(i-255)/4
         endr
data_x_biased:
         reserve 256
data_x_biased_end:
data_y:  reserve 4*256
data_y_end:
data_w_biased:
         reserve $fe00-*
data_w_biased_end:
