// idea: a thread per output, columns along the lanes; each value is half of a word and becomes f32 where it is used
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<u32>; // m × k halves of words, each an f16
@group(0) @binding(2) var<storage, read> b: array<u32>; // k × n halves of words
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n

// Number `at` of halves of words.
fn half(word: u32, at: u32) -> f32 {
    return unpack2x16float(word >> (at % 2u * 16u)).x;
}

@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < sizes.k; p++) {
        let at_a = row * sizes.k + p;
        let at_b = p * sizes.n + column;
        sum = fma(half(a[at_a / 2u], at_a), half(b[at_b / 2u], at_b), sum);
    }
    c[row * sizes.n + column] = sum;
}
