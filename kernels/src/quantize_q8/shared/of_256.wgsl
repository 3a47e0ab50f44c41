const FOURS: u32 = 64u; // of a block
