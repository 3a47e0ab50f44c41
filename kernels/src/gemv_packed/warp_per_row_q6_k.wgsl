// idea: thirty-two threads share a row: each takes a word of low and one of high bits, eight weights; sums meet in workgroup memory
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 105 half-words: 64 of low, 32 of high bits of quants, 8 of scales in i8, one in f16
@group(0) @binding(2) var<storage, read> x4: array<vec4<f32>>; // 256 × blocks, by fours
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n

var<workgroup> sums: array<f32, 128>;

// Half-word number `at` of the weights.
fn half_word(at: u32) -> u32 {
    return extractBits(w[at / 2u], at % 2u * 16u, 16u);
}

// The word that begins at half-word `at`.
fn word_at(at: u32) -> u32 {
    if at % 2u == 0u {
        return w[at / 2u];
    }
    return (w[at / 2u] >> 16u) | (w[at / 2u + 1u] << 16u);
}

// Scale of sub-block `j` of a block that begins at half-word `at`.
fn scale_of(at: u32, j: u32) -> i32 {
    return extractBits(bitcast<i32>(half_word(at + 96u + j / 2u)), j % 2u * 8u, 8u);
}

// Four quants of run `run` in bytes, from their low and high bits.
fn four(low: u32, high: u32, run: u32) -> vec4<f32> {
    return vec4<f32>(unpack4xU8((low & 0x0f0f0f0fu) | ((high >> (run * 2u) & 0x03030303u) << 4u))) - 32.0;
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    // A word of low bits holds four weights of this run and four of the run after the next.
    let half = lane / 16u;
    let run = lane % 16u / 8u;
    let word = lane % 8u;
    let sub = half * 8u + run * 2u + word / 4u;
    var sum = 0.0;
    if row < sizes.n {
        for (var block = 0u; block < sizes.blocks; block++) {
            let at = (row * sizes.blocks + block) * 105u;
            let low = word_at(at + lane * 2u);
            let high = word_at(at + 64u + half * 16u + word * 2u);
            let at_x = block * 64u + half * 32u + run * 8u + word;
            let one = f32(scale_of(at, sub)) * dot(four(low, high, run), x4[at_x]);
            let other = f32(scale_of(at, sub + 4u)) * dot(four(low >> 4u, high, run + 2u), x4[at_x + 16u]);
            sum = fma(unpack2x16float(half_word(at + 104u)).x, one + other, sum);
        }
    }
    sums[i] = sum;
    workgroupBarrier();
    for (var distance = 16u; distance > 0u; distance >>= 1u) {
        if lane < distance {
            sums[i] += sums[i + distance];
        }
        workgroupBarrier();
    }
    if lane == 0u && row < sizes.n {
        y[row] = sums[i];
    }
}
