// idea: a thread per output: each q8_0 weight becomes f32 by its block's scale and goes into one sum
struct Sizes {
    m: u32,
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 34 bytes: a scale in f16, then 32 quants of i8
@group(0) @binding(2) var<storage, read> x: array<f32>; // m × 32 blocks
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n

@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (column * sizes.blocks + block) * 17u;
        let scale = f16_at(at);
        for (var i = 0u; i < 32u; i++) {
            let quant = extractBits(bitcast<i32>(half_word(at + 1u + i / 2u)), i % 2u * 8u, 8u);
            sum = fma(scale * f32(quant), x[(row * sizes.blocks + block) * 32u + i], sum);
        }
    }
    c[row * sizes.n + column] = sum;
}
