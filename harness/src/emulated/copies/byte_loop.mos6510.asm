; A byte at a time behind two pointers: 16 cycles a byte.

from     = $02
to       = $04

         org $0800
run:     lda #<data_from
         sta from
         lda #>data_from
         sta from+1
         lda #<data_to
         sta to
         lda #>data_to
         sta to+1
         ldx #bytes/256
         ldy #0
.byte    lda (from),y           ; 5
         sta (to),y             ; 6
         iny                    ; 2
         bne .byte              ; 3
         inc from+1
         inc to+1
         dex
         bne .byte
         rts

bytes    = 4096
         align 256
data_from: reserve bytes
data_to: reserve bytes
