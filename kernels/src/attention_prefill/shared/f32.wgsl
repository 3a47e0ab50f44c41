// Queries, keys, values and outputs in f32.
@group(0) @binding(1) var<storage, read> q: array<f32>; // tokens × heads × width
@group(0) @binding(2) var<storage, read> keys: array<f32>; // tokens × kv_heads × width
@group(0) @binding(3) var<storage, read> values: array<f32>; // tokens × kv_heads × width
@group(0) @binding(4) var<storage, read_write> o: array<f32>; // tokens × heads × width

fn of_q(at: u32) -> f32 {
    return q[at];
}

fn of_k(at: u32) -> f32 {
    return keys[at];
}

fn of_v(at: u32) -> f32 {
    return values[at];
}
