const FOURS: u32 = 8u; // of a block
