; LDIR in memory that nothing shares: 21 T-states a byte.

         org $8000
         include "ldir.z80.inc"
