; What stands between the kernels of a decode step, on a Z80. Sums and the residual stream are 32-bit numbers of which 24
; bits count; results are bytes from -127 to 127.
;
; run_narrow: bytes = sums / 2^shift, rounded            run_add: residual += sums / 2^shift, rounded
; run_rope: pairs of `first` turned by the cosines and sines of `second`, in 64ths, as many as pairs
; run_swiglu: bytes = silu(first) second / 64, rounded, silu by table

         org $8000
size_n:  word 0
shift:   byte 0

; c hl / 2^b, rounded.
shifted: ld a,b
         or a
         ret z
         sub 8
         jr c,.bit
         ld b,a
         ld a,l                 ; eight bits at once
         ld l,h
         ld h,c
         ld e,a
         ld a,c
         rla
         sbc a,a
         ld c,a
         inc b
         dec b
         jr nz,.bit
         rl e
         jr .round
.bit     sra c                  ; 8
         rr h                   ; 8
         rr l                   ; 8
         djnz .bit              ; 13/8
.round   ret nc
         inc l
         ret nz
         inc h
         ret nz
         inc c
         ret

; a: c hl as a byte.
byte_of: ld a,c
         or a
         jp m,.negative
         or h
         jr nz,.most
         ld a,l
         or a
         ret p
.most    ld a,127
         ret
.negative
         and h
         inc a
         jr nz,.least
         ld a,l
         cp $81
         ret nc
.least   ld a,$81
         ret

; c hl from (ix).
         macro fetch
         ld l,(ix+0)
         ld h,(ix+1)
         ld c,(ix+2)
         endm

run_narrow:
         ld ix,data_sums
         ld iy,data_bytes
         ld a,(size_n)
         ld b,a
.next    push bc
         fetch
         ld a,(shift)
         ld b,a
         call shifted
         call byte_of
         ld (iy+0),a
         inc iy
         ld bc,4
         add ix,bc
         pop bc
         djnz .next
         ret

run_add: ld ix,data_sums
         ld iy,data_residual
         ld a,(size_n)
         ld b,a
.next    push bc
         fetch
         ld a,(shift)
         ld b,a
         call shifted
         ld a,l
         add a,(iy+0)
         ld (iy+0),a
         ld a,h
         adc a,(iy+1)
         ld (iy+1),a
         ld a,c
         adc a,(iy+2)
         ld (iy+2),a
         rla
         sbc a,a
         ld (iy+3),a
         ld bc,4
         add ix,bc
         add iy,bc
         pop bc
         djnz .next
         ret

; hl: a times c.
multiply:
         ld e,a
         rla
         sbc a,a
         ld d,a                 ; de: the one factor
         ld a,c
         ld hl,0
         ld b,8
.bit     add hl,hl              ; 11
         add a,a                ; 4
         jr nc,.zero            ; 12/7
         add hl,de              ; 11
.zero    djnz .bit              ; 13/8
         bit 7,c
         ret z
         ld a,h                 ; the first bit counts -128: 256 factors too many
         sub e
         ld h,a
         ret

; hl / 2^b as the byte at (iy).
keep:    ld a,h
         rla
         sbc a,a
         ld c,a
         call shifted
         call byte_of
         ld (iy+0),a
         inc iy
         ret

run_rope:
         ld ix,data_first
         ld iy,data_bytes
         ld hl,data_second
         ld a,(size_n)
         srl a
         ld b,a
.next    push bc
         push hl
         ld c,(hl)              ; the cosine
         ld a,(ix+0)
         call multiply
         ex (sp),hl
         push hl
         inc hl
         ld c,(hl)              ; the sine
         ld a,(ix+1)
         call multiply
         pop bc
         ex (sp),hl             ; the first product
         pop de
         push bc
         or a
         sbc hl,de
         ld b,6
         call keep
         pop hl
         push hl
         ld c,(hl)
         ld a,(ix+1)
         call multiply
         ex (sp),hl
         push hl
         inc hl
         ld c,(hl)
         ld a,(ix+0)
         call multiply
         pop bc
         pop de
         push bc
         add hl,de
         ld b,6
         call keep
         pop hl
         inc hl
         inc hl
         inc ix
         inc ix
         pop bc
         djnz .next
         ret

run_swiglu:
         ld ix,data_first
         ld iy,data_bytes
         ld de,data_second
         ld a,(size_n)
         ld b,a
.next    push bc
         push de
         ld a,(de)
         ld c,a
         ld l,(ix+0)
         ld h,data_silu/256
         ld a,(hl)
         call multiply
         ld b,6
         call keep
         inc ix
         pop de
         inc de
         pop bc
         djnz .next
         ret

         align 256
data_silu:
         reserve 256
data_second:
         reserve 256
data_first:
         reserve 256
data_bytes:
         reserve 256
data_sums:
         reserve 1024
data_residual:
         reserve 1024
