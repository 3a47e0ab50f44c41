; idea: a score is an entry of a table, and so is its share: dividing by the sum is subtracting its logarithm
;
; The logarithm is two entries of another table, for the sum's upper eight bits and for how often it was halved. About 235
; cycles for each score.

log_plane = 138                 ; logarithms
two    = 128                    ; the first of those for halvings
halvings = $16
log      = $17                  ; three bytes
upper    = $1a

         macro shares
         lda #0
         sta halvings
.halve   lda sum+2
         ora sum+3
         beq .halved
         lsr sum+3
         ror sum+2
         ror sum+1
         ror sum
         inc halvings
         bne .halve
.halved  lda sum+1              ; eight bits, the highest of them set
         and #$7f
         tay
         ldx halvings
         clc
         lda data_logs_bytes,y
         adc data_logs_bytes+two,x
         sta log
         lda data_logs_bytes+log_plane,y
         adc data_logs_bytes+log_plane+two,x
         sta log+1
         clc
         lda log
         adc #16                ; to 64ths, rounded: up by three bits, and the upper bytes of three
         sta log
         lda #0
         sta log+2
         bcc .rounded
         inc log+1
.rounded rept 3
         asl log
         rol log+1
         rol log+2
         endr
         lda log+1
         sta p
         sta q
         lda log+2
         sta base

         ldy #0
.share   sty column             ; 3
         entry
         lda (q),y              ; 5+
         sta upper              ; 3
         lda (p),y              ; 5+
         ldy #0                 ; 2
         sta (to),y             ; 6
         iny                    ; 2
         lda upper              ; 3
         sta (to),y             ; 6
         iny                    ; 2
         lda #0                 ; 2
         sta (to),y             ; 6
         iny                    ; 2
         sta (to),y             ; 6
         clc                    ; 2
         lda to                 ; 3
         adc #4                 ; 2
         sta to                 ; 3
         bcc .same              ; 3/2
         inc to+1               ; 5
.same    ldy column             ; 3
         iny                    ; 2
         cpy columns            ; 3
         bne .share             ; 3

         endm

         include "scores.mos6510.inc"

data_logs_bytes:
         reserve 4*log_plane
data_logs_bytes_end:
data_x:  reserve 8192
data_x_end:
data_y:  reserve $d000-*
data_y_end:
