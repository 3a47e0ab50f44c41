// Weights `w` of sixteen bits, two in a word; f16.wgsl or bf16.wgsl says what they are.

// Weight number `at`.
fn weight(at: u32) -> f32 {
    return one(w[at / 2u], at);
}

// Eight weights times what they meet.
fn eight(words: vec4<u32>, low: vec4<f32>, high: vec4<f32>) -> f32 {
    let sums = fma(two(words.x), low.xy, two(words.y) * low.zw);
    let others = fma(two(words.z), high.xy, two(words.w) * high.zw);
    return (sums.x + sums.y) + (others.x + others.y);
}
