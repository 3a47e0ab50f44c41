// Queries, keys and values in words of two f16, and outputs in f32.
@group(0) @binding(1) var<storage, read> q: array<u32>; // tokens × heads × width halves of words
@group(0) @binding(2) var<storage, read> keys: array<u32>; // tokens × kv_heads × width
@group(0) @binding(3) var<storage, read> values: array<u32>; // tokens × kv_heads × width
@group(0) @binding(4) var<storage, read_write> o: array<f32>; // tokens × heads × width

fn of_q(at: u32) -> f32 {
    return one(q[at / 2u], at);
}

fn of_k(at: u32) -> f32 {
    return one(keys[at / 2u], at);
}

fn of_v(at: u32) -> f32 {
    return one(values[at / 2u], at);
}
