// idea: activations are i8 too: four products of bytes in one instruction, and the two scales of a block meet once
@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (column * sizes.blocks + block) * 17u;
        let of_row = row * sizes.blocks + block;
        var products = 0i;
        for (var i = 0u; i < 8u; i++) {
            products += dot4I8Packed(four_quants(at, i), quants[of_row * 8u + i]);
        }
        // One scale after the other: their product may be too small for an f32.
        sum = fma(f32(products) * f16_at(at), scales[of_row], sum);
    }
    c[row * sizes.n + column] = sum;
}
