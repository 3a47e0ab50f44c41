// idea: four products of bytes in one instruction, for two rows at once; the 32 that each quant is too large meets the sums of x
const ROWS: u32 = 8; // of a workgroup

// Eight weights of a block that begins at half-word `at`, a word of low bits of them, times their activations; `totals`
// are those' sums.
fn eight(at: u32, lane: u32, low: u32, high: u32, totals: vec2<i32>) -> f32 {
    let half = lane / 16u;
    let run = lane % 16u / 8u;
    let word = lane % 8u;
    let sub = half * 8u + run * 2u + word / 4u;
    let bits = word_at(at + lane * 2u);
    let above = word_at(at + 64u + half * 16u + word * 2u) >> (run * 2u);
    let one = dot4I8Packed((bits & 0x0f0f0f0fu) | ((above & 0x03030303u) << 4u), low) - 32 * totals.x;
    let other = dot4I8Packed((bits >> 4u & 0x0f0f0f0fu) | (above & 0x30303030u), high) - 32 * totals.y;
    let scaled = scale_of(at, sub) * one + scale_of(at, sub + 4u) * other;
    return f16_at(at + 104u) * f32(scaled);
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
    let step = max(lanes / 32u, 1u);
    for (var row = group.x * ROWS + warp * 2u; row < end; row += warps * 2u) {
        // A row beyond the last repeats it, and is not stored.
        let next = min(row + 1u, end - 1u);
        var sums = vec2<f32>();
        // A narrow subgroup takes a block's 32 words in passes, a wide one several blocks at once.
        for (var word = lane % 32u; word < 32u; word += lanes) {
            for (var block = lane / 32u; block < sizes.blocks; block += step) {
                let at_x = block * 64u + word / 16u * 32u + word % 16u;
                let low = quants[at_x];
                let high = quants[at_x + 16u];
                let totals = vec2(dot4I8Packed(0x01010101u, low), dot4I8Packed(0x01010101u, high));
                let one = eight((row * sizes.blocks + block) * 105u, word, low, high, totals);
                let other = eight((next * sizes.blocks + block) * 105u, word, low, high, totals);
                sums = fma(vec2(one, other), vec2(scales[block]), sums);
            }
        }
        sums = subgroupAdd(sums);
        if lane < 2u && row + lane < end {
            y[row + lane] = sums[lane];
        }
    }
}
