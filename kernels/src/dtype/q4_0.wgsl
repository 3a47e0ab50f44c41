// q4_0: blocks of 9 half-words, a scale in f16, then 32 quants in halves of bytes, each 8 too large. Read by
// half_words.wgsl.

// Quants of a block that begins at half-word `at`, in four bytes: those from number `4 i` on in the lower halves, and those
// from `4 i + 16` on in the upper.
fn eight_quants(at: u32, i: u32) -> u32 {
    return word_at(at + 1u + i * 2u);
}
