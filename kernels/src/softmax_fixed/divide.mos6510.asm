; idea: exponentials come from a table, sums are whole numbers, and every share is a division bit by bit
;
; Sixteen steps of a comparison, a subtraction and a shift, of four bytes each. About 1560 cycles for each score.

rest     = $16                  ; what is left to divide, four bytes
quotient = $1a
t        = $1c                  ; three bytes

         macro shares
         ldy #0
.share   sty column             ; 3
         entry
         lda (p),y              ; 5+
         sta rest               ; 3
         lda (q),y              ; 5+
         sta rest+1             ; 3
         lda #0                 ; 2
         sta rest+2             ; 3
         sta rest+3             ; 3
         ldx #16                ; 2
.bit     sec                    ; 2
         rept 3, i
         lda rest+{i}           ; 3
         sbc sum+{i}            ; 3
         sta t+{i}              ; 3
         endr
         lda rest+3             ; 3
         sbc sum+3              ; 3
         bcc .less              ; 3/2
         sta rest+3             ; 3
         rept 3, i
         lda t+{i}              ; 3
         sta rest+{i}           ; 3
         endr
.less    rol quotient           ; 5
         rol quotient+1         ; 5
         asl rest               ; 5
         rol rest+1             ; 5
         rol rest+2             ; 5
         rol rest+3             ; 5
         dex                    ; 2
         bne .bit               ; 3
         sec                    ; rounded by the bit that would be next
         rept 4, i
         lda rest+{i}
         sbc sum+{i}
         endr
         ldy #0
         lda quotient
         adc #0
         sta (to),y
         iny
         lda quotient+1
         adc #0
         sta (to),y
         iny
         lda #0
         sta (to),y
         iny
         sta (to),y
         clc
         lda to
         adc #4
         sta to
         bcc .same
         inc to+1
.same    ldy column             ; 3
         iny                    ; 2
         cpy columns            ; 3
         beq .shared            ; 2
         jmp .share             ; 3
.shared
         endm

         include "scores.mos6510.inc"

data_x:  reserve 8192
data_x_end:
data_y:  reserve $d000-*
data_y_end:
