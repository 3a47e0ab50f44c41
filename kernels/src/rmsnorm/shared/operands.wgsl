// The operands of a norm that adds what a layer made first.
struct Sizes {
    rows: u32,
    n: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> h: array<f32>; // rows × n
@group(0) @binding(2) var<storage, read> delta: array<f32>; // rows × n
@group(0) @binding(3) var<storage, read> w: array<f32>; // n
@group(0) @binding(4) var<storage, read_write> h_out: array<f32>; // rows × n
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // rows × n

const EPSILON: f32 = 1e-6;
