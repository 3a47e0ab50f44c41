// Queries, keys and values in f16 by fours, on their way to matrix units, and outputs in f32.
@group(0) @binding(1) var<storage, read> q: array<vec4<f16>>; // tokens × heads × width, by fours
@group(0) @binding(2) var<storage, read> keys: array<vec4<f16>>; // tokens × kv_heads × width, by fours
@group(0) @binding(3) var<storage, read> values: array<vec4<f16>>; // tokens × kv_heads × width, by fours
@group(0) @binding(4) var<storage, read_write> o: array<f32>; // tokens × heads × width

// Four number `at` of a token's query, zeros beyond the edges.
fn four_of_q(token: u32, head: u32, at: u32) -> vec4<f16> {
    if token < sizes.tokens && at < sizes.width / 4u {
        return q[query_at(token, head) / 4u + at];
    }
    return vec4<f16>();
}

// The same of its key,
fn four_of_k(token: u32, kv_head: u32, at: u32) -> vec4<f16> {
    if token < sizes.tokens && at < sizes.width / 4u {
        return keys[key_at(token, kv_head) / 4u + at];
    }
    return vec4<f16>();
}

// and of its value.
fn four_of_v(token: u32, kv_head: u32, at: u32) -> vec4<f16> {
    if token < sizes.tokens && at < sizes.width / 4u {
        return values[key_at(token, kv_head) / 4u + at];
    }
    return vec4<f16>();
}
