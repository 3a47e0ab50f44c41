// The operands of C = X W, with q8_0 weights turned round and activations in i8.
struct Sizes {
    m: u32,
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks
@group(0) @binding(2) var<storage, read> quants: array<u32>; // m × 32 blocks of i8, by fours
@group(0) @binding(3) var<storage, read> scales: array<f32>; // m × blocks
@group(0) @binding(4) var<storage, read_write> c: array<f32>; // m × n
