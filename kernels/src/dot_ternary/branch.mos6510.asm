; idea: each weight is looked at, and a branch adds its activation, takes it off, or does neither
;
; A row after the other, its sum in 16 bits. About 40 cycles for each weight that is not zero, 21 for a zero.

most_k = 256

weights  = $02
output   = $04
sum      = $06                  ; two bytes
rows     = $08                  ; left to do, two bytes
columns  = $0a

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
         lda size_k
         sta columns

next_row:
         lda rows
         ora rows+1
         bne .one_more
         rts
.one_more
         lda #0
         sta sum
         sta sum+1
         tay
         lda size_k
         ora size_k+1
         beq row_done
next_column:
         lda (weights),y        ; 5+
         beq .next              ; 2/3
         bmi .minus             ; 2/3
         lda data_x,y           ; 4
         bpl .plus              ; 3/2
         dec sum+1              ; 5  the upper byte of a negative activation
.plus    clc                    ; 2
         adc sum                ; 3
         sta sum                ; 3
         bcc .next              ; 3/2
         inc sum+1              ; 5
         jmp .next              ; 3
.minus   lda sum                ; 3
         sec                    ; 2
         sbc data_x,y           ; 4
         sta sum                ; 3
         bcs .high              ; 3/2
         dec sum+1              ; 5
.high    lda data_x,y           ; 4
         bpl .next              ; 3/2
         inc sum+1              ; 5
.next    iny                    ; 2
         cpy columns            ; 3
         bne next_column        ; 3

row_done:
         ldy #0
         lda sum
         sta (output),y
         iny
         lda sum+1
         sta (output),y
         ora #$7f
         bmi .negative
         lda #0
.negative
         iny
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

         align 256
data_x:  reserve 256
data_x_end:
data_y:  reserve 4*512
data_y_end:
data_w:  reserve $d000-*
data_w_end:
