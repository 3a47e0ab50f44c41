// idea: the sums of a warp meet through its registers: no workgroup memory, no barrier
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
        for (var p = lane; p < sizes.k; p += lanes) {
            sum = fma(w[row * sizes.k + p], x[p], sum);
        }
        sum = subgroupAdd(sum);
        if lane == 0u {
            y[row] = sum;
        }
    }
}
