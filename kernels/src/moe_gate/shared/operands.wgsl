// The operands of a choice of experts.
struct Sizes {
    experts: u32,
    groups: u32,
    width: u32,
    kept: u32, // groups
    chosen: u32, // experts
    scale: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<f32>; // experts × width
@group(0) @binding(2) var<storage, read> bias: array<f32>; // experts
@group(0) @binding(3) var<storage, read> x: array<f32>; // width
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // the chosen, best first, then their weights
@group(0) @binding(5) var<storage, read_write> scores: array<f32>; // experts

const LOWEST: f32 = -3.4028234e38;
