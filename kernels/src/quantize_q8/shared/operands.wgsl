// What is quantized, and the rule.
struct Sizes {
    blocks: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x4: array<vec4<f32>>; // FOURS × blocks
@group(0) @binding(2) var<storage, read_write> quants: array<u32>; // FOURS × blocks, of i8
@group(0) @binding(3) var<storage, read_write> scales: array<f32>; // blocks

const LEAST: f32 = 1.17549435e-38; // the smallest normal number, which has a reciprocal

fn largest(four: vec4<f32>) -> f32 {
    return max(max(four.x, four.y), max(four.z, four.w));
}

// The scale of a block, by its largest magnitude.
fn scale_of(top: f32) -> f32 {
    return max(top / 127.0, LEAST);
}

// Four scaled values, rounded, in the bytes of a word.
fn four_quants(scaled: vec4<f32>) -> u32 {
    let q = vec4<u32>(vec4<i32>(round(scaled))) & vec4(255u);
    return q.x | (q.y << 8u) | (q.z << 16u) | (q.w << 24u);
}
