// idea: thirty-two threads share a row, a word of two weights each; their sums meet in workgroup memory
const THREADS: u32 = 128;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    // Words of two weights only where every row begins with a whole one.
    let words = select(0u, sizes.k / 2u, sizes.k % 2u == 0u);
    var sum = 0.0;
    if row < sizes.n {
        for (var p = lane; p < words; p += 32u) {
            let both = two(w[row * words + p]);
            sum = fma(both.x, x[2u * p], sum);
            sum = fma(both.y, x[2u * p + 1u], sum);
        }
        for (var p = words * 2u + lane; p < sizes.k; p += 32u) {
            sum = fma(weight(row * sizes.k + p), x[p], sum);
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
