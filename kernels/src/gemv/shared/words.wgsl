// The operands of y = W x, with weights of sixteen bits.
struct Sizes {
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × k halves of words
@group(0) @binding(2) var<storage, read> x: array<f32>; // k
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n
