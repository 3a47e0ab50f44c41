; idea: the weights are the program: each that is not zero is an instruction that adds its activation or its complement
;
; Activations plus 128 lie in a page, 127 less them in the next. A weight is `adc a,(hl)`, and c counts what carries; the
; carry goes into the next addition too, one too many, which the count takes back at the end of a row. Sums are pushed, so
; rows are done from the last to the first. The code is made with the model, not by a run: see the arrangement `_codez80`.
; About 29 T-states for each weight that is not zero.

most_k = 255

         org $8000
size_n:  word 0
size_k:  word 0

run:     ld (stack),sp
         ld a,(size_k)
         or a
         jr z,.ready
         ld b,a
         ld hl,data_x
         ld de,activations
.bias    ld a,(hl)              ; 7
         inc hl                 ; 6
         xor $80                ; 7
         ld (de),a              ; 7
         inc d                  ; 4
         cpl                    ; 4
         ld (de),a              ; 7
         dec d                  ; 4
         inc e                  ; 4
         djnz .bias             ; 13/8
.ready   ld hl,(size_n)
         add hl,hl
         add hl,hl
         ld de,data_y
         add hl,de
         ld sp,hl
         ld b,0
         jp data_w_codez80
done:    ld sp,(stack)
         ret

stack:   word 0

         align 256
activations:
         reserve 512
data_x:  reserve 256
data_x_end:
data_y:  reserve 4*256
data_y_end:
data_w_codez80:
         reserve $fe00-*
data_w_codez80_end:
