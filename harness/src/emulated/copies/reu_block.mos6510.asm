; Out of the RAM expansion by one command for all bytes: its controller stops the processor and moves one each cycle.

reu      = $df00
execute  = $91                  ; now, from the expansion to memory

         org $0800
bytes    = 4096
run:     lda #<data_to
         sta reu+2
         lda #>data_to
         sta reu+3
         lda store_from
         sta reu+4
         lda store_from+1
         sta reu+5
         lda store_from+2
         sta reu+6
         lda #<bytes
         sta reu+7
         lda #>bytes
         sta reu+8
         lda #0
         sta reu+10
         lda #execute
         sta reu+1
         rts

store_from: byte 0, 0, 0, 0
         align 256
data_to: reserve bytes
