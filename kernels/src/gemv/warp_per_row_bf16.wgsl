// idea: thirty-two threads share a row, a word of two weights each, which a shift and a mask make f32; their sums meet in workgroup memory
struct Sizes {
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × k halves of words, each a bf16
@group(0) @binding(2) var<storage, read> x: array<f32>; // k
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n

var<workgroup> sums: array<f32, 128>;

// Both weights of a word: the upper halves of two f32.
fn two(word: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2(word << 16u, word & 0xffff0000u));
}

// Weight number `at`.
fn weight(at: u32) -> f32 {
    return bitcast<f32>(extractBits(w[at / 2u], at % 2u * 16u, 16u) << 16u);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    // Words of two weights only where every row begins with a whole one.
    let words = select(0u, sizes.k / 2u, sizes.k % 2u == 0u);
    var sum = 0.0;
    if row < sizes.n {
        for (var p = lane; p < words; p += 32u) {
            let both = two(w[row * words + p]);
            sum = fma(both.x, x[2u * p], sum);
            sum = fma(both.y, x[2u * p + 1u], sum);
        }
        for (var p = words * 2u + lane; p < sizes.k; p += 32u) {
            sum = fma(weight(row * sizes.k + p), x[p], sum);
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
