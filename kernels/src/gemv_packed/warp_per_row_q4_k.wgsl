// idea: thirty-two threads share a row: each takes a word of a block, eight weights of two sub-blocks; sums meet in workgroup memory
const THREADS: u32 = 128;

// Four quants in bytes, scaled, times their activations.
fn four(bytes: u32, of_sub: vec2<f32>, x: vec4<f32>) -> f32 {
    return of_sub.x * dot(vec4<f32>(unpack4xU8(bytes)), x) - of_sub.y * (x.x + x.y + x.z + x.w);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    let sub = lane / 8u * 2u;
    var sum = 0.0;
    if row < sizes.n {
        for (var block = 0u; block < sizes.blocks; block++) {
            let at = (row * sizes.blocks + block) * 36u;
            let scales = unpack2x16float(w[at]);
            let word = w[at + 4u + lane];
            let at_x = block * 64u + sub * 8u + lane % 8u;
            sum += four(word & 0x0f0f0f0fu, scale_and_min(at, sub) * scales, x4[at_x]);
            sum += four(word >> 4u & 0x0f0f0f0fu, scale_and_min(at, sub + 1u) * scales, x4[at_x + 8u]);
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
