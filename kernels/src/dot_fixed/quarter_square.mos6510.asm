; idea: a product is the difference of two quarter squares, (w + x)^2 / 4 - (w - x)^2 / 4, from tables in pages
;
; A row after the other. The activation's byte becomes the low byte of four pointers into the tables, the weight their
; index: two loads and two subtractions make sixteen bits. About 86 cycles for each weight. Tables that begin inside a page
; cost a cycle more where the index leaves it, half of the time: 5+ below.

most_k = 256

weights  = $02                  ; pointer into the row
output   = $04                  ; pointer to the sum that is next
sum      = $06                  ; three bytes
column   = $09
columns  = $0a
bias     = 16383                ; with the carry that a subtraction without borrow leaves, 16384 for each product
rows     = $0c                  ; left to do, two bytes
p_sum_low  = $10
p_sum_high = $12
p_difference_low  = $14
p_difference_high = $16

         org $0800
size_n:  word 0
size_k:  word 0

run:     lda #<data_w_biased
         sta weights
         lda #>data_w_biased
         sta weights+1
         lda #<data_y
         sta output
         lda #>data_y
         sta output+1
         lda size_n
         sta rows
         lda size_n+1
         sta rows+1
         lda size_k
         sta columns
         lda #>sum_low
         sta p_sum_low+1
         lda #>sum_high
         sta p_sum_high+1
         lda #>difference_low
         sta p_difference_low+1
         lda #>difference_high
         sta p_difference_high+1

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
         tay
         lda size_k
         ora size_k+1
         beq row_done
next_column:
         lda data_x_biased,y    ; 4
         sta p_sum_low          ; 3
         sta p_sum_high         ; 3
         eor #$ff               ; 2
         sta p_difference_low   ; 3
         sta p_difference_high  ; 3
         lda (weights),y        ; 5+
         sty column             ; 3
         tay                    ; 2
         lda (p_sum_low),y      ; 5+
         sec                    ; 2
         sbc (p_difference_low),y ; 5+
         tax                    ; 2
         lda (p_sum_high),y     ; 5+
         sbc (p_difference_high),y ; 5+  leaves the carry set
         tay                    ; 2
         txa                    ; 2
         adc sum                ; 3
         sta sum                ; 3
         tya                    ; 2
         adc sum+1              ; 3
         sta sum+1              ; 3
         bcc .added             ; 3/2
         inc sum+2              ; 5
.added   ldy column             ; 3
         iny                    ; 2
         cpy columns            ; 3
         bne next_column        ; 3

row_done:                       ; 16384 for each column comes off: the count goes to bit 14
         lda size_k+1           ; 256 columns or fewer
         lsr
         lda size_k
         ror
         sta column             ; the count halved
         lda size_k
         and #3
         lsr
         ror
         ror                    ; its two lowest bits at the top of a byte
         tax
         lda column
         lsr
         sta column
         stx rows_bits
         ldy #0
         lda sum
         sta (output),y
         iny
         lda sum+1
         sec
         sbc rows_bits
         sta (output),y
         iny
         lda sum+2
         sbc column
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
rows_bits: byte 0

         include "quarter_squares.mos6510.inc"

data_x_biased:
         reserve 256
data_x_biased_end:
data_y:  reserve 4*512
data_y_end:
data_w_biased:
         reserve $d000-*
data_w_biased_end:
