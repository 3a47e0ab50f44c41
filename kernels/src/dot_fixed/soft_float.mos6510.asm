; idea: the textbook's f32 on a machine without any: both bytes are converted, multiplied and added by routines in integers
;
; A number is an exponent, 0 for zero, else 128 more than that of two, and a fraction of 24 bits from a half to one, whose
; highest bit, always set, gives its place to the sign in memory: Microsoft's format of 1977 in four bytes. A product takes
; 24 shifts and adds, and a byte of the factor that is zero no less. Two accumulators as in Microsoft's BASIC: `f` and `g`
; are taken apart, a result is put together and stored. That is also what llama2.c was compiled to for this machine, with four
; bytes for a weight (github.com/ytmytm/llama2.c64). About 1730 cycles for each weight.

most_k = 256

weights  = $02
output   = $04
rows     = $06                  ; left to do, two bytes
column   = $08
f        = $0a                  ; exponent, three bytes of fraction, sign
g        = $10                  ; the same
r        = $16                  ; a product: three bytes and one to round by
shifts   = $1c
number   = $20                  ; the activation, in memory
sum      = $24                  ; in memory

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
         sta column
         lda size_k
         ora size_k+1
         beq row_done
next_column:
         ldy column
         lda data_x,y
         jsr from_byte
         ldx #number
         jsr store
         ldy column
         lda (weights),y
         jsr from_byte
         ldx #number
         jsr load
         jsr multiply
         ldx #sum
         jsr load
         jsr add
         ldx #sum
         jsr store
         inc column
         lda column
         cmp size_k
         bne next_column

row_done:
         ldx #sum
         jsr load
         jsr to_integer
         ldy #0
         lda g+3
         sta (output),y
         iny
         lda g+2
         sta (output),y
         iny
         lda g+1
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

; f = the byte in a.
from_byte:
         ldx #0
         stx f+2
         stx f+3
         stx f                  ; zero, unless
         sta f+4
         cmp #0
         beq .done
         bpl .positive
         eor #$ff
         clc
         adc #1
.positive
         ldx #128+8
         cmp #$80
         bcs .normal
.shift   dex                    ; 2
         asl                    ; 2
         bpl .shift             ; 3
.normal  stx f
         sta f+1
.done    rts

; f into memory at x of the zero page.
store:   lda f
         sta 0,x
         lda f+4
         ora #$7f
         and f+1
         sta 1,x
         lda f+2
         sta 2,x
         lda f+3
         sta 3,x
         rts

; g from there.
load:    lda 0,x
         sta g
         lda 1,x
         sta g+4
         ora #$80
         sta g+1
         lda 2,x
         sta g+2
         lda 3,x
         sta g+3
         rts

; f = f g
multiply:
         lda f
         beq .done
         lda g
         beq .zero
         clc
         adc f                  ; 128 too many
         sec
         sbc #128
         sta f
         lda f+4
         eor g+4
         sta f+4
         lda #0
         sta r
         sta r+1
         sta r+2
         sta r+3
         lda f+3
         jsr by_byte
         lda f+2
         jsr by_byte
         lda f+1
         jsr by_byte
         lda r
         bmi .normal
         asl r+3
         rol r+2
         rol r+1
         rol r
         dec f
.normal  lda r
         sta f+1
         lda r+1
         sta f+2
         lda r+2
         sta f+3
         asl r+3                ; rounded by the bit behind
         bcc .done
         inc f+3
         bne .done
         inc f+2
         bne .done
         inc f+1
         bne .done
         lda #$80
         sta f+1
         inc f
.done    rts
.zero    sta f
         rts

; r = (r + g times a byte) / 256, bit after bit.
by_byte: sta shifts
         ldx #8
.bit     lsr shifts             ; 5
         bcc .zero              ; 3/2
         clc                    ; 2
         lda r+2                ; 3
         adc g+3                ; 3
         sta r+2                ; 3
         lda r+1                ; 3
         adc g+2                ; 3
         sta r+1                ; 3
         lda r                  ; 3
         adc g+1                ; 3
         sta r                  ; 3
.zero    ror r                  ; 5
         ror r+1                ; 5
         ror r+2                ; 5
         ror r+3                ; 5
         dex                    ; 2
         bne .bit               ; 3
         rts

; f = f + g
add:     lda g
         beq .done
         lda f
         bne .two
         ldx #4                 ; g alone
.take    lda g,x
         sta f,x
         dex
         bpl .take
.done    rts
.two     sec
         sbc g
         beq .aligned
         bcs .ordered
         ldx #4                 ; the larger exponent into f
.swap    lda f,x
         ldy g,x
         sta g,x
         sty f,x
         dex
         bpl .swap
         sec
         lda f
         sbc g
.ordered cmp #25
         bcs .done
         tax
.align   lsr g+1                ; 5
         ror g+2                ; 5
         ror g+3                ; 5
         dex                    ; 2
         bne .align             ; 3
.aligned lda f+4
         eor g+4
         bmi .differ
         clc
         lda f+3
         adc g+3
         sta f+3
         lda f+2
         adc g+2
         sta f+2
         lda f+1
         adc g+1
         sta f+1
         bcc .done
         ror f+1
         ror f+2
         ror f+3
         inc f
         rts
.differ  sec
         lda f+3
         sbc g+3
         sta f+3
         lda f+2
         sbc g+2
         sta f+2
         lda f+1
         sbc g+1
         sta f+1
         bcs .larger
         lda f+4                ; the other sign
         eor #$80
         sta f+4
         sec
         lda #0
         sbc f+3
         sta f+3
         lda #0
         sbc f+2
         sta f+2
         lda #0
         sbc f+1
         sta f+1
.larger  lda f+1
         bmi .normal
         ora f+2
         ora f+3
         beq .nothing
.up      dec f                  ; 5
         asl f+3                ; 5
         rol f+2                ; 5
         rol f+1                ; 5
         bpl .up                ; 3
.normal  rts
.nothing sta f
         rts

; The fraction of g becomes an integer with its sign.
to_integer:
         lda #128+24
         sec
         sbc g
         tax
         lda g
         bne .some
         sta g+1
         sta g+2
         sta g+3
         rts
.some    cpx #0
         beq .there
.down    lsr g+1
         ror g+2
         ror g+3
         dex
         bne .down
.there   bit g+4
         bpl .positive
         sec
         lda #0
         sbc g+3
         sta g+3
         lda #0
         sbc g+2
         sta g+2
         lda #0
         sbc g+1
         sta g+1
.positive
         rts

         align 256
data_x:  reserve 256
data_x_end:
data_y:  reserve 4*512
data_y_end:
data_w:  reserve $d000-*
data_w_end:
