; idea: no multiplier: the magnitudes are multiplied by eight shifts and adds, and the product gets its sign back
;
; A row after the other, its sum in 24 bits in the zero page. About 250 cycles for each weight, 160 of them in the eight
; shifts. Cycles stand behind the instructions: 2/3 is not taken/taken.

most_k = 256

weights  = $02                  ; pointer into the row
output   = $04                  ; pointer to the sum that is next
sum      = $06                  ; three bytes
sign     = $09
multiplier = $0a                ; becomes the product's low byte
multiplicand = $0b
rows     = $0c                  ; left to do, two bytes
column   = $0e

         org $0800
size_n:  word 0
size_k:  word 0

run:     lda #<data_w
         sta weights
         lda #>data_w
         sta weights+1
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
         lda #0
         sta sum
         sta sum+1
         sta sum+2
         lda size_k
         ora size_k+1
         beq row_done
         ldy #0
next_column:
         sty column             ; 3
         lda data_x,y           ; 4
         sta sign               ; 3
         bpl .x_positive        ; 2/3
         eor #$ff               ; 2
         clc                    ; 2
         adc #1                 ; 2
.x_positive
         sta multiplicand       ; 3
         lda (weights),y        ; 5+
         tay                    ; 2
         eor sign               ; 3
         sta sign               ; 3  bit 7: the product is negative
         tya                    ; 2
         bpl .w_positive        ; 2/3
         eor #$ff               ; 2
         clc                    ; 2
         adc #1                 ; 2
.w_positive
         sta multiplier         ; 3
         jsr multiply           ; 6 + about 150
         bit sign               ; 3
         bmi .subtract          ; 2/3
         tay                    ; 2  the high byte
         clc                    ; 2
         lda sum                ; 3
         adc multiplier         ; 3
         sta sum                ; 3
         tya                    ; 2
         adc sum+1              ; 3
         sta sum+1              ; 3
         bcc .added             ; 3/2
         inc sum+2              ; 5
         jmp .added             ; 3
.subtract
         sta multiplicand       ; 3
         sec                    ; 2
         lda sum                ; 3
         sbc multiplier         ; 3
         sta sum                ; 3
         lda sum+1              ; 3
         sbc multiplicand       ; 3
         sta sum+1              ; 3
         bcs .added             ; 3/2
         dec sum+2              ; 5
.added
         ldy column             ; 3
         iny                    ; 2
         cpy size_k             ; 4  256 columns are 0 here, which the counter meets after 255
         bne next_column        ; 3

row_done:
         ldy #0
         lda sum
         sta (output),y
         iny
         lda sum+1
         sta (output),y
         iny
         lda sum+2
         sta (output),y
         iny
         and #$80               ; the fourth byte repeats the sign
         beq .positive
         lda #$ff
.positive
         sta (output),y
         clc
         lda output
         adc #4
         sta output
         bcc .same_page
         inc output+1
.same_page
         clc
         lda weights
         adc size_k
         sta weights
         lda weights+1
         adc size_k+1
         sta weights+1
         lda rows
         bne .low
         dec rows+1
.low     dec rows
         jmp next_row

; multiplier times multiplicand: the low byte in multiplier, the high one in a
multiply:
         lda #0                 ; 2
         ldx #8                 ; 2
         lsr multiplier         ; 5  a bit falls out
.bit     bcc .zero              ; 2/3
         clc                    ; 2
         adc multiplicand       ; 3
.zero    ror                    ; 2
         ror multiplier         ; 5  the product moves in from above
         dex                    ; 2
         bne .bit               ; 3
         rts                    ; 6

         align 256
data_x:  reserve 256
data_x_end:
data_y:  reserve 4*512
data_y_end:
data_w:  reserve $d000-*
data_w_end:
