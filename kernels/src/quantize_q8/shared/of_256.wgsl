// Blocks of 256, for K formats.
const FOURS: u32 = 64u; // of a block
