; LDIR with code and data in the 16 KB that the ULA shares: 21 T-states a byte and the waits while it fetches the picture.

         org $5c00
         include "ldir.z80.inc"
         assert * <= $8000
