; idea: a row is two lists of columns, those of its ones and of its minus ones: zeros cost nothing, and nothing is decided
;
; Activations plus 127 are positive, so the low byte of a sum stays in a and only carries reach the upper one. About 19
; cycles for each entry.

most_k = 255

list     = $02
output   = $04
high     = $06                  ; of a sum
plus     = $07                  ; the sum of the ones, two bytes
count    = $09                  ; entries
ones     = $0a
rows     = $0c                  ; left to do, two bytes

         org $0800
size_n:  word 0
size_k:  word 0

run:     ldx #0
.bias    lda data_x,x
         clc
         adc #127
         sta activations,x
         inx
         bne .bias
         lda #<data_w_lists
         sta list
         lda #>data_w_lists
         sta list+1
         lda #<data_y
         sta output
         lda #>data_y
         sta output+1
         lda size_n
         sta rows
         lda size_n+1
         sta rows+1

next_row:
         lda rows
         ora rows+1
         bne .one_more
         rts
.one_more
         jsr sum_of_list
         sta plus
         lda high
         sta plus+1
         lda count
         sta ones
         jsr sum_of_list
         ; plus - this - 127 (ones - count), which is plus - this - 128 d + d for a difference of d counts
         sta .minus+1
         lda plus
         sec
.minus   sbc #0
         sta plus
         lda plus+1
         sbc high
         sta plus+1
         ldx #0
         sec
         lda ones
         sbc count
         bcs .more_ones
         dex                    ; d is negative: its upper bytes
.more_ones
         tay
         clc
         adc plus               ; + d
         sta plus
         txa
         adc plus+1
         sta plus+1
         tya                    ; 128 d: d by a byte to the left and a bit to the right
         stx high
         lsr high               ; the sign's bit
         ror
         sta high
         lda #0
         ror
         sta .low+1
         lda plus
         sec
.low     sbc #0
         ldy #0
         sta (output),y
         iny
         lda plus+1
         sbc high
         sta (output),y
         iny
         ora #$7f
         bmi .negative
         lda #0
.negative
         sta (output),y
         iny
         sta (output),y
         clc
         lda output
         adc #4
         sta output
         bcc .same_page
         inc output+1
.same_page
         lda rows
         bne .few
         dec rows+1
.few     dec rows
         jmp next_row

; The sum of a list's activations: its low byte in a, the upper one in high. The list after it is next.
sum_of_list:
         ldy #0
         sty high
         lda (list),y
         sta count
         inc list
         bne .same
         inc list+1
.same    tax
         beq .empty
         lda list
         sta .next+1
         lda list+1
         sta .next+2
         tya
         clc
.next    ldx $ffff,y            ; 4+ a column
         adc activations,x      ; 4
         bcc .no_carry          ; 3/2
         inc high               ; 5
         clc                    ; 2
.no_carry
         iny                    ; 2
         cpy count              ; 3
         bne .next              ; 3
         tax
         clc
         tya
         adc list
         sta list
         bcc .here
         inc list+1
.here    txa
         rts
.empty   lda #0
         rts

         align 256
activations:
         reserve 256
data_x:  reserve 256
data_x_end:
data_y:  reserve 4*512
data_y_end:
data_w_lists:
         reserve $d000-*
data_w_lists_end:
