// idea: eight weights in one load, each made f32 by one integer operation; the sums of a warp meet through its registers
struct Sizes {
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × k halves of words, each a bf16
@group(0) @binding(2) var<storage, read> x: array<f32>; // k
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n
@group(0) @binding(4) var<storage, read> w4: array<vec4<u32>>; // w, by four words
@group(0) @binding(5) var<storage, read> x4: array<vec4<f32>>; // x, by fours

const ROWS: u32 = 4; // of a workgroup

// Both weights of a word: the upper halves of two f32.
fn two(word: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2(word << 16u, word & 0xffff0000u));
}

// Weight number `at`.
fn weight(at: u32) -> f32 {
    return bitcast<f32>(extractBits(w[at / 2u], at % 2u * 16u, 16u) << 16u);
}

// Eight weights times their activations.
fn eight(words: vec4<u32>, p: u32) -> f32 {
    let low = x4[2u * p];
    let high = x4[2u * p + 1u];
    let sums = fma(two(words.x), low.xy, two(words.y) * low.zw);
    let others = fma(two(words.z), high.xy, two(words.w) * high.zw);
    return (sums.x + sums.y) + (others.x + others.y);
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let end = min(group.x * ROWS + ROWS, sizes.n);
    // Rows of eights only where every row begins with a whole one.
    let eights = select(0u, sizes.k / 8u, sizes.k % 8u == 0u);
    for (var row = group.x * ROWS + warp; row < end; row += warps) {
        var sum = 0.0;
        for (var p = lane; p < eights; p += lanes) {
            sum += eight(w4[row * eights + p], p);
        }
        for (var p = eights * 8u + lane; p < sizes.k; p += lanes) {
            sum = fma(weight(row * sizes.k + p), x[p], sum);
        }
        sum = subgroupAdd(sum);
        if lane == 0u {
            y[row] = sum;
        }
    }
}
