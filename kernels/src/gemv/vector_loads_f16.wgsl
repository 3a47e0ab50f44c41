// idea: eight weights in one load, and the sums of a warp meet through its registers: few instructions for many bytes in flight
@group(0) @binding(4) var<storage, read> w4: array<vec4<u32>>; // w, by four words
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
    // Rows of eights only where every row begins with a whole one.
    let eights = select(0u, sizes.k / 8u, sizes.k % 8u == 0u);
    for (var row = group.x * ROWS + warp; row < end; row += warps) {
        var sum = 0.0;
        for (var p = lane; p < eights; p += lanes) {
            sum += eight(w4[row * eights + p], x4[2u * p], x4[2u * p + 1u]);
        }
        for (var p = eights * 8u + lane; p < sizes.k; p += lanes) {
            sum = fma(weight(row * sizes.k + p), x[p], sum);
        }
        sum = subgroupAdd(sum);
        if lane == 0u {
            y[row] = sum;
        }
    }
}
