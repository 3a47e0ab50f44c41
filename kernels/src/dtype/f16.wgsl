// f16, two in a word.

// Both values of a word.
fn two(word: u32) -> vec2<f32> {
    return unpack2x16float(word);
}

// Value number `at` of an array, of which this is its word.
fn one(word: u32, at: u32) -> f32 {
    return unpack2x16float(word >> (at % 2u * 16u)).x;
}
