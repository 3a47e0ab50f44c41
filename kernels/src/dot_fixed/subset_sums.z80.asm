; idea: seven activations have 128 subsets; with their sums in a page, one lookup does seven weights of one bit
;
; T-MAC (Wei et al. 2024) in miniature. A weight of eight bits is eight weights of one bit: bits of the same place of seven
; neighbours stand together in a byte, which is the low half of their sum's address, and the page follows from the
; column. So eight lookups do seven weights, and no product is formed. The sums over the places, the highest first, are
; doubled and added. Weights are biased by 128, which a sum of the activations takes back. The tables are made once for
; all rows, by pushes: from each sum to the next one below, what changes is one activation and those before it.

slots     = 36                  ; tables, of a page each; an even number
most_k    = 7*slots
pair_bytes = 16                 ; of code

         org $8000
size_n:  word 0
size_k:  word 0

run:     ld (stack),sp
         ld hl,(size_n)
         ld a,h
         or l
         ret z

; The number of pairs of tables, b = (k + 13) / 14.
         ld b,-1
         ld hl,(size_k)
         ld de,13
         add hl,de
         ld de,-14
         or a
.divide  inc b
         add hl,de
         jr c,.divide
         ld a,b
         add a,a
         ld (groups),a
         jr nz,some
         ld b,1                 ; no columns: one pair of tables, all of which is masked out by no weights
some:

; Where the code of a row is entered: pair_bytes for each pair before its end.
         ld hl,pairs_end
         ld de,-pair_bytes
         ld a,(groups)
         srl a
         ld b,a
         jr z,.entered
.back    add hl,de
         djnz .back
.entered ld (enter+1),hl

; The sum of the activations, times 128.
         ld bc,(size_k)
         ld hl,0
         ld ix,data_x
.sum     ld a,b
         or c
         jr z,.summed
         ld a,(ix+0)            ; 19
         inc ix                 ; 10
         ld e,a                 ; 4
         rla                    ; 4
         sbc a,a                ; 4
         ld d,a                 ; 4
         add hl,de              ; 11
         dec bc                 ; 6
         jr .sum                ; 12
.summed  ld c,0                 ; hl c: times 256
         sra h
         rr l
         rr c
         ld a,c
         ld (bias+1),a
         ld a,l
         ld (bias_middle+1),a
         ld a,h
         ld (bias_high+1),a

; The tables, in the last pages.
         ld a,(groups)
         or a
         jp z,ready
         ld (left),a
         neg
         add a,tables_end/256
         ld (page),a
         ld ix,data_x
next_table:
         ld hl,0                ; what the activations so far sum up to
         ld iy,steps
         ld b,7
.step    ld a,(ix+0)            ; 19
         inc ix                 ; 10
         ld e,a                 ; 4
         rla                    ; 4
         sbc a,a                ; 4
         ld d,a                 ; 4
         push hl                ; 11
         or a                   ; 4
         sbc hl,de              ; 15  from a sum with this one to that with all before it instead
         ld (iy+0),l            ; 19
         ld (iy+1),h            ; 19
         inc iy                 ; 10
         inc iy                 ; 10
         pop hl                 ; 10
         add hl,de              ; 11
         djnz .step             ; 13/8
         ld a,(page)
         inc a
         ld (page),a
         ld b,a
         ld c,0
         ld (.end+1),bc
.end     ld sp,0                ; the end of the page
         ld de,(steps)
         ld bc,(steps+2)
         rept 31, i             ; 128 T-states for four sums
         push hl                ; 11
         add hl,de              ; 11
         push hl                ; 11
         add hl,bc              ; 11
         push hl                ; 11
         add hl,de              ; 11
         push hl                ; 11
         if (31-i)%2 == 1
         ld bc,(steps+4)        ; 20
         else
         if (31-i)%4 == 2
         ld bc,(steps+6)
         else
         if (31-i)%8 == 4
         ld bc,(steps+8)
         else
         if (31-i)%16 == 8
         ld bc,(steps+10)
         else
         ld bc,(steps+12)
         endif
         endif
         endif
         endif
         add hl,bc              ; 11
         ld bc,(steps+2)        ; 20
         endr
         push hl
         add hl,de
         push hl
         add hl,bc
         push hl
         add hl,de
         push hl
         ld sp,(stack)
         ld hl,left
         dec (hl)
         jp nz,next_table

ready:   ld iy,data_y
         ld hl,(size_n)
         ld (rows),hl
         ld sp,data_w_biased_planes
next_row:
         exx
         ld hl,0                ; c' hl': the row's sum
         ld bc,8*256            ; b': places left
next_place:
         exx
         ld ix,0                ; 14  this place's sum
enter:   jp 0                   ; 10
pairs:
         rept slots/2, i        ; 98 T-states for fourteen weights of one bit
         pop bc                 ; 10
         ld l,c                 ; 4
         ld h,tables/256+2*i    ; 7
         ld e,(hl)              ; 7
         inc l                  ; 4
         ld d,(hl)              ; 7
         add ix,de              ; 15
         ld l,b                 ; 4
         inc h                  ; 4
         ld e,(hl)              ; 7
         inc l                  ; 4
         ld d,(hl)              ; 7
         add ix,de              ; 15
         endr
pairs_end:
         assert pairs_end-pairs == pair_bytes*slots/2
         exx                    ; 4
         add hl,hl              ; 11
         rl c                   ; 8
         ld e,ixl               ; 8
         ld d,ixh               ; 8
         ld a,d                 ; 4
         add a,a                ; 4
         sbc a,a                ; 4
         add hl,de              ; 11
         adc a,c                ; 4
         ld c,a                 ; 4
         dec b                  ; 4
         jp nz,next_place       ; 10

         ld a,l
bias:    sub 0
         ld (iy+0),a
         ld a,h
bias_middle:
         sbc a,0
         ld (iy+1),a
         ld a,c
bias_high:
         sbc a,0
         ld (iy+2),a
         rla
         sbc a,a                ; the fourth byte repeats the sign
         ld (iy+3),a
         ld bc,4
         add iy,bc
         ld hl,(rows)
         dec hl
         ld (rows),hl
         ld a,h
         or l
         jp nz,next_row
         ld sp,(stack)
         ret

stack:   word 0
rows:    word 0
steps:   reserve 14
groups:  byte 0
left:    byte 0
page:    byte 0

         align 256
tables:  reserve 256*slots
tables_end:
data_x:  reserve 256
data_x_end:
data_y:  reserve 4*256
data_y_end:
data_w_biased_planes:
         reserve $fe00-*
data_w_biased_planes_end:
