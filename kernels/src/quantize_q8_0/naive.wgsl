// idea: a thread per block: one running maximum, its scale and reciprocal, then four values at a time to a word
struct Sizes {
    blocks: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x4: array<vec4<f32>>; // 32 × blocks, by fours
@group(0) @binding(2) var<storage, read_write> quants: array<u32>; // 32 × blocks of i8, by fours
@group(0) @binding(3) var<storage, read_write> scales: array<f32>; // blocks

const LEAST: f32 = 1.17549435e-38; // the smallest normal number, which has a reciprocal

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let block = id.x;
    if block >= sizes.blocks {
        return;
    }
    var tops = vec4<f32>();
    for (var i = 0u; i < 8u; i++) {
        tops = max(tops, abs(x4[block * 8u + i]));
    }
    let scale = max(max(max(tops.x, tops.y), max(tops.z, tops.w)) / 127.0, LEAST);
    scales[block] = scale;
    let reciprocal = 1.0 / scale;
    for (var i = 0u; i < 8u; i++) {
        let q = vec4<u32>(vec4<i32>(round(x4[block * 8u + i] * reciprocal))) & vec4(255u);
        quants[block * 8u + i] = q.x | (q.y << 8u) | (q.z << 16u) | (q.w << 24u);
    }
}
