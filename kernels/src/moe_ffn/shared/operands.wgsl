// The operands of experts' networks but for the weights, which are of f32 or of bf16, and for room between the passes.
struct Sizes {
    tokens: u32,
    width: u32,
    inner: u32,
    chosen: u32, // experts of a token
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(2) var<storage, read> x: array<f32>; // tokens × width
@group(0) @binding(3) var<storage, read> routes: array<f32>; // tokens × chosen: experts
@group(0) @binding(4) var<storage, read> weights: array<f32>; // tokens × chosen
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // tokens × width

// Where the weights of a route's expert begin.
fn first_of(route: u32) -> u32 {
    return u32(routes[route]) * 3u * sizes.inner * sizes.width;
}
