; idea: a column of weights meets one activation, which is written into the code: its four tables and the column are constants
;
; y += x w, a column after the other: where the tables begin changes once in a column and not for each weight. The sums lie
; in three pages by their bytes. Four rows to a turn of the loop. About 58 cycles for each weight.

most_n = 252
most_k = 256
bias   = 16384

columns  = $02                  ; left to do, two bytes
low      = $04                  ; of a product
at       = $05                  ; the activation's place
turns    = $06                  ; rows, to a multiple of four
output   = $08
rows     = $0a

         org $0800
size_n:  word 0
size_k:  word 0

run:     lda size_n
         bne .some
         rts
.some    clc
         adc #3
         and #$fc
         sta turns
         ldy #0                 ; sums begin at zero
         tya
.clear   sta sums_low,y
         sta sums_middle,y
         sta sums_high,y
         iny
         bne .clear
         sty at
         lda size_k
         sta columns
         lda size_k+1
         sta columns+1
         ; Rows count down to 1, so every base is one less: where the column begins.
         ldx #<(data_w_biased_columns-1)
         ldy #>(data_w_biased_columns-1)

next_column:
         lda columns
         ora columns+1
         bne .one_more
         jmp finish
.one_more
         rept 4, u
         stx weights{u}+1       ; 4
         sty weights{u}+2       ; 4
         txa                    ; 2  the next one's is one less
         bne .same{u}           ; 3
         dey
.same{u} dex                    ; 2
         endr
         ldx at
         inc at
         lda data_x_biased,x
         rept 4, u
         sta sum_low{u}+1       ; 4
         sta sum_high{u}+1      ; 4
         endr
         eor #$ff
         rept 4, u
         sta difference_low{u}+1  ; 4
         sta difference_high{u}+1 ; 4
         endr
         ldy turns
         clc
next_rows:
         rept 4, u
weights{u}:
         ldx $ffff,y            ; 4+
sum_low{u}:
         lda sum_low,x          ; 4+
difference_low{u}:
         sbc difference_low,x   ; 4+  one too many, as the carry is clear: the bias has it
         sta low                ; 3
sum_high{u}:
         lda sum_high,x         ; 4+
difference_high{u}:
         sbc difference_high,x  ; 4+  leaves the carry set
         tax                    ; 2
         lda low                ; 3
         adc sums_low-1-{u},y   ; 4  one too many again
         sta sums_low-1-{u},y   ; 5
         txa                    ; 2
         adc sums_middle-1-{u},y ; 4
         sta sums_middle-1-{u},y ; 5
         bcc .added{u}          ; 3/2
         lda sums_high-1-{u},y  ; 4
         adc #0                 ; 2  leaves the carry clear
         sta sums_high-1-{u},y  ; 5
.added{u}
         endr
         dey                    ; 2
         dey                    ; 2
         dey                    ; 2
         dey                    ; 2
         beq .column_done       ; 2  for four rows
         jmp next_rows          ; 3
.column_done
         lda weights0+1         ; the next column
         clc
         adc size_n
         tax
         lda weights0+2
         adc #0
         tay
         lda columns
         bne .few
         dec columns+1
.few     dec columns
         jmp next_column

finish:                         ; 16384 for each column comes off, and sums become four bytes
         lda size_k+1
         lsr
         lda size_k
         ror
         lsr
         sta minus_high
         lda size_k
         and #3
         lsr
         ror
         ror
         sta minus_middle
         lda #<data_y
         sta output
         lda #>data_y
         sta output+1
         ldx #0
.row     ldy #0
         lda sums_low,x
         sta (output),y
         iny
         lda sums_middle,x
         sec
         sbc minus_middle
         sta (output),y
         iny
         lda sums_high,x
         sbc minus_high
         sta (output),y
         iny
         and #$80
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
         inx
         cpx size_n
         bne .row
         rts
minus_middle: byte 0
minus_high:   byte 0

         include "quarter_squares.mos6510.inc"

         reserve 4              ; so that no index leaves a sum's page
sums_low: reserve 256
sums_middle: reserve 256
sums_high: reserve 256
         align 256
data_x_biased:
         reserve 256
data_x_biased_end:
data_y:  reserve 4*256
data_y_end:
         reserve 4              ; a column is read from up to four bytes before it
data_w_biased_columns:
         reserve $d000-*
data_w_biased_columns_end:
