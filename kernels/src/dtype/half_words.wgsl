// Weights `w` whose blocks begin in the middle of a word as often as at a word.

// Half-word number `at` of the weights.
fn half_word(at: u32) -> u32 {
    return extractBits(w[at / 2u], at % 2u * 16u, 16u);
}

// The word that begins at half-word `at`.
fn word_at(at: u32) -> u32 {
    if at % 2u == 0u {
        return w[at / 2u];
    }
    return (w[at / 2u] >> 16u) | (w[at / 2u + 1u] << 16u);
}

// The f16 at half-word `at`.
fn f16_at(at: u32) -> f32 {
    return unpack2x16float(half_word(at)).x;
}
