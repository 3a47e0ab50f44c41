; What stands between the kernels of a decode step, on a 6510. Sums and the residual stream are 32-bit numbers of which 24
; bits count; results are bytes from -127 to 127.
;
; run_narrow: bytes = sums / 2^shift, rounded            run_add: residual += sums / 2^shift, rounded
; run_rope: pairs of `first` turned by the cosines and sines of `second`, in 64ths, as many as pairs
; run_swiglu: bytes = silu(first) second / 64, rounded, silu by table

sums     = $02                  ; pointers
residual = $04
t        = $06                  ; 24 bits
out      = $09                  ; the bit that went out of a byte
at       = $0a
sign     = $0b
low      = $0c
high     = $0d
sum      = $10                  ; two bytes
value    = $12                  ; pointers of a product

         org $0800
size_n:  word 0
shift:   byte 0
         include "../../../../kernels/src/rmsnorm_fixed/products.mos6510.inc"

; t from behind sums.
         macro fetch
         ldy #0
         lda (sums),y
         sta t
         iny
         lda (sums),y
         sta t+1
         iny
         lda (sums),y
         sta t+2
         endm

         macro forward pointer
         clc
         lda {pointer}
         adc #4
         sta {pointer}
         bcc .same
         inc {pointer}+1
.same
         endm

; t / 2^x, rounded.
shifted: cpx #0
         beq .done
         cpx #8
         bcc .bit
         lda t                  ; eight bits at once
         sta out
         lda t+1
         sta t
         lda t+2
         sta t+1
         ora #$7f
         bmi .negative
         lda #0
.negative
         sta t+2
         txa
         sbc #8
         tax
         bne .bit
         asl out
         bcs .up
.done    rts
.bit     lda t+2                ; 3
         asl                    ; 2
         ror t+2                ; 5
         ror t+1                ; 5
         ror t                  ; 5
         dex                    ; 2
         bne .bit               ; 3
         bcc .done
.up      inc t
         bne .done
         inc t+1
         bne .done
         inc t+2
         rts

; a: t as a byte.
byte_of_t:
         lda t+2
         bmi .negative
         ora t+1
         bne .most
         lda t
         bpl .done
.most    lda #127
.done    rts
.negative
         and t+1
         cmp #$ff
         bne .least
         lda t
         cmp #$81
         bcs .done
.least   lda #$81
         rts

begin:   lda #<data_sums
         sta sums
         lda #>data_sums
         sta sums+1
         lda #<data_residual
         sta residual
         lda #>data_residual
         sta residual+1
         aim_tables value
         lda #0
         sta at
         rts

run_narrow:
         jsr begin
.next    fetch
         ldx shift
         jsr shifted
         jsr byte_of_t
         ldx at
         sta data_bytes,x
         forward sums
         inc at
         lda at
         cmp size_n
         bne .next
         rts

run_add: jsr begin
.next    fetch
         ldx shift
         jsr shifted
         ldy #0
         clc
         lda (residual),y
         adc t
         sta (residual),y
         iny
         lda (residual),y
         adc t+1
         sta (residual),y
         iny
         lda (residual),y
         adc t+2
         sta (residual),y
         iny
         ora #$7f
         bmi .negative
         lda #0
.negative
         sta (residual),y
         forward sums
         forward residual
         inc at
         lda at
         cmp size_n
         bne .next
         rts

; low, high: a times y.
multiply:
         sta sign
         ora #0
         bpl .first
         eor #$ff
         clc
         adc #1
.first   aim value
         tya
         eor sign
         sta sign
         tya
         bpl .second
         eor #$ff
         clc
         adc #1
.second  tay
         times value, low
         sta high
         bit sign
         bpl .done
         sec
         lda #0
         sbc low
         sta low
         lda #0
         sbc high
         sta high
.done    rts

; sum / 2^x as the next byte.
keep_sum:
         lda sum
         sta t
         lda sum+1
         sta t+1
         ora #$7f
         bmi .negative
         lda #0
.negative
         sta t+2
         jsr shifted
         jsr byte_of_t
         ldx at
         sta data_bytes,x
         inc at
         rts

run_rope:
         jsr begin
.next    ldx at
         ldy data_second,x      ; the cosine
         lda data_first,x
         jsr multiply
         lda low
         sta sum
         lda high
         sta sum+1
         ldx at
         ldy data_second+1,x    ; the sine
         lda data_first+1,x
         jsr multiply
         sec
         lda sum
         sbc low
         sta sum
         lda sum+1
         sbc high
         sta sum+1
         ldx #6
         jsr keep_sum
         ldx at
         ldy data_second-1,x    ; at is one on
         lda data_first,x
         jsr multiply
         lda low
         sta sum
         lda high
         sta sum+1
         ldx at
         ldy data_second,x
         lda data_first-1,x
         jsr multiply
         clc
         lda sum
         adc low
         sta sum
         lda sum+1
         adc high
         sta sum+1
         ldx #6
         jsr keep_sum
         lda at
         cmp size_n
         bcs .done
         jmp .next
.done    rts

run_swiglu:
         jsr begin
.next    ldx at
         ldy data_first,x
         lda data_silu,y
         ldy data_second,x
         jsr multiply
         lda low
         sta sum
         lda high
         sta sum+1
         ldx #6
         jsr keep_sum
         lda at
         cmp size_n
         bne .next
         rts

         align 256
data_silu:
         reserve 256
data_first:
         reserve 256
data_second:
         reserve 256
data_bytes:
         reserve 256
data_sums:
         reserve 1024
data_residual:
         reserve 1024
