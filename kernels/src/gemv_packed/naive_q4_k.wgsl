// idea: a thread per row: each q4_K weight is taken out of its byte, becomes f32 by its sub-block's scale and minimum
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (id.x * sizes.blocks + block) * 36u;
        let scales = unpack2x16float(w[at]);
        for (var j = 0u; j < 8u; j++) {
            let of_sub = scale_and_min(at, j) * scales;
            for (var i = 0u; i < 32u; i++) {
                let word = w[at + 4u + j / 2u * 8u + i / 4u];
                let quant = f32(word >> (i % 4u * 8u + j % 2u * 4u) & 15u);
                sum = fma(quant * of_sub.x - of_sub.y, x[block * 256u + j * 32u + i], sum);
            }
        }
    }
    y[id.x] = sum;
}
