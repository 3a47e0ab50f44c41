; Rows of weights that are -1, 0 or 1 times a power of two come as digits to the base 3, five to a byte, each row from a byte
; of its own on; five tables make bytes of them. About 19 cycles for each weight. The same idea as TQ1_0 of ggml.

from     = $02
to       = $04
rows     = $06                  ; left to do, two bytes
whole    = $08                  ; bytes of a row
rest     = $09                  ; digits after them
left     = $0a

         org $0800
size_n:  word 0                 ; rows
size_k:  word 0                 ; columns, 255 at most

run:     lda #<data_packed
         sta from
         lda #>data_packed
         sta from+1
         lda #<data_w
         sta to
         lda #>data_w
         sta to+1
         lda size_n
         sta rows
         lda size_n+1
         sta rows+1
         lda size_k
         ldx #$ff
         sec
.five    inx
         sbc #5
         bcs .five
         adc #5
         sta rest
         stx whole

next_row:
         lda rows
         ora rows+1
         bne .one_more
         rts
.one_more
         lda whole
         sta left
         beq .whole_done
.byte    ldy #0                 ; 2
         lda (from),y           ; 5
         tax                    ; 2
         inc from               ; 5
         bne .same              ; 3
         inc from+1
.same
         rept 5, i
         lda data_digits+256*{i},x ; 4
         sta (to),y             ; 6
         iny                    ; 2
         endr
         clc                    ; 2
         tya                    ; 2
         adc to                 ; 3
         sta to                 ; 3
         bcc .here              ; 3/2
         inc to+1               ; 5
.here    dec left               ; 5
         bne .byte              ; 3
.whole_done
         lda rest
         beq .row_done
         ldy #0
         lda (from),y
         tax
         inc from
         bne .still
         inc from+1
.still
         rept 4, i
         lda data_digits+256*{i},x
         sta (to),y
         iny
         cpy rest
         beq .digits_done
         endr
.digits_done
         clc
         tya
         adc to
         sta to
         bcc .row_done
         inc to+1
.row_done
         lda rows
         bne .few
         dec rows+1
.few     dec rows
         jmp next_row

         align 256
data_digits:
         reserve 5*256
data_digits_end:
data_packed:
         reserve 4096
data_packed_end:
data_w:  reserve $d000-*
data_w_end:
