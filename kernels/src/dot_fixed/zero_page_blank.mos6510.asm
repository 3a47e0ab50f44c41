; idea: the screen is blanked while it computes: the video chip fetches no characters and takes no cycles
;
; The code of zero_page, between two stores to the video chip.

slots = 64
control = $d011                 ; bit 4: the screen is shown

         org $0800
size_n:  word 0
size_k:  word 0

run:     lda control
         and #$ef
         sta control            ; from the next picture on
         lda #<data_w_biased
         sta pointer
         lda #>data_w_biased
         sta pointer+1
         jsr run_blocks
         lda control
         ora #$10
         sta control
         rts

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
