// The operands of y = W x, with weights in blocks and activations in i8.
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks
@group(0) @binding(2) var<storage, read> quants: array<u32>; // a block's weights × blocks of i8, by fours
@group(0) @binding(3) var<storage, read> scales: array<f32>; // of the activations, a block
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // n
