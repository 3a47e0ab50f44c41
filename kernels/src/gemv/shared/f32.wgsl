// The operands of y = W x, in f32.
struct Sizes {
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<f32>; // n × k
@group(0) @binding(2) var<storage, read> x: array<f32>; // k
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n
