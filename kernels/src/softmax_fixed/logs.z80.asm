; idea: a score is an entry of a table, and so is its share: dividing by the sum is subtracting its logarithm
;
; Exponentials lie in planes, all low bytes and then all high ones. The logarithm is two entries of another table, for the
; sum's upper eight bits and for how often it was halved. About 460 T-states for each score.

most_n = 256
plane  = 1536                   ; exponentials
log_plane = 138                 ; logarithms
two    = 128                    ; the first of those for halvings

         org $8000
size_m:  word 0
size_n:  word 0

; From a score in a: hl becomes the place of its exponential. c: the largest score plus 128.
         macro entry
         xor $7f                ; 7   255 less the score plus 128
         scf                    ; 4
         adc a,c                ; 4   how far below the largest
         ld l,a                 ; 4
         ld h,data_exps_bytes/1024 ; 7
         add hl,hl              ; 11  four entries a step
         add hl,hl              ; 11
         endm

run:     ld hl,(size_n)
         ld a,h
         or l
         ret z
         ld a,l
         ld (columns),a
         ld hl,(size_m)
         ld (rows),hl
         ld hl,data_x
         ld iy,data_y
next_row:
         ld de,(rows)
         ld a,d
         or e
         ret z
         dec de
         ld (rows),de
         push hl
         ld a,(columns)
         ld b,a
         ld c,0
.top     ld a,(hl)              ; 7
         inc hl                 ; 6
         xor $80                ; 7
         cp c                   ; 4
         jr c,.not              ; 12/7
         ld c,a                 ; 4
.not     djnz .top              ; 13/8

         exx
         ld hl,0                ; bc' hl': the sum
         ld bc,0
         exx
         pop hl
         push hl
         ld a,(columns)
         ld b,a
.sum     ld a,(hl)              ; 7
         inc hl                 ; 6
         push hl                ; 11
         entry
         ld e,(hl)              ; 7
         ld a,h                 ; 4
         add a,plane/256        ; 7
         ld h,a                 ; 4
         ld d,(hl)              ; 7
         push de                ; 11
         exx                    ; 4
         pop de                 ; 10
         add hl,de              ; 11
         jr nc,.no_carry        ; 12/7
         inc bc                 ; 6
.no_carry
         exx                    ; 4
         pop hl                 ; 10
         djnz .sum              ; 13/8

         exx
         ld e,0                 ; halvings
.halve   ld a,b
         or c
         jr z,.halved
         srl b
         rr c
         rr h
         rr l
         inc e
         jr .halve
.halved  ld a,h                 ; eight bits, the highest of them set
         and $7f
         ld l,a
         ld h,0
         ld bc,data_logs_bytes
         add hl,bc
         ld a,(hl)
         ld bc,log_plane
         add hl,bc
         ld h,(hl)
         ld l,a
         push hl
         ld d,0
         ld hl,data_logs_bytes+two
         add hl,de
         ld a,(hl)
         add hl,bc
         ld h,(hl)
         ld l,a
         pop de
         add hl,de
         ld de,16               ; to 64ths, rounded: up by three bits, and the upper bytes of three
         add hl,de
         xor a
         rept 3
         add hl,hl
         rla
         endr
         ld l,h
         ld h,a
         ld (log),hl
         exx

         pop hl
         ld a,(columns)
         ld b,a
.share   ld a,(hl)              ; 7
         inc hl                 ; 6
         push hl                ; 11
         entry
         ld de,(log)            ; 20
         add hl,de              ; 11
         ld a,(hl)              ; 7
         ld (iy+0),a            ; 19
         ld a,h                 ; 4
         add a,plane/256        ; 7
         ld h,a                 ; 4
         ld a,(hl)              ; 7
         ld (iy+1),a            ; 19
         xor a                  ; 4
         ld (iy+2),a            ; 19
         ld (iy+3),a            ; 19
         ld de,4                ; 10
         add iy,de              ; 15
         pop hl                 ; 10
         djnz .share            ; 13/8
         jp next_row

columns: byte 0
rows:    word 0
log:     word 0

         align 1024
data_exps_bytes:
         reserve 4*plane
data_exps_bytes_end:
data_logs_bytes:
         reserve 4*log_plane
data_logs_bytes_end:
data_x:  reserve 4096
data_x_end:
data_y:  reserve $fe00-*
data_y_end:
