// Four weights of a row from place `p` on, a multiple of four, out of q4_0.
fn unpacked(row: u32, p: u32) -> vec4<f32> {
    let at = (row * sizes.k + p) / 32u * 9u;
    let four = eight_quants(at, p % 16u / 4u) >> (p % 32u / 16u * 4u) & 0x0f0f0f0fu;
    return (vec4<f32>(unpack4xU8(four)) - 8.0) * f16_at(at);
}
