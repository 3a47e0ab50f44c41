// idea: thirty-two threads share a row: each takes a word of a block, eight weights of two sub-blocks; sums meet in workgroup memory
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 36 words: two scales in f16, 12 bytes of scales, 128 of quants
@group(0) @binding(2) var<storage, read> x4: array<vec4<f32>>; // 256 × blocks, by fours
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n

var<workgroup> sums: array<f32, 128>;

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

// Four quants in bytes, scaled, times their activations.
fn four(bytes: u32, of_sub: vec2<f32>, x: vec4<f32>) -> f32 {
    return of_sub.x * dot(vec4<f32>(unpack4xU8(bytes)), x) - of_sub.y * (x.x + x.y + x.z + x.w);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    let sub = lane / 8u * 2u;
    var sum = 0.0;
    if row < sizes.n {
        for (var block = 0u; block < sizes.blocks; block++) {
            let at = (row * sizes.blocks + block) * 36u;
            let scales = unpack2x16float(w[at]);
            let word = w[at + 4u + lane];
            let at_x = block * 64u + sub * 8u + lane % 8u;
            sum += four(word & 0x0f0f0f0fu, scale_and_min(at, sub) * scales, x4[at_x]);
            sum += four(word >> 4u & 0x0f0f0f0fu, scale_and_min(at, sub + 1u) * scales, x4[at_x + 8u]);
        }
    }
    sums[i] = sum;
    workgroupBarrier();
    for (var half = 16u; half > 0u; half >>= 1u) {
        if lane < half {
            sums[i] += sums[i + half];
        }
        workgroupBarrier();
    }
    if lane == 0u && row < sizes.n {
        y[row] = sums[i];
    }
}
