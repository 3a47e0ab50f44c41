// idea: a warp does four rows at once: each load of x serves four rows, and four loads of weights are in flight
@group(0) @binding(4) var<storage, read> w4: array<vec4<f32>>; // w, by fours
@group(0) @binding(5) var<storage, read> x4: array<vec4<f32>>; // x, by fours

const ROWS: u32 = 8; // of a workgroup

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let end = min(group.x * ROWS + ROWS, sizes.n);
    let fours = select(0u, sizes.k / 4u, sizes.k % 4u == 0u);
    for (var row = group.x * ROWS + warp * 4u; row < end; row += warps * 4u) {
        // Rows beyond the last repeat it, and are not stored.
        let row1 = min(row + 1u, end - 1u);
        let row2 = min(row + 2u, end - 1u);
        let row3 = min(row + 3u, end - 1u);
        var sums0 = vec4<f32>();
        var sums1 = vec4<f32>();
        var sums2 = vec4<f32>();
        var sums3 = vec4<f32>();
        for (var p = lane; p < fours; p += lanes) {
            let from_x = x4[p];
            sums0 = fma(w4[row * fours + p], from_x, sums0);
            sums1 = fma(w4[row1 * fours + p], from_x, sums1);
            sums2 = fma(w4[row2 * fours + p], from_x, sums2);
            sums3 = fma(w4[row3 * fours + p], from_x, sums3);
        }
        let halves0 = sums0.xy + sums0.zw;
        let halves1 = sums1.xy + sums1.zw;
        let halves2 = sums2.xy + sums2.zw;
        let halves3 = sums3.xy + sums3.zw;
        var sums = vec4(halves0.x + halves0.y, halves1.x + halves1.y, halves2.x + halves2.y, halves3.x + halves3.y);
        for (var p = fours * 4u + lane; p < sizes.k; p += lanes) {
            let weights = vec4(
                w[row * sizes.k + p],
                w[row1 * sizes.k + p],
                w[row2 * sizes.k + p],
                w[row3 * sizes.k + p],
            );
            sums = fma(weights, vec4(x[p]), sums);
        }
        sums = subgroupAdd(sums);
        if lane < 4u && row + lane < end {
            y[row + lane] = sums[lane];
        }
    }
}
