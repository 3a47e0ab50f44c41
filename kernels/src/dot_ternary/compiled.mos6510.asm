; idea: the weights are the program: each that is not zero is an instruction that adds its activation or takes it off
;
; Activations plus 128 lie in the zero page. A weight is `adc` or `sbc`, and an index counts what carries: `adc`, `bcc`,
; `inx`, 6 or 7 cycles and five bytes. A carry also goes into the next addition, one too many, which the count itself takes
; back at the end of a row. The code is made with the model, not by a run: see the arrangement `_code6510`. 7.6 to 7.9 cycles
; for each weight that is not zero, of whole rows. The screen is blanked.

most_k = 252
count = $02                     ; of carries
activations = $03
control = $d011                 ; bit 4: the screen is shown

         org $0800
size_n:  word 0
size_k:  word 0

run:     lda control
         and #$ef
         sta control
         ldx size_k
         beq .ready
.bias    lda data_x-1,x         ; 4
         eor #$80               ; 2
         sta activations-1,x    ; 4
         dex                    ; 2
         bne .bias              ; 3
.ready   jsr data_w_code6510
         lda control
         ora #$10
         sta control
         rts

         align 256
high:    rept 256, i            ; the upper byte of a sum, by the count, which begins at 128 or so
         byte i^$80
         endr
sign:    rept 256, i
         byte $ff*(i < 128)
         endr
         reserve 1              ; so that data_x-1 and data_x are in one page
data_x:  reserve 255
data_x_end:
data_y:  reserve 4*512
data_y_end:
data_w_code6510:
         reserve $d000-*
data_w_code6510_end:
