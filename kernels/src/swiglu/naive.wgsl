// idea: a thread per value: neighbours read neighbours, and exp is the only work between two loads and a store
struct Sizes {
    values: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> g: array<f32>; // values
@group(0) @binding(2) var<storage, read> u: array<f32>; // values
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // values

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.values {
        return;
    }
    y[id.x] = g[id.x] / (1.0 + exp(-g[id.x])) * u[id.x];
}
