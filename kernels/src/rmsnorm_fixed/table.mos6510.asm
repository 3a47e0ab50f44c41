; idea: the inverse root is an entry of a table and a factor of eight bits: a value takes three products by quarter squares
;
; The sum of squares is brought to 64 ... 255 by shifts of two bits, whose number shifts the products. Magnitudes are
; multiplied, by weight and by root, and shifted down, which rounds by the last bit. About 380 cycles for each value.

most_n = 255

from     = $02
to       = $04
squares  = $06                  ; their sum, three bytes
rows     = $09                  ; left to do, two bytes
column   = $0b
shift    = $0c
sign     = $0d
product  = $0e
t        = $0f                  ; three bytes
root     = $12                  ; two bytes
value    = $14                  ; pointers of a value's magnitude
scale    = $1c                  ; of the root

         org $0800
size_m:  word 0
size_n:  word 0
         include "products.mos6510.inc"
         include "shifted.mos6510.inc"

run:     lda #<data_x
         sta from
         lda #>data_x
         sta from+1
         lda #<data_y
         sta to
         lda #>data_y
         sta to+1
         lda size_m
         sta rows
         lda size_m+1
         sta rows+1
         aim_tables value
         aim_tables scale
         lda size_n
         bne next_row
         rts

next_row:
         lda rows
         ora rows+1
         bne .one_more
         rts
.one_more
         ldy #0
         sty squares
         sty squares+1
         sty squares+2
.square  lda (from),y           ; 5+
         bpl .positive          ; 3/2
         eor #$ff               ; 2
         clc                    ; 2
         adc #1                 ; 2
.positive
         tax                    ; 2
         lda square_low,x       ; 4
         clc                    ; 2
         adc squares            ; 3
         sta squares            ; 3
         lda square_high,x      ; 4
         adc squares+1          ; 3
         sta squares+1          ; 3
         bcc .added             ; 3/2
         inc squares+2          ; 5
.added   iny                    ; 2
         cpy size_n             ; 4
         bne .square            ; 3

         lda #13                ; what the products are shifted by
         sta shift
.high    lda squares+2
         ora squares+1
         beq .low
         rept 2
         lsr squares+2
         ror squares+1
         ror squares
         endr
         inc shift
         bne .high
.low     lda squares
         beq .found             ; zeros: entry 0
.up      cmp #64
         bcs .found
         asl
         asl
         dec shift
         bne .up
.found   tay
         lda data_roots_bytes,y
         sta root
         lda data_roots_bytes+256,y
         sta root+1
         beq .narrow            ; nothing but zeros has such a root
.eight   dec shift              ; to eight bits, the highest of them set
         lsr root+1
         ror root
         lda root+1
         bne .eight
         lda root               ; rounded by the last bit that went out
         adc #0
         sta root
         bcc .narrow
         ror root               ; 256: half of it
         dec shift
.narrow  lda root
         aim scale

         ldy #0
.value   sty column             ; 3
         lda (from),y           ; 5+
         sta sign               ; 3
         bpl .x_positive        ; 3/2
         eor #$ff               ; 2
         clc                    ; 2
         adc #1                 ; 2
.x_positive
         aim value              ; 14
         lda data_w,y           ; 4+
         tax                    ; 2
         eor sign               ; 3
         sta sign               ; 3
         txa                    ; 2
         bpl .w_positive        ; 3/2
         eor #$ff               ; 2
         clc                    ; 2
         adc #1                 ; 2
.w_positive
         tay                    ; 2
         times value, product   ; 27
         tay                    ; 2
         times scale, t+1       ; 27
         sta t+2                ; 3
         ldy product            ; 3
         times scale, t         ; 27
         clc                    ; 2
         adc t+1                ; 3
         sta t+1                ; 3
         bcc .summed            ; 3/2
         inc t+2                ; 5
.summed  shifted
         bit sign               ; 3
         bpl .keep              ; 3/2
         eor #$ff               ; 2
         clc                    ; 2
         adc #1                 ; 2
.keep    ldy column             ; 3
         sta (to),y             ; 6
         iny                    ; 2
         cpy size_n             ; 4
         beq .done              ; 2
         jmp .value             ; 3
.done    clc
         lda from
         adc size_n
         sta from
         bcc .same_x
         inc from+1
.same_x  clc
         lda to
         adc size_n
         sta to
         bcc .same_y
         inc to+1
.same_y  lda rows
         bne .few
         dec rows+1
.few     dec rows
         jmp next_row

square_low:
         rept 129, i
         byte <(i*i)
         endr
square_high:
         rept 129, i
         byte >(i*i)
         endr
         align 256
data_roots_bytes:
         reserve 4*256
data_roots_bytes_end:
data_w:  reserve 256
data_w_end:
data_x:  reserve 20000
data_x_end:
data_y:  reserve 20000
data_y_end:
         assert * <= $d000
