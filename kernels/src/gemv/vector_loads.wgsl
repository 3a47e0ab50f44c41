// idea: four weights in one load: a quarter of the instructions, and more bytes in flight for each
@group(0) @binding(4) var<storage, read> w4: array<vec4<f32>>; // w, by fours
@group(0) @binding(5) var<storage, read> x4: array<vec4<f32>>; // x, by fours

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
    // Rows of fours only where every row begins with a whole one.
    let fours = select(0u, sizes.k / 4u, sizes.k % 4u == 0u);
    for (var row = group.x * ROWS + warp; row < end; row += warps) {
        var sums = vec4<f32>();
        for (var p = lane; p < fours; p += lanes) {
            sums = fma(w4[row * fours + p], x4[p], sums);
        }
        var sum = (sums.x + sums.y) + (sums.z + sums.w);
        for (var p = fours * 4u + lane; p < sizes.k; p += lanes) {
            sum = fma(w[row * sizes.k + p], x[p], sum);
        }
        sum = subgroupAdd(sum);
        if lane == 0u {
            y[row] = sum;
        }
    }
}
