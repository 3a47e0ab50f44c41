; idea: weights lie in the RAM expansion and come one by one, each by a command to its controller
;
; The code of zero_page, a byte of DMA before each product: the controller counts its own address up and writes always to
; the same place. Seven cycles for each weight, where a block takes one: the command and reading it take longer than it.

slots = 64
reu   = $df00
execute = $91                   ; now, from the expansion to memory, addresses as they come out

place  = $16                    ; of the column in the expansion, three bytes
byte_read = $1a

         org $0800
size_n:  word 0
size_k:  word 0
store_w_biased_columns:
         byte 0, 0, 0, 0

run:     lda #<byte_read
         sta reu+2
         lda #>byte_read
         sta reu+3
         lda #1
         sta reu+7
         lda #0
         sta reu+8
         lda #$80               ; the address in memory stays
         sta reu+10
         jsr run_blocks
         lda #0
         sta reu+10
         rts

         macro aim
         clc
         lda store_w_biased_columns
         adc block
         sta place
         lda store_w_biased_columns+1
         adc block+1
         sta place+1
         lda store_w_biased_columns+2
         adc #0
         sta place+2
         endm

         macro column
         lda place              ; 3
         sta reu+4              ; 4
         clc                    ; 2
         adc size_n             ; 4
         sta place              ; 3
         lda place+1
         sta reu+5
         adc size_n+1
         sta place+1
         lda place+2
         sta reu+6
         adc #0
         sta place+2
         endm

         macro weight row
         lda #execute           ; 2
         sta reu+1              ; 4 + 1
         ldy byte_read          ; 3
         endm

         include "zero_page.mos6510.inc"
         include "quarter_squares.mos6510.inc"

data_x_biased:
         reserve 256
data_x_biased_end:
data_y:  reserve 4*512
data_y_end:
