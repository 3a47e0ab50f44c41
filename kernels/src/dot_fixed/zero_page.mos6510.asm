; idea: 64 rows have code of their own and their sums in the zero page; a column only moves four pointers
;
; The same order as axpy, without its loop and without operands to rewrite in each copy of it: the tables are behind
; pointers. About 53 cycles for each weight.

slots = 64

         org $0800
size_n:  word 0
size_k:  word 0

run:     lda #<data_w_biased
         sta pointer
         lda #>data_w_biased
         sta pointer+1
         jmp run_blocks

         macro aim
         jsr aim_rows
         endm

         include "zero_page_rows.mos6510.inc"
         include "zero_page.mos6510.inc"
         include "quarter_squares.mos6510.inc"

data_x_biased:
         reserve 256
data_x_biased_end:
data_y:  reserve 4*512
data_y_end:
data_w_biased:
         reserve $d000-*
data_w_biased_end:
