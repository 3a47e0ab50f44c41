// idea: a thread for each four of a block: neighbours load neighbours, and warps compare their largest once
var<workgroup> tops: array<f32, 64>; // of each warp

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let four = x4[group.x * FOURS + i];
    let of_warp = subgroupMax(largest(abs(four)));
    if lane == 0u {
        tops[warp] = of_warp;
    }
    workgroupBarrier();
    var top = tops[0];
    for (var other = 1u; other < warps; other++) {
        top = max(top, tops[other]);
    }
    let scale = scale_of(top);
    if i == 0u {
        scales[group.x] = scale;
    }
    quants[group.x * FOURS + i] = four_quants(four * (1.0 / scale));
}
