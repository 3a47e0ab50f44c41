// idea: eight threads share a block and read its words as neighbours, for two rows at once that share each load of x
const ROWS: u32 = 8; // of a workgroup

// Four products of a block.
fn part_of(at: u32, part: u32, x: u32) -> f32 {
    return f16_at(at) * f32(dot4I8Packed(four_quants(at, part), x));
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
    let part = lane % 8u;
    for (var row = group.x * ROWS + warp * 2u; row < end; row += warps * 2u) {
        // A row beyond the last repeats it, and is not stored.
        let next = min(row + 1u, end - 1u);
        var sums = vec2<f32>();
        for (var block = lane / 8u; block < sizes.blocks; block += lanes / 8u) {
            let four = quants[block * 8u + part];
            let one = part_of((row * sizes.blocks + block) * 17u, part, four);
            let other = part_of((next * sizes.blocks + block) * 17u, part, four);
            sums = fma(vec2(one, other), vec2(scales[block]), sums);
        }
        sums = subgroupAdd(sums);
        if lane < 2u && row + lane < end {
            y[row + lane] = sums[lane];
        }
    }
}
