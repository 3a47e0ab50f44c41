; idea: a row is two lists of columns, those of its ones and of its minus ones: zeros cost nothing, and nothing is decided
;
; Lists come off the stack, two columns at a time. Activations plus 128 are positive, so the low byte of a sum stays in a and
; only carries reach the upper one. About 37 T-states for each entry.

most_k = 255

         org $8000
size_n:  word 0
size_k:  word 0

; The sum of the next list's activations in c and a, how many they are at `count`.
         macro list count
         pop de                 ; 10
         dec sp                 ; 6   one byte of the two
         ld a,e                 ; 4
         ld ({count}),a         ; 13
         ld b,a                 ; 4
         xor a                  ; 4
         ld c,a                 ; 4
         srl b                  ; 8
         jr nc,.even            ; 12/7
         pop de                 ; 10
         dec sp                 ; 6
         ld l,e                 ; 4
         ld a,(hl)              ; 7
.even    inc b                  ; 4
         dec b                  ; 4
         jr z,.end              ; 12/7
.pair    pop de                 ; 10
         ld l,e                 ; 4
         add a,(hl)             ; 7
         jr nc,.first           ; 12/7
         inc c                  ; 4
.first   ld l,d                 ; 4
         add a,(hl)             ; 7
         jr nc,.second          ; 12/7
         inc c                  ; 4
.second  djnz .pair             ; 13/8
.end
         endm

run:     ld hl,data_x
         ld de,activations
         ld b,0
.bias    ld a,(hl)
         xor $80
         ld (de),a
         inc hl
         inc e
         djnz .bias
         ld (stack),sp
         ld sp,data_w_lists
         ld iy,data_y
         ld hl,(size_n)

next_row:
         ld a,h
         or l
         jp z,.done
         dec hl
         ld (rows),hl
         ld h,activations/256
         list ones
         ld l,a                 ; the ones' sum waits
         ld h,c
         ld (plus),hl
         ld h,activations/256
         list minus_ones
         ld e,a
         ld d,c
         ld hl,(plus)
         or a
         sbc hl,de
         ld a,(minus_ones)      ; 128 for each came off too many
         ld d,a
         ld e,0
         srl d
         rr e
         add hl,de
         ld a,(ones)            ; and on
         ld d,a
         ld e,0
         srl d
         rr e
         or a
         sbc hl,de
         ld (iy+0),l
         ld (iy+1),h
         ld a,h
         rla
         sbc a,a                ; two bytes repeat the sign
         ld (iy+2),a
         ld (iy+3),a
         ld bc,4
         add iy,bc
         ld hl,(rows)
         jp next_row
.done    ld sp,(stack)
         ret

ones:    byte 0
minus_ones:
         byte 0
plus:    word 0
rows:    word 0
stack:   word 0

         align 256
activations:
         reserve 256
data_x:  reserve 256
data_x_end:
data_y:  reserve 4*256
data_y_end:
data_w_lists:
         reserve $fe00-*
data_w_lists_end:
