// idea: warps reduce through their registers and meet once in workgroup memory: two barriers a reduction, not nine
const THREADS: u32 = 256;
const LOWEST: f32 = -3.4028234e38;
var<workgroup> tops: array<f32, 64>; // of each warp; none has fewer than four lanes
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first = group.x * sizes.n;
    var top = LOWEST;
    for (var c = i; c < sizes.n; c += THREADS) {
        top = max(top, x[first + c]);
    }
    top = subgroupMax(top);
    if lane == 0u {
        tops[warp] = top;
    }
    workgroupBarrier();
    for (var other = 0u; other < warps; other++) {
        top = max(top, tops[other]);
    }
    var sum = 0.0;
    for (var c = i; c < sizes.n; c += THREADS) {
        let e = exp(x[first + c] - top);
        y[first + c] = e;
        sum += e;
    }
    sum = subgroupAdd(sum);
    if lane == 0u {
        sums[warp] = sum;
    }
    workgroupBarrier();
    sum = 0.0;
    for (var other = 0u; other < warps; other++) {
        sum += sums[other];
    }
    let scale = 1.0 / sum;
    for (var c = i; c < sizes.n; c += THREADS) {
        y[first + c] *= scale;
    }
}
