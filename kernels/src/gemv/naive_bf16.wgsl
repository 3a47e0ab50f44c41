// idea: a thread per row: each weight is half a word, moved to where an f32 has it; a load of a warp touches as many lines as lanes
struct Sizes {
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × k halves of words, each a bf16
@group(0) @binding(2) var<storage, read> x: array<f32>; // k
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n

// Weight number `at`.
fn weight(at: u32) -> f32 {
    return bitcast<f32>(extractBits(w[at / 2u], at % 2u * 16u, 16u) << 16u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < sizes.k; p++) {
        sum = fma(weight(id.x * sizes.k + p), x[p], sum);
    }
    y[id.x] = sum;
}
