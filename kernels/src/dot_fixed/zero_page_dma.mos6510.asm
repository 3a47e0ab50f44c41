; idea: weights lie in the RAM expansion; its DMA brings 64 rows at a time, a byte a cycle, into the place of those before
;
; The code of zero_page on a buffer. What does not fit 64 KB streams through it at one cycle for each weight.

slots = 64
reu   = $df00
execute = $91                   ; now, from the expansion to memory, addresses as they come out

length = $18                    ; of the block in bytes, two of them
count  = $1a

         org $0800
size_n:  word 0
size_k:  word 0

run:     lda store_w_biased
         sta source
         lda store_w_biased+1
         sta source+1
         lda store_w_biased+2
         sta source+2
         jmp run_blocks
source:  byte 0, 0, 0
store_w_biased:
         byte 0, 0, 0, 0

         include "zero_page_rows.mos6510.inc"

         macro aim
         jsr fetch_rows
         endm

fetch_rows:
         lda #0                 ; rows times columns, once for 64 rows: by shifts and adds
         sta length
         sta length+1
         ldx #8
         lda rows
         sta count
.bit     asl length
         rol length+1
         asl count
         bcc .zero
         clc
         lda length
         adc size_k
         sta length
         bcc .zero
         inc length+1
.zero    dex
         bne .bit
         lda length
         ora length+1
         beq .none              ; a length of zero would be 65536
         lda #<buffer
         sta reu+2
         lda #>buffer
         sta reu+3
         lda source
         sta reu+4
         lda source+1
         sta reu+5
         lda source+2
         sta reu+6
         lda length
         sta reu+7
         lda length+1
         sta reu+8
         lda #execute
         sta reu+1
         lda reu+4              ; the address has moved on
         sta source
         lda reu+5
         sta source+1
         lda reu+6
         and #$07               ; of 512 KB; the upper bits read as ones
         sta source+2
.none    lda #<buffer
         sta pointer
         lda #>buffer
         sta pointer+1
         jmp aim_rows

         include "zero_page.mos6510.inc"
         include "quarter_squares.mos6510.inc"

data_x_biased:
         reserve 256
data_x_biased_end:
data_y:  reserve 4*512
data_y_end:
buffer:  reserve slots*256
         assert * <= $d000
