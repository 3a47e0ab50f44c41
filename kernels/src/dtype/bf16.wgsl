// bf16, two in a word: the upper halves of two f32.

// Both values of a word.
fn two(word: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2(word << 16u, word & 0xffff0000u));
}

// Value number `at` of an array, of which this is its word.
fn one(word: u32, at: u32) -> f32 {
    return bitcast<f32>(extractBits(word, at % 2u * 16u, 16u) << 16u);
}
