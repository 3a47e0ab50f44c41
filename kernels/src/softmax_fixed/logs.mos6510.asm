; idea: a score is an entry of a table, and so is its share: dividing by the sum is subtracting its logarithm
;
; Exponentials lie in planes, all low bytes and then all high ones, from the beginning of a page on. The logarithm is two
; entries of another table, for the sum's upper eight bits and for how often it was halved. About 225 cycles for each score.

most_n = 256
plane  = 1536                   ; exponentials
log_plane = 138                 ; logarithms
two    = 128                    ; the first of those for halvings

from     = $02
to       = $04
top      = $06                  ; the largest score plus 128
sum      = $07                  ; four bytes
p        = $0c                  ; to low bytes
q        = $0e                  ; to high ones
rows     = $10                  ; left to do, two bytes
column   = $12
columns  = $13
halvings = $14
base     = $15                  ; of the table, in pages
log      = $16                  ; three bytes
upper    = $19

         org $0800
size_m:  word 0
size_n:  word 0

; From column y: x and y become the place of its exponential behind p and q.
         macro entry
         lda (from),y           ; 5+
         eor #$7f               ; 2  255 less the score plus 128
         sec                    ; 2
         adc top                ; 3  how far below the largest; leaves the carry set
         tax                    ; 2
         lda quarters,x         ; 4
         adc base               ; 3
         sta p+1                ; 3
         adc #plane/256         ; 2
         sta q+1                ; 3
         txa                    ; 2  four entries a step
         asl                    ; 2
         asl                    ; 2
         tay                    ; 2
         endm

run:     lda #<data_x
         sta from
         lda #>data_x
         sta from+1
         lda #<data_y
         sta to
         lda #>data_y
         sta to+1
         lda size_m
         sta rows
         lda size_m+1
         sta rows+1
         lda size_n
         sta columns
         ora size_n+1
         bne next_row
         rts

next_row:
         lda rows
         ora rows+1
         bne .one_more
         rts
.one_more
         ldy #0
         sty top
.top     lda (from),y           ; 5+
         eor #$80               ; 2
         cmp top                ; 3
         bcc .not               ; 3/2
         sta top                ; 3
.not     iny                    ; 2
         cpy columns            ; 3
         bne .top               ; 3

         ldy #0
         sty sum
         sty sum+1
         sty sum+2
         sty sum+3
         sty base
         sty p
         sty q
.sum     sty column             ; 3
         entry
         lda (p),y              ; 5+
         clc                    ; 2
         adc sum                ; 3
         sta sum                ; 3
         lda (q),y              ; 5+
         adc sum+1              ; 3
         sta sum+1              ; 3
         bcc .added             ; 3/2
         inc sum+2              ; 5
         bne .added             ; 3
         inc sum+3
.added   ldy column             ; 3
         iny                    ; 2
         cpy columns            ; 3
         bne .sum               ; 3

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

         clc
         lda from
         adc size_n
         sta from
         lda from+1
         adc size_n+1
         sta from+1
         lda rows
         bne .low
         dec rows+1
.low     dec rows
         jmp next_row

quarters:                       ; pages of the table, less the carry
         rept 256, i
         byte (data_exps_bytes>>8)+i/64-1
         endr
         align 256
data_exps_bytes:
         reserve 4*plane
data_exps_bytes_end:
data_logs_bytes:
         reserve 4*log_plane
data_logs_bytes_end:
data_x:  reserve 8192
data_x_end:
data_y:  reserve $d000-*
data_y_end:
