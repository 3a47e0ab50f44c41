// idea: a thread per row: each q4_K weight is taken out of its byte, becomes f32 by its sub-block's scale and minimum
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 36 words: two scales in f16, 12 bytes of scales, 128 of quants
@group(0) @binding(2) var<storage, read> x: array<f32>; // 256 × blocks
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n

// Scale and minimum of sub-block `j` of a block that begins at word `at`, six bits each.
fn scale_and_min(at: u32, j: u32) -> vec2<f32> {
    let shift = j % 4u * 8u;
    let first = w[at + 1u] >> shift;
    let second = w[at + 2u] >> shift;
    if j < 4u {
        return vec2(f32(first & 63u), f32(second & 63u));
    }
    let third = w[at + 3u] >> shift;
    return vec2(f32((third & 15u) | (first >> 2u & 48u)), f32((third >> 4u & 15u) | (second >> 2u & 48u)));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (id.x * sizes.blocks + block) * 36u;
        let scales = unpack2x16float(w[at]);
        for (var j = 0u; j < 8u; j++) {
            let of_sub = scale_and_min(at, j) * scales;
            for (var i = 0u; i < 32u; i++) {
                let word = w[at + 4u + j / 2u * 8u + i / 4u];
                let quant = f32(word >> (i % 4u * 8u + j % 2u * 4u) & 15u);
                sum = fma(quant * of_sub.x - of_sub.y, x[block * 256u + j * 32u + i], sum);
            }
        }
    }
    y[id.x] = sum;
}
