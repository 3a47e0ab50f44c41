// idea: thirty-two threads share a row and read it as neighbours; their sums meet in workgroup memory
const THREADS: u32 = 128;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    var sum = 0.0;
    if row < sizes.n {
        for (var p = lane; p < sizes.k; p += 32u) {
            sum = fma(w[row * sizes.k + p], x[p], sum);
        }
    }
    parts[i] = sum;
    workgroupBarrier();
    for (var half = 16u; half > 0u; half >>= 1u) {
        add_half(i, lane, half);
    }
    if lane == 0u && row < sizes.n {
        y[row] = parts[i];
    }
}
