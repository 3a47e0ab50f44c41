// idea: a thread per row: each weight is taken out of its byte, becomes f32 by its scale and goes into one sum
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (id.x * sizes.blocks + block) * 9u;
        let scale = f16_at(at);
        for (var i = 0u; i < 16u; i++) {
            let byte = half_word(at + 1u + i / 2u) >> (i % 2u * 8u);
            let low = f32(byte & 15u) - 8.0;
            let high = f32((byte >> 4u) & 15u) - 8.0;
            sum = fma(scale * low, x[block * 32u + i], sum);
            sum = fma(scale * high, x[block * 32u + i + 16u], sum);
        }
    }
    y[id.x] = sum;
}
