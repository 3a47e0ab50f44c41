// idea: a thread per row: each weight is taken out of its byte, becomes f32 by its scale and goes into one sum
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 34 bytes: a scale in f16, then 32 quants of i8
@group(0) @binding(2) var<storage, read> x: array<f32>; // 32 × blocks
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n

// Half-word number `at` of the weights.
fn half_word(at: u32) -> u32 {
    return extractBits(w[at / 2u], at % 2u * 16u, 16u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (id.x * sizes.blocks + block) * 17u;
        let scale = unpack2x16float(half_word(at)).x;
        for (var i = 0u; i < 32u; i++) {
            let quant = extractBits(i32(half_word(at + 1u + i / 2u)), i % 2u * 8u, 8u);
            sum = fma(scale * f32(quant), x[block * 32u + i], sum);
        }
    }
    y[id.x] = sum;
}
