// q8_0: blocks of 17 half-words, a scale in f16, then 32 quants of i8. Read by half_words.wgsl.

// Four quants of a block that begins at half-word `at`, from number `4 i` on.
fn four_quants(at: u32, i: u32) -> u32 {
    return word_at(at + 1u + i * 2u);
}
