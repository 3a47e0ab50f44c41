; idea: a score is an entry of a table, and so is its share: dividing by the sum is subtracting its logarithm
;
; The logarithm is two entries of another table, for the sum's upper eight bits and for how often it was halved. About 490
; T-states for each score.

log_plane = 138                 ; logarithms
two    = 128                    ; the first of those for halvings

         macro shares
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
         endm

         include "scores.z80.inc"

log:     word 0
data_logs_bytes:
         reserve 4*log_plane
data_logs_bytes_end:
data_x:  reserve 4096
data_x_end:
data_y:  reserve $fe00-*
data_y_end:
