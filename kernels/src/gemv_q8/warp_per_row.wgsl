// idea: thirty-two threads share a row, a block to a thread, four weights from a word; sums meet in workgroup memory
const THREADS: u32 = 128;

// Weights of a block, without its scale, times their activations.
fn block_sum(at: u32, block: u32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < 8u; i++) {
        sum += dot(vec4<f32>(unpack4xI8(four_quants(at, i))), x4[block * 8u + i]);
    }
    return sum;
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    var sum = 0.0;
    if row < sizes.n {
        for (var block = lane; block < sizes.blocks; block += 32u) {
            let at = (row * sizes.blocks + block) * 17u;
            sum = fma(f16_at(at), block_sum(at, block), sum);
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
