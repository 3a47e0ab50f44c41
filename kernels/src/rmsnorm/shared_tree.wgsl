// idea: a workgroup per row reads it as neighbours; the squares are summed by halving in workgroup memory
const THREADS: u32 = 256;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first = group.x * sizes.n;
    var squares = 0.0;
    for (var c = i; c < sizes.n; c += THREADS) {
        let sum = h[first + c] + delta[first + c];
        h_out[first + c] = sum;
        squares = fma(sum, sum, squares);
    }
    parts[i] = squares;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        add_half(i, i, half);
    }
    let scale = 1.0 / sqrt(parts[0] / f32(sizes.n) + EPSILON);
    for (var c = i; c < sizes.n; c += THREADS) {
        y[first + c] = h_out[first + c] * scale * w[c];
    }
}
