// idea: warps reduce through their registers and meet once in workgroup memory: one barrier, not nine
const THREADS: u32 = 256;
var<workgroup> parts: array<f32, 64>; // of each warp; none has fewer than four lanes

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first = group.x * sizes.n;
    var squares = 0.0;
    for (var c = i; c < sizes.n; c += THREADS) {
        let sum = h[first + c] + delta[first + c];
        h_out[first + c] = sum;
        squares = fma(sum, sum, squares);
    }
    squares = subgroupAdd(squares);
    if lane == 0u {
        parts[warp] = squares;
    }
    workgroupBarrier();
    squares = 0.0;
    for (var other = 0u; other < warps; other++) {
        squares += parts[other];
    }
    let scale = 1.0 / sqrt(squares / f32(sizes.n) + EPSILON);
    for (var c = i; c < sizes.n; c += THREADS) {
        y[first + c] = h_out[first + c] * scale * w[c];
    }
}
