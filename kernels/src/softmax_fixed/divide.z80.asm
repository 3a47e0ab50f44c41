; idea: exponentials come from a table, sums are whole numbers, and every share is a division bit by bit
;
; Sixteen steps of a subtraction that is taken back where it was too much, in two pairs of registers each. About 3000
; T-states for each score.

         macro shares
         exx
         ld (sum),hl
         ld (sum+2),bc
         exx
         pop hl
         ld a,(columns)
         ld b,a
.share   ld a,(hl)              ; 7
         inc hl                 ; 6
         push hl                ; 11
         push bc                ; 11
         entry
         ld e,(hl)              ; 7
         ld a,h                 ; 4
         add a,plane/256        ; 7
         ld h,a                 ; 4
         ld d,(hl)              ; 7
         ex de,hl               ; 4   hl' hl: what is left to divide, de' de: the sum
         ld de,(sum)            ; 20
         exx                    ; 4
         ld hl,0                ; 10
         ld de,(sum+2)          ; 20
         exx                    ; 4
         ld b,16                ; 7
.bit     or a                   ; 4
         sbc hl,de              ; 15
         exx                    ; 4
         sbc hl,de              ; 15
         exx                    ; 4
         jr nc,.fits            ; 12/7
         add hl,de              ; 11
         exx                    ; 4
         adc hl,de              ; 15
         exx                    ; 4
         or a                   ; 4
         jr .in                 ; 12
.fits    scf                    ; 4
.in      rl c                   ; 8   a c: the quotient
         rla                    ; 4
         add hl,hl              ; 11
         exx                    ; 4
         adc hl,hl              ; 15
         exx                    ; 4
         djnz .bit              ; 13/8
         or a                   ; rounded by the bit that would be next
         sbc hl,de
         exx
         sbc hl,de
         exx
         ccf
         ld l,c
         ld h,a
         ld de,0
         adc hl,de
         ld (iy+0),l            ; 19
         ld (iy+1),h            ; 19
         ld (iy+2),e            ; 19
         ld (iy+3),e            ; 19
         ld e,4                 ; 7
         add iy,de              ; 15
         pop bc                 ; 10
         pop hl                 ; 10
         dec b                  ; 4
         jp nz,.share           ; 10
         endm

         include "scores.z80.inc"

sum:     word 0, 0
data_x:  reserve 4096
data_x_end:
data_y:  reserve $fe00-*
data_y_end:
