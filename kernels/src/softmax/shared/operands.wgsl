// The operands of a softmax of rows.
struct Sizes {
    rows: u32,
    n: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>; // rows × n
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // rows × n
