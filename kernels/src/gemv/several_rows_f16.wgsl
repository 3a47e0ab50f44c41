// idea: a warp does two rows at once: each load of x serves both, and two loads of eight weights are in flight
@group(0) @binding(4) var<storage, read> w4: array<vec4<u32>>; // w, by four words
@group(0) @binding(5) var<storage, read> x4: array<vec4<f32>>; // x, by fours

const ROWS: u32 = 8; // of a workgroup

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let end = min(group.x * ROWS + ROWS, sizes.n);
    let eights = select(0u, sizes.k / 8u, sizes.k % 8u == 0u);
    for (var row = group.x * ROWS + warp * 2u; row < end; row += warps * 2u) {
        // A row beyond the last repeats it, and is not stored.
        let next = min(row + 1u, end - 1u);
        var sums = vec2<f32>();
        for (var p = lane; p < eights; p += lanes) {
            let low = x4[2u * p];
            let high = x4[2u * p + 1u];
            let one = w4[row * eights + p];
            let other = w4[next * eights + p];
            sums += vec2(eight(one, low, high), eight(other, low, high));
        }
        for (var p = eights * 8u + lane; p < sizes.k; p += lanes) {
            sums = fma(vec2(weight(row * sizes.k + p), weight(next * sizes.k + p)), vec2(x[p]), sums);
        }
        sums = subgroupAdd(sums);
        if lane < 2u && row + lane < end {
            y[row + lane] = sums[lane];
        }
    }
}
