// idea: four products of bytes in one instruction; scales meet once for the thirty-two of a block
const ROWS: u32 = 4; // of a workgroup

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let end = min(group.x * ROWS + ROWS, sizes.n);
    for (var row = group.x * ROWS + warp; row < end; row += warps) {
        var sum = 0.0;
        for (var block = lane; block < sizes.blocks; block += lanes) {
            let at = (row * sizes.blocks + block) * 17u;
            var products = 0i;
            for (var i = 0u; i < 8u; i++) {
                products += dot4I8Packed(four_quants(at, i), quants[block * 8u + i]);
            }
            sum = fma(f16_at(at) * scales[block], f32(products), sum);
        }
        sum = subgroupAdd(sum);
        if lane == 0u {
            y[row] = sum;
        }
    }
}
