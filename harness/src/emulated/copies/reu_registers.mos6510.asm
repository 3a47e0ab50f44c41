; Out of the RAM expansion a byte at a time: its controller is told to fetch one into the zero page, from where it is stored.

reu      = $df00
execute  = $91                  ; now, from the expansion to memory
to       = $02
pages    = $04
here     = $05                  ; where the controller puts a byte

         org $0800
bytes    = 4096
run:     lda #<data_to
         sta to
         lda #>data_to
         sta to+1
         lda #here
         sta reu+2
         lda #0
         sta reu+3
         sta reu+8
         lda store_from
         sta reu+4
         lda store_from+1
         sta reu+5
         lda store_from+2
         sta reu+6
         lda #$80               ; the address in memory stays, that in the expansion goes on
         sta reu+10
         lda #bytes/256
         sta pages
         ldy #0
         ldx #execute
.byte    lda #1                 ; 2
         sta reu+7              ; 4
         stx reu+1              ; 4 + 1
         lda here               ; 3
         sta (to),y             ; 6
         iny                    ; 2
         bne .byte              ; 3
         inc to+1
         dec pages
         bne .byte
         sty reu+10
         rts

store_from: byte 0, 0, 0, 0
         align 256
data_to: reserve bytes
