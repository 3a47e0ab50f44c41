// The operands of y = W x, with weights in blocks and activations in f32, by fours.
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks
@group(0) @binding(2) var<storage, read> x4: array<vec4<f32>>; // a block's weights × blocks, by fours
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n
