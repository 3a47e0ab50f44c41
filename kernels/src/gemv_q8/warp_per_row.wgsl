// idea: thirty-two threads share a row, a block to a thread, four weights from a word; sums meet in workgroup memory
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 34 bytes: a scale in f16, then 32 quants of i8
@group(0) @binding(2) var<storage, read> x4: array<vec4<f32>>; // 32 × blocks, by fours
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n

var<workgroup> sums: array<f32, 128>;

// Half-word number `at` of the weights.
fn half_word(at: u32) -> u32 {
    return extractBits(w[at / 2u], at % 2u * 16u, 16u);
}

// Four quants of a block that begins at half-word `at`, from number `4 i` on.
fn four_quants(at: u32, i: u32) -> u32 {
    let first = at + 1u + i * 2u;
    if first % 2u == 0u {
        return w[first / 2u];
    }
    return (w[first / 2u] >> 16u) | (w[first / 2u + 1u] << 16u);
}

// Weights of a block, without its scale, times their activations.
fn block_sum(at: u32, block: u32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < 8u; i++) {
        sum += dot(vec4<f32>(unpack4xI8(four_quants(at, i))), x4[block * 8u + i]);
    }
    return sum;
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    var sum = 0.0;
    if row < sizes.n {
        for (var block = lane; block < sizes.blocks; block += 32u) {
            let at = (row * sizes.blocks + block) * 17u;
            sum = fma(unpack2x16float(half_word(at)).x, block_sum(at, block), sum);
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
