// q6_K: blocks of 105 half-words, 64 of low and 32 of high bits of quants, 8 of scales of sixteen sub-blocks in i8, one of a
// scale in f16; each quant is 32 too large. Read by half_words.wgsl.

// Scale of sub-block `j` of a block that begins at half-word `at`.
fn scale_of(at: u32, j: u32) -> i32 {
    return extractBits(bitcast<i32>(half_word(at + 96u + j / 2u)), j % 2u * 8u, 8u);
}
