// Blocks of 32: q8_0.
const FOURS: u32 = 8u; // of a block
