// idea: a thread per row: each q6_K weight is put together from two bytes, becomes f32 by its scales and goes into one sum
// Byte number `i` from half-word `at` on.
fn byte(at: u32, i: u32) -> u32 {
    return extractBits(half_word(at + i / 2u), i % 2u * 8u, 8u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (id.x * sizes.blocks + block) * 105u;
        let scale = f16_at(at + 104u);
        for (var j = 0u; j < 16u; j++) {
            // Of each half of the weights four runs of 32 share 64 low and 32 high bytes.
            let half = j / 8u;
            let run = j % 8u / 2u;
            let of_sub = scale * f32(scale_of(at, j));
            for (var i = 0u; i < 16u; i++) {
                let place = j % 2u * 16u + i;
                let low = byte(at, half * 64u + run % 2u * 32u + place) >> (run / 2u * 4u) & 15u;
                let high = byte(at + 64u, half * 32u + place) >> (run * 2u) & 3u;
                let quant = f32(low | (high << 4u)) - 32.0;
                sum = fma(quant * of_sub, x[block * 256u + j * 16u + i], sum);
            }
        }
    }
    y[id.x] = sum;
}
