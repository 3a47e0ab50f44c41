// idea: four products of bytes in one instruction, for two rows at once that share each load of x and the sums of its quants
const ROWS: u32 = 8; // of a workgroup

// Eight weights of a block that begins at word `at`, a word of them, times their activations; `totals` are those' sums.
fn eight(at: u32, word: u32, sub: u32, low: u32, high: u32, totals: vec2<i32>) -> f32 {
    let bytes = w[at + 4u + word];
    let products = vec2(dot4I8Packed(bytes & 0x0f0f0f0fu, low), dot4I8Packed(bytes >> 4u & 0x0f0f0f0fu, high));
    let of_subs = vec4<i32>(two_scales_and_mins(at, sub));
    let scale = unpack2x16float(w[at]);
    let scaled = f32(of_subs.x * products.x + of_subs.y * products.y);
    let offset = f32(of_subs.z * totals.x + of_subs.w * totals.y);
    return scale.x * scaled - scale.y * offset;
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
            let sub = word / 8u * 2u;
            for (var block = lane / 32u; block < sizes.blocks; block += step) {
                let at_x = block * 64u + sub * 8u + word % 8u;
                let low = quants[at_x];
                let high = quants[at_x + 8u];
                let totals = vec2(dot4I8Packed(0x01010101u, low), dot4I8Packed(0x01010101u, high));
                let one = eight((row * sizes.blocks + block) * 36u, word, sub, low, high, totals);
                let other = eight((next * sizes.blocks + block) * 36u, word, sub, low, high, totals);
                sums = fma(vec2(one, other), vec2(scales[block]), sums);
            }
        }
        sums = subgroupAdd(sums);
        if lane < 2u && row + lane < end {
            y[row + lane] = sums[lane];
        }
    }
}
