// idea: four threads share a block and read its words as neighbours, for two rows at once that share each load of x
const ROWS: u32 = 8; // of a workgroup

// A quarter of a block's products, the eight that each quant is too large taken off.
fn quarter(at: u32, part: u32, low: u32, high: u32, total: i32) -> f32 {
    let bytes = eight_quants(at, part);
    let products = dot4I8Packed(bytes & 0x0f0f0f0fu, low) + dot4I8Packed((bytes >> 4u) & 0x0f0f0f0fu, high);
    return f16_at(at) * f32(products - 8 * total);
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
    let part = lane % 4u;
    for (var row = group.x * ROWS + warp * 2u; row < end; row += warps * 2u) {
        // A row beyond the last repeats it, and is not stored.
        let next = min(row + 1u, end - 1u);
        var sums = vec2<f32>();
        for (var block = lane / 4u; block < sizes.blocks; block += lanes / 4u) {
            let low = quants[block * 8u + part];
            let high = quants[block * 8u + part + 4u];
            let total = dot4I8Packed(0x01010101u, low) + dot4I8Packed(0x01010101u, high);
            let scale = scales[block];
            let one = quarter((row * sizes.blocks + block) * 9u, part, low, high, total);
            let other = quarter((next * sizes.blocks + block) * 9u, part, low, high, total);
            sums = fma(vec2(one, other), vec2(scale), sums);
        }
        sums = subgroupAdd(sums);
        if lane < 2u && row + lane < end {
            y[row + lane] = sums[lane];
        }
    }
}
