// idea: thirty-two threads share a row: each takes a word of low and one of high bits, eight weights; sums meet in workgroup memory
const THREADS: u32 = 128;

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
            sum = fma(f16_at(at + 104u), one + other, sum);
        }
    }
    parts[i] = sum;
    workgroupBarrier();
    for (var half = 16u; half > 0u; half >>= 1u) {
        add_half(i, lane, half);
    }
    if lane == 0u && row < sizes.n {
        y[row] = parts[i];
    }
}
